// What an application asks for: a method, a URL, fields and perhaps a body.
// Leaves to others: framing (core/http1) and when it is sent (core/engine).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice {

// The caller's bytes, not copied: they must stay as they are until the transfer's Done.
struct BodyView {
  Bytes bytes;
};
// Bytes the request owns.
struct BodyOwned {
  std::string bytes;
};
// Produced while the transfer runs, through Engine::upload_space and friends.
// Without a length it is sent in chunks (RFC 9112 7.1).
struct BodyStream {
  std::optional<std::uint64_t> length;
};
using RequestBody = std::variant<std::monostate, BodyView, BodyOwned, BodyStream>;

struct Request {
  std::string method = "GET";
  Url url = {};
  // Sent in this order after Host. Host, Content-Length and Transfer-Encoding are made from the URL and the body; one that the
  // caller sets is taken instead where it says the same thing, replaces Host, and is an error otherwise (invalid_request).
  Fields fields = {};
  RequestBody body = {};
  // Replaces the URL's path and query in the request line, byte for byte (OPTIONS *). Must be visible ASCII.
  std::optional<std::string> target = {};
};

// Everything that add() would refuse, said without adding: method, fields, target, framing fields (SB-11, SB-62).
Result<void> validate(const Request& request);

// The head as HTTP/1.1 sends it, for logs. Holds the caller's credentials if the caller set any.
Result<std::string> http1_head(const Request& request);

// RFC 9110 9.2: such a request may be repeated without harm.
bool is_idempotent(std::string_view method);

}  // namespace sluice
