// The resolver with the test's own DNS server on loopback, and without any network.
#include "adapters/resolver/resolver.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "adapters/net/clock.hpp"
#include "tests/support/dns_server.hpp"

using namespace sluice;
using namespace std::chrono_literals;

namespace {

IpAddress ip(const char* literal) { return *IpAddress::parse(literal); }

// What it watches, checked as it changes: a watch ends before its descriptor is closed, and exactly once.
struct Watched {
  std::map<int, short> fds;
  int begun = 0, ended = 0;

  std::function<void(int, bool, bool)> sink() {
    return [this](int fd, bool read, bool write) {
      CHECK(::fcntl(fd, F_GETFD) >= 0);
      const auto wanted = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0));
      if (wanted == 0) {
        CHECK(fds.erase(fd) == 1);
        ++ended;
        return;
      }
      if (!fds.contains(fd)) ++begun;
      fds[fd] = wanted;
    };
  }
};

// One turn of a loop, for at most `longest`.
void turn(net::Resolver& resolver, const Watched& watched, std::chrono::milliseconds longest) {
  std::vector<pollfd> set;
  for (const auto& [fd, wanted] : watched.fds) set.push_back({fd, wanted, 0});
  const Instant now = net::read_steady();
  if (const auto deadline = resolver.deadline(now)) {
    longest = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*deadline - now), 0ms, longest);
  }
  ::poll(set.data(), set.size(), static_cast<int>(longest.count()));
  for (const pollfd& one : set) {
    if (one.revents != 0)
      resolver.process(one.fd, (one.revents & (POLLIN | POLLERR | POLLHUP)) != 0, (one.revents & POLLOUT) != 0);
  }
  resolver.process_timeouts();
}

net::Answer await_any(net::Resolver& resolver, const Watched& watched) {
  const Instant limit = net::read_steady() + 15s;
  for (;;) {
    if (auto answer = resolver.next_answer()) return std::move(*answer);
    REQUIRE(net::read_steady() < limit);
    turn(resolver, watched, 1000ms);
  }
}

// The whole answer.
net::Answer await_answer(net::Resolver& resolver, const Watched& watched) {
  for (;;) {
    net::Answer answer = await_any(resolver, watched);
    if (!answer.found || !answer.found->more_to_come) return answer;
  }
}

std::vector<IpAddress> addresses_of(const net::Answer& answer) {
  INFO((answer.found ? "" : answer.found.error().message()));
  REQUIRE(answer.found.has_value());
  auto sorted = answer.found->addresses;
  std::ranges::sort(sorted, {}, [](const IpAddress& address) { return address.to_string(); });
  return sorted;
}

output::Resolve question(const char* host, AddressFamily family = AddressFamily::any, std::uint32_t index = 0) {
  return {{index, 1}, host, family};
}

}  // namespace

TEST_CASE("Resolver knows localhost without asking anybody") {
  Watched watched;
  net::Resolver resolver({.servers = "127.0.0.1:9", .watch = watched.sink(), .resolv_conf = ""});
  for (const char* name : {"localhost", "localhost.", "a.b.localhost"}) {
    resolver.start(question(name));
    CHECK(addresses_of(*resolver.next_answer()) == std::vector{ip("127.0.0.1"), ip("::1")});
    resolver.start(question(name, AddressFamily::ipv4));
    CHECK(addresses_of(*resolver.next_answer()) == std::vector{ip("127.0.0.1")});
    resolver.start(question(name, AddressFamily::ipv6));
    CHECK(addresses_of(*resolver.next_answer()) == std::vector{ip("::1")});
  }
  CHECK(watched.begun == 0);
}

TEST_CASE("Resolver reads /etc/hosts, and asks no server for what stands there") {
  // Whatever name this system's file has that RFC 6761 does not speak of.
  std::ifstream hosts("/etc/hosts");
  std::string line, literal, name, found;
  while (found.empty() && std::getline(hosts, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    if (words >> literal >> name && name != "localhost" && !name.ends_with(".localhost") && IpAddress::parse(literal))
      found = name;
  }
  if (found.empty()) {
    MESSAGE("no name but localhost in /etc/hosts: nothing to look up");
    return;
  }
  Watched watched;
  net::Resolver resolver({.servers = "127.0.0.1:9", .watch = watched.sink(), .resolv_conf = ""});
  resolver.start(question(found.c_str()));
  const auto answer = resolver.next_answer();
  REQUIRE(answer);
  const auto addresses = addresses_of(*answer);
  CHECK(std::ranges::find(addresses, ip(literal.c_str())) != addresses.end());
  CHECK(watched.begun == 0);
}

TEST_CASE("Resolver asks for A and AAAA, by family") {
  test::DnsServer dns(
      {{"both.test", {ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")}}, {"six.test", {ip("2001:db8::6")}}});
  Watched watched;
  {
    net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
    resolver.start(question("both.test"));
    CHECK(addresses_of(await_answer(resolver, watched)) ==
          std::vector{ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")});
    resolver.start(question("both.test", AddressFamily::ipv4));
    CHECK(addresses_of(await_answer(resolver, watched)) == std::vector{ip("192.0.2.1"), ip("192.0.2.2")});
    resolver.start(question("both.test", AddressFamily::ipv6));
    CHECK(addresses_of(await_answer(resolver, watched)) == std::vector{ip("2001:db8::1")});
    resolver.start(question("six.test"));
    CHECK(addresses_of(await_answer(resolver, watched)) == std::vector{ip("2001:db8::6")});
    CHECK(resolver.open_questions() == 0);
  }
  CHECK(watched.fds.empty());
  CHECK(watched.begun == watched.ended);
  CHECK(watched.begun > 0);
}

TEST_CASE("Resolver's failure says what was asked and what came back") {
  test::DnsServer dns({{"six.test", {ip("2001:db8::6")}}});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  resolver.start(question("no-such.example"));
  auto answer = await_answer(resolver, watched);
  REQUIRE_FALSE(answer.found.has_value());
  CHECK(answer.found.error().code == Code::resolve_failed);
  CHECK(answer.found.error().detail != 0);
  CHECK(answer.found.error().message() == "resolve no-such.example: Domain name not found");
  resolver.start(question("six.test", AddressFamily::ipv4));
  answer = await_answer(resolver, watched);
  REQUIRE_FALSE(answer.found.has_value());
  CHECK(answer.found.error().message().starts_with("resolve six.test: "));
}

TEST_CASE("Resolver gives no answer to a question that was canceled, and lets go of its descriptors") {
  test::DnsServer dns({{"a.test", {ip("192.0.2.9")}}});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  resolver.start(question("silent.test", AddressFamily::any, 0));
  resolver.start(question("silent.too.test", AddressFamily::any, 1));
  resolver.start(question("a.test", AddressFamily::ipv4, 2));
  CHECK(resolver.open_questions() == 3);
  resolver.cancel({0, 1});
  resolver.cancel({0, 1});
  resolver.cancel({1, 2});  // of another generation
  CHECK(resolver.open_questions() == 2);
  CHECK(await_answer(resolver, watched).id == ResolveId{2, 1});
  CHECK(resolver.open_questions() == 1);
  CHECK_FALSE(watched.fds.empty());
  CHECK(resolver.deadline(net::read_steady()).has_value());
  resolver.cancel({1, 1});
  CHECK(watched.fds.empty());
  CHECK_FALSE(resolver.deadline(net::read_steady()).has_value());
  CHECK_FALSE(resolver.next_answer().has_value());
  // An answer that nobody fetched yet.
  resolver.start(question("localhost"));
  resolver.cancel({0, 1});
  CHECK_FALSE(resolver.next_answer().has_value());
}

TEST_CASE(
    "SB-82 Resolver torn down with open questions closes each descriptor once, while their numbers are taken again") {
  test::DnsServer dns({});
  for (int round = 0; round < 20; ++round) {
    Watched watched;
    std::vector<int> taken;
    {
      net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
      for (std::uint32_t i = 0; i < 8; ++i)
        resolver.start(question(("silent." + std::to_string(i) + ".test").c_str(), AddressFamily::any, i));
      turn(resolver, watched, 0ms);
      CHECK_FALSE(watched.fds.empty());
      if (round % 2 == 1) {
        for (std::uint32_t i = 0; i < 8; ++i) resolver.cancel({i, 1});
        CHECK(watched.fds.empty());
        // The numbers are free now; a second close would hit these.
        for (int i = 0; i < 8; ++i) taken.push_back(::dup(0));
      }
    }
    CHECK(watched.fds.empty());
    CHECK(watched.begun == watched.ended);
    for (const int fd : taken) {
      CHECK(::fcntl(fd, F_GETFD) >= 0);
      ::close(fd);
    }
  }
}

TEST_CASE(
    "SB-86 Resolver: a broken answer, a cut connection or a refusal ends the look-up that it is for, and no other") {
  const std::vector<IpAddress> right = {ip("192.0.2.1"), ip("2001:db8::1")};
  std::map<std::string, std::vector<IpAddress>> names;
  for (int i = 0; i < 40; ++i) names["good" + std::to_string(i) + ".test"] = right;
  test::DnsServer dns(names);
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  std::map<std::uint32_t, bool> good;
  for (std::uint32_t i = 0; i < 40; ++i) {
    for (const std::string& host :
         {"broken.b" + std::to_string(i) + ".test", "good" + std::to_string(i) + ".test",
          "cut.c" + std::to_string(i) + ".test", "servfail.s" + std::to_string(i) + ".test"}) {
      const auto index = static_cast<std::uint32_t>(good.size());
      good[index] = host.starts_with("good");
      resolver.make_room();
      resolver.start(question(host.c_str(), AddressFamily::any, index));
    }
  }
  CHECK(resolver.open_questions() == good.size());
  CHECK(watched.fds.size() <= 2 * net::Resolver::kMostQueries);
  for (std::size_t left = good.size(); left > 0; --left) {
    const net::Answer answer = await_answer(resolver, watched);
    CAPTURE(answer.id.index);
    REQUIRE(answer.found.has_value() == good.at(answer.id.index));
    if (answer.found) CHECK(addresses_of(answer) == right);
  }
  CHECK(resolver.open_questions() == 0);
  CHECK(watched.fds.empty());
}

TEST_CASE("SB-86 Resolver: silent names in the line do not keep the others out for ever, and each has its turn") {
  std::map<std::string, std::vector<IpAddress>> names;
  for (int i = 0; i < 200; ++i) names["n" + std::to_string(i) + ".test"] = {ip("192.0.2.1")};
  test::DnsServer dns(names);
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  for (std::uint32_t i = 0; i < 8; ++i) {
    resolver.make_room();
    resolver.start(question(("silent." + std::to_string(i) + ".test").c_str(), AddressFamily::any, i));
  }
  for (std::uint32_t i = 8; i < 208; ++i) {
    resolver.make_room();
    resolver.start(question(("n" + std::to_string(i - 8) + ".test").c_str(), AddressFamily::any, i));
  }
  resolver.cancel({207, 1});  // still in the line
  std::size_t most = 0;
  for (int answers = 0; answers < 199; ++answers) {
    const net::Answer answer = await_answer(resolver, watched);
    CHECK(answer.id.index >= 8);
    CHECK(answer.found.has_value());
    most = std::max(most, watched.fds.size());
  }
  CHECK(most <= net::Resolver::kMostQueries);
  CHECK(resolver.open_questions() == 8);
}

TEST_CASE("Resolver answers with the family that is there, and does not wait for one whose answer never comes") {
  test::DnsServer dns({{"sixless.test", {ip("192.0.2.1"), ip("2001:db8::1")}},
                       {"fourless.test", {ip("192.0.2.1"), ip("2001:db8::1")}}});
  Watched watched;
  for (const char* name : {"sixless.test", "fourless.test"}) {
    CAPTURE(name);
    net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
    const Instant began = net::read_steady();
    resolver.start(question(name));
    const net::Answer answer = await_any(resolver, watched);
    REQUIRE(answer.found.has_value());
    CHECK(answer.found->more_to_come);
    CHECK(answer.found->addresses == std::vector{name[0] == 's' ? ip("192.0.2.1") : ip("2001:db8::1")});
    CHECK(net::read_steady() - began < 1500ms);
    CHECK(resolver.open_questions() == 1);
    resolver.cancel({0, 1});
    CHECK(watched.fds.empty());
  }
}

TEST_CASE("Resolver asks for HTTPS records where they are wanted, and gives the addresses without them") {
  test::DnsServer dns({{"recordless.test", {ip("192.0.2.1")}},
                       {"a.test", {ip("192.0.2.2")}},
                       {"recordfail.test", {ip("192.0.2.3")}},
                       {"sixless.test", {ip("192.0.2.4")}}});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  output::Resolve wish = question("a.test");
  wish.https_port = 443;
  resolver.start(wish);
  const net::Answer whole = await_answer(resolver, watched);
  CHECK(addresses_of(whole) == std::vector{ip("192.0.2.2")});
  CHECK(whole.found->https == nullptr);
  CHECK_FALSE(whole.found->https_to_come);
  CHECK_FALSE(whole.found->https_failed);
  CHECK(dns.questions() == 3);
  wish.host = "recordfail.test";
  resolver.start(wish);
  const net::Answer unknown = await_answer(resolver, watched);
  CHECK(addresses_of(unknown) == std::vector{ip("192.0.2.3")});
  CHECK(unknown.found->https_failed);
  // That there are none is told at once, so that nothing waits for them.
  wish.host = "sixless.test";
  resolver.start(wish);
  net::Answer early = await_any(resolver, watched);
  if (early.found && early.found->https_to_come) early = await_any(resolver, watched);
  CHECK(addresses_of(early) == std::vector{ip("192.0.2.4")});
  CHECK(early.found->more_to_come);
  CHECK_FALSE(early.found->https_to_come);
  resolver.cancel(wish.id);
  wish.host = "recordless.test";
  wish.id = {1, 1};
  resolver.start(wish);
  const net::Answer part = await_any(resolver, watched);
  CHECK(addresses_of(part) == std::vector{ip("192.0.2.1")});
  CHECK(part.found->more_to_come);
  CHECK(part.found->https_to_come);
  resolver.cancel(wish.id);
  CHECK(watched.fds.empty());
}

TEST_CASE("Resolver says whether a name does not exist, or could not be looked up now") {
  test::DnsServer dns({{"a.test", {ip("192.0.2.1")}}, {"servfail.test", {ip("192.0.2.1")}}});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  const auto is_absent = [&](const char* host, AddressFamily family) {
    resolver.start(question(host, family));
    const net::Answer answer = await_answer(resolver, watched);
    REQUIRE_FALSE(answer.found.has_value());
    return answer.found.error().name_absent;
  };
  CHECK(is_absent("nosuch.test", AddressFamily::any));
  CHECK(is_absent("a.test", AddressFamily::ipv6));
  CHECK_FALSE(is_absent("servfail.test", AddressFamily::any));
}

TEST_CASE("Resolver says how long an answer is good for") {
  test::DnsServer dns({{"a.test", {ip("192.0.2.1")}}, {"brief.test", {ip("192.0.2.1")}}});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  resolver.start(question("a.test", AddressFamily::ipv4));
  CHECK(await_answer(resolver, watched).found->ttl == std::optional<Duration>(60s));
  resolver.start(question("brief.test", AddressFamily::ipv4));
  CHECK(await_answer(resolver, watched).found->ttl == std::optional<Duration>(0s));
}

TEST_CASE("Resolver's failure says what a name server answered") {
  test::DnsServer dns({});
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  resolver.start(question("servfail.test"));
  CHECK(await_answer(resolver, watched).found.error().message() ==
        "resolve servfail.test: the name server 127.0.0.1 answered SERVFAIL");
  resolver.start(question("refused.test"));
  CHECK(await_answer(resolver, watched).found.error().message() ==
        "resolve refused.test: the name server 127.0.0.1 answered REFUSED");
}

TEST_CASE("Resolver asks the next server at once where the first one is down") {
  test::DnsServer dns({{"a.test", {ip("192.0.2.1"), ip("2001:db8::1")}}});
  std::string nobody;
  {
    test::DnsServer gone({});
    nobody = gone.address();
  }
  Watched watched;
  net::Resolver resolver({.servers = nobody + "," + dns.address(), .watch = watched.sink(), .resolv_conf = ""});
  const Instant began = net::read_steady();
  resolver.start(question("a.test"));
  CHECK(addresses_of(await_answer(resolver, watched)) == std::vector{ip("192.0.2.1"), ip("2001:db8::1")});
  CHECK(net::read_steady() - began < 1500ms);
  net::Resolver alone({.servers = nobody, .watch = watched.sink(), .resolv_conf = ""});
  alone.start(question("a.test"));
  CHECK(await_answer(alone, watched).found.error().message() ==
        "resolve a.test: the name server 127.0.0.1: Connection refused");
}

TEST_CASE("SB-85 Resolver goes by resolv.conf: domains, the root among them, and none for a whole name") {
  test::DnsServer dns({{"host.corp.test", {ip("192.0.2.1")}},
                       {"host", {ip("192.0.2.2")}},
                       {"other", {ip("192.0.2.3")}},
                       {"www.example.test", {ip("192.0.2.4")}},
                       {"www.example.test.corp.test", {ip("192.0.2.5")}}});
  const std::string path = "/tmp/sluice-resolv-" + std::to_string(::getpid()) + ".conf";
  std::ofstream(path) << "search corp.test .\noptions ndots:5 timeout:1 attempts:1\n";
  Watched watched;
  net::Resolver resolver({.servers = dns.address(), .watch = watched.sink(), .resolv_conf = path});
  const auto found = [&](const char* host) {
    resolver.start(question(host, AddressFamily::ipv4));
    const net::Answer answer = await_answer(resolver, watched);
    return answer.found ? answer.found->addresses.front().to_string() : answer.found.error().message();
  };
  CHECK(found("host") == "192.0.2.1");
  CHECK(found("host.") == "192.0.2.2");
  CHECK(found("other") == "192.0.2.3");
  CHECK(found("www.example.test") == "192.0.2.5");
  CHECK(found("www.example.test.") == "192.0.2.4");
  CHECK(found("nothing") == "resolve nothing: Domain name not found");
  const Instant began = net::read_steady();
  CHECK(found("silent.test.") == "resolve silent.test.: no name server answered in time");
  CHECK(net::read_steady() - began < 2500ms);
  ::unlink(path.c_str());
}
