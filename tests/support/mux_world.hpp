// A world whose sessions carry many exchanges on one connection: transfers are added, and the far end answers by
// frames.
#pragma once

#include <string>
#include <vector>

#include "core/engine/parts.hpp"
#include "tests/support/engine_world.hpp"
#include "tests/support/mux_session.hpp"

namespace sluice::test {

struct MuxWorld : EngineWorld {
  explicit MuxWorld(std::size_t capacity = 100, EngineOptions options = {}, std::size_t expected = 100,
                    std::optional<Duration> patience = {})
      : EngineWorld(EngineParts::make(std::move(options),
                                      std::make_unique<MuxFactory>(capacity, expected, &sessions, patience))) {}

  std::vector<TransferId> add_many(std::size_t count) {
    std::vector<TransferId> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(add("http://192.0.2.1/" + std::to_string(i)));
    return ids;
  }
  // The newest connection, connected, its requests read by `far`.
  ConnId connect() {
    const ConnId conn = connects.back().conn;
    connected(conn);
    far.take(sent(conn));
    return conn;
  }
  void exchange(ConnId conn, std::string_view bytes) {
    receive(conn, bytes);
    far.take(sent(conn));
  }
  // Time goes by, and the engine is called when it wants to be.
  void wait(Duration time) {
    const Instant until = now.steady + time;
    while (engine.deadline() && engine.deadline()->at <= until) {
      now.steady = engine.deadline()->at;
      engine.handle_timeout(now);
      drain();
    }
    now.steady = until;
  }
  void take(TransferId id) {
    take_body(id);
    drain();
  }
  http::StreamId stream(std::size_t number) const { return far.stream_of("GET /" + std::to_string(number)); }

  std::vector<MuxSession*> sessions;  // made, whether they live or not
  MuxFarEnd far;
};

}  // namespace sluice::test
