// See http2_frames.hpp. HPACK is undone by the library.
#include "tests/support/http2_frames.hpp"

#include <nghttp2/nghttp2.h>

namespace sluice::test::h2 {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kHeaderBytes = 9;

std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::uint32_t Frame::number_at(std::size_t at) const { return number_of(std::string_view(payload).substr(at, 4)); }

struct ClientReader::Inflater {
  Inflater() { nghttp2_hd_inflate_new(&made); }
  ~Inflater() { nghttp2_hd_inflate_del(made); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  nghttp2_hd_inflater* made = nullptr;
};

ClientReader::ClientReader() : inflater_(std::make_unique<Inflater>()) {}
ClientReader::~ClientReader() = default;

std::string ClientReader::decode(std::string_view block) {
  std::string lines;
  std::string copy(block);
  auto* at = reinterpret_cast<std::uint8_t*>(copy.data());
  std::size_t left = copy.size();
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t taken = nghttp2_hd_inflate_hd2(inflater_->made, &field, &flags, at, left, 1);
    if (taken < 0) return broken_ = true, lines;
    at += taken;
    left -= static_cast<std::size_t>(taken);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      lines.append(reinterpret_cast<const char*>(field.name), field.namelen).append(": ");
      lines.append(reinterpret_cast<const char*>(field.value), field.valuelen).append("\n");
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_->made);
  return lines;
}

void ClientReader::read(std::string_view bytes) {
  rest_ += bytes;
  if (!begun_) {
    if (rest_.size() < kPreface.size()) return;
    broken_ = !rest_.starts_with(kPreface);
    begun_ = true;
    rest_.erase(0, kPreface.size());
  }
  while (rest_.size() >= kHeaderBytes) {
    const std::string_view all = rest_;
    const std::size_t size = number_of(all.substr(0, 3));
    if (all.size() < kHeaderBytes + size) return;
    Frame frame{.type = static_cast<std::uint8_t>(all[3]),
                .flags = static_cast<std::uint8_t>(all[4]),
                .stream = number_of(all.substr(5, 4)),
                .payload = std::string(all.substr(kHeaderBytes, size)),
                .fields = {}};
    if (frame.type == kHeaders) {
      broken_ |= (frame.flags & kEndHeaders) == 0;  // no test sends so much that it needs CONTINUATION
      frame.fields = decode(frame.payload);
    }
    frames_.push_back(std::move(frame));
    rest_.erase(0, kHeaderBytes + size);
  }
}

}  // namespace sluice::test::h2
