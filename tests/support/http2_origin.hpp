// A server of HTTP/2 without sockets, for measures: the same answer to each request, as fields that need no table and
// DATA frames of 8 KiB, as those of nginx. Does as little as it can, so that what is counted is the client: it reads
// frame headers only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::test {

class Http2Origin {
 public:
  explicit Http2Origin(std::size_t body_bytes)
      : length_(std::to_string(body_bytes)),
        head_(h2::headers(1, {{":status", "200"},
                              {"server", "nginx/1.22.1"},
                              {"date", "Mon, 23 Nov 2026 14:00:00 GMT"},
                              {"content-type", "application/octet-stream"},
                              {"content-length", length_},
                              {"last-modified", "Mon, 23 Nov 2026 13:00:00 GMT"},
                              {"etag", "\"6922f1a0-400\""},
                              {"accept-ranges", "bytes"}})) {
    for (std::size_t left = body_bytes;; left -= kFrameBytes) {
      const bool last = left <= kFrameBytes;
      frames_.push_back(h2::data(1, std::string(last ? left : kFrameBytes, 'x'), last ? h2::kEndStream : 0));
      if (last) break;
    }
  }

  // The first request gets no answer. Only before read().
  void hold_first() { held_ = 1; }

  // Appends to `answer`.
  void read(Bytes sent, std::string& answer) {
    rest_ += as_text(sent);
    std::size_t at = 0;
    if (!begun_) {
      if (rest_.size() < kPreface) return;
      begun_ = true;
      at = kPreface;
      answer += h2::settings({{h2::kMaxStreams, 1'000}});
    }
    while (rest_.size() - at >= kHeaderBytes) {
      const std::size_t payload = number(at, 3);
      if (rest_.size() - at - kHeaderBytes < payload) break;
      const auto type = static_cast<std::uint8_t>(rest_[at + 3]), flags = static_cast<std::uint8_t>(rest_[at + 4]);
      if (type == h2::kHeaders && held_ > 0) {
        --held_;
      } else if (type == h2::kHeaders) {
        const std::string_view stream = std::string_view(rest_).substr(at + 5, 4);
        append(head_, stream, answer);
        for (const std::string& frame : frames_) append(frame, stream, answer);
      } else if (type == h2::kSettings && (flags & h2::kAck) == 0) {
        answer += h2::frame(h2::kSettings, h2::kAck, 0, {});
      }
      at += kHeaderBytes + payload;
    }
    rest_.erase(0, at);
  }

 private:
  static void append(const std::string& frame, std::string_view stream, std::string& answer) {
    answer.append(frame).replace(answer.size() - frame.size() + 5, 4, stream);
  }
  static constexpr std::size_t kPreface = 24, kHeaderBytes = 9, kFrameBytes = 8 * 1024;
  std::size_t number(std::size_t at, std::size_t bytes) const {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint8_t>(rest_[at + i]);
    return value;
  }
  const std::string length_, head_;
  std::vector<std::string> frames_;  // of the body
  std::string rest_;                 // of a frame that has not come whole
  int held_ = 0;
  bool begun_ = false;
};

}  // namespace sluice::test
