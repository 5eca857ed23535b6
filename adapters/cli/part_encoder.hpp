// The encoders of ";encoder=" in -F (RFC 2045 6): base64, quoted-printable, 7bit, 8bit, binary. A body goes through in
// pieces, so a file is never in memory as a whole. As in curl: lines of 76 characters that CRLF separates, none at the
// end. Pure. Leaves to others: the field Content-Transfer-Encoding, and where the bytes come from.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/cli/body_source.hpp"
#include "core/types.hpp"

namespace sluice::cli {

enum class PartCoding : std::uint8_t { none, seven_bit, base64, quoted_printable };  // none: 8bit and binary too

// "base64", in any case of letters; "" is none. nullopt: there is no encoder of that name.
std::optional<PartCoding> part_coding(std::string_view name);
// The bytes that a body of so many bytes becomes; nullopt: that depends on them.
std::optional<std::uint64_t> encoded_length(PartCoding coding, std::uint64_t bytes);

class PartEncoder {
 public:
  explicit PartEncoder(PartCoding coding) : coding_(coding) {}
  // Appends what `bytes`, the next of the body, become; some may be held back until more is known. `last`: none follow.
  // Error: the position of a byte that the coding cannot have.
  std::expected<void, std::uint64_t> encode(Bytes bytes, bool last, std::string& out);

 private:
  void encode_base64(bool last, std::string& out);
  void encode_quoted(bool last, std::string& out);

  PartCoding coding_;
  std::string held_;        // bytes that are not encoded yet
  std::size_t column_ = 0;  // characters of the line so far
  std::uint64_t taken_ = 0;
};

// The bytes of another source through an encoder.
class EncodedSource final : public BodySource {
 public:
  // `name` is for errors.
  EncodedSource(std::unique_ptr<BodySource> source, PartCoding coding, std::string name);
  std::optional<std::uint64_t> length() const override;
  int fd() const override { return source_->fd(); }
  bool rewindable() const override { return source_->rewindable(); }
  bool rewind() override;
  std::expected<Piece, std::string> read(MutableBytes space) override;

 private:
  std::unique_ptr<BodySource> source_;
  PartCoding coding_;
  std::string name_;
  PartEncoder encoder_;
  std::string out_;        // encoded bytes that wait
  std::size_t given_ = 0;  // of these
  bool ended_ = false;
};

// The whole text. Error: as PartEncoder::encode().
std::expected<std::string, std::uint64_t> encode_part(PartCoding coding, std::string_view text);

}  // namespace sluice::cli
