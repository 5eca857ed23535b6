// cli::Glob, compared with the requests and messages of curl 7.88 for the same URLs.
#include "adapters/cli/glob.hpp"

#include <doctest/doctest.h>

#include <utility>

namespace sluice::cli {
namespace {

Glob parsed(std::string_view url) {
  auto glob = Glob::parse(url);
  REQUIRE_MESSAGE(glob, glob.error().message());
  return *std::move(glob);
}

// The URLs, with a space between them.
std::string all(std::string_view url) {
  Glob glob = parsed(url);
  std::string text;
  std::uint64_t count = 0;
  for (auto one = glob.next(); one; one = glob.next(), ++count) text += (count == 0 ? "" : " ") + *one;
  CHECK(count == glob.count());
  CHECK_FALSE(glob.next().has_value());
  return text;
}

std::string glob_error(std::string_view url) {
  const auto glob = Glob::parse(url);
  REQUIRE_FALSE(glob.has_value());
  CHECK(glob.error().code == Code::invalid_url);
  return glob.error().context;
}

struct GlobRow {
  std::string_view url, expected;
};

void check_all(std::initializer_list<GlobRow> rows) {
  for (const GlobRow& row : rows) CHECK_MESSAGE(all(row.url) == row.expected, row.url);
}

void check_errors(std::initializer_list<GlobRow> rows) {
  for (const GlobRow& row : rows) CHECK_MESSAGE(glob_error(row.url) == row.expected, row.url);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("glob: a URL without sets and ranges is one URL") {
  check_all({{"http://h/a?b#c", "http://h/a?b#c"}, {"a,b-c:d", "a,b-c:d"}, {"h/a\\b", "h/a\\b"}, {"h/a\\", "h/a\\"}});
  Glob empty = parsed("");
  CHECK(empty.count() == 1);
  CHECK(empty.next() == "");
  CHECK(empty.next() == std::nullopt);
}

TEST_CASE("glob: sets") {
  check_all({{"h/{a,b,c}.x", "h/a.x h/b.x h/c.x"},
             {"{a}", "a"},
             {"h{a,}", "ha h"},
             {"h{,}", "h h"},
             {"{http://a,http://b}/", "http://a/ http://b/"},
             {"{a\\,b,c\\}d}", "a,b c}d"},
             {"{a\\{b}", "a{b"},
             {"{a\\b,c\\\\d}", "ab c\\d"}});
}

TEST_CASE("glob: ranges of numbers, with leading zeros and steps") {
  check_all({{"[1-3]", "1 2 3"},
             {"[9-11]", "9 10 11"},
             {"[001-003]", "001 002 003"},
             {"[08-10]", "08 09 10"},
             {"[01-3]", "01 02 03"},
             {"[1-003]", "1 2 3"},
             {"[0-2]", "0 1 2"},
             {"[0001-10000:9999]", "0001 10000"},
             {"[1-10:4]", "1 5 9"},
             {"[1-3:2]", "1 3"},
             {"[1-3: +2]", "1 3"},
             {"[1- \t3]", "1 2 3"},
             {"[1-1]", "1"},
             {"[1-1:1]", "1"},
             {"[18446744073709551614-18446744073709551615]", "18446744073709551614 18446744073709551615"},
             {"[0-18446744073709551615:18446744073709551615]", "0 18446744073709551615"}});
}

TEST_CASE("glob: ranges of letters") {
  check_all({{"[a-c]", "a b c"},
             {"[A-C]", "A B C"},
             {"[a-z:25]", "a z"},
             {"[a-z:10]", "a k u"},
             {"[a-c:+2]", "a c"},
             {"[a-a]", "a"},
             {"[Z-a]", "Z [ \\ ] ^ _ ` a"}});
}

TEST_CASE("glob: all combinations, of which the last changes fastest") {
  check_all({{"h/{a,b}{1,2}", "h/a1 h/a2 h/b1 h/b2"},
             {"[1-3][a-c:2]", "1a 1c 2a 2c 3a 3c"},
             {"{x,y}/[01-02]/z{,s}", "x/01/z x/01/zs x/02/z x/02/zs y/01/z y/01/zs y/02/z y/02/zs"}});
}

TEST_CASE("glob: a backslash makes braces and brackets text") {
  check_all({{"\\{a,b\\}", "{a,b}"}, {"\\[1-2\\]", "[1-2]"}, {"\\{[1-2]", "{1 {2"}, {"\\a\\\\", "\\a\\\\"}});
  // Two backslashes are not one backslash: the second is before the bracket.
  CHECK(glob_error("\\\\[1-2]") == "unmatched close brace/bracket in URL position 7");
}

TEST_CASE("glob: addresses in brackets and empty brackets are text") {
  check_all({{"http://[::1]:80/", "http://[::1]:80/"},
             {"http://[::1]/[1-2]", "http://[::1]/1 http://[::1]/2"},
             {"http://[fe80::1%25lo]/", "http://[fe80::1%25lo]/"},
             {"http://[fe80::1%lo]/", "http://[fe80::1%lo]/"},
             {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"},
             {"[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"},
             {"h/a[]b[]", "h/a[]b[]"},
             {"h/[a-f:2]", "h/a h/c h/e"}});
  check_errors({{"http://[::1/", "bad range specification in URL position 9"},
                {"[::g]", "bad range specification in URL position 2"},
                {"[1:2]", "bad range in URL position 2"},
                {"[1::2::3]", "bad range in URL position 2"},
                {"[1.2.3.4]", "bad range in URL position 2"},
                {"[f:a]", "bad range in URL position 2"},
                {"[::1]]", "unmatched close brace/bracket in URL position 6"}});
}

TEST_CASE("glob: errors in ranges, with curl's positions") {
  check_errors({{"h/[3-1]", "bad range in URL position 8"},
                {"[c-a]", "bad range in URL position 6"},
                {"[a-Z]", "bad range in URL position 6"},
                {"[A-z]", "bad range in URL position 6"},
                {"[a-{]", "bad range in URL position 6"},
                {"[a-cc]", "bad range in URL position 2"},
                {"[1-3:0]", "bad range in URL position 8"},
                {"[1-3:3]", "bad range in URL position 8"},
                {"[1-1:2]", "bad range in URL position 8"},
                {"[a-c:0]", "bad range in URL position 8"},
                {"[a-a:2]", "bad range in URL position 8"},
                {"[a-z:26]", "bad range in URL position 9"},
                {"[1-3", "bad range in URL position 4"},
                {"[1-3:", "bad range in URL position 6"},
                {"[1-3:]", "bad range in URL position 7"},
                {"[1-3:x]", "bad range in URL position 6"},
                {"[1-3:2x]", "bad range in URL position 6"},
                {"[1-3x]", "bad range in URL position 4"},
                {"[1 - 3]", "bad range in URL position 2"},
                {"[1--3]", "bad range in URL position 4"},
                {"[1-+3]", "bad range in URL position 4"},
                {"[1-]", "bad range in URL position 4"},
                {"[1]", "bad range in URL position 2"},
                {"[1:3]", "bad range in URL position 2"},
                {"[1\\-2]", "bad range in URL position 2"},
                {"[x]", "bad range in URL position 2"},
                {"[a", "bad range in URL position 2"},
                {"[a-", "bad range in URL position 2"},
                {"[a-]", "bad range in URL position 2"},
                {"[a-c", "bad range in URL position 2"},
                {"[a-c:", "bad range in URL position 2"},
                {"[a-c:]", "bad range in URL position 2"},
                {"[a-c:b]", "bad range in URL position 2"},
                {"[a-c:2x]", "bad range in URL position 2"},
                {"[a:c]", "bad range in URL position 2"},
                {"[1-3:99999999999999999999]", "bad range in URL position 6"},
                {"[a-c:300]", "bad range in URL position 10"},
                {"[", "bad range specification in URL position 2"},
                {"[ 1-3]", "bad range specification in URL position 2"},
                {"[-1-3]", "bad range specification in URL position 2"},
                {"[!-~:40]", "bad range specification in URL position 2"},
                {"[[]", "bad range specification in URL position 2"}});
}

TEST_CASE("glob: errors in sets, with positions in bytes after sets and addresses too") {
  check_errors({{"h/{a,b", "unmatched brace in URL position 3"},
                {"{", "unmatched brace in URL position 1"},
                {"{a\\}", "unmatched brace in URL position 1"},
                {"{a,\\", "unmatched brace in URL position 1"},
                {"h/{}", "empty string within braces in URL position 4"},
                {"{a{b,c}}", "nested brace in URL position 3"},
                {"{a,[1-2]}", "nested brace in URL position 4"},
                {"{{", "nested brace in URL position 2"},
                {"{]", "unexpected close bracket in URL position 2"},
                {"{a,b]}", "unexpected close bracket in URL position 5"},
                {"h/]", "unmatched close brace/bracket in URL position 3"},
                {"a}", "unmatched close brace/bracket in URL position 2"},
                {"{a,b}}", "unmatched close brace/bracket in URL position 6"},
                {"[1-2][", "bad range specification in URL position 7"},
                {"{a}[3-1]", "bad range in URL position 9"},
                {"[::1][3-1]", "bad range in URL position 11"},
                {"\xc3\xa9[3-1]", "bad range in URL position 8"}});
}

TEST_CASE("glob: a number of combinations that is too large is an error, and not a small number") {
  check_errors({{"[1-9223372036854775807][1-2]", "range overflow in URL position 29"},
                {"{a,b}[1-9223372036854775807]", "range overflow in URL position 29"},
                {"[0-9223372036854775807]", "range overflow in URL position 24"},
                {"[0-18446744073709551615][1-2]", "range overflow in URL position 25"},
                {"[18446744073709551615-18446744073709551616]", "bad range in URL position 23"},
                {"[18446744073709551616-18446744073709551617]", "bad range in URL position 2"}});
  CHECK(glob_error(repeated("{a,b}", 63)).starts_with("range overflow"));
  CHECK(parsed(repeated("{a,b}", 62)).count() == std::uint64_t{1} << 62);
  CHECK(parsed("[1-9223372036854775807]").count() == 9223372036854775807U);
  CHECK(parsed("[1-9223372036854775807]{a}").count() == 9223372036854775807U);
  CHECK(glob_error("[0-18446744073709551615:2]") == "range overflow in URL position 27");
  CHECK(parsed("[0-18446744073709551613:2]").count() == 9223372036854775807U);
}

TEST_CASE("glob: the number of sets and ranges is limited") {
  CHECK(parsed("h" + repeated("{a}", Glob::kMaxPieces - 1)).count() == 1);
  CHECK(glob_error("h" + repeated("{a}", Glob::kMaxPieces)) == "too many globs in URL position 299");
  CHECK(glob_error("h" + repeated("{a}", Glob::kMaxPieces - 1) + "x") == "too many globs in URL position 297");
}

TEST_CASE("glob: ten million combinations come one after the other") {
  Glob glob = parsed("h/[1-10000000]");
  CHECK(glob.count() == 10'000'000);
  CHECK(glob.next() == "h/1");
  Glob large = parsed("[000-999][000-999][000-999]{a,b}x");
  CHECK(large.count() == 2'000'000'000);
  std::string last;
  for (int i = 0; i < 4'001; ++i) last = large.next().value_or("");
  CHECK(last == "000002000ax");
}

TEST_CASE("glob: a copy goes on by itself") {
  Glob one = parsed("[1-3]");
  CHECK(one.next() == "1");
  Glob two = one;
  CHECK(one.next() == "2");
  CHECK(two.next() == "2");
  CHECK(two.output_name("#1") == "2");
}

TEST_CASE("glob: names of output files") {
  Glob glob = parsed("h/{a,b/c}[01-02]x[x-y]");
  REQUIRE(glob.next());
  CHECK(glob.output_name("n#1#2#3#4#0#12#-#a##1#01#") == "na01x#4#0#12#-#a#aa#");
  for (int i = 0; i < 6; ++i) REQUIRE(glob.next());
  CHECK(glob.output_name("#3-#2-#1") == "x-02-b/c");
  REQUIRE(glob.next());
  CHECK(glob.output_name("#3-#2-#1") == "y-02-b/c");
  CHECK_FALSE(glob.next().has_value());
  CHECK(glob.output_name("#3-#2-#1") == "y-02-b/c");
  CHECK(glob.output_name("#18446744073709551617 #4294967297 #+1 # 1 \\#1") ==
        "#18446744073709551617 #4294967297 #+1 # 1 \\b/c");
  CHECK(glob.output_name("").empty());
  CHECK(parsed("h/a").output_name("p#1#") == "p#1#");
  Glob many = parsed(repeated("{a}", 9) + "{j}{k}");
  REQUIRE(many.next());
  CHECK(many.output_name("#9#10#11#12") == "ajk#12");
}

TEST_CASE("glob: every beginning of a URL is read or refused") {
  constexpr std::string_view kUrl = "h://[::1%25a]\\{[]{a\\,b,c}[01-5:2][a-f:3]]{[1-3{";
  for (std::size_t begin = 0; begin < kUrl.size(); ++begin) {
    for (std::size_t size = 0; size + begin <= kUrl.size(); ++size) {
      auto glob = Glob::parse(kUrl.substr(begin, size));
      CHECK((!glob || glob->next().has_value()));
    }
  }
}

}  // namespace sluice::cli
