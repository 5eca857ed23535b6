// SB-89 over a loop that is not ours: what a handler throws must not pass through the loop's own frames. One check for
// every driver that keeps it; the caller makes driver and loop, and runs them.
#pragma once

#include <doctest/doctest.h>

#include <exception>
#include <stdexcept>
#include <string>

#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {

// A handler throws: its transfer fails, another one goes on, and `driver` gives the exception once. `run` runs the loop
// until no transfer is left.
template <class Driver, class Run>
void check_that_thrown_is_kept(Multi& multi, Driver& driver, Run run) {
  struct Throwing : Recorder {
    std::size_t on_body(Multi&, TransferId, Bytes) override { throw std::logic_error("my bug"); }
  } handler;
  LoopbackServer server([](const std::string&) { return ok("x"); });
  Recorder other;
  REQUIRE(multi.add(get(server.url()), {}, &handler));
  REQUIRE(multi.add(get(server.url()), {}, &other));
  run();
  CHECK(multi.running() == 0);
  CHECK(other.body == "x");
  CHECK(handler.dones == 1);
  CHECK(handler.result.error().message().ends_with("my bug"));
  const std::exception_ptr thrown = driver.take_exception();
  REQUIRE(thrown != nullptr);
  CHECK_THROWS_WITH_AS(std::rethrow_exception(thrown), "my bug", std::logic_error);
  CHECK(driver.take_exception() == nullptr);
  CHECK(!driver.failed());
}

}  // namespace sluice::test
