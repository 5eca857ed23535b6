// core/alt_svc.hpp: the field of RFC 7838, the store and its file, row by row.
#include "core/alt_svc.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace sluice;

namespace {

constexpr UnixSeconds kNow = 1'767'225'600;  // 2026-01-01 00:00:00
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
const std::string kHead = "# Alternative services (RFC 7838), in the format of curl --alt-svc\n";

// "h3 host:443 86400 persist;" for each alternative, after "clear;".
std::string parsed(std::string_view value) {
  const auto result = parse_alt_svc(value);
  std::string text = result.clear ? "clear;" : "";
  for (const auto& [alternative, max_age] : result.services) {
    text.append("h" + std::to_string(static_cast<int>(alternative.protocol) + 1) + " ");
    text.append(alternative.host + ":" + std::to_string(alternative.port) + " " + std::to_string(max_age));
    text.append(alternative.persist ? " persist;" : ";");
  }
  return text;
}

struct World {
  AltSvcStore store = {};
  UnixSeconds now = kNow;

  void note(std::string_view url, const std::vector<std::pair<std::string, std::string>>& pairs,
            AltProtocol used = AltProtocol::h2) {
    Fields fields;
    for (const auto& [name, value] : pairs) REQUIRE(fields.add(name, value));
    store.note(*Url::parse(url), used, fields, now);
  }
  void note(std::string_view url, const std::string& value) { note(url, {{"Alt-Svc", value}}); }
  // "h3 host:443;" for each.
  std::string found(std::string_view url) const {
    std::string text;
    for (const auto& one : store.find(*Url::parse(url), now)) {
      text.append("h" + std::to_string(static_cast<int>(one.protocol) + 1) + " ");
      text.append(one.host + ":" + std::to_string(one.port) + (one.persist ? " persist;" : ";"));
    }
    return text;
  }
  std::string save() const {
    const std::string text = store.save(now);
    REQUIRE(text.starts_with(kHead));
    return text.substr(kHead.size());
  }
};

}  // namespace

TEST_CASE("alt-svc: fields that are understood (RFC 7838 3)") {
  const std::pair<std::string, std::string> rows[] = {
      {"h2=\":8000\"", "h2 :8000 86400;"},
      {"h2=\"new.example.org:80\"", "h2 new.example.org:80 86400;"},
      {"h2=\"alt.example.com:8000\", h2=\":443\"", "h2 alt.example.com:8000 86400;h2 :443 86400;"},
      {"h2=\":443\"; ma=3600", "h2 :443 3600;"},
      {"h2=\":443\"; ma=2592000; persist=1", "h2 :443 2592000 persist;"},
      {"h3=\":443\";ma=86400,h2=\":443\";ma=10", "h3 :443 86400;h2 :443 10;"},
      {"http%2F1.1=\":443\"", "h1 :443 86400;"},
      {"http%2f1%2e1=\":443\", %68%33=\":443\"", "h1 :443 86400;h3 :443 86400;"},
      {"h3=\"[2001:DB8::1]:443\"", "h3 2001:db8::1:443 86400;"},
      {"h3=\"192.0.2.1:443\"", "h3 192.0.2.1:443 86400;"},
      {"h3=\"EXAMPLE.com.:443\"", "h3 example.com:443 86400;"},
      {"h3=\"\\a.example\\:443\"", "h3 a.example:443 86400;"},
      {"h3=\":1\", h3=\":65535\"", "h3 :1 86400;h3 :65535 86400;"},
      {"h3=\":443\" ; ma=\"60\" ; persist=\"1\" ;;", "h3 :443 60 persist;"},
      {"h3=\":443\"; MA=60; Persist=1", "h3 :443 60 persist;"},
      {"h3=\":443\"; ma=60; ma=70", "h3 :443 70;"},
      {"h3=\":443\"; ma=0", "h3 :443 0;"},
      {"h3=\":443\"; ma=99999999999999999999", "h3 :443 9223372036854775807;"},
      {"h3=\":443\"; persist=0", "h3 :443 86400;"},
      {"h3=\":443\"; persist=2; v=\"46,43\"; x=\"a;ma=5,b=\\\"\"; y=z", "h3 :443 86400;"},
      {",, h3=\":443\" ,,", "h3 :443 86400;"},
      {"h3=:443", "h3 :443 86400;"},  // without quotes, as it is not in doubt
      {"clear", "clear;"},
      {"clear, h3=\":443\"", "clear;h3 :443 86400;"},
      {"h3=\":443\",clear", "clear;h3 :443 86400;"},
  };
  for (const auto& [value, result] : rows) {
    CAPTURE(value);
    CHECK(parsed(value) == result);
  }
}

TEST_CASE("alt-svc: an alternative that is not understood is left out, and the others stay") {
  for (const std::string element : {
           "",
           "h3",
           "h3=",
           "h3=\"\"",
           "h3=\"443\"",
           "h3=\":\"",
           "h3=\":0\"",
           "h3=\":65536\"",
           "h3=\":99999999999999999999\"",
           "h3=\":443x\"",
           "h3=\":+443\"",
           "h3=\":-1\"",
           "h3=\": 443\"",
           "h3=\"a b:443\"",
           "h3=\"a..b:443\"",
           "h3=\".a.example:443\"",
           "h3=\"a/b:443\"",
           "h3=\"u@a.example:443\"",
           "h3=\"a:80:443\"",
           "h3=\"2001:db8::1:443\"",
           "h3=\"[a.example]:443\"",
           "h3=\"[192.0.2.1]:443\"",
           "h3=\"[]:443\"",
           "h3=\"[:443\"",
           "h3=\"[2001:db8::1:443\"",
           "h3=\"[2001:db8::1]x:443\"",
           "h3=\"1.2.3:443\"",
           "h3=\":443\"x",
           "h3=\":443\" ma=5",
           "h3=\":443\"; ma",
           "h3=\":443\"; ma=",
           "h3=\":443\"; ma=x",
           "h3=\":443\"; ma=-1",
           "h3=\":443\"; ma=1.5",
           "h3=\":443\"; ma=5 6",
           "h3=\":443\"; =5",
           ";h3=\":443\"",
           "h4=\":443\"",
           "h3-29=\":443\"",
           "h1=\":443\"",
           "h2c=\":443\"",
           "http/1.1=\":443\"",
           "http%2=\":443\"",
           "%zz=\":443\"",
           "h%00=\":443\"",
           "=\":443\"",
           "Clear",
           "CLEAR",
           "clear; ma=5",
           "clear=\":443\"",
       }) {
    CAPTURE(element);
    CHECK(parsed(element) == "");
    CHECK(parsed("h2=\":1\", " + element + ", h2=\":2\"") == "h2 :1 86400;h2 :2 86400;");
  }
  CHECK(parsed("h2=\":1\", h3=\":443") == "h2 :1 86400;");
  CHECK(parsed("h2=\":1\", h3=\":443, h2=\":2\"") == "h2 :1 86400;");
}

TEST_CASE("alt-svc: every beginning of a field, and fields that are huge") {
  const std::string whole =
      "h3=\"[2001:db8::1]:443\"; ma=\"60\"; persist=1, http%2F1.1=\"a.example:1\\2\"; x=\"\\\"\", clear";
  for (std::size_t size = 0; size <= whole.size(); ++size) parsed(whole.substr(0, size));
  CHECK(parsed(whole) == "clear;h3 2001:db8::1:443 60 persist;h1 a.example:12 86400;");
  for (const char c : {';', '"', '=', '\\', ' ', ',', '%', ':', '['}) CHECK(parsed(std::string(300'000, c)) == "");
  CHECK(parsed("h3=\":443\"" + std::string(300'000, ';')) == "h3 :443 86400;");
  CHECK(parsed("h3=\"" + std::string(300'000, 'a') + ":443\"") == "");
  std::string many;
  for (int i = 1; i <= 1'000; ++i) many += "h3=\":x\",h3=\":" + std::to_string(i) + "\",";
  CHECK(parse_alt_svc(many).services.size() == kMaxAlternatives);
  CHECK(parsed(many).ends_with("h3 :8 86400;"));
  CHECK(parsed(many + "clear").starts_with("clear;"));
}

TEST_CASE("alt-svc: alternatives are for one https origin") {
  World world;
  world.note("http://a.example/", "h2=\":443\"");
  CHECK(world.store.size() == 0);
  world.note("https://a.example/x", "h3=\":443\", h2=\"b.example:8443\"; persist=1");
  CHECK(world.found("https://a.example/y?z") == "h3 a.example:443;h2 b.example:8443 persist;");
  CHECK(world.found("https://a.example:443/") == "h3 a.example:443;h2 b.example:8443 persist;");
  for (const char* other : {"http://a.example/", "http://a.example:443/", "https://a.example:444/",
                            "https://b.example/", "https://x.a.example/", "https://example/"}) {
    CAPTURE(other);
    CHECK(world.found(other) == "");
  }
  CHECK(world.store.find(Url(), kNow).empty());
  for (const char* address : {"https://192.0.2.1:8443/", "https://[2001:db8::1]/", "https://[fe80::1%25eth0]/"}) {
    CAPTURE(address);
    world.note(address, "h3=\":1\"");
    CHECK(world.found(address) != "");
  }
  CHECK(world.save() ==
        "h2 192.0.2.1 8443 h3 192.0.2.1 1 \"20260102 00:00:00\" 0 0\n"
        "h2 [2001:db8::1] 443 h3 [2001:db8::1] 1 \"20260102 00:00:00\" 0 0\n"
        "h2 [fe80::1%eth0] 443 h3 [fe80::1%eth0] 1 \"20260102 00:00:00\" 0 0\n"
        "h2 a.example 443 h3 a.example 443 \"20260102 00:00:00\" 0 0\n"
        "h2 a.example 443 h2 b.example 8443 \"20260102 00:00:00\" 1 0\n");
}

TEST_CASE("SB-75 alt-svc: the final dot and the case of a host make no other origin") {
  World world;
  world.note("https://A.Example./", "h3=\"B.Example.:443\"");
  CHECK(world.found("https://a.example/") == "h3 b.example:443;");
  CHECK(world.found("https://a.EXAMPLE./") == "h3 b.example:443;");
  CHECK(world.store.load("h2 A.EXAMPLE. 443 h3 b.example. 443 \"20270101 00:00:00\" 0 0\n", kNow) == 0);
  CHECK(world.store.size() == 1);
  CHECK(world.found("https://a.example/") == "h3 b.example:443;");
}

TEST_CASE("alt-svc: a response replaces what was known, and clear removes it") {
  World world;
  const char* const url = "https://a.example/";
  const std::string old = "h3 a.example:1;h3 a.example:2;";
  const auto begin = [&] { world.note(url, "h3=\":1\", h3=\":2\""); };
  begin();
  CHECK(world.found(url) == old);
  world.note(url, {{"Date", "x"}});
  CHECK(world.found(url) == old);
  world.note(url, "h2=\":3\"");
  CHECK(world.found(url) == "h2 a.example:3;");
  for (const char* value : {"clear", "clear, h3=\":4\"", "h3=\":4\", clear", "h3=\":4\"; ma=0", "h4=\":4\"", "", "x"}) {
    CAPTURE(value);
    begin();
    world.note(url, value);
    CHECK(world.found(url) == "");
    CHECK(world.store.size() == 0);
    world.note(url, value);
    CHECK(world.store.size() == 0);
  }
  // Several fields are one list.
  world.note(url, {{"Alt-Svc", "h3=\":1\""}, {"x", "clear"}, {"alt-svc", "h2=\":2\""}});
  CHECK(world.found(url) == "h3 a.example:1;h2 a.example:2;");
  world.note(url, {{"Alt-Svc", "h3=\":1\""}, {"Alt-Svc", "clear"}, {"Alt-Svc", "h3=\":2\""}});
  CHECK(world.found(url) == "");
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 1; i <= 100; ++i) many.emplace_back("Alt-Svc", "h3=\":" + std::to_string(i) + "\"");
  world.note(url, many);
  CHECK(world.store.find(*Url::parse(url), kNow).size() == kMaxAlternatives);
}

TEST_CASE("alt-svc: an alternative expires after ma seconds, less the age of the response (RFC 7838 3.1)") {
  const struct {
    std::string max_age, age;
    UnixSeconds now, last;  // the last second at which it is found
  } rows[] = {
      {"1", "", kNow, kNow},
      {"60", "", kNow, kNow + 59},
      {"60", "30", kNow, kNow + 29},
      {"60", "59", kNow, kNow},
      {"60", "x", kNow, kNow + 59},
      {"60", "-1", kNow, kNow + 59},
      {"251635075199", "", kNow, 253'402'300'798},
      {"251635075200", "", kNow, 253'402'300'798},
      {"9223372036854775808", "", kNow, 253'402'300'798},
      {"9223372036854775807", "1", kNow, 253'402'300'798},
      {"100", "", -1'000, -901},
      {"9223372036854775807", "", std::numeric_limits<UnixSeconds>::min(), 253'402'300'798},
      {"100", "", std::numeric_limits<UnixSeconds>::min(), std::numeric_limits<UnixSeconds>::min() + 99},
  };
  for (const auto& row : rows) {
    CAPTURE(row.max_age);
    CAPTURE(row.age);
    World world;
    world.now = row.now;
    world.note("https://a.example/", {{"Alt-Svc", "h3=\":443\"; ma=" + row.max_age}, {"Age", row.age}});
    CHECK(world.found("https://a.example/") == "h3 a.example:443;");
    world.now = row.last;
    CHECK(world.found("https://a.example/") == "h3 a.example:443;");
    world.now = row.last + 1;
    CHECK(world.found("https://a.example/") == "");
    CHECK(world.save() == "");
  }
  World world;
  for (const char* age : {"60", "61", "9223372036854775807", "99999999999999999999"}) {
    CAPTURE(age);
    world.note("https://a.example/", {{"Alt-Svc", "h3=\":443\"; ma=60"}, {"Age", age}});
    CHECK(world.store.size() == 0);
  }
  world.now = kMost;
  world.note("https://a.example/", "h3=\":443\"");
  CHECK(world.found("https://a.example/") == "");
  // Each has its own end.
  world.now = kNow;
  world.note("https://a.example/", "h3=\":1\"; ma=5, h3=\":2\"; ma=9, h3=\":3\"; ma=7");
  world.now = kNow + 7;
  CHECK(world.found("https://a.example/") == "h3 a.example:2;");
}

TEST_CASE("alt-svc: the file of curl --alt-svc, there and back") {
  const std::string text = kHead +
                           "h2 [2001:db8::1] 443 h3 [2001:db8::2] 443 \"20301231 00:00:00\" 0 0\n"
                           "h2 example.com 443 h3 shiny.example.com 443 \"20261231 00:00:00\" 1 0\n"
                           "h1 example.com 443 h1 other.example.com 8443 \"99991231 23:59:59\" 0 0\n"
                           "h3 example.com 8443 h2 192.0.2.1 1 \"20260101 00:00:01\" 0 0\n";
  World world;
  CHECK(world.store.load(text, kNow) == 0);
  CHECK(world.store.size() == 3);
  CHECK(world.store.save(kNow) == text);
  CHECK(world.found("https://example.com/") == "h3 shiny.example.com:443 persist;h1 other.example.com:8443;");
  CHECK(world.found("https://[2001:db8::1]/") == "h3 2001:db8::2:443;");
  CHECK(world.found("https://example.com:8443/") == "h2 192.0.2.1:1;");
  world.now = 1'798'675'199;  // 2026-12-30 23:59:59
  CHECK(world.found("https://example.com:8443/") == "");
  CHECK(world.found("https://example.com/").starts_with("h3 shiny"));
  world.now += 86'401;
  CHECK(world.found("https://example.com/") == "h1 other.example.com:8443;");
  World noted;
  noted.note("https://a.example/", {{"Alt-Svc", "http%2F1.1=\":1\", h2=\":2\", h3=\":3\""}}, AltProtocol::h1);
  noted.note("https://b.example/", {{"Alt-Svc", "h3=\":3\""}}, AltProtocol::h3);
  CHECK(noted.save() ==
        "h1 a.example 443 h1 a.example 1 \"20260102 00:00:00\" 0 0\n"
        "h1 a.example 443 h2 a.example 2 \"20260102 00:00:00\" 0 0\n"
        "h1 a.example 443 h3 a.example 3 \"20260102 00:00:00\" 0 0\n"
        "h3 b.example 443 h3 b.example 3 \"20260102 00:00:00\" 0 0\n");
}

TEST_CASE("alt-svc: lines of a file that are taken, and that are skipped") {
  const std::string good = "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0";
  const std::pair<std::string, std::string> taken[] = {
      {good, good + "\n"},
      {" \th2\ta.example  443 h3 b.example 443 \"20270101\t00:00:00\" 0 0 \t\r", good + "\n"},
      {"h2 A.Example. 443 h3 B.EXAMPLE. 443 \"20270101 00:00:00\" 0 0", good + "\n"},
      {"h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 7", good + "\n"},
      {"h2 a.example 0443 h3 b.example 443 \"20270101 00:00:00\" 00 0", good + "\n"},
      {"h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 1 0",
       "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 1 0\n"},
      {"h2 a.example 443 h3 b.example 443 \"99991231 23:59:59\" 0 0",
       "h2 a.example 443 h3 b.example 443 \"99991231 23:59:59\" 0 0\n"},
      {"h2 a.example 443 h3 b.example 443 \"20260101 00:00:00\" 0 0", ""},  // it has expired
      {"h2 a.example 443 h3 b.example 443 \"00000101 00:00:00\" 0 0", ""},
      {"# " + good, ""},
      {" \t#", ""},
      {"", ""},
      {" \t\r", ""},
  };
  for (const auto& [line, saved] : taken) {
    CAPTURE(line);
    World world;
    CHECK(world.store.load(line, kNow) == 0);
    CHECK(world.store.size() == (saved.empty() ? 0 : 1));
    CHECK(world.save() == saved);
  }
  for (const std::string line : {
           "h2",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0 0",
           "h2 a.example 443 h3 b.example 443 20270101 00:00:00 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00 0 0",
           "h2 a.example 443 h3 b.example 443 20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \" 20270101 00:00:00\" 0",
           "h2 a.example 443 h3 b.example 443 '20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00' 0 0",
           "h2 a.example 443 h3 b.example 443 \"\" \"\" 0 0",
           "h2 a.example 443 h3 b.example 443 \" \" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"2027010 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"2027010x 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20271301 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270229 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 24:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00-00:00\" 0 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" x 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" -1 0",
           "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 x",
           "h4 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "H2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h9 b.example 443 \"20270101 00:00:00\" 0 0",
           "http/1.1 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a..example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 .a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b/x 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 .b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 ::1 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 [a.example] 443 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 0 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 65536 h3 b.example 443 \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 0 \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example x \"20270101 00:00:00\" 0 0",
           "h2 a.example 443 h3 b.example 70000 \"20270101 00:00:00\" 0 0",
       }) {
    CAPTURE(line);
    World world;
    CHECK(world.store.load(line + "\n" + good + "\n" + line, kNow) == 2);
    CHECK(world.save() == good + "\n");
  }
  for (std::size_t size = 1; size < good.size(); ++size) {
    CAPTURE(size);
    World world;
    CHECK(world.store.load(good.substr(0, size), kNow) == 1);
  }
}

TEST_CASE("alt-svc: a long line is skipped whole") {
  World world;
  const std::string head = "h2 a.example 443 h3 b.example 443 \"20270101 00:00:00\" 0 ";
  const auto line = [&](std::size_t size) { return head + std::string(size - head.size(), '0'); };
  CHECK(world.store.load(line(kMaxAltSvcLineBytes + 1), kNow) == 1);
  CHECK(world.store.size() == 0);
  CHECK(world.store.load(line(kMaxAltSvcLineBytes), kNow) == 0);
  CHECK(world.store.size() == 1);
  CHECK(world.store.load(std::string(1'000'000, 'x'), kNow) == 1);
  CHECK(world.store.load(std::string(1'000'000, '\n'), kNow) == 0);
}

TEST_CASE("alt-svc: a file adds to what is known, and of two that are the same the one counts that expires last") {
  World world;
  const auto line = [](const std::string& port, const std::string& year) {
    return "h2 a.example 443 h3 a.example " + port + " \"" + year + "0101 00:00:00\" 0 0\n";
  };
  CHECK(world.store.load(line("1", "2030") + line("2", "2030") + line("1", "2031") + line("2", "2029"), kNow) == 0);
  CHECK(world.save() == line("1", "2031") + line("2", "2030"));
  CHECK(world.store.load(line("3", "2035") + line("2", "2030"), kNow) == 0);
  CHECK(world.save() == line("1", "2031") + line("2", "2030") + line("3", "2035"));
  // The protocol and the host tell alternatives apart too.
  CHECK(world.store.load("h2 a.example 443 h2 a.example 1 \"20300101 00:00:00\" 0 0\n", kNow) == 0);
  CHECK(world.store.load("h2 a.example 443 h3 b.example 1 \"20300101 00:00:00\" 0 0\n", kNow) == 0);
  CHECK(world.found("https://a.example/") ==
        "h3 a.example:1;h3 a.example:2;h3 a.example:3;h2 a.example:1;h3 b.example:1;");
  for (int port = 10; port < 30; ++port) CHECK(world.store.load(line(std::to_string(port), "2030"), kNow) == 0);
  CHECK(world.store.find(*Url::parse("https://a.example/"), kNow).size() == kMaxAlternatives);
  CHECK(world.found("https://a.example/").ends_with("h3 a.example:10;h3 a.example:11;h3 a.example:12;"));
  world.note("https://a.example/", "h3=\":5\"; ma=10");
  CHECK(world.found("https://a.example/") == "h3 a.example:5;");
}

TEST_CASE("alt-svc: past its limit the store loses the origin that expires first") {
  World world;
  const auto url = [](std::size_t i) { return "https://h" + std::to_string(i) + ".example/"; };
  const auto value = [](std::size_t max_age) { return "h3=\":1\"; ma=5, h3=\":2\"; ma=" + std::to_string(max_age); };
  for (std::size_t i = 0; i < kMaxAltSvcOrigins; ++i) world.note(url(i), value(1'000 + i));
  CHECK(world.store.size() == kMaxAltSvcOrigins);
  CHECK(world.found(url(0)) != "");
  world.note(url(0), value(1'000'000));  // no longer the first
  world.note("https://new.example/", value(5'000));
  CHECK(world.store.size() == kMaxAltSvcOrigins);
  CHECK(world.found(url(0)) != "");
  CHECK(world.found(url(1)) == "");
  CHECK(world.found("https://new.example/") != "");
  world.note("https://short.example/", value(1));
  CHECK(world.store.size() == kMaxAltSvcOrigins);
  CHECK(world.found("https://short.example/") == "");
  world.note(url(2), "clear");
  CHECK(world.store.size() == kMaxAltSvcOrigins - 1);
  world.note("https://short.example/", value(1));
  CHECK(world.found("https://short.example/") != "");

  World loaded;
  const std::string late = "h2 late.example 443 h3 late.example 443 \"20300101 00:00:00\" 0 0\n";
  CHECK(loaded.store.load(world.save() + late, kNow) == 0);
  CHECK(loaded.store.size() == kMaxAltSvcOrigins);
  CHECK(loaded.found("https://late.example/") != "");
  CHECK(loaded.found("https://short.example/") == "");
  CHECK(loaded.store.dropped() == 1);
}
