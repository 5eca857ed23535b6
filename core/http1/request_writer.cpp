// See request_writer.hpp. Host is first (RFC 9110 7.2), then the caller's fields in their order, then the field that
// frames the body. A Content-Length or Transfer-Encoding of the caller stays at its place: validate() has checked that
// it is correct.
#include "core/http1/request_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>
#include <variant>

#include "core/base/check.hpp"
#include "core/base/memory.hpp"
#include "core/request.hpp"

namespace sluice::http1 {
namespace {

// Room for what does not come from the caller: " HTTP/1.1", "Host: ", brackets and port, one framing field, line ends.
constexpr std::size_t kFixedBytes = 128;

class HeadCursor {
 public:
  explicit HeadCursor(MutableBytes out) : out_(out) {}

  HeadCursor& operator<<(std::string_view text) {
    SLUICE_CHECK(text.size() <= out_.size() - used_);
    if (!text.empty()) std::memcpy(out_.data() + used_, text.data(), text.size());
    used_ += text.size();
    return *this;
  }
  HeadCursor& operator<<(std::uint64_t number) {
    char text[20];
    const auto end = std::to_chars(text, text + sizeof text, number);
    return *this << std::string_view(text, static_cast<std::size_t>(end.ptr - text));
  }
  std::size_t used() const { return used_; }

 private:
  MutableBytes out_;
  std::size_t used_ = 0;
};

// An empty value has no space before it.
void write_field(std::string_view name, std::string_view value, HeadCursor& out) {
  out << name << (value.empty() ? ":" : ": ") << value << "\r\n";
}

void write_host(const Request& request, const RequestFacts& facts, HeadCursor& out) {
  if (facts.has_host) return write_field("Host", *request.fields.find("Host"), out);
  out << "Host: ";
  // Url::authority() gives the same but allocates; this code runs for every request.
  const bool brackets = request.url.host_kind() == HostKind::ipv6;
  out << (brackets ? "[" : "") << request.url.host() << (brackets ? "]" : "");
  if (request.url.has_explicit_port()) out << ":" << std::uint64_t{request.url.port()};
  out << "\r\n";
}

// What frames a request is never taken from the fields that are meant for a proxy.
bool is_for_proxy(const Request& request, std::string_view name) {
  static constexpr std::array<std::string_view, 4> kNever = {"Host", "Content-Length", "Transfer-Encoding", "Trailer"};
  return !request.fields.contains(name) &&
         std::ranges::none_of(kNever, [&](std::string_view never) { return equals_ignoring_case(name, never); });
}

void write_forwarded(const Request& request, const http::ForwardedBy& forwarded, HeadCursor& out) {
  const bool has_authorization = !forwarded.authorization.empty();
  if (has_authorization) write_field("Proxy-Authorization", forwarded.authorization, out);
  for (const Field field : *forwarded.fields) {
    if (has_authorization && equals_ignoring_case(field.name, "Proxy-Authorization")) continue;
    if (is_for_proxy(request, field.name)) write_field(field.name, field.value, out);
  }
}

// One field for all of them (RFC 6265 5.4).
void write_cookies(const Request& request, std::string_view cookies, HeadCursor& out) {
  out << "Cookie: " << cookies;
  for (const Field field : request.fields) {
    if (equals_ignoring_case(field.name, "Cookie") && !field.value.empty()) out << "; " << field.value;
  }
  out << "\r\n";
}

// RFC 9110 8.6: with a method that normally has a body, a request without one says so.
bool announces_empty_body(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

bool has_body(const Request& request) { return !std::holds_alternative<std::monostate>(request.body); }

void write_framing(const Request& request, const RequestFacts& facts, HeadCursor& out) {
  if (facts.has_length || facts.has_encoding) return;
  if (!has_body(request)) {
    if (announces_empty_body(effective_method(request))) out << "Content-Length: 0\r\n";
  } else if (const auto length = known_length(request.body)) {
    out << "Content-Length: " << *length << "\r\n";
  } else {
    out << "Transfer-Encoding: chunked\r\n";
  }
}

bool lists(std::string_view list, std::string_view wanted) {
  while (const auto element = next_list_element(list)) {
    if (equals_ignoring_case(*element, wanted)) return true;
  }
  return false;
}

}  // namespace

RequestFacts examine(const Request& request) {
  RequestFacts facts;
  facts.is_head = effective_method(request) == "HEAD";
  for (const Field field : request.fields) {
    // The length is compared first, because most fields are none of these.
    switch (field.name.size()) {
      case 4:
        facts.has_host |= equals_ignoring_case(field.name, "Host");
        break;
      case 6:
        if (equals_ignoring_case(field.name, "Expect") && lists(field.value, "100-continue")) {
          const bool has_content = has_body(request) && known_length(request.body) != 0U;
          facts.expects_continue |= has_content;
          facts.drops_expect |= !has_content;
        }
        break;
      case 7:
        facts.asks_upgrade |= equals_ignoring_case(field.name, "Upgrade");
        break;
      case 10:
        if (equals_ignoring_case(field.name, "Connection")) facts.closes |= lists_token(field.value, "close");
        break;
      case 14:
        facts.has_length |= equals_ignoring_case(field.name, "Content-Length");
        break;
      case 17:
        facts.has_encoding |= equals_ignoring_case(field.name, "Transfer-Encoding");
        break;
      default:
        break;
    }
  }
  return facts;
}

RequestFacts examine_1_0(const Request& request) {
  RequestFacts facts = examine(request);
  facts.closes = true;
  facts.drops_expect |= std::exchange(facts.expects_continue, false);
  return facts;
}

std::size_t head_bound(const http::Exchange& exchange) {
  const Request& request = *exchange.request;
  const std::size_t target = request.target ? request.target->size() : request.url.target().size();
  const std::size_t bound = effective_method(request).size() + target + request.url.host().size() +
                            request.fields.text_bytes() + 4 * request.fields.size() + exchange.cookies.size() +
                            kFixedBytes;
  const http::ForwardedBy* const forwarded = exchange.forwarded;
  if (!forwarded) return bound;
  const Fields& fields = *forwarded->fields;
  return bound + request.url.host().size() + fields.text_bytes() + 4 * fields.size() + forwarded->authorization.size() +
         kFixedBytes;
}

std::size_t write_head(const http::Exchange& exchange, const RequestFacts& facts, MutableBytes out) {
  const Request& request = *exchange.request;
  const std::string_view cookies = exchange.cookies;
  const http::ForwardedBy* const forwarded = exchange.forwarded;
  HeadCursor cursor(out);
  cursor << effective_method(request) << " ";
  if (forwarded) {
    cursor << http::absolute_target(request);
  } else {
    cursor << (request.target ? std::string_view(*request.target) : request.url.target());
  }
  cursor << (exchange.http1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  write_host(request, facts, cursor);
  if (forwarded) write_forwarded(request, *forwarded, cursor);
  const bool has_login = forwarded && !forwarded->authorization.empty();  // that replaces the request's own
  for (const Field field : request.fields) {
    if (facts.has_host && equals_ignoring_case(field.name, "Host")) continue;
    // RFC 9110 10.1.1: a request without content must not have it.
    if (facts.drops_expect && equals_ignoring_case(field.name, "Expect") && lists(field.value, "100-continue"))
      continue;
    if (!cookies.empty() && equals_ignoring_case(field.name, "Cookie")) continue;
    if (has_login && equals_ignoring_case(field.name, "Proxy-Authorization")) continue;
    write_field(field.name, field.value, cursor);
  }
  if (!cookies.empty()) write_cookies(request, cookies, cursor);
  write_framing(request, facts, cursor);
  cursor << "\r\n";
  return cursor.used();
}

}  // namespace sluice::http1

namespace sluice {

std::string http::absolute_target(const Request& request) {
  return request.target ? *request.target : "http://" + request.url.authority() + std::string(request.url.target());
}

Result<std::string> http1_head(const Request& request) {
  return or_out_of_memory([&]() -> Result<std::string> {
    if (auto valid = validate_without_credentials(request); !valid) return std::unexpected(std::move(valid).error());
    const http::Exchange exchange{.request = &request};
    std::string head(http1::head_bound(exchange), '\0');
    const MutableBytes out(reinterpret_cast<std::uint8_t*>(head.data()), head.size());
    head.resize(http1::write_head(exchange, http1::examine(request), out));
    return head;
  });
}

}  // namespace sluice
