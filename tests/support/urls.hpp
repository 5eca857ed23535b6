// Parses URLs for tests: a URL that must be valid, or one that must be refused; otherwise the test fails with a clear
// message.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/url.hpp"

namespace sluice::test {

inline Url good(std::string_view text) {
  auto url = Url::parse(text);
  const std::string why = url ? std::string() : url.error().message();
  CAPTURE(text);
  REQUIRE_MESSAGE(url.has_value(), why);
  return *url;
}

inline Error bad(std::string_view text) {
  const auto url = Url::parse(text);
  CAPTURE(text);
  REQUIRE_FALSE(url.has_value());
  CHECK(url.error().blame == Blame::caller);
  return url.error();
}

inline bool is_bad(std::string_view text) { return bad(text).code == Code::invalid_url; }

}  // namespace sluice::test
