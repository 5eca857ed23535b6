// See zstd_decoder.hpp. The only file that includes libzstd's header.
#include "core/content/zstd_decoder.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_createDCtx_advanced, which takes allocation functions
#include <zstd.h>

#include <algorithm>
#include <array>

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/content/bounded_memory.hpp"

namespace sluice::content {
namespace {

// RFC 8878 3.1.1 and 3.1.2: a frame begins with these bytes; in a skippable one the first is 0x50 to 0x5f.
constexpr std::array<std::uint8_t, 4> kFrameMagic = {0x28, 0xb5, 0x2f, 0xfd};
constexpr std::array<std::uint8_t, 4> kSkippableMagic = {0x50, 0x2a, 0x4d, 0x18};
// RFC 8878 3.1.1.1: the longest header of a frame, the magic number included.
constexpr std::size_t kMaxFrameHeaderBytes = 18;

struct ZstdDeleter {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : Decoder("zstd") {}

  // False: no memory. Called once.
  bool start() {
    context_.reset(ZSTD_createDCtx_advanced({BoundedMemory::allocate_in, BoundedMemory::release_in, &memory_}));
    return context_ != nullptr &&
           ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, limits::kMaxZstdWindowLog)) == 0;
  }

 private:
  DecodeStep run(Bytes input, MutableBytes space) override;
  bool begins_frame(std::uint8_t byte);

  BoundedMemory memory_{limits::kMaxZstdBytes};
  std::unique_ptr<ZSTD_DCtx, ZstdDeleter> context_;
  std::uint64_t frame_bytes_ = 0;  // of the present frame, that were taken
  bool skippable_ = false;         // the present frame
  bool later_frame_ = false;
};

// Whether the next byte of a frame may be this one, as far as the magic number decides. libzstd would also accept the
// formats before RFC 8878, in decoders that know no limit of the window.
bool ZstdDecoder::begins_frame(std::uint8_t byte) {
  if (frame_bytes_ == 0) skippable_ = (byte & 0xf0) == kSkippableMagic[0];
  if (frame_bytes_ == 0 && skippable_) return true;
  if (frame_bytes_ >= kFrameMagic.size()) return true;
  return byte == (skippable_ ? kSkippableMagic : kFrameMagic)[static_cast<std::size_t>(frame_bytes_)];
}

DecodeStep ZstdDecoder::run(Bytes input, MutableBytes space) {
  DecodeStep step;
  for (;;) {
    Bytes rest = input.subspan(step.consumed);
    // If a call has a whole frame and space for all of it, libzstd decodes it at once, whatever its window is. The
    // result would depend on how the data is split. So the first bytes of a frame are given one by one.
    if (frame_bytes_ < kMaxFrameHeaderBytes) rest = rest.first(std::min<std::size_t>(rest.size(), 1));
    if (!rest.empty() && !begins_frame(rest.front())) {
      return fail(step, Code::bad_coding, later_frame_ ? "there is data after its end" : "it begins with no frame");
    }
    ZSTD_inBuffer in = {rest.data(), rest.size(), 0};
    const MutableBytes left = space.subspan(step.produced);
    ZSTD_outBuffer out = {left.data(), left.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    step.consumed += in.pos;
    step.produced += out.pos;
    frame_bytes_ += in.pos;
    if (ZSTD_isError(result) != 0) {
      if (memory_.refused()) return fail(step, make_error(Code::out_of_memory, {}));
      return fail(step, Code::bad_coding, ZSTD_getErrorName(result));
    }
    const bool ended = result == 0;  // the frame was decoded, and all of it was given
    if (ended) {
      frame_bytes_ = 0;
      later_frame_ = true;
    }
    if (ended && step.consumed == input.size()) {
      step.end = Decoded::finished;
      return step;
    }
    if (step.produced == space.size()) {
      step.end = Decoded::need_space;
      return step;
    }
    if (step.consumed == input.size()) return step;
  }
}

}  // namespace

bool has_zstd() { return true; }

Result<std::unique_ptr<Decoder>> make_zstd_decoder() {
  return or_out_of_memory([]() -> Result<std::unique_ptr<Decoder>> {
    auto decoder = std::make_unique<ZstdDecoder>();
    if (!decoder->start()) return std::unexpected(make_error(Code::out_of_memory, {}));
    return decoder;
  });
}

}  // namespace sluice::content
