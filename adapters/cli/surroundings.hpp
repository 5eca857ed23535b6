// What all transfers of a run share: where they write and what they keep. Plain members; leaves their use to others.
#pragma once

#include <memory>
#include <vector>

#include "adapters/cli/console.hpp"
#include "adapters/cli/file_claims.hpp"
#include "adapters/cli/header_dump.hpp"
#include "adapters/cli/negotiate.hpp"
#include "adapters/cli/proxy_setup.hpp"
#include "adapters/cli/socket_settings.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/trace_log.hpp"
#include "core/base/random.hpp"
#include "core/cookies.hpp"

namespace sluice::cli {

class RunningOperation;

// What all transfers of a run share. Must outlive them.
struct Surroundings {
  Console& console;
  HeaderDumps& dumps;
  FileClaims& claims;
  TlsConfigs& tls;
  ProxyChoosers& proxies;
  TraceLog& trace;
  SocketChoices sockets = {};
  NegotiateProviders negotiate = NegotiateProviders(console);
  std::shared_ptr<CookieJar> cookies = {};  // null: no operation keeps cookies
  bool verbose = false;
  bool pipewait = true;
  bool har = false;                // --har: what is seen of each transfer is kept
  UnixSeconds started = 0;         // when the run began
  Random random = Random(Seed{});  // for the boundaries of forms
  // Operations that removed their transfer themselves, before a Message.
  std::vector<RunningOperation*> ended_early = {};
};

}  // namespace sluice::cli
