// Transports without descriptors whose results come from the input: they open late or never, move bytes in pieces,
// block, end and fail. A blocked one gives its signal once, when the target says so.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/transport.hpp"
#include "fuzz/support/http_peer.hpp"
#include "fuzz/support/input.hpp"

namespace sluice::fuzz {

// What all of them share.
struct Script {
  explicit Script(Input& bytes) : input(bytes) {}
  Input& input;
  Answers answers;
  std::vector<TransportSignal> signals;  // signals that are owed, in order
  std::size_t alive = 0;                 // transports

  void give_signals(std::size_t most) {
    std::vector<TransportSignal> now(signals.begin(),
                                     signals.begin() + static_cast<std::ptrdiff_t>(std::min(most, signals.size())));
    signals.erase(signals.begin(), signals.begin() + static_cast<std::ptrdiff_t>(now.size()));
    for (const TransportSignal& signal : now) signal();
  }
};

class ScriptedTransport : public Transport {
 public:
  ScriptedTransport(Script& script, bool tls, TransportSignal signal)
      : script_(script), signal_(std::move(signal)), peer_(script.input, script.answers, tls) {
    ++script_.alive;
  }
  ~ScriptedTransport() override { --script_.alive; }
  ScriptedTransport(const ScriptedTransport&) = delete;
  ScriptedTransport& operator=(const ScriptedTransport&) = delete;

  Result<Opening> open() override {
    if (script_.input.one_in(20))
      return std::unexpected(make_error(Code::connect_failed, "connect to nobody: refused", ECONNREFUSED));
    if (!script_.input.one_in(3)) return Opening::done;
    script_.signals.push_back(signal_);
    return Opening::wait_signal;
  }

  Transferred receive(MutableBytes space) override {
    FUZZ_CHECK(!space.empty());
    std::string& text = peer_.to_say();
    if (script_.input.one_in(40)) return {.error = ECONNRESET};
    if (text.empty() && peer_.ends()) return {.eof = true};
    if (text.empty() || script_.input.one_in(4)) return blocked();
    std::size_t count = std::min(space.size(), text.size());
    if (script_.input.one_in(3)) count = std::min<std::size_t>(count, 1 + script_.input.below(300));
    std::memcpy(space.data(), text.data(), count);
    text.erase(0, count);
    return {.bytes = count};
  }

  Transferred send(std::span<const Bytes> pieces) override {
    FUZZ_CHECK(!pieces.empty() && pieces.size() <= 4);
    for (const Bytes piece : pieces) FUZZ_CHECK(!piece.empty());
    if (script_.input.one_in(40)) return {.error = EPIPE};
    if (script_.input.one_in(4)) return blocked();
    std::string all;
    for (const Bytes piece : pieces) all += as_text(piece);
    if (script_.input.one_in(3)) all.resize(std::min<std::size_t>(all.size(), 1 + script_.input.below(300)));
    peer_.hear(all);
    script_.signals.push_back(signal_);  // there may be a response
    return {.bytes = all.size()};
  }

 private:
  Transferred blocked() {
    script_.signals.push_back(signal_);
    return {.would_block = true};
  }

  Script& script_;
  TransportSignal signal_;
  HttpPeer peer_;
};

class ScriptedDialer : public Dialer {
 public:
  ScriptedDialer(Script& script, std::size_t most) : Dialer("", "a script", most), script_(script) {}

  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) override {
    FUZZ_CHECK(!target.host.empty() && target.port != 0);
    if (script_.input.one_in(30)) return std::unexpected(make_error(Code::connect_failed, "no stream can be had"));
    return std::make_unique<ScriptedTransport>(script_, target.port == 443, std::move(signal));
  }

 private:
  Script& script_;
};

}  // namespace sluice::fuzz
