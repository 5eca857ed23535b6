// Worlds with one origin, for the tests of the simulated world: engines checked at every step, and scripts that answer.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "adapters/sim.hpp"

namespace sluice::test {

using namespace std::chrono_literals;

inline std::string response(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
// Answers each request in the same way.
inline sim::Script answering(std::string_view body) {
  sim::Script script;
  return script.await("\r\n\r\n").send(response(body)).again();
}
inline std::string bytes_of(std::size_t count) {
  std::string bytes(count, 0);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
  return bytes;
}

inline sim::WorldOptions checked(std::uint64_t seed = 1, sim::Weather weather = {}) {
  sim::WorldOptions options;
  options.seed = Seed{seed};
  options.weather = weather;
  options.after_step = [](sim::World& world) { world.engine().check_invariants(); };
  return options;
}

// A world with "example.org".
struct OneOrigin {
  explicit OneOrigin(sim::Accept accept, sim::WorldOptions options = checked()) : world(std::move(options)) {
    world.add_origin({.host = "example.org", .accept = std::move(accept)});
  }
  explicit OneOrigin(const sim::Script& script, sim::WorldOptions options = checked())
      : OneOrigin(sim::script_origin(script), std::move(options)) {}

  // Runs it to its end.
  const sim::Outcome& get(TransferOptions options = {}) {
    id = world.get("http://example.org/", std::move(options)).value();
    CHECK(world.run_until_idle() == sim::RunEnd::idle);
    return world.outcome(id);
  }
  Code failure() const {
    REQUIRE(world.outcome(id).dones == 1);
    REQUIRE_FALSE(world.outcome(id).result.has_value());
    return world.outcome(id).result.error().code;
  }
  std::uint64_t faults(std::string_view name) const {
    const auto found = world.faults().find(name);
    return found == world.faults().end() ? 0 : found->second;
  }
  // The number of trace lines that contain this text.
  std::ptrdiff_t traced(std::string_view text) const {
    return std::count_if(world.trace().begin(), world.trace().end(),
                         [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  sim::World world;
  TransferId id;
};

// with([](auto& o) { o.total_timeout = 1s; })
template <class Set>
TransferOptions with(Set set) {
  TransferOptions options;
  set(options);
  return options;
}

inline Request post(RequestBody body, std::string_view url = "http://example.org/") {
  Request request;
  request.method = "POST";
  request.url = Url::parse(url).value();
  request.body = std::move(body);
  return request;
}

}  // namespace sluice::test
