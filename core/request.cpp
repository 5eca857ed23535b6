// See request.hpp. Decides whether a request can be sent, before any byte is written. Fields has checked names and
// values when they were added; here everything else is checked, also whether the caller's framing fields are true.
#include "core/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/ascii.hpp"
#include "core/base/base64.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice {
namespace {

std::unexpected<Error> refuse(std::string text) {
  return std::unexpected(make_error(Code::invalid_request, std::move(text)));
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> validate_host(const Request& request, std::string_view value, std::size_t seen) {
  if (seen != 0) return refuse("request to " + request.url.authority() + ": more than one Host field");
  if (!is_visible_ascii(value))
    return refuse("request to " + request.url.authority() + ": Host field with a byte that no host has");
  return {};
}

bool has_unknown_length(const RequestBody& body) {
  return !std::holds_alternative<std::monostate>(body) && !known_length(body);
}

// RFC 9112 6.2: one length, and the correct one. Compared as text, so that no other spelling of the number is sent.
Result<void> validate_content_length(const RequestBody& body, std::string_view value, std::size_t seen) {
  if (seen != 0) return refuse("request with more than one Content-Length field");
  if (has_unknown_length(body)) return refuse("request with a Content-Length field and a body of unknown length");
  std::array<char, 20> text = {};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), known_length(body).value_or(0));
  const std::string_view known(text.data(), static_cast<std::size_t>(end.ptr - text.data()));
  if (value != known)
    return refuse("request with a Content-Length field other than the body's " + std::string(known) + " bytes");
  return {};
}

Result<void> validate_transfer_encoding(const RequestBody& body, std::string_view value, std::size_t seen) {
  if (seen != 0) return refuse("request with more than one Transfer-Encoding field");
  if (!equals_ignoring_case(value, "chunked")) return refuse("request with a Transfer-Encoding other than chunked");
  if (!has_unknown_length(body)) return refuse("request with Transfer-Encoding but without a body of unknown length");
  return {};
}

Result<void> validate_fields(const Request& request) {
  if (!request.fields.are_sendable()) return refuse("request with a field as only a response may have it");
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  for (const Field field : request.fields) {
    Result<void> verdict;
    if (equals_ignoring_case(field.name, "Host")) {
      verdict = validate_host(request, field.value, hosts++);
    } else if (equals_ignoring_case(field.name, "Content-Length")) {
      verdict = validate_content_length(request.body, field.value, lengths++);
    } else if (equals_ignoring_case(field.name, "Transfer-Encoding")) {
      verdict = validate_transfer_encoding(request.body, field.value, encodings++);
    }
    if (!verdict) return verdict;
  }
  return {};
}

// RFC 9110 8.3.1. The parameters after ';' are not checked: servers accept more there than the grammar has.
bool is_media_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !is_token(text.substr(0, slash))) return false;
  std::string_view subtype = text.substr(slash + 1);
  subtype = subtype.substr(0, subtype.find(';'));
  while (subtype.ends_with(' ') || subtype.ends_with('\t')) subtype.remove_suffix(1);
  return is_token(subtype);
}

// Percent-decoded; unchanged if a '%' begins no triplet.
std::string decoded(std::string_view part) { return percent_decode(part).value_or(std::string(part)); }

Request with_body(std::string_view method, Url url, std::string body, std::string_view type) {
  Request request(std::string(method), std::move(url), BodyOwned(std::move(body)));
  if (!type.empty()) request.refused_field = !is_media_type(type) || !request.fields.add("Content-Type", type);
  return request;
}

}  // namespace

std::optional<std::uint64_t> known_length(const RequestBody& body) {
  if (const auto* view = std::get_if<BodyView>(&body)) return view->bytes.size();
  if (const auto* owned = std::get_if<BodyOwned>(&body)) return owned->bytes.size();
  if (const auto* stream = std::get_if<BodyStream>(&body)) return stream->length;
  return std::nullopt;
}

Request Request::get(Url url) { return Request("GET", std::move(url)); }
Request Request::head(Url url) { return Request("HEAD", std::move(url)); }
Request Request::del(Url url) { return Request("DELETE", std::move(url)); }

Request Request::post(Url url, std::string body, std::string_view type) {
  return with_body("POST", std::move(url), std::move(body), type);
}

Request Request::put(Url url, std::string body, std::string_view type) {
  return with_body("PUT", std::move(url), std::move(body), type);
}

Request Request::json(Url url, std::string text) {
  Request request = post(std::move(url), std::move(text), "application/json");
  request.refused_field |= !request.fields.add("Accept", "application/json");
  return request;
}

std::string basic_credentials(std::string_view user, std::string_view password) {
  std::string pair(user);
  return "Basic " + base64(pair.append(":").append(password));
}

std::string_view effective_method(const Request& request) {
  if (!request.method.empty()) return request.method;
  return std::holds_alternative<std::monostate>(request.body) ? "GET" : "POST";
}

Result<std::string> url_credentials(const Url& url) {
  return or_out_of_memory([&]() -> Result<std::string> {
    const std::string user = decoded(url.user());
    const std::string password = decoded(url.password());
    const auto refuse_it = [&](std::string_view what) {
      return refuse("request to " + url.authority() + ": the URL has " + std::string(what) + " (RFC 7617 2)");
    };
    if (user.find(':') != std::string::npos)
      return refuse_it("a user with a colon, which Basic credentials cannot hold");
    if (has_control(user)) return refuse_it("a user with a control character");
    if (has_control(password)) return refuse_it("a password with a control character");
    return basic_credentials(user, password);
  });
}

Result<void> validate(const Request& request) {
  if (auto valid = validate_without_credentials(request); !valid) return valid;
  if (!request.url.has_userinfo() || request.fields.contains("Authorization")) return {};
  if (auto value = url_credentials(request.url); !value) return std::unexpected(std::move(value.error()));
  return {};
}

// The text of an error may fail for lack of memory: that must not leave this function as an exception.
Result<void> validate_without_credentials(const Request& request) {
  return or_out_of_memory([&]() -> Result<void> {
    const std::string_view method = effective_method(request);
    if (!is_token(method)) return refuse("request method is not a token (RFC 9110 5.6.2)");
    // CONNECT opens a tunnel, which is not a transfer: its 2xx response has no body framing (RFC 9112 6.3).
    if (method == "CONNECT") return refuse("request method CONNECT cannot be sent as a transfer");
    if (request.url.scheme().empty()) return refuse("request without a URL");
    if (request.refused_field) {
      return refuse(
          "request with a Content-Type that is no media type such as text/plain (RFC 9110 8.3.1); "
          "the arguments are the URL, the body, then the type");
    }
    if (request.url.host().empty() || !is_visible_ascii(request.url.host()))
      return refuse("request with an unusable host in its URL");
    const std::string_view target = request.target ? std::string_view(*request.target) : request.url.target();
    if (target.empty() || !is_visible_ascii(target))
      return refuse("request target is empty or holds a byte that is not visible ASCII");
    // A sum of sizes of objects in memory, so it cannot overflow; 4 is for ": " and the line end.
    const std::size_t head = method.size() + target.size() + request.fields.text_bytes() + 4 * request.fields.size();
    if (head > limits::kMaxRequestHeadBytes)
      return refuse("request head of " + std::to_string(head) + " bytes is too large");
    return validate_fields(request);
  });
}

bool is_idempotent(std::string_view method) {
  static constexpr std::array<std::string_view, 6> kIdempotent = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::ranges::find(kIdempotent, method) != kIdempotent.end();
}

bool is_safe(std::string_view method) {
  static constexpr std::array<std::string_view, 4> kSafe = {"GET", "HEAD", "OPTIONS", "TRACE"};
  return std::ranges::find(kSafe, method) != kSafe.end();
}

}  // namespace sluice
