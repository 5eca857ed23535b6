// See comeback.hpp.
#include "adapters/multi/comeback.hpp"

#include <algorithm>
#include <utility>

#include "adapters/multi/scoped.hpp"

namespace sluice::multi {

using std::chrono::milliseconds;

std::optional<milliseconds> Comeback::timeout() const {
  const Wish wish = wish_();
  switch (wish.when) {
    case Wish::When::never:
      return std::nullopt;
    case Wish::When::at_once:
      return milliseconds(0);
    case Wish::When::at:
      break;
  }
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(wish.at - environment_.steady()));
}

void Comeback::report() {
  if (reporting_) return;
  if (watches_.sink()) tell_sink();
  set_fd_timer();
}

void Comeback::set_fd_timer() {
  if (!fd_used_) return;
  const Wish wish = wish_();
  switch (wish.when) {
    case Wish::When::never:
      break;
    case Wish::When::at:
      waiter_.set_timer(wish.at);
      break;
    case Wish::When::at_once:
      waiter_.set_timer(environment_.steady());
      break;
  }
}

int Comeback::fd() {
  fd_used_ = true;
  return waiter_.fd();
}

void Comeback::tell_sink() {
  const Scoped reporting(reporting_, true);
  for (;;) {
    const Wish wish = wish_();
    const bool again = std::exchange(timer_spent_, false) && wish.when != Wish::When::never;
    if (wish == reported_ && !again) break;
    reported_ = wish;
    WatchSink* const sink = watches_.sink();
    if (!sink) break;
    switch (wish.when) {
      case Wish::When::never:
        sink->on_timer(std::nullopt);
        break;
      case Wish::When::at:
        sink->on_timer(wish.at);
        break;
      case Wish::When::at_once:
        sink->on_timer(environment_.steady());
        break;
    }
  }
}

}  // namespace sluice::multi
