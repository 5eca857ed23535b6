// The text of -v, -i, -I and -D: heads as on the wire, and the connection of a transfer. Credentials are redacted in
// text for people (-v, SB-31); data that the user asked for (-i, -D) is unchanged. Pure functions. Leaves printing to
// others.
#pragma once

#include <string>
#include <string_view>

#include "core/engine.hpp"

namespace sluice::cli {

// "1.1", "2".
std::string version_number(HttpVersion version);

// ResponseHead::raw(), or if that was not kept "HTTP/1.1 200 OK\r
// " and the fields as received, with the empty line at the end. Empty for HTTP/0.9.
std::string head_text(const ResponseHead& head);
// The same for trailers: only their lines.
std::string fields_text(const Fields& fields);

// The lines of connection_lines() (core/trace.hpp), each after "* ".
std::string verbose_connection(const Url& url, const TransferInfo& info);
// "> " lines, without credentials (redacted_head).
std::string verbose_request(std::string_view head);
// The same for a head of CONNECT, with its line of tunnel_line() after "* ".
std::string verbose_connect(const output::ConnectHead& head);
// "< " lines of head_text(), without credentials.
std::string verbose_response(const ResponseHead& head);

}  // namespace sluice::cli
