// core/url: a URL with one part changed and the rest unchanged.
#include <doctest/doctest.h>

#include <string>

#include "core/url.hpp"

namespace sluice {
namespace {

Url parsed(std::string_view text) { return Url::parse(text).value(); }

}  // namespace

TEST_CASE("url edit: the file name is what comes after the last slash of the path") {
  CHECK(parsed("http://h").file_name() == "");
  CHECK(parsed("http://h/a/").file_name() == "");
  CHECK(parsed("http://h/a/b%2fc?d/e#f/g").file_name() == "b%2fc");
  CHECK(parsed("http://h/a/..").file_name() == "");
  CHECK(Url().file_name() == "");
}

TEST_CASE("url edit: another file name leaves the rest as it was") {
  const auto with = [](std::string_view text, std::string_view name) {
    return parsed(text).with_file_name(name).value().text();
  };
  CHECK(with("http://h", "f") == "http://h/f");
  CHECK(with("https://u:p@[fe80::1%25eth0]:8443/d/old?q/r#s/t", "new") ==
        "https://u:p@[fe80::1%25eth0]:8443/d/new?q/r#s/t");
  CHECK(with("http://h/d/?", "a b/c?#%") == "http://h/d/a%20b%2Fc%3F%23%25?");
  CHECK(with("http://h/d/x", "") == "http://h/d/");
  CHECK(with("http://h/d/x", "..") == "http://h/");
  CHECK(parsed("http://h/").with_file_name(std::string(1 << 20, 'a')).error().code == Code::invalid_url);
}

TEST_CASE("SB-31 url edit: without userinfo") {
  const auto bare = [](std::string_view text) { return parsed(text).without_userinfo().value().text(); };
  CHECK(bare("http://u:p@h:8080/x@y?a@b#c@d") == "http://h:8080/x@y?a@b#c@d");
  CHECK(bare("http://u@[::1]/") == "http://[::1]/");
  CHECK(bare("http://h/x@y") == "http://h/x@y");
  CHECK_FALSE(parsed("http://:p@h/").without_userinfo().value().has_userinfo());
}

}  // namespace sluice
