// See passage.hpp.
#include "core/proxy/passage.hpp"

#include <algorithm>

namespace sluice::proxy {

std::string Target::authority() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

Error tunnel_error(Code code, std::string_view proxy, const Target& target, std::string_view why, int detail) {
  return make_error(code, "proxy " + std::string(proxy) + " to " + target.authority() + ": " + std::string(why),
                    detail);
}

bool Passage::fail(std::string_view why, int detail) {
  state_ = State::failed;
  error_ = tunnel_error(failure(), proxy_, target_, why, detail);
  return false;
}

Pump Passage::start(std::vector<std::uint8_t>& wire_out, Now now) {
  return begin(wire_out, now) ? Pump::progressed : Pump::failed;
}

Pump Passage::decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) {
  if (state_ == State::talking) answer(wire_in, wire_out, now);
  if (state_ == State::failed) return Pump::failed;
  if (state_ == State::talking) return Pump::need_input;
  const std::size_t count = std::min(wire_in.size(), plain_out.size());
  std::copy_n(wire_in.begin(), count, plain_out.begin());
  wire_in = wire_in.subspan(count);
  plain_out = plain_out.subspan(count);
  return wire_in.empty() ? Pump::need_input : Pump::need_space;
}

Pump Passage::encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now) {
  const std::size_t room = wire_cap - std::min(wire_cap, wire_out.size());
  const std::size_t count = std::min(plain_in.size(), room);
  wire_out.insert(wire_out.end(), plain_in.begin(), plain_in.begin() + static_cast<std::ptrdiff_t>(count));
  plain_in = plain_in.subspan(count);
  if (!plain_in.empty()) return Pump::need_space;
  return count > 0 ? Pump::progressed : Pump::need_input;
}

}  // namespace sluice::proxy
