// Hosts with characters beyond ASCII: their form in a URL, and what no host may hold whatever it is mapped to.
#include <doctest/doctest.h>

#include <string>

#include "core/features.hpp"
#include "core/url.hpp"

using namespace sluice;

namespace {

// The host, or "refused".
std::string host_of(const std::string& url) {
  const auto parsed = Url::parse(url);
  if (parsed) return std::string(parsed->host());
  CHECK(parsed.error().code == Code::invalid_url);
  return "refused";
}

}  // namespace

TEST_CASE("SB-79 url: a name beyond ASCII has the one form of IDNA 2008, and its text shows it") {
  if (!features().idn) {
    CHECK(host_of("http://stra\u00dfe.de/") == "refused");
    return;
  }
  CHECK(host_of("http://stra\u00dfe.de/") == "xn--strae-oqa.de");
  CHECK(host_of("http://STRASSE.de/") == "strasse.de");
  CHECK(host_of("http://stra%C3%9Fe.de/") == "xn--strae-oqa.de");
  CHECK(host_of("http://M\u00dcnchen.de/") == "xn--mnchen-3ya.de");
  CHECK(host_of("http://xn--mnchen-3ya.de/") == "xn--mnchen-3ya.de");
  CHECK(host_of("http://\u4f8b\u3048.\u30c6\u30b9\u30c8/") == "xn--r8jz45g.xn--zckzah");
  CHECK(Url::parse("http://b\u00fccher.example:8080/\u00fc")->text_without_secrets() ==
        "http://xn--bcher-kva.example:8080/%C3%BC");
}

TEST_CASE("SB-75 url: dots of other scripts are dots") {
  if (!features().idn) return;
  CHECK(host_of("http://example\u3002org/") == "example.org");
  CHECK(host_of("http://example\uff0eorg/") == "example.org");
  CHECK(host_of("http://\uff45xample.org/") == "example.org");  // a full-width letter
}

TEST_CASE("SB-77 url: what is mapped to a character that no host may hold is refused, and so is what is no name") {
  for (const char* host : {"a\uff0fb.example", "a\uff20b.example", "a\uff03b.example", "\u2100.example",
                           "\xff\xfe.example", "\xc3.example", "%C3.example", "a%00\u00fc.example",
                           "a@\u00fc%2fb.example", "\u200d.example", "\uff11.\uff12", "\u00fc..example"}) {
    CAPTURE(host);
    CHECK(host_of("http://" + std::string(host) + "/") == "refused");
  }
  if (features().idn) CHECK(host_of("http://a\u00adb.example/") == "ab.example");
  CHECK(host_of("http://" + std::string(100, 'a') + "\u00fc.example/") == "refused");
}
