// The login of a connection, as NTLM does it (MS-NTHT), and Negotiate (RFC 4559 4.1): a first message from the client,
// the server's challenge to it, an answer on the same connection; from then on all requests of that connection are the
// user's (of Negotiate, if the server says so: is_completed_by). Here: which step of it a transfer's request is to
// carry, and what it does carry on the connection that it gets. Leaves to others: the messages (core/rules/ntlm.hpp),
// what follows a response (authentication.hpp), and who may share a connection (core/pool, by `account`).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/credentials.hpp"
#include "core/error.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/rules/authentication.hpp"
#include "core/types.hpp"

namespace sluice::flow {

inline constexpr std::string_view kAuthorization = "Authorization";

enum class LoginStep : std::uint8_t {
  none,    // the request carries nothing of a login
  begin,   // the first message; with NTLM a body waits until it is known where the login leads
  answer,  // the answer to the challenge
};

// What a login needs to know of the connection that an exchange is opened on.
struct LoginPlace {
  ConnId conn;
  bool logged_in = false;    // as this account
  bool multiplexes = false;  // no login is possible
};

bool has_body(const Request& request);
// The request with an empty body: while it is not known where a login leads. Errors: none but those of memory. Throws
// std::bad_alloc.
Result<std::unique_ptr<Request>> without_body(const Request& request);

struct Login {
  // Names user, password and schemes, and shows none of them. Connections are shared within one account only (SB-42).
  std::string account = {};
  rules::LoginScheme scheme = rules::LoginScheme::none;  // if there is a step
  std::shared_ptr<NegotiateProvider> provider = {};      // null: Negotiate is not allowed
  std::shared_ptr<NegotiateLogin> negotiation = {};      // of Negotiate, after its first token
  bool tokenless = false;                                // Negotiate had no first token: it is not asked for again
  // What the request is to carry.
  LoginStep next = LoginStep::none;
  bool demanded = false;    // by a 401: the login begins, also on a connection that counts as logged in
  std::string answer = {};  // the field's value for the step `answer`, or for `begin` if that is known
  ConnId conn = {};         // whose challenge it answers
  bool repeated = false;    // that connection was lost once, so the login has begun again
  // What the request that was sent last did carry. After LoginStep::begin, `bare` may be it.
  LoginStep sent = LoginStep::none;
  std::unique_ptr<Request> bare = {};  // the request without its body; null: the body was not withheld

  bool withheld_body() const { return bare != nullptr; }
  // Whether a response means that its connection is logged in now.
  bool is_completed_by(const ResponseHead& head) const;
  // The value of the field with the first token of a new login by Negotiate. nullopt: there is none. Throws
  // std::bad_alloc.
  std::optional<std::string> first_token(std::string_view host);
  // The same for the token that follows the server's last one.
  std::optional<std::string> next_token(std::string_view received) const;
  // Gives the login by Negotiate the token of the response that ends it, which shows who the server is. Error:
  // authentication_failed. Throws std::bad_alloc.
  Result<void> take_last_token(std::string_view received) const;

  // Decides the step for a request on this connection, and sets its Authorization field if it is one. Returns the
  // request that is to be sent: that one, or `bare`. Errors: connection_closed (the connection of the challenge is lost
  // for the second time). Throws std::bad_alloc.
  Result<const Request*> prepare(Request& request, const LoginPlace& place);

 private:
  std::optional<std::string> first_message(const Request& request);
};

}  // namespace sluice::flow
