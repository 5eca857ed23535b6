// The body of a response whose content codings are undone: the decoder, and the decoded bytes that wait for the
// application. Coded bytes are taken from a BodyBuffer only when no decoded byte waits, so there are never more than
// limits::kDecodedBytes of those (SB-21).
// Leaves to others: which codings the body has (core/content/coding.hpp), and whose body it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/content/body_decoder.hpp"
#include "core/error.hpp"
#include "core/flow/body_buffer.hpp"
#include "core/types.hpp"

namespace sluice::flow {

class DecodedBody {
 public:
  // Errors: as content::BodyDecoder::create().
  static Result<std::unique_ptr<DecodedBody>> create(const content::Codings& codings,
                                                     const content::BodyLimits& body_limits);
  // The decoded bytes that wait. Valid until the next non-const call.
  Bytes front() const { return Bytes(buffer_).subspan(begin_, end_ - begin_); }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t bytes);  // bytes <= front().size()

  // Takes bytes from `coded` and consumes them there, until decoded bytes wait or all coded bytes are taken. Does
  // nothing while decoded bytes wait. Errors: as content::Decoder::decode(); what was decoded before the error waits.
  Result<void> decode(BodyBuffer& coded);
  // No decoded byte waits, and none would without more coded ones.
  bool needs_input() const { return empty() && !has_more_; }
  // The coded data has ended, and all of it was decoded. Error: truncated.
  Result<void> finish();
  // Frees the decoder's memory; the bytes that wait stay. decode() and finish() must not be called after it.
  void end() { decoder_.reset(); }
  std::uint64_t decoded_bytes() const { return decoded_bytes_; }

 private:
  explicit DecodedBody(std::unique_ptr<content::BodyDecoder> decoder);

  std::unique_ptr<content::BodyDecoder> decoder_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::uint64_t decoded_bytes_ = 0;
  bool has_more_ = false;  // the decoder may give more without more input
};

}  // namespace sluice::flow
