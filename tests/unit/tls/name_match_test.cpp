// core/tls/name_match.hpp: which names in a certificate are valid for a host.
#include "core/tls/name_match.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using tls::dns_name_matches;
using tls::ip_address_matches;

TEST_CASE("a dNSName matches the same name in any case, and nothing near it") {
  CHECK(dns_name_matches("example.org", "example.org"));
  CHECK(dns_name_matches("EXAMPLE.Org", "example.org"));
  CHECK(dns_name_matches("localhost", "localhost"));
  CHECK(dns_name_matches("a_b.xn--bcher-kva.example", "a_b.xn--bcher-kva.example"));
  for (const char* other : {"", ".", "example.com", "www.example.org", "xample.org", "example.org.", ".example.org",
                            "example..org", "example.or", "example.org.evil", "example.org "}) {
    CAPTURE(other);
    CHECK_FALSE(dns_name_matches(other, "example.org"));
  }
  CHECK_FALSE(dns_name_matches("", ""));
  CHECK_FALSE(dns_name_matches("a..b", "a..b"));
}

TEST_CASE("SB-49 only a whole leftmost label is a wildcard, and stands for exactly one label") {
  CHECK(dns_name_matches("*.example.org", "www.example.org"));
  CHECK(dns_name_matches("*.EXAMPLE.org", "www.example.ORG"));
  CHECK_FALSE(dns_name_matches("*.example.org", "example.org"));
  CHECK_FALSE(dns_name_matches("*.example.org", "a.b.example.org"));
  CHECK_FALSE(dns_name_matches("*.example.org", ".example.org"));
  CHECK_FALSE(dns_name_matches("*.example.org", "www.example.net"));
  for (const char* pattern : {"*", "*.", "*.org", "*.*", "*.*.org", "w*.example.org", "*w.example.org",
                              "w*w.example.org", "www.*.org", "www.example.*", "**.example.org", "*.*.example.org",
                              "x*", "*www.example.org", "xn--*.example.org", "*.example..org"}) {
    CAPTURE(pattern);
    CHECK_FALSE(dns_name_matches(pattern, "www.example.org"));
  }
  CHECK_FALSE(dns_name_matches("*.a", "x.a"));
  CHECK_FALSE(dns_name_matches("x*", "xy"));
  CHECK_FALSE(dns_name_matches("*.*", "a.b"));
}

TEST_CASE("SB-49 SB-08 a dNSName never matches an address") {
  CHECK_FALSE(dns_name_matches("*.1.2.3", "4.1.2.3"));
  CHECK_FALSE(dns_name_matches("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(dns_name_matches("*.0.0.1", "127.0.0.1"));
  CHECK_FALSE(dns_name_matches("::1", "::1"));
}

TEST_CASE("SB-09 a NUL or a stray byte matches nothing") {
  const std::string nul("example.org\0.evil.test", 22);
  CHECK_FALSE(dns_name_matches(nul, "example.org"));
  CHECK_FALSE(dns_name_matches(nul, nul));
  CHECK_FALSE(dns_name_matches("ex\xc3\xa4mple.org", "ex\xc3\xa4mple.org"));
  CHECK_FALSE(dns_name_matches("a/b.org", "a/b.org"));
}

TEST_CASE("names and labels over their lengths match nothing") {
  const std::string label(63, 'a');
  CHECK(dns_name_matches(label + ".org", label + ".org"));
  CHECK_FALSE(dns_name_matches(label + "a.org", label + "a.org"));
  std::string name;
  while (name.size() < 252) name += "a.";
  CHECK(dns_name_matches(name + "b", name + "b"));
  CHECK_FALSE(dns_name_matches(name + "bb", name + "bb"));
}

TEST_CASE("SB-08 addresses match by all their octets") {
  const std::string v4("\x7f\0\0\1", 4);
  const std::string v6("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  CHECK(ip_address_matches(as_bytes(v4), as_bytes(v4)));
  CHECK(ip_address_matches(as_bytes(v6), as_bytes(v6)));
  CHECK_FALSE(ip_address_matches(as_bytes(v4), as_bytes(v6)));
  CHECK_FALSE(ip_address_matches(as_bytes(std::string("\x7f\0\0\2", 4)), as_bytes(v4)));
  CHECK_FALSE(ip_address_matches(as_bytes(std::string("\x7f\0\0\1\xff\0\0\0", 8)), as_bytes(v4)));  // address and mask
  CHECK_FALSE(ip_address_matches({}, {}));
}
