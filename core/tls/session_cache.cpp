// See session_cache.hpp.
#include "core/tls/session_cache.hpp"

#include <openssl/ssl.h>

#include <utility>

#include "core/base/limits.hpp"
#include "core/hash/hash.hpp"

namespace sluice {

std::shared_ptr<TlsSessionStore> TlsSessionStore::create() { return std::make_shared<tls::SessionCache>(); }

}  // namespace sluice

namespace sluice::tls {

void SessionDeleter::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }

void SessionCache::put(std::string_view key, StoredSession session) {
  if (session.session) put(hash::sha256(key), std::move(session));
}

void SessionCache::put(const Key& key, StoredSession session) {
  // Everything that needs memory comes first: the session is stored, or nothing has changed.
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    Origins made;
    made.push_back(Origin{key, {}});
    made.back().sessions.reserve(limits::kTlsSessionsPerOrigin);
    found = by_key_.emplace(key, made.begin()).first;
    origins_.splice(origins_.end(), made);
  }
  const auto origin = found->second;
  make_latest(origin);
  auto& sessions = origin->sessions;
  if (sessions.size() >= limits::kTlsSessionsPerOrigin) {
    sessions.erase(sessions.begin());
    --size_;
  }
  sessions.push_back(std::move(session));
  ++size_;
  while (size_ > limits::kMaxTlsSessions) erase(origins_.begin());
}

StoredSession SessionCache::take(std::string_view key, UnixSeconds wall) {
  const auto found = by_key_.find(hash::sha256(key));
  if (found == by_key_.end()) return {};
  const auto origin = found->second;
  auto& sessions = origin->sessions;
  size_ -= std::erase_if(sessions, [&](const StoredSession& one) { return wall > one.usable_until; });
  StoredSession taken;
  if (!sessions.empty()) {
    make_latest(origin);
    StoredSession& newest = sessions.back();
    if (newest.single_use) {
      taken = std::move(newest);
      sessions.pop_back();
      --size_;
    } else {
      SSL_SESSION_up_ref(newest.session.get());
      taken = {
          SessionRef(newest.session.get()), newest.created, newest.usable_until, false, newest.portable, newest.keeps};
    }
  }
  if (sessions.empty()) erase(origin);
  return taken;
}

void SessionCache::forget(std::string_view key) {
  if (const auto found = by_key_.find(hash::sha256(key)); found != by_key_.end()) erase(found->second);
}

void SessionCache::erase(Origins::iterator origin) {
  size_ -= origin->sessions.size();
  by_key_.erase(origin->key);
  origins_.erase(origin);
}

}  // namespace sluice::tls
