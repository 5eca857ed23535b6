// Fixture: a pool alone, with waiters, dials and connections made by hand. It acts on grants as an engine does, and
// records them.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/pool/pool.hpp"
#include "tests/support/urls.hpp"

namespace sluice::test {

// A session of which only the number of exchanges matters.
class CountingSession final : public http::Session {
 public:
  explicit CountingSession(std::size_t most) : capacity(most) {}
  std::size_t capacity, open_now = 0;
  http::StreamId started = 0;  // the exchange whose response has begun

  bool multiplexes() const override { return capacity > 1; }
  std::size_t open_capacity() const override { return capacity > open_now ? capacity - open_now : 0; }
  bool reusable() const override { return true; }
  bool busy() const override { return open_now != 0; }
  Result<http::StreamId> open(const http::Exchange&) override { return ++open_now, ++last_; }
  void abort(http::StreamId) override { --open_now; }
  void upload_changed(http::StreamId) override {}
  void stop_waiting_for_continue(http::StreamId) override {}
  bool waiting_for_continue(http::StreamId) const override { return false; }
  bool wants_upload(http::StreamId) const override { return false; }
  void consumed(http::StreamId, std::size_t) override {}
  Result<std::size_t> receive(MutableBytes input, std::vector<http::Event>&) override { return input.size(); }
  Result<void> receive_eof(StreamEnd, std::vector<http::Event>&) override { return {}; }
  OutputView output() const override { return {}; }
  void advance_output(std::size_t) override {}
  void on_wire(std::uint64_t, std::vector<http::StreamId>&) override {}
  bool request_begun(http::StreamId) const override { return false; }
  bool request_sent(http::StreamId) const override { return false; }
  bool response_started(http::StreamId stream) const override { return stream == started; }
  Bytes request_head(http::StreamId) const override { return {}; }

 private:
  http::StreamId last_ = 0;
};

// Waiters are w1, w2, ... in the order of creation, dials d1, d2, ... and connections c1, c2, ... likewise.
class PoolBench {
 public:
  explicit PoolBench(EngineLimits limits = {}) : pool(limits, timers) {}
  static EngineLimits at_most(std::size_t total, std::size_t of_each = 0) {
    return {.max_connections = total, .max_connections_per_origin = of_each};
  }

  pool::Endpoint& at(std::string_view url, const TransferOptions& options = {}) {
    return pool.endpoint_for(Request(good(url)), options, nullptr);
  }
  // The same through this proxy, in a tunnel.
  pool::Endpoint& at(std::string_view url, const Proxy& proxy) {
    proxy::Way way{.proxies = std::make_shared<const ProxyChain>(ProxyChain{proxy})};
    pool::Waiter waiter;
    waiter.way = &way;
    return pool.endpoint_for(Request(good(url)), {}, nullptr, waiter);
  }
  // A waiter that has entered the queue.
  pool::Waiter& ask(pool::Endpoint& endpoint, bool fresh_only = false, bool repeatable = true) {
    pool::Waiter& waiter = waiters_.emplace_back();
    waiter.transfer = {static_cast<std::uint32_t>(waiters_.size()), 1};
    waiter.fresh_only = fresh_only;
    waiter.repeatable = repeatable;
    pool.enter(waiter, endpoint);
    return waiter;
  }
  pool::Waiter& w(std::size_t number) { return waiters_[number - 1]; }
  pool::PooledConnection& c(std::size_t number) { return *connections_[number - 1]; }
  pool::DialSlot& d(std::size_t number) { return dials_[number - 1]; }
  CountingSession& session(std::size_t number) { return static_cast<CountingSession&>(c(number).session()); }

  // Executes everything that next() returns.
  std::string go() {
    std::string log;
    const bool may_go_on = pool.may_go_on();
    while (const auto grant = pool.next(now)) {
      CHECK(may_go_on);
      log += (log.empty() ? "" : "; ") + carry_out(*grant);
      REQUIRE(log.size() < 10'000);  // otherwise it never ends
    }
    pool.check_invariants();
    return log;
  }

  // A dial has made its connection, with room for `capacity` exchanges. Returns its first use.
  std::string connected(std::size_t dial, std::size_t capacity = 1) {
    pool::DialSlot& slot = d(dial);
    pool::PooledConnection& connection = *connections_.emplace_back(std::make_unique<pool::PooledConnection>());
    connection.id = {static_cast<std::uint32_t>(connections_.size()), 1};
    connection.endpoint = slot.endpoint;
    connection.channel.start(now);
    REQUIRE(connection.channel.become_ready());
    connection.channel.set_session(std::make_unique<CountingSession>(capacity));
    connection.multiplexes = capacity > 1;
    connection.secured = now.steady;
    pool.dial_ended(slot, true);
    pool.established(connection);
    if (slot.sponsor == TransferId{}) return release(connection);
    pool::Waiter& sponsor = w(slot.sponsor.index);
    pool.withdraw(sponsor);
    return start(connection, sponsor);
  }
  // A dial has failed, and with it the waiter of it.
  void failed(std::size_t dial) {
    pool::DialSlot& slot = d(dial);
    pool.dial_ended(slot, false);
    if (slot.sponsor != TransferId{}) leave(slot.sponsor.index);
  }
  // An exchange ended normally. Returns what happens to its connection.
  std::string finish(std::size_t waiter, bool usable = true) {
    pool::PooledConnection& connection = detach(waiter);
    pool.left(w(waiter));
    return release(connection, usable);
  }
  // The transfer is no longer on a connection, but not ended.
  pool::PooledConnection& detach(std::size_t waiter) {
    for (auto& connection : connections_) {
      for (const auto& [stream, transfer] : connection->exchanges) {
        if (transfer != w(waiter).transfer) continue;
        connection->exchanges.erase(stream);
        static_cast<CountingSession&>(connection->session()).abort(stream);
        return *connection;
      }
    }
    FAIL("it has no connection");
    return *connections_.front();
  }
  std::string release(pool::PooledConnection& connection, bool usable = true) {
    const auto grant = pool.released(connection, usable, now);
    if (grant) return carry_out(*grant);
    return connection.is_idle() ? name(connection) + " is idle" : name(connection) + " goes on";
  }
  // The application removed it, or it failed while it waited.
  void leave(std::size_t waiter) {
    pool.withdraw(w(waiter));
    pool.left(w(waiter));
  }
  // As above; it no longer uses its dial.
  void cancel(std::size_t waiter) {
    const std::uint32_t dial = w(waiter).dial.index;
    leave(waiter);
    pool.orphan(d(dial), true);
  }
  void close(pool::PooledConnection& connection) {
    pool.closed(connection);
    timers.cancel(connection.expiry_timer);
    connection.channel.close(false);
  }
  // Several exchanges one after another on one connection, which is idle at the end.
  void use(pool::Endpoint& endpoint, int times = 1) {
    for (int i = 0; i < times; ++i) {
      ask(endpoint);
      const std::size_t waiter = waiters_.size();
      if (go().starts_with("dial")) connected(dials_.size());
      REQUIRE(finish(waiter).ends_with("is idle"));
    }
  }

  Timers timers;
  pool::Pool pool;
  Now now{Instant(std::chrono::hours(1)), 0};
  std::size_t expected = 1;  // the number of exchanges that a dial is expected to carry if nothing is known of the peer

 private:
  static std::string name(const pool::PooledConnection& connection) {
    return 'c' + std::to_string(connection.id.index);
  }
  static std::string name(const pool::Waiter& waiter) { return 'w' + std::to_string(waiter.transfer.index); }
  static std::string name(const pool::DialSlot& dial) { return 'd' + std::to_string(dial.id.index); }

  std::string start(pool::PooledConnection& connection, pool::Waiter& waiter) {
    CHECK_FALSE(pool::WaitingList::contains(waiter));
    CHECK_FALSE(connection.is_idle());
    const pool::DialId own = std::exchange(waiter.dial, {});
    const auto stream = connection.session().open({});
    connection.exchanges.add(*stream, waiter.transfer);
    ++connection.exchanges_carried;
    if (connection.multiplexes) pool.room_changed(connection);
    if (own && pool::DialList::contains(d(own.index))) pool.orphan(d(own.index), false);
    return "serve " + name(waiter) + " on " + name(connection);
  }
  std::string carry_out(const pool::Grant& grant) {
    using Kind = pool::Grant::Kind;
    switch (grant.kind) {
      case Kind::serve:
        return start(*grant.connection, *grant.waiter);
      case Kind::dial: {
        CHECK(grant.endpoint == pool.find(grant.waiter->endpoint));
        pool::DialSlot& dial = dials_.emplace_back();
        dial.id = {static_cast<std::uint32_t>(dials_.size()), 1};
        dial.expected = grant.endpoint->carries.value_or(expected);
        pool.dial_begun(dial, *grant.endpoint, now);
        pool.sponsor(dial, *grant.waiter);
        return "dial " + name(*grant.waiter);
      }
      case Kind::take_over:
        pool.sponsor(*grant.dial, *grant.waiter);
        return "take over " + name(*grant.dial) + " for " + name(*grant.waiter);
      case Kind::close:
        close(*grant.connection);
        return "close " + name(*grant.connection);
      case Kind::abandon:
        pool.dial_ended(*grant.dial, false);
        return "abandon " + name(*grant.dial);
      case Kind::forget: {
        const std::string host = grant.endpoint->destination.host;
        pool.forget(*grant.endpoint);
        return "forget " + host;
      }
    }
    return {};
  }

  std::deque<pool::Waiter> waiters_;
  std::deque<pool::DialSlot> dials_;
  std::vector<std::unique_ptr<pool::PooledConnection>> connections_;
};

}  // namespace sluice::test
