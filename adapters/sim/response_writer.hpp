// Writes an HttpReply as the bytes of an HTTP/1 response (RFC 9112), with the oddity that it asks for. Leaves sending
// them to the origin.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim_origin.hpp"

namespace sluice::sim {

// The bytes of a response, and where its head ends.
struct Written {
  std::string bytes;
  std::size_t head_bytes = 0;
};

// The reply without the parts that its HTTP version does not have.
HttpReply fitting(HttpReply reply);

// The complete response: status line, fields, framing and body. `close`: it announces that the connection ends after
// it.
Written write_response(const HttpReply& reply, bool no_body, bool close);

// Parts of a response, for responses that are wrong on purpose.
std::string status_line(int status, int minor = 1);
void write_fields(std::string& out, const std::vector<std::pair<std::string, std::string>>& fields);
// Replaces the line ends (CRLF) of a head by those of `oddity`.
std::string by_line_end(std::string head, Oddity oddity);

}  // namespace sluice::sim
