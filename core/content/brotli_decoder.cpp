// See brotli_decoder.hpp. The only file that includes libbrotlidec's header.
#include "core/content/brotli_decoder.hpp"

#include <brotli/decode.h>

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/content/bounded_memory.hpp"

namespace sluice::content {
namespace {

struct BrotliDeleter {
  void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
};

class BrotliDecoder final : public Decoder {
 public:
  BrotliDecoder() : Decoder("br") {}

  // False: no memory. Called once.
  bool start() {
    state_.reset(BrotliDecoderCreateInstance(BoundedMemory::allocate_in, BoundedMemory::release_in, &memory_));
    return state_ != nullptr;
  }

 private:
  DecodeStep run(Bytes input, MutableBytes space) override;

  BoundedMemory memory_{limits::kMaxBrotliBytes};
  std::unique_ptr<BrotliDecoderState, BrotliDeleter> state_;
};

DecodeStep BrotliDecoder::run(Bytes input, MutableBytes space) {
  DecodeStep step;
  const std::uint8_t* in = input.data();
  std::size_t in_left = input.size();
  std::uint8_t* out = space.data();
  std::size_t out_left = space.size();
  // After the end of the stream it takes nothing and says again that it has succeeded.
  const auto result = BrotliDecoderDecompressStream(state_.get(), &in_left, &in, &out_left, &out, nullptr);
  step.consumed = input.size() - in_left;
  step.produced = space.size() - out_left;
  switch (result) {
    case BROTLI_DECODER_RESULT_ERROR:
      if (memory_.refused()) return fail(step, make_error(Code::out_of_memory, {}));
      return fail(step, Code::bad_coding, BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state_.get())));
    case BROTLI_DECODER_RESULT_SUCCESS:
      if (in_left != 0) return fail(step, Code::bad_coding, "there is data after its end");
      step.end = Decoded::finished;
      return step;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
      // It can say so while it has output that did not fit.
      if (BrotliDecoderHasMoreOutput(state_.get()) == BROTLI_TRUE) step.end = Decoded::need_space;
      return step;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
      step.end = Decoded::need_space;
      return step;
  }
  return fail(step, Code::internal, "an unknown result");
}

}  // namespace

bool has_brotli() { return true; }

Result<std::unique_ptr<Decoder>> make_brotli_decoder() {
  return or_out_of_memory([]() -> Result<std::unique_ptr<Decoder>> {
    auto decoder = std::make_unique<BrotliDecoder>();
    if (!decoder->start()) return std::unexpected(make_error(Code::out_of_memory, {}));
    return decoder;
  });
}

}  // namespace sluice::content
