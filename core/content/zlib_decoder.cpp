// See zlib_decoder.hpp. The only file that includes zlib's header. zlib checks the format; what follows the end of a
// member or stream, and which of the two formats of deflate is there, is decided here.
#include "core/content/zlib_decoder.hpp"

#define ZLIB_CONST  // zlib does not change its input
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/content/bounded_memory.hpp"

namespace sluice::content {
namespace {

constexpr int kWindowBits = 15;  // the greatest window of both formats
constexpr int kGzip = 16;        // added to the window's bits: zlib reads gzip's header and trailer

// RFC 1950 2.2: the method is 8, the window is 32 KiB at most, and the two bytes are a multiple of 31. A bare stream
// that begins like this would have a block without compression after unused bits that are not zero.
bool is_zlib_header(std::uint8_t method, std::uint8_t flags) {
  return (method & 0x0f) == 8 && (method >> 4) <= 7 && (method * 256 + flags) % 31 == 0;
}

// What zlib can be told of in one call.
template <class Span>
Span for_one_call(Span bytes) {
  return bytes.first(std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max()));
}

class ZlibDecoder final : public Decoder {
 public:
  enum class Format : std::uint8_t { gzip, deflate };
  explicit ZlibDecoder(Format format) : Decoder(format == Format::gzip ? "gzip" : "deflate"), format_(format) {}
  ~ZlibDecoder() override { inflateEnd(&stream_); }

  // False: no memory. Called once.
  bool start() {
    stream_.zalloc = BoundedMemory::allocate_array_in;
    stream_.zfree = BoundedMemory::release_in;
    stream_.opaque = &memory_;
    return inflateInit2(&stream_, format_ == Format::gzip ? kWindowBits + kGzip : kWindowBits) == Z_OK;
  }

 private:
  DecodeStep run(Bytes input, MutableBytes space) override;
  bool choose_format(Bytes input, DecodeStep& step);
  bool may_go_on();
  int inflate_some(Bytes input, MutableBytes space, DecodeStep& step);
  DecodeStep fail_by(int result, DecodeStep step);

  BoundedMemory memory_{limits::kMaxZlibBytes};
  z_stream stream_ = {};
  Format format_;
  bool ended_ = false;  // a member or stream is complete, and nothing came after it
  bool later_member_ = false;
  // Of deflate: the first bytes, until there are two, and what of them zlib has not had.
  std::array<std::uint8_t, 2> head_ = {};
  std::size_t head_bytes_ = 0;
  Bytes head_left_;
};

DecodeStep ZlibDecoder::run(Bytes input, MutableBytes space) {
  DecodeStep step;
  if (format_ == Format::deflate && !choose_format(input, step)) return step;
  for (;;) {
    const bool taken = head_left_.empty() && step.consumed == input.size();
    if (ended_ && taken) {
      step.end = Decoded::finished;
      return step;
    }
    if (ended_ && !may_go_on()) return fail(step, Code::bad_coding, "there is data after its end");
    const int result = inflate_some(input, space, step);
    // Z_BUF_ERROR: nothing could be done, for want of input or space.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return fail_by(result, step);
    ended_ = result == Z_STREAM_END;
    if (ended_) continue;
    if (step.produced == space.size()) {
      step.end = Decoded::need_space;
      return step;
    }
    if (head_left_.empty() && step.consumed == input.size()) return step;
  }
}

// False: the format is not known yet, and all input was taken.
bool ZlibDecoder::choose_format(Bytes input, DecodeStep& step) {
  if (head_bytes_ == head_.size()) return true;
  while (head_bytes_ < head_.size()) {
    if (step.consumed == input.size()) return false;
    head_[head_bytes_++] = input[step.consumed++];
  }
  head_left_ = head_;
  const int bits = is_zlib_header(head_[0], head_[1]) ? kWindowBits : -kWindowBits;
  SLUICE_CHECK(inflateReset2(&stream_, bits) == Z_OK);
  return true;
}

// Another gzip member may follow the one that ended.
bool ZlibDecoder::may_go_on() {
  if (format_ != Format::gzip) return false;
  SLUICE_CHECK(inflateReset(&stream_) == Z_OK);
  return later_member_ = true;
}

int ZlibDecoder::inflate_some(Bytes input, MutableBytes space, DecodeStep& step) {
  const bool from_head = !head_left_.empty();
  const Bytes in = for_one_call(from_head ? head_left_ : input.subspan(step.consumed));
  const MutableBytes out = for_one_call(space.subspan(step.produced));
  stream_.next_in = in.data();
  stream_.avail_in = static_cast<uInt>(in.size());
  stream_.next_out = out.data();
  stream_.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream_, Z_NO_FLUSH);
  const std::size_t taken = in.size() - stream_.avail_in;
  if (from_head) {
    head_left_ = head_left_.subspan(taken);
  } else {
    step.consumed += taken;
  }
  step.produced += out.size() - stream_.avail_out;
  return result;
}

DecodeStep ZlibDecoder::fail_by(int result, DecodeStep step) {
  if (memory_.refused()) return fail(step, make_error(Code::out_of_memory, {}));
  if (result == Z_NEED_DICT) return fail(step, Code::bad_coding, "it needs a dictionary");  // RFC 1950 2.3
  const std::string_view what = stream_.msg != nullptr ? stream_.msg : "invalid data";
  if (later_member_ && what == "incorrect header check") {
    return fail(step, Code::bad_coding, "there is data after its end that is no gzip member");
  }
  return fail(step, Code::bad_coding, what);
}

Result<std::unique_ptr<Decoder>> make_zlib_decoder(ZlibDecoder::Format format) {
  return or_out_of_memory([&]() -> Result<std::unique_ptr<Decoder>> {
    auto decoder = std::make_unique<ZlibDecoder>(format);
    if (!decoder->start()) return std::unexpected(make_error(Code::out_of_memory, {}));
    return decoder;
  });
}

}  // namespace

bool has_zlib() { return true; }

Result<std::unique_ptr<Decoder>> make_gzip_decoder() { return make_zlib_decoder(ZlibDecoder::Format::gzip); }
Result<std::unique_ptr<Decoder>> make_deflate_decoder() { return make_zlib_decoder(ZlibDecoder::Format::deflate); }

}  // namespace sluice::content
