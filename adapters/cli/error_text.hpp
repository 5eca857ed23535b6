// An operation's error line: on which URL, what went wrong. Knows texts only.
#pragma once

#include <string>
#include <string_view>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

// Operation::given_url for people. In "http://user:12/secret@host" the host is "user" and its port 12 (RFC 3986 3.2),
// as curl reads it too; who wrote it meant something else, so what may be a password is left out.
std::string shown_url(const Operation& operation);

// `message`, which may name the URL, with the URL before it where it does not; without such a password.
std::string error_text(const Operation& operation, std::string_view message);

}  // namespace sluice::cli
