// A jar whose servers and requests are lines of text.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/cookies.hpp"

namespace sluice::test {

inline constexpr UnixSeconds kJarStart = 1'700'000'000;

struct JarWorld {
  std::shared_ptr<CookieJar> jar = CookieJar::create();
  UnixSeconds wall = kJarStart;

  Now now() const { return {.steady = {}, .wall = wall}; }
  // A response with these Set-Cookie fields; returns how many cookies were taken.
  std::size_t set(std::string_view url, std::initializer_list<std::string_view> cookies) {
    Fields fields;
    for (const std::string_view cookie : cookies) REQUIRE(fields.add_received("Set-Cookie", cookie));
    return jar->receive(*Url::parse(url), fields, now());
  }
  std::size_t set(std::string_view url, std::string_view cookie) { return set(url, {cookie}); }
  std::string sent(std::string_view url) { return jar->header_for(*Url::parse(url), now()); }
};

}  // namespace sluice::test
