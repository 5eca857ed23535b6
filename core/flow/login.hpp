// The login of a connection, as NTLM does it (MS-NTHT; RFC 4559 4.1 describes the same for Negotiate): a first message
// from the client, the server's challenge to it, an answer on the same connection; from then on all requests of that
// connection are the user's. Here: which step of it a transfer's request is to carry, and what it does carry on the
// connection that it gets. Leaves to others: the messages (core/rules/ntlm.hpp), what follows a response
// (authentication.hpp), and who may share a connection (core/pool, by `account`).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/request.hpp"
#include "core/types.hpp"

namespace sluice::flow {

inline constexpr std::string_view kAuthorization = "Authorization";

enum class LoginStep : std::uint8_t {
  none,    // the request carries nothing of a login
  begin,   // the first message; a body waits until it is known where the login leads
  answer,  // the answer to the challenge
};

// What a login needs to know of the connection that an exchange is opened on.
struct LoginPlace {
  ConnId conn;
  bool logged_in = false;    // as this account
  bool multiplexes = false;  // no login is possible
};

struct Login {
  // Names user, password and schemes, and shows none of them. Connections are shared within one account only (SB-42).
  std::string account = {};
  // What the request is to carry.
  LoginStep next = LoginStep::none;
  bool demanded = false;    // by a 401: the login begins, also on a connection that counts as logged in
  std::string answer = {};  // the field's value for the step `answer`
  ConnId conn = {};         // whose challenge it answers
  bool repeated = false;    // that connection was lost once, so the login has begun again
  // What the request that was sent last did carry. After LoginStep::begin, `bare` may be it.
  LoginStep sent = LoginStep::none;
  std::unique_ptr<Request> bare = {};  // the request without its body; null: the body was not withheld

  bool withheld_body() const { return bare != nullptr; }

  // Decides the step for a request on this connection, and sets its Authorization field if it is one. Returns the
  // request that is to be sent: that one, or `bare`. Errors: connection_closed (the connection of the challenge is lost
  // for the second time). Throws std::bad_alloc.
  Result<const Request*> prepare(Request& request, const LoginPlace& place);
};

}  // namespace sluice::flow
