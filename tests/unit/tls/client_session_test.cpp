// Resumption: that it works, and everything that must prevent it.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;
using tls::SessionCache;

namespace {

const TlsVersion kBothVersions[] = {TlsVersion::tls1_2, TlsVersion::tls1_3};

// The key an engine would make.
std::string key_for(const tls::ClientParams& params) {
  return params.host + '\n' + std::string(as_text(params.config->identity()));
}

tls::ClientParams params_with(SessionCache& cache, const TlsOptions& options, std::string host = "example.org") {
  auto params = test::example_params(options);
  params.host = std::move(host);
  params.sessions = &cache;
  params.session_key = key_for(params);
  return params;
}

// A connection with a request and its answer. Whether it was resumed; nothing if it failed.
std::optional<bool> visit(const sim::TlsServerContext& context, const tls::ClientParams& params,
                          UnixSeconds wall = kNoon) {
  TlsPair pair(context, params, wall);
  pair.run();
  if (!pair.client->established()) return std::nullopt;
  CHECK(pair.client->verified() == params.config->options().verify_peer);
  pair.send("request");
  pair.run();
  CHECK(pair.server.plain() == "request");
  CHECK(pair.server.write(as_bytes("answer")));  // tickets of TLS 1.3 come with the first bytes
  pair.run();
  CHECK(pair.received == "answer");
  CHECK(pair.server.resumed() == pair.client->resumed());
  return pair.client->resumed();
}

TlsOptions up_to(TlsVersion version) {
  TlsOptions options = test::trusting_options();
  options.max_version = version;
  return options;
}

}  // namespace

TEST_CASE("the second visit resumes, and knows the same peer") {
  for (const TlsVersion version : kBothVersions) {
    const auto context = test::make_context(test::example_server());
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    CHECK(visit(context, params) == false);
    CHECK(cache.size() > 0);
    for (int i = 0; i < 5; ++i) CHECK(visit(context, params) == true);

    TlsPair pair(context, params);
    pair.run(1);
    CHECK(pair.client->resumed());
    REQUIRE(pair.client->peer_certificate().has_value());
    CHECK(pair.client->peer_certificate()->subject == "CN=leaf");
    CHECK(pair.client->cipher().starts_with("TLS_"));
  }
}

TEST_CASE("without a cache, with resumption off, or with a server that gives no tickets nothing is kept") {
  for (const TlsVersion version : kBothVersions) {
    SessionCache cache;
    TlsOptions options = up_to(version);
    options.session_resumption = false;
    const auto context = test::make_context(test::example_server());
    CHECK(visit(context, params_with(cache, options)) == false);
    CHECK(visit(context, params_with(cache, options)) == false);
    CHECK(cache.size() == 0);
    auto params = params_with(cache, up_to(version));
    params.sessions = nullptr;
    CHECK(visit(context, params) == false);
    CHECK(visit(context, params) == false);
    sim::TlsServerOptions server = test::example_server();
    server.tickets = false;
    const auto silent = test::make_context(server);
    CHECK(visit(silent, params_with(cache, up_to(version))) == false);
    CHECK(visit(silent, params_with(cache, up_to(version))) == false);
  }
}

TEST_CASE("SB-05 SB-06 SB-46 a session is offered under its own options and name only") {
  for (const TlsVersion version : kBothVersions) {
    sim::TlsServerOptions server = test::server_for({"example.org", "www.example.org"});
    const auto context = test::make_context(server);
    SessionCache cache;
    TlsOptions unverified = up_to(version);
    unverified.verify_peer = false;
    CHECK(visit(context, params_with(cache, unverified)) == false);
    CHECK(visit(context, params_with(cache, up_to(version))) == false);  // not that of the unverified one
    CHECK(visit(context, params_with(cache, up_to(version), "www.example.org")) == false);
    TlsOptions more_anchors = up_to(version);
    more_anchors.trust_anchors_pem += sim::TlsAuthority::make_root("More", kNoon, kNoon + kDay).certificate_pem();
    CHECK(visit(context, params_with(cache, more_anchors)) == false);
    CHECK(visit(context, params_with(cache, unverified)) == true);
    CHECK(visit(context, params_with(cache, up_to(version))) == true);
  }
}

TEST_CASE("SB-46 a session made under authority A opens nothing for those who trust B alone") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  CHECK(visit(context, params_with(cache, test::trusting_options())) == false);
  TlsOptions other;
  other.trust_anchors_pem = sim::TlsAuthority::make_root("B", kNoon - kDay, kNoon + kDay).certificate_pem();
  CHECK(visit(context, params_with(cache, other)) == std::nullopt);
  auto careless = params_with(cache, other);
  careless.session_key = key_for(params_with(cache, test::trusting_options()));  // even under the wrong key
  CHECK(visit(context, careless) == std::nullopt);
}

TEST_CASE("SB-06 even under the wrong key a session is judged again: name and time") {
  for (const TlsVersion version : kBothVersions) {
    const auto context = test::make_context(test::example_server());
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    CHECK(visit(context, params) == false);
    auto other_name = params;
    other_name.host = "other.example";
    TlsPair pair(context, other_name);
    pair.run();
    REQUIRE(pair.last == Pump::failed);
    CHECK(pair.client->error().code == Code::tls_certificate);
    CHECK(cache.size() == 0);  // what failed is not offered again
  }
}

TEST_CASE("SB-06 nothing is kept of a connection that was refused") {
  for (const TlsVersion version : kBothVersions) {
    SessionCache cache;
    CHECK(visit(test::make_context(test::server_for({"elsewhere.example"})), params_with(cache, up_to(version))) ==
          std::nullopt);
    CHECK(cache.size() == 0);
  }
}

TEST_CASE("SB-50 a session does not outlive its certificate, nor its own lifetime") {
  for (const TlsVersion version : kBothVersions) {
    const sim::TlsServerOptions server = test::example_server();
    const auto context = test::make_context(server);
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    const UnixSeconds end = kNoon + 90 * kDay;
    CHECK(visit(context, params, end - 60) == false);
    CHECK(visit(context, params, end - 30) == true);
    CHECK_FALSE(cache.take(params.session_key, end + 1).session);
    CHECK(visit(context, params, end + 1) == std::nullopt);  // a full handshake with the expired certificate
    CHECK(cache.size() == 0);
    CHECK(visit(context, params) == false);
    CHECK(visit(context, params, kNoon + 30 * kDay) == false);  // tickets of a week at most (RFC 8446 4.6.1)
  }
}

TEST_CASE("SB-50 a session does not outlive an intermediate or the root above its certificate") {
  const UnixSeconds end = kNoon + kDay;
  const auto long_root = sim::TlsAuthority::make_root("Long", kNoon - kDay, kNoon + 90 * kDay);
  const auto short_root = sim::TlsAuthority::make_root("Short", kNoon - kDay, end);
  const auto short_between = long_root.make_intermediate("Short between", kNoon - kDay, end);
  const auto long_between = short_root.make_intermediate("Long between", kNoon - kDay, kNoon + 90 * kDay);
  for (const auto& [root, between] : {std::pair(&long_root, &short_between), std::pair(&short_root, &long_between)}) {
    for (const TlsVersion version : kBothVersions) {
      const auto made = between->issue(test::leaf_spec({"example.org"}));
      sim::TlsServerOptions server;
      server.certificate_pem = made.certificate_pem;
      server.key_pem = made.key_pem;
      const auto context = test::make_context(server);
      TlsOptions options = up_to(version);
      options.trust_anchors_pem = root->certificate_pem();
      SessionCache cache;
      const auto params = params_with(cache, options);
      CHECK(visit(context, params, end - 60) == false);
      REQUIRE(cache.size() > 0);
      CHECK(visit(context, params, end - 30) == true);
      CHECK_FALSE(cache.take(params.session_key, end + 1).session);
    }
  }
}

TEST_CASE("resumed day after day, the server has to prove itself anew all the same") {
  for (const TlsVersion version : kBothVersions) {
    const auto context = test::make_context(test::example_server());
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    int resumed = 0;
    for (int hour = 0; hour < 30 * 24; hour += 1) {
      const auto visited = visit(context, params, kNoon + hour * 3'600);
      REQUIRE(visited.has_value());
      if (*visited) ++resumed;
    }
    CHECK(resumed > 0);
    CHECK(resumed < 30 * 24 - 3);
  }
}

TEST_CASE("a clock that went back does no harm") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  CHECK(visit(context, params_with(cache, test::trusting_options())) == false);
  CHECK(visit(context, params_with(cache, test::trusting_options()), kNoon - kDay).has_value());
}

TEST_CASE("a server that lost its ticket keys gets a full handshake") {
  for (const TlsVersion version : kBothVersions) {
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    CHECK(visit(test::make_context(test::example_server()), params) == false);
    CHECK(visit(test::make_context(test::example_server()), params) == false);
  }
}

TEST_CASE("SB-53 a remembered session does not let a request out to an impostor") {
  for (const TlsVersion version : kBothVersions) {
    SessionCache cache;
    const auto params = params_with(cache, up_to(version));
    CHECK(visit(test::make_context(test::example_server()), params) == false);
    REQUIRE(cache.size() > 0);
    const auto evil = sim::TlsAuthority::make_root("Evil", kNoon - kDay, kNoon + kDay);
    const auto made = evil.issue(test::leaf_spec({"example.org"}));
    sim::TlsServerOptions options;
    options.certificate_pem = made.certificate_pem;
    options.key_pem = made.key_pem;
    TlsPair pair(test::make_context(options), params);
    CHECK_FALSE(pair.client->established());  // no early data: nothing may be encoded yet
    for (std::size_t step = 0; step < 20; ++step) pair.run(1);
    CHECK_FALSE(pair.client->established());
    CHECK(pair.client->error().code == Code::tls_certificate);
    CHECK(pair.server.plain().empty());
    CHECK(cache.size() == 0);
  }
}

TEST_CASE("SB-25 tickets that come late, with the last bytes, or after the cache's other users are gone") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  const auto params = params_with(cache, test::trusting_options());
  {
    TlsPair pair(context, params);
    pair.server.feed(std::exchange(pair.wire, {}));
    pair.deliver(std::exchange(pair.server.output(), {}));
    REQUIRE(pair.client->established());
    pair.send("request");
    // From here on the server's tickets, answer and goodbye come together.
    pair.server.feed(std::exchange(pair.wire, {}));
    CHECK(pair.server.write(as_bytes("answer")));
    pair.server.close_notify();
    CHECK(cache.size() == 0);
    CHECK(pair.deliver(std::exchange(pair.server.output(), {}), 6) == Pump::closed);
    CHECK(pair.received == "answer");
    CHECK(cache.size() == 2);
  }
  CHECK(visit(context, params) == true);  // what was stored outlives the layer
}

TEST_CASE("a session outlives the configuration's other users") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  CHECK(visit(context, params_with(cache, test::trusting_options())) == false);
  CHECK(visit(context, params_with(cache, test::trusting_options())) == true);  // another object, the same identity
}

TEST_CASE("a single-use ticket is used once, also where two connections start at once") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  const auto params = params_with(cache, up_to(TlsVersion::tls1_3));
  CHECK(visit(context, params) == false);
  REQUIRE(cache.size() == 2);
  TlsPair one(context, params), two(context, params), three(context, params);
  CHECK(cache.size() == 0);
  one.run();
  two.run();
  three.run();
  CHECK(one.client->resumed());
  CHECK(two.client->resumed());
  CHECK_FALSE(three.client->resumed());
}

TEST_CASE("connections that are made at the same time have a ticket each") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  const auto params = params_with(cache, up_to(TlsVersion::tls1_3));
  std::vector<std::unique_ptr<TlsPair>> pairs;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) pairs.push_back(std::make_unique<TlsPair>(context, params));
    for (const auto& pair : pairs) {
      pair->run();
      CHECK(pair->client->resumed() == (round > 0));
      REQUIRE(pair->server.write(as_bytes("answer")));
      pair->run();
    }
    pairs.clear();
  }
}
