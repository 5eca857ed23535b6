// core/pool/endpoint, core/pool/pool: what identifies an endpoint, what is known about it, and how long it is
// remembered.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/unit/pool/pool_bench.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;
using pool::Endpoint;
using pool::EndpointId;
using pool::UnusedList;

struct NamedRoute : Route {
  explicit NamedRoute(std::string identity, std::string name = "a route")
      : Route(std::move(identity), std::move(name), 0) {}
};

// A configuration of which only the identity matters.
struct NumberedTls : TlsConfig {
  explicit NumberedTls(std::uint8_t number) : TlsConfig({}, {number}) {}
};

std::string key_of(std::string_view url, const TransferOptions& options = {}, const TlsConfig* tls = nullptr) {
  std::string key = "not empty";
  pool::endpoint_key(Request(good(url)), options, tls, {}, key);
  return key;
}
TransferOptions other_place(std::string host, std::uint16_t port) {
  TransferOptions options;
  options.connect_to = ConnectTo{std::move(host), port};
  return options;
}
TransferOptions by(std::shared_ptr<Route> route) {
  TransferOptions options;
  options.route = std::move(route);
  return options;
}
TransferOptions in(AddressFamily family) {
  TransferOptions options;
  options.family = family;
  return options;
}

TEST_CASE("endpoints: each part of a key matters") {
  const NumberedTls tls1(1), tls2(2);
  const auto unnamed = std::make_shared<NamedRoute>(""), other_unnamed = std::make_shared<NamedRoute>("");
  TransferOptions to_and_by = by(std::make_shared<NamedRoute>("r"));
  to_and_by.connect_to = ConnectTo{"b", 80};
  const std::vector<std::string> all = {
      key_of("http://a/"),
      key_of("http://b/"),
      key_of("http://a.b/"),
      key_of("http://a:81/"),
      key_of("http://a:443/"),
      key_of("https://a/", {}, &tls1),
      key_of("https://a/", {}, &tls2),
      key_of("https://a:80/", {}, &tls1),
      key_of("http://[fe80::1]/"),
      key_of("http://[fe80::1%25eth0]/"),
      key_of("http://[fe80::1%25eth1]/"),
      key_of("http://a/", other_place("b", 80)),
      key_of("http://a/", other_place("b", 81)),
      key_of("http://a/", other_place("c", 80)),
      key_of("http://a/", other_place("a", 80)),
      key_of("http://b/", other_place("a", 80)),
      key_of("http://a/", in(AddressFamily::ipv4)),
      key_of("http://a/", in(AddressFamily::ipv6)),
      key_of("http://a/", by(std::make_shared<NamedRoute>("r"))),
      key_of("http://a/", by(std::make_shared<NamedRoute>("rr"))),
      key_of("http://a/", to_and_by),
      key_of("http://a/", by(unnamed)),
      key_of("http://a/", by(other_unnamed)),
  };
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
}

TEST_CASE("endpoints: what is alike in these is the same place") {
  const NumberedTls tls(1), same_tls(1);
  CHECK(key_of("http://a/") == key_of("http://user:secret@A:80/path?query#fragment"));
  CHECK(key_of("https://a/", {}, &tls) == key_of("https://a/", {}, &same_tls));
  CHECK(key_of("http://a/", other_place("b", 81)) == key_of("http://a/", other_place("b", 81)));
  const auto route = std::make_shared<NamedRoute>("");
  CHECK(key_of("http://a/", by(route)) == key_of("http://a/", by(route)));
  CHECK(key_of("http://a/", by(std::make_shared<NamedRoute>("r"))) ==
        key_of("http://a/", by(std::make_shared<NamedRoute>("r", "other"))));
  Request post("POST", good("http://a/x"));
  std::string key;
  pool::endpoint_key(post, {}, nullptr, {}, key);
  CHECK(key == key_of("http://a/"));
  TransferOptions options;
  options.total_timeout = std::chrono::seconds(1);
  options.fresh_connection = true;
  CHECK(key_of("http://a/", options) == key_of("http://a/"));
}

TEST_CASE("endpoints: one is made for a place, and found again") {
  PoolBench bench;
  Endpoint& a = bench.at("http://a.test/");
  CHECK(bench.pool.find(a.id) == &a);
  CHECK(&bench.at("http://a.test/other") == &a);
  Endpoint& b = bench.at("http://a.test:81/");
  CHECK(&b != &a);
  CHECK(a.unused());
  const EndpointId id = a.id;
  bench.pool.forget(a);
  CHECK(bench.pool.find(id) == nullptr);
  CHECK(bench.at("http://a.test/").id != id);
}

TEST_CASE("endpoints: the place is the URL's, or another; who must be there is the URL's") {
  PoolBench bench;
  const Endpoint& plain = bench.at("http://[fe80::1%25eth0]:81/");
  CHECK(plain.destination.host == "fe80::1");
  CHECK(plain.destination.zone == "eth0");
  CHECK(plain.destination.port == 81);
  CHECK(plain.destination.family == AddressFamily::any);
  CHECK(plain.destination.route == nullptr);
  CHECK(plain.peer.kind == HostKind::ipv6);
  CHECK(plain.peer.tls == nullptr);
  TransferOptions options = other_place("backend.test", 8080);
  options.family = AddressFamily::ipv6;
  options.route = std::make_shared<NamedRoute>("r");
  const auto tls = std::make_shared<const NumberedTls>(std::uint8_t{1});
  const Endpoint& elsewhere = bench.pool.endpoint_for(Request(good("https://[fe80::1%25eth0]/")), options, tls);
  CHECK(elsewhere.destination.host == "backend.test");
  CHECK(elsewhere.destination.zone.empty());
  CHECK(elsewhere.destination.port == 8080);
  CHECK(elsewhere.destination.family == AddressFamily::ipv6);
  CHECK(elsewhere.destination.route == options.route);
  CHECK(elsewhere.peer.host == "fe80::1");
  CHECK(elsewhere.peer.port == 443);
  CHECK(elsewhere.peer.tls == tls);
  const Endpoint& whole_name = bench.at("http://a.test./");
  CHECK(whole_name.peer.host == "a.test");          // as certificates have it
  CHECK(whole_name.destination.host == "a.test.");  // as resolvers must have it
}

TEST_CASE("endpoints: what messages say of a place") {
  const auto place = [](std::string host, std::shared_ptr<Route> route = {}) {
    return pool::Destination{
        .host = std::move(host), .zone = {}, .port = 443, .family = AddressFamily::any, .route = std::move(route)};
  };
  CHECK(place("a.test").where() == "a.test:443");
  CHECK(place("192.0.2.1").where() == "192.0.2.1:443");
  CHECK(place("2001:db8::1").where() == "[2001:db8::1]:443");
  CHECK(place("a.test", std::make_shared<NamedRoute>("", "/run/app.sock")).where() == "/run/app.sock");
  CHECK_FALSE(place("a.test").is_literal());
  CHECK(place("192.0.2.1").is_literal());
  CHECK(place("2001:db8::1").is_literal());
  CHECK(place("a.test", std::make_shared<NamedRoute>("")).is_literal());
}

TEST_CASE("endpoints: only a route without an identity makes one by object") {
  PoolBench bench;
  CHECK_FALSE(bench.at("http://a.test/").is_by_object());
  CHECK_FALSE(bench.at("http://a.test/", by(std::make_shared<NamedRoute>("r"))).is_by_object());
  CHECK(bench.at("http://a.test/", by(std::make_shared<NamedRoute>(""))).is_by_object());
}

// ---- how long one is remembered ----

// What happens to an endpoint that is used once and then has nothing any more.
std::string use_up(PoolBench& bench, std::string_view url, const TransferOptions& options = {}) {
  const Endpoint& endpoint = bench.at(url, options);
  bench.use(bench.at(url, options));
  REQUIRE(bench.go().empty());
  REQUIRE_FALSE(UnusedList::contains(endpoint));
  bench.close(*bench.pool.oldest_idle());
  return bench.go();
}

TEST_CASE("endpoints: one without transfers and connections is kept for what is known of its peer") {
  PoolBench bench;
  CHECK(use_up(bench, "http://a.test/").empty());
  Endpoint& a = bench.at("http://a.test/");
  CHECK_FALSE(UnusedList::contains(a));  // it is used now
  a.closes_unannounced = true;
  CHECK(use_up(bench, "http://a.test/").empty());
  CHECK(UnusedList::contains(a));
  CHECK(a.closes_unannounced);
}

TEST_CASE("endpoints: one is unused when its last transfer goes, if it has no connection, and not before") {
  PoolBench bench(PoolBench::at_most(0, 1));
  Endpoint& a = bench.at("http://a.test/");
  bench.ask(a);
  bench.ask(a);
  bench.go();
  bench.failed(1);
  CHECK_FALSE(a.unused());
  bench.leave(2);
  CHECK(a.unused());
  CHECK_FALSE(UnusedList::contains(a));
  CHECK(bench.pool.may_go_on());
  CHECK(bench.go().empty());
  CHECK(UnusedList::contains(a));
  CHECK_FALSE(bench.pool.may_go_on());
}

TEST_CASE("endpoints: one with a route is forgotten at once, and its route with it") {
  PoolBench bench;
  auto route = std::make_shared<NamedRoute>("r");
  const std::weak_ptr<NamedRoute> seen = route;
  CHECK(use_up(bench, "http://a.test/", by(std::move(route))) == "forget a.test");
  CHECK(seen.expired());
}

TEST_CASE("endpoints: with one of them its TLS configuration goes, and what was known") {
  PoolBench bench;
  auto tls = std::make_shared<const NumberedTls>(std::uint8_t{1});
  const std::weak_ptr<const NumberedTls> seen = tls;
  Endpoint& a = bench.pool.endpoint_for(Request(good("https://a.test/")), {}, std::move(tls));
  a.closes_unannounced = a.keeps = true;
  a.carries = 7;
  bench.pool.forget(a);
  CHECK(seen.expired());
  Endpoint& next = bench.at("http://b.test/");
  REQUIRE(&next == &a);  // in its place
  CHECK_FALSE(next.closes_unannounced);
  CHECK_FALSE(next.keeps);
  CHECK_FALSE(next.carries);
  CHECK(next.destination.host == "b.test");
}

TEST_CASE("endpoints: of more than kMaxUnusedOrigins the one that was unused for longest is forgotten") {
  PoolBench bench;
  const auto url = [](std::size_t number) { return "http://h" + std::to_string(number) + ".test/"; };
  for (std::size_t i = 0; i < limits::kMaxUnusedOrigins; ++i) REQUIRE(use_up(bench, url(i)).empty());
  const EndpointId first = bench.at(url(0)).id;
  CHECK(use_up(bench, url(0)).empty());  // used again: the second one is the oldest
  CHECK(bench.pool.find(first) != nullptr);
  CHECK(use_up(bench, "http://one-more.test/") == "forget h1.test");
  CHECK(bench.at(url(0)).id == first);
  CHECK(use_up(bench, url(0)).empty());
  bench.ask(bench.at(url(2)));  // one that is used does not go, and makes room
  CHECK(bench.go().starts_with("dial"));
  CHECK(use_up(bench, "http://two-more.test/").empty());
  CHECK(use_up(bench, "http://three-more.test/") == "forget h3.test");
}

TEST_CASE("endpoints: after reset() those that are unused are counted anew") {
  PoolBench bench;
  REQUIRE(use_up(bench, "http://a.test/").empty());
  bench.pool.reset();
  bench.pool.look_at_all();
  CHECK(bench.go().empty());
  for (std::size_t i = 1; i < limits::kMaxUnusedOrigins; ++i)
    CHECK(use_up(bench, "http://h" + std::to_string(i) + ".test/").empty());
  CHECK(use_up(bench, "http://one-more.test/") == "forget a.test");
}

}  // namespace
