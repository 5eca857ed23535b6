// The text of a netrc file: hosts, logins and passwords. Pure text: reads no file. Leaves to others: where the file is,
// and when its credentials are sent.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"

namespace sluice {

inline constexpr std::size_t kMaxNetrcBytes = 128 * 1024;
inline constexpr std::size_t kMaxNetrcTokenBytes = 4'096;  // of one token, after escapes are undone

// What one entry has; "" for a part that it does not have. Never parts of two entries (SB-28).
struct NetrcEntry {
  std::string login = {};
  std::string password = {};
};

// The credentials for a host: those of the first entry that is for the host, and for `login` if one is given. An entry
// is for the host that `machine` names, compared without regard to case, or, after `default`, for every host. With a
// `login`, entries that have another one or none are passed over (SB-29). nullopt: there is no such entry, or it has
// neither a login nor a password.
//
// Tokens are separated by blanks and line ends: machine NAME, default, login TEXT, password TEXT, account TEXT. The
// first login and the first password of an entry count. A token may be in double quotes, with \" \\ \n \r and \t as
// escapes; it ends in its line. macdef ends the entry before it and is skipped up to an empty line. '#' begins a
// comment as the first character of a line, and where a keyword may be. Other tokens are ignored. The text after the
// entry that was found is not read.
//
// Errors: invalid_option (a text of more than kMaxNetrcBytes; a quoted string that does not end; a token that is too
// long; a keyword without its value), with the number of the line and nothing else of the text; out_of_memory.
Result<std::optional<NetrcEntry>> find_in_netrc(std::string_view text, std::string_view host,
                                                std::optional<std::string_view> login = {});

}  // namespace sluice
