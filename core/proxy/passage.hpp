// The base of the proxy handshakes: a layer that talks to a proxy until the way to the next host is open, and from then
// on lets all bytes pass unchanged. Leaves the messages of the handshake to the classes derived from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/layer.hpp"

namespace sluice::proxy {

// Where the handshake leads: the origin, or the next proxy of a chain. An IPv6 address has no brackets.
struct Target {
  std::string host = {};
  std::uint16_t port = 0;

  std::string authority() const;  // "example.org:443", "[::1]:443" (RFC 9110 9.3.6)
};

// `why` follows after "proxy socks5://p:1080 to example.org:443: ". May throw std::bad_alloc.
Error tunnel_error(Code code, std::string_view proxy, const Target& target, std::string_view why, int detail);

inline void append(std::vector<std::uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

class Passage : public Layer {
 public:
  Pump start(std::vector<std::uint8_t>& wire_out, Now now) final;
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) final;
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) final;
  bool established() const final { return state_ == State::open; }
  bool passes_all() const final { return established(); }
  StreamEnd stream_end() const final { return established() ? StreamEnd::clean : StreamEnd::cut; }
  void close(std::vector<std::uint8_t>&) noexcept final {}
  const Error& error() const final { return error_; }

 protected:
  // The first message, appended to `out`. False: fail() was called.
  virtual bool begin(std::vector<std::uint8_t>& out, Now now) = 0;
  // Takes bytes of the proxy from the front of `in`, and appends the answers to `out`. Returns when it needs more
  // bytes, after open(), or after fail(). Nothing of what follows the handshake is taken.
  virtual void answer(Bytes& in, std::vector<std::uint8_t>& out, Now now) = 0;

  void open() { state_ = State::open; }
  // `why`: as for tunnel_error(). Returns false. `detail`: a status or a reply code.
  bool fail(std::string_view why, int detail = 0);
  // `proxy`: its name for messages (name_of() in way.hpp).
  Passage(std::string proxy, Target target) : proxy_(std::move(proxy)), target_(std::move(target)) {}
  const Target& target() const { return target_; }
  bool talking() const { return state_ == State::talking; }

 private:
  enum class State : std::uint8_t { talking, open, failed };

  const std::string proxy_;
  const Target target_;
  State state_ = State::talking;
  Error error_;
};

}  // namespace sluice::proxy
