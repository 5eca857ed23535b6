// core/base/base64: the test vectors of RFC 4648 10, and every digit.
#include "core/base/base64.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace sluice;

TEST_CASE("base64: the vectors of RFC 4648 10") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("fooba") == "Zm9vYmE=");
  CHECK(base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("base64: each of the 64 digits, from bytes of every value") {
  std::string bytes;
  for (unsigned value = 0; value < 64; value += 4) {
    const unsigned bits = value << 18 | (value + 1) << 12 | (value + 2) << 6 | (value + 3);
    bytes += {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8), static_cast<char>(bits)};
  }
  CHECK(base64(bytes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  CHECK(base64(std::string("\0", 1)) == "AA==");
  CHECK(base64("\xff\xff\xff") == "////");
}

TEST_CASE("base64: what was encoded is decoded, with its padding or without") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const std::string text = base64(bytes);
    CHECK(from_base64(text) == bytes);
    CHECK(from_base64(text.substr(0, text.find('='))) == bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST_CASE("base64: what is no such text is refused") {
  for (const std::string_view bad : {"A", "AAAAA", "A===", "====", "=", "Zg=", "Zg=a",
                                     "Zh==", "Zm9=", "Zg==Zg==", "Z g=", "Zg\n", "Zm9-", "Zm9_", "\xff\xff\xff\xff"}) {
    CAPTURE(bad);
    CHECK_FALSE(from_base64(bad));
  }
}
