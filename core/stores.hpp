// Stores that several engines can share: given to each of them in EngineOptions, a store makes what one engine has
// learned known to the others. An engine without a shared store has its own. One thread at a time for all engines that
// share a store. The store is freed with its last owner.
#pragma once

#include <memory>

#include "language.hpp"

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
