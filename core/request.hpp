// What an application asks for: a method, a URL, fields and perhaps a body.
// Leaves to others: framing (core/http1) and when it is sent (core/engine).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "error.hpp"
#include "fields.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

// The caller's bytes, not copied: they must stay as they are until the transfer's Done.
struct BodyView {
  Bytes bytes = {};
};
// Bytes the request owns.
struct BodyOwned {
  BodyOwned() = default;
  explicit BodyOwned(std::string owned) : bytes(std::move(owned)) {}
  std::string bytes = {};
};
// Produced while the transfer runs, through Engine::upload_space and friends.
// Without a length it is sent in chunks (RFC 9112 7.1).
struct BodyStream {
  std::optional<std::uint64_t> length = {};
  // The application can give it again from its first byte: output::UploadRewind asks for that where the request is sent
  // once more. False: a request of which bytes were given is not sent again, and where it had to be it fails
  // (rewind_failed).
  bool rewindable = false;
};
using RequestBody = std::variant<std::monostate, BodyView, BodyOwned, BodyStream>;

// The body's length in bytes where it is known before the first byte is sent. nullopt: there is no body, or it is a
// BodyStream without a length.
std::optional<std::uint64_t> known_length(const RequestBody& body);

// Not an aggregate, on purpose: g++ 12 destroys a braced aggregate in the operand of a co_await twice (gcc bug 102217
// and its kind). Fill the members, or begin with one of the makers:
//   Request::get(url)
//   Request::post(url, "a=1", "application/x-www-form-urlencoded")
//   Request::json(url, R"({"a":1})")
struct Request {
  Request() = default;
  // A GET; not explicit, so that a Url serves where a Request is asked for.
  Request(Url where) : url(std::move(where)) {}
  Request(std::string name, Url where, RequestBody content = {})
      : method(std::move(name)), url(std::move(where)), body(std::move(content)) {}

  static Request get(Url url);
  static Request head(Url url);
  static Request del(Url url);  // DELETE
  // `type` becomes Content-Type; empty: no such field. One that is no media type ("type/subtype", and parameters after
  // a ";": RFC 9110 8.3.1) makes a request that add() refuses, so that a body and a type in the wrong order are found.
  static Request post(Url url, std::string body, std::string_view type);
  static Request put(Url url, std::string body, std::string_view type);
  // POST with Content-Type and Accept "application/json". The text is sent as it is.
  static Request json(Url url, std::string text);

  // Empty: GET, or POST where there is a body (effective_method()). What was added has it filled in.
  std::string method = {};
  Url url = {};
  // Sent in this order after Host. Host, Content-Length and Transfer-Encoding are made from the URL and the body; one
  // that the caller sets is taken instead where it says the same thing, replaces Host, and is an error otherwise
  // (invalid_request).
  Fields fields = {};
  RequestBody body = {};
  // Replaces the URL's path and query in the request line, byte for byte (OPTIONS *). Must be visible ASCII.
  std::optional<std::string> target = {};
  // A maker was given a type that is no media type: validate() and add() answer invalid_request.
  bool refused_field = false;
};

// The method that is sent: `method`, or what an empty one stands for. A view into the request or of static text.
std::string_view effective_method(const Request& request);

// Everything that add() would refuse, said without adding: method, fields, target, framing fields (SB-11, SB-62), and
// the URL's credentials where the request has no Authorization of its own.
Result<void> validate(const Request& request);
// The same, where the URL's credentials are not sent (TransferOptions::send_url_credentials) or are a field already.
Result<void> validate_without_credentials(const Request& request);

// The value of Authorization for the URL's user and password, percent-decoded. Error invalid_request: a user with a
// ":", which the server could not tell from the password's beginning, or a control character in either (RFC 7617 2).
Result<std::string> url_credentials(const Url& url);

// The value of an Authorization field with Basic credentials (RFC 7617 2), made of text as it is meant, not
// percent-encoded. The user must have no ":", and neither may have control characters; that is the caller's part:
//   auto known = request.fields.set("Authorization", sluice::basic_credentials("user", "password"));
std::string basic_credentials(std::string_view user, std::string_view password);

// The head as HTTP/1.1 sends it, for logs. Holds the caller's credentials if the caller set any, not those of the URL,
// which add() turns into a field.
Result<std::string> http1_head(const Request& request);

// RFC 9110 9.2: such a request may be repeated without harm.
bool is_idempotent(std::string_view method);

}  // namespace sluice
