// See origin_talk.hpp and talk.hpp.
#include "tests/support/origin_talk.hpp"

#include <algorithm>
#include <cstdlib>

#include "tests/support/pattern.hpp"

namespace sluice::test {
namespace {

std::size_t number_at(const std::string& text, std::size_t at, int base = 10) {
  return std::strtoull(text.c_str() + at, nullptr, base);
}

std::string to_hex(std::size_t number) {
  std::string digits;
  do digits.insert(digits.begin(), "0123456789abcdef"[number % 16]);
  while ((number /= 16) != 0);
  return digits;
}

}  // namespace

OriginPath::OriginPath(std::string_view path) {
  const std::string target(path.substr(std::min<std::size_t>(path.size(), 1)));
  const std::size_t slash = target.find('/');
  const std::size_t query = target.find('?');
  size = std::min(number_at(target, 0), kMostPatternBytes);
  start = slash == std::string::npos ? 0 : std::min(number_at(target, slash + 1), kMostPatternStart);
  if (query == std::string::npos) return;
  const std::string words = "&" + target.substr(query + 1) + "&";
  const auto has = [&](const char* word) { return words.find("&" + std::string(word) + "&") != std::string::npos; };
  chunked = has("chunked");
  close = has("close");
  early = has("early");
  hold = has("hold");
  half = has("half");
  echo = has("echo");
  reset_head = has("reset_head");
  reset_body = has("reset_body");
  reset_upload = has("reset_upload");
}

void OriginTalk::receive(std::string_view bytes) {
  input_ += bytes;
  if (end_ != End::none) return;
  if (!in_request_ && !take_head()) return;
  if (body_done_) return;  // the response is being sent; bytes of the next request wait in input_
  take_body();
  if (body_done_ && !answering_) begin_answer();
}

bool OriginTalk::take_head() {
  const std::size_t end = input_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = input_.substr(0, end + 2);
  input_.erase(0, end + 4);
  in_request_ = true;
  ++requests_;
  const std::size_t path = head.find(" /") + 1;
  const std::string target = head.substr(path, head.find(' ', path) - path);
  words_ = OriginPath(target);
  const std::size_t length = head.find("\r\nContent-Length: ");
  body_left_ = length == std::string::npos ? 0 : number_at(head, length + 18);
  chunked_request_ = head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos;
  chunk_ends_ = false;
  body_done_ = !chunked_request_ && body_left_ == 0;
  body_read_ = 0;
  if (body_done_ || words_.echo) begin_answer();
  return true;
}

void OriginTalk::take_body() {
  if (chunked_request_) return take_chunks();
  const std::size_t size = std::min(body_left_, input_.size());
  take_piece(std::string_view(input_).substr(0, size));
  input_.erase(0, size);
  body_left_ -= size;
  body_done_ = body_left_ == 0;
}

// RFC 9112 7.1, without extensions and trailers, which sluice does not send.
void OriginTalk::take_chunks() {
  std::size_t at = 0;
  while (!body_done_) {
    if (body_left_ > 0) {
      const std::size_t size = std::min(body_left_, input_.size() - at);
      if (size == 0) break;
      take_piece(std::string_view(input_).substr(at, size));
      at += size;
      body_left_ -= size;
      chunk_ends_ = body_left_ == 0;
    } else if (chunk_ends_) {
      if (input_.size() - at < 2) break;
      at += 2;
      chunk_ends_ = false;
    } else {
      const std::size_t line = input_.find("\r\n", at);
      if (line == std::string::npos) break;
      body_left_ = number_at(input_, at, 16);
      if (body_left_ == 0 && input_.size() < line + 4) break;
      body_done_ = body_left_ == 0;
      at = line + (body_done_ ? 4 : 2);
    }
  }
  input_.erase(0, at);
}

void OriginTalk::take_piece(std::string_view piece) {
  body_read_ += piece.size();
  if (words_.echo) echo_ += piece;
  if (words_.reset_upload && body_read_ >= kResetUploadAt) end_ = End::reset;
}

void OriginTalk::begin_answer() {
  answering_ = true;
  body_ = words_.echo ? std::string_view() : pattern(words_.size, words_.start);
  at_ = 0;
  waiting_ = words_.hold || words_.half;
  head_ = words_.early ? "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" : "";
  head_ += "HTTP/1.1 200 OK\r\n";
  head_ +=
      words_.echo || words_.chunked ? "Transfer-Encoding: chunked" : "Content-Length: " + std::to_string(body_.size());
  head_ += "\r\n\r\n";
}

void OriginTalk::produce(std::string& out, std::size_t limit) {
  while (out.size() < limit && has_output()) {
    if (!head_.empty()) {
      if (words_.reset_head) {
        head_.resize(head_.size() / 2);
        end_ = End::reset;
      }
      out += head_;
      head_.clear();
    } else {
      produce_piece(out, limit - out.size());
    }
  }
}

void OriginTalk::produce_piece(std::string& out, std::size_t limit) {
  const bool chunked = words_.echo || words_.chunked;
  if (words_.reset_body && at_ >= body_.size() / 2) {
    end_ = End::reset;
    return;
  }
  std::string_view left = words_.echo ? std::string_view(echo_) : body_.substr(at_);
  if (left.empty()) {
    if (chunked) out += "0\r\n\r\n";
    return finish_answer();
  }
  std::size_t size = std::min(left.size(), chunked ? kPiece : limit);
  // At half of the body nothing more is produced.
  if ((waiting_ && words_.half) || words_.reset_body) size = std::min(size, body_.size() / 2 - at_);
  if (chunked) out += to_hex(size) + "\r\n";
  out += left.substr(0, size);
  if (chunked) out += "\r\n";
  if (words_.echo) {
    echo_.erase(0, size);
  } else {
    at_ += size;
  }
}

void OriginTalk::finish_answer() {
  if (words_.close) end_ = End::close;
  answering_ = in_request_ = body_done_ = false;
  receive({});  // bytes of the next request that have come already
}

}  // namespace sluice::test
