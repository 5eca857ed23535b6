// What a server answered: status, version, reason and fields. Bodies are handed out by the engine, not kept here.
#pragma once

#include <cstdint>
#include <string>

#include "core/fields.hpp"

namespace sluice {

struct HttpVersion {
  std::uint8_t major = 1;
  std::uint8_t minor = 1;
  friend bool operator==(const HttpVersion&, const HttpVersion&) = default;
};

struct ResponseHead {
  int status = 0;  // 100..599; 0 before a response has come
  HttpVersion version;
  std::string reason;  // may be empty; never holds control bytes
  Fields fields;

  // Keeps the memory for the next response.
  void clear() {
    status = 0;
    version = {};
    reason.clear();
    fields.clear();
  }
};

}  // namespace sluice
