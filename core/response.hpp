// The head of a response: status, version, reason and fields. Leaves the body to the engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fields.hpp"

namespace sluice {

// {1, 1} is HTTP/1.1, {0, 9} a response without a head.
struct HttpVersion {
  std::uint8_t major = 1;
  std::uint8_t minor = 1;
  friend bool operator==(const HttpVersion&, const HttpVersion&) = default;
};

// Owns its text.
struct ResponseHead {
  // 100 to 999; from 600 on it is to be treated as a 5xx (RFC 9110 15). 0: no response yet, or HTTP/0.9.
  int status = 0;
  HttpVersion version = {};
  std::string reason = {};  // may be empty; holds no control byte other than HTAB
  Fields fields = {};

  // The bytes of the head as received, with the empty line at its end. Empty unless TransferOptions::keep_raw_head or
  // report_heads is set. A view into this object.
  std::string_view raw() const { return raw_; }
  void append_raw(std::string_view bytes) { raw_ += bytes; }

  // Empties the head and keeps the memory for the next one.
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
