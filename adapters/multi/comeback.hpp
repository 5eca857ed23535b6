// When the Multi must be driven again, reported in three ways: by timeout(), by the WatchSink's timer, and by the timer
// of fd(). Leaves to its owner what is to be done: a function gives the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "adapters/environment.hpp"
#include "adapters/multi/watches.hpp"

namespace sluice::multi {

// When to be driven again.
struct Wish {
  enum class When : std::uint8_t { never, at, at_once };
  When when = When::never;
  Instant at = {};  // only with When::at
  friend bool operator==(const Wish&, const Wish&) = default;
};

class Comeback {
 public:
  Comeback(const Environment& environment, Waiter& waiter, const Watches& watches, std::function<Wish()> wish)
      : environment_(environment), waiter_(waiter), watches_(watches), wish_(std::move(wish)) {}

  std::optional<std::chrono::milliseconds> timeout() const;
  // Reports the wish to the sink until the reported one is current (the sink may change it by calls on the Multi), and
  // sets the timer of fd(). A call inside report() does nothing.
  void report();
  bool reporting() const { return reporting_; }
  // The application's timer was due: the next wish is reported even if it is the same.
  void timer_spent() { timer_spent_ = true; }
  void sink_changed() { reported_ = {}; }
  // From the first call on, the timer of fd() is set.
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
