// The credentials of a transfer, and the authentication schemes that may use them (RFC 9110 11). Plain values, and the
// interface by which an application makes the tokens of Negotiate. Leaves to others: to which origins and proxies they
// are sent.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "error.hpp"
#include "language.hpp"

namespace sluice {

// The authentication schemes that may be used. Basic and Digest send the user and password, Bearer sends the token;
// Bearer without a token counts as not allowed.
//
// If Basic is the only scheme, or Bearer is, its field is sent with the first request. If several are allowed, or
// Digest alone, the first request goes without, and the strongest challenge of the server that can be answered is
// answered: Negotiate, then Digest with SHA-512-256, then SHA-256, then MD5 (of equal ones one with a quality of
// protection first), then NTLM, then Bearer, then Basic: those that do not show the secret come first (curl has Bearer
// before Digest). No weaker one is tried after that. A server whose Digest challenge was answered before gets Digest
// with the first request.
//
// NTLM logs a connection in, not a request. Transfers that may use it share connections only with those of the same
// user, password and schemes. If it is the only scheme, the first request on a new connection begins it, without its
// body; the body goes with the answer to the challenge. Later requests of a connection that is logged in carry nothing.
// Negotiate does the same, but the body goes with the first token, and only a connection of which the server says
// "Persistent-Auth: true" counts as logged in; if it has no token, the request goes without.
struct AuthSchemes {
  bool basic = true;    // RFC 7617: anyone who sees the request can read the password
  bool digest = false;  // RFC 7616 and RFC 2617: the password is not sent
  bool bearer = false;  // RFC 6750: anyone who sees the request can use the token
  // MS-NTHT, MS-NLMP: NTLMv2; the password is not sent, but a weak one can be guessed from what is. User and password
  // are UTF-8, and the user is "user", "DOMAIN\user", "DOMAIN/user" or "user@realm". Engine only, not Connection.
  bool ntlm = false;
  // RFC 4559 (Kerberos): the tokens are made by Credentials::negotiate; without it, it counts as not allowed. Engine
  // only, not Connection.
  bool negotiate = false;

  friend bool operator==(const AuthSchemes&, const AuthSchemes&) = default;
};

// One login by Negotiate: the client's side of a security context.
class NegotiateLogin {
 public:
  virtual ~NegotiateLogin() = default;
  // The next token, as bytes; "": the login is complete, and there is none to send. `received`: the server's last one,
  // "" at the beginning. Error: there is no ticket, or the server's token cannot be accepted; the context says why, in
  // one line. Not called again after an error. May throw std::bad_alloc; any other exception
  // ends the program, here and below.
  virtual Result<std::string> next(std::string_view received) = 0;
};

// Begins logins by Negotiate. The core has no GSSAPI, which reads files and talks to a KDC; adapters/gssapi.hpp has
// one. An engine calls it inside its own calls, which take as long as it does.
class NegotiateProvider {
 public:
  virtual ~NegotiateProvider() = default;
  // A login to the service HTTP of this host (RFC 4559 4.1). May throw std::bad_alloc.
  virtual std::unique_ptr<NegotiateLogin> begin(std::string_view host) = 0;
  // Whose tokens they are. Connections are shared by those alone that say the same here. May throw std::bad_alloc.
  virtual std::string identity() const = 0;
};

// Owns its text, which is sent as it is: not percent-encoded, in any charset; UTF-8 is what servers expect (RFC
// 7617 2.1). A control character in any of it is an error (invalid_request) when it is used, and so is a colon in the
// user of Basic.
struct Credentials {
  std::string user = {};
  std::string password = {};
  std::string bearer = {};  // the token; empty: none
  AuthSchemes schemes = {};
  std::shared_ptr<NegotiateProvider> negotiate = {};  // for the origin of the URL; needs no user, but schemes.negotiate
  // "provider1[:provider2[:region[:service]]]", as curl's --aws-sigv4: requests are signed with `user` and `password`
  // by AWS Signature Version 4, each hop by itself, instead of the schemes. "": they are not. Invalid text is an error
  // (invalid_option).
  std::string aws_sigv4 = {};

  // The text of a netrc file (netrc.hpp): users and passwords by host. For the host of the URL they count where neither
  // `user` nor the URL has a user, or one has a user and no password; and they are for each other host that redirects
  // lead to. If it cannot be read, add() returns invalid_option. Null: none.
  std::shared_ptr<const std::string> netrc = {};

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

}  // namespace sluice
