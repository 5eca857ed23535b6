// core/url: what people type as a URL. The reference for the scheme is curl 7.88.
#include <doctest/doctest.h>

#include <string>

#include "core/url.hpp"

namespace sluice {

TEST_CASE("url typed: a missing scheme is http") {
  const auto typed = [](std::string_view text) { return Url::parse_typed(text).value().text(); };
  CHECK(typed("h/x") == "http://h/x");
  CHECK(typed("localhost:8080") == "http://localhost:8080/");
  CHECK(typed("u:p@h/x") == "http://u:p@h/x");
  CHECK(typed("[::1]:80/x") == "http://[::1]/x");
  CHECK(typed("h?http://x/") == "http://h/?http://x/");
  CHECK(typed("HTTPS://h") == "https://h/");
  CHECK(typed("http://h") == "http://h/");
}

TEST_CASE("url typed: what has another scheme is refused as it is") {
  CHECK(Url::parse_typed("ftp://h/").error().code == Code::unsupported_scheme);
  CHECK(Url::parse_typed("x+y:/h").error().code == Code::unsupported_scheme);
  for (const char* text : {"", "1a:/b", "http:/h", "://h", "mailto:a", "a b"}) {
    CAPTURE(text);
    CHECK(Url::parse_typed(text).error().code == Code::invalid_url);
  }
}

TEST_CASE("SB-31 url typed: without userinfo, and otherwise as it was") {
  CHECK(typed_without_userinfo("http://us%20er:pa@H/x@y?a@b") == "http://H/x@y?a@b");
  CHECK(typed_without_userinfo("u:p@h/./x") == "h/./x");
  CHECK(typed_without_userinfo("h/x@y") == "h/x@y");
  CHECK(typed_without_userinfo("h?http://x@y/") == "h?http://x@y/");
  CHECK(typed_without_userinfo("HTTP://h") == "HTTP://h");
  CHECK(typed_without_userinfo("") == "");
}

TEST_CASE("SB-31 url typed: of what cannot be read, all up to the last '@' goes") {
  CHECK(typed_without_userinfo("http://u:p/q@h/x") == "http://h/x");
  CHECK(typed_without_userinfo("http://u:p@q@h/x@y") == "http://y");
  CHECK(typed_without_userinfo("ftp://u:p@h/x") == "ftp://h/x");
  CHECK(typed_without_userinfo("u:p w@h") == "h");
  CHECK(typed_without_userinfo("a@http://h b") == "http://h b");
}

}  // namespace sluice
