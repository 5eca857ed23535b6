// core/url: queries made from names and values.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/url.hpp"

namespace sluice {
namespace {

Url url(std::string_view text) { return Url::parse(text).value(); }

}  // namespace

TEST_CASE("url query: names and values are encoded, whatever they hold") {
  const Url base = url("http://h/p");
  CHECK(base.with_parameters({{"q", "a b&c=d"}, {"n", "1"}}).value().text() == "http://h/p?q=a%20b%26c%3Dd&n=1");
  CHECK(base.with_parameters({{"#?/%", "+\xc3\xa9\r\n"}}).value().text() == "http://h/p?%23%3F%2F%25=%2B%C3%A9%0D%0A");
  CHECK(base.with_parameters({{"", ""}}).value().text() == "http://h/p?=");
  CHECK(base.with_parameters({{"keep-._~", "az09"}}).value().text() == "http://h/p?keep-._~=az09");
  const std::vector<QueryParameter> none;
  CHECK(base.with_parameters(none).value() == base);
}

TEST_CASE("url query: parameters come after those that are there; the fragment stays last") {
  CHECK(url("https://u:p@[fe80::1%25eth0]:8443/p?a=1#f").with_parameters({{"b", "2"}}).value().text() ==
        "https://u:p@[fe80::1%25eth0]:8443/p?a=1&b=2#f");
  CHECK(url("http://h/?").with_parameters({{"b", "2"}}).value().query() == "b=2");
  CHECK(url("http://h/?a&").with_parameters({{"b", "2"}}).value().query() == "a&b=2");
}

TEST_CASE("url query: another query, as it stands in a URL") {
  CHECK(url("http://h/p?a=1#f").with_query("x=%20y").value().text() == "http://h/p?x=%20y#f");
  CHECK(url("http://h").with_query("a#b").value().text() == "http://h/?a%23b");
  CHECK(url("http://h/p?a").with_query("").value().query() == "");
  CHECK(url("http://h/").with_query("a\nb").error().code == Code::invalid_url);
  CHECK(url("http://h/").with_query(std::string(1 << 20, 'a')).error().code == Code::invalid_url);
}

TEST_CASE("url query: more of it, as it stands in a URL") {
  const auto more = [](std::string_view text, std::string_view query) {
    return url(text).with_more_query(query).value().text();
  };
  CHECK(more("http://h/p", "a") == "http://h/p?a");
  CHECK(more("http://h/p?", "a") == "http://h/p?a");
  CHECK(more("http://h/p?x", "a=1&b#?") == "http://h/p?x&a=1&b%23?");
  CHECK(more("http://h/p?x&#f", "a") == "http://h/p?x&a#f");
  CHECK(more("http://h/p?x#f", "") == "http://h/p?x#f");
  CHECK(more("http://h/p?", "") == "http://h/p?");
  CHECK(url("http://h/").with_more_query("a b").error().code == Code::invalid_url);
}

TEST_CASE("url query: the same text is a form's") {
  const std::vector<QueryParameter> form = {{"name", "J. Doe"}, {"note", "100%"}};
  CHECK(encode_parameters(form) == "name=J.%20Doe&note=100%25");
  CHECK(encode_parameters({}).empty());
}

}  // namespace sluice
