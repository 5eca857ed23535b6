// A BIO that reads from bytes in memory and appends to a buffer, which are there during one call only. Leaves TLS to
// its user.
#pragma once

#include <openssl/bio.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/tls/record_watch.hpp"
#include "core/types.hpp"

namespace sluice::tls {

class SpanBio {
 public:
  SpanBio() = default;
  SpanBio(const SpanBio&) = delete;
  SpanBio& operator=(const SpanBio&) = delete;

  // A new BIO that is connected to this object; the object must outlive it. Null: out of memory.
  BIO* make();
  // From here on it uses these, until end(). What is read is taken from the front of `in`; null: there is nothing.
  void begin(Bytes* in, std::vector<std::uint8_t>* out) {
    in_ = in;
    out_ = out;
  }
  void end() { in_ = nullptr, out_ = nullptr; }

  const RecordWatch& records() const { return records_; }      // of all that was read
  bool is_out_of_memory() const { return is_out_of_memory_; }  // what was to be written is lost

  int take(std::span<char> out);
  int put(std::span<const char> bytes);

 private:
  Bytes* in_ = nullptr;
  std::vector<std::uint8_t>* out_ = nullptr;
  RecordWatch records_;
  bool is_out_of_memory_ = false;
};

}  // namespace sluice::tls
