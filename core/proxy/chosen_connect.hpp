// CONNECT with an https proxy, over the version of HTTP that TLS with the proxy has agreed on, which is known when this
// layer begins. Leaves the handshake to connect.hpp and stream_connect.hpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/layer.hpp"
#include "core/tls/client.hpp"

namespace sluice::proxy {

class ChosenConnect final : public Layer {
 public:
  using Make = std::function<std::unique_ptr<Layer>(bool http2)>;
  // `below`: the TLS layer under this one, which must outlive it. `make` is called once, in start(), and may throw
  // std::bad_alloc.
  ChosenConnect(const tls::ClientLayer& below, Make make) : below_(below), make_(std::move(make)) {}

  std::string_view task() const override { return "CONNECT"; }
  Code failure() const override { return Code::tunnel_failed; }
  void describe(StreamFacts& facts) const override {
    if (chosen_) chosen_->describe(facts);
  }
  Pump start(std::vector<std::uint8_t>& wire_out, Now now) override {
    chosen_ = make_(below_.alpn() == "h2");
    make_ = nullptr;
    return chosen_->start(wire_out, now);
  }
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) override {
    return chosen_->decode(wire_in, plain_out, wire_out, now);
  }
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) override {
    return chosen_->encode(plain_in, wire_out, wire_cap, now);
  }
  bool holds_plain() const override { return chosen_ && chosen_->holds_plain(); }
  void drop_memory() noexcept override {
    if (chosen_) chosen_->drop_memory();
  }
  bool established() const override { return chosen_ && chosen_->established(); }
  Again again() const override { return chosen_ ? chosen_->again() : Again::no; }
  bool passes_all() const override { return chosen_ && chosen_->passes_all(); }
  StreamEnd stream_end() const override { return chosen_ ? chosen_->stream_end() : StreamEnd::cut; }
  std::optional<Instant> deadline() const override { return chosen_ ? chosen_->deadline() : std::nullopt; }
  Pump handle_timeout(std::vector<std::uint8_t>& wire_out, bool sends, Now now) override {
    return chosen_->handle_timeout(wire_out, sends, now);
  }
  void close(std::vector<std::uint8_t>& wire_out) noexcept override {
    if (chosen_) chosen_->close(wire_out);
  }
  const Error& error() const override { return chosen_->error(); }

 private:
  const tls::ClientLayer& below_;
  Make make_;
  std::unique_ptr<Layer> chosen_;  // null before start()
};

}  // namespace sluice::proxy
