// When to come back: what timeout() answers, what a WatchSink is told, and what fd()'s timer is set to. One deadline, three ways to say it.
#include <algorithm>

#include "adapters/multi/driver.hpp"

namespace sluice {

using std::chrono::milliseconds;

bool Multi::Impl::must_run_at_once() const {
  return engine_.has_output() || try_all_ || to_refresh_ || watches_.has_postponed() || !facts_.empty() || !sends_.empty() || !reads_.empty() ||
         resolver_->has_answer() || transfers_.has_resumes() || !resumed_.empty() || waiter_->has_ready() ||
         !given_.empty() || !signaled_.empty() || (signals_ && signals_->waiting());
}

std::optional<Instant> Multi::Impl::next_deadline() {
  std::optional<Instant> at;
  if (const auto deadline = engine_.deadline()) at = deadline->at;
  if (resolver_->open_questions() > 0) {
    if (const auto other = resolver_->deadline(environment_.steady()); other && (!at || *other < *at)) at = other;
  }
  if (const auto leftovers = environment_.upkeep_due(); leftovers && (!at || *leftovers < *at)) at = leftovers;
  return at;
}

std::optional<milliseconds> Multi::Impl::timeout() {
  if (must_run_at_once()) return milliseconds(0);
  const auto at = next_deadline();
  if (!at) return std::nullopt;
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*at - environment_.steady()));
}

void Multi::Impl::after_application_call() {
  if (!busy_) report_timer();
}

Multi::Impl::Timer Multi::Impl::next_timer() {
  if (must_run_at_once()) return {Wish::at_once, {}};
  if (const auto at = next_deadline()) return {Wish::at, *at};
  return {};
}

void Multi::Impl::report_timer() {
  if (reporting_) return;
  if (watches_.sink()) report_to_sink();
  if (fd_used_) set_fd_timer();
}

void Multi::Impl::set_fd_timer() {
  const Timer timer = next_timer();
  switch (timer.wish) {
    case Wish::none: break;
    case Wish::at: waiter_->set_timer(timer.at); break;
    case Wish::at_once: waiter_->set_timer(environment_.steady()); break;
  }
}

int Multi::Impl::fd() {
  fd_used_ = true;
  after_application_call();
  return waiter_->fd();
}

void Multi::Impl::report_to_sink() {
  const Flag busy(busy_), reporting(reporting_);
  for (;;) {
    const Timer timer = next_timer();
    const bool again = std::exchange(timer_spent_, false) && timer.wish != Wish::none;
    if (timer == reported_ && !again) break;
    reported_ = timer;
    WatchSink* const sink = watches_.sink();
    if (!sink) break;
    if (timer.wish == Wish::none) {
      sink->on_timer(std::nullopt);
    } else {
      sink->on_timer(timer.wish == Wish::at_once ? environment_.steady() : timer.at);
    }
  }
}

}  // namespace sluice
