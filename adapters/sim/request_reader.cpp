// See request_reader.hpp.
#include "adapters/sim/request_reader.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/fields.hpp"

namespace sluice::sim {
namespace {

constexpr std::size_t kMaxSizeDigits = 16;  // of a chunk size; extensions are limited with the section

bool is_token_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_token_byte); }

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }
// A byte of a field value (RFC 9110 5.5): visible, blank, or above ASCII.
bool is_value_byte(char c) { return is_visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80; }

std::string_view without_blanks(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// RFC 9112 3.2: which form of target each method may have.
bool is_target(std::string_view method, std::string_view target) {
  if (target.empty() || !std::ranges::all_of(target, is_visible) || target.contains('#')) return false;
  if (method == "CONNECT") return target.contains(':') && !target.contains('/');
  if (target == "*") return method == "OPTIONS";
  if (target.front() == '/') return true;
  return target.starts_with("http://") || target.starts_with("https://");
}

template <class Number>
bool parse(std::string_view digits, int base, Number& out) {
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  return !digits.empty() && digits.front() != '-' && end.ec == std::errc() && end.ptr == digits.data() + digits.size();
}

}  // namespace

void RequestReader::fail(int status, std::string why) {
  state_ = State::broken;
  fault_ = std::move(why);
  fault_status_ = status;
}

bool RequestReader::take_line(std::string_view& input) {
  if (std::exchange(line_done_, false)) line_.clear();
  while (!input.empty()) {
    const char c = input.front();
    const bool after_cr = !line_.empty() && line_.back() == '\r';
    if (after_cr != (c == '\n')) {
      fail(400, after_cr ? "CR without LF" : "LF without CR");
      return false;
    }
    if (++section_bytes_ > caps_.head_bytes) {
      fail(431, "head, chunk line or trailers too large");
      return false;
    }
    input.remove_prefix(1);
    if (c == '\n') {
      line_.pop_back();
      line_done_ = true;
      return true;
    }
    line_ += c;
  }
  return false;
}

bool RequestReader::take_body(std::string_view& input) {
  const std::size_t taken = std::min(body_left_, input.size());
  if (keeps_body_) request_.body.append(input.substr(0, taken));
  input.remove_prefix(taken);
  body_left_ -= taken;
  return body_left_ == 0;
}

void RequestReader::request_line() {
  const auto first = line_.find(' ');
  const auto second = first == std::string::npos ? first : line_.find(' ', first + 1);
  if (second == std::string::npos) return fail(400, "request line: not three words");
  request_.method = line_.substr(0, first);
  request_.target = line_.substr(first + 1, second - first - 1);
  const std::string_view version = std::string_view(line_).substr(second + 1);
  if (!is_token(request_.method)) return fail(400, "method: no token");
  if (!is_target(request_.method, request_.target)) return fail(400, "target: not of a form for this method");
  if (version != "HTTP/1.1") return fail(505, "version: not HTTP/1.1");
  state_ = State::fields;
}

void RequestReader::field_line(bool trailer) {
  const auto colon = line_.find(':');
  if (colon == std::string::npos || !is_token(std::string_view(line_).substr(0, colon)))
    return fail(400, "field: no name");
  const std::string_view value = without_blanks(std::string_view(line_).substr(colon + 1));
  if (!std::ranges::all_of(value, is_value_byte)) return fail(400, "field: a control byte in its value");
  std::string name = to_lower(std::string_view(line_).substr(0, colon));
  if (trailer) {
    // RFC 9110 6.5.1: fields for framing, routing or control of a message are not allowed in trailers.
    if (name == "content-length" || name == "transfer-encoding" || name == "host" || name == "trailer" ||
        name == "expect")
      return fail(400, "trailer: " + name);
    if (++trailer_count_ > caps_.fields) return fail(431, "too many trailers");
    request_.trailers.emplace_back(std::move(name), value);
    return;
  }
  if (request_.fields.size() == caps_.fields) return fail(431, "too many fields");
  request_.fields.emplace_back(std::move(name), value);
}

// RFC 9112 6: the length of the body must be given once, in one way.
void RequestReader::framing() {
  const std::string* length = nullptr;
  const std::string* encoding = nullptr;
  std::size_t hosts = 0;
  for (const auto& [name, value] : request_.fields) {
    if (name == "host") ++hosts;
    if (name != "content-length" && name != "transfer-encoding") continue;
    const std::string*& slot = name == "content-length" ? length : encoding;
    if (slot != nullptr) return fail(400, name + " twice");
    slot = &value;
  }
  if (hosts != 1) return fail(400, hosts == 0 ? "no Host" : "Host twice");
  if (length != nullptr && encoding != nullptr) return fail(400, "Content-Length beside Transfer-Encoding");
  if (encoding != nullptr) {
    if (!equals_ignoring_case(*encoding, "chunked")) return fail(501, "Transfer-Encoding: not chunked alone");
    chunked_ = true;
  }
  if (length != nullptr) {
    if (!parse(*length, 10, body_left_)) return fail(400, "Content-Length: no number");
    if (body_left_ > caps_.body_bytes) return fail(413, "body too large");
  }
}

void RequestReader::end_of_head() {
  framing();
  if (state_ == State::broken) return;
  section_bytes_ = 0;
  state_ = chunked_ ? State::chunk_size : State::body;
}

void RequestReader::chunk_size_line() {
  const std::string_view line = line_;
  const std::string_view digits = without_blanks(line.substr(0, line.find(';')));
  if (digits.size() > kMaxSizeDigits || !parse(digits, 16, body_left_) || digits.data() != line.data())
    return fail(400, "chunk: no size");
  if (digits.size() < line.size() && !line.contains(';')) return fail(400, "chunk: blanks behind its size");
  if (!std::ranges::all_of(line, is_value_byte)) return fail(400, "chunk: a control byte in its extension");
  if (body_left_ > caps_.body_bytes - body_bytes_) return fail(413, "body too large");
  body_bytes_ += body_left_;
  section_bytes_ = 0;
  state_ = body_left_ == 0 ? State::trailers : State::chunk_data;
}

RequestReader::Step RequestReader::read(std::string_view& input) {
  for (;;) {
    switch (state_) {
      case State::request_line:
        if (between_requests()) request_ = {}, keeps_body_ = true;
        if (!take_line(input)) break;
        request_line();
        continue;
      case State::fields:
        if (!take_line(input)) break;
        if (!line_.empty()) {
          field_line(false);
          continue;
        }
        end_of_head();
        if (state_ == State::broken) continue;
        return Step::head;
      case State::body:
        if (!take_body(input)) return Step::need_more;
        state_ = State::ended;
        continue;
      case State::chunk_size:
        if (!take_line(input)) break;
        chunk_size_line();
        continue;
      case State::chunk_data:
        if (!take_body(input)) return Step::need_more;
        state_ = State::chunk_end;
        continue;
      case State::chunk_end:
        if (!take_line(input)) break;
        if (!line_.empty()) {
          fail(400, "chunk: longer than its size");
          continue;
        }
        section_bytes_ = 0;
        state_ = State::chunk_size;
        continue;
      case State::trailers:
        if (!take_line(input)) break;
        if (!line_.empty()) {
          field_line(true);
          continue;
        }
        state_ = State::ended;
        continue;
      case State::ended:
        state_ = State::request_line;
        line_.clear();
        line_done_ = chunked_ = false;
        section_bytes_ = trailer_count_ = body_bytes_ = 0;
        return Step::complete;
      case State::broken:
        return Step::bad;
    }
    if (state_ != State::broken) return Step::need_more;  // an incomplete line
  }
}

}  // namespace sluice::sim
