// The interface of a rule that decides what follows a hop of a transfer. A rule decides only from what it is given.
// Leaves to Transfer and core/engine/: doing what the rule has decided.
#pragma once

#include <cstddef>
#include <optional>

#include "core/error.hpp"
#include "core/options.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::flow {

// The end of a hop: the head of its final response is complete, or the hop has failed. Valid during the call.
struct HopEnd {
  const Request& request;
  const TransferOptions& options;
  const ResponseHead& head;  // status 0: there is no response
  const Error* failure;      // null: the hop has a response
  std::size_t hops;          // number of hops so far, this one included
  std::size_t redirects;     // how many of them a redirect has led to
  bool told;                 // the application was told of this response already
  Now now;
};

// The request of the next hop.
struct NextHop {
  Request request = {};
  bool same_body = false;             // the body of the last hop is sent again, instead of request.body
  Duration after = Duration::zero();  // the wait before the hop begins
  bool is_redirect = false;
};

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
