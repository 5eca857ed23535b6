// content::BodyDecoder: layers of codings, their order and end, limits of size, bombs, and that only as much is decoded
// as is taken.
#include "core/content/body_decoder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/coded.hpp"
#include "tests/support/pattern.hpp"
#include "tests/unit/content/decode_tools.hpp"

using namespace sluice;
using namespace sluice::content;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

std::unique_ptr<BodyDecoder> body_decoder(std::string_view list, const BodyLimits& body_limits = {}) {
  Codings codings;
  REQUIRE(codings.add_list(list).has_value());
  return std::move(*BodyDecoder::create(codings, body_limits));
}

MakeDecoder decoder_of(const std::string& list, const BodyLimits& body_limits = {}) {
  return [=] { return body_decoder(list, body_limits); };
}

std::string coded_by(Coding coding, const std::string& body) {
  switch (coding) {
    case Coding::gzip:
      return gzip(body);
    case Coding::deflate:
      return zlib_wrapped(body);
    case Coding::br:
      return brotli(body);
    case Coding::zstd:
      return zstd(body);
  }
  return {};
}

// As RFC 9110 8.4: the first of the list was applied first.
std::string coded_by_list(std::string_view list, std::string body) {
  Codings codings;
  REQUIRE(codings.add_list(list).has_value());
  for (const Coding coding : codings.list()) body = coded_by(coding, body);
  return body;
}

// What one call gives.
struct Taken {
  DecodeStep step;
  std::string bytes;
};
Taken take(Decoder& decoder, std::string_view& coded, std::size_t room) {
  std::vector<std::uint8_t> space(room);
  Taken taken;
  taken.step = decoder.decode(as_bytes(coded), space);
  coded.remove_prefix(taken.step.consumed);
  taken.bytes = as_text(Bytes(space).first(taken.step.produced));
  return taken;
}

}  // namespace

TEST_CASE("body decoder: without codings the bytes pass, and every end is one") {
  for (const std::string_view list : {"", "identity", "none, identity"}) {
    for (const std::string& body : {""s, "a"s, sample_body()}) {
      const Decoding got = decoded_in_every_way(decoder_of(std::string(list)), body);
      CHECK(got.complete);
      CHECK(got.body == body);
    }
  }
  const auto decoder = body_decoder("");
  std::string_view coded = "abcde";
  const Taken two = take(*decoder, coded, 2);
  CHECK(two.step.end == Decoded::need_space);
  CHECK(two.bytes == "ab");
  CHECK(take(*decoder, coded, 3).step.end == Decoded::finished);
  CHECK(decoder->coded_bytes() == 5);
  CHECK(decoder->decoded_bytes() == 5);
  CHECK(decoded(decoder_of("", {.max_decoded_bytes = 4}), "abcde").failed_with(Code::body_too_large));
  CHECK(decoded(decoder_of("", {.max_decoded_bytes = 5}), "abcde").complete);
}

TEST_CASE("body decoder: a body of no bytes is complete, whatever its codings are") {
  for (const std::string_view list : {"gzip", "deflate", "br", "zstd", "gzip, br", "identity"}) {
    CHECK(decoded(decoder_of(std::string(list)), "").complete);
    // One byte makes it a body that has to be whole.
    if (list != "identity") CHECK_FALSE(decoded(decoder_of(std::string(list)), "\x1f").complete);
  }
  // What the outer coding gives has to be whole too.
  CHECK(decoded(decoder_of("br, gzip"), gzip("")).failed_with(Code::truncated));
}

TEST_CASE("body decoder: layers are undone in reverse order, for every pair and every split") {
  for (const std::string_view first : {"gzip", "deflate", "br", "zstd"}) {
    for (const std::string_view second : {"gzip", "deflate", "br", "zstd"}) {
      const std::string list = std::string(first) + ", " + std::string(second);
      CAPTURE(list);
      for (const std::string& body : {""s, sample_body()}) {
        const Decoding got = decoded_in_every_way(decoder_of(list), coded_by_list(list, body));
        CHECK(got.message == "");
        CHECK(got.complete);
        CHECK(got.body == body);
      }
      if (first != second) {
        const std::string reversed = std::string(second) + ", " + std::string(first);
        CHECK_FALSE(decoded(decoder_of(reversed), coded_by_list(list, sample_body())).complete);
      }
    }
  }
}

TEST_CASE("SB-20 body decoder: five codings are undone") {
  const std::string body(pattern(200'000, 0));
  for (const std::string_view list : {"gzip, deflate, br, zstd, gzip", "zstd, br, zstd, br, deflate"}) {
    const std::string coded = coded_by_list(list, body);
    for (const Sizes sizes : {Sizes{}, Sizes{1'000'000, 1'000'000}, Sizes{1'000, 77}, Sizes{77, 1'000}}) {
      const Decoding got = decoded(decoder_of(std::string(list)), coded, sizes);
      CHECK(got.message == "");
      CHECK((got.body == body));
    }
    const std::string small = coded_by_list(list, "small");
    CHECK(decoded_in_every_way(decoder_of(std::string(list)), small).body == "small");
    check_truncations(decoder_of(std::string(list)), small, "small", 0);
  }
}

TEST_CASE("body decoder: a fault of any layer is the body's, and says which coding it was") {
  const std::string inner = gzip("body");
  std::string broken = inner;
  broken[broken.size() - 8] = static_cast<char>(~broken[broken.size() - 8]);
  const auto message = [](const std::string& list, const std::string& coded) {
    const Decoding got = decoded_in_every_way(decoder_of(list), coded);
    CHECK(got.failed_with(Code::bad_coding));
    return got.message;
  };
  CHECK(message("gzip", broken) == "decode gzip: incorrect data check");
  CHECK(message("gzip, zstd", zstd(broken)) == "decode gzip: incorrect data check");
  CHECK(message("br, gzip", broken) != "");
  CHECK(message("br, zstd", zstd(brotli("body") + "x")) == "decode br: there is data after its end");
  CHECK(message("br, zstd", zstd(brotli("body")) + "x") == "decode zstd: there is data after its end");
  // The inner data is complete before the outer data is: the rest of that is verified too.
  CHECK(message("br, gzip", gzip(brotli("body")).substr(0, gzip(brotli("body")).size() - 1) + "\x7f") ==
        "decode gzip: incorrect length check");
  const std::string layered = gzip(brotli(sample_body()));
  check_truncations(decoder_of("br, gzip"), layered, sample_body(), 0);
  // The end of the inner data is missing and the outer data is whole.
  const std::string cut = gzip(brotli("body").substr(0, 4));
  const Decoding got = decoded_in_every_way(decoder_of("br, gzip"), cut);
  CHECK(got.failed_with(Code::truncated));
  CHECK(got.message == "decode the body: the data ended before it was complete");
}

TEST_CASE("body decoder: coded and decoded bytes are counted apart") {
  const std::string coded = gzip(brotli(std::string(kMiB, 'a')));
  const auto decoder = body_decoder("br, gzip");
  CHECK(decode_with(*decoder, coded).body.size() == kMiB);
  CHECK(decoder->coded_bytes() == coded.size());
  CHECK(decoder->decoded_bytes() == kMiB);
}

TEST_CASE("SB-21 body decoder: what is not taken is not decoded") {
  const std::string noise(pattern(4 * kMiB, 0));
  for (const std::string_view list : {"gzip", "deflate", "zstd", "gzip, zstd, deflate"}) {
    CAPTURE(list);
    const std::string coded = coded_by_list(list, noise);
    const auto decoder = body_decoder(list);
    std::string_view rest = coded;
    const Taken taken = take(*decoder, rest, 100);
    CHECK(taken.step.end == Decoded::need_space);
    CHECK(taken.bytes == noise.substr(0, 100));
    CHECK(decoder->decoded_bytes() == 100);
    CHECK(decoder->coded_bytes() == coded.size() - rest.size());
    // A block of zstd has 128 KiB; each buffer between two codings 16 KiB.
    CHECK(decoder->coded_bytes() < 400'000);
  }
}

TEST_CASE("SB-21 body decoder: of a body that is too large just what is allowed is given") {
  const std::string body(pattern(100'000, 0));
  for (const std::string_view list : {"gzip", "deflate", "br", "zstd", "zstd, gzip"}) {
    CAPTURE(list);
    const std::string coded = coded_by_list(list, body);
    for (const std::size_t most : {0U, 1U, 1'000U, 99'999U}) {
      const BodyLimits body_limits = {.max_decoded_bytes = most};
      for (const Sizes sizes : {Sizes{}, Sizes{1, 7}, Sizes{200'000, 200'000}, Sizes{200'000, most + 1}}) {
        const auto decoder = body_decoder(list, body_limits);
        const Decoding got = decode_with(*decoder, coded, sizes);
        CHECK(got.failed_with(Code::body_too_large));
        CHECK((got.body == body.substr(0, most)));
        CHECK(decoder->decoded_bytes() == most);
        CHECK(got.message == "decode the body: " + std::to_string(most) + " bytes are allowed, and it has more");
      }
    }
    CHECK(decoded(decoder_of(std::string(list), {.max_decoded_bytes = 100'000}), coded).complete);
  }
  CHECK(blame_of(Code::body_too_large) == Blame::limit);
}

TEST_CASE("SB-21 body decoder: 10 MiB of zeros in a few KiB end at each limit") {
  const std::string zeros(10 * kMiB, '\0');
  for (const std::string_view list : {"gzip", "deflate", "br", "zstd", "gzip, gzip", "deflate, br, zstd"}) {
    CAPTURE(list);
    const std::string coded = coded_by_list(list, zeros);
    CHECK(coded.size() < 11'000);
    CHECK((decoded(decoder_of(std::string(list)), coded).body == zeros));
    // By its size.
    const Decoding sized = decoded(decoder_of(std::string(list), {.max_decoded_bytes = 2 * kMiB}), coded);
    CHECK(sized.failed_with(Code::body_too_large));
    CHECK((sized.body == zeros.substr(0, 2 * kMiB)));
    // By its ratio: one space after the size from which on it is judged.
    for (const std::size_t room : {1'000U, 65'536U}) {
      const Decoding rated = decoded(decoder_of(std::string(list), {.max_ratio = 100}), coded, {65'536, room});
      CHECK(rated.failed_with(Code::body_too_large));
      CHECK(rated.message == "decode the body: 100 times its coded size is allowed, and it is larger");
      CHECK(rated.body.size() > kMiB);
      CHECK(rated.body.size() <= kMiB + room);
    }
  }
}

TEST_CASE("SB-21 body decoder: the ratio is judged above 1 MiB, and exactly") {
  const std::string zeros(kMiB, '\0');
  const std::string coded = gzip(zeros);
  CHECK(decoded(decoder_of("gzip", {.max_ratio = 1}), coded).complete);
  CHECK(decoded(decoder_of("gzip", {.max_ratio = 0}), coded).complete);
  CHECK(decoded(decoder_of("gzip", {.max_ratio = 1}), gzip(zeros + "x")).failed_with(Code::body_too_large));
  // Without codings the ratio is 1.
  const std::string plain(2 * kMiB, 'p');
  CHECK(decoded(decoder_of("", {.max_ratio = 1}), plain).complete);
  CHECK(decoded(decoder_of("", {.max_ratio = 0}), plain).failed_with(Code::body_too_large));
  CHECK(decoded(decoder_of("gzip", {.max_ratio = UINT64_MAX}), gzip(plain)).complete);
  // All at once: only the ratio of the whole counts.
  const std::string noise(pattern(2 * kMiB, 0));
  const std::string once = gzip(noise);
  const Sizes all = {4 * kMiB, 4 * kMiB};
  CHECK(decoded(decoder_of("gzip", {.max_ratio = 1}), once, all).complete);
  const std::string twice = brotli(noise + noise, 2, 24);
  REQUIRE(twice.size() * 2 > 4 * kMiB);
  REQUIRE(twice.size() < 3 * kMiB);
  CHECK(decoded(decoder_of("br", {.max_ratio = 2}), twice, {8 * kMiB, 8 * kMiB}).complete);
  CHECK(decoded(decoder_of("br", {.max_ratio = 1}), twice, {8 * kMiB, 8 * kMiB}).failed_with(Code::body_too_large));
}

TEST_CASE("SB-21 body decoder: codings within codings that give nothing are limited, and their work is divided") {
  // Members without a byte: 20 bytes each, which the outer coding makes small.
  const std::string member = gzip("");
  REQUIRE(member.size() == 20);
  std::string members;
  while (members.size() < 8 * kMiB) members += member;
  const std::string coded = zstd(members);
  REQUIRE(coded.size() < 10'000);

  const auto decoder = body_decoder("gzip, zstd");
  std::string_view rest = coded;
  std::size_t calls = 0;
  for (Decoded end = Decoded::need_space; end == Decoded::need_space; ++calls) {
    const Taken taken = take(*decoder, rest, 1'000);
    CHECK(taken.bytes == "");
    end = taken.step.end;
    REQUIRE(calls < 100);
  }
  CHECK(calls == 9);  // of 1 MiB each, and one for the end
  CHECK(decoder->finish() == Decoded::finished);

  const Decoding rated = decoded(decoder_of("gzip, zstd", {.max_ratio = 50}), coded);
  CHECK(rated.failed_with(Code::body_too_large));
  const Decoding sized = decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 2 * kMiB}), coded);
  CHECK(sized.failed_with(Code::body_too_large));
  CHECK(sized.message ==
        "decode the body: 2097152 bytes are allowed, and more than twice as many lie between its codings");
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 4 * kMiB}), coded).failed_with(Code::body_too_large));
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 4 * kMiB + 20}), coded).complete);
  // What lies between may always have 1 MiB.
  const std::string some = zstd(members.substr(0, 20 * 52'428));
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 0}), some).complete);
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 0}), zstd(members.substr(0, 20 * 52'429)))
            .failed_with(Code::body_too_large));
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = UINT64_MAX}), coded).complete);
  CHECK(decoded(decoder_of("gzip, zstd", {.max_decoded_bytes = 0x8000'0000'0000'0000}), coded).complete);
}

TEST_CASE("body decoder: the fault of a layer is told after what exceeds a limit") {
  std::string coded = gzip(sample_body());
  coded[coded.size() - 8] = static_cast<char>(~coded[coded.size() - 8]);
  CHECK(decoded(decoder_of("gzip", {.max_decoded_bytes = 499}), coded).failed_with(Code::body_too_large));
  CHECK(decoded(decoder_of("gzip", {.max_decoded_bytes = 500}), coded).failed_with(Code::bad_coding));
}

TEST_CASE("body decoder: with all libraries, all codings are there") {
  CHECK(codings_in_build() == CodingSet{Coding::gzip, Coding::deflate, Coding::br, Coding::zstd});
  CHECK(accept_encoding() == "gzip, deflate, br, zstd");
}
