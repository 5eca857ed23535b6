// Undoes all content codings of one body, the last one first (RFC 9110 8.4), and holds it to limits of size. It is a
// Decoder of Decoders, with a small buffer between each two of them: only as much is decoded as the caller takes.
// Leaves to others: which codings the body has (coding.hpp), and where its bytes come from and go to.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/limits.hpp"
#include "core/content/coding.hpp"
#include "core/content/decoder.hpp"

namespace sluice::content {

// Both are judged after each step, so that a body is ended as soon as it is seen to exceed them (SB-21).
struct BodyLimits {
  // Of the decoded body, in bytes. What lies between two codings may be twice as large, or limits::kMinRatedBytes.
  std::optional<std::uint64_t> max_decoded_bytes = {};
  // How many times as large as the coded bytes so far the decoded bytes so far may be, once they are more than
  // limits::kMinRatedBytes. The bytes between two codings are judged too.
  std::optional<std::uint64_t> max_ratio = {};
};

// Errors besides those of each coding: body_too_large. When max_decoded_bytes is exceeded, just so many bytes have been
// given. A coded body of no bytes is a complete body of no bytes, whatever its codings are: servers send that. Without
// codings the bytes pass unchanged.
class BodyDecoder final : public Decoder {
 public:
  // Errors: out_of_memory; unsupported_coding, if this build has no library for a coding.
  static Result<std::unique_ptr<BodyDecoder>> create(const Codings& codings, const BodyLimits& body_limits);

  // Bytes of the body, as they were received and as they were given to the caller.
  std::uint64_t coded_bytes() const { return coded_bytes_; }
  std::uint64_t decoded_bytes() const { return decoded_bytes_; }

 private:
  // One coding, and what it has given that the next one has not taken. The last layer gives to the caller.
  struct Layer {
    std::unique_ptr<Decoder> decoder;
    std::unique_ptr<std::array<std::uint8_t, limits::kCodingBufferBytes>> buffer;
    std::size_t begin = 0, end = 0;
    std::uint64_t decoded_bytes = 0;

    Bytes waiting() const { return buffer ? Bytes(*buffer).subspan(begin, end - begin) : Bytes(); }
  };
  enum class Place : std::uint8_t { between, last };

  explicit BodyDecoder(const BodyLimits& body_limits) : Decoder("the body", Decoded::finished), limits_(body_limits) {}
  DecodeStep run(Bytes input, MutableBytes space) override;
  DecodeStep copy(Bytes input, MutableBytes space);
  DecodeStep pull(std::size_t index, Bytes& input, MutableBytes space);
  DecodeStep decode_at(std::size_t index, Bytes& input, MutableBytes space);
  bool is_within(DecodeStep& step, std::uint64_t& decoded, Place place);
  bool reject(DecodeStep& step, std::uint64_t most, std::string_view what);

  BodyLimits limits_;
  std::vector<Layer> layers_;  // in the order in which they are undone
  std::uint64_t coded_bytes_ = 0;
  std::uint64_t decoded_bytes_ = 0;
  int buffers_left_ = 0;  // that may be filled in this call
};

}  // namespace sluice::content
