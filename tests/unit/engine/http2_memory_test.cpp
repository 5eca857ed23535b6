// What HTTP/2 costs in memory: an idle connection over TLS after many different responses, a running stream, and what
// stays of a read that had many frames. The memory of HTTP/1's idle connections: scale_test.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/sim/scale.hpp"
#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_world.hpp"

namespace sluice {
namespace {

using namespace sluice::test;
using simtest::bytes_in_use;

constexpr std::size_t kIdleGoalBytes = 16 * 1024, kStreamGoalBytes = 3 * 1024;

sim::TlsServerOptions server_with_http2() {
  sim::TlsServerOptions server = example_server();
  server.alpn = {"h2"};
  return server;
}

// Field lines for the table of the decoder (RFC 7541 6.2.1), more than it holds.
std::string table_of_fields() {
  std::string fields;
  for (int i = 1'000; i < 1'080; ++i) {
    fields += '\x40';
    fields += h2::hpack_string("x-field") + h2::hpack_string("the value " + std::to_string(i));
  }
  return fields;
}

// What servers send.
std::string usual_response(std::uint32_t stream) {
  const std::string tag = "\"" + std::to_string(stream) + "\"";
  return h2::headers(stream, {{":status", "200"},
                              {"server", "nginx/1.22.1"},
                              {"date", "Mon, 23 Nov 2026 14:00:00 GMT"},
                              {"content-type", "application/octet-stream"},
                              {"content-length", "1024"},
                              {"last-modified", "Mon, 23 Nov 2026 13:00:00 GMT"},
                              {"etag", tag},
                              {"accept-ranges", "bytes"}}) +
         h2::data(stream, std::string(1'024, 'x'), h2::kEndStream);
}

// What an idle connection holds after `at_once` responses, of which one may have `more` fields.
std::size_t idle_bytes(std::size_t at_once, const std::string& more) {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  TlsWorld world(trusting_options(), server_with_http2(), options);
  constexpr int kConnections = 20;
  std::vector<ConnId> conns;
  for (int i = 0; i < kConnections; ++i) {
    std::vector<TransferId> ids;
    std::string answers = h2::settings({{h2::kMaxStreams, 256}});
    for (std::size_t one = 0; one < at_once; ++one) {
      ids.push_back(world.ask("https://example.org:" + std::to_string(1'000 + i) + "/some/path"));
      answers += usual_response(static_cast<std::uint32_t>(2 * one + 1));
    }
    conns.push_back(world.connect());
    world.carry(conns.back());
    world.answer_with(conns.back(), answers);
    if (!more.empty()) {
      ids.push_back(world.ask("https://example.org:" + std::to_string(1'000 + i) + "/more"));
      world.carry(conns.back());
      const auto stream = static_cast<std::uint32_t>(2 * at_once + 1);
      world.answer_with(conns.back(), h2::frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, stream,
                                                h2::block({{":status", "200"}}) + more));
    }
    for (const TransferId id : ids) {
      REQUIRE(world.succeeded(id));
      world.remove(id);
    }
  }
  REQUIRE(world.engine.idle_connections() == kConnections);
  const std::size_t with = bytes_in_use();
  for (const ConnId conn : conns) world.eof(conn);
  REQUIRE(world.engine.idle_connections() == 0);
  return (with - bytes_in_use()) / kConnections;
}

// What one more transfer on a connection holds while its response is coming; the test's record of it included.
std::size_t running_bytes() {
  EngineOptions options;
  options.max_connections_per_origin = 1;
  TlsWorld world(trusting_options(), server_with_http2(), options);
  world.ask();
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, h2::settings({{h2::kMaxStreams, 256}}));
  std::uint32_t stream = 1;
  const auto run_more = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, stream += 2) {
      world.ask();
      world.carry(conn);
      const std::string response = usual_response(stream);
      world.answer_with(conn, response.substr(0, response.size() - 9 - 1'024));
    }
    return bytes_in_use();
  };
  constexpr std::size_t kFew = 5, kMany = 250;
  const std::size_t few = run_more(kFew);
  return (run_more(kMany - kFew) - few) / (kMany - kFew);
}

}  // namespace

TEST_CASE("http2 memory: an idle connection over TLS holds less than 16 KiB, also after many streams at once") {
  CHECK(idle_bytes(1, {}) < kIdleGoalBytes);
  CHECK(idle_bytes(64, {}) < kIdleGoalBytes);
  CHECK(idle_bytes(1, {}) > 4'000);
  // The decoder's table of 4 KiB is several times as large in memory.
  CHECK(idle_bytes(1, table_of_fields()) < kIdleGoalBytes + 24 * 1024);
}

TEST_CASE("http2 memory: a running stream, with its transfer, holds less than 3 KiB") {
  CHECK(running_bytes() < kStreamGoalBytes);
}

TEST_CASE("http2 memory: what was consumed leaves nothing, however many frames it came in") {
  Http2World world;
  const TransferId id = world.add("http://192.0.2.1/", world.known);
  const ConnId conn = world.connect();
  world.receive(conn, h2::headers(1, {{":status", "200"}}) + h2::data(1, "x"));
  world.read(conn);
  constexpr std::size_t kFrames = 20'000;
  std::string frames;
  for (std::size_t i = 0; i < kFrames; ++i) frames += h2::data(1, "x");
  world.bodies[id].reserve(kFrames + 1);
  const std::size_t before = bytes_in_use();
  CHECK(world.receive(conn, frames) == frames.size());
  world.read(conn);
  CHECK(world.bodies[id].size() == kFrames + 1);
  // The landing buffer, and what the engine keeps for the next read.
  constexpr std::size_t kKeptBytes = 100'000;
  CHECK(bytes_in_use() < before + kKeptBytes);
  CHECK_FALSE(world.done(id));
}

}  // namespace sluice
