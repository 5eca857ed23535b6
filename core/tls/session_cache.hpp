// The TLS sessions (tickets) of one engine or of several, stored by an opaque key. Decides how many are kept and for
// how long.
// Leaves to others: the content of the key (endpoint_key() in core/pool), and whether a session may be stored (SB-06;
// the TLS layer decides).
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
  void operator()(ssl_session_st* session) const;  // releases one reference
};
using SessionRef = std::unique_ptr<ssl_session_st, SessionDeleter>;

// A session with its times, in seconds since 1970.
struct StoredSession {
  SessionRef session;
  UnixSeconds created = 0;
  // Inclusive: the end of the ticket's lifetime, or of the first of the chain's certificates.
  UnixSeconds usable_until = 0;
  bool single_use = true;  // true in TLS 1.3 (RFC 8446 C.4): a ticket that is offered twice makes connections linkable
};

// One thread at a time, for all engines that share it.
class SessionCache final : public TlsSessionStore {
 public:
  SessionCache() = default;
  // Stores a session. At most kTlsSessionsPerOrigin are kept for a key, the newest ones, and kMaxTlsSessions in all;
  // the least recently used keys are dropped first. Throws std::bad_alloc; nothing has changed then.
  void put(std::string_view key, StoredSession session);
  // The newest session that is usable at `wall`; if there is none, `session` is null. A single-use session leaves the
  // cache; of another one a reference is returned.
  StoredSession take(std::string_view key, UnixSeconds wall);
  // Drops all sessions of the key.
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
