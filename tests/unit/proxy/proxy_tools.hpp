// A proxy handshake with the bytes of a proxy, whole and at every split.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/layer.hpp"

namespace sluice::test {

struct ProxyTalk {
  std::string sent;   // all that the layer sent
  std::string plain;  // what came after the handshake
  bool open = false, failed = false;
  Error error = {};
  friend bool operator==(const ProxyTalk&, const ProxyTalk&) = default;
};

// Starts the layer and gives it these pieces. After a failure nothing more is given.
inline ProxyTalk talk(Layer& layer, const std::vector<std::string_view>& pieces) {
  ProxyTalk out;
  std::vector<std::uint8_t> wire;
  out.failed = layer.start(wire, {}) == Pump::failed;
  for (const std::string_view piece : pieces) {
    if (out.failed) break;
    Bytes in = as_bytes(piece);
    std::array<std::uint8_t, 512> buffer;
    MutableBytes space(buffer);
    const Pump pump = layer.decode(in, space, wire, {});
    out.failed = pump == Pump::failed;
    if (!out.failed) {
      CHECK(pump == Pump::need_input);
      CHECK(in.empty());
    }
    out.plain += as_text(Bytes(buffer).first(buffer.size() - space.size()));
  }
  out.sent = as_text(wire);
  out.open = layer.established();
  if (out.failed) out.error = layer.error();
  CHECK(layer.passes_all() == out.open);
  return out;
}

using MakeLayer = std::function<std::unique_ptr<Layer>()>;

// The same, whatever pieces the bytes come in.
inline ProxyTalk talk_in_pieces(const MakeLayer& make, std::string_view bytes) {
  const ProxyTalk whole = talk(*make(), {bytes});
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    CAPTURE(at);
    CHECK(talk(*make(), {bytes.substr(0, at), bytes.substr(at)}) == whole);
  }
  std::vector<std::string_view> single;
  for (std::size_t at = 0; at < bytes.size(); ++at) single.push_back(bytes.substr(at, 1));
  CHECK(talk(*make(), single) == whole);
  return whole;
}

}  // namespace sluice::test
