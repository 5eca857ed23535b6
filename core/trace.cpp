// See trace.hpp.
#include "core/trace.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/http_date.hpp"
#include "core/redaction.hpp"

namespace sluice {
namespace {

constexpr std::string_view kTraceLineEnd = "\r\n";

std::string trace_number(std::size_t number) {
  std::string digits;
  do {
    digits += kHexDigits[number % 16];
    number /= 16;
  } while (number != 0);
  std::ranges::reverse(digits);
  return digits;
}

void append_trace_text(std::string& out, std::string_view bytes) {
  for (const char c : bytes) out += c >= 0x20 && c < 0x7f ? c : '.';
}

std::string trace_dump(std::string_view prefix, std::string_view title, std::string_view bytes, TraceForm form) {
  const bool is_ascii = form == TraceForm::ascii;
  const std::size_t width = is_ascii ? 64 : 16;
  std::string out(prefix);
  out += title;
  out += ", " + std::to_string(bytes.size()) + " bytes (0x" + trace_number(bytes.size()) + ")\n";
  for (std::size_t at = 0; at < bytes.size();) {
    std::string_view line = bytes.substr(at, width);
    if (is_ascii) line = line.substr(0, bytes.substr(at, width + 1).find(kTraceLineEnd));
    const std::string offset = trace_number(at);
    out.append(offset.size() < 4 ? 4 - offset.size() : 0, '0');
    out += offset + ": ";
    at += line.size();
    if (is_ascii && bytes.substr(at).starts_with(kTraceLineEnd)) at += kTraceLineEnd.size();
    for (std::size_t i = 0; !is_ascii && i < width; ++i) {
      if (i < line.size()) append_hex(out, line[i]);
      out.append(i < line.size() ? 1 : 3, ' ');
    }
    append_trace_text(out, line);
    out += '\n';
  }
  return out;
}

std::string_view title_of(TracePart part) {
  switch (part) {
    case TracePart::info:
      return "== Info: ";
    case TracePart::head_sent:
      return "=> Send header";
    case TracePart::body_sent:
      return "=> Send data";
    case TracePart::head_received:
      return "<= Recv header";
    case TracePart::body_received:
      return "<= Recv data";
  }
  return {};
}

// The bytes up to the next LF, with it, taken from the front of the text.
std::string_view take_trace_line(std::string_view& text) {
  const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
  text.remove_prefix(line.size());
  return line;
}

// Most lines are as curl has them, for those who look for them.
std::string security_lines(const StreamSecurity& tls, bool of_proxy) {
  if (tls.version.empty()) return {};
  std::string text = (of_proxy ? "Proxy TLS: " : "TLS: ") + tls.version + ", " + tls.cipher;
  if (!tls.group.empty()) text += ", " + tls.group;
  text += tls.resumed ? ", resumed session\n" : "\n";
  const std::string accepted = of_proxy ? "proxy accepted " : "server accepted ";
  text += "ALPN: " + (tls.alpn.empty() ? std::string("none") : accepted + one_line(tls.alpn)) + "\n";
  if (tls.subject.empty() && tls.issuer.empty()) return text;
  text += of_proxy ? "Proxy certificate:\n" : "Server certificate:\n";
  if (!tls.subject.empty()) text += " subject: " + one_line(tls.subject) + "\n";
  if (tls.not_before != 0) text += " start date: " + format_http_date(tls.not_before) + "\n";
  if (tls.not_after != 0) text += " expire date: " + format_http_date(tls.not_after) + "\n";
  if (!tls.issuer.empty()) text += " issuer: " + one_line(tls.issuer) + "\n";
  text += tls.verified ? " SSL certificate verify ok.\n" : " SSL certificate is not verified.\n";
  return text;
}

std::string security_lines(const TransferInfo& info) {
  return security_lines({.version = info.tls_version,
                         .cipher = info.tls_cipher,
                         .group = info.tls_group,
                         .alpn = info.alpn,
                         .resumed = info.tls_resumed,
                         .subject = info.tls_subject,
                         .issuer = info.tls_issuer,
                         .not_before = info.tls_not_before,
                         .not_after = info.tls_not_after,
                         .verified = info.tls_verified},
                        false);
}

}  // namespace

std::string trace_text(TracePart part, std::string_view bytes, TraceForm form, std::string_view prefix) {
  if (part != TracePart::info) return trace_dump(prefix, title_of(part), bytes, form);
  return prefix_lines(std::string(prefix).append(title_of(part)), bytes);
}

std::string prefix_lines(std::string_view prefix, std::string_view text) {
  std::string out;
  while (!text.empty()) out.append(prefix).append(take_trace_line(text));
  return out;
}

std::string connection_lines(const Url& url, const TransferInfo& info) {
  std::string peer = one_line(info.route);
  if (info.address.ip.kind != IpAddress::Kind::none) peer = info.address.to_string();
  if (!peer.empty()) peer = " (" + peer + ")";
  const std::string host = one_line(url.host()) + " port " + std::to_string(url.port());
  const std::string proxy = one_line(info.proxy);
  std::string text;
  if (info.reused) {
    text = "Re-using existing connection with " + (proxy.empty() ? "host " + host : "proxy " + proxy) + peer + "\n";
  } else {
    text = "Connected to " + host + peer + "\n";
    if (!proxy.empty()) {
      text += "Through the proxy " + proxy;
      if (info.connect_status != 0) text += ", which answered CONNECT with " + std::to_string(info.connect_status);
      text += "\n";
    }
    for (const StreamSecurity& tls : info.proxy_tls) text += security_lines(tls, true);
    text += security_lines(info);
  }
  if (info.stream_id != 0) text += "using HTTP/2, stream " + std::to_string(info.stream_id) + "\n";
  if (info.retries > 0) text += "Sent again " + std::to_string(info.retries) + " time(s) on another connection\n";
  return text;
}

std::string tunnel_line(const output::ConnectHead& head) {
  std::string_view line = std::string_view(head.head).substr(0, head.head.find('\r'));
  line = line.substr(std::min(line.size(), line.find(' ')));
  line = trim_blanks(line);
  const std::string_view word = line.substr(0, line.find(' '));
  if (!head.received) return "Establish HTTP proxy tunnel to " + one_line(word) + "\n";
  if (word.size() != 3 || word.front() != '2') return {};
  return "CONNECT tunnel established, response " + one_line(word) + "\n";
}

void TransferTrace::begin_request(TransferId transfer, const Request& request, const TransferInfo& info,
                                  std::string_view head) {
  transfer_ = transfer;
  conn_ = info.conn;
  const auto* owned = std::get_if<BodyOwned>(&request.body);
  const auto* viewed = std::get_if<BodyView>(&request.body);
  owns_body_ = owned != nullptr;
  if (owned) owned_body_ = owned->bytes;
  viewed_body_ = viewed ? as_text(viewed->bytes) : std::string_view();
  told_of_body_ = 0;
  tell_lines(TracePart::info, connection_lines(request.url, info));
  tell(TracePart::head_sent, shown(head));
}

void TransferTrace::end_hop(const output::HopDone& hop) {
  transfer_ = hop.transfer;
  tell(TracePart::body_received, hop.body);
  if (hop.failure) tell_failure(*hop.failure);
  ++hop_;
  conn_ = {};
}

void TransferTrace::tell(TracePart part, std::string_view bytes) {
  if (!bytes.empty()) sink_({.transfer = transfer_, .conn = conn_, .part = part, .bytes = bytes});
}

// As in curl, each line of a head is told of on its own.
void TransferTrace::tell_lines(TracePart part, std::string_view lines) {
  while (!lines.empty()) tell(part, take_trace_line(lines));
}

void TransferTrace::tell_head(std::string_view head) { tell_lines(TracePart::head_received, shown(head)); }

void TransferTrace::tell_connect(const output::ConnectHead& head) {
  transfer_ = head.transfer;
  conn_ = head.conn;
  if (head.received) return tell_head(head.head), tell(TracePart::info, tunnel_line(head));
  tell(TracePart::info, tunnel_line(head));
  tell(TracePart::head_sent, shown(head.head));
}

void TransferTrace::tell_failure(const Error& error) { tell(TracePart::info, error.message() + "\n"); }

void TransferTrace::tell_trailers(const Fields& trailers) {
  std::string lines(kTraceLineEnd);  // a first line, as a head has
  for (const Field field : trailers) lines.append(field.name).append(": ").append(field.value).append(kTraceLineEnd);
  const std::string text = shown(lines);
  tell_lines(TracePart::head_received, std::string_view(text).substr(kTraceLineEnd.size()));
}

void TransferTrace::tell_sent(const std::vector<Hop>& hops) {
  if (hop_ >= hops.size()) return;
  const std::uint64_t sent = std::min<std::uint64_t>(hops[hop_].progress.sent_body_bytes, body().size());
  if (sent <= told_of_body_) return;
  const std::string_view piece = body().substr(told_of_body_, static_cast<std::size_t>(sent) - told_of_body_);
  told_of_body_ = static_cast<std::size_t>(sent);
  tell(TracePart::body_sent, piece);
}

std::string TransferTrace::shown(std::string_view head) const {
  return shows_secrets_ ? std::string(head) : redacted_head(head);
}

}  // namespace sluice
