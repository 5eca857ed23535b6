// Names, blame, and the one line for people.
#include "core/error.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <string>
#include <vector>

namespace {
using namespace sluice;

std::vector<Code> all_codes() {
  std::vector<Code> codes;
  for (int value = static_cast<int>(Code::invalid_url); value <= static_cast<int>(Code::internal); ++value) {
    codes.push_back(static_cast<Code>(value));
  }
  return codes;
}

TEST_CASE("every code has a name of its own, in lower case") {
  std::set<std::string> names;
  for (const Code code : all_codes()) {
    const std::string name(to_string(code));
    CHECK_FALSE(name.empty());
    CHECK(name != "unknown");
    CHECK(std::all_of(name.begin(), name.end(),
                      [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }));
    CHECK(names.insert(name).second);
  }
  CHECK(to_string(Code::connect_failed) == "connect_failed");
  CHECK(to_string(Code::invalid_url) == "invalid_url");
  CHECK(to_string(static_cast<Code>(250)) == "unknown");
}

TEST_CASE("the blame follows from the code") {
  CHECK(blame_of(Code::invalid_url) == Blame::caller);
  CHECK(blame_of(Code::upload_failed) == Blame::caller);
  CHECK(blame_of(Code::canceled) == Blame::caller);
  CHECK(blame_of(Code::recursive_call) == Blame::caller);
  CHECK(blame_of(Code::resolve_failed) == Blame::network);
  CHECK(blame_of(Code::connection_closed) == Blame::network);
  CHECK(blame_of(Code::malformed_response) == Blame::peer);
  CHECK(blame_of(Code::truncated) == Blame::peer);
  CHECK(blame_of(Code::bad_coding) == Blame::peer);
  CHECK(blame_of(Code::http2_error) == Blame::peer);
  CHECK(blame_of(Code::http2_stream) == Blame::peer);
  CHECK(blame_of(Code::tls_certificate) == Blame::peer);
  CHECK(blame_of(Code::authentication_failed) == Blame::peer);
  CHECK(blame_of(Code::idle_timeout) == Blame::limit);
  CHECK(blame_of(Code::attempts_timeout) == Blame::limit);
  CHECK(blame_of(Code::descriptor_too_large) == Blame::limit);
  CHECK(blame_of(Code::out_of_memory) == Blame::internal);
  CHECK(blame_of(Code::internal) == Blame::internal);
  for (const Code code : all_codes()) CHECK(make_error(code, "x").blame == blame_of(code));
  CHECK(to_string(Blame::caller) == "caller");
  CHECK(to_string(Blame::internal) == "internal");
}

TEST_CASE("every blame has a name of its own") {
  CHECK(to_string(Blame::caller) == "caller");
  CHECK(to_string(Blame::peer) == "peer");
  CHECK(to_string(Blame::network) == "network");
  CHECK(to_string(Blame::limit) == "limit");
  CHECK(to_string(Blame::internal) == "internal");
}

TEST_CASE("make_error keeps what it is told and promises nothing") {
  const Error error = make_error(Code::connect_failed, "connect to example.org:443: connection refused", 111);
  CHECK(error.code == Code::connect_failed);
  CHECK(error.blame == Blame::network);
  CHECK(error.detail == 111);
  CHECK_FALSE(error.retry_safe);
  CHECK(error.message() == "connect to example.org:443: connection refused");
  CHECK(make_error(Code::internal, "").detail == 0);
}

TEST_CASE("a message is never empty") {
  for (const Code code : all_codes()) CHECK(make_error(code, "").message() == to_string(code));
}

TEST_CASE("a message is one line, and no byte of it drives a terminal") {
  CHECK(make_error(Code::internal, "a\r\nb\tc").message() == "a\\x0d\\x0ab\\x09c");
  CHECK(make_error(Code::internal, "\x1b[31mred\x7f").message() == "\\x1b[31mred\\x7f");
  CHECK(make_error(Code::internal, std::string("nul\0!", 5)).message() == "nul\\x00!");
  CHECK(make_error(Code::internal,
                   "\xc2\x9b"
                   "31m")
            .message() == "\\xc2\\x9b31m");                                              // CSI as UTF-8
  CHECK(make_error(Code::internal, "a\xe2\x80\xa8z").message() == "a\\xe2\\x80\\xa8z");  // a line separator
  for (int byte = 0x80; byte <= 0x9f; ++byte) {  // U+0080 to U+009F: controls, of which a terminal acts on some
    const std::string context = std::string("a\xc2") + static_cast<char>(byte) + "z";
    constexpr char kHex[] = "0123456789abcdef";
    const std::string shown = std::string("a\\xc2\\x") + kHex[byte >> 4] + kHex[byte & 0xf] + "z";
    CHECK(make_error(Code::internal, context).message() == shown);
  }
  CHECK(make_error(Code::internal, "a\xc2\xa0\xc2").message() == "a\xc2\xa0\xc2");
  CHECK(make_error(Code::internal, "K\xc3\xb6ln \xe2\x82\xac \xc2\xa3").message() ==
        "K\xc3\xb6ln \xe2\x82\xac \xc2\xa3");
  CHECK(make_error(Code::internal, "end \xc2").message() == "end \xc2");
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  for (const char c : make_error(Code::internal, every).message()) {
    CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(c != 0x7f);
  }
}

TEST_CASE("a message escapes what ends a line or drives a terminal in UTF-8 as well, and nothing beside it") {
  const auto escaped = [](std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
      constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
    return text;
  };
  const auto shown = [](std::string_view bytes) {
    return make_error(Code::internal, "a" + std::string(bytes) + "b").message();
  };
  for (int c = 0x80; c <= 0xbf; ++c) {  // U+0080 to U+009F are control characters, U+00A0 to U+00BF are not
    const std::string bytes = {'\xc2', static_cast<char>(c)};
    CAPTURE(c);
    CHECK(shown(bytes) == "a" + (c <= 0x9f ? escaped(bytes) : bytes) + "b");
  }
  for (int c = 0xa7; c <= 0xaa; ++c) {  // U+2028 and U+2029 separate lines and paragraphs
    const std::string bytes = {'\xe2', '\x80', static_cast<char>(c)};
    CAPTURE(c);
    CHECK(shown(bytes) == "a" + (c == 0xa8 || c == 0xa9 ? escaped(bytes) : bytes) + "b");
  }
  for (int c = 1; c < 0x20; ++c)
    CHECK(shown(std::string(1, static_cast<char>(c))) == "a" + escaped(std::string(1, static_cast<char>(c))) + "b");
  CHECK(shown("\x7f") == "a\\x7fb");
  CHECK(make_error(Code::internal, "cut \xc2").message() == "cut \xc2");  // half of a character is no control byte
}

TEST_CASE("codes live as std::error_code too") {
  const std::error_code code = Code::truncated;
  CHECK(code);
  CHECK(code == Code::truncated);
  CHECK(code != Code::canceled);
  CHECK(code.message() == "truncated");
  CHECK(std::string(code.category().name()) == "sluice");
  CHECK(&code.category() == &error_category());
  CHECK(error_category().message(0) == "unknown error");
  CHECK(error_category().message(1000) == "unknown error");
  CHECK(error_category().message(-1) == "unknown error");
}

}  // namespace
