// The credentials of a transfer's hops: which are for an origin, what a request carries before it is asked, and the
// request that answers a challenge. Leaves to others: the schemes (core/rules/authentication.hpp), and what else
// follows a hop (follow.hpp).
#pragma once

#include <memory>
#include <optional>

#include "core/flow/hop_rule.hpp"

namespace sluice::flow {

// What is remembered of a hop's credentials.
struct HopCredentials {
  std::unique_ptr<rules::DigestState> digest = {};  // what its Authorization field was made of, if it is Digest
  std::unique_ptr<Login> login = {};                // null: no scheme needs one
};

// For the application's own request with TransferOptions::credentials, before the first hop: settles whose credentials
// are in the options (those of the URL and the netrc file included), and sets the Authorization field that goes with
// the first request. Null: there is nothing to remember. Errors: invalid_request, invalid_option. Throws
// std::bad_alloc.
Result<std::unique_ptr<HopCredentials>> authorize_first(Request& request, TransferOptions& options, HopMemory& memory,
                                                        Now now);

// The request that answers the challenge of a 401, or goes on with a login; nullopt: there is none. Errors:
// invalid_request. Throws std::bad_alloc.
Result<std::optional<NextHop>> answer_challenge(const HopEnd& end);

// The same for a proxy (407).
Result<std::optional<NextHop>> answer_proxy(const HopEnd& end);

// For a next hop that is no answer: gives its request the credentials for its origin, and a Digest answer of its own.
// Errors: invalid_request. Throws std::bad_alloc.
Result<void> authorize_next(NextHop& following, const HopEnd& end);

// A response has come: what it says of the next nonce. Throws std::bad_alloc.
void note_authentication_info(const HopEnd& end);

}  // namespace sluice::flow
