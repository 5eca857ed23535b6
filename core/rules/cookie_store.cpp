// See cookie_store.hpp.
#include "core/rules/cookie_store.hpp"

#include <algorithm>
#include <utility>

#include "core/base/limits.hpp"

namespace sluice::rules {
namespace {

std::string reversed(std::string_view domain) { return {domain.rbegin(), domain.rend()}; }

// The last time at which a cookie that is stored now may expire.
UnixSeconds latest_expiry(UnixSeconds now) {
  const UnixSeconds most = std::numeric_limits<UnixSeconds>::max();
  return now > most - limits::kMaxCookieAge ? most : now + limits::kMaxCookieAge;
}

}  // namespace

// The cookies of one domain.
template <class Visit>
void CookieStore::each_of(std::string_view backwards, Visit visit) const {
  for (auto at = cookies_.lower_bound(Key{.backwards = backwards});
       at != cookies_.end() && (*at)->backwards == backwards; ++at) {
    visit(**at);
  }
}

// Those of a host and of its parent domains. An address has none (SB-70).
template <class Visit>
void CookieStore::each_above(std::string_view backwards, bool is_address, Visit visit) const {
  if (!is_address) {
    for (std::size_t dot = backwards.find('.'); dot != std::string_view::npos; dot = backwards.find('.', dot + 1)) {
      each_of(backwards.substr(0, dot), visit);
    }
  }
  each_of(backwards, visit);
}

// Those of all hosts below a domain.
template <class Visit>
void CookieStore::each_below(std::string_view backwards, Visit visit) const {
  const std::string begin = std::string(backwards).append(".");
  for (auto at = cookies_.lower_bound(Key{.backwards = begin});
       at != cookies_.end() && (*at)->backwards.starts_with(begin); ++at) {
    visit(**at);
  }
}

void CookieStore::put(Cookie cookie, UnixSeconds now) {
  std::string backwards = reversed(cookie.domain);
  const auto old = cookies_.find(Key{backwards, cookie.host_only, cookie.path, cookie.name});
  if (cookie.expires && *cookie.expires <= now) {
    if (old != cookies_.end()) drop(old);
    return;
  }
  if (cookie.expires) {
    *cookie.expires = std::min(*cookie.expires, latest_expiry(now));
    next_expiry_ = std::min(next_expiry_, *cookie.expires);
  }
  if (old == cookies_.end()) return insert(std::move(cookie), std::move(backwards));
  (*old)->cookie = std::move(cookie);
  note_use(**old);
}

void CookieStore::insert(Cookie cookie, std::string backwards) {
  auto made = std::make_unique<Stored>();
  made->cookie = std::move(cookie);
  made->backwards = std::move(backwards);
  Stored& added = *made;
  cookies_.insert(std::move(made));
  added.created = added.used = ++events_;
  by_use_.push_back(added);
  keep_limits(added);
}

// 5.7: of a domain with too many, first those that are not Secure, then all; the one that was not used for the longest
// time first. One cookie was added, so one is removed.
void CookieStore::keep_limits(const Stored& added) {
  std::size_t count = 0;
  const Stored* worst = nullptr;
  each_of(added.backwards, [&](const Stored& stored) {
    ++count;
    const auto rank = [](const Stored& s) { return std::pair(s.cookie.secure, s.used); };
    if (!worst || rank(stored) < rank(*worst)) worst = &stored;
  });
  if (count > limits::kMaxCookiesPerDomain || cookies_.size() > limits::kMaxCookies) ++dropped_;
  if (count > limits::kMaxCookiesPerDomain) {
    drop(cookies_.find(Key{worst->backwards, worst->cookie.host_only, worst->cookie.path, worst->cookie.name}));
  } else if (cookies_.size() > limits::kMaxCookies) {
    const Stored& oldest = *by_use_.front();
    drop(cookies_.find(Key{oldest.backwards, oldest.cookie.host_only, oldest.cookie.path, oldest.cookie.name}));
  }
}

const std::vector<CookieStore::Stored*>& CookieStore::find(const Host& host, std::string_view path, bool secure,
                                                           UnixSeconds now) {
  remove_expired(now);
  found_.clear();
  const std::string backwards = reversed(host.name);
  each_above(backwards, host.is_address, [&](Stored& stored) {
    const Cookie& cookie = stored.cookie;
    if (cookie.host_only && stored.backwards.size() != backwards.size()) return;
    if (cookie.secure && !secure) return;
    if (path_matches(path, cookie.path)) found_.push_back(&stored);
  });
  std::sort(found_.begin(), found_.end(), [](const Stored* a, const Stored* b) {
    if (a->cookie.path.size() != b->cookie.path.size()) return a->cookie.path.size() > b->cookie.path.size();
    return a->created < b->created;
  });
  for (Stored* stored : found_) note_use(*stored);
  return found_;
}

bool CookieStore::hides_secure(const Cookie& cookie, bool is_address) const {
  bool found = false;
  const auto check = [&](const Stored& stored) {
    found |= stored.cookie.secure && stored.cookie.name == cookie.name && path_matches(cookie.path, stored.cookie.path);
  };
  const std::string backwards = reversed(cookie.domain);
  each_above(backwards, is_address, check);
  if (!is_address) each_below(backwards, check);
  return found;
}

std::size_t CookieStore::remove(std::string_view domain, std::string_view path, std::string_view name) {
  const std::string backwards = reversed(domain);
  std::size_t count = 0;
  for (const bool host_only : {false, true}) {
    const auto at = cookies_.find(Key{backwards, host_only, path, name});
    if (at == cookies_.end()) continue;
    drop(at);
    ++count;
  }
  return count;
}

void CookieStore::remove_expired(UnixSeconds now) {
  if (now < next_expiry_) return;
  drop_if([now](const Cookie& cookie) { return cookie.expires && *cookie.expires <= now; });
  next_expiry_ = std::numeric_limits<UnixSeconds>::max();
  for (const auto& stored : cookies_) {
    if (stored->cookie.expires) next_expiry_ = std::min(next_expiry_, *stored->cookie.expires);
  }
}

void CookieStore::end_session() {
  drop_if([](const Cookie& cookie) { return !cookie.expires; });
}

void CookieStore::clear() {
  drop_if([](const Cookie&) { return true; });
}

std::vector<const CookieStore::Stored*> CookieStore::all() const {
  std::vector<const Stored*> all;
  all.reserve(cookies_.size());
  for (const auto& stored : cookies_) all.push_back(stored.get());
  std::sort(all.begin(), all.end(), [](const Stored* a, const Stored* b) { return a->created < b->created; });
  return all;
}

CookieStore::Set::iterator CookieStore::drop(Set::iterator at) {
  by_use_.remove(**at);
  return cookies_.erase(at);
}

template <class Condition>
void CookieStore::drop_if(Condition condition) {
  for (auto at = cookies_.begin(); at != cookies_.end();) at = condition((*at)->cookie) ? drop(at) : std::next(at);
}

void CookieStore::note_use(Stored& stored) {
  stored.used = ++events_;
  by_use_.remove(stored);
  by_use_.push_back(stored);
}

}  // namespace sluice::rules
