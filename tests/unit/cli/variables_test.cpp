// Variables: the syntax of --variable, what is put for "{{NAME}}", and --expand-OPTION in command lines and config
// files. The reference is curl's manual (8.13).
#include "adapters/cli/variables.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "adapters/cli/option_table.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

using Source = VariableSetting::Source;

// With variables of every kind; "error ..." if it cannot be expanded.
std::string expanded(std::string_view text, std::size_t warnings = 0) {
  Variables variables;
  variables.set("name", "old");
  variables.set("name", "new");
  variables.set("n_2", " \t a \"b\" \r\n");
  variables.set("empty", "");
  variables.set("url", "a/b?c=d e~\xc3\xbc");
  variables.set("nul", std::string("a\0b", 3));
  variables.set("code", "YQBi");
  variables.set("padded", "aGVsbG8gdw==");
  variables.set("braces", "{{name}}");
  const auto out = variables.expand(text);
  if (!out) return "error " + out.error();
  CHECK(out->warnings.size() == warnings);
  return out->text;
}

UsageError refused_with_variable(const std::vector<std::string>& arguments) {
  FakeWorld world;
  world.files["f"] = std::string("a\0b", 3);
  return refused(arguments, world);
}

}  // namespace

TEST_CASE("variables: what --variable says") {
  struct Row {
    const char* text;
    VariableSetting setting;
  };
  for (const Row& row :
       {Row{"a=b", {"a", false, Source::text, "b"}}, Row{"a=", {"a", false, Source::text, ""}},
        Row{"_9Z=b=@c", {"_9Z", false, Source::text, "b=@c"}}, Row{"a@f", {"a", false, Source::file, "f"}},
        Row{"a@-", {"a", false, Source::file, "-"}}, Row{"%HOME", {"HOME", true, Source::none, ""}},
        Row{"%HOME=/x", {"HOME", true, Source::text, "/x"}}, Row{"%HOME@f", {"HOME", true, Source::file, "f"}}}) {
    CAPTURE(row.text);
    const auto parsed = parse_variable(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.setting);
  }
  for (const std::string& bad :
       {std::string(""), std::string("%"), std::string("a"), std::string("=b"), std::string("@b"), std::string("a-b=c"),
        std::string("a b=c"), std::string("%%a"), std::string("\xc3\xbc=c"), std::string(128, 'a') + "=c"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_variable(bad).has_value());
  }
  CHECK(parse_variable(std::string(127, 'a') + "=c").has_value());
  CHECK(parse_variable("a-b=secret").error() ==
        "'a-b' is neither NAME=TEXT nor NAME@FILE, with letters, digits and '_' in the name");
}

TEST_CASE("variables: a byte range of the content") {
  const struct {
    std::string text, content, result;
  } rows[] = {
      {"a[0-0]=", "abc", "a"},
      {"a[0-1]=", "abc", "ab"},
      {"a[1-1]=", "abc", "b"},
      {"a[1-]=", "abc", "bc"},
      {"a[0-]=", "abc", "abc"},
      {"a[2-9]=", "abc", "c"},
      {"a[3-9]=", "abc", ""},
      {"a[9-]=", "abc", ""},
      {"a[0-99999999999]=", "abc", "abc"},
      {"a[18446744073709551615-]=", "abc", ""},
      {"a[0-18446744073709551615]=", "abc", "abc"},
      {"a[1-18446744073709551615]=", "abc", "bc"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_variable(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->name == "a");
    CHECK(parsed->part_of(row.content) == row.result);
  }
  CHECK(parse_variable("%a[2-3]")->from_environment);
  CHECK(parse_variable("a[2-3]@f")->value == "f");
  for (const char* bad : {"a[=b", "a[]=b", "a[1]=b", "a[-1]=b", "a[2-1]=b", "a[1-2=b", "a[x-2]=b", "a[1-2 ]=b",
                          "a[99999999999999999999-]=b", "a[1-2]", "a[1-2]b=c", "[1-2]=c"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_variable(bad).has_value());
  }
  CHECK(parse_variable("a[2-1]=secret").error() == "'a[2-1]' has no byte range like [0-99] or [100-]");
  FakeWorld world;
  world.files["f"] = "0123456789";
  world.environment["E"] = "environment";
  CHECK(one({"--variable", "a[2-4]@f", "--variable", "b[1-]=xyz", "--variable", "%E[0-2]", "--variable", "%G[1-1]@f",
             "--expand-data", "{{a}} {{b}} {{E}} {{G}}", "h"},
            world)
            .body->compare("234 yz env 1") == 0);
}

TEST_CASE("variables: names are replaced wherever they are") {
  CHECK(expanded("{{name}}") == "new");
  CHECK(expanded("a{{name}}b{{name}}{{empty}}{{name}}c") == "anewbnewnewc");
  CHECK(expanded("a{{Name}}b{{unknown:trim:b64}}c") == "abc");
  CHECK(expanded("") == "");
  CHECK(expanded("{name} }} { {name}} {") == "{name} }} { {name}} {");
  CHECK(expanded("{{braces}}") == "{{name}}");  // what was put in is not looked at again
  CHECK(expanded("{\"a\":{\"b\":{{name}}}}") == "{\"a\":{\"b\":new}}");
}

TEST_CASE("variables: a backslash takes the meaning of braces away") {
  CHECK(expanded("\\{{name}}") == "{{name}}");
  CHECK(expanded("a\\{{b{{name}}\\{{c") == "a{{bnew{{c");
  CHECK(expanded("\\\\{{name}}") == "\\{{name}}");
  CHECK(expanded("\\n{{name}}\\") == "\\nnew\\");
}

TEST_CASE("variables: braces without a name stay as they are, with a warning for each") {
  CHECK(expanded("a{{b", 1) == "a{{b");
  CHECK(expanded("{{name}}{{b}", 1) == "new{{b}");
  CHECK(expanded("x{{}}y{{a b}}z{{name}}", 2) == "x{{}}y{{a b}}znew");
  CHECK(expanded("{{:trim}}", 1) == "{{:trim}}");
  CHECK(expanded("{{ name }}", 1) == "{{ name }}");
  CHECK(expanded("{{" + std::string(128, 'a') + "}}", 1) == "{{" + std::string(128, 'a') + "}}");
  CHECK(expanded("{{" + std::string(127, 'a') + "}}") == "");
}

TEST_CASE("variables: functions change what is put in, from left to right") {
  CHECK(expanded("<{{n_2}}>") == "< \t a \"b\" \r\n>");
  CHECK(expanded("<{{n_2:trim}}>") == "<a \"b\">");
  CHECK(expanded("<{{n_2:json}}>") == "< \\t a \\\"b\\\" \\r\\n>");
  CHECK(expanded("<{{n_2:trim:json}}>") == "<a \\\"b\\\">");
  CHECK(expanded("{{url:url}}") == "a%2Fb%3Fc%3Dd%20e~%C3%BC");
  CHECK(expanded("{{name:b64}}") == "bmV3");
  CHECK(expanded("{{name:b64:b64}}") == "Ym1WMw==");
  CHECK(expanded("{{name:b64:64dec}}") == "new");
  CHECK(expanded("{{padded:64dec}}") == "hello w");
  CHECK(expanded("{{empty:trim:json:url:b64:64dec}}") == "");
}

TEST_CASE("variables: a NUL can be put in only when it is encoded") {
  CHECK(expanded("{{nul:b64}}") == "YQBi");
  CHECK(expanded("{{nul:json}}") == "a\\u0000b");
  CHECK(expanded("{{nul:url}}") == "a%00b");
  for (const char* text : {"{{nul}}", "{{nul:trim}}", "{{code:64dec}}", "{{nul:b64:64dec}}"}) {
    CAPTURE(text);
    CHECK(expanded(text).ends_with("has a NUL byte: it needs one of json, url and b64"));
  }
  CHECK(expanded("{{nul}}").starts_with("error the variable 'nul' "));
}

TEST_CASE("variables: what is no base64 is told of in curl's words") {
  for (const char* text : {"a", "ab", "abc", "ab=c", "a===", "====", "ab!=", "abcd=", "ab c", "abcdabc\n"}) {
    CAPTURE(text);
    Variables variables;
    variables.set("x", text);
    CHECK(variables.expand("{{x:64dec}}")->text == "[64dec-fail]");
  }
  Variables variables;
  variables.set("x", "/+==");
  CHECK(variables.expand("{{x:64dec}}")->text == "\xff");
}

TEST_CASE("variables: an unknown function is an error") {
  CHECK(expanded("{{name:up}}") == "error 'up' is none of trim, json, url, b64 and 64dec");
  for (const char* text :
       {"{{name:}}", "{{name:trim:}}", "{{name:Trim}}", "{{name:trim,json}}", "{{unknown:up}}", "{{name: trim}}"}) {
    CAPTURE(text);
    CHECK(expanded(text).starts_with("error '"));
  }
}

TEST_CASE("variables: every option with a value can be expanded, with what was set before it") {
  const Operation operation = one({"--variable", "host=h", "--variable", "n=1", "--expand-url", "http://{{host}}/{{n}}",
                                   "--expand-data-ascii", "x={{n}}{{later}}", "--variable", "later=2",
                                   "--expand-output={{host}}.out", "--expand-header", "X: {{later}}"});
  CHECK(operation.url.text() == "http://h/1");
  CHECK(body_of(operation) == "x=1");
  CHECK(operation.output.path == "h.out");
  CHECK(operation.fields.find("X") == "2");
  CHECK(body_of(one({"-d", "{{n}}", "--variable", "n=1", "h"})) == "{{n}}");
  CHECK(body_of(one({"--variable", "n=1", "--expand-data", "--", "h"})) == "--");
  for (const OptionSpec& spec : option_table()) {
    CAPTURE(spec.long_name);
    const auto line = parse({"--expand-" + std::string(spec.long_name), "{{x:no}}", "h"});
    REQUIRE_FALSE(line.has_value());
    const std::string option = "option --expand-" + std::string(spec.long_name) + ": ";
    CHECK(line.error().exit_code == 2);
    CHECK(line.error().message == option + (spec.takes_value() ? "'no' is none of trim, json, url, b64 and 64dec"
                                                               : "takes no value that could be expanded"));
  }
}

TEST_CASE("variables: they come from text, files, the standard input and the environment") {
  FakeWorld world;
  world.files["f"] = "of a file\n";
  world.input = "of stdin";
  world.environment = {{"SET", "of env"}, {"EMPTY", ""}};
  const Operation operation =
      one({"--variable", "a@f", "--variable", "b@-", "--variable", "%SET", "--variable", "%SET=other", "--variable",
           "%EMPTY=other", "--variable", "%GONE=text", "--variable", "%AWAY@f", "--variable", "%SET@gone",
           "--expand-data", "{{a}}|{{b}}|{{SET}}|{{EMPTY}}|{{GONE}}|{{AWAY}}", "h"},
          world);
  CHECK(body_of(operation) == "of a file\n|of stdin|of env||text|of a file\n");
  CHECK(body_of(one({"--variable", "a=b c", "--expand-variable", "d={{a:url}}", "--expand-data", "{{d}}", "h"})) ==
        "b%20c");
}

TEST_CASE("variables: what is wrong with one is one line, and shows no content") {
  CHECK(refused({"--variable", "%GONE", "h"}).message == "option --variable: the environment has no 'GONE'");
  CHECK(refused({"--variable", "%GONE", "h"}).exit_code == 2);
  CHECK(refused({"--variable", "a@gone", "h"}).exit_code == 26);
  CHECK(refused({"--variable", "a@gone", "h"}).message ==
        "option --variable: cannot read 'gone': No such file or directory");
  CHECK(refused({"--variable", "a", "h"}).exit_code == 2);
  CHECK(refused({"--variable", "a.b=secret", "h"}).message.find("secret") == std::string::npos);
  CHECK(refused({"--expand-data"}).message == "option --expand-data: requires a value");
  CHECK(refused({"--expand-nothing", "x", "h"}).message == "option --expand-nothing: is unknown");
  CHECK(refused({"--expand-krb", "x", "h"}).message == "option --expand-krb: curl has it, sluice does not yet");
  const UsageError nul = refused_with_variable({"--variable", "a@f", "--expand-data", "{{a}}", "h"});
  CHECK(nul.exit_code == 2);
  CHECK(nul.message == "option --expand-data: the variable 'a' has a NUL byte: it needs one of json, url and b64");
  const auto line = parse({"--expand-data", "{{", "h"});
  REQUIRE(line.has_value());
  REQUIRE(line->warnings.size() == 1);
  CHECK(line->warnings[0] == "option --expand-data: a '{{' has no '}}' and stays as it is");
}

TEST_CASE("variables: in config files, and for config files") {
  FakeWorld world;
  world.files["k"] = "variable = host=h\nvariable = \"text=a \\\"b\\\"\"\nexpand-url = \"http://{{host}}/{{path}}\"\n";
  world.files["k2"] = "expand-data = \"{{text:json}}\"\nnext\nexpand-url={{host}}/2\n";
  const auto line =
      world.parse({"--variable", "path=x", "--variable", "file=k2", "-K", "k", "--expand-config", "{{file}}"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 2);
  CHECK(line->operations[0].url.text() == "http://h/x");
  CHECK(*line->operations[0].body == "a \\\"b\\\"");
  CHECK(line->operations[1].url.text() == "http://h/2");
  world.files["k"] = "silent\nexpand-data = {{x:no}}\n";
  CHECK(refused({"-K", "k", "h"}, world).message ==
        "k:2: option --expand-data: 'no' is none of trim, json, url, b64 and 64dec");
}

}  // namespace sluice::cli
