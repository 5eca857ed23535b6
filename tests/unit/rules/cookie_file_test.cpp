// core/rules/cookie_file and CookieJar::load() and save(): the lines of a cookie file.
#include "core/rules/cookie_file.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/rules/public_suffix.hpp"
#include "tests/unit/rules/jar_tools.hpp"

using namespace sluice;
using rules::parse_cookie_line;
using test::JarWorld;
using test::kJarStart;

namespace {

CookieFileReport loaded(JarWorld& world, std::string_view text) { return world.jar->load(text, world.now()); }

}  // namespace

TEST_CASE("cookie file: lines end with LF or CRLF, the last one with nothing too") {
  std::string_view text = "a\nb\r\n\r\nc\rd\r\r\n\ne";
  std::vector<std::string> lines;
  while (!text.empty()) lines.emplace_back(rules::take_line(text));
  CHECK(lines == std::vector<std::string>{"a", "b", "", "c\rd\r", "", "e"});
}

TEST_CASE("cookie file: comments and header lines") {
  for (const char* line : {"", " ", "\t \t", "# Netscape HTTP Cookie File", "#", "#httponly_a\tTRUE", "#HttpOnly a"}) {
    CAPTURE(line);
    CHECK(rules::is_comment(line));
  }
  for (const char* line : {"a", " # x", "#HttpOnly_", "Set-Cookie: a=b"}) {
    CAPTURE(line);
    CHECK_FALSE(rules::is_comment(line));
  }
  CHECK(rules::set_cookie_of("Set-Cookie: a=b") == " a=b");
  CHECK(rules::set_cookie_of("SET-cookie:a") == "a");
  CHECK(rules::set_cookie_of("set-cookie:") == "");
  for (const char* line : {"Set-Cookie", "Set-Cookie2: a=b", " Set-Cookie: a", "Cookie: a=b", "Set-Cookie : a"}) {
    CAPTURE(line);
    CHECK_FALSE(rules::set_cookie_of(line));
  }
}

TEST_CASE("cookie file: the fields of a line") {
  const Cookie plain{.name = "n", .value = "v", .domain = "example.org", .path = "/"};
  CHECK(parse_cookie_line("example.org\tFALSE\t/\tFALSE\t0\tn\tv") == plain);
  Cookie other = plain;
  other.host_only = false;
  other.domain = ".Example.org";
  other.secure = other.http_only = true;
  other.path = "/a b";
  other.expires = 1'700'000'001;
  other.name = "";
  CHECK(parse_cookie_line("#HttpOnly_.Example.org\ttrue\t/a b\tTrue\t1700000001\t\tv") == other);
  other.name = "n";
  other.value = "";
  CHECK(parse_cookie_line("#HttpOnly_.Example.org\tTRUE\t/a b\tTRUE\t1700000001\tn") == other);
  CHECK(parse_cookie_line("#HttpOnly_.Example.org\tTRUE\t/a b\tTRUE\t1700000001\t n \t ") == other);
  for (const char* line : {
           "",
           "example.org",
           "example.org FALSE / FALSE 0 n v",
           "example.org\tFALSE\t/\tFALSE\t0",
           "example.org\tFALSE\t/\tFALSE\t0\tn\tv\t",
           "example.org\tFALSE\t/\tFALSE\t0\tn\tv\tx",
           "example.org\tno\t/\tFALSE\t0\tn\tv",
           "example.org\tFALSE\t/\t1\t0\tn\tv",
           "example.org\t\t/\tFALSE\t0\tn\tv",
           "example.org\tFALSE\t/\tFALSE\t-1\tn\tv",
           "example.org\tFALSE\t/\tFALSE\t1.5\tn\tv",
           "example.org\tFALSE\t/\tFALSE\t\tn\tv",
           "example.org\tFALSE\t/\tFALSE\tn\tv",
       }) {
    CAPTURE(line);
    CHECK_FALSE(parse_cookie_line(line));
  }
  CHECK(parse_cookie_line("example.org\tFALSE\t/\tFALSE\t99999999999999999999\tn\tv")->expires ==
        9'223'372'036'854'775'807);
}

TEST_CASE("cookie file: a file is loaded, and what is no cookie is counted") {
  JarWorld world;
  const CookieFileReport report = loaded(world,
                                         "# Netscape HTTP Cookie File\r\n"
                                         "# a comment\twith\ttabs\tof\tits\town\tx\r\n"
                                         "\r\n"
                                         "example.org\tFALSE\t/\tFALSE\t0\ta\t1\r\n"
                                         ".example.org\tTRUE\t/x\tTRUE\t1700000100\tb\t2\n"
                                         "#HttpOnly_EXAMPLE.org.\tFALSE\t/\tFALSE\t1700000100\tc\t3\n"
                                         "www.example.org\tTRUE\t/\tFALSE\t0\tnovalue\n"
                                         "example.org\tFALSE\t/\tFALSE\t1699999999\texpired\t1\n"
                                         "127.0.0.1\tFALSE\t/\tFALSE\t0\td\t4\n"
                                         "::1\tTRUE\t/\tFALSE\t0\te\t5\n"
                                         "HTTP/1.1 200 OK\n"
                                         "some words\n"
                                         "example.org\tFALSE\t/\tFALSE\t0\tf\t6");
  CHECK(report == CookieFileReport{.taken = 8, .refused = 0, .unknown = 2});
  CHECK(world.jar->size() == 7);
  CHECK(world.sent("http://example.org/x") == "a=1; c=3; f=6");
  CHECK(world.sent("https://sub.example.org/x") == "b=2");
  CHECK(world.sent("http://x.www.example.org/") == "novalue=");
  CHECK(world.sent("http://127.0.0.1/") == "d=4");
  CHECK(world.sent("http://[::1]/") == "e=5");
  CHECK(world.jar->cookies()[2].http_only);
  CHECK_FALSE(world.jar->cookies()[1].http_only);
  // A line replaces an earlier cookie, and one that has expired removes it.
  CHECK(loaded(world, "example.org\tFALSE\t/\tFALSE\t0\ta\t7\nexample.org\tFALSE\t/\tFALSE\t5\tf\t6\n").taken == 2);
  CHECK(world.sent("http://example.org/x") == "a=7; c=3");
  world.jar->end_session();
  CHECK(world.sent("https://example.org/x") == "b=2; c=3");
  world.wall = kJarStart + 100;
  CHECK(loaded(world, "") == CookieFileReport{});
  CHECK(world.jar->size() == 0);
}

TEST_CASE("cookie file: the rules hold for a file too") {
  JarWorld world;
  const char* const lines[] = {
      ".org\tTRUE\t/\tFALSE\t0\ta\t1",  // SB-24
      "org.\tTRUE\t/\tFALSE\t0\ta\t1",
      "example.org\tFALSE\t/\tFALSE\t0\t__Secure-a\t1",  // SB-71
      "example.org\tFALSE\t/\tFALSE\t0\t__Host-a\t1",
      "example.org\tTRUE\t/\tTRUE\t0\t__Host-a\t1",
      "example.org\tFALSE\t/a\tTRUE\t0\t__host-a\t1",
      "example.org\tFALSE\t/\tTRUE\t0\t\t__Host-a=1",
      "example.org\tFALSE\t/\tFALSE\t0\ta\t1; b=2",  // SB-73
      "example.org\tFALSE\t/\tFALSE\t0\ta=b\t1",
      "example.org\tFALSE\t/\tFALSE\t0\ta\t1\x01",
      "example.org\tFALSE\t/\tFALSE\t0\t\t",
      "example.org\tFALSE\tx\tFALSE\t0\ta\t1",
      "\tFALSE\t/\tFALSE\t0\ta\t1",
      "a b\tFALSE\t/\tFALSE\t0\ta\t1",
      "user@example.org\tFALSE\t/\tFALSE\t0\ta\t1",
      "example.org:80\tFALSE\t/\tFALSE\t0\ta\t1",
      "#HttpOnly_#HttpOnly_example.org\tFALSE\t/\tFALSE\t0\ta\t1",
  };
  for (const char* line : lines) {
    CAPTURE(line);
    CHECK(loaded(world, line) == CookieFileReport{.taken = 0, .refused = 1, .unknown = 0});
  }
  if (rules::has_public_suffix_list()) {
    CHECK(loaded(world, ".co.uk\tTRUE\t/\tFALSE\t0\ta\t1").refused == 1);
    CHECK(loaded(world, "CO.UK.\tTRUE\t/\tFALSE\t0\ta\t1").refused == 1);
  }
  CHECK(world.jar->size() == 0);
  CHECK(loaded(world, "localhost\tFALSE\t/\tFALSE\t0\ta\t1").taken == 1);
  CHECK(loaded(world, "example.org\tFALSE\t/\tTRUE\t99999999999999999999\t__Host-a\t1").taken == 1);
  CHECK(world.jar->cookies()[1].expires == kJarStart + 34'560'000);
}

TEST_CASE("SB-73 cookie file: an over-long line is skipped whole and never continues in the next") {
  JarWorld world;
  const std::string injected = "example.com\tFALSE\t/\tFALSE\t0\tinjected\t1";
  const std::string begin = "example.org\tFALSE\t/\tFALSE\t0\tn\t";
  for (const std::size_t size : {4'096u, 5'000u, 8'192u, 16'384u, 16'385u, 65'536u}) {
    // The line that another program would see if it cut the long one at this size.
    std::string line = begin + std::string(size - begin.size(), 'v') + injected + "\n";
    CHECK(loaded(world, line) ==
          CookieFileReport{.taken = 0, .refused = size > 16'300 ? 1u : 0u, .unknown = size > 16'300 ? 0u : 1u});
  }
  CHECK(loaded(world, "#" + std::string(100'000, 'x') + "\n") == CookieFileReport{});
  CHECK(world.jar->size() == 0);
  const std::string header = "Set-Cookie: n=v; Domain=example.org; x=";
  CHECK(loaded(world, header + std::string(16'385 - header.size(), 'x') + "\n").refused == 1);
  CHECK(world.jar->size() == 0);
  CHECK(loaded(world, header + std::string(16'384 - header.size(), 'x') + "\r\n").taken == 1);
  CHECK(world.jar->size() == 1);
}

TEST_CASE("cookie file: response heads, with the URL that they came from") {
  const char* const text =
      "HTTP/1.1 302 Found\r\nSet-Cookie: a=1; Path=/\r\nset-cookie:b=2; Domain=example.org; Secure\r\n"
      "Set-Cookie: foreign=1; Domain=example.com\r\nSet-Cookie: bad=\x01\r\nContent-Length: 0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nSet-Cookie: c=3; HttpOnly; Max-Age=5\r\n\r\n";
  JarWorld secure;
  CHECK(secure.jar->load(text, secure.now(), *Url::parse("https://www.example.org/x/y")) ==
        CookieFileReport{.taken = 3, .refused = 2, .unknown = 3});
  CHECK(secure.sent("https://www.example.org/x") == "b=2; c=3; a=1");
  CHECK(secure.sent("https://example.com/x") == "");
  JarWorld plain;
  CHECK(plain.jar->load(text, plain.now(), *Url::parse("http://www.example.org/x/y")) ==
        CookieFileReport{.taken = 2, .refused = 3, .unknown = 3});
  CHECK(plain.sent("https://www.example.org/x") == "c=3; a=1");
  // Many of them: this is no response.
  std::string many;
  for (int i = 0; i < 70; ++i) many += "Set-Cookie: n" + std::to_string(i) + "=v\n";
  CHECK(plain.jar->load(many, plain.now(), *Url::parse("http://example.net/")).taken == 70);
}

TEST_CASE("cookie file: response heads, without a URL, are for the domain that they name") {
  JarWorld world;
  CHECK(loaded(world,
               "Set-Cookie: a=1\n"
               "Set-Cookie: b=2; Domain=.Example.org; Secure\n"
               "Set-Cookie: c=3; Domain=example.org; Path=/x\n"
               "Set-Cookie: d=4; Domain=org\n"
               "Set-Cookie: e=5; Domain=a b\n"
               "Set-Cookie: f=6; Domain=127.0.0.1\n") == CookieFileReport{.taken = 4, .refused = 2, .unknown = 0});
  CHECK(world.sent("https://www.example.org/x") == "c=3; b=2");
  CHECK(world.sent("http://example.org/x") == "c=3");
  CHECK(world.sent("http://org/") == "d=4");  // for this host alone
  CHECK(world.sent("http://127.0.0.1/") == "f=6");
}

TEST_CASE("cookie file: what is saved") {
  JarWorld world;
  CHECK(world.jar->save(world.now()) == "# Netscape HTTP Cookie File\n");
  CHECK(world.set("https://www.example.org/a/b",
                  {"z=1", "a=2; Domain=example.org; Secure; HttpOnly; Path=/; Max-Age=60", "=only value", "empty=",
                   "same=1; SameSite=Lax", "tab=\"a\tb\"", "t\tb=1", "path=1; Path=/a\tb", "short=1; Max-Age=5"}) == 9);
  CHECK(world.set("http://[fe80::1%25eth0]/", "z=6; Domain=[::2]") == 0);
  CHECK(world.set("http://[fe80::1%25eth0]/", "z=6") == 1);
  world.wall += 5;
  const std::string text =
      "# Netscape HTTP Cookie File\n"
      "www.example.org\tFALSE\t/a\tFALSE\t0\tz\t1\n"
      "#HttpOnly_.example.org\tTRUE\t/\tTRUE\t1700000060\ta\t2\n"
      "www.example.org\tFALSE\t/a\tFALSE\t0\t\tonly value\n"
      "www.example.org\tFALSE\t/a\tFALSE\t0\tempty\t\n"
      "www.example.org\tFALSE\t/a\tFALSE\t0\tsame\t1\n"
      "fe80::1%eth0\tFALSE\t/\tFALSE\t0\tz\t6\n";
  CHECK(world.jar->save(world.now()) == text);
  CHECK(world.jar->size() == 9);  // with those that the file cannot hold, but not the one that has expired
  JarWorld again;
  again.wall = world.wall;
  CHECK(loaded(again, text) == CookieFileReport{.taken = 6, .refused = 0, .unknown = 0});
  CHECK(again.jar->save(again.now()) == text);
  CHECK(again.sent("https://www.example.org/a") == "z=1; only value; empty=; same=1; a=2");
}

TEST_CASE("cookie file: before 1970 an expiry cannot be written") {
  JarWorld world;
  world.wall = -100;
  CHECK(world.set("http://example.org/", {"a=1; Max-Age=100", "b=1; Max-Age=101", "c=1"}) == 3);
  CHECK(world.jar->save(world.now()) ==
        "# Netscape HTTP Cookie File\n"
        "example.org\tFALSE\t/\tFALSE\t1\tb\t1\n"
        "example.org\tFALSE\t/\tFALSE\t0\tc\t1\n");
}
