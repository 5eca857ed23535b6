// See responder.hpp.
#include "adapters/cli/demo/responder.hpp"

#include <algorithm>
#include <charconv>

#include "core/fields.hpp"

namespace sluice::demo {
namespace {

constexpr std::size_t kMaxRequestBytes = 16 * 1024;
constexpr std::string_view kPrefix = "/files/";

void append(std::vector<std::uint8_t>& out, std::string_view text) {
  const Bytes bytes = as_bytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::string chunk_line(std::size_t size) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof(digits), size, 16).ptr;
  return std::string(digits, end) + "\r\n";
}

// The value of a field in a raw head, or nullopt. Sufficient for requests from sluice.
std::optional<std::string_view> find_field(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      while (value.ends_with(' ')) value.remove_suffix(1);
      return value;
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 2);
  }
  return std::nullopt;
}

}  // namespace

void Responder::receive(Bytes bytes) {
  if (closing_) return;
  input_.append(as_text(bytes));
  if (!has_output()) take_request();
  if (input_.size() > kMaxRequestBytes) {
    input_.clear();
    closing_ = true;
  }
}

void Responder::take_request() {
  const std::size_t end = input_.find("\r\n\r\n");
  if (end == std::string::npos || closing_) return;
  const std::string head = input_.substr(0, end);
  input_.erase(0, end + 4);
  ++requests_;

  const std::string_view line = std::string_view(head).substr(0, head.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first || line.substr(last + 1) != "HTTP/1.1") {
    return answer_error("400 Bad Request", true, true);
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const bool is_head = method == "HEAD";
  if (!is_head && method != "GET") return answer_error("405 Method Not Allowed", true, true);
  if (find_field(head, "content-length") || find_field(head, "transfer-encoding")) {
    return answer_error("400 Bad Request", !is_head, true);  // this server does not read bodies
  }
  if (const auto connection = find_field(head, "connection");
      connection && equals_ignoring_case(*connection, "close")) {
    closing_ = true;
  }
  if (target.starts_with(kPrefix)) {
    const std::string_view name = target.substr(kPrefix.size());
    const auto file = std::ranges::find(*files_, name, &File::name);
    if (file != files_->end()) return answer_file(*file, !is_head);
  }
  answer_error("404 Not Found", !is_head, false);
}

void Responder::answer_file(const File& file, bool with_body) {
  head_ = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
  head_ += file.chunked ? std::string("Transfer-Encoding: chunked\r\n")
                        : "Content-Length: " + std::to_string(file.size) + "\r\n";
  if (closing_) head_ += "Connection: close\r\n";
  head_ += "\r\n";
  if (with_body && (file.size > 0 || file.chunked)) body_ = Body{Content(file.name, file.size), 0, file.chunked};
}

void Responder::answer_error(std::string_view status, bool with_body, bool close) {
  closing_ = closing_ || close;
  const std::string body = std::string(status) + "\n";
  head_ = "HTTP/1.1 " + std::string(status) +
          "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
          (closing_ ? "Connection: close\r\n" : "") + "\r\n";
  if (with_body) head_ += body;
}

void Responder::produce(std::vector<std::uint8_t>& out, std::size_t limit) {
  const std::size_t stop = out.size() + limit;
  while (out.size() < stop && has_output()) {
    append(out, head_);
    head_.clear();
    if (body_ && out.size() < stop) {
      const std::size_t want =
          static_cast<std::size_t>(std::min<std::uint64_t>(stop - out.size(), body_->content.size() - body_->offset));
      if (body_->chunked && want > 0) append(out, chunk_line(want));
      const std::size_t at = out.size();
      out.resize(at + want);
      body_->content.read(body_->offset, MutableBytes(out).subspan(at));
      body_->offset += want;
      if (body_->chunked && want > 0) append(out, "\r\n");
      if (body_->offset == body_->content.size()) {
        if (body_->chunked) append(out, "0\r\n\r\n");
        body_.reset();
      }
    }
    if (!has_output()) take_request();
  }
}

}  // namespace sluice::demo
