// The error line of an operation: the URL and what went wrong. Knows texts only; leaves printing to console.hpp.
#pragma once

#include <string>
#include <string_view>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

// Operation::given_url for messages. In "http://user:12/secret@host" the host is "user" and the port 12 (RFC 3986 3.2;
// curl reads it in the same way). The user probably meant a password, so that part is left out.
std::string shown_url(const Operation& operation);

// `message`, with the URL before it if it does not name the URL; without such a password.
std::string error_text(const Operation& operation, std::string_view message);

}  // namespace sluice::cli
