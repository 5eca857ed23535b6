// See request_fields.hpp. The text is written once, and the entries are places in it.
#include "core/http2/request_fields.hpp"

#include <algorithm>
#include <array>

#include "core/base/check.hpp"
#include "core/http/upload.hpp"

namespace sluice::http2 {
namespace {

// A cookie that is shorter is not put into the table: it could be guessed there bit by bit (RFC 7541 7.1.3).
constexpr std::size_t kGuessableBytes = 20;
constexpr std::size_t kKeptBytes = 768;  // as in core/http1/session.cpp

bool lists(std::string_view list, std::string_view wanted) {
  while (const auto element = next_list_element(list)) {
    if (equals_ignoring_case(*element, wanted)) return true;
  }
  return false;
}

// RFC 9113 8.2.2; Host becomes :authority.
bool is_left_out(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kLeftOut = {
      "Host", "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "HTTP2-Settings"};
  return std::ranges::any_of(kLeftOut, [&](std::string_view known) { return equals_ignoring_case(name, known); });
}

bool is_framing(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kFraming = {"Content-Length", "Trailer", "TE", "Expect"};
  return std::ranges::any_of(kFraming, [&](std::string_view known) { return equals_ignoring_case(name, known); });
}

// Named by a Connection field (RFC 9110 7.6.1).
bool is_named(const Request& request, std::string_view name) {
  return std::ranges::any_of(request.fields, [&](const Field& field) {
    return equals_ignoring_case(field.name, "Connection") && lists_token(field.value, name);
  });
}

bool is_secret(std::string_view name) {
  return equals_ignoring_case(name, "Authorization") || equals_ignoring_case(name, "Proxy-Authorization");
}

}  // namespace

RequestFields::Span RequestFields::append(std::string_view text) {
  const Span span{text_.size(), text.size()};
  text_ += text;
  return span;
}

void RequestFields::add_pseudo(std::string_view name, Span value) {
  entries_.push_back({.pseudo = name, .value = value});
}

void RequestFields::add(std::string_view name, std::string_view value, bool is_secret) {
  const Span name_at = append(name);
  append(value.empty() ? ":" : ": ");
  entries_.push_back({.name = name_at, .value = append(value), .is_secret = is_secret});
  append("\r\n");
}

RequestFields::View RequestFields::at(std::size_t index) const {
  const Entry& entry = entries_[index];
  const std::string_view all = text_;
  return {.name = entry.pseudo.empty() ? all.substr(entry.name.at, entry.name.size) : entry.pseudo,
          .value = entry.fixed.empty() ? all.substr(entry.value.at, entry.value.size) : entry.fixed,
          .is_secret = entry.is_secret};
}

void RequestFields::write(const http::Exchange& exchange) {
  const Request& request = *exchange.request;
  text_.clear();
  entries_.clear();
  expects_continue_ = has_length_ = false;
  has_connection_ = request.fields.contains("Connection");
  closes_ = has_connection_ && is_named(request, "close");
  is_head_ = effective_method(request) == "HEAD";
  const http::UploadBody body(request.body);
  const bool has_content = body.present() && body.declared_length() != 0U;
  const http::ForwardedBy* const forwarded = exchange.forwarded;
  write_start(request, forwarded != nullptr);
  if (forwarded) write_forwarded(request, *forwarded);
  const bool has_login = forwarded && !forwarded->authorization.empty();  // that replaces the request's own
  for (const Field field : request.fields) {
    if (has_login && equals_ignoring_case(field.name, "Proxy-Authorization")) continue;
    write_field(field, request, !exchange.cookies.empty(), has_content);
  }
  if (!exchange.cookies.empty()) write_cookies(request, exchange.cookies);
  if (!has_length_) write_length(request);
  append("\r\n");
}

// RFC 9113 8.5: where the tunnel leads is all that CONNECT says.
void RequestFields::write_connect(const Request& request) {
  add_pseudo(":method", append("CONNECT"));
  append(" ");
  add_pseudo(":authority", append(request.target ? *request.target : request.url.authority()));
  append(" HTTP/2\r\nHost: ");
  append(at(1).value);
  append("\r\n");
}

// As over HTTP/1: what frames a request is never taken from the fields that are meant for a proxy.
void RequestFields::write_forwarded(const Request& request, const http::ForwardedBy& forwarded) {
  const bool has_authorization = !forwarded.authorization.empty();
  if (has_authorization) add("Proxy-Authorization", forwarded.authorization, true);
  for (const Field field : *forwarded.fields) {
    if (has_authorization && equals_ignoring_case(field.name, "Proxy-Authorization")) continue;
    if (request.fields.contains(field.name) || is_left_out(field.name) || is_framing(field.name)) continue;
    add(field.name, field.value, is_secret(field.name));
  }
}

// A proxy goes where :authority says. So that is the URL's there, as over HTTP/1 the target is (RFC 9112 3.2.2).
void RequestFields::write_start(const Request& request, bool is_forwarded) {
  if (effective_method(request) == "CONNECT") return write_connect(request);
  add_pseudo(":method", append(effective_method(request)));
  append(" ");
  add_pseudo(":path", append(request.target ? std::string_view(*request.target) : request.url.target()));
  append(" HTTP/2\r\nHost: ");
  const std::size_t begin = text_.size();
  if (const auto host = request.fields.find("Host"); host && !is_forwarded) {
    append(*host);
  } else {
    const bool brackets = request.url.host_kind() == HostKind::ipv6;
    append(brackets ? "[" : "");
    append(request.url.host());
    append(brackets ? "]" : "");
    if (request.url.has_explicit_port()) append(":" + std::to_string(request.url.port()));
  }
  if (text_.size() > begin) add_pseudo(":authority", {begin, text_.size() - begin});
  append("\r\n");
  entries_.push_back({.pseudo = ":scheme", .fixed = request.url.is_tls() ? "https" : "http"});
}

void RequestFields::write_field(const Field& field, const Request& request, bool has_cookies, bool has_content) {
  if (is_left_out(field.name) || (has_connection_ && is_named(request, field.name))) return;
  if (equals_ignoring_case(field.name, "TE")) {  // RFC 9113 8.2.2
    if (lists(field.value, "trailers")) add(field.name, "trailers");
    return;
  }
  if (equals_ignoring_case(field.name, "Expect") && lists(field.value, "100-continue")) {
    if (!has_content) return;  // RFC 9110 10.1.1
    expects_continue_ = true;
  }
  if (has_cookies && equals_ignoring_case(field.name, "Cookie")) return;
  has_length_ |= equals_ignoring_case(field.name, "Content-Length");
  add(field.name, field.value, is_secret(field.name));
  if (equals_ignoring_case(field.name, "Cookie")) split_cookies();
}

void RequestFields::write_cookies(const Request& request, std::string_view cookies) {
  std::string all(cookies);
  for (const Field field : request.fields) {
    if (equals_ignoring_case(field.name, "Cookie") && !field.value.empty()) (all += "; ") += field.value;
  }
  add("Cookie", all);
  split_cookies();
}

// Makes a field of each cookie of the last one (RFC 9113 8.2.3): if one changes, the table still has the others.
void RequestFields::split_cookies() {
  const Entry whole = entries_.back();
  entries_.pop_back();
  const std::string_view all = std::string_view(text_).substr(whole.value.at, whole.value.size);
  for (std::size_t at = 0;;) {
    const std::size_t end = std::min(all.find("; ", at), all.size());
    Entry crumb = whole;
    crumb.value = {whole.value.at + at, end - at};
    crumb.is_secret = crumb.value.size < kGuessableBytes;
    entries_.push_back(crumb);
    if (end == all.size()) return;
    at = end + 2;
  }
}

void RequestFields::write_length(const Request& request) {
  const http::UploadBody body(request.body);
  const std::string_view method = effective_method(request);
  if (!body.present()) {
    // RFC 9110 8.6.
    if (method == "POST" || method == "PUT" || method == "PATCH") add("Content-Length", "0");
  } else if (const auto length = body.declared_length()) {
    add("Content-Length", std::to_string(*length));
  }
}

void RequestFields::release() {
  if (text_.capacity() <= kKeptBytes) return;
  std::string().swap(text_);
  std::vector<Entry>().swap(entries_);
}

}  // namespace sluice::http2
