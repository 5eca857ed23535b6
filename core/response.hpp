// What a server answered: status, version, reason and fields. Bodies are handed out by the engine, not kept here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fields.hpp"

namespace sluice {

struct HttpVersion {
  std::uint8_t major = 1;
  std::uint8_t minor = 1;
  friend bool operator==(const HttpVersion&, const HttpVersion&) = default;
};

struct ResponseHead {
  // 100..999, those from 600 on like a 5xx (RFC 9110 15); 0 before a response has come, and for HTTP/0.9.
  int status = 0;
  HttpVersion version = {};
  std::string reason = {};  // may be empty; never holds control bytes
  Fields fields = {};

  // The head as it came, byte for byte, with the empty line that ends it. Empty unless TransferOptions::keep_raw_head
  // asked for it.
  std::string_view raw() const { return raw_; }
  void append_raw(std::string_view bytes) { raw_ += bytes; }

  // Keeps the memory for the next response.
  void clear() {
    status = 0;
    version = {};
    reason.clear();
    fields.clear();
    raw_.clear();
  }

 private:
  std::string raw_;
};

}  // namespace sluice
