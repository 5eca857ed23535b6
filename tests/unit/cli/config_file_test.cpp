// Config files: their syntax, and their position among the arguments.
#include "adapters/cli/config_file.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

std::string shown(std::string_view text) {
  const auto lines = parse_config(text, "f");
  if (!lines) return "error " + lines.error().message;
  std::string out;
  for (const ConfigLine& line : *lines) {
    out += std::to_string(line.number) + "(" + line.option + ")" + (line.value ? "<" + *line.value + ">" : "");
  }
  return out;
}

}  // namespace

TEST_CASE("config file: names with and without dashes, every separator") {
  CHECK(shown("output = a\noutput: b\noutput c\noutput=d\n--output e\n-o f\n\toutput\t:\tg") ==
        "1(--output)<a>2(--output)<b>3(--output)<c>4(--output)<d>5(--output)<e>6(-o)<f>7(--output)<g>");
  CHECK(shown("silent\r\nurl=http://h/\r\n") == "1(--silent)2(--url)<http://h/>");
  // Behind dashes '=' is no separator, as in arguments.
  CHECK(shown("-o = x") == "error f:1: text after the value: a value with spaces must be quoted");
  CHECK(shown("--output=x") == "1(--output=x)");
}

TEST_CASE("config file: quotes and escapes") {
  CHECK(shown(R"(data = "a b\"c\\d\te\nf\rg\vh\q")") == "1(--data)<a b\"c\\d\te\nf\rg\vhq>");
  CHECK(shown("data = \"\"") == "1(--data)<>");
  CHECK(shown("data = \"# no comment\" # comment") == "1(--data)<# no comment>");
  CHECK(shown("data = \"a\nb") == "error f:1: the quote is not closed");
  CHECK(shown("data = \"a\\\"") == "error f:1: the quote is not closed");
  CHECK(shown("data = \"a\" b").starts_with("error f:1: text after"));
}

TEST_CASE("config file: comments and empty lines") {
  CHECK(shown("# a\n\n  # b\nsilent # c\nmax-time 3 # d\ndata #x\n").find("error") == std::string::npos);
  CHECK(shown("# a\n\n  # b\nsilent # c\nmax-time 3 # d\ndata #x\n") == "4(--silent)5(--max-time)<3>6(--data)");
  CHECK(shown("\xef\xbb\xbfsilent") == "1(--silent)");
  CHECK(shown("") == "");
}

TEST_CASE("config file: -K stands where it is named") {
  FakeWorld world;
  world.files["k"] = "url = http://h/2\n-o two\nnext\nurl = \"http://h/3\"\n-XPUT\nno-silent\n";
  const auto line = world.parse({"-s", "http://h/1", "-o", "one", "-K", "k", "-d", "x"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 3);
  CHECK(line->operations[0].output.path == "one");
  CHECK(line->operations[1].output.path == "two");
  CHECK(line->operations[1].method == "GET");
  CHECK(line->operations[2].method == "PUT");
  CHECK(*line->operations[2].body == "x");
  CHECK_FALSE(line->silent);
}

TEST_CASE("config file: from standard input, and from another config file") {
  FakeWorld world;
  world.input = "config = k";
  world.files["k"] = "url = h";
  const auto line = world.parse({"-K", "-"});
  REQUIRE(line.has_value());
  CHECK(line->operations.size() == 1);
}

TEST_CASE("config file: what is wrong in it is said with its line") {
  const auto error = [](const std::string& text) {
    FakeWorld world;
    world.files["k"] = text;
    const auto line = world.parse({"-K", "k", "h"});
    REQUIRE_FALSE(line.has_value());
    return std::to_string(line.error().exit_code) + " " + line.error().message;
  };
  CHECK(error("\nfoo = 1") == "2 k:2: option --foo: is unknown");
  CHECK(error("silent = yes") == "2 k:1: option --silent: takes no value");
  CHECK(error("output") == "2 k:1: option --output: requires a value");
  CHECK(error("max-time = abc") == "2 k:1: option --max-time: expected a number of seconds, not 'abc'");
  CHECK(error("--") == "2 k:1: option --: is unknown");
  CHECK(error("http://h/") == "2 k:1: option --http: is unknown");
  CHECK(error("config = gone").starts_with("26 k:1: option --config: cannot read gone"));
  CHECK(error("config = k") == "2 k:1: option --config: files name each other without end");
  FakeWorld world;
  CHECK(world.parse({"-K", "gone", "h"}).error().exit_code == 26);
}

TEST_CASE("config file: ~/.sluicerc comes first, unless -q does") {
  FakeWorld world;
  world.home = "/home/me";
  world.files["/home/me/.sluicerc"] = "max-time = 3\nuser-agent = rc\nurl = http://rc/";
  auto line = world.parse({"-A", "mine", "http://h/"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 2);
  CHECK(line->operations[0].url.host() == "rc");
  CHECK(line->operations[1].fields.find("User-Agent") == "mine");
  CHECK(line->operations[1].settings->max_time == std::chrono::seconds(3));

  for (const char* first : {"-q", "-qs", "--disable"}) {
    line = world.parse({first, "http://h/"});
    REQUIRE(line.has_value());
    CHECK(line->operations.size() == 1);
  }
  line = world.parse({"http://h/", "-q"});
  REQUIRE(line.has_value());
  CHECK(line->operations.size() == 2);

  world.files.clear();
  CHECK(world.parse({"http://h/"}).has_value());
  world.files["/home/me/.sluicerc"] = "foo";
  CHECK(world.parse({"http://h/"}).error().message ==
        "/home/me/.sluicerc:1: option --foo: is unknown (-q as the first option leaves this file out)");
  CHECK(world.parse({"--help"})->help);  // also then
  CHECK(world.parse({"-sV"})->version);
  CHECK(world.parse({"-q", "http://h/"}).has_value());
  CHECK(world.parse({"--help", "--bar"}).error().message.starts_with("/home/me/.sluicerc:1: "));
}

TEST_CASE("config file: no home, no default file") {
  FakeWorld world;
  CHECK(world.parse({"h"}).has_value());
  CHECK(world.read.empty());
}

}  // namespace sluice::cli
