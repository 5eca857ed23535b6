// The decoders of gzip and deflate: every split, every truncation, every flipped bit, checksums, members and what
// follows them, and which of the two formats of deflate it is.
#include "core/content/zlib_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/coded.hpp"
#include "tests/support/pattern.hpp"
#include "tests/unit/content/decode_tools.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

std::unique_ptr<content::Decoder> new_gzip() { return std::move(*content::make_gzip_decoder()); }
std::unique_ptr<content::Decoder> new_deflate() { return std::move(*content::make_deflate_decoder()); }

std::string unzip_error(const std::string& coded) {
  const Decoding got = decoded_in_every_way(new_gzip, coded);
  CHECK(got.failed_with(Code::bad_coding));
  return got.message;
}
std::string inflate_error(const std::string& coded) {
  const Decoding got = decoded_in_every_way(new_deflate, coded);
  CHECK(got.failed_with(Code::bad_coding));
  return got.message;
}

std::string with_byte(std::string coded, std::size_t from_end, unsigned value) {
  coded[coded.size() - from_end] = static_cast<char>(value);
  return coded;
}
std::string with_changed_byte(const std::string& coded, std::size_t from_end) {
  return with_byte(coded, from_end, static_cast<unsigned char>(coded[coded.size() - from_end]) ^ 1U);
}

}  // namespace

TEST_CASE("gzip: bodies of several kinds, in every split") {
  const std::string sample = sample_body();
  for (const int level : {0, 1, 6, 9}) {
    CAPTURE(level);
    for (const std::string& body : {""s, "a"s, sample, std::string(1'000, 'z')}) {
      const Decoding got = decoded_in_every_way(new_gzip, gzip(body, level));
      CHECK(got.complete);
      CHECK(got.body == body);
    }
  }
  const std::string_view noise = pattern(300'000, 0);
  for (const Sizes sizes : {Sizes{}, Sizes{300'100, 1'000'000}, Sizes{1'000, 77}, Sizes{77, 1'000}}) {
    CHECK(decoded(new_gzip, gzip(noise), sizes).body == noise);
  }
}

TEST_CASE("gzip: a header with every optional part (RFC 1952 2.3)") {
  // FTEXT, FEXTRA, FNAME, FCOMMENT; then a stored block "hi" and the trailer.
  const std::string coded =
      "\x1f\x8b\x08\x1d\x01\x02\x03\x04\x02\x03\x03\x00xyzname\0comment\0\x01\x02\x00\xfd\xffhi\xac\x2a\x93\xd8\x02\x00\x00\x00"s;
  const Decoding got = decoded_in_every_way(new_gzip, coded);
  CHECK(got.message == "");
  CHECK(got.body == "hi");
  CHECK(got.complete);
  check_truncations(new_gzip, coded, "hi");
}

TEST_CASE("gzip: cut anywhere it is truncated") {
  const std::string body = sample_body();
  check_truncations(new_gzip, gzip(body), body);
  check_truncations(new_gzip, gzip(body, 0), body);
  check_truncations(new_gzip, gzip(""), "");
  const std::string two = gzip("first") + gzip("second");
  check_truncations(new_gzip, two, "firstsecond", gzip("first").size());
}

TEST_CASE("gzip: a flipped bit is found, unless it has no meaning") {
  const std::string body = sample_body();
  // The time and system of the header, its text flag, and the bits after the last block.
  const std::size_t without_meaning = check_flipped_bits(new_gzip, gzip(body), body);
  CHECK(without_meaning >= 49);
  CHECK(without_meaning < 80);
  check_flipped_bits(new_gzip, gzip(body, 0), body);
}

TEST_CASE("gzip: the checksum and the length are verified") {
  const std::string coded = gzip(sample_body());
  for (std::size_t from_end = 5; from_end <= 8; ++from_end) {
    CHECK(unzip_error(with_changed_byte(coded, from_end)) == "decode gzip: incorrect data check");
  }
  for (std::size_t from_end = 1; from_end <= 4; ++from_end) {
    CHECK(unzip_error(with_changed_byte(coded, from_end)) == "decode gzip: incorrect length check");
  }
}

TEST_CASE("gzip: several members are one body") {
  const std::string coded = gzip("one") + gzip("") + gzip("two", 0) + gzip(sample_body());
  const Decoding got = decoded_in_every_way(new_gzip, coded);
  CHECK(got.complete);
  CHECK(got.body == "onetwo" + sample_body());
  std::string many, all;
  for (int i = 0; i < 1'000; ++i) {
    many += gzip("x");
    all += "x";
  }
  CHECK(decoded(new_gzip, many).body == all);
  CHECK(decoded(new_gzip, many, {3, 2}).complete);
  // The checksum of each is verified.
  CHECK(unzip_error(with_changed_byte(gzip("one"), 8) + gzip("two")) == "decode gzip: incorrect data check");
  CHECK(unzip_error(gzip("one") + with_changed_byte(gzip("two"), 8)) == "decode gzip: incorrect data check");
}

TEST_CASE("gzip: data after the end that is no member is an error") {
  for (const std::string& rest : {"xx"s, "\0\0"s, "\0\0\0\0\0\0\0\0"s, "\x1f\x8c\x08"s, zlib_wrapped("x")}) {
    CHECK(unzip_error(gzip("body") + rest) == "decode gzip: there is data after its end that is no gzip member");
  }
  CHECK(unzip_error(gzip("body") + "\x1f\x8b\x07xxxx") == "decode gzip: unknown compression method");
  const Decoding one_byte = decoded_in_every_way(new_gzip, gzip("body") + "x");
  CHECK(one_byte.body == "body");
  CHECK_FALSE(one_byte.complete);
}

TEST_CASE("gzip: other formats are refused") {
  CHECK(unzip_error("<html>") == "decode gzip: incorrect header check");
  CHECK(unzip_error(zlib_wrapped("x")) == "decode gzip: incorrect header check");
  CHECK(unzip_error("\x1f\x8b\x08\xe0\0\0\0\0\0\0"s) == "decode gzip: unknown header flags set");
  CHECK(unzip_error(with_byte(gzip("x"), gzip("x").size() - 10, 0x07)).starts_with("decode gzip: invalid "));
}

TEST_CASE("deflate: with zlib's wrapper and without it, in every split") {
  const std::string sample = sample_body();
  for (const int level : {0, 1, 6, 9}) {
    CAPTURE(level);
    for (const std::string& body : {""s, "a"s, sample, std::string(1'000, 'z')}) {
      for (const std::string& coded : {zlib_wrapped(body, level), bare_deflate(body, level)}) {
        const Decoding got = decoded_in_every_way(new_deflate, coded);
        CHECK(got.complete);
        CHECK(got.body == body);
      }
    }
  }
  const std::string_view noise = pattern(300'000, 0);
  for (const Sizes sizes : {Sizes{}, Sizes{1'000, 77}, Sizes{1, 1'000}}) {
    CHECK(decoded(new_deflate, zlib_wrapped(noise), sizes).body == noise);
    CHECK(decoded(new_deflate, bare_deflate(noise), sizes).body == noise);
  }
}

TEST_CASE("deflate: the first two bytes tell the formats apart") {
  // Every window that zlib's header can name (RFC 1950 2.2), then a stored block "hi" and its checksum.
  const std::string rest = "\x01\x02\x00\xfd\xffhi\x01\x3b\x00\xd2"s;
  for (unsigned window = 0; window <= 7; ++window) {
    const unsigned method = window * 16 + 8;
    const unsigned flags = (31 - method * 256 % 31) % 31;
    std::string coded{static_cast<char>(method), static_cast<char>(flags)};
    CHECK(decoded_in_every_way(new_deflate, coded + rest).body == "hi");
    CHECK(decoded(new_deflate, coded + rest).complete);
  }
  // A window that is too large, a check that is wrong, another method: these begin a bare stream, and not a good one.
  for (const std::string& head : {"\x88\x1c"s, "\x78\x9d"s}) {
    CHECK(inflate_error(head + rest) == "decode deflate: invalid stored block lengths");
  }
  // A bare stream that begins with a stored block whose unused bits are not zero looks like a method of 8.
  CHECK(decoded_in_every_way(new_deflate, "\x08\x02\x00\xfd\xffhi\x01\x00\x00\xff\xff"s).body == "hi");
  CHECK(decoded_in_every_way(new_deflate, "\x79\x02\x00\xfd\xffhi"s).body == "hi");
  // Another method with a check that is right: a stored block of 23 bytes.
  CHECK(decoded_in_every_way(new_deflate, "\x01\x17\x00\xe8\xff"s + std::string(23, 'd')).body == std::string(23, 'd'));
  CHECK(decoded_in_every_way(new_deflate, "\x03\x00"s).complete);
}

TEST_CASE("deflate: cut anywhere it is truncated") {
  const std::string body = sample_body();
  check_truncations(new_deflate, zlib_wrapped(body), body);
  check_truncations(new_deflate, bare_deflate(body), body);
  check_truncations(new_deflate, bare_deflate(body, 0), body);
  check_truncations(new_deflate, bare_deflate(""), "");
}

TEST_CASE("deflate: a flipped bit is found by zlib's checksum") {
  const std::string body = sample_body();
  CHECK(check_flipped_bits(new_deflate, zlib_wrapped(body), body) < 10);
  const std::string coded = zlib_wrapped(body);
  for (std::size_t from_end = 1; from_end <= 4; ++from_end) {
    CHECK(inflate_error(with_changed_byte(coded, from_end)) == "decode deflate: incorrect data check");
  }
}

TEST_CASE("deflate: nothing may follow it, and no dictionary is known") {
  for (const std::string& coded : {zlib_wrapped("body"), bare_deflate("body"), bare_deflate("")}) {
    for (const std::string& rest : {"x"s, "\0"s, coded}) {
      CHECK(inflate_error(coded + rest) == "decode deflate: there is data after its end");
    }
  }
  CHECK(inflate_error("\x78\x20\x01\x02\x03\x04\x03\x00"s) == "decode deflate: it needs a dictionary");
  CHECK(inflate_error("\x07\x00"s) == "decode deflate: invalid block type");
  CHECK(inflate_error("<html>").starts_with("decode deflate: "));
}
