// Frequent steps of engine tests, made with EngineWorld: a connection that carries one exchange, responses, uploads.
// Leaves driving the engine to engine_world.hpp.
#pragma once

#include <string>
#include <utility>

#include "tests/support/engine_world.hpp"

namespace sluice::test {

inline std::string answer(std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(fields) + "\r\n" +
         std::string(body);
}

// The id of the newest Connect.
inline ConnId newest(const EngineWorld& world) {
  REQUIRE(!world.connects.empty());
  return world.connects.back().conn;
}

// Opens the newest connection and takes everything that it has to send.
inline ConnId go(EngineWorld& world) {
  const ConnId conn = newest(world);
  world.connected(conn);
  world.sent(conn);
  return conn;
}

// One complete GET to a host that is an address literal; its connection is idle afterwards.
inline ConnId one_get(EngineWorld& world, std::string_view url = "http://192.0.2.1/", TransferOptions options = {}) {
  const TransferId id = world.add(url, std::move(options));
  const ConnId conn = go(world);
  world.receive(conn, answer("x"));
  REQUIRE(world.succeeded(id));
  return conn;
}

inline Request with_body(std::string_view method, RequestBody body, std::string_view url = "http://192.0.2.1/") {
  Request request = EngineWorld::get(url, method);
  request.body = std::move(body);
  return request;
}

// Gives as many of `bytes` to a streamed body as there is room for.
inline std::size_t supply(EngineWorld& world, TransferId id, std::string_view bytes) {
  const MutableBytes space = world.engine.upload_space(id);
  const std::size_t count = std::min(space.size(), bytes.size());
  if (count != 0) std::memcpy(space.data(), bytes.data(), count);
  world.engine.commit_upload(id, count, world.now);
  world.drain();
  return count;
}

inline std::size_t closes_of(const EngineWorld& world, ConnId conn) {
  return static_cast<std::size_t>(std::count(world.closes.begin(), world.closes.end(), conn));
}

// For the end of a test: nothing runs, nothing is open, nothing is pending.
inline void check_nothing_left(EngineWorld& world) {
  world.engine.close_idle_connections(world.now);
  world.drain();
  CHECK(world.engine.running() == 0);
  CHECK(world.engine.connections() == 0);
  CHECK(world.engine.idle_connections() == 0);
  CHECK(world.closes.size() == world.connects.size());
  CHECK_FALSE(world.engine.deadline().has_value());
}

}  // namespace sluice::test
