// See verbose.hpp.
#include "adapters/cli/verbose.hpp"

#include <algorithm>

#include "adapters/cli/secrets.hpp"
#include "adapters/cli/text.hpp"
#include "core/base/ascii.hpp"

namespace sluice::cli {
namespace {

std::string status_line(const ResponseHead& head) {
  std::string line = "HTTP/" + std::to_string(head.version.major) + "." + std::to_string(head.version.minor) + " " +
                     std::to_string(head.status);
  line += " ";  // also with an empty reason (RFC 9112 4)
  line += head.reason;
  return line;
}

}  // namespace

std::string head_text(const ResponseHead& head) {
  if (head.version.major == 0) return {};
  if (!head.raw().empty()) return std::string(head.raw());
  return status_line(head) + "\r\n" + fields_text(head.fields) + "\r\n";
}

std::string fields_text(const Fields& fields) {
  std::string text;
  for (const Field field : fields) text.append(field.name).append(": ").append(field.value).append("\r\n");
  return text;
}

std::string verbose_connection(const Url& url, const TransferInfo& info) {
  std::string text;
  std::string peer = one_line(info.route);
  if (info.address.ip.kind != IpAddress::Kind::none) peer = info.address.to_string();
  text += info.reused ? "* Using an open connection to " : "* Connected to ";
  text += one_line(url.host()) + " port " + std::to_string(url.port()) + (peer.empty() ? "" : " (" + peer + ")") + "\n";
  if (!info.tls_version.empty()) {
    text +=
        "* TLS: " + info.tls_version + ", " + info.tls_cipher + (info.tls_resumed ? ", resumed session" : "") + "\n";
    text += "* ALPN: " + (info.alpn.empty() ? std::string("none") : one_line(info.alpn)) + "\n";
    if (!info.tls_subject.empty()) text += "* Certificate subject: " + one_line(info.tls_subject) + "\n";
    if (!info.tls_issuer.empty()) text += "* Certificate issuer: " + one_line(info.tls_issuer) + "\n";
  }
  if (info.retries > 0)
    text += "* Sent again " + std::to_string(info.retries) + " time(s): the connection had been closed\n";
  return text;
}

std::string verbose_request(std::string_view head) {
  std::string text;
  bool first = true;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (first || colon == std::string_view::npos) {
      text += "> " + one_line(line) + "\n";
    } else {
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      text +=
          "> " + one_line(line.substr(0, colon)) + ": " + one_line(redacted_value(line.substr(0, colon), value)) + "\n";
    }
    first = false;
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 2);
  }
  return text;
}

std::string verbose_response(const ResponseHead& head) {
  const std::string whole = head_text(head);
  std::string text;
  bool is_redacted = false;  // whether a folded line continues a redacted field
  for (std::string_view rest = whole; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool continues = line.starts_with(' ') || line.starts_with('\t');
    const std::size_t colon = line.find(':');
    if (!continues)
      is_redacted = !text.empty() && colon != std::string_view::npos && is_credential(line.substr(0, colon));
    if (is_redacted && continues) {
      text += "< <redacted>\n";
    } else if (is_redacted) {
      text += "< " + one_line(line.substr(0, colon)) + ": " +
              one_line(redacted_value(line.substr(0, colon), trim_blanks(line.substr(colon + 1)))) + "\n";
    } else {
      text += line.empty() ? "<\n" : "< " + one_line(line) + "\n";
    }
  }
  return text;
}

}  // namespace sluice::cli
