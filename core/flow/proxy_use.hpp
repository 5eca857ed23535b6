// The proxies of a transfer: the ways to the URL of the present hop, which of them is used, and what the requests carry
// that a proxy forwards. Leaves to others: the handshakes in front of a tunnel (core/proxy), and when the next way is
// taken (core/engine).
#pragma once

#include <cstddef>
#include <cstdint>
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
  // Before an exchange: what its request carries for the proxy. Errors: invalid_request; connection_closed (the
  // connection on which a login had to go on is lost for the second time). Throws std::bad_alloc.
  Result<http::ForwardedBy> forwarded(const Request& request, HopMemory& memory, const LoginPlace& place);
  // After forwarded(): the request that is to be sent in place of this one, if its body waits until it is known where
  // the login leads; else null. It lives until the next call of forwarded(). Throws std::bad_alloc.
  Result<const Request*> bare(const Request& request);
  bool withheld_body() const { return bare_ != nullptr; }  // of the request that was sent last
  // What was sent last begins a login, so its connection must stay for the answer.
  bool begins_login() const { return login_ && login_->logs_in() && !login_->goes_on(); }

  // What follows a response. Errors and exceptions as forwarded(); authentication_failed.
  enum class Step : std::uint8_t {
    none,             // nothing, as far as the proxy is concerned
    again,            // the same request is sent again; forwarded() then gives the answer once
    same_connection,  // the same, on the connection of the response
  };
  Result<Step> next(const HopEnd& end);
  // How often next() has said `again` or `same_connection` in a row, over all proxies that were used.
  std::size_t answers() const { return answers_; }
  // The response means that its connection is logged in now.
  bool has_logged_in() const { return logged_in_; }

 private:
  Result<Step> answer(const HopEnd& end);
  Result<Step> finish(const HopEnd& end);
  Result<Again> begin_again(const LoginPlace& place);
  void take(std::size_t at, Request& request, const TransferOptions& options);

  std::vector<std::shared_ptr<const ProxyChain>> ways_;
  std::size_t at_ = 0;
  proxy::Way way_;
  std::unique_ptr<proxy::Login> login_;
  bool shares_ = false;  // login_ is for a connection that multiplexes
  std::string authorization_;
  bool answered_ = false;  // authorization_ answers a challenge to a request of this hop or of the one before
  bool used_ = false;      // and a request has carried it
  ConnId conn_ = {};       // where authorization_ must be sent; default: on any connection
  bool repeated_ = false;  // that connection was lost once, so the login has begun again
  bool logged_in_ = false;
  std::size_t answers_ = 0;
  std::size_t answers_here_ = 0;   // those of them that were for the present way
  bool unneeded_ = false;          // the proxy took a request that was to begin a login: it asks for none
  std::unique_ptr<Request> bare_;  // see bare(); null: the body was not withheld
};

}  // namespace sluice::flow
