// Runs a decoder over coded bytes in pieces, into a space of any size, and checks what holds of every call.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/content/decoder.hpp"

namespace sluice::test {

// How the coded bytes end, and what was decoded of them.
struct Decoding {
  std::string body;
  bool complete = false;
  Code code = Code::internal;  // if it failed
  std::string message;

  bool failed_with(Code wanted) const { return !complete && code == wanted; }
  friend bool operator==(const Decoding&, const Decoding&) = default;
};

struct Sizes {
  std::size_t piece = 65'536;  // of the input
  std::size_t room = 65'536;   // of the space
};

inline void take_all(content::Decoder& decoder, std::string_view given, std::size_t room, Decoding& got) {
  using content::Decoded;
  // Of exactly their sizes, for the sanitizers.
  const std::vector<std::uint8_t> memory(given.begin(), given.end());
  std::vector<std::uint8_t> space(room);
  Bytes rest(memory);
  for (std::size_t idle = 0; idle < 10'000;) {
    const content::DecodeStep step = decoder.decode(rest, space);
    if (step.consumed > rest.size() || step.produced > space.size()) FAIL("it took or gave more than there was");
    rest = rest.subspan(step.consumed);
    got.body += as_text(Bytes(space).first(step.produced));
    if (step.consumed == 0 && step.produced == 0) ++idle;
    if (step.end == Decoded::failed) got.code = decoder.error().code;
    if ((step.end == Decoded::need_input || step.end == Decoded::finished) && !rest.empty()) FAIL("it left input");
    if (step.end != Decoded::need_space) return;
  }
  FAIL("it does not come to an end");
}

inline Decoding decode_with(content::Decoder& decoder, std::string_view coded, Sizes sizes = {}) {
  using content::Decoded;
  Decoding got;
  for (std::size_t at = 0; at < coded.size() && got.code == Code::internal; at += sizes.piece) {
    take_all(decoder, coded.substr(at, sizes.piece), sizes.room, got);
  }
  got.complete = decoder.finish() == Decoded::finished;
  if (got.complete) return got;
  got.code = decoder.error().code;
  got.message = decoder.error().message();
  // It stays failed.
  std::uint8_t byte = 0;
  const content::DecodeStep again = decoder.decode(as_bytes("x"), MutableBytes(&byte, 1));
  CHECK(again.end == Decoded::failed);
  CHECK(again.consumed == 0);
  CHECK(again.produced == 0);
  CHECK(decoder.finish() == Decoded::failed);
  CHECK(decoder.error().message() == got.message);
  return got;
}

using MakeDecoder = std::function<std::unique_ptr<content::Decoder>()>;

inline Decoding decoded(const MakeDecoder& make, std::string_view coded, Sizes sizes = {}) {
  return decode_with(*make(), coded, sizes);
}

// At once, in two pieces for every place of the cut, and in small pieces into small spaces: the end is the same, and so
// is the body if it is complete.
inline Decoding decoded_in_every_way(const MakeDecoder& make, std::string_view coded) {
  const Decoding whole = decoded(make, coded);
  const auto compare = [&](Decoding other) {
    if (!whole.complete) other.body = whole.body;  // how much is given before a fault depends on the pieces
    CHECK(other == whole);
  };
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    for (const std::size_t room : {1U, 2U, 5U, 65'536U}) {
      CAPTURE(piece);
      CAPTURE(room);
      compare(decoded(make, coded, {piece, room}));
    }
  }
  compare(decoded(make, coded, {65'536, 1}));
  for (std::size_t cut = 1; cut < std::min<std::size_t>(coded.size(), 400); ++cut) {
    CAPTURE(cut);
    const auto decoder = make();
    Decoding first;
    take_all(*decoder, coded.substr(0, cut), 65'536, first);
    Decoding rest = decode_with(*decoder, coded.substr(cut));
    rest.body.insert(0, first.body);
    compare(rest);
  }
  return whole;
}

// Each beginning of data that is complete is a truncated one, and decodes to a beginning of the body. `except`: a
// length at which the data is complete as well.
inline void check_truncations(const MakeDecoder& make, std::string_view coded, std::string_view body,
                              std::size_t except = SIZE_MAX) {
  for (std::size_t size = 0; size < coded.size(); ++size) {
    CAPTURE(size);
    for (const Sizes sizes : {Sizes{}, Sizes{1, 1}, Sizes{1'000, 3}}) {
      const Decoding cut = decoded(make, coded.substr(0, size), sizes);
      CHECK(body.starts_with(cut.body));
      CHECK(cut.complete == (size == except));
      if (size != except) CHECK(cut.code == Code::truncated);
    }
    // Nothing is kept back for want of space when it asks for input.
    CHECK(decoded(make, coded.substr(0, size), {65'536, 1}).body == decoded(make, coded.substr(0, size)).body);
  }
}

// With each bit flipped in turn the data is not complete, or decodes to the same body: the bit has no meaning. Returns
// how many bits are of that kind.
inline std::size_t check_flipped_bits(const MakeDecoder& make, std::string_view coded, std::string_view body) {
  std::size_t without_meaning = 0;
  for (std::size_t bit = 0; bit < coded.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string broken(coded);
    broken[bit / 8] = static_cast<char>(static_cast<unsigned char>(broken[bit / 8]) ^ (1U << (bit % 8)));
    const Decoding got = decoded(make, broken, {16, 4'096});
    if (got.complete) {
      CHECK(got.body == body);
      ++without_meaning;
    } else {
      CHECK((got.code == Code::bad_coding || got.code == Code::truncated));
    }
  }
  return without_meaning;
}

// What several tests decode: 500 bytes with repetitions, and of all values.
inline std::string sample_body() {
  std::string text = "Content codings are primarily used to allow a representation to be compressed ";
  for (int value = 0; value < 256; ++value) text += static_cast<char>(value * 7 % 256);
  while (text.size() < 500) text += "or otherwise usefully transformed ";
  text.resize(500);
  return text;
}

}  // namespace sluice::test
