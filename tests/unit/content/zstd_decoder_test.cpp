// The decoder of zstd: every split, truncation and flipped bit, frames of every kind, and the limit of the window.
#include "core/content/zstd_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/coded.hpp"
#include "tests/support/pattern.hpp"
#include "tests/unit/content/decode_tools.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

std::unique_ptr<content::Decoder> new_zstd() { return std::move(*content::make_zstd_decoder()); }

std::string unzstd_error(const std::string& coded) {
  const Decoding got = decoded_in_every_way(new_zstd, coded);
  CHECK(got.failed_with(Code::bad_coding));
  return got.message;
}

const std::string kZstdMagic = "\x28\xb5\x2f\xfd";
const std::string kHello = "\x29\x00\x00hello"s;                   // RFC 8878 3.1.1.2: the last block, raw, of 5 bytes
const std::string kRun = "\x63\x09\x00\x61"s;                      // the last block, 300 times the letter a
const std::string kSkipped = "\x2a\x4d\x18\x04\x00\x00\x00skip"s;  // without its first byte

}  // namespace

TEST_CASE("zstd: bodies of several kinds, in every split") {
  for (const int level : {1, 3, 19}) {
    CAPTURE(level);
    for (const std::string& body : {""s, "a"s, sample_body(), std::string(1'000, 'z')}) {
      const Decoding got = decoded_in_every_way(new_zstd, zstd(body, level));
      CHECK(got.complete);
      CHECK(got.body == body);
      CHECK(decoded_in_every_way(new_zstd, zstd_without_checksum(body)).body == body);
    }
  }
  const std::string_view noise = pattern(300'000, 0);
  for (const Sizes sizes : {Sizes{}, Sizes{300'100, 1'000'000}, Sizes{1'000, 77}, Sizes{77, 1'000}}) {
    CHECK(decoded(new_zstd, zstd(noise), sizes).body == noise);
  }
}

TEST_CASE("zstd: cut anywhere it is truncated") {
  check_truncations(new_zstd, zstd(sample_body()), sample_body());
  check_truncations(new_zstd, zstd_without_checksum(sample_body()), sample_body());
  check_truncations(new_zstd, zstd(""), "");
  check_truncations(new_zstd, zstd("first") + zstd("second"), "firstsecond", zstd("first").size());
}

TEST_CASE("zstd: a flipped bit is found by the checksum") {
  CHECK(check_flipped_bits(new_zstd, zstd(sample_body()), sample_body()) < 10);
  std::string coded = zstd(sample_body());
  for (std::size_t from_end = 1; from_end <= 4; ++from_end) {
    std::string broken = coded;
    broken[broken.size() - from_end] =
        static_cast<char>(static_cast<unsigned char>(broken[broken.size() - from_end]) ^ 1U);
    CHECK(unzstd_error(broken) == "decode zstd: Restored data doesn't match checksum");
  }
}

TEST_CASE("zstd: several frames are one body, and some are skipped") {
  const auto body_of = [](const std::string& coded) {
    const Decoding got = decoded_in_every_way(new_zstd, coded);
    CHECK(got.message == "");
    CHECK(got.complete);
    return got.body;
  };
  CHECK(body_of(zstd("one") + zstd("") + zstd_without_checksum("two") + zstd(sample_body())) ==
        "onetwo" + sample_body());
  for (const char first : {'\x50', '\x57', '\x5f'}) {
    const std::string skipped = first + kSkipped;
    CHECK(body_of(skipped) == "");
    CHECK(body_of(skipped + zstd("one") + skipped + skipped + zstd("two") + skipped) == "onetwo");
  }
  CHECK(body_of("\x50\x2a\x4d\x18\x00\x00\x00\x00"s + zstd("one")) == "one");
}

TEST_CASE("zstd: what begins no frame is refused, first and later") {
  const std::string others[] = {"<html>", "x", "\x28\xb5\x2f\xfe"s + kHello, "\x28\xb5\x2e\xfd"s, "\x28\xb4",
                                "\x60" + kSkipped, "\x4f" + kSkipped, "\x50\x2b\x4d\x18"s, "\x50\x2a\x4e\x18"s,
                                "\x50\x2a\x4d\x19\x00\x00\x00\x00"s,
                                // formats before RFC 8878
                                "\x25\xb5\x2f\xfd\x00\x68"s + kHello, "\x26\xb5\x2f\xfd\x00\x68"s + kHello,
                                "\x27\xb5\x2f\xfd\x00\x68"s + kHello, "\xfd\x2f\xb5\x1e"s};
  for (const std::string& other : others) {
    CHECK(unzstd_error(other) == "decode zstd: it begins with no frame");
    CHECK(unzstd_error(zstd("body") + other) == "decode zstd: there is data after its end");
  }
}

TEST_CASE("zstd: a window of 8 MiB and no more (RFC 9659), however the data is split") {
  const std::string too_large = "decode zstd: Frame requires too much memory for decoding";
  CHECK(decoded_in_every_way(new_zstd, kZstdMagic + "\x00\x68"s + kHello).body == "hello");
  CHECK(unzstd_error(kZstdMagic + "\x00\x69"s + kHello) == too_large);
  CHECK(unzstd_error(kZstdMagic + "\x00\x70"s + kHello) == too_large);
  CHECK(unzstd_error(kZstdMagic + "\x00\xff"s + kHello) == too_large);
  // libzstd would decode this at once if it had space for all of it.
  CHECK(decoded_in_every_way(new_zstd, kZstdMagic + "\x40\x68\x2c\x00"s + kRun).body == std::string(300, 'a'));
  CHECK(unzstd_error(kZstdMagic + "\x40\x70\x2c\x00"s + kRun) == too_large);
  CHECK(unzstd_error(zstd("one") + kZstdMagic + "\x40\x70\x2c\x00"s + kRun) == too_large);
  // A frame of a single segment: its size is its window, 8 MiB and one byte.
  CHECK(unzstd_error(kZstdMagic + "\xa0\x01\x00\x80\x00"s + kHello) == too_large);
}

TEST_CASE("zstd: a large body with the largest window fits into the memory that it may have") {
  std::string body;
  for (std::size_t i = 0; i < 10; ++i) body += pattern(1'048'576, i % 7 * 50'000);
  const std::string coded = zstd(body, 1, 23);
  CHECK(coded.size() < body.size() * 3 / 4);
  const Decoding got = decoded(new_zstd, coded + coded);
  CHECK(got.message == "");
  CHECK((got.body == body + body));
}

TEST_CASE("zstd: broken frames, and one that needs a dictionary") {
  CHECK(unzstd_error(kZstdMagic + "\x01\x68\x07"s + kHello) == "decode zstd: Dictionary mismatch");
  CHECK(unzstd_error(kZstdMagic + "\x08\x68"s + kHello) == "decode zstd: Unsupported frame parameter");
  CHECK(unzstd_error(kZstdMagic + "\x00\x68\x07\x00\x00"s) == "decode zstd: Data corruption detected");
  // The size in the header is not that of the data.
  CHECK(unzstd_error(kZstdMagic + "\x20\x06"s + kHello).starts_with("decode zstd: "));
  CHECK(unzstd_error(kZstdMagic + "\x20\x04"s + kHello).starts_with("decode zstd: "));
  CHECK(decoded_in_every_way(new_zstd, kZstdMagic + "\x20\x05"s + kHello).body == "hello");
}
