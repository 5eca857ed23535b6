// The interface of a decoder of content codings (RFC 9110 8.4.1): coded bytes in, decoded bytes out, in pieces of any
// size. The caller decides how much is decoded: one call gives at most what the space can hold, and bytes that the
// caller does not ask for are not decoded (SB-21). Leaves to others: the formats (zlib_decoder.hpp, brotli_decoder.hpp,
// zstd_decoder.hpp), bodies with several codings and limits of size (body_decoder.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::content {

// Why a call on a decoder returned.
enum class Decoded : std::uint8_t {
  need_input,  // all input was taken, and everything that follows from it was given
  need_space,  // there may be more to give: call again with the rest of the input, which may be empty, and with space
  finished,    // all input was taken, and the coded data is complete; a gzip member or a zstd frame may still follow
  failed,      // permanent; see error()
};

struct DecodeStep {
  std::size_t consumed = 0;  // bytes from the front of the input
  std::size_t produced = 0;  // bytes at the front of the space; after a failure these are what was decoded before it
  Decoded end = Decoded::need_input;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Decodes from the front of `input` to the front of `space`. Either may be empty. The memory of both belongs to the
  // caller and is not used after the call. Errors: bad_coding (broken data, or data after its end), out_of_memory, and
  // those of a class derived from this. Never throws.
  DecodeStep decode(Bytes input, MutableBytes space);
  // The coded data has ended. Returns finished; or failed, with the error truncated if the data is not complete. Call
  // it when decode() needs no space any more.
  Decoded finish();
  // Valid after Decoded::failed, as long as the decoder exists.
  const Error& error() const { return error_; }

 protected:
  // `name` is for messages; static text. `end_of_nothing`: whether data of no bytes is complete.
  explicit Decoder(std::string_view name, Decoded end_of_nothing = Decoded::need_input)
      : name_(name), end_(end_of_nothing) {}
  // Does the work of decode(). `space` is not empty. `input` is empty only if the call before needed space.
  virtual DecodeStep run(Bytes input, MutableBytes space) = 0;
  // Records the error, whose text gets the decoder's name before it, and returns the step as a failed one. Without
  // memory the text is left out.
  DecodeStep fail(DecodeStep step, Code code, std::string_view what);
  // The same with an error that is complete already.
  DecodeStep fail(DecodeStep step, const Error& error);

 private:
  std::string_view name_;
  Decoded end_;
  Error error_;
};

}  // namespace sluice::content
