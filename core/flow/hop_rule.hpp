// What follows a hop of a transfer: the question that is asked at its end, and the answer. Rules decide, from what they
// are shown alone; carrying the answer out is left to Transfer and to core/engine/.
#pragma once

#include <cstddef>
#include <optional>

#include "core/error.hpp"
#include "core/options.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::flow {

// The end of a hop: its final response has come as far as its head, or it has failed.
struct HopEnd {
  const Request& request;
  const TransferOptions& options;
  const ResponseHead& head;  // status 0: none has come
  const Error* failure;      // null: there is a response
  std::size_t hops;          // so far, this one included
  bool told;                 // the application knows of this response already
  Now now;
};

struct NextHop {
  Request request = {};
  bool same_body = false;             // the body of the hop before is sent again, in place of request.body
  Duration after = Duration::zero();  // the hop waits so long before it begins
};

class HopRule {
 public:
  virtual ~HopRule() = default;
  // nullopt: the transfer ends here, as it does without a rule. May throw std::bad_alloc.
  virtual std::optional<NextHop> next(const HopEnd& end) const = 0;
};

}  // namespace sluice::flow
