// A sim::Line that only records, and a clock that the test moves: what a Peer does, in order, without a world.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sim_origin.hpp"

namespace sluice::test {

using namespace std::chrono_literals;

class FakeLine final : public sim::Line {
 public:
  using Line::send;
  void send(Bytes bytes) override {
    if (!open) return;
    sent.append(as_text(bytes));
    did("send");
  }
  void finish() override { did("finish"); }
  void close() override { end("close"); }
  void reset() override { end("reset"); }
  void read(bool on) override { did(on ? "read" : "no read"); }
  void wake_after(Duration delay) override { alarm = time.steady + delay; }
  void admit(std::string_view fault) override {
    faults.emplace_back(fault);
    did("admit " + std::string(fault));
  }
  Now now() const override { return time; }
  Random& random() override { return random_; }

  std::string take_sent() { return std::exchange(sent, {}); }

  Now time{Instant(1s), 0};
  std::optional<Instant> alarm;
  bool open = true;
  std::string sent;
  std::vector<std::string> faults;
  std::vector<std::string> log;  // each call except wake_after, while the line was open

 private:
  void did(std::string what) {
    if (open) log.push_back(std::move(what));
  }
  void end(const char* how) {
    did(how);
    open = false;
  }
  Random random_{Seed{7}};
};

// A peer on its line, called as a world would call it.
struct PeerOnLine {
  explicit PeerOnLine(const sim::Accept& accept, std::uint64_t nth = 0) : peer(accept(nth)) { peer->on_open(line); }

  void come(std::string_view text, std::size_t piece = SIZE_MAX) {
    while (!text.empty()) {
      const std::string part(text.substr(0, piece));  // separate memory, so that a sanitizer detects dangling views
      text.remove_prefix(part.size());
      peer->on_bytes(line, as_bytes(part));
    }
  }
  // Advances the time, with the wakeups that are due.
  void pass(Duration time) {
    const Instant until = line.time.steady + time;
    while (line.alarm && *line.alarm <= until) {
      line.time.steady = *line.alarm;
      line.alarm.reset();
      peer->on_wake(line);
    }
    line.time.steady = until;
  }

  FakeLine line;
  std::unique_ptr<sim::Peer> peer;
};

}  // namespace sluice::test
