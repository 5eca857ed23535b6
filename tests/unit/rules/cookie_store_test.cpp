// core/rules/cookie_store alone: what it must hold to even if no rule before it does.
#include "core/rules/cookie_store.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using rules::CookieStore;
using rules::Host;

namespace {

constexpr UnixSeconds kNoon = 1'700'000'000;

Cookie secure_of(std::string domain) {
  return {.name = "a", .value = "1", .domain = std::move(domain), .host_only = false, .secure = true};
}

}  // namespace

TEST_CASE("SB-70 cookie store: what is stored for a part of an address is not the address's") {
  CookieStore store;
  store.put(secure_of("0.0.1"), kNoon);
  store.put(secure_of("x.127.0.0.1"), kNoon);
  CHECK(store.find(Host{"127.0.0.1", true}, "/", true, kNoon).empty());
  CHECK(store.find(Host{"127.0.0.1", false}, "/", true, kNoon).size() == 1);
  const Cookie cookie{.name = "a", .value = "2", .domain = "127.0.0.1"};
  CHECK_FALSE(store.hides_secure(cookie, true));
  CHECK(store.hides_secure(cookie, false));
  CHECK(store.remove("0.0.1", "/", "a") == 1);
  CHECK_FALSE(store.hides_secure(cookie, true));
  CHECK(store.hides_secure(cookie, false));
}

TEST_CASE("cookie store: each use is after the last, and an expiry that is gone does no harm") {
  CookieStore store;
  Cookie cookie = secure_of("example.org");
  cookie.expires = kNoon + 5;
  store.put(cookie, kNoon);
  const auto found = store.find(Host{"example.org", false}, "/", true, kNoon);
  REQUIRE(found.size() == 1);
  CHECK(found[0]->used > found[0]->created);
  CHECK(found[0]->backwards == "gro.elpmaxe");
  cookie.expires = kNoon + 9;
  store.put(cookie, kNoon);  // what was to expire at +5 expires later now
  store.remove_expired(kNoon + 5);
  CHECK(store.size() == 1);
  store.remove_expired(kNoon + 8);
  CHECK(store.size() == 1);
  store.remove_expired(kNoon + 9);
  CHECK(store.size() == 0);
}
