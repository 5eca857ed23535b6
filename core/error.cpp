// See error.hpp. The names of the codes, the blame of each, and the text of an error.
// Leaves to others: the content of `context`, which is only escaped here.
#include "core/error.hpp"

#include <utility>

#include "core/base/ascii.hpp"

namespace sluice {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sluice"; }
  std::string message(int value) const override {
    if (value < static_cast<int>(Code::invalid_url) || value > static_cast<int>(Code::internal)) return "unknown error";
    return std::string(to_string(static_cast<Code>(value)));
  }
};

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

void append_escaped(std::string& out, unsigned char byte) {
  out += "\\x";
  append_hex(out, static_cast<char>(byte));
}

// Control bytes can end a line or control a terminal, and the text may come from a peer. U+0080 to U+009F (in UTF-8) do
// the same, and some programs take U+2028 and U+2029 for line ends.
std::string escaped_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (is_control(byte)) {
      append_escaped(out, byte);
    } else if (byte == 0xc2 && next >= 0x80 && next <= 0x9f) {
      append_escaped(out, byte);
      append_escaped(out, static_cast<unsigned char>(next));
      ++i;
    } else if (text.substr(i, 3) == "\xe2\x80\xa8" || text.substr(i, 3) == "\xe2\x80\xa9") {
      for (std::size_t k = 0; k < 3; ++k) append_escaped(out, static_cast<unsigned char>(text[i + k]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Code code) {
  switch (code) {
    case Code::invalid_url:
      return "invalid_url";
    case Code::unsupported_scheme:
      return "unsupported_scheme";
    case Code::invalid_request:
      return "invalid_request";
    case Code::invalid_option:
      return "invalid_option";
    case Code::tls_config:
      return "tls_config";
    case Code::canceled:
      return "canceled";
    case Code::rewind_failed:
      return "rewind_failed";
    case Code::upload_failed:
      return "upload_failed";
    case Code::address_forbidden:
      return "address_forbidden";
    case Code::resolve_failed:
      return "resolve_failed";
    case Code::proxy_resolve_failed:
      return "proxy_resolve_failed";
    case Code::connect_failed:
      return "connect_failed";
    case Code::bind_failed:
      return "bind_failed";
    case Code::send_failed:
      return "send_failed";
    case Code::receive_failed:
      return "receive_failed";
    case Code::connection_closed:
      return "connection_closed";
    case Code::malformed_response:
      return "malformed_response";
    case Code::not_http:
      return "not_http";
    case Code::unsupported_coding:
      return "unsupported_coding";
    case Code::bad_coding:
      return "bad_coding";
    case Code::truncated:
      return "truncated";
    case Code::unexpected_upgrade:
      return "unexpected_upgrade";
    case Code::http2_error:
      return "http2_error";
    case Code::http2_stream:
      return "http2_stream";
    case Code::tls_handshake:
      return "tls_handshake";
    case Code::tls_certificate:
      return "tls_certificate";
    case Code::tls_pin:
      return "tls_pin";
    case Code::tls_status:
      return "tls_status";
    case Code::tls_failed:
      return "tls_failed";
    case Code::authentication_failed:
      return "authentication_failed";
    case Code::tunnel_failed:
      return "tunnel_failed";
    case Code::socks_failed:
      return "socks_failed";
    case Code::connect_timeout:
      return "connect_timeout";
    case Code::total_timeout:
      return "total_timeout";
    case Code::attempts_timeout:
      return "attempts_timeout";
    case Code::idle_timeout:
      return "idle_timeout";
    case Code::queue_timeout:
      return "queue_timeout";
    case Code::resolve_timeout:
      return "resolve_timeout";
    case Code::tls_timeout:
      return "tls_timeout";
    case Code::response_timeout:
      return "response_timeout";
    case Code::too_slow:
      return "too_slow";
    case Code::response_too_large:
      return "response_too_large";
    case Code::body_too_large:
      return "body_too_large";
    case Code::too_many_redirects:
      return "too_many_redirects";
    case Code::too_many_descriptors:
      return "too_many_descriptors";
    case Code::descriptor_too_large:
      return "descriptor_too_large";
    case Code::recursive_call:
      return "recursive_call";
    case Code::out_of_memory:
      return "out_of_memory";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

std::string_view to_string(Blame blame) {
  switch (blame) {
    case Blame::caller:
      return "caller";
    case Blame::peer:
      return "peer";
    case Blame::network:
      return "network";
    case Blame::limit:
      return "limit";
    case Blame::internal:
      return "internal";
  }
  return "unknown";
}

Blame blame_of(Code code) {
  switch (code) {
    case Code::invalid_url:
    case Code::unsupported_scheme:
    case Code::invalid_request:
    case Code::invalid_option:
    case Code::tls_config:
    case Code::canceled:
    case Code::rewind_failed:
    case Code::upload_failed:
    case Code::address_forbidden:
    case Code::recursive_call:  // the application made the call inside its own callback
      return Blame::caller;
    case Code::resolve_failed:
    case Code::proxy_resolve_failed:
    case Code::connect_failed:
    case Code::bind_failed:
    case Code::send_failed:
    case Code::receive_failed:
    case Code::connection_closed:
      return Blame::network;
    case Code::malformed_response:
    case Code::not_http:
    case Code::unsupported_coding:
    case Code::bad_coding:
    case Code::truncated:
    case Code::unexpected_upgrade:
    case Code::http2_error:
    case Code::http2_stream:
    case Code::tls_handshake:
    case Code::tls_certificate:
    case Code::tls_pin:
    case Code::tls_status:
    case Code::tls_failed:
    case Code::authentication_failed:
    case Code::tunnel_failed:
    case Code::socks_failed:
      return Blame::peer;
    case Code::connect_timeout:
    case Code::total_timeout:
    case Code::attempts_timeout:
    case Code::idle_timeout:
    case Code::queue_timeout:
    case Code::resolve_timeout:
    case Code::tls_timeout:
    case Code::response_timeout:
    case Code::too_slow:
    case Code::response_too_large:
    case Code::body_too_large:
    case Code::too_many_redirects:
    case Code::too_many_descriptors:
    case Code::descriptor_too_large:
      return Blame::limit;
    case Code::out_of_memory:
    case Code::internal:
      return Blame::internal;
  }
  return Blame::internal;
}

std::string Error::message() const {
  if (context.empty()) return std::string(to_string(code));
  return escaped_line(context);
}

Error make_error(Code code, std::string context, int detail) {
  Error error;
  error.code = code;
  error.blame = blame_of(code);
  error.detail = detail;
  error.context = std::move(context);
  return error;
}

const std::error_category& error_category() {
  static const Category category;
  return category;
}

std::error_code make_error_code(Code code) { return {static_cast<int>(code), error_category()}; }

}  // namespace sluice
