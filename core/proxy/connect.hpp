// The CONNECT handshake of HTTP proxies (RFC 9110 9.3.6): asks for a tunnel and reads the response. Knows no
// credentials: the caller gives the fields, and after a refusal decides what to do. Leaves the tunnel's bytes to the
// layers above.
#pragma once

#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/http1/reader.hpp"
#include "core/proxy/passage.hpp"
#include "core/response.hpp"

namespace sluice::proxy {

struct ConnectParams {
  Target target = {};
  // Sent after Host, as they are: what is meant for the proxy alone (SB-03, SB-04). Names and values must be valid.
  Fields fields = {};
  bool http1_0 = false;  // the request says HTTP/1.0
  Http1 http1 = Http1::tolerant;
};

class Connect final : public Passage {
 public:
  explicit Connect(ConnectParams params);

  std::string_view task() const override { return "CONNECT"; }
  Code failure() const override { return Code::tunnel_failed; }
  // Of the proxy, from its final head on; status 0 before. It is valid after a refusal too.
  const ResponseHead& response() const { return head_; }

 private:
  std::string_view kind() const override { return "HTTP proxy"; }
  bool begin(std::vector<std::uint8_t>& out) override;
  // Errors: tunnel_failed with the status as its detail for any but 2xx; any error of the response's syntax, as a
  // failure of the proxy's.
  void answer(Bytes& in, std::vector<std::uint8_t>& out) override;
  void judge();

  ConnectParams params_;
  ResponseHead head_;
  http1::Reader reader_;
  std::size_t head_bytes_ = 0;  // of all heads so far
};

}  // namespace sluice::proxy
