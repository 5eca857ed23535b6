// See verbose.hpp.
#include "adapters/cli/verbose.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/redaction.hpp"
#include "core/trace.hpp"

namespace sluice::cli {
namespace {

// Each line with the mark before it, and without what a terminal would act on.
std::string marked_lines(char mark, std::string_view head) {
  std::string text;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end);
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    text += mark;
    text += ' ' + one_line(line) + '\n';  // an empty line too, as in curl
  }
  return text;
}

std::string status_line(const ResponseHead& head) {
  std::string line = "HTTP/" + version_number(head.version) + " " + std::to_string(head.status);
  line += " ";  // also with an empty reason (RFC 9112 4)
  line += head.reason;
  return line;
}

}  // namespace

std::string version_number(HttpVersion version) {
  const std::string major = std::to_string(version.major);
  return version.major >= 2 ? major : major + "." + std::to_string(version.minor);
}

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
  return prefix_lines("* ", connection_lines(url, info));
}

std::string verbose_request(std::string_view head) { return marked_lines('>', redacted_head(head)); }

std::string verbose_connect(const output::ConnectHead& head) {
  const std::string line = prefix_lines("* ", tunnel_line(head));
  return head.received ? marked_lines('<', redacted_head(head.head)) + line : line + verbose_request(head.head);
}

std::string verbose_response(const ResponseHead& head) { return marked_lines('<', redacted_head(head_text(head))); }

}  // namespace sluice::cli
