// See driver.hpp. Here: the sources of work, which take turns. If a drive stops in one source, the next drive begins
// with the source after it.
#include <utility>

#include "adapters/multi/driver.hpp"

namespace sluice::multi {
namespace {

// This many full reads in a row, before other connections get their turn.
constexpr int kReadsPerTurn = 4;

}  // namespace

// False: stopped for fairness. The next drive then begins with another source, so that no source can use up every
// drive.
bool Driver::work(bool fetch) {
  if (!settle()) return false;
  if (timers_put_off_ && !run_timers()) return false;
  // Transfers that were resumed before this drive; others wait for the next drive.
  transfers_.take_resumes(resumed_);
  for (std::size_t turn = 0; turn < kSources.size(); ++turn) {
    if (take_from(kSources[(first_ + turn) % kSources.size()], fetch)) continue;
    first_ = (first_ + 1) % kSources.size();
    return false;
  }
  first_ = 0;
  return true;
}

bool Driver::take_from(Source source, bool fetch) {
  switch (source) {
    case Source::resumes:
      return take_resumes();
    case Source::postponed:
      return take_postponed();
    case Source::signals:
      return take_signals();
    case Source::ready:
      return take_ready(fetch);
    case Source::reads:
      return take_reads();
    case Source::facts:
      return take_facts();
    case Source::sends:
      return take_sends();
  }
  return true;
}

bool Driver::take_resumes() {
  while (!resumed_.empty()) {
    if (pace_.spent()) return false;
    pace_.progress();
    callbacks_.resume(resumed_.pop());
    pace_.look_at_clock();
  }
  return settle();
}

bool Driver::take_postponed() {
  while (watches_.has_postponed()) {
    if (pace_.spent()) return false;
    make_room();
    const Ready ready = watches_.take_postponed();
    const Watch* watch = watches_.find(ready);
    if (watch && !dispatch(ready.fd, ready.events, watch->owner)) return false;
  }
  return true;
}

bool Driver::take_signals() {
  streams_.gather_signals();
  while (streams_.has_signaled()) {
    if (pace_.spent()) return false;
    make_room();
    const auto conn = streams_.next_signaled();
    if (!conn) break;
    pace_.look_at_clock();
    pace_.progress();
    if (!follow(streams_.advance(*conn, kEventRead | kEventWrite), *conn)) return false;
  }
  return true;
}

bool Driver::take_ready(bool fetch) {
  for (;;) {
    if (!waiter_.has_ready()) {
      if (fetch) {
        wait_error_ = waiter_.look();
        if (waiter_.take_woken()) woken_ = true;
        fetch = waiter_.batch_was_full();
      }
      if (!waiter_.has_ready()) {
        streams_.looked();
        return true;
      }
    }
    while (waiter_.has_ready()) {
      if (pace_.spent()) return false;
      make_room();
      const auto ready = waiter_.next();
      const Watch* watch = ready ? watches_.find(*ready) : nullptr;
      if (watch && !dispatch(ready->fd, ready->events, watch->owner)) return false;
    }
  }
}

bool Driver::take_reads() {
  while (streams_.has_reads()) {
    if (pace_.spent()) return false;
    make_room();
    if (!read(streams_.next_read())) return false;
  }
  return true;
}

// Facts from before this call: if an application retries at once what failed at once, the retry gets its turn in the
// next drive.
bool Driver::take_facts() {
  if (!take_answers()) return false;
  for (std::size_t left = streams_.facts(); left > 0; --left) {
    if (pace_.late()) return false;
    make_room();
    streams_.tell_fact();
    if (!settle()) return false;
  }
  return true;
}

bool Driver::take_answers() {
  for (std::size_t left = resolver_.answers(); left > 0; --left) {
    if (pace_.late()) return false;
    make_room();
    auto answer = resolver_.next_answer();
    if (!answer) break;  // it was canceled
    engine_.handle_resolved(answer->id, std::move(answer->found), pace_.now());
    if (!settle()) return false;
  }
  return true;
}

bool Driver::take_sends() {
  while (streams_.has_sends()) {
    if (!pace_.may_send()) return false;
    make_room();
    const auto next = streams_.next_send();
    if (!next) continue;
    if (next->look && !read(next->conn)) {
      streams_.queue_send(next->conn);
      return false;
    }
    streams_.send(next->conn);
    if (!settle()) return false;
  }
  return true;
}

// ---- one event ----

bool Driver::dispatch(int fd, std::uint8_t events, ConnId owner) {
  pace_.look_at_clock();
  pace_.progress();
  make_room();
  if (owner) return follow(streams_.advance(owner, events), owner);
  if (fd == waiter_.wakeup_fd()) {
    waiter_.take_event();
    waiter_.take_woken();  // the loop has seen the wakeup, so poll() need not report it
  } else {
    resolver_.process(fd, (events & (kEventRead | kEventError)) != 0, (events & kEventWrite) != 0);
  }
  return settle();
}

bool Driver::follow(Streams::Then then, ConnId conn) {
  switch (then) {
    case Streams::Then::nothing:
      return true;
    case Streams::Then::settle:
      return settle();
    case Streams::Then::read:
      return read(conn);
  }
  return true;
}

bool Driver::read(ConnId conn) {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    make_room();
    const Streams::Received received = streams_.receive(conn);
    if (received == Streams::Received::nothing) return true;
    if (received == Streams::Received::no_budget) return false;
    const bool more = received == Streams::Received::more;
    if (!settle()) {
      if (more) streams_.queue_read(conn);
      return false;
    }
    if (!more) return true;
    pace_.look_at_clock();
    if (pace_.late()) break;
  }
  streams_.queue_read(conn);
  return true;
}

}  // namespace sluice::multi
