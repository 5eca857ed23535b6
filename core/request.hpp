// A request: method, URL, fields and perhaps a body; and the checks whether it can be sent.
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

// The caller's bytes, not copied. They must stay valid and unchanged until the transfer's Done.
struct BodyView {
  Bytes bytes = {};
};
// Bytes that the request owns.
struct BodyOwned {
  BodyOwned() = default;
  explicit BodyOwned(std::string owned) : bytes(std::move(owned)) {}
  std::string bytes = {};
};
// A body that the application produces while the transfer runs, by Engine::upload_space() and commit_upload(). `length`
// is in bytes. Without a length it is sent in chunks over HTTP/1.1 (RFC 9112 7.1), over HTTP/2 in DATA frames as any
// other (RFC 9113 8.1), and over HTTP/1.0 not at all (invalid_request).
struct BodyStream {
  std::optional<std::uint64_t> length = {};
  // True: the application can give the body again from its first byte; output::UploadRewind asks for that if the
  // request is sent again. False: after the first byte was given, the request is not sent again; if it must be, the
  // transfer fails (rewind_failed).
  bool rewindable = false;
};
using RequestBody = std::variant<std::monostate, BodyView, BodyOwned, BodyStream>;

// The body's length in bytes, if it is known before the first byte is sent. nullopt: there is no body, or it is a
// BodyStream without a length.
std::optional<std::uint64_t> known_length(const RequestBody& body);

// One request. Owns its data, but for the bytes of a BodyView. Not an aggregate, because g++ 12 destroys a braced
// aggregate in the operand of a co_await twice (gcc bug 102217 and similar ones). Set the members, or begin with one of
// these functions:
//   Request::get(url)
//   Request::post(url, "a=1", "application/x-www-form-urlencoded")
//   Request::json(url, R"({"a":1})")
struct Request {
  Request() = default;
  // A GET. Not explicit, so that a Url can be given where a Request is expected.
  Request(Url where) : url(std::move(where)) {}
  Request(std::string name, Url where, RequestBody content = {})
      : method(std::move(name)), url(std::move(where)), body(std::move(content)) {}

  static Request get(Url url);
  static Request head(Url url);
  static Request del(Url url);  // DELETE
  // `type` becomes Content-Type; empty: no such field. If it is not a media type ("type/subtype", perhaps with
  // parameters after a ';', RFC 9110 8.3.1), add() refuses the request; so a call with body and type in the wrong order
  // is noticed.
  static Request post(Url url, std::string body, std::string_view type);
  static Request put(Url url, std::string body, std::string_view type);
  // A POST with Content-Type and Accept "application/json". The text is sent unchanged.
  static Request json(Url url, std::string text);

  // Empty: GET, or POST if there is a body (effective_method()). add() fills it in.
  std::string method = {};
  Url url = {};
  // Sent in this order after Host. Host, Content-Length and Transfer-Encoding are made from the URL and the body. A
  // Host field set here is sent instead of that one. A Content-Length or Transfer-Encoding set here must agree with the
  // body, else it is an error (invalid_request).
  Fields fields = {};
  RequestBody body = {};
  // Replaces the URL's path and query in the request line, byte for byte ("*" for OPTIONS). Visible ASCII, not empty.
  std::optional<std::string> target = {};
  // post(), put() or json() got a `type` that is not a media type: validate() and add() return invalid_request.
  bool refused_field = false;
};

// The method that is sent: `method`, or GET or POST if it is empty. A view into the request or of static text.
std::string_view effective_method(const Request& request);

// Checks what add() checks of a request: method, URL, target, fields (SB-11, SB-62), and the URL's credentials if the
// request has no Authorization field. Errors: invalid_request, out_of_memory.
Result<void> validate(const Request& request);
// The same without the URL's credentials: for requests that do not send them (TransferOptions::send_url_credentials) or
// have them in a field already.
Result<void> validate_without_credentials(const Request& request);

// The value of an Authorization field for the URL's user and password, percent-decoded (RFC 7617 2). Errors:
// invalid_request (the user holds a ':', which the server would take for the end of the user, or user or password holds
// a control character), out_of_memory.
Result<std::string> url_credentials(const Url& url);

// The value of an Authorization field with Basic credentials (RFC 7617 2). The arguments are not percent-encoded. The
// caller must see to it that the user has no ':' and that neither has control characters. Throws std::bad_alloc.
//   auto known = request.fields.set("Authorization", sluice::basic_credentials("user", "password"));
std::string basic_credentials(std::string_view user, std::string_view password);

// The request head as HTTP/1.1 sends it, for logs. Holds the credentials that are set in `fields`, but not those of the
// URL, which add() turns into a field. Errors: invalid_request, out_of_memory.
Result<std::string> http1_head(const Request& request);

// Whether the method is idempotent (RFC 9110 9.2.2): such a request may be repeated without harm. Case counts.
bool is_idempotent(std::string_view method);
// Whether the method is safe (RFC 9110 9.2.1): it asks for no change at the server. Case counts.
bool is_safe(std::string_view method);

}  // namespace sluice
