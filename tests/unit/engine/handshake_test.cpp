// core/engine/handshake: from a connected transport to the first exchange, on a connection that no transfer waits for.
#include "core/engine/handshake.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <utility>

#include "core/http1/session.hpp"
#include "tests/support/tls_pair.hpp"

namespace {
using namespace sluice;
using namespace sluice::test;

constexpr Now kAt{Instant(std::chrono::hours(1)), 0};

std::unique_ptr<pool::PooledConnection> to_stream(std::string_view name) {
  auto connection = std::make_unique<pool::PooledConnection>();
  connection->route_name = name;
  return connection;
}

tls::ClientParams params_for(std::string host) {
  tls::ClientParams params;
  params.config = make_config(trusting_options());
  params.host = std::move(host);
  params.port = 443;
  return params;
}

}  // namespace

TEST_CASE("handshake: without layers a connection has its session as soon as it is connected") {
  const auto connection = to_stream("the line");
  http1::Factory sessions;
  connection->channel.start(kAt);
  REQUIRE(connection->channel.become_ready());
  REQUIRE(engine::complete(*connection, sessions, http::Protocol::http1, kAt));
  CHECK(connection->is_established());
  CHECK(connection->secured == kAt.steady);
  CHECK(connection->facts == nullptr);
  CHECK_FALSE(connection->multiplexes);
  CHECK(connection->room() == 1);
}

TEST_CASE("handshake: with TLS it greets first, and an end or an error says what was under way") {
  const auto connection = to_stream("the line");
  REQUIRE(engine::push_tls(*connection, params_for("example.org")));
  connection->channel.start(kAt);
  CHECK_FALSE(connection->channel.become_ready());
  CHECK(as_text(connection->channel.transmit().spans[0]).starts_with("\x16\x03"));
  const Error cut = engine::cut_off(*connection, "");
  CHECK(cut.code == Code::tls_handshake);
  CHECK(cut.message() == "TLS handshake with the line: the peer closed the connection");
  CHECK(engine::cut_off(*connection, "exited with status 1").message() ==
        "TLS handshake with the line: the peer closed the connection (exited with status 1)");
  const Error broken = engine::broken_off(*connection, make_error(Code::receive_failed, "reset by peer", 104));
  CHECK(broken.code == Code::tls_handshake);
  CHECK(broken.blame == blame_of(Code::tls_handshake));
  CHECK(broken.detail == 104);
  CHECK(broken.message() == "TLS handshake: reset by peer");
}

TEST_CASE("handshake: a host that no certificate can be for is refused before anything is sent") {
  const auto connection = to_stream("the line");
  const auto pushed = engine::push_tls(*connection, params_for(""));
  REQUIRE_FALSE(pushed.has_value());
  CHECK(pushed.error().code == Code::invalid_url);
  CHECK_FALSE(connection->channel.has_layers());
}
