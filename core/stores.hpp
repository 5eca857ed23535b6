// Stores that several engines can share: given to each of them in EngineOptions, a store makes what one engine has
// learned known to the others. An engine without a shared store has its own. One thread at a time for all engines that
// share a store. The store is freed with its last owner.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "error.hpp"
#include "language.hpp"
#include "types.hpp"

namespace sluice {

// TLS sessions (tickets), stored by endpoint and TLS configuration (SB-05, SB-06): a connection of one engine can
// resume a session of another engine's connection. Holds at most 1024 sessions (limits::kMaxTlsSessions); the least
// recently used one is dropped first.
class TlsSessionStore {
 public:
  static std::shared_ptr<TlsSessionStore> create();  // throws std::bad_alloc
  virtual ~TlsSessionStore() = default;
  TlsSessionStore(const TlsSessionStore&) = delete;
  TlsSessionStore& operator=(const TlsSessionStore&) = delete;

  // What is usable at `wall`, for a later process. The bytes are secrets: who has them can read what was sent in the
  // sessions, and whatever a client certificate protects. They are of use only with the same endpoints and equal
  // TlsOptions, because they have the keys of the store. Sessions of a TlsSigner, TlsVerifier or Route without an
  // identity are left out: no other process has these objects. Throws std::bad_alloc.
  virtual std::string export_sessions(UnixSeconds wall) const = 0;
  // Adds what export_sessions() gave, without what has expired at `wall`, up to the limits of the store. Returns how
  // many sessions were read. Their certificates are verified again when they are used, but who can change the bytes can
  // pose as any server: they must come from a place where only the user can write. Errors: invalid_option (not these
  // bytes, of another version, or damaged; nothing was added), out_of_memory.
  virtual Result<std::size_t> import_sessions(std::string_view bytes, UnixSeconds wall) = 0;

 protected:
  TlsSessionStore() = default;  // only create() makes one
};

// Addresses of names, until they expire: a name that one engine has looked up is not looked up again by the others.
// What is kept, and for how long, is decided by the engine that looked it up; whether it is used after its end, by the
// engine that uses it (NameCacheOptions). All the engines must be given the time of the same clock. Holds at most 256
// names (limits::kMaxNames); the oldest answer is dropped first.
class NameStore {
 public:
  static std::shared_ptr<NameStore> create();  // throws std::bad_alloc
  virtual ~NameStore() = default;
  NameStore(const NameStore&) = delete;
  NameStore& operator=(const NameStore&) = delete;

 protected:
  NameStore() = default;  // only create() makes one
};

}  // namespace sluice
