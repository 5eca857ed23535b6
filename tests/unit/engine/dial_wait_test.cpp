// The connect timeout of transfers that wait for a dial which was made for another one.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/mux_world.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::chrono_literals;

TEST_CASE("multiplex: who waits for a dial that was made for another has a connect timeout of its own") {
  MuxWorld world;
  TransferOptions options;
  options.connect_timeout = 60s;
  const TransferId patient = world.add("http://192.0.2.1/", options);
  world.wait(10s);
  options.connect_timeout = 2s;
  const TransferId hasty = world.add("http://192.0.2.1/", options);
  CHECK(world.connects.size() == 1);
  CHECK(world.engine.deadline()->at == world.now.steady + 2s);
  CHECK(world.engine.deadline()->why == TimerKind::dial_wait);
  world.wait(2s);
  CHECK(world.failure(hasty) == Code::connect_timeout);
  CHECK(world.results.at(hasty).error().retry_safe);
  CHECK(world.results.at(hasty).error().message() ==
        "GET http://192.0.2.1/: connect to 192.0.2.1:80: no answer within 2000 ms");
  CHECK_FALSE(world.done(patient));
  world.connect();  // for those that are left
  CHECK(world.far.asked.size() == 1);
}

TEST_CASE("multiplex: where nothing connects all that wait together end together, not one after another") {
  MuxWorld world;
  TransferOptions options;
  options.connect_timeout = 2s;
  std::vector<TransferId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(world.add("http://192.0.2.1/", options));
  CHECK(world.connects.size() == 1);
  world.wait(2s);
  for (const TransferId id : ids) CHECK(world.failure(id) == Code::connect_timeout);
  // A dial that fails is followed by another, and the time of those that wait runs on.
  ids.clear();
  for (int i = 0; i < 3; ++i) ids.push_back(world.add("http://192.0.2.1/", options));
  world.wait(1s);
  world.io_error(world.connects.back().conn, Code::connect_failed, "connect: Connection refused");
  CHECK(world.failure(ids[0]) == Code::connect_failed);
  world.wait(1s);
  CHECK(world.failure(ids[1]) == Code::connect_timeout);
  CHECK(world.failure(ids[2]) == Code::connect_timeout);
}

TEST_CASE("multiplex: waiting for room on a connection is not connecting, and time before a new dial does not count") {
  EngineOptions engine;
  engine.max_connections_per_origin = 1;
  MuxWorld world(2, engine);
  TransferOptions options;
  options.connect_timeout = 2s;
  std::vector<TransferId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(world.add("http://192.0.2.1/" + std::to_string(i), options));
  world.wait(1s);
  const ConnId conn = world.connect();
  CHECK(world.far.asked.size() == 2);
  world.wait(5s);
  for (const TransferId id : ids) CHECK_FALSE(world.done(id));
  world.exchange(conn, mux_frame('G', 0) + mux_answer(world.stream(0), "a") + mux_answer(world.stream(1), "b"));
  CHECK(world.connects.size() == 2);  // for the third; the fourth counts on it
  world.wait(2s - Duration(1));
  CHECK_FALSE(world.done(ids[2]));
  CHECK_FALSE(world.done(ids[3]));
  world.wait(Duration(1));
  CHECK(world.failure(ids[2]) == Code::connect_timeout);
  CHECK(world.failure(ids[3]) == Code::connect_timeout);
}

TEST_CASE("multiplex: what is tried again has a connect timeout from the new dial on, and none once it is served") {
  MuxWorld world;
  TransferOptions options;
  options.connect_timeout = 2s;
  const TransferId before = world.add("http://192.0.2.1/before", options);
  const ConnId conn = world.connect();
  world.exchange(conn, mux_answer(world.far.stream_of("GET /before"), "x"));
  CHECK(world.succeeded(before));
  std::vector<TransferId> ids;
  for (int i = 0; i < 2; ++i) ids.push_back(world.add("http://192.0.2.1/" + std::to_string(i), options));
  world.far.take(world.sent(conn));
  world.wait(10s);
  world.eof(conn);
  CHECK(world.connects.size() == 2);
  world.wait(2s - Duration(1));
  SUBCASE("it hangs") {
    world.wait(Duration(1));
    for (const TransferId id : ids) CHECK(world.failure(id) == Code::connect_timeout);
  }
  SUBCASE("it connects") {
    world.connect();
    world.wait(100s);
    for (const TransferId id : ids) CHECK_FALSE(world.done(id));
  }
}

TEST_CASE("multiplex: all that a new dial may carry have a connect timeout, in whatever order they came") {
  EngineOptions engine;
  engine.max_connections_per_origin = 1;
  MuxWorld world(3, engine);
  TransferOptions options;
  options.connect_timeout = 2s;
  std::vector<TransferId> ids;
  const auto add = [&] { ids.push_back(world.add("http://192.0.2.1/" + std::to_string(ids.size()), options)); };
  for (int i = 0; i < 5; ++i) add();
  const ConnId conn = world.connect();
  REQUIRE(world.far.asked.size() == 3);
  add();  // the last one has never waited for a dial
  std::string answers = mux_frame('G', 0);
  for (std::size_t i = 0; i < 3; ++i) answers += mux_answer(world.stream(i), "x");
  world.exchange(conn, answers);
  REQUIRE(world.connects.size() == 2);
  world.wait(2s);
  for (std::size_t i = 3; i < 6; ++i) CHECK(world.failure(ids[i]) == Code::connect_timeout);
}

TEST_CASE("multiplex: one more than a dial is counted on for waits for the limit, not for the dial") {
  EngineOptions engine;
  engine.max_connections_per_origin = 1;
  MuxWorld world(2, engine, 2);
  TransferOptions options;
  options.connect_timeout = 2s;
  std::vector<TransferId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(world.add("http://192.0.2.1/", options));
  world.wait(2s);
  CHECK(world.failure(ids[0]) == Code::connect_timeout);
  CHECK(world.failure(ids[1]) == Code::connect_timeout);
  CHECK_FALSE(world.done(ids[2]));
  CHECK(world.connects.size() == 2);  // its own
  world.wait(2s);
  CHECK(world.failure(ids[2]) == Code::connect_timeout);
}

TEST_CASE("multiplex: who a connection has no room for counts on the next dial, from the time of that connection") {
  EngineOptions engine;
  engine.max_connections_per_origin = 2;
  MuxWorld world(1, engine, 2);
  TransferOptions options;
  options.connect_timeout = 60s;
  const TransferId served = world.add("http://192.0.2.1/0", options);
  world.add("http://192.0.2.1/1",
            options);  // the third transfer makes a second dial, which is for the first that waits
  options.connect_timeout = 2s;
  const TransferId left = world.add("http://192.0.2.1/2", options);
  REQUIRE(world.connects.size() == 2);
  world.wait(1s);
  world.connected(world.connects[0].conn);
  world.wait(2s - Duration(1));
  CHECK_FALSE(world.done(left));
  world.wait(Duration(1));
  CHECK(world.failure(left) == Code::connect_timeout);
  CHECK_FALSE(world.done(served));
}
