// When to come back: what timeout() answers, what a WatchSink is told, and what fd()'s timer is set to. One wish, three
// ways to say it. Does not know what is to be done: its owner hands in a function that answers the wish.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "adapters/environment.hpp"
#include "adapters/multi/watches.hpp"

namespace sluice::multi {

// To be driven.
struct Wish {
  enum class When : std::uint8_t { never, at, at_once };
  When when = When::never;
  Instant at = {};  // meaningful with `at`
  friend bool operator==(const Wish&, const Wish&) = default;
};

class Comeback {
 public:
  Comeback(const Environment& environment, Waiter& waiter, const Watches& watches, std::function<Wish()> wish)
      : environment_(environment), waiter_(waiter), watches_(watches), wish_(std::move(wish)) {}

  std::optional<std::chrono::milliseconds> timeout() const;
  // Tells the sink, until the wish that it has heard is the present one (it may call back into what the wish is made
  // of), and sets fd()'s timer. From inside of itself: nothing.
  void report();
  bool reporting() const { return reporting_; }
  // The application's timer has run out: it wants to hear the next one even if it is the same.
  void timer_spent() { timer_spent_ = true; }
  void sink_changed() { reported_ = {}; }
  // From the first call on fd()'s timer is set.
  int fd();
  void set_fd_timer();

 private:
  void tell_sink();

  const Environment& environment_;
  Waiter& waiter_;
  const Watches& watches_;
  const std::function<Wish()> wish_;
  Wish reported_;
  bool timer_spent_ = false;
  bool reporting_ = false;
  bool fd_used_ = false;
};

}  // namespace sluice::multi
