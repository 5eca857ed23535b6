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
  std::size_t redirects;   // followed before this one
  const Url& first;        // the URL of the transfer's first request
  const Fields& withheld;  // fields of that request which the present one does not have, as it goes to another origin
};

struct Redirect {
  Request request = {};    // without a body
  bool same_body = false;  // the body is sent again
  Fields withheld = {};    // as Redirected::withheld, for the next redirect
};

// nullopt: the response does not redirect. Errors: too_many_redirects, invalid_url, unsupported_scheme (also for a
// scheme that the options do not allow). Throws std::bad_alloc.
//
// Fields that the application has set may hold credentials: only kCommonFields go to an origin other than the first
// one, unless RedirectOptions::trust_other_origins is set; the others go again to the first one (SB-01, SB-02).
Result<std::optional<Redirect>> redirect(const Redirected& what);

}  // namespace sluice::rules
