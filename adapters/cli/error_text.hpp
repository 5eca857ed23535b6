// The error line of an operation: the URL and what went wrong; and parts of such lines. Knows texts only; leaves
// printing to console.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/cli/command_line.hpp"
#include "core/outputs.hpp"
#include "core/request.hpp"
#include "core/response.hpp"

namespace sluice::cli {

// Operation::given_url for messages. In "http://user:12/secret@host" the host is "user" and the port 12 (RFC 3986 3.2;
// curl reads it in the same way). The user probably meant a password, so that part is left out.
std::string shown_url(const Operation& operation);

// `message`, with the URL before it if it does not name the URL; without such a password.
std::string error_text(const Operation& operation, std::string_view message);

// Whether it was a proxy whose handshake or response was refused: the message says so (core/tls/client.cpp,
// core/http1/session.cpp). What is before it is a URL, and what the peer has said is after it.
bool is_of_proxy(std::string_view message);

// What to try after this error, to be put after its message; "": nothing is known.
std::string hint_text(const Error& error, const Settings& settings);

// "GET http://example.org/a". After redirects the URL is not what the command line says.
std::string request_name(const Request& request);
// "404 Not Found"
std::string status_text(const ResponseHead& head);
// A warning: what went wrong, and that the request is made again. `left`: how often more.
std::string retry_text(const Request& request, const output::HopDone& hop, std::uint32_t left);

}  // namespace sluice::cli
