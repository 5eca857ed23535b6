// What several engines can remember together: handed to each of them in EngineOptions, a store makes one engine's
// knowledge the others'. An engine that is handed none remembers by itself. One thread at a time, over all engines that
// share a store; the last of them that goes frees it.
#pragma once

#include <memory>

#include "language.hpp"

namespace sluice {

// TLS sessions (tickets), by place and configuration (SB-05, SB-06): a connection of one engine resumes what another
// engine's began. At most limits::kMaxTlsSessions, the ones unused for longest go first.
class TlsSessionStore {
 public:
  static std::shared_ptr<TlsSessionStore> create();  // std::bad_alloc
  virtual ~TlsSessionStore() = default;
  TlsSessionStore(const TlsSessionStore&) = delete;
  TlsSessionStore& operator=(const TlsSessionStore&) = delete;

 protected:
  TlsSessionStore() = default;  // made by create() alone
};

// Addresses of names, as long as they are good for: what one engine has looked up the others do not ask for again. The
// engines are told the time by one clock. At most limits::kMaxNames, the oldest answers go first.
class NameStore {
 public:
  static std::shared_ptr<NameStore> create();  // std::bad_alloc
  virtual ~NameStore() = default;
  NameStore(const NameStore&) = delete;
  NameStore& operator=(const NameStore&) = delete;

 protected:
  NameStore() = default;  // made by create() alone
};

}  // namespace sluice
