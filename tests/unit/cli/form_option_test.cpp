// -F and --form-string, row by row, compared with what curl 7.88 sent for the same values.
#include "adapters/cli/form_option.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <map>

namespace sluice::cli {
namespace {

std::string shown(const std::vector<FormPart>& parts);

// name|kind content|filename|type|guess|encoder|headers; an absent name is "-".
std::string shown(const FormPart& part) {
  constexpr char kKinds[] = {'=', '@', '<', '('};
  std::string text = part.name.value_or("-") + "|" + kKinds[static_cast<std::size_t>(part.kind)] + part.content + "|" +
                     part.file_name.value_or("-") + "|" + part.type + "|" + part.guessed_type + "|" + part.encoder +
                     "|";
  for (const FormHeader& header : part.headers) text += (header.from_file ? "@" : "") + header.text + "!";
  return text + (part.kind == FormPart::Kind::parts ? shown(part.parts) : "");
}

std::string shown(const std::vector<FormPart>& parts) {
  std::string text;
  for (const FormPart& part : parts) text += "{" + shown(part) + "}";
  return text;
}

struct Read {
  std::string parts;
  std::vector<std::string> warnings;
};

Read read(std::initializer_list<std::string_view> values) {
  Form form;
  for (const std::string_view value : values) {
    const auto ok = form.add(value);
    REQUIRE_MESSAGE(ok, ok.error().message());
  }
  return {shown(form.take()), form.warnings()};
}

std::string quiet(std::initializer_list<std::string_view> values) {
  const Read found = read(values);
  CHECK(found.warnings.empty());
  return found.parts;
}

// The warning that the value has.
std::string warned(std::string_view value, std::string_view parts) {
  const Read found = read({value});
  CHECK(found.parts == parts);
  REQUIRE(found.warnings.size() == 1);
  return found.warnings[0];
}

std::string why_not(std::string_view value) {
  Form form;
  const auto ok = form.add(value);
  REQUIRE_FALSE(ok.has_value());
  CHECK(ok.error().code == Code::invalid_option);
  CHECK(form.take().empty());
  return ok.error().context;
}

struct Row {
  std::string_view value, part;
};

void check(std::initializer_list<Row> rows) {
  for (const Row& row : rows) CHECK(quiet({row.value}) == "{" + std::string(row.part) + "}");
}

}  // namespace

TEST_CASE("form option: a text") {
  check({{"a=b", "a|=b|-||||"},
         {"a=", "a|=|-||||"},
         {"=b", "-|=b|-||||"},
         {"a==b=c", "a|==b=c|-||||"},
         {" a = b \n", " a |=b|-||||"},
         {"a=)", "a|=)|-||||"},
         {"=) ", "-|=)|-||||"},
         {"a=b@c<d(", "a|=b@c<d(|-||||"},
         {"a=\\@x", "a|=\\@x|-||||"},
         {"a= @x", "a|=@x|-||||"},
         {"a=b,c", "a|=b,c|-||||"},
         {"a=b;;;", "a|=b|-||||"},
         {"a=b; ; ", "a|=b|-||||"}});
}

TEST_CASE("form option: in quotes all bytes are plain, but a backslash before a quote or backslash") {
  check({{"a=\" x;y,z \"", "a|= x;y,z |-||||"},
         {"a=\"@x\"", "a|=@x|-||||"},
         {"a=\"x\\\"y\\\\z\\n\"", "a|=x\"y\\z\\n|-||||"},
         {"a=\"\\\\\"", "a|=\\|-||||"},
         {"a=\"\"", "a|=|-||||"},
         {"a=  \" b\"  ", "a|= b|-||||"},
         {"a=x\\\"y\\\\z\\n", "a|=x\\\"y\\\\z\\n|-||||"},
         {"a=b\"c\"", "a|=b\"c\"|-||||"},
         {"a=\" b ", "a|=\" b|-||||"},
         {"a=\"", "a|=\"|-||||"},
         {"a=\"b\\\"", "a|=\"b\\\"|-||||"},
         {"a=\"b;type=x/y", "a|=\"b|-|x/y|||"}});
}

TEST_CASE("form option: the type, with its parameters") {
  check({{"a=b;type=text/foo", "a|=b|-|text/foo|||"},
         {"a=b ; TYPE= text/foo ", "a|=b|-|text/foo|||"},
         {"a=;type=x/y", "a|=|-|x/y|||"},
         {"a=b;type=text/foo; charset=utf-8 ;filename=k", "a|=b|k|text/foo; charset=utf-8|||"},
         {"a=b;type=x/y;type=z/w", "a|=b|-|x/y;type=z/w|||"},
         {"a=b;type=a/b;filename=k;type=c/d", "a|=b|k|c/d|||"},
         {"a=b;type=a/b c/d", "a|=b|-|a/b c/d|||"},
         {"a=b;type=a/b  ,  c", "a|=b|-|a/b  ,  c|||"},
         {"a=b;type=\"a/b;c\"", "a|=b|-|\"a/b;c\"|||"},
         {"a=b;type=a/b; ;filename=x", "a|=b|x|a/b; |||"},
         {"a=b;type=a/b; ; q=1", "a|=b|-|a/b; ; q=1|||"},
         {"a=b;type=a/b;q;headers=X: y", "a|=b|-|a/b;q|||X: y!"},
         {"a=b;type=a/b;q;encoder=8bit", "a|=b|-|a/b;q||8bit|"},
         {"a=@x;type=a/b ; q=1 ; r=2 ", "a|@x|x|a/b ; q=1 ; r=2|application/octet-stream||"}});
  for (const char* bad : {"a=b;type=", "a=b;type=text", "a=b;type=text/", "a=b;type= a /b", "a=b;type=a b/c",
                          "a=b;type=/b", "a=b;type=a/ b", "a=b;type=a/,b", "a=b;type=a/\nb", "a=b;type=x;filename=p/q",
                          "a=@x;type=a/,y", "a=@x;type=a,y/z", "a=(;type=x"}) {
    CHECK(why_not(bad).find("';type=' needs a type like text/plain") != std::string::npos);
  }
  CHECK(why_not("a=b;type=x") == "'a=b;type=x': ';type=' needs a type like text/plain");
}

TEST_CASE("form option: a file to upload") {
  check({{"a=@x", "a|@x|x||application/octet-stream||"},
         {"=@x", "-|@x|x||application/octet-stream||"},
         {"a=@dir/z.PNG", "a|@dir/z.PNG|z.PNG||image/png||"},
         {"a=@dir/", "a|@dir/|dir||application/octet-stream||"},
         {"a=@dir//", "a|@dir//|dir||application/octet-stream||"},
         {"a=@/", "a|@/|/||application/octet-stream||"},
         {"a=@//", "a|@//|/||application/octet-stream||"},
         {"a=@", "a|@|||application/octet-stream||"},
         {"a=@x;filename=dir/z", "a|@x|dir/z||application/octet-stream||"},
         {"a=@x;filename=", "a|@x|||application/octet-stream||"},
         {"a=@x; filename= y;filename=z ", "a|@x|z||application/octet-stream||"},
         {"a=@\"c,d\";filename=\"k\\\"\\\\n;\"", "a|@c,d|k\"\\n;||application/octet-stream||"},
         {"a=@x;type=text/plain", "a|@x|x|text/plain|application/octet-stream||"},
         {"a=@-", "a|@-|-||||"},
         {"a=@-;filename=k", "a|@-|k||||"},
         {"a=@-;filename=k.html", "a|@-|k.html||text/html||"}});
}

TEST_CASE("form option: several files of one field, each with attributes of its own") {
  const std::string_view x = "{-|@x|x||application/octet-stream||}";
  CHECK(quiet({"a=@x,y.txt"}) == "{a|(|-||||" + std::string(x) + "{-|@y.txt|y.txt||text/plain||}}");
  CHECK(quiet({"a=@ x , y.txt ;type=text/foo,"}) == "{a|(|-||||" + std::string(x) +
                                                        "{-|@y.txt|y.txt|text/foo|text/plain||}"
                                                        "{-|@|||application/octet-stream||}}");
  CHECK(quiet({"a=@x;type=a/b;,\"y,1\";filename=Y;headers=Q: 1"}) ==
        "{a|(|-||||{-|@x|x|a/b;|application/octet-stream||}{-|@y,1|Y||application/octet-stream||Q: 1!}}");
}

TEST_CASE("form option: the type of one file does not go on in the next one") {
  CHECK(quiet({"a=@x;type=a/b;,y;type=c/d"}).find("{-|@y|y|c/d|") != std::string::npos);
  CHECK(quiet({"a=@x;type=a/b,y"}).find("{-|@y|y||") != std::string::npos);
}

TEST_CASE("form option: what a file holds, without its name") {
  check({{"a=<y.txt", "a|<y.txt|-||||"},
         {"a=<y.html", "a|<y.html|-||text/html||"},
         {"a=<x", "a|<x|-||||"},
         {"a=<-", "a|<-|-||||"},
         {"a=<x,y;type=text/plain", "a|<x,y|-|text/plain|||"}});
  CHECK(warned("a=<y.html;filename=k", "{a|<y.html|-||text/html||}") == "ignored ';filename=k', not allowed there");
}

TEST_CASE("form option: types of file names, of the sent name first") {
  const std::pair<std::string_view, std::string_view> rows[] = {{"f.gif", "image/gif"},
                                                                {"f.jpg", "image/jpeg"},
                                                                {"f.jpeg", "image/jpeg"},
                                                                {"f.png", "image/png"},
                                                                {"f.svg", "image/svg+xml"},
                                                                {"f.txt", "text/plain"},
                                                                {"f.htm", "text/html"},
                                                                {"f.html", "text/html"},
                                                                {"f.pdf", "application/pdf"},
                                                                {"f.xml", "application/xml"},
                                                                {"F.TxT", "text/plain"},
                                                                {".gif", "image/gif"},
                                                                {"gif", ""},
                                                                {"f.json", ""},
                                                                {"f.css", ""},
                                                                {"f.js", ""},
                                                                {"f.zip", ""},
                                                                {"", ""},
                                                                {"f.gif ", ""},
                                                                {"fgif", ""}};
  for (const auto& [name, type] : rows) CHECK(type_of_file_name(name) == type);
  check({{"a=@y.html;filename=k.txt", "a|@y.html|k.txt||text/plain||"},
         {"a=@y.html;filename=k", "a|@y.html|k||text/html||"},
         {"a=b;filename=c.html", "a|=b|c.html||text/html||"},
         {"a=b;filename=c.txt", "a|=b|c.txt||text/plain||"},
         {"a=b.html;filename=c", "a|=b.html|c||||"}});
}

TEST_CASE("form option: parts in parts") {
  CHECK(quiet({"n=(;type=multipart/alternative", "=in", "x=in2", "=)", "z=1"}) ==
        "{n|(|-|multipart/alternative|||{-|=in|-||||}{x|=in2|-||||}}{z|=1|-||||}");
  CHECK(quiet({"a=(", "=(", "b=@x,y", "=)", "=)", "c=d"}) ==
        "{a|(|-||||{-|(|-||||{b|(|-||||{-|@x|x||application/octet-stream||}{-|@y|y||application/octet-stream||}}}}"
        "{c|=d|-||||}");
  CHECK(quiet({"a=(foo", "b=(", "c=d"}) == "{a|(|-||||{b|(|-||||{c|=d|-||||}}}");
  CHECK(quiet({"a=(;headers=\"X: y\"", "=)"}) == "{a|(|-||||X: y!}");
  CHECK(warned("a=(;filename=k", "{a|(|-||||}") == "ignored ';filename=k', not allowed there");
  CHECK(warned("a=(;encoder=foo", "{a|(|-||||}") == "ignored ';encoder=foo', not allowed there");
}

TEST_CASE("form option: only an open '(' can be closed, and not too many are open") {
  CHECK(why_not("=)") == "'=)': there is no '(' before it");
  Form form;
  for (std::size_t i = 0; i < kMaxFormDepth; ++i) REQUIRE(form.add("=("));
  CHECK(form.add("=(").error().context == "'=(': too many '(' in each other");
  for (std::size_t i = 0; i < kMaxFormDepth; ++i) REQUIRE(form.add("=)"));
  CHECK_FALSE(form.add("=)").has_value());
  CHECK(form.add("=(").has_value());
  CHECK(form.take().size() == 2);
  CHECK(form.take().empty());
}

TEST_CASE("form option: header lines") {
  check({{"a=b;headers=\"X-A: b; c\";headers= X-B:  d ", "a|=b|-||||X-A: b; c!X-B:  d!"},
         {"a=b;HEADERS=@hdr;headers=< \"h;2\"", "a|=b|-||||@hdr!@h;2!"},
         {"a=b;headers=", "a|=b|-||||!"}});
  Form form;
  REQUIRE(form.add("a=b;headers= @hdr"));
  CHECK_FALSE(form.take().at(0).headers.at(0).from_file);
}

TEST_CASE("form option: encoders") {
  check({{"a=b;encoder=BINARY", "a|=b|-|||binary|"},
         {"a=<x;encoder=\"8bit\"", "a|<x|-|||8bit|"},
         {"a=b;encoder=Base64", "a|=b|-|||base64|"},
         {"a=b;encoder=7bit", "a|=b|-|||7bit|"},
         {"a=b;encoder=quoted-printable", "a|=b|-|||quoted-printable|"},
         {"a=@x;encoder=8bit;encoder=binary", "a|@x|x||application/octet-stream|binary|"}});
  CHECK(why_not("a=b;encoder=x") ==
        "'a=b;encoder=x': ';encoder=' can be binary, 8bit, 7bit, base64 or quoted-printable, not 'x'");
  for (const char* bad : {"a=b;encoder=", "a=@x;encoder=quoted", "a=@x,y;encoder=foo"}) {
    CHECK(why_not(bad).find("';encoder=' can be binary, 8bit") != std::string::npos);
  }
}

TEST_CASE("form option: what is ignored is said") {
  CHECK(warned("a=b;foo=bar", "{a|=b|-||||}") == "ignored 'foo=bar', an unknown attribute of a form field");
  CHECK(warned("a=b;filename = x", "{a|=b|-||||}").find("'filename = x'") != std::string::npos);
  CHECK(warned("a=b\"c;d\"e", "{a|=b\"c|-||||}").find("'d\"e'") != std::string::npos);
  CHECK(warned("a=\" b\" x ;type=x/y", "{a|= b|-|x/y|||}") == "ignored 'x' after a quoted form value");
  CHECK(warned("a=@\"x\" junk,-", "{a|(|-||||{-|@x|x||application/octet-stream||}{-|@-|-||||}}").find("'junk'") !=
        std::string::npos);
}

TEST_CASE("form option: a value without '=' is refused, and a long value is cut in the message") {
  CHECK(why_not("b") == "'b': expected name=content");
  CHECK(why_not("") == "'': expected name=content");
  CHECK(why_not(std::string(1000, 'x')).size() < 150);
  CHECK(why_not("\x1b[2J\n") == "'?[2J?': expected name=content");
}

TEST_CASE("form option: every beginning of a value is read or refused") {
  constexpr std::string_view kValue =
      "a=@\"x\\\\\\\"\" ;type=a/b; c=\"d\";filename=\"e;f\";headers=@\"g\";headers=X: y;encoder=8bit,y;foo,(";
  for (std::size_t size = 0; size <= kValue.size(); ++size) {
    Form form;
    const auto ok = form.add(kValue.substr(0, size));
    CHECK(form.take().size() == (ok ? 1 : 0));
  }
}

TEST_CASE("form option: --form-string knows no '@', '<', '(' and ';'") {
  Form form;
  for (const char* value : {"a=@x;type=foo", "=<x", "b=(", "=)", "c=\" d\" ", "e=f=g"}) REQUIRE(form.add_string(value));
  CHECK(form.add_string("a").error().context == "'a': expected name=content");
  CHECK(shown(form.take()) ==
        "{a|=@x;type=foo|-||||}{-|=<x|-||||}{b|=(|-||||}{-|=)|-||||}{c|=\" d\" |-||||}{e|=f=g|-||||}");
  REQUIRE(form.add("n=("));
  REQUIRE(form.add_string("a=b"));
  CHECK(shown(form.take()) == "{n|(|-||||{a|=b|-||||}}");
}

TEST_CASE("form option: files of header lines") {
  using Lines = std::vector<std::string>;
  struct FileRow {
    std::string_view text;
    Lines lines;
  };
  const FileRow rows[] = {
      {"", {}},
      {"X: 1", {"X: 1"}},
      {"X: 1\nY: 2\n", {"X: 1", "Y: 2"}},
      {"# c\r\nX-1: a\r\n\r\nX-2: folded\r\n  more  \r\n", {"X-1: a", "X-2: folded  more"}},
      {"X: 1\n\n 2\n\t3\n", {"X: 1 2\t3"}},
      {"X: 1\n#c\n 2\n", {"X: 1", "2"}},
      {" # x\n  \nX:\n", {"# x", "X:"}},
      {"\n\r\n \n", {}},
      {"X: 1 \n", {"X: 1"}},
      {"X#: 1\r2\n", {"X#: 12"}},
  };
  for (const FileRow& row : rows) CHECK(read_header_lines(row.text) == row.lines);
}

TEST_CASE("form option: the lines of a part come from values and files, in order") {
  using Lines = std::vector<std::string>;
  const std::map<std::string, std::string> files = {{"h", "A: 1\nB: 2\n"}, {"e", ""}};
  const auto read_file = [&](const std::string& path) -> std::expected<std::string, UsageError> {
    const auto found = files.find(path);
    if (found == files.end()) return std::unexpected(UsageError{26, "no " + path});
    return found->second;
  };
  const auto lines = [&](std::string_view value) {
    Form form;
    REQUIRE(form.add(value));
    return header_lines(form.take().at(0), read_file);
  };
  CHECK(lines("a=b").value() == Lines{});
  CHECK(lines("a=b;headers=X: 1;headers=@h;headers=<e;headers=Y").value() == Lines{"X: 1", "A: 1", "B: 2", "Y"});
  CHECK(lines("a=b;headers=X: 1;encoder=8bit").value() == Lines{"Content-Transfer-Encoding: 8bit", "X: 1"});
  CHECK(lines("a=b;headers=content-transfer-ENCODING: 1;encoder=8bit").value() ==
        Lines{"content-transfer-ENCODING: 1"});
  const auto missing = lines("a=b;headers=@h;headers=@no");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().exit_code == 26);
  CHECK(missing.error().message == "no no");
}

}  // namespace sluice::cli
