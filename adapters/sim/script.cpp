// Plays the scripts of sim_origin.hpp: one step after another, with the received bytes that no step has awaited yet.
#include <utility>

#include "adapters/sim_origin.hpp"

namespace sluice::sim {

Script& Script::await(std::string text) {
  steps_.push_back({.kind = Step::Kind::await_text, .bytes = std::move(text)});
  return *this;
}
Script& Script::await_bytes(std::size_t count) {
  steps_.push_back({.kind = Step::Kind::await_bytes, .count = count});
  return *this;
}
Script& Script::send(std::string bytes) {
  steps_.push_back({.kind = Step::Kind::send, .bytes = std::move(bytes)});
  return *this;
}
Script& Script::wait(Duration delay) {
  steps_.push_back({.kind = Step::Kind::wait, .delay = delay});
  return *this;
}
Script& Script::finish() {
  steps_.push_back({.kind = Step::Kind::finish});
  return *this;
}
Script& Script::close() {
  steps_.push_back({.kind = Step::Kind::close});
  return *this;
}
Script& Script::reset() {
  steps_.push_back({.kind = Step::Kind::reset});
  return *this;
}
Script& Script::again() {
  steps_.push_back({.kind = Step::Kind::again});
  return *this;
}

class ScriptPeer final : public Peer {
 public:
  explicit ScriptPeer(std::vector<Script::Step> steps) : steps_(std::move(steps)) {}

  void on_open(Line& line) override { run(line); }
  void on_bytes(Line& line, Bytes bytes) override {
    came_.append(as_text(bytes));
    if (!waiting_) run(line);
  }
  void on_wake(Line& line) override {
    if (!std::exchange(waiting_, false)) return;
    ++at_;
    run(line);
  }

 private:
  using Step = Script::Step;

  void run(Line& line) {
    while (at_ < steps_.size() && do_step(line, steps_[at_])) {
    }
  }

  // False: this step is not finished yet.
  bool do_step(Line& line, const Step& step) {
    switch (step.kind) {
      case Step::Kind::await_text: {
        const auto found = came_.find(step.bytes, searched_);
        if (found == std::string::npos) {
          searched_ = came_.size() < step.bytes.size() ? 0 : came_.size() - step.bytes.size() + 1;
          return false;
        }
        take(found + step.bytes.size());
        break;
      }
      case Step::Kind::await_bytes:
        if (came_.size() < step.count) return false;
        take(step.count);
        break;
      case Step::Kind::send:
        line.send(step.bytes);
        break;
      case Step::Kind::wait:
        waiting_ = paused_ = true;
        line.wake_after(step.delay);
        return false;
      case Step::Kind::finish:
        line.finish();
        break;
      case Step::Kind::close:
        line.close();
        break;
      case Step::Kind::reset:
        line.reset();
        break;
      case Step::Kind::again:
        // A round that took no bytes and did not wait would repeat for ever at one instant: the script ends.
        at_ = std::exchange(paused_, false) ? 0 : steps_.size();
        return true;
    }
    ++at_;
    return true;
  }

  void take(std::size_t count) {
    came_.erase(0, count);
    searched_ = 0;
    paused_ = paused_ || count > 0;
  }

  const std::vector<Step> steps_;
  std::size_t at_ = 0;
  std::string came_;          // received bytes that no step has taken
  std::size_t searched_ = 0;  // the awaited text does not begin before this index
  bool waiting_ = false;      // the current step waits for on_wake()
  bool paused_ = false;       // this round has taken bytes or waited
};

std::unique_ptr<Peer> play(Script script) { return std::make_unique<ScriptPeer>(std::move(script.steps_)); }

Accept script_origin(Script script) {
  return [script = std::move(script)](std::uint64_t) { return play(script); };
}

}  // namespace sluice::sim
