// See decoded_body.hpp.
#include "core/flow/decoded_body.hpp"

#include <utility>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice::flow {

DecodedBody::DecodedBody(std::unique_ptr<content::BodyDecoder> decoder)
    : decoder_(std::move(decoder)), buffer_(limits::kDecodedBytes) {}

Result<std::unique_ptr<DecodedBody>> DecodedBody::create(const content::Codings& codings,
                                                         const content::BodyLimits& body_limits) {
  return or_out_of_memory([&]() -> Result<std::unique_ptr<DecodedBody>> {
    auto decoder = content::BodyDecoder::create(codings, body_limits);
    if (!decoder) return std::unexpected(std::move(decoder.error()));
    return std::unique_ptr<DecodedBody>(new DecodedBody(*std::move(decoder)));
  });
}

void DecodedBody::consume(std::size_t bytes) {
  SLUICE_CHECK(bytes <= end_ - begin_);
  begin_ += bytes;
}

Result<void> DecodedBody::decode(BodyBuffer& coded) {
  while (empty() && (has_more_ || !coded.empty())) {
    const content::DecodeStep step = decoder_->decode(coded.front(), buffer_);
    coded.consume(step.consumed);
    begin_ = 0;
    end_ = step.produced;
    decoded_bytes_ += step.produced;
    has_more_ = step.end == content::Decoded::need_space;
    if (step.end == content::Decoded::failed) return std::unexpected(decoder_->error());
  }
  return {};
}

Result<void> DecodedBody::finish() {
  SLUICE_CHECK(needs_input());
  if (decoder_->finish() == content::Decoded::failed) return std::unexpected(decoder_->error());
  return {};
}

}  // namespace sluice::flow
