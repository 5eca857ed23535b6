// Frames of HTTP/2 for tests: written byte by byte, with fields as HPACK literals that need no table, so that anything
// can be said; and what a client has sent, taken apart.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test::h2 {

enum Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kReset = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
enum Flag : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };
enum Setting : std::uint16_t { kEnablePush = 2, kMaxStreams = 3, kInitialWindow = 4 };

using FieldList = std::vector<std::pair<std::string_view, std::string_view>>;

// The lower `bytes` bytes, in the order of the network.
inline std::string number(std::uint32_t value, int bytes) {
  std::string out;
  for (int at = bytes - 1; at >= 0; --at) out += static_cast<char>(value >> (8 * at) & 0xff);
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  return number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         number(stream, 4) + std::string(payload);
}

// RFC 7541 5.1 with a prefix of 7 bits, and 6.2.2.
inline std::string hpack_string(std::string_view text) {
  std::string out;
  if (text.size() < 127) return out += static_cast<char>(text.size()), out += text;
  out += '\x7f';
  std::size_t rest = text.size() - 127;
  for (; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
  return out += static_cast<char>(rest), out += text;
}
inline std::string block(const FieldList& fields) {
  std::string out;
  for (const auto& [name, value] : fields) (out += '\0') += hpack_string(name) + hpack_string(value);
  return out;
}

inline std::string headers(std::uint32_t stream, const FieldList& fields, std::uint8_t flags = 0) {
  return frame(kHeaders, flags | kEndHeaders, stream, block(fields));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, std::uint8_t flags = 0) {
  return frame(kData, flags, stream, bytes);
}
inline std::string settings(std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> values = {}) {
  std::string payload;
  for (const auto& [id, value] : values) payload += number(id, 2) + number(value, 4);
  return frame(kSettings, 0, 0, payload);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code) { return frame(kReset, 0, stream, number(code, 4)); }
inline std::string goaway(std::uint32_t last, std::uint32_t code, std::string_view why = {}) {
  return frame(kGoaway, 0, 0, number(last, 4) + number(code, 4) + std::string(why));
}
inline std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return frame(kWindowUpdate, 0, stream, number(bytes, 4));
}
inline std::string ping(std::string_view eight = "12345678", std::uint8_t flags = 0) {
  return frame(kPing, flags, 0, eight);
}

// A frame of the client.
struct Frame {
  std::uint8_t type = 0, flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
  std::string fields;  // of HEADERS: a line "name: value\n" for each

  std::uint32_t number_at(std::size_t at) const;  // four bytes of the payload
};

// Takes apart what a client sends, the connection preface first.
class ClientReader {
 public:
  ClientReader();
  ~ClientReader();
  void read(std::string_view bytes);
  // The frames since the last call.
  std::vector<Frame> take() { return std::exchange(frames_, {}); }
  bool is_broken() const { return broken_; }

 private:
  std::string decode(std::string_view block);
  std::string rest_;
  std::vector<Frame> frames_;
  bool begun_ = false, broken_ = false;
  struct Inflater;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace sluice::test::h2
