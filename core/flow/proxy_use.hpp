// The proxies of a transfer: the ways to the URL of the present hop, which of them is used, and what the requests carry
// that a proxy forwards. Leaves to others: the handshakes in front of a tunnel (core/proxy), and when the next way is
// taken (core/engine).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/flow/hop_rule.hpp"
#include "core/http/session.hpp"
#include "core/options.hpp"
#include "core/proxy/login.hpp"
#include "core/proxy/way.hpp"
#include "core/request.hpp"

namespace sluice::flow {

class ProxyUse {
 public:
  // For a hop with this request: asks options.proxies for its ways. Errors: as proxy::check. Throws std::bad_alloc.
  Result<void> choose(Request& request, const TransferOptions& options, const TlsConfig* default_tls);
  // Null: directly.
  const proxy::Way* way() const { return way_ ? &way_ : nullptr; }
  bool has_next() const { return at_ + 1 < ways_.size(); }
  void take_next(Request& request, const TransferOptions& options) { take(at_ + 1, request, options); }

  // ---- while way()->forwards ----
  // Before an exchange: what its request carries for the proxy. Errors: invalid_request. Throws std::bad_alloc.
  Result<http::ForwardedBy> forwarded(const Request& request, HopMemory& memory);
  // Whether a 407 is answered; forwarded() then gives the answer once. Errors and exceptions as there.
  Result<bool> answers(const Request& request, const ResponseHead& head, Now now);

 private:
  void take(std::size_t at, Request& request, const TransferOptions& options);

  std::vector<std::shared_ptr<const ProxyChain>> ways_;
  std::size_t at_ = 0;
  proxy::Way way_;
  std::unique_ptr<proxy::Login> login_;
  std::string authorization_;
  bool answered_ = false;  // authorization_ answers a challenge to a request of this hop or of the one before
  bool used_ = false;      // and a request has carried it
};

}  // namespace sluice::flow
