// core/content_disposition.hpp: the file name of RFC 6266 and RFC 8187, and what makes it safe, row by row.
#include "core/content_disposition.hpp"

#include <doctest/doctest.h>

#include <string>

#include "core/base/ascii.hpp"

using namespace sluice;

namespace {

// "(none)" where there is none.
std::string name_of(std::string_view value) { return suggested_file_name(value).value_or("(none)"); }

struct Row {
  std::string_view value, name;
};

template <std::size_t N>
void check(const Row (&rows)[N]) {
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(name_of(row.value) == row.name);
  }
}

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) append_hex(out += '%', c);
  return out;
}

}  // namespace

TEST_CASE("content-disposition: the parameter filename") {
  check({
      {"Attachment; filename=example.html", "example.html"},         // RFC 6266 5
      {"INLINE; FILENAME= \"an example.html\"", "an example.html"},  // RFC 6266 5
      {"attachment; filename=a b.txt", "a b.txt"},                   // as curl takes it
      {"attachment; filename=a b.txt ; size=3", "a b.txt"},
      {"attachment;filename=\"a;b.txt\";size=3", "a;b.txt"},
      {"attachment; filename=\"a\\\"b.txt\"", "a\"b.txt"},
      {"attachment; filename=\"a\\b.txt\"", "ab.txt"},
      {"attachment; filename=\"a\\", "(none)"},  // it ends in a backslash
      {"attachment; filename=\"a.txt", "a.txt"},
      {"attachment; filename=\"a.txt\" rest; filename=b.txt", "a.txt"},
      {"attachment; x=\"1\" filename=b.txt; filename=a.txt", "a.txt"},
      {"attachment; filename=a\"b", "a\"b"},
      {"attachment; filename = a.txt", "a.txt"},
      {"filename=a.txt", "a.txt"},
      {"filename; filename=a.txt", "a.txt"},
      {"attachment; filename=; filename=\"\"; filename=a.txt; filename=b.txt", "a.txt"},
      {"attachment; x=\"; filename=evil\"; filename=a.txt", "a.txt"},
      {"attachment; x=\"\\\"; filename=evil\"; filename=a.txt", "a.txt"},
      {"attachment; ;; ; filename=a.txt;;", "a.txt"},
      {"attachment; filename=a=b.txt", "a=b.txt"},
      {"attachment; filename=%41.txt", "%41.txt"},  // not decoded
      {"attachment; filename='a.txt'", "'a.txt'"},
      {"attachment; filename=\xe2\x82\xac.txt", "\xe2\x82\xac.txt"},
      {"attachment; filename=\xa3.txt", "\xc2\xa3.txt"},  // ISO-8859-1
      {"attachment; filename=\xa3\xe2\x82\xac", "\xc2\xa3\xc3\xa2_\xc2\xac"},
      {"", "(none)"},
      {"attachment", "(none)"},
      {"attachment; filename", "(none)"},
      {"attachment; filename=", "(none)"},
      {"attachment; filename=\"\"", "(none)"},
      {"attachment; filename=\"", "(none)"},
      {"attachment; filenames=a; xfilename=b; file name=c", "(none)"},
      {"attachment, filename=a.txt", "(none)"},
  });
}

TEST_CASE("content-disposition: the parameter filename* comes first (RFC 6266 4.3, RFC 8187)") {
  check({
      {"attachment; filename*= UTF-8''%e2%82%ac%20rates", "\xe2\x82\xac rates"},  // RFC 6266 5
      {"attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "\xe2\x82\xac rates"},
      {"attachment; filename*=utf-8''b; filename=a", "b"},
      {"attachment; filename*=iso-8859-1'en'%A3%20rates", "\xc2\xa3 rates"},  // RFC 8187 3.2.3
      {"attachment; FILENAME*=UTF-8'en-US'b", "b"},
      {"attachment; filename*=\"UTF-8''a%3bb\"", "a;b"},
      {"attachment; filename*=UTF-8''a+b", "a+b"},
      {"attachment; filename*=UTF-8''a'b", "a'b"},
      {"attachment; filename*=UTF-8''a; filename*=UTF-8''b", "a"},
      // What cannot be decoded gives way.
      {"attachment; filename*=UTF-8''%e2%82; filename=a", "a"},
      {"attachment; filename*=UTF-8''%zz; filename=a", "a"},
      {"attachment; filename*=UTF-8''%; filename=a", "a"},
      {"attachment; filename*=UTF-8'b; filename=a", "a"},
      {"attachment; filename*=b; filename=a", "a"},
      {"attachment; filename*=''b; filename=a", "a"},
      {"attachment; filename*=KOI8-R''b; filename=a", "a"},
      {"attachment; filename*=UTF-8''; filename=a", "a"},
      {"attachment; filename*=UTF-8''..; filename=a", "a"},
      {"attachment; filename*=UTF-8''%2e%2e%2f; filename=a", "a"},
      {"attachment; filename*=UTF-8''%zz", "(none)"},
  });
}

TEST_CASE("content-disposition: bytes that are not UTF-8 (RFC 3629 4)") {
  for (const std::string_view bytes : {"\x80",
                                       "\xbf",
                                       "\xc0\xaf",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xc2\x41",
                                       "\xe0\x80\xaf",
                                       "\xe0\x9f\xbf",
                                       "\xe2\x82",
                                       "\xed\xa0\x80",
                                       "\xed\xbf\xbf",
                                       "\xf0\x80\x80\xaf",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf0\x90\x80",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xf8\x88\x80\x80\x80",
                                       "\xfc\x80\x80\x80",
                                       "\xff",
                                       "\xe2\x28\xa1",
                                       "\xe2\x82\x28"}) {
    CAPTURE(encoded(bytes));
    CHECK(name_of("x; filename*=UTF-8''b" + encoded(bytes) + "; filename=a") == "a");
  }
  for (const std::string_view bytes : {"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CAPTURE(encoded(bytes));
    CHECK(name_of("x; filename*=UTF-8''b" + encoded(bytes)) == "b" + std::string(bytes));
    CHECK(name_of("x; filename=b" + std::string(bytes)) == "b" + std::string(bytes));
  }
}

TEST_CASE("content-disposition: a path or a special name never comes out") {
  check({
      {"x; filename=/etc/passwd", "passwd"},
      {"x; filename=../../a", "a"},
      {"x; filename=\"..\\\\..\\\\a\"", "a"},
      {"x; filename=C:\\dir\\a.txt", "a.txt"},
      {"x; filename=a/b\\c", "c"},
      {"x; filename=a\\b/c", "c"},
      {"x; filename*=UTF-8''..%2f..%5ca", "a"},
      {"x; filename*=UTF-8''%2e%2e", "(none)"},
      {"x; filename=.", "(none)"},
      {"x; filename=..", "(none)"},
      {"x; filename=\" .. \"", "(none)"},
      {"x; filename=a/..", "(none)"},
      {"x; filename=\"a/ .\"", "(none)"},
      {"x; filename=a/", "(none)"},
      {"x; filename=a\\", "(none)"},
      {"x; filename=/", "(none)"},
      {"x; filename=\"   \"", "(none)"},
      {"x; filename=...", "..."},
      {"x; filename=.bashrc", ".bashrc"},
      {"x; filename=-rf", "-rf"},
      {"x; filename=\" a \"", "a"},
  });
}

TEST_CASE("content-disposition: control characters become '_'") {
  for (int byte = 0; byte < 0x100; ++byte) {
    if (byte == '/' || byte == '\\') continue;
    CAPTURE(byte);
    const std::string one(1, static_cast<char>(byte));
    const bool control = byte < 0x20 || (byte >= 0x7f && byte <= 0x9f);
    const std::string latin1 =
        byte < 0x80 ? one : (byte < 0xc0 ? "\xc2" : "\xc3") + std::string(1, static_cast<char>((byte & 0x3f) | 0x80));
    CHECK(name_of("x; filename*=iso-8859-1''a" + encoded(one) + "b") == "a" + (control ? "_" : latin1) + "b");
  }
  check({
      {"x; filename=\"a\tb\"", "a_b"},
      {"x; filename=\"a\\\x1b[2Jb\"", "a_[2Jb"},
      {"x; filename*=UTF-8''%00", "_"},
      {"x; filename*=UTF-8''a%e2%80%a8b", "a_b"},  // U+2028
      {"x; filename*=UTF-8''a%e2%80%aeb", "a_b"},  // U+202E
      {"x; filename*=UTF-8''a%e2%81%a6b", "a_b"},  // U+2066
      {"x; filename*=UTF-8''a%e2%81%a9b", "a_b"},  // U+2069
      {"x; filename*=UTF-8''a%e2%80%a7b",
       "a\xe2\x80\xa7"
       "b"},  // U+2027
      {"x; filename*=UTF-8''a%e2%80%afb",
       "a\xe2\x80\xaf"
       "b"},  // U+202F
      {"x; filename*=UTF-8''a%e2%81%a5b",
       "a\xe2\x81\xa5"
       "b"},  // U+2065
      {"x; filename*=UTF-8''a%e2%81%aab",
       "a\xe2\x81\xaa"
       "b"},  // U+206A
  });
}

TEST_CASE("content-disposition: a long name is cut between characters and keeps its extension") {
  const auto name = [](const std::string& text) { return name_of("x; filename=" + text); };
  const std::string a254(254, 'a');
  CHECK(name(a254 + "a") == a254 + "a");
  CHECK(name(a254 + "aa") == a254 + "a");
  CHECK(name(a254 + ".tar.gz") == std::string(252, 'a') + ".gz");
  CHECK(name(std::string(251, 'a') + ".txt") == std::string(251, 'a') + ".txt");
  CHECK(name(std::string(252, 'a') + ".txt") == std::string(251, 'a') + ".txt");
  CHECK(name(std::string(300, 'a') + ".") == a254 + ".");
  CHECK(name(std::string(300, 'a') + "." + std::string(31, 'e')) == std::string(223, 'a') + "." + std::string(31, 'e'));
  CHECK(name(std::string(300, 'a') + "." + std::string(32, 'e')) == a254 + "a");
  CHECK(name("." + std::string(300, 'a')) == "." + a254);
  CHECK(name(a254 + " b") == a254);  // no blank is left at the end
  CHECK(name(std::string(300, '.')) == std::string(255, '.'));
  std::string euros;
  for (int i = 0; i < 86; ++i) euros += "\xe2\x82\xac";  // 258 bytes
  CHECK(name(euros) == euros.substr(0, 255));
  CHECK(name("a" + euros) == "a" + euros.substr(0, 252));
  CHECK(name("aa" + euros + ".x") == "aa" + euros.substr(0, 249) + ".x");
  CHECK(name(std::string(1'000'000, 'b')).size() == 255);
  CHECK(name_of(std::string(1'000'000, ';')) == "(none)");
  CHECK(name_of(std::string(1'000'000, '=')) == "(none)");
  CHECK(name_of(std::string(1'000'000, '"')) == "(none)");
}
