// The interfaces that the streams, names and waiters of a program need from the simulated world. Leaves their
// implementation to program.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "adapters/environment.hpp"
#include "adapters/sim/descriptors.hpp"

namespace sluice::sim {

class Link;
class Tcp;

// Receives the answer to a question.
class Asker {
 public:
  virtual void answered(ResolveId id, Result<NameAnswer> found) = 0;

 protected:
  ~Asker() = default;
};

class Host {
 public:
  enum class Went : std::uint8_t {
    on,      // an event has happened
    called,  // the application's own call was run: the wait must return to it
    over,    // that time has come without an event
    limit,   // the end of the world's time was reached
  };

  virtual Now now() const = 0;
  // Runs the next event until then. Without `calls`, no call of the application (World::at) runs.
  virtual Went advance(Instant until, bool calls) = 0;
  // Makes advance() stop at this time, so that the waiter can check.
  virtual void alarm(Instant at) = 0;
  virtual Descriptors& descriptors() = 0;

  // Begins a connect; the link is valid until hang_up().
  virtual Link& dial(const Address& address, Tcp& end) = 0;
  virtual void hang_up(Link& link) = 0;
  // Writes a line of the trace: `count` bytes were "sent" or "received".
  virtual void say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) = 0;
  virtual void say_end(Link& link) = 0;

  // Asks a question and returns its number. `asker` gets the answer later, unless never_mind() is called first.
  virtual std::uint64_t ask(const output::Resolve& question, Asker& asker) = 0;
  virtual void never_mind(std::uint64_t question) = 0;

 protected:
  ~Host() = default;
};

}  // namespace sluice::sim
