// See proxy_use.hpp.
#include "core/flow/proxy_use.hpp"

#include <utility>
#include <variant>

namespace sluice::flow {
namespace {

// As rules::AuthRequest wants it. The body counts only for Digest with auth-int, which no proxy asks for.
rules::AuthRequest facts_of(const Request& request, const std::string& target) {
  return {.method = effective_method(request), .target = target, .body = {}};
}

}  // namespace

Result<void> ProxyUse::choose(Request& request, const TransferOptions& options, const TlsConfig* default_tls) {
  ways_ = options.proxies->ways_to(request.url);
  for (const auto& chain : ways_) {
    if (!chain) continue;
    if (auto usable = proxy::check(*chain, default_tls); !usable) return usable;
  }
  take(0, request, options);
  return {};
}

void ProxyUse::take(std::size_t at, Request& request, const TransferOptions& options) {
  at_ = at;
  auto chain = at < ways_.size() ? ways_[at] : nullptr;
  proxy::Way way = proxy::way_through(std::move(chain), request.url, options.connect_to.has_value());
  login_.reset();
  answered_ = false;
  way_ = std::move(way);
  if (way_ && !way_.forwards) request.fields.remove("Proxy-Authorization");  // no origin may see it (SB-03)
}

Result<http::ForwardedBy> ProxyUse::forwarded(const Request& request, HopMemory& memory) {
  const Proxy& proxy = way_.proxies->back();
  // A request that is sent again, because its connection was closed, carries what it has carried; but an answer of
  // Digest is made anew, as its nonce has been counted.
  const bool keeps = answered_ && (!std::exchange(used_, true) || login_->is_basic());
  if (!keeps) {
    authorization_.clear();
    answered_ = false;
    if (!proxy.user.empty() || !proxy.password.empty()) {
      // The same one for the whole hop: it counts its answers.
      if (!login_) {
        login_ = std::make_unique<proxy::Login>(proxy, false, proxy::LoginMemory{memory.random, memory.digests});
      }
      auto first = login_->first(facts_of(request, http::absolute_target(request)));
      if (!first) return std::unexpected(std::move(first.error()));
      authorization_ = *std::move(first);
    }
  }
  return http::ForwardedBy{.fields = &proxy.fields, .authorization = authorization_};
}

Result<bool> ProxyUse::answers(const Request& request, const ResponseHead& head, Now now) {
  if (!way_.forwards || !login_) return false;
  auto answer = login_->answer(head, facts_of(request, http::absolute_target(request)), now);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) return false;
  authorization_ = **std::move(answer);
  used_ = false;
  return answered_ = true;
}

}  // namespace sluice::flow
