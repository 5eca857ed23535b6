// The credentials of a transfer's hops: which are for an origin, what a request carries before it is asked, and the
// request that answers a challenge. Leaves to others: the schemes (core/rules/authentication.hpp), and what else
// follows a hop (follow.hpp).
#pragma once

#include <memory>
#include <optional>

#include "core/flow/hop_rule.hpp"

namespace sluice::flow {

// For the application's own request with TransferOptions::credentials, before the first hop: settles whose credentials
// are in the options (those of the URL and the netrc file included), and sets the Authorization field that goes with
// the first request. Returns what the field was made of, if it is Digest; else null. Errors: invalid_request,
// invalid_option. Throws std::bad_alloc.
Result<std::unique_ptr<rules::DigestState>> authorize_first(Request& request, TransferOptions& options,
                                                            HopMemory& memory, Now now);

// The request that answers the challenge of a 401; nullopt: it is not answered. Errors: invalid_request. Throws
// std::bad_alloc.
Result<std::optional<NextHop>> answer_challenge(const HopEnd& end);

// For a next hop that is no answer: gives its request the credentials for its origin, and a Digest answer of its own.
// Errors: invalid_request. Throws std::bad_alloc.
Result<void> authorize_next(NextHop& following, const HopEnd& end);

// A response has come: what it says of the next nonce. Throws std::bad_alloc.
void note_authentication_info(const HopEnd& end);

}  // namespace sluice::flow
