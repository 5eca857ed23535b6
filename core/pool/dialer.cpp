// See dialer.hpp.
#include "core/pool/dialer.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"

namespace sluice::pool {

void Dial::recycle() {
  SLUICE_CHECK(!in_endpoint.linked && !orphan_in_endpoint.linked && !orphan_in_pool.linked && !name.link.linked);
  SLUICE_CHECK(!guest.link.linked);
  id = {};
  endpoint = {};
  sponsor = {};
  unwanted = has_winner = borrows = false;
  guest = {};
  expected = 1;
  race.reset();
  attempts.clear();
  resolved.reset();
  last_error.reset();
  failures.clear();
  targets.clear();
  proxy_connections = 0;
  certificates_checked = 0;
  early.reset();
  service.reset();
}

Dial* Dialer::begin() {
  DialId id;
  Dial* dial = dials_.emplace(id);
  if (dial) dial->id = dial->guest.dial = id;
  return dial;
}

void Dialer::end(Dial& dial) {
  timers_.cancel(dial.stagger_timer);
  timers_.cancel(dial.timeout_timer);
  timers_.cancel(dial.phase_timer);
  dials_.release(dial.id);
}

void Dialer::look_again(Dial& dial, Duration time, Now now) {
  timers_.set(dial.stagger_timer, time, TimerKind::address_stagger, dial.id, now);
}

void Dialer::limit(Dial& dial, std::optional<Duration> time, Now now) {
  if (time) {
    timers_.set(dial.timeout_timer, *time, TimerKind::connect_timeout, dial.id, now);
  } else {
    timers_.cancel(dial.timeout_timer);
  }
}

void Dialer::limit_phase(Dial& dial, std::optional<Duration> time, Now now) {
  if (time) {
    timers_.set(dial.phase_timer, *time, TimerKind::dial_phase, dial.id, now);
  } else {
    timers_.cancel(dial.phase_timer);
  }
}

void Dialer::shorten(Dial& dial, Duration time, Now now) {
  const Instant latest = Timers::later(now.steady, time);
  if (const auto due = timers_.due(dial.timeout_timer); due && *due <= latest) return;
  timers_.set(dial.timeout_timer, time, TimerKind::connect_timeout, dial.id, now);
}

bool Dialer::learn(Dial& dial, const std::vector<IpAddress>& addresses, bool complete, AddressFamily family,
                   Instant ipv6_until, Now now, bool waits_for_records) {
  if (dial.has_winner) return false;
  dial.race.learn(addresses, complete);
  if (!dial.resolved) dial.resolved = now.steady;
  if (!dial.attempts.empty()) return !timers_.is_set(dial.stagger_timer);  // else the next attempt waits for the timer
  const bool waits_for_ipv6 = dial.race.may_wait_for_ipv6() && family == AddressFamily::any;
  if ((waits_for_ipv6 || waits_for_records) && now.steady < ipv6_until) {
    timers_.set(dial.stagger_timer, ipv6_until - now.steady, TimerKind::resolution_delay, dial.id, now);
    return false;
  }
  timers_.cancel(dial.stagger_timer);
  return true;
}

void Dialer::lose_soon(Dial& dial, Error error, Now now) {
  dial.failures = error.message();
  dial.last_error = std::move(error);
  timers_.set(dial.stagger_timer, Duration::zero(), TimerKind::address_stagger, dial.id, now);
}

void Dialer::forbidden(Dial& dial, const Destination& destination, Now now) {
  const bool has_port = dial.service && dial.service->port != 0;
  const Address address{dial.race.address(), has_port ? dial.service->port : destination.port};
  Error error =
      make_error(Code::address_forbidden, "connect to " + address.to_string() + ": forbidden by the address rule");
  note_failure(dial, destination, error);
  // What came of an attempt says more.
  if (!dial.last_error || dial.last_error->code == Code::address_forbidden) dial.last_error = std::move(error);
  dial.race.skip();
  if (next(dial) != AddressRace::Step::lost) return;
  timers_.set(dial.stagger_timer, Duration::zero(), TimerKind::address_stagger, dial.id, now);
}

void Dialer::attempt_begun(Dial& dial, ConnId attempt, Now now) {
  dial.race.begun();
  dial.attempts.push_back(attempt);
  if (!dial.race.goes_on()) return;
  timers_.set(dial.stagger_timer, limits::kAddressStagger, TimerKind::address_stagger, dial.id, now);
}

void Dialer::attempt_failed(Dial& dial, ConnId attempt, const Destination& destination, Error error) {
  std::erase(dial.attempts, attempt);
  timers_.cancel(dial.stagger_timer);
  // What cannot be bound here is the application's own choice, so it counts more than what a peer has answered.
  const bool before_counts = dial.last_error && dial.last_error->code == Code::bind_failed;
  if (before_counts) return note_failure(dial, destination, error);
  dial.last_error = std::move(error);
  note_failure(dial, destination, *dial.last_error);
}

void Dialer::attempt_won(Dial& dial, ConnId attempt) {
  dial.attempts.assign(1, attempt);  // it was in the vector, so no memory is needed
  dial.has_winner = true;
  dial.race.stop();
  timers_.cancel(dial.stagger_timer);
}

void Dialer::begin_again(Dial& dial) {
  ++dial.proxy_connections;
  dial.attempts.clear();
  dial.has_winner = false;
  dial.early.reset();
  dial.race.reset();
}

// If all attempts fail, the message names each; of very many only the first ones.
void Dialer::note_failure(Dial& dial, const Destination& destination, const Error& error) {
  constexpr std::size_t kMostBytes = 2'000;
  constexpr std::string_view kMore = "; ...";
  if (dial.failures.ends_with(kMore)) return;
  std::string words = error.message();
  if (dial.failures.empty()) {
    // The user asked for a name, so the name is in the message too.
    dial.failures = destination.is_literal() ? std::move(words) : destination.where() + ": " + words;
  } else if (dial.failures.size() + words.size() < kMostBytes) {
    dial.failures += "; " + words;
  } else {
    dial.failures += kMore;
  }
}

Error Dialer::lost(const Dial& dial, const Destination& destination) {
  if (!dial.last_error) return make_error(Code::connect_failed, destination.where() + ": no address");
  Error error = *dial.last_error;
  error.context = dial.failures;
  return error;
}

Error Dialer::timed_out(const Dial& dial, const Destination& destination, const std::string& within,
                        std::string_view task, const std::string& running) {
  std::string what;
  if (dial.race.is_resolving() && dial.race.knows_none()) {
    what = "resolve " + destination.host + ": no answer within " + within;
  } else if (dial.has_winner) {
    what = std::string(task) + " with " + destination.where() + ": not finished within " + within;
  } else {
    what = "connect to " + destination.where() + ": no answer within " + within;
    // The address is left out if the user asked for that address.
    if (!destination.is_literal() && !running.empty()) what += " from " + running;
    if (!dial.failures.empty()) what += " (before: " + dial.failures + ")";
  }
  return make_error(Code::connect_timeout, std::move(what));
}

void Dialer::check_invariants() const {
  dials_.for_each([&](DialId, const Dial& dial) {
    SLUICE_CHECK(dial.attempts.size() <= limits::kMaxAttempts);
    const bool orphan = EndpointOrphans::contains(dial);
    SLUICE_CHECK(orphan == PoolOrphans::contains(dial) && orphan == (dial.sponsor == TransferId{}));
    SLUICE_CHECK(!orphan || timers_.is_set(dial.timeout_timer));
  });
}

void Dialer::reset() noexcept {
  dials_.for_each([this](DialId, Dial& dial) {
    dial.in_endpoint = dial.orphan_in_endpoint = dial.orphan_in_pool = {};
    dial.name.link = {};
    dial.guest = {};
    end(dial);
  });
}

}  // namespace sluice::pool
