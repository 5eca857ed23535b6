// core/hsts.hpp: the field of RFC 6797, the store and its file, row by row.
#include "core/hsts.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace sluice;

namespace {

constexpr UnixSeconds kNow = 1'767'225'600;  // 2026-01-01 00:00:00
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
const std::string kHead = "# Hosts to be used over https only (HSTS), in the format of curl --hsts\n";

struct World {
  HstsStore store = {};
  UnixSeconds now = kNow;

  void note_all(std::string_view url, const std::vector<std::string_view>& values) {
    Fields fields;
    for (const std::string_view value : values) REQUIRE(fields.add("Strict-Transport-Security", value));
    store.note(*Url::parse(url), fields, now);
  }
  void note(std::string_view url, std::string_view value) { note_all(url, {value}); }
  bool applies(std::string_view host) const { return store.applies(*Url::parse("http://" + std::string(host)), now); }
  std::string save() const { return store.save(now).substr(kHead.size()); }
};

}  // namespace

TEST_CASE("hsts: fields that are understood (RFC 6797 6.1, 6.2)") {
  const struct {
    const char* value;
    HstsPolicy policy;
  } rows[] = {
      {"max-age=31536000", {31'536'000, false}},
      {"max-age=15768000 ; includeSubDomains", {15'768'000, true}},
      {"max-age=\"31536000\"", {31'536'000, false}},
      {"max-age=0", {0, false}},
      {"max-age=0; includeSubDomains", {0, true}},
      {"includesubdomains;MAX-AGE=5", {5, true}},
      {" \t max-age = 5 \t; ;; includeSubDomains ;", {5, true}},
      {"max-age=5; preload; x=y; x; z=\"a;max-age=6\"", {5, false}},
      {"z=\"\\\"; max-age=6; includeSubDomains\"; max-age=5", {5, false}},
      {"max-age=0005", {5, false}},
      {"max-age=9223372036854775807", {kMost, false}},
      {"max-age=9223372036854775808", {kMost, false}},
      {"max-age=99999999999999999999999999", {kMost, false}},
      {"max-age=5; z=\"includeSubDomains; ", {5, false}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.value);
    CHECK(parse_hsts(row.value) == row.policy);
  }
}

TEST_CASE("hsts: fields that are not") {
  for (const char* value : {
           "",
           ";",
           "includeSubDomains",
           "max-age",
           "max-age=",
           "max-age=\"\"",
           "max-age=\"5",
           "max-age=5\"",
           "max-age=-1",
           "max-age=+1",
           "max-age=1.5",
           "max-age=5s",
           "max-age=5 6",
           "max-age=\" 5\"",
           "max-age='5'",
           "max-age=5; max-age=5",
           "max-age=5; Max-Age=6",
           "max-age=x; max-age=5",
           "max-age=5; includeSubDomains; includesubdomains",
           "max-age=5; includeSubDomains=1",
           "max-age=5; includeSubDomains=",
           "max-age: 5",
           "xmax-age=5",
           "max-age=5, includeSubDomains",
       }) {
    CAPTURE(value);
    CHECK_FALSE(parse_hsts(value));
  }
  for (const char c : {';', '"', '=', '\\', ' '}) CHECK_FALSE(parse_hsts(std::string(1'000'000, c)));
}

TEST_CASE("hsts: a host is noted over https only, and never an address") {
  World world;
  world.note("http://a.example/", "max-age=100");
  CHECK_FALSE(world.applies("a.example"));
  world.note("https://a.example:8443/x", "max-age=100");
  CHECK(world.applies("a.example"));
  CHECK(world.applies("a.example:8080"));
  CHECK_FALSE(world.applies("b.example"));
  CHECK_FALSE(world.applies("aa.example"));
  CHECK_FALSE(world.applies("example"));
  for (const char* address : {"192.0.2.1", "[2001:db8::1]"}) {
    world.note("https://" + std::string(address), "max-age=100; includeSubDomains");
    CHECK_FALSE(world.applies(address));
  }
  CHECK(world.store.size() == 1);
  world.note("http://a.example/", "max-age=0");
  CHECK(world.applies("a.example"));
  CHECK_FALSE(world.store.applies(Url(), world.now));
}

TEST_CASE("hsts: an address has no parents") {
  World world;
  CHECK(world.store.load("1 \"unlimited\"\n.1 \"unlimited\"\n0.0.1 \"unlimited\"\n.0.0.1 \"unlimited\"\n", kNow) == 4);
  CHECK_FALSE(world.applies("127.0.0.1"));
  CHECK(world.store.load(".example \"unlimited\"", kNow) == 0);
  CHECK(world.applies("a.example"));
  CHECK_FALSE(world.applies("[fe80::1%25eth0.example]"));
}

TEST_CASE("hsts: only the first field counts") {
  World world;
  world.note_all("https://a.example/", {"max-age=100", "max-age=0"});
  CHECK(world.applies("a.example"));
  world.note_all("https://a.example/", {"max-age=x", "max-age=0"});
  CHECK(world.applies("a.example"));
  world.note_all("https://a.example/", {});
  CHECK(world.applies("a.example"));
  world.note_all("https://a.example/", {"max-age=0", "max-age=100"});
  CHECK_FALSE(world.applies("a.example"));
  CHECK(world.store.size() == 0);
  world.note("https://a.example/", "max-age=0");
  CHECK(world.store.size() == 0);
}

TEST_CASE("hsts: includeSubDomains is for all hosts below, and for no other") {
  World world;
  world.note("https://a.example/", "max-age=100; includeSubDomains");
  for (const char* host : {"a.example", "b.a.example", "c.b.a.example"}) CHECK(world.applies(host));
  for (const char* host : {"ba.example", "example", "a.example.org", "aexample"}) CHECK_FALSE(world.applies(host));
  world.note("https://a.example/", "max-age=100");
  CHECK(world.applies("a.example"));
  CHECK_FALSE(world.applies("b.a.example"));
}

TEST_CASE("SB-75 hsts: the final dot and the case of a host make no other host") {
  World world;
  world.note("https://A.Example./", "max-age=100; includeSubDomains");
  for (const char* host : {"a.example", "a.example.", "A.EXAMPLE.", "b.a.example", "B.a.example."}) {
    CAPTURE(host);
    CHECK(world.applies(host));
  }
  CHECK(world.store.size() == 1);
  CHECK(world.save() == ".a.example \"20260101 00:01:40\"\n");
  World loaded;
  CHECK(loaded.store.load("B.Example. \"unlimited\"\n.C.Example. \"unlimited\"\n", kNow) == 0);
  CHECK(loaded.applies("b.example"));
  CHECK(loaded.applies("x.c.example."));
  // U+3002 and U+FF0E are dots to some resolvers.
  CHECK(loaded.store.load("d\xe3\x80\x82"
                          "example \"unlimited\"\nd\xef\xbc\x8e"
                          "example \"unlimited\"\n",
                          kNow) == 2);
}

TEST_CASE("SB-76 hsts: parent and child have each their own expiry") {
  World world;
  world.note("https://a.example/", "max-age=100; includeSubDomains");
  world.note("https://b.a.example/", "max-age=10");
  world.now = kNow + 11;  // the child's has expired, its parent's has not
  CHECK(world.applies("b.a.example"));
  CHECK_FALSE(world.store.load("", world.now));
  world.note("https://b.a.example/", "max-age=1000");
  world.note("https://a.example/", "max-age=0");
  CHECK_FALSE(world.applies("a.example"));
  CHECK(world.applies("b.a.example"));
  CHECK_FALSE(world.applies("c.b.a.example"));
  world.note("https://a.example/", "max-age=100; includeSubDomains");
  world.note("https://b.a.example/", "max-age=0");
  CHECK(world.applies("b.a.example"));  // by its parent
  world.note("https://b.a.example/", "max-age=50");
  CHECK(world.applies("c.b.a.example"));  // a child without includeSubDomains does not hide its parent
  CHECK(world.save() == ".a.example \"20260101 00:01:51\"\nb.a.example \"20260101 00:01:01\"\n");
}

TEST_CASE("SB-76 hsts: an entry expires after max-age seconds, and a huge number does not overflow") {
  const struct {
    const char* max_age;
    UnixSeconds now, last;  // the last second at which it applies
  } rows[] = {
      {"1", kNow, kNow},
      {"100", kNow, kNow + 99},
      {"251635075199", kNow, 253'402'300'798},
      {"251635075200", kNow, kMost - 1},  // after the year 9999
      {"9223372036854775807", kNow, kMost - 1},
      {"9223372036854775808", kNow, kMost - 1},
      {"18446744073709551616", kNow, kMost - 1},
      {"9223372036854775807", kMost - 1, kMost - 1},
      {"1", kMost - 1, kMost - 1},
      {"100", -1'000, -901},
      {"9223372036854775807", std::numeric_limits<UnixSeconds>::min(), kMost - 1},
      {"100", std::numeric_limits<UnixSeconds>::min(), std::numeric_limits<UnixSeconds>::min() + 99},
  };
  for (const auto& row : rows) {
    CAPTURE(row.max_age);
    CAPTURE(row.now);
    World world;
    world.now = row.now;
    world.note("https://a.example/", std::string("max-age=") + row.max_age);
    CHECK(world.applies("a.example"));
    world.now = row.last;
    CHECK(world.applies("a.example"));
    world.now = row.last + 1;
    CHECK_FALSE(world.applies("a.example"));
    CHECK(world.save() == "");
  }
}

TEST_CASE("hsts: the file of curl --hsts, there and back") {
  const std::string text = kHead +
                           ".a.example \"20261231 23:59:59\"\n"
                           "b.example \"unlimited\"\n"
                           "c.example \"99991231 23:59:59\"\n"
                           ".d.example \"unlimited\"\n";
  World world;
  CHECK(world.store.load(text, kNow) == 0);
  CHECK(world.store.size() == 4);
  CHECK(world.store.save(kNow) == text);
  CHECK(world.applies("x.a.example"));
  CHECK_FALSE(world.applies("x.b.example"));
  world.now = 1'798'761'598;  // 2026-12-31 23:59:58
  CHECK(world.applies("a.example"));
  ++world.now;
  CHECK_FALSE(world.applies("a.example"));
  CHECK(world.save().starts_with("b.example"));
}

TEST_CASE("hsts: lines of a file that are taken, and that are skipped") {
  const struct {
    std::string line, saved;
  } taken[] = {
      {"a.example \"20270101 00:00:00\"", "a.example \"20270101 00:00:00\"\n"},
      {" \t.a.example\t \"20270101 00:00:00\" \t\r", ".a.example \"20270101 00:00:00\"\n"},
      {"localhost \"unlimited\"", "localhost \"unlimited\"\n"},
      {"a.example \"20280229 23:59:60\"", "a.example \"20280301 00:00:00\"\n"},
      {"a.example \"20260101 00:00:01\"", "a.example \"20260101 00:00:01\"\n"},
      {"a.example \"20260101 00:00:00\"", ""},  // it has expired
      {"a.example \"00000101 00:00:00\"", ""},
      {"# a.example \"unlimited\"", ""},
      {"", ""},
      {" \t\r", ""},
      {"#", ""},
  };
  for (const auto& row : taken) {
    CAPTURE(row.line);
    World world;
    CHECK(world.store.load(row.line, kNow) == 0);
    CHECK(world.store.size() == (row.saved.empty() ? 0 : 1));
    CHECK(world.save() == row.saved);
  }
  for (const std::string line : {
           "a.example",
           "a.example ",
           "\"unlimited\"",
           ". \"unlimited\"",
           "..a.example \"unlimited\"",
           "a..example \"unlimited\"",
           ".a.example.. \"unlimited\"",
           "a_$.example \"unlimited\"",
           "a/b \"unlimited\"",
           "u@a.example \"unlimited\"",
           "a.example:443 \"unlimited\"",
           "192.0.2.1 \"unlimited\"",
           "2001:db8::1 \"unlimited\"",
           "[2001:db8::1] \"unlimited\"",
           "a.example unlimited",
           "a.example 20270101 00:00:00",
           "a.example \"unlimited",
           "a.example unlimited\"",
           "a.example \"Unlimited\"",
           "a.example \"\"",
           "a.example \"",
           "a.example \"20270101\"",
           "a.example \"20270101 00:00\"",
           "a.example \"20270101 00:00:00 \"",
           "a.example \"20270101T00:00:00\"",
           "a.example \"2027-101 00:00:00\"",
           "a.example \"20271301 00:00:00\"",
           "a.example \"20270229 00:00:00\"",
           "a.example \"20270101 24:00:00\"",
           "a.example \"20270101 00:60:00\"",
           "a.example \"20270101 00:00:61\"",
           "a.example \"20270101 00:00:00\" x",
           "a.example b \"20270101 00:00:00\"",
       }) {
    CAPTURE(line);
    World world;
    CHECK(world.store.load(line + "\nb.example \"unlimited\"\n" + line, kNow) == 2);
    CHECK(world.save() == "b.example \"unlimited\"\n");
  }
}

TEST_CASE("hsts: a long line is skipped whole") {
  World world;
  const std::string date = "\"unlimited\"", name = "a.example";
  const auto line = [&](std::size_t size) { return name + std::string(size - name.size() - date.size(), ' ') + date; };
  CHECK(world.store.load(line(kMaxHstsLineBytes), kNow) == 0);
  CHECK(world.store.size() == 1);
  CHECK(world.store.load("x" + line(kMaxHstsLineBytes) + "\nb.example \"unlimited\"", kNow) == 1);
  CHECK(world.save() == "a.example \"unlimited\"\nb.example \"unlimited\"\n");
  CHECK(world.store.load(std::string(1'000'000, 'x'), kNow) == 1);
  CHECK(world.store.load(std::string(1'000'000, '\n'), kNow) == 0);
}

TEST_CASE("hsts: of several entries of one host the one that expires last counts") {
  World world;
  world.note("https://a.example/", "max-age=100; includeSubDomains");
  CHECK(world.store.load("a.example \"20260101 00:00:50\"\n", kNow) == 0);
  CHECK(world.save() == ".a.example \"20260101 00:01:40\"\n");
  CHECK(world.store.load("a.example \"20260101 00:01:40\"\n", kNow) == 0);
  CHECK(world.save() == ".a.example \"20260101 00:01:40\"\n");
  CHECK(world.store.load("a.example \"20260101 00:03:00\"\n.a.example \"20260101 00:02:00\"\n", kNow) == 0);
  CHECK(world.save() == "a.example \"20260101 00:03:00\"\n");
  // But a response is newer than all.
  world.note("https://a.example/", "max-age=5");
  CHECK(world.save() == "a.example \"20260101 00:00:05\"\n");
  CHECK(world.store.size() == 1);
}

TEST_CASE("hsts: past its limit the store loses what expires first") {
  World world;
  for (std::size_t i = 0; i < kMaxHstsHosts; ++i) {
    world.note("https://h" + std::to_string(i) + ".example/", "max-age=" + std::to_string(1'000 + i));
  }
  CHECK(world.store.size() == kMaxHstsHosts);
  CHECK(world.applies("h0.example"));
  world.note("https://h0.example/", "max-age=1000000");  // no longer the first
  world.note("https://new.example/", "max-age=5000");
  CHECK(world.store.size() == kMaxHstsHosts);
  CHECK(world.applies("h0.example"));
  CHECK_FALSE(world.applies("h1.example"));
  CHECK(world.applies("new.example"));
  world.note("https://short.example/", "max-age=1");
  CHECK(world.store.size() == kMaxHstsHosts);
  CHECK_FALSE(world.applies("short.example"));
  world.note("https://h2.example/", "max-age=0");
  CHECK(world.store.size() == kMaxHstsHosts - 1);
  world.note("https://short.example/", "max-age=1");
  CHECK(world.applies("short.example"));

  World loaded;
  CHECK(loaded.store.load(world.store.save(kNow) + "x.example \"unlimited\"\ny.example \"unlimited\"\n", kNow) == 0);
  CHECK(loaded.store.size() == kMaxHstsHosts);
  CHECK(loaded.applies("y.example"));
  CHECK_FALSE(loaded.applies("short.example"));
  CHECK(loaded.store.dropped() == 2);
}
