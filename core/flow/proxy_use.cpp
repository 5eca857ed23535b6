// See proxy_use.hpp.
#include "core/flow/proxy_use.hpp"

#include <algorithm>
#include <utility>

#include "core/proxy/stream_connect.hpp"

namespace sluice::flow {
namespace {

// As rules::AuthRequest wants it. The body counts only for Digest with auth-int, which no proxy asks for.
rules::AuthRequest facts_of(const Request& request, const std::string& target) {
  return {.method = effective_method(request), .target = target, .body = {}};
}

}  // namespace

Result<void> ProxyUse::choose(Request& request, const TransferOptions& options, const TlsConfig* default_tls) {
  auto ways = options.proxies->ways_to(request.url);
  for (const auto& chain : ways) {
    if (!chain || std::ranges::find(ways_, chain) != ways_.end()) continue;  // those of the last hop were checked
    if (auto usable = proxy::check(*chain, default_tls); !usable) return usable;
  }
  ways_ = std::move(ways);
  take(0, request, options);
  return {};
}

void ProxyUse::take(std::size_t at, Request& request, const TransferOptions& options) {
  at_ = at;
  auto chain = at < ways_.size() ? ways_[at] : nullptr;
  proxy::Way way = proxy::way_through(std::move(chain), request.url, options.connect_to.has_value());
  login_.reset();
  bare_.reset();
  conn_ = {};
  answers_here_ = 0;
  answered_ = repeated_ = logged_in_ = unneeded_ = false;
  way_ = std::move(way);
  if (way_ && !way_.forwards) request.fields.remove("Proxy-Authorization");  // no origin may see it (SB-03)
}

// What an earlier connection has learned of the proxy, if that was lost in the middle of a login.
Result<Again> ProxyUse::begin_again(const LoginPlace& place) {
  if (conn_ == ConnId{} || place.conn == conn_) return Again::no;
  if (std::exchange(repeated_, true)) {
    return std::unexpected(make_error(Code::connection_closed,
                                      "login at the proxy: the connection was lost between the "
                                      "challenge and its answer, twice"));
  }
  conn_ = {};
  answered_ = false;
  return login_->is_ntlm() ? Again::with_ntlm : Again::with_negotiate;
}

Result<http::ForwardedBy> ProxyUse::forwarded(const Request& request, HopMemory& memory, const LoginPlace& place) {
  const Proxy& proxy = way_.proxies->back();
  bare_.reset();
  logged_in_ = false;
  const auto asked = begin_again(place);
  if (!asked) return std::unexpected(asked.error());
  // A request that is sent again, because its connection was closed, carries what it has carried; but an answer of
  // Digest is made anew, as its nonce has been counted, and a login begins anew.
  const bool keeps = answered_ && (!std::exchange(used_, true) || login_->is_basic());
  if (keeps) return http::ForwardedBy{.fields = &proxy.fields, .authorization = authorization_};
  authorization_.clear();
  answered_ = false;
  // Where others share the connection it cannot be logged in, and then no such scheme may hide the others.
  const auto begin = [&] {
    const proxy::LoginMemory memories{memory.random, memory.digests};
    return place.multiplexes ? std::make_unique<proxy::Login>(proxy::without_logins(proxy), memories)
                             : std::make_unique<proxy::Login>(proxy, memories);
  };
  // The same one for the whole hop: it counts its answers.
  if (!login_ || shares_ != place.multiplexes) login_ = begin();
  shares_ = place.multiplexes;
  const bool is_done = unneeded_ || (place.logged_in && login_->begins_by_ntlm());
  if (is_done) login_ = begin();
  if (!is_done && login_->has_credentials()) {
    auto first = login_->first(facts_of(request, http::absolute_target(request)), *asked);
    if (!first) return std::unexpected(std::move(first.error()));
    authorization_ = *std::move(first);
  }
  return http::ForwardedBy{.fields = &proxy.fields, .authorization = authorization_};
}

// As for an origin: with NTLM the first message never reaches one that would take the body.
Result<const Request*> ProxyUse::bare(const Request& request) {
  if (authorization_.empty() || !login_->is_ntlm() || login_->goes_on() || !has_body(request)) return nullptr;
  auto made = without_body(request);
  if (!made) return std::unexpected(std::move(made.error()));
  bare_ = *std::move(made);
  return bare_.get();
}

Result<ProxyUse::Step> ProxyUse::next(const HopEnd& end) {
  constexpr int kProxyAuthenticationRequired = 407;
  if (end.counts.authentications == 0) answers_ = 0;
  if (!way_.forwards || !login_ || !login_->has_credentials()) return Step::none;
  auto step = end.head.status == kProxyAuthenticationRequired ? answer(end) : finish(end);
  if (step && *step != Step::none) ++answers_, ++answers_here_;
  return step;
}

Result<ProxyUse::Step> ProxyUse::answer(const HopEnd& end) {
  if (answers_here_ >= rules::kMaxAuthAnswers) return Step::none;
  auto answer = login_->answer(end.head, facts_of(end.request, http::absolute_target(end.request)), end.now);
  if (!answer) return std::unexpected(std::move(answer.error()));
  const bool goes_on = login_->goes_on();
  if (!*answer || (goes_on && !end.conn_stays)) return Step::none;
  authorization_ = **std::move(answer);
  answered_ = true;
  used_ = false;
  conn_ = goes_on ? end.conn : ConnId{};
  return goes_on ? Step::same_connection : Step::again;
}

Result<ProxyUse::Step> ProxyUse::finish(const HopEnd& end) {
  if (!login_->logs_in() || authorization_.empty()) return Step::none;
  logged_in_ = login_->is_ntlm() && login_->goes_on();
  // What follows begins anew.
  answered_ = false;
  conn_ = {};
  if (auto done = login_->finish(end.head); !done) return std::unexpected(std::move(done.error()));
  const bool taken = end.head.status >= 200 && end.head.status < 300;
  if (!bare_ || !taken) return Step::none;
  // No login was needed, but the body was not sent yet.
  unneeded_ = true;
  return Step::again;
}

}  // namespace sluice::flow
