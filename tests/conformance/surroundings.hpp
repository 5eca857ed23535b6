// The environment of the tests besides the loop: the server and the passing of time. Sockets and the system's clock for
// most bindings (sockets.cpp); the simulated world for the one that runs in virtual time (sim_loop.cpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "adapters/multi.hpp"

namespace sluice::conformance {

// What the server speaks: it is asked for HTTP/2 by ALPN, and without TLS by prior knowledge.
enum class Version : std::uint8_t { http1, http2 };

class Surroundings {
 public:
  virtual ~Surroundings() = default;
  // For MultiOptions::environment.
  virtual Environment* environment() = 0;

  // Paths, and the functions below, have the meaning of tests/support/origin_server.hpp.
  virtual std::string http(const std::string& path) const = 0;
  virtual std::string https(const std::string& path) const = 0;
  virtual std::shared_ptr<const TlsConfig> trust() = 0;
  virtual void release() = 0;
  virtual int held() const = 0;
  virtual int open() const = 0;
  virtual int requests() const = 0;

  // A connect to it is never answered. After this call that may be true of all connects, until this object is
  // destroyed.
  virtual std::string hanging_url() = 0;
  // The loop's thread is busy with something else for this time.
  virtual void busy_for(std::chrono::milliseconds time) = 0;
  // False: time is virtual. Tests about threads, processor time or their own sockets do not apply then.
  virtual bool real() const = 0;
};

// Defined by the binding or by sockets.cpp. Called before make_loop(); the result outlives the loop.
std::unique_ptr<Surroundings> make_surroundings(Version version);

}  // namespace sluice::conformance
