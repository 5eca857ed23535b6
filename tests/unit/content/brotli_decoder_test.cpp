// The decoder of br: every split and truncation, windows, broken data and what follows its end.
#include "core/content/brotli_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/coded.hpp"
#include "tests/support/pattern.hpp"
#include "tests/unit/content/decode_tools.hpp"

using namespace sluice;
using namespace sluice::test;
using namespace std::string_literals;

namespace {

std::unique_ptr<content::Decoder> new_brotli() { return std::move(*content::make_brotli_decoder()); }

std::string unbrotli_error(const std::string& coded) {
  const Decoding got = decoded_in_every_way(new_brotli, coded);
  CHECK(got.failed_with(Code::bad_coding));
  return got.message;
}

}  // namespace

TEST_CASE("br: bodies of several kinds, in every split") {
  for (const int quality : {0, 5, 11}) {
    for (const int window : {10, 16, 24}) {
      CAPTURE(quality);
      CAPTURE(window);
      for (const std::string& body : {""s, "a"s, sample_body(), std::string(1'000, 'z')}) {
        const Decoding got = decoded_in_every_way(new_brotli, brotli(body, quality, window));
        CHECK(got.complete);
        CHECK(got.body == body);
      }
    }
  }
  const std::string_view noise = pattern(300'000, 0);
  const std::string coded = brotli(noise, 1);
  for (const Sizes sizes : {Sizes{}, Sizes{300'100, 1'000'000}, Sizes{1'000, 77}, Sizes{77, 1'000}}) {
    CHECK(decoded(new_brotli, coded, sizes).body == noise);
  }
}

TEST_CASE("br: the static dictionary is there (RFC 7932 8)") {
  const std::string body = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" this is the time of the day";
  const std::string coded = brotli(body, 11);
  CHECK(coded.size() < body.size());
  CHECK(decoded_in_every_way(new_brotli, coded).body == body);
}

TEST_CASE("br: cut anywhere it is truncated") {
  check_truncations(new_brotli, brotli(sample_body()), sample_body());
  check_truncations(new_brotli, brotli(sample_body(), 11), sample_body());
  check_truncations(new_brotli, brotli(""), "");
}

TEST_CASE("br: a flipped bit does no harm") {
  // There is no checksum: what is not refused decodes to something.
  const std::string coded = brotli(sample_body());
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < coded.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string broken = coded;
    broken[bit / 8] = static_cast<char>(static_cast<unsigned char>(broken[bit / 8]) ^ (1U << (bit % 8)));
    const Decoding got = decoded(new_brotli, broken, {7, 100});
    if (got.complete) continue;
    CHECK((got.code == Code::bad_coding || got.code == Code::truncated));
    ++refused;
  }
  CHECK(refused > 100);
}

TEST_CASE("br: broken data, a window larger than RFC 7932 knows, and data after the end") {
  CHECK(unbrotli_error("\xff\xff\xff\xff") == "decode br: PADDING_2");
  CHECK(unbrotli_error("<html></html>").starts_with("decode br: "));
  CHECK(unbrotli_error("\x11\x1e\x00\x00\x00"s).starts_with("decode br: "));
  for (const std::string& coded : {brotli("body"), brotli(""), brotli(sample_body())}) {
    for (const std::string& rest : {"x"s, "\0"s, coded}) {
      CHECK(unbrotli_error(coded + rest) == "decode br: there is data after its end");
    }
  }
}

TEST_CASE("br: the largest window fits into the memory that it may have") {
  // 18 MiB that repeat from 15 MiB before.
  std::string body;
  for (std::size_t i = 0; i < 15; ++i) body += pattern(1'048'576, i * 50'000);
  body += std::string(body, 0, 3 * 1'048'576);
  const std::string coded = brotli(body, 2, 24);
  const Decoding got = decoded(new_brotli, coded);
  CHECK(got.complete);
  CHECK((got.body == body));
}
