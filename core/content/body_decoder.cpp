// See body_decoder.hpp. Decoding is pulled: the last layer asks the one before it when it has no input left.
#include "core/content/body_decoder.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "core/base/memory.hpp"

namespace sluice::content {
namespace {

// The product, or the greatest number if that is smaller.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > kMost / b ? kMost : a * b;
}

}  // namespace

Result<std::unique_ptr<BodyDecoder>> BodyDecoder::create(const Codings& codings, const BodyLimits& body_limits) {
  return or_out_of_memory([&]() -> Result<std::unique_ptr<BodyDecoder>> {
    std::unique_ptr<BodyDecoder> body(new BodyDecoder(body_limits));
    const std::span<const Coding> applied = codings.list();
    body->layers_.resize(applied.size());
    for (std::size_t i = 0; i < applied.size(); ++i) {
      Layer& layer = body->layers_[i];
      auto decoder = make_decoder(applied[applied.size() - 1 - i]);
      if (!decoder) return std::unexpected(std::move(decoder.error()));
      layer.decoder = std::move(*decoder);
      if (i + 1 < applied.size()) {
        layer.buffer = std::make_unique<std::array<std::uint8_t, limits::kCodingBufferBytes>>();
      }
    }
    return body;
  });
}

DecodeStep BodyDecoder::run(Bytes input, MutableBytes space) {
  if (layers_.empty()) return copy(input, space);
  buffers_left_ = limits::kCodingBuffersPerCall;
  Bytes rest = input;
  DecodeStep step = pull(layers_.size() - 1, rest, space);
  step.consumed = input.size() - rest.size();
  return step;
}

DecodeStep BodyDecoder::copy(Bytes input, MutableBytes space) {
  DecodeStep step;
  step.consumed = step.produced = std::min(input.size(), space.size());
  std::copy_n(input.begin(), step.produced, space.begin());
  coded_bytes_ += step.consumed;
  step.end = step.consumed == input.size() ? Decoded::finished : Decoded::need_space;
  is_within(step, decoded_bytes_, Place::last);
  return step;
}

// Fills the space from this layer and those before it. Input that is taken is removed from `input`; the step has only
// what was produced.
DecodeStep BodyDecoder::pull(std::size_t index, Bytes& input, MutableBytes space) {
  DecodeStep all;
  for (;;) {
    const DecodeStep step = decode_at(index, input, space.subspan(all.produced));
    all.produced += step.produced;
    all.end = step.end;
    if (index == 0 || step.end == Decoded::failed || step.end == Decoded::need_space) return all;
    // This layer has taken all that the one before it has given.
    Layer& before = layers_[index - 1];
    if (buffers_left_ == 0) {
      // Coded data that decodes to no byte of the body can be very long. The caller decides when to go on.
      all.end = Decoded::need_space;
      return all;
    }
    --buffers_left_;
    before.begin = before.end = 0;
    const DecodeStep more = pull(index - 1, input, *before.buffer);
    before.end = more.produced;
    if (more.produced != 0 && more.end != Decoded::failed) continue;
    // Both must be complete for the body to be so.
    if (more.end != Decoded::finished) all.end = more.end;
    return all;
  }
}

// One call on one decoder.
DecodeStep BodyDecoder::decode_at(std::size_t index, Bytes& input, MutableBytes space) {
  Layer& layer = layers_[index];
  const Bytes source = index == 0 ? input : layers_[index - 1].waiting();
  DecodeStep step = layer.decoder->decode(source, space);
  if (index == 0) {
    input = input.subspan(step.consumed);
    coded_bytes_ += step.consumed;
  } else {
    layers_[index - 1].begin += step.consumed;
  }
  const bool last = index + 1 == layers_.size();
  // The limits come first: what exceeds them came before the fault.
  if (!is_within(step, last ? decoded_bytes_ : layer.decoded_bytes, last ? Place::last : Place::between)) return step;
  return step.end == Decoded::failed ? fail(step, layer.decoder->error()) : step;
}

// Counts what a step has produced. False: that exceeds a limit, and the step was made a failed one.
bool BodyDecoder::is_within(DecodeStep& step, std::uint64_t& decoded, Place place) {
  decoded += step.produced;
  if (limits_.max_decoded_bytes) {
    const std::uint64_t most = *limits_.max_decoded_bytes;
    if (place == Place::between && decoded > std::max<std::uint64_t>(times(most, 2), limits::kMinRatedBytes)) {
      return reject(step, most, " bytes are allowed, and more than twice as many lie between its codings");
    }
    if (place == Place::last && decoded > most) {
      step.produced -= static_cast<std::size_t>(decoded - most);
      decoded = most;
      return reject(step, most, " bytes are allowed, and it has more");
    }
  }
  if (limits_.max_ratio && decoded > limits::kMinRatedBytes && decoded > times(*limits_.max_ratio, coded_bytes_)) {
    return reject(step, *limits_.max_ratio, " times its coded size is allowed, and it is larger");
  }
  return true;
}

bool BodyDecoder::reject(DecodeStep& step, std::uint64_t most, std::string_view what) {
  std::string text;
  static_cast<void>(has_memory_for([&] { text = std::to_string(most).append(what); }));
  step = fail(step, Code::body_too_large, text);
  return false;
}

}  // namespace sluice::content
