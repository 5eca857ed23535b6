// How a transfer's response is parsed under its options: strict or tolerant, kept heads, what is counted, and which
// responses end their connection.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/base/limits.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kByLf = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

// One GET and its answer. The connection.
ConnId answered(EngineWorld& world, TransferId id, std::string_view response) {
  const ConnId conn = world.engine.info(id).conn ? world.engine.info(id).conn : newest(world);
  if (!world.engine.progress(id).connected) world.connected(conn);
  world.sent(conn);
  world.receive(conn, response);
  return conn;
}

}  // namespace

TEST_CASE("responses: the transfer's choice of a mode is taken, else the engine's, which is tolerant") {
  const auto takes = [](const EngineOptions& engine, const TransferOptions& options) {
    EngineWorld world(engine);
    const TransferId id = world.add("http://192.0.2.1/", options);
    answered(world, id, kByLf);
    if (!world.succeeded(id)) CHECK(world.failure(id) == Code::malformed_response);
    return world.succeeded(id);
  };
  EngineOptions strict_engine;
  strict_engine.http1 = Http1::strict;
  TransferOptions strict, tolerant;
  strict.http1 = Http1::strict;
  tolerant.http1 = Http1::tolerant;
  CHECK(takes({}, {}));
  CHECK_FALSE(takes({}, strict));
  CHECK_FALSE(takes(strict_engine, {}));
  CHECK(takes(strict_engine, tolerant));
}

TEST_CASE("SB-13 responses: what leaves a doubt about framing is the last on its connection") {
  struct Row {
    std::string_view response;
    bool again;
  };
  for (const Row& row :
       {Row{kByLf, true}, Row{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", true},
        Row{"HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\nok", true},
        Row{"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok", false},
        Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false},
        Row{"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok", false},
        Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", false},
        Row{"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 2\r\n\r\nok", false},
        // Only the last chunk tells, when the body is out already.
        Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\n\r\n", false}}) {
    CAPTURE(row.response);
    EngineWorld world;
    const TransferId id = world.add("http://192.0.2.1/");
    const ConnId conn = answered(world, id, row.response);
    CHECK(world.succeeded(id));
    CHECK(world.bodies[id] == "ok");
    CHECK(closes_of(world, conn) == (row.again ? 0 : 1));
    const TransferId next = world.add("http://192.0.2.1/");
    CHECK(world.connects.size() == (row.again ? 1 : 2));
    answered(world, next, answer("x"));
    CHECK(world.succeeded(next));
  }
}

TEST_CASE("responses: heads are kept as they came where that was asked for, and counted in any case") {
  constexpr std::string_view kInterim = "HTTP/1.1 103 Early\r\nLink:</a>\r\n\r\n",
                             kHead = "HTTP/1.1 200\r\nContent-Length:2  \r\n\r\n";
  for (const bool keep : {false, true}) {
    EngineWorld world;
    TransferOptions options;
    options.keep_raw_head = keep;
    const TransferId id = world.add("http://192.0.2.1/", options);
    answered(world, id, std::string(kInterim) + std::string(kInterim) + std::string(kHead) + "ok");
    CHECK(world.succeeded(id));
    CHECK(world.engine.head(id).raw() == (keep ? kHead : ""));
    CHECK(world.engine.progress(id).received_head_bytes == 2 * kInterim.size() + kHead.size());
  }
}

TEST_CASE("SB-19 responses: interim heads are bounded by bytes, and by pace") {
  constexpr std::string_view kWait = "HTTP/1.1 102 Processing\r\nX-Progress: 1\r\n\r\n";
  EngineWorld world;
  TransferId id = world.add("http://192.0.2.1/");
  ConnId conn = answered(world, id, kWait);
  std::size_t count = 1;
  while (!world.done(id) && count < 10'000) {
    world.receive(conn, kWait);
    ++count;
  }
  CHECK(world.failure(id) == Code::response_too_large);
  CHECK(count == limits::kMaxInterimBytes / kWait.size() + 1);
  CHECK(closes_of(world, conn) == 1);

  // One every second for ten hours: more bytes in all, and no harm.
  id = world.add("http://192.0.2.1/");
  conn = answered(world, id, kWait);
  for (int second = 0; second < 36'000 && !world.done(id); ++second) {
    world.now.steady += 1s;
    world.receive(conn, kWait);
  }
  CHECK_FALSE(world.done(id));
  world.receive(conn, answer("x"));
  CHECK(world.succeeded(id));
}

TEST_CASE("responses: HTTP/0.9 is taken where the transfer says so, however its first bytes come") {
  TransferOptions options;
  options.allow_http0_9 = true;
  constexpr std::string_view kText = "HTTX or not";
  for (std::size_t split = 1; split <= kText.size(); ++split) {
    for (const bool consume : {true, false}) {
      CAPTURE(split);
      EngineWorld world;
      world.consume = consume;
      const TransferId id = world.add("http://192.0.2.1/", options);
      const ConnId conn = answered(world, id, kText.substr(0, split));
      world.receive(conn, kText.substr(split));
      if (!consume) world.bodies[id] = as_text(world.engine.body(id));
      world.eof(conn);
      CHECK(world.bodies[id] == kText);
      if (consume) CHECK(world.succeeded(id));
      CHECK(world.engine.head(id).status == 0);
      CHECK(world.engine.progress(id).received_head_bytes == 0);
    }
  }
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/");
  answered(world, id, kText);
  CHECK(world.failure(id) == Code::not_http);
}

TEST_CASE("SB-16 responses: over TLS an end without a close_notify is success only by an option, and info() says so") {
  for (const bool option : {false, true}) {
    for (const bool clean : {false, true}) {
      for (const std::string_view framing : {"", "Content-Length: 9\r\n"}) {
        TlsWorld world;
        world.options.tls_truncation_ok = option;
        const TransferId id = world.ask();
        const ConnId conn = world.connect();
        world.carry(conn);
        REQUIRE(world.server(conn).write(as_bytes("HTTP/1.1 200 OK\r\n" + std::string(framing) + "\r\nsome")));
        if (clean) world.server(conn).close_notify();
        world.carry(conn);
        world.eof(conn);
        const bool whole = framing.empty() && (clean || option);
        CHECK(world.succeeded(id) == whole);
        if (!whole) CHECK(world.failure(id) == Code::truncated);
        CHECK(world.bodies[id] == "some");
        CHECK(world.engine.info(id).tls_truncated == (whole && !clean));
      }
    }
  }
  // An end within a record is none, wherever it is.
  for (const std::size_t cut : {0U, 1U, 3U, 4U, 5U, 6U, 20U, 25U}) {
    CAPTURE(cut);
    TlsWorld world;
    world.options.tls_truncation_ok = true;
    const TransferId id = world.ask();
    const ConnId conn = world.connect();
    world.carry(conn);
    REQUIRE(world.server(conn).write(as_bytes("HTTP/1.1 200 OK\r\n\r\nsome")));
    world.carry(conn);
    REQUIRE(world.server(conn).write(as_bytes("more")));
    REQUIRE(world.server(conn).output().size() > 25);
    world.to_client(conn, cut);
    world.eof(conn);
    CHECK(world.succeeded(id) == (cut == 0));
    if (cut != 0) CHECK(world.failure(id) == Code::truncated);
    CHECK(world.bodies[id] == "some");
    CHECK(world.engine.info(id).tls_truncated == (cut == 0));
  }
  // Without TLS it means nothing: a broken connection is no end.
  EngineWorld world;
  TransferOptions options;
  options.tls_truncation_ok = true;
  const TransferId id = world.add("http://192.0.2.1/", options);
  const ConnId conn = answered(world, id, "HTTP/1.1 200 OK\r\n\r\nsome");
  world.io_error(conn, Code::receive_failed);
  CHECK(world.failure(id) == Code::receive_failed);
}
