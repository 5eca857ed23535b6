// The interface of a rule that decides what follows a hop of a transfer. A rule decides only from what it is given.
// Leaves to Transfer and core/engine/: doing what the rule has decided.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/random.hpp"
#include "core/error.hpp"
#include "core/flow/login.hpp"
#include "core/options.hpp"
#include "core/progress.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/rules/authentication.hpp"
#include "core/types.hpp"

namespace sluice::flow {

class ProxyUse;  // proxy_use.hpp

// How many hops of a transfer began for which reason.
struct HopCounts {
  std::size_t redirects = 0;
  std::uint32_t authentications = 0;  // in a row, up to the present hop
  std::uint32_t retries = 0;
};

// What the rules of an engine draw from and remember from hop to hop.
struct HopMemory {
  explicit HopMemory(Seed seed) : random(seed) {}
  Random random;
  rules::DigestSessions digests;
};

// The end of a hop: the head of its final response is complete, or the hop has failed. Valid during the call.
struct HopEnd {
  const Request& request;
  const TransferOptions& options;
  const ResponseHead& head;  // status 0: there is no response
  const Error* failure;      // null: the hop has a response
  std::size_t hops;          // number of hops so far, this one included
  HopCounts counts;
  Instant begun;  // when the first hop began
  // Whether all hops so far were at the origin of the first one.
  bool at_first_origin;
  // What the request's Authorization field was made of, if it is Digest; else null.
  const rules::DigestState* digest;
  const Login* login;  // of the connection, as far as it is; null: the credentials need none
  ProxyUse* proxies;   // what a proxy that has forwarded a request asks of it (407); null: no hop has a proxy
  ConnId conn;         // of the response
  bool conn_alone;     // that connection carries one request at a time
  bool conn_stays;     // and can carry the next one
  bool told;           // the application was told of this response already
  bool replayable;     // the body, if there is one, can be sent again
  HopMemory& memory;
  Now now;
};

// The request of the next hop.
struct NextHop {
  Request request = {};
  bool same_body = false;             // the body of the last hop is sent again, instead of request.body
  Duration after = Duration::zero();  // the wait before the hop begins
  HopReason reason = HopReason::redirect;
  std::string skipped = {};                         // with TransferOptions::report_heads: of the body before it
  std::unique_ptr<rules::DigestState> digest = {};  // what its Authorization field was made of, if it is Digest
  std::unique_ptr<Login> login = {};
  bool same_connection = false;  // it goes on the connection of the last hop, if that can carry it
};

// The same request, with its body. Throws std::bad_alloc.
inline NextHop again(const Request& request, HopReason reason) {
  NextHop following;
  following.request.method = request.method;
  following.request.url = request.url;
  following.request.fields = request.fields;
  following.request.target = request.target;
  following.same_body = true;
  following.reason = reason;
  return following;
}

class HopRule {
 public:
  virtual ~HopRule() = default;
  // Whether a transfer with these options may have more than one hop: only then next() is called.
  virtual bool concerns(const TransferOptions&) const { return true; }
  // nullopt: no hop follows, and the transfer ends as it does without a rule. Error: it ends with that, or, after a
  // failure, with the failure. May throw std::bad_alloc.
  virtual Result<std::optional<NextHop>> next(const HopEnd& end) const = 0;
};

}  // namespace sluice::flow
