// The environment of the tests besides the loop: the server and the passing of time. Sockets and the system's clock for
// most bindings (sockets.cpp); the simulated world for the one that runs in virtual time (sim_loop.cpp).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "adapters/multi.hpp"

namespace sluice::conformance {

class Ground {
 public:
  virtual ~Ground() = default;
  // For MultiOptions::environment.
  virtual Environment* environment() = 0;

  // Paths mean what tests/support/origin_server.hpp says, and so do the rest's names.
  virtual std::string http(const std::string& path) const = 0;
  virtual std::string https(const std::string& path) const = 0;
  virtual std::shared_ptr<const TlsConfig> trust() = 0;
  virtual void release() = 0;
  virtual int held() const = 0;
  virtual int open() const = 0;
  virtual int requests() const = 0;

  // A connect there is never answered. From here on, until this ground's end, that may be true of all connects.
  virtual std::string hanging_url() = 0;
  // The loop's thread does something else for so long.
  virtual void busy_for(std::chrono::milliseconds time) = 0;
  // False: time is virtual. What is about threads, processor time or sockets of the test's own has nothing to look at
  // then.
  virtual bool real() const = 0;
};

// The binding's, or sockets.cpp's. Before make_loop(), and it outlives that.
std::unique_ptr<Ground> make_ground();

}  // namespace sluice::conformance
