// EngineOptions::address_rule: about which addresses an engine asks, when, and what follows.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/address_rule.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// Records the questions.
struct ScriptedRule final : AddressRule {
  Answer ask(const Question& question) override {
    asked.push_back(std::string(question.host) + ':' + std::to_string(question.port) + ' ' +
                    question.address.to_string() + (question.is_proxy ? " proxy" : ""));
    const auto found = answers.find(question.address.to_string());
    return found != answers.end() ? found->second : Answer{};
  }
  void forbid(const std::string& address) { answers[address] = {.kind = Answer::Kind::forbid}; }
  void replace(const std::string& address, const std::string& by) {
    answers[address] = {.kind = Answer::Kind::replace, .replacement = *IpAddress::parse(by)};
  }
  std::string take() {
    std::string all;
    for (const std::string& one : std::exchange(asked, {})) all += (all.empty() ? "" : "; ") + one;
    return all;
  }
  std::map<std::string, Answer> answers;
  std::vector<std::string> asked;
};

struct RuledWorld : EngineWorld {
  RuledWorld() : RuledWorld(std::make_shared<ScriptedRule>(), {}) {}
  RuledWorld(std::shared_ptr<ScriptedRule> by, EngineOptions options)
      : EngineWorld((options.address_rule = by, std::move(options))), rule(std::move(by)) {}
  std::string text_of(TransferId id) {
    REQUIRE(done(id));
    return results.at(id).error().message();
  }
  std::string connected_to(std::size_t index) { return connects.at(index).address.to_string(); }
  std::shared_ptr<ScriptedRule> rule;
};

void refuse_last(EngineWorld& world) {
  world.io_error(newest(world), Code::connect_failed,
                 "connect to " + world.connects.back().address.to_string() + ": connection refused");
}

}  // namespace

TEST_CASE("forbidden: each address is asked about right before it is connected to, and no other") {
  RuledWorld world;
  world.add("http://example.org:8080/");
  CHECK(world.rule->take() == "");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3"});
  CHECK(world.rule->take() == "example.org:8080 192.0.2.1");
  world.pass(250ms);
  CHECK(world.rule->take() == "example.org:8080 192.0.2.2");
  go(world);
  CHECK(world.rule->take() == "");
  // A connection that exists is used without a question; a new one is not made without.
  TransferOptions fresh;
  fresh.fresh_connection = true;
  world.add("http://example.org:8080/", fresh);
  CHECK(world.rule->take() == "example.org:8080 192.0.2.1");
}

TEST_CASE("forbidden: an address that is forbidden is passed over without a delay") {
  RuledWorld world;
  world.rule->forbid("192.0.2.1");
  world.rule->forbid("192.0.2.3");
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"192.0.2.2", "192.0.2.3", "192.0.2.4"});
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connected_to(0) == "192.0.2.2:80");
  world.pass(250ms);
  REQUIRE(world.connects.size() == 2);
  CHECK(world.connected_to(1) == "192.0.2.4:80");
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.succeeded(id));
  CHECK(world.engine.info(id).addresses_tried == 2);
  check_nothing_left(world);
}

TEST_CASE("forbidden: where all are, the error names the host and each address, and comes after the call") {
  RuledWorld world;
  world.rule->forbid("192.0.2.1");
  world.rule->forbid("2001:db8::1");
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1", {"2001:db8::1"});
  CHECK(world.connects.empty());
  CHECK_FALSE(world.done(id));
  world.pass(Duration::zero());
  CHECK(world.failure(id) == Code::address_forbidden);
  CHECK(world.results.at(id).error().blame == Blame::caller);
  CHECK(world.text_of(id) ==
        "GET http://example.org/: example.org:80: connect to 192.0.2.1:80: forbidden by the address rule; connect to "
        "[2001:db8::1]:80: forbidden by the address rule");
  check_nothing_left(world);

  const TransferId literal = world.add("http://192.0.2.1:81/");
  CHECK_FALSE(world.done(literal));
  world.pass(Duration::zero());
  CHECK(world.failure(literal) == Code::address_forbidden);
  CHECK(world.text_of(literal) == "GET http://192.0.2.1:81/: connect to 192.0.2.1:81: forbidden by the address rule");
  check_nothing_left(world);
}

TEST_CASE("forbidden: beside one that failed, the failure is told, and the text has both") {
  RuledWorld world;
  world.rule->forbid("192.0.2.2");
  for (const bool forbidden_first : {true, false}) {
    const TransferId id = world.add("http://example" + std::to_string(forbidden_first) + ".org/");
    if (forbidden_first) world.resolved("192.0.2.2", {"192.0.2.1"});
    if (!forbidden_first) world.resolved("192.0.2.1", {"192.0.2.2"});
    refuse_last(world);
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::connect_failed);
    CHECK(world.text_of(id).find("192.0.2.2:80: forbidden by the address rule") != std::string::npos);
    CHECK(world.text_of(id).find("192.0.2.1:80: connection refused") != std::string::npos);
  }
  check_nothing_left(world);
}

TEST_CASE("forbidden: the rest of an answer may have an address that is allowed") {
  RuledWorld world;
  world.rule->forbid("2001:db8::1");
  const TransferId id = world.add("http://example.org/");
  const ResolveId asked = world.resolves.at(0).id;
  world.engine.handle_resolved(asked, NameAnswer({*IpAddress::parse("2001:db8::1")}, {}, true), world.now);
  world.drain();
  CHECK(world.connects.empty());
  world.pass(1s);
  CHECK_FALSE(world.done(id));
  SUBCASE("it has") {
    world.engine.handle_resolved(asked, NameAnswer({*IpAddress::parse("2001:db8::1"), *IpAddress::parse("192.0.2.1")}),
                                 world.now);
    world.drain();
    REQUIRE(world.connects.size() == 1);
    CHECK(world.connected_to(0) == "192.0.2.1:80");
  }
  SUBCASE("it has not") {
    world.engine.handle_resolved(asked, NameAnswer({*IpAddress::parse("2001:db8::1")}), world.now);
    world.drain();
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::address_forbidden);
    check_nothing_left(world);
  }
}

TEST_CASE("forbidden: an address may have another in its place, which is the one that is told") {
  RuledWorld world;
  world.rule->replace("192.0.2.1", "2001:db8::7");
  const TransferId id = world.add("http://example.org/");
  world.resolved("192.0.2.1");
  CHECK(world.connected_to(0) == "[2001:db8::7]:80");
  CHECK(world.rule->take() == "example.org:80 192.0.2.1");  // and nothing of the other
  go(world);
  world.receive(newest(world), answer("x"));
  CHECK(world.engine.info(id).address.to_string() == "[2001:db8::7]:80");
}

TEST_CASE("forbidden: known addresses and connect_to are asked about, too") {
  EngineOptions options;
  options.known_addresses = {{"known.test", 80, {*IpAddress::parse("192.0.2.5")}}};
  RuledWorld world(std::make_shared<ScriptedRule>(), options);
  world.add("http://known.test/");
  CHECK(world.rule->take() == "known.test:80 192.0.2.5");
  TransferOptions elsewhere;
  elsewhere.connect_to = ConnectTo{"192.0.2.6", 81};
  world.add("http://known.test/", elsewhere);
  CHECK(world.rule->take() == "192.0.2.6:81 192.0.2.6");
}

TEST_CASE("SB-90 forbidden: each hop is asked about, and so is each retry, whatever the name had before") {
  RuledWorld world;
  world.rule->forbid("127.0.0.1");
  TransferOptions options;
  options.redirects = RedirectOptions{};
  const TransferId id = world.add("http://example.org/", options);
  world.resolved("192.0.2.1");
  world.receive(go(world), "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/admin\r\nContent-Length: 0\r\n\r\n");
  world.pass(Duration::zero());
  CHECK(world.failure(id) == Code::address_forbidden);
  CHECK(world.connects.size() == 1);

  TransferOptions patient;
  patient.retries = RetryOptions{.max_retries = 3};
  const TransferId again = world.add("http://rebinds.test/", patient);
  world.engine.handle_resolved(world.resolves.back().id, NameAnswer({*IpAddress::parse("192.0.2.9")}, Duration::zero()),
                               world.now);
  world.drain();
  world.receive(go(world), "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  world.pass(60s);
  world.engine.handle_resolved(world.resolves.back().id, NameAnswer({*IpAddress::parse("127.0.0.1")}, Duration::zero()),
                               world.now);
  world.drain();
  world.pass(Duration::zero());
  CHECK(world.failure(again) == Code::address_forbidden);  // which is not tried again
  CHECK(world.connects.size() == 2);
}

TEST_CASE("forbidden: of a proxy its own address, and what it is asked to lead to, where that is known here") {
  RuledWorld world;
  world.rule->forbid("192.0.2.7");
  SUBCASE("the proxy") {
    world.rule->forbid("192.0.2.99");
    const TransferId id = world.add("http://example.org/", through(proxy_at(ProxyKind::http)));
    CHECK(world.rule->take() == "192.0.2.99:3128 192.0.2.99 proxy");
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::address_forbidden);
  }
  SUBCASE("a literal in a tunnel") {
    Proxy proxy = proxy_at(ProxyKind::http);
    proxy.tunnel = true;
    const TransferId id = world.add("http://192.0.2.7/", through(proxy));
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::address_forbidden);
    CHECK(world.connects.empty());
    world.add("http://192.0.2.8/", through(proxy));
    CHECK(world.connects.size() == 1);
    world.rule->replace("192.0.2.9", "192.0.2.10");  // cannot be done there
    const TransferId replaced = world.add("http://192.0.2.9/", through(proxy));
    world.pass(Duration::zero());
    CHECK(world.failure(replaced) == Code::address_forbidden);
  }
  SUBCASE("a literal for SOCKS5 with names") {
    const TransferId id = world.add("http://192.0.2.7/", through(proxy_at(ProxyKind::socks5h)));
    world.pass(Duration::zero());
    CHECK(world.failure(id) == Code::address_forbidden);
    CHECK(world.text_of(id) == "GET http://192.0.2.7/: connect to 192.0.2.7:80: forbidden by the address rule");
  }
  SUBCASE("a request that it forwards, also on a connection that exists") {
    const TransferOptions options = through(proxy_at(ProxyKind::http));
    const TransferId first = world.add("http://192.0.2.8/", options);
    world.receive(go(world), answer("x"));
    CHECK(world.succeeded(first));
    const TransferId id = world.add("http://192.0.2.7/", options);
    CHECK(world.failure(id) == Code::address_forbidden);
    CHECK(world.sent(newest(world)) == "");
    const TransferId name = world.add("http://example.org/", options);  // the connection is as good as before
    world.sent(newest(world));
    world.receive(newest(world), answer("x"));
    CHECK(world.succeeded(name));
    CHECK(world.connects.size() == 1);
  }
  SUBCASE("an address that is looked up here for SOCKS: the first that is allowed is given") {
    const TransferId id = world.add("http://example.org/", through(proxy_at(ProxyKind::socks5)));
    world.resolved("192.0.2.7", {"192.0.2.8"});
    const ConnId conn = newest(world);
    world.connected(conn);
    world.sent(conn);
    world.receive(conn, "\5\0"s);
    CHECK(world.sent(conn) == "\5\1\0\1\300\0\2\10\0\120"s);
    CHECK_FALSE(world.done(id));
    const TransferId none = world.add("http://other.test/", through(proxy_at(ProxyKind::socks5)));
    world.resolved("192.0.2.7");
    world.pass(Duration::zero());
    CHECK(world.failure(none) == Code::address_forbidden);
    CHECK(world.text_of(none) ==
          "GET http://other.test/: connect to other.test:80: forbidden by the address rule: 192.0.2.7");
  }
  SUBCASE("a name that the proxy looks up cannot be checked") {
    const TransferId id = world.add("http://example.org/", through(proxy_at(ProxyKind::socks5h)));
    CHECK(world.rule->take() == "192.0.2.99:3128 192.0.2.99 proxy");
    CHECK_FALSE(world.done(id));
  }
}

TEST_CASE("forbidden: the ready rule in an engine") {
  EngineOptions options;
  options.address_rule = forbid_private_addresses();
  EngineWorld world(options);
  const TransferId id = world.add("http://rebinds.test/");
  world.resolved("127.0.0.1", {"10.0.0.1", "8.8.8.8"});
  REQUIRE(world.connects.size() == 1);
  CHECK(world.connects[0].address.to_string() == "8.8.8.8:80");
  CHECK_FALSE(world.done(id));
}

TEST_CASE("SB-90 forbidden: a replacement that is no address lets nothing pass") {
  RuledWorld world;
  world.rule->answers["192.0.2.1"] = {.kind = AddressRule::Answer::Kind::replace};
  const TransferId id = world.add("http://192.0.2.1/");
  world.pass(0s);
  CHECK(world.connects.empty());
  CHECK(world.failure(id) == Code::address_forbidden);
  check_nothing_left(world);
}
