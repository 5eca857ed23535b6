// What follows a response that redirects (RFC 9110 15.4): the next request, or why there is none. A pure decision.
// Leaves to others: sending that request (core/flow), and the limits on hops of other kinds.
#pragma once

#include <cstddef>
#include <optional>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/options.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/url.hpp"

namespace sluice::rules {

// A response and what led to it. All members must live during the call.
struct Redirected {
  const Request& request;
  const ResponseHead& head;
  const RedirectOptions& options;
  std::size_t redirects;  // followed before this one
};

struct Redirect {
  Request request = {};    // without a body
  bool same_body = false;  // the body is sent again
};

// nullopt: the response does not redirect. Errors: too_many_redirects, invalid_url, unsupported_scheme (also for a
// scheme that the options do not allow), malformed_response (two references that differ). Throws std::bad_alloc.
//
// Fields may hold credentials, so only some that cannot go to another origin, unless
// RedirectOptions::trust_other_origins is set; the others do not come back later in the chain (SB-01, SB-02). The user
// and password in a reference are not used: a server cannot choose which credentials are sent.
Result<std::optional<Redirect>> redirect(const Redirected& what);

}  // namespace sluice::rules
