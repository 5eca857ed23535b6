// Logins by Negotiate (RFC 4559) with tickets of Kerberos, by the system's GSSAPI: gives Credentials::negotiate of
// core/credentials.hpp. In a library of its own, sluice-gssapi, so that other programs do not load GSSAPI. Leaves to
// others: when a token is sent (core), and getting the first ticket (kinit).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "../core/credentials.hpp"
#include "../core/error.hpp"

namespace sluice {

// Whether a server gets the user's tickets, so that it can act for the user elsewhere.
enum class GssapiDelegation : std::uint8_t {
  none,
  policy,  // if the KDC says that the server may have them (OK-AS-DELEGATE)
  always,
};

struct GssapiOptions {
  GssapiDelegation delegation = GssapiDelegation::none;
  std::string service = "HTTP";  // of the host that the tokens are for
  // Told in one line why there is no first token for a host; the request then goes without. Called inside a call of
  // the engine, from which it must not call the engine; may throw std::bad_alloc, any other exception ends the program.
  // Empty: it is not told.
  std::function<void(std::string_view why)> on_no_token = {};
};

//   auto login = std::make_shared<sluice::Credentials>();
//   login->negotiate = sluice::gssapi_provider().value();
//   login->schemes = {.basic = false, .negotiate = true};
//   options.credentials = login;  // of TransferOptions

// False: this build has no GSSAPI (meson_options.txt).
bool has_gssapi();

// Tokens of SPNEGO for a service of a host, with the tickets that the process has when they are made
// (KRB5CCNAME, KRB5_CONFIG). The server is asked to show who it is: a token of it that cannot be accepted is an error
// (authentication_failed), but a server that sends none is believed. Making a token reads files and may talk to a KDC:
// the thread waits for that. May be used for many engines, of one thread each. Error: invalid_option (has_gssapi() is
// false). May throw std::bad_alloc.
Result<std::shared_ptr<NegotiateProvider>> gssapi_provider(GssapiOptions options = {});

}  // namespace sluice
