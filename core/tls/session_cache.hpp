// The TLS sessions (tickets) of one engine or of several, stored by an opaque key. Decides how many are kept and for
// how long.
// Leaves to others: the content of the key (endpoint_key() in core/pool), and whether a session may be stored (SB-06;
// the TLS layer decides). Of a key its SHA-256 is kept: it can have the password of a proxy, which has no place in what
// is exported.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/stores.hpp"
#include "core/types.hpp"

struct ssl_session_st;

namespace sluice {
class TlsConfig;  // core/options.hpp
}

namespace sluice::tls {

struct SessionDeleter {
  void operator()(ssl_session_st* session) const;  // releases one reference
};
using SessionRef = std::unique_ptr<ssl_session_st, SessionDeleter>;

// A session with its times, in seconds since 1970.
struct StoredSession {
  SessionRef session;
  UnixSeconds created = 0;
  // Inclusive: the end of the ticket's lifetime, of the first of the chain's certificates, or of its stapled status.
  UnixSeconds usable_until = 0;
  bool single_use = true;  // true in TLS 1.3 (RFC 8446 C.4): a ticket that is offered twice makes connections linkable
  bool portable = true;    // false: its key names an object of this process, so it is not exported
  // Of a configuration whose identity names an object by its address: while the session is here, no other has it.
  std::shared_ptr<const TlsConfig> keeps = nullptr;
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
  std::string export_sessions(UnixSeconds wall) const override;
  Result<std::size_t> import_sessions(std::string_view bytes, UnixSeconds wall) override;

 private:
  using Key = std::array<std::uint8_t, 32>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::size_t value = 0;
      std::memcpy(&value, key.data(), sizeof value);
      return value;
    }
  };
  struct Origin {
    Key key;
    std::vector<StoredSession> sessions;  // oldest first
  };
  using Origins = std::list<Origin>;  // least recently used first

  void make_latest(Origins::iterator origin) { origins_.splice(origins_.end(), origins_, origin); }
  void erase(Origins::iterator origin);
  void put(const Key& key, StoredSession session);

  Origins origins_;
  std::unordered_map<Key, Origins::iterator, KeyHash> by_key_;
  std::size_t size_ = 0;
};

}  // namespace sluice::tls
