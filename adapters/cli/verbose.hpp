// The text of -v, -i, -I and -D: heads as they stand on the wire, and what a transfer rode on. Credentials are blanked
// in all that is meant for eyes (SB-31); what the user asked to have as data (-i, -D) is left as it came. Pure: values
// in, text out.
#pragma once

#include <string>
#include <string_view>

#include "core/engine.hpp"

namespace sluice::cli {

// ResponseHead::raw(), or where that was not kept "HTTP/1.1 200 OK\r\n" and the fields as received, with the empty line
// at the end. Empty for HTTP/0.9, which has none.
std::string head_text(const ResponseHead& head);
// The same of trailers: their lines only.
std::string fields_text(const Fields& fields);

// "* " lines: the peer's address, whether the connection is new, and TLS with the certificate's names.
std::string verbose_connection(const Url& url, const TransferInfo& info);
// "> " lines. Values of Authorization, Proxy-Authorization and Cookie read "<redacted>", the scheme kept.
std::string verbose_request(std::string_view head);
// "< " lines of head_text(). The value of Set-Cookie is the server's word to us and a credential from now on: only its
// name is shown.
std::string verbose_response(const ResponseHead& head);

}  // namespace sluice::cli
