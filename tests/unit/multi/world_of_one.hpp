// An Environment whose clock, streams and waiting the test controls, for the parts of Multi alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/environment.hpp"

namespace sluice::test {

struct HandWaiter final : Waiter {
  std::map<int, std::uint8_t> watched;
  std::vector<std::optional<Instant>> timers;
  mutable int wakeups = 0;

  int fd() const override { return 3; }
  int add(int fd, std::uint8_t events, std::uint32_t) override { return watched.emplace(fd, events).second ? 0 : 17; }
  int modify(int fd, std::uint8_t events, std::uint32_t) override { return watched[fd] = events, 0; }
  int remove(int fd) override { return watched.erase(fd) > 0 ? 0 : 2; }
  int wait(int) override { return 0; }
  int look() override { return 0; }
  int wait_beside(std::span<ExtraDescriptor>, int) override { return 0; }
  void wakeup() const override { ++wakeups; }
  int wakeup_fd() const override { return 4; }
  void take_event() override {}
  void set_timer(std::optional<Instant> at) override { timers.push_back(at); }
};

// What one stream will do next, and the calls on it.
struct Wire {
  int fd = 10;
  std::vector<Result<Opening>> openings = {Opening::done};  // in this order; the last one repeats
  std::string arriving, sent;
  bool ended = false;
  std::size_t takes = SIZE_MAX;  // bytes accepted by each send
  int error = 0;                 // of the next send or receive
  bool throws = false;
  bool closed = false;
  int asked_for_address = 0;
};

struct HandStream final : Transport {
  explicit HandStream(Wire& of) : wire(of) {}
  ~HandStream() override { wire.closed = true; }
  int fd() const override { return wire.fd; }
  Result<Opening> open() override {
    auto now = wire.openings.front();
    if (wire.openings.size() > 1) wire.openings.erase(wire.openings.begin());
    return now;
  }
  Address local_address() const override {
    ++wire.asked_for_address;
    if (wire.throws) throw std::string("not an exception");
    return {*IpAddress::parse("198.51.100.7"), 40'001};
  }
  Transferred receive(MutableBytes space) override {
    if (wire.throws) throw std::string("not an exception");
    Transferred got;
    got.error = wire.error;
    if (got.error != 0) return got;
    got.bytes = std::min(space.size(), wire.arriving.size());
    std::copy_n(wire.arriving.begin(), got.bytes, space.begin());
    wire.arriving.erase(0, got.bytes);
    got.would_block = wire.arriving.empty() && !wire.ended;
    got.eof = got.bytes == 0 && wire.ended;
    return got;
  }
  Transferred send(std::span<const Bytes> pieces) override {
    Transferred done;
    done.error = wire.error;
    for (const Bytes piece : pieces) {
      const Bytes part = piece.first(std::min(piece.size(), wire.takes - done.bytes));
      if (done.error == 0) wire.sent += as_text(part);
      done.bytes += part.size();
      if (part.size() < piece.size()) done.would_block = true;
    }
    if (done.error != 0) done.bytes = 0;
    return done;
  }
  Wire& wire;
};

struct HandEnvironment final : Environment {
  Now clock = {Instant(std::chrono::seconds(100)), 1'800'000'000};
  mutable int readings = 0;
  Wire wire;

  Instant steady() const override { return clock.steady; }
  Now now() const override { return ++readings, clock; }
  Result<std::unique_ptr<Waiter>> make_waiter() override { return std::make_unique<HandWaiter>(); }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions) override {
    return std::unexpected(make_error(Code::internal, "nobody looks names up here"));
  }
  std::unique_ptr<Transport> tcp(const Address&) override { return std::make_unique<HandStream>(wire); }
  std::unique_ptr<Transport> tcp_with(const Address& address, const TcpOptions& options) override {
    wished.push_back(options);
    return tcp(address);
  }
  std::vector<TcpOptions> wished;
};

}  // namespace sluice::test
