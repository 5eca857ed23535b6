// An HttpReply as the bytes of an HTTP/1 response (RFC 9112), with the oddities that it asks for. When they are sent is
// the origin's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim_origin.hpp"

namespace sluice::sim {

// A response as bytes, with the place where its head ends.
struct Written {
  std::string bytes;
  std::size_t head_bytes = 0;
};

// The reply without what its version does not have.
HttpReply fitting(HttpReply reply);

// The whole response: status line, fields, framing and body. `close`: it says that the connection ends after it.
Written write_response(const HttpReply& reply, bool no_body, bool close);

// Parts of one, for responses that are wrong on purpose.
std::string status_line(int status, int minor = 1);
void write_fields(std::string& out, const std::vector<std::pair<std::string, std::string>>& fields);
// A head that was written with CRLF, with the line ends of `oddity`.
std::string by_line_end(std::string head, Oddity oddity);

}  // namespace sluice::sim
