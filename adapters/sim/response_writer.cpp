// See response_writer.hpp.
#include "adapters/sim/response_writer.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"

namespace sluice::sim {
namespace {

using Framing = HttpReply::Framing;

std::string_view line_end(Oddity oddity) { return oddity == Oddity::bare_lf ? "\n" : "\r\n"; }

std::string odd_fields(Oddity oddity) {
  switch (oddity) {
    case Oddity::folds:
      return "X-Folded: one \r\n\ttwo\r\n  three\r\n";
    case Oddity::odd_fields:
      return "X(odd) name: \x01\x7f\r\n";
    case Oddity::blank_before_colon:
      return "X-Dropped : 1\r\n";
    case Oddity::none:
    case Oddity::bare_lf:
    case Oddity::mixed_line_ends:
    case Oddity::folded_framing:
    case Oddity::equal_lengths:
    case Oddity::both_lengths:
    case Oddity::empty_elements:
    case Oddity::identity:
    case Oddity::padded_chunks:
      break;
  }
  return "";
}

std::string framing_fields(const HttpReply& reply) {
  if (reply.status == 204) return "";
  const Oddity oddity = reply.oddity;
  const std::string colon = oddity == Oddity::folded_framing ? ":\r\n\t" : ": ",
                    length = std::to_string(reply.body.size());
  std::string text;
  if (oddity == Oddity::both_lengths && reply.framing == Framing::chunked) text = "Content-Length: 7\r\n";
  if (oddity == Oddity::identity && reply.framing != Framing::chunked) text = "Transfer-Encoding: identity\r\n";
  if (reply.framing == Framing::length) text += "Content-Length" + colon + length + "\r\n";
  if (reply.framing == Framing::length && oddity == Oddity::equal_lengths)
    text += "content-length: " + length + " ," + length + "\r\n";
  if (reply.framing == Framing::chunked) {
    text += "Transfer-Encoding" + colon + (oddity == Oddity::empty_elements ? ", chunked ," : "chunked") + "\r\n";
  }
  return text;
}

std::string chunk(std::string_view data, Oddity oddity) {
  std::string size;
  for (std::size_t rest = data.size(); rest > 0; rest /= 16) size.insert(size.begin(), kHexDigits[rest % 16]);
  std::string out = std::move(size);
  if (oddity == Oddity::padded_chunks) out += " \t ";
  out.append(line_end(oddity)).append(data).append(line_end(oddity));
  return out;
}

}  // namespace

std::string status_line(int status, int minor) {
  return "HTTP/1." + std::to_string(minor) + ' ' + std::to_string(status) + (status == 200 ? " OK\r\n" : " \r\n");
}

void write_fields(std::string& out, const std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
}

std::string by_line_end(std::string head, Oddity oddity) {
  if (oddity == Oddity::bare_lf) std::erase(head, '\r');
  if (oddity == Oddity::mixed_line_ends) head.erase(head.find('\r'), 1);
  return head;
}

Written write_response(const HttpReply& reply, bool no_body, bool close) {
  Written out;
  std::string& text = out.bytes;
  text = status_line(reply.status, reply.http10 ? 0 : 1);
  write_fields(text, reply.fields);
  // The default of the version is not written.
  if (close != reply.http10) text += close ? "Connection: close\r\n" : "Connection: keep-alive\r\n";
  text += odd_fields(reply.oddity) + framing_fields(reply) + "\r\n";
  text = by_line_end(std::move(text), reply.oddity);
  out.head_bytes = text.size();
  if (no_body) return out;
  if (reply.framing != Framing::chunked) {
    text += reply.body;
    return out;
  }
  const std::string_view body = reply.body;
  const std::size_t step = std::max<std::size_t>(reply.chunk_bytes, 1);
  for (std::size_t at = 0; at < body.size(); at += std::min(step, body.size() - at))
    text += chunk(body.substr(at, step), reply.oddity);
  std::string end = "0\r\n";
  write_fields(end, reply.trailers);
  end += "\r\n";
  text += reply.oddity == Oddity::bare_lf ? by_line_end(std::move(end), reply.oddity) : end;
  return out;
}

HttpReply fitting(HttpReply reply) {
  if (reply.http10) {
    if (reply.framing == Framing::chunked) reply.framing = Framing::length;
    reply.interims.clear();
  }
  return reply;
}

}  // namespace sluice::sim
