// What the streams, the names and the waiting of a program need of the world around them.
#pragma once

#include <cstdint>
#include <string_view>

#include "adapters/environment.hpp"
#include "adapters/sim/descriptors.hpp"

namespace sluice::sim {

class Link;
class Tcp;

// Is told what came of a question.
class Asker {
 public:
  virtual void answered(ResolveId id, Result<NameAnswer> found) = 0;

 protected:
  ~Asker() = default;
};

class Host {
 public:
  enum class Went : std::uint8_t {
    on,      // something has happened
    called,  // the application's own call has: who waits is to return to it
    over,    // nothing happens before that time, and it has come
    limit,   // the world's time is over
  };

  virtual Now now() const = 0;
  // The next thing that happens until then. Without `calls` none of the application's own.
  virtual Went advance(Instant until, bool calls) = 0;
  // The clock stops at this time, so that who waits can look.
  virtual void alarm(Instant at) = 0;
  virtual Descriptors& descriptors() = 0;

  // A connect begins; the link stays until hang_up().
  virtual Link& dial(const Address& address, Tcp& end) = 0;
  virtual void hang_up(Link& link) = 0;
  // A line of the trace: so many bytes were "sent" or "received".
  virtual void say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) = 0;
  virtual void say_end(Link& link) = 0;

  // Answers the question's number. `asker` is told later, unless never_mind() comes first.
  virtual std::uint64_t ask(const output::Resolve& question, Asker& asker) = 0;
  virtual void never_mind(std::uint64_t question) = 0;

 protected:
  ~Host() = default;
};

}  // namespace sluice::sim
