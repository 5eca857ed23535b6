// TLS sessions (tickets) that an engine remembers, bounded, by an opaque key.
// Knows how many are kept and how long. What the key holds (configuration identity, host, port, route) is the engine's
// choice; whether a session may be kept at all (SB-06) is decided by the connection that stores it.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/stores.hpp"
#include "core/types.hpp"

struct ssl_session_st;

namespace sluice::tls {

struct SessionDeleter {
  void operator()(ssl_session_st* session) const;  // drops one reference
};
using SessionRef = std::unique_ptr<ssl_session_st, SessionDeleter>;

struct StoredSession {
  SessionRef session;
  UnixSeconds created = 0;
  UnixSeconds usable_until = 0;  // inclusive: the ticket's lifetime, or the end of the certificates behind it
  bool single_use = true;        // TLS 1.3 (RFC 8446 C.4): a ticket offered twice lets connections be linked
};

// One thread at a time, as its engines.
class SessionCache final : public TlsSessionStore {
 public:
  SessionCache() = default;
  // Keeps the newest kTlsSessionsPerOrigin of a key and kMaxTlsSessions in all; the keys unused for longest go first.
  void put(std::string_view key, StoredSession session);
  // The newest one usable at `wall`, or none (session is null). What is single-use leaves the cache, of the others a
  // reference is handed out.
  StoredSession take(std::string_view key, UnixSeconds wall);
  void forget(std::string_view key);
  std::size_t size() const { return size_; }

 private:
  struct Origin {
    std::string key;
    std::vector<StoredSession> sessions;  // oldest first
  };
  using Origins = std::list<Origin>;  // least recently used first

  void make_latest(Origins::iterator origin) { origins_.splice(origins_.end(), origins_, origin); }
  void erase(Origins::iterator origin);

  Origins origins_;
  std::unordered_map<std::string_view, Origins::iterator> by_key_;  // views of Origin::key, which never moves
  std::size_t size_ = 0;
};

}  // namespace sluice::tls
