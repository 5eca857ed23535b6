// The text of -v, -i and -D.
#include "adapters/cli/verbose.hpp"

#include <doctest/doctest.h>

using namespace sluice;
using namespace sluice::cli;

namespace {
ResponseHead some_head() {
  ResponseHead head;
  head.status = 200;
  head.reason = "OK";
  REQUIRE(head.fields.add("X-Case", "kept").has_value());
  REQUIRE(head.fields.add("Set-Cookie", "id=secret; Path=/").has_value());
  return head;
}
}  // namespace

TEST_CASE("head_text is the head as received") {
  CHECK(head_text(some_head()) == "HTTP/1.1 200 OK\r\nX-Case: kept\r\nSet-Cookie: id=secret; Path=/\r\n\r\n");
  ResponseHead bare;
  bare.status = 204;
  bare.version = {1, 0};
  CHECK(head_text(bare) == "HTTP/1.0 204 \r\n\r\n");
}

TEST_CASE("SB-31 verbose text holds no credentials, whatever their case and scheme") {
  const std::string text = verbose_request(
      "GET / HTTP/1.1\r\nHost: a\r\nauthorization: Bearer tok\r\nProxy-AUTHORIZATION: tok\r\nCookie: a=tok; "
      "b=tok\r\nX: y\r\n\r\n");
  CHECK(text ==
        "> GET / HTTP/1.1\n> Host: a\n> authorization: Bearer <redacted>\n> Proxy-AUTHORIZATION: <redacted>\n"
        "> Cookie: <redacted>\n> X: y\n> \n");
  CHECK(verbose_response(some_head()) == "< HTTP/1.1 200 OK\n< X-Case: kept\n< Set-Cookie: id=<redacted>\n< \n");
}

TEST_CASE("SB-31 verbose text holds no userinfo of a redirect's target") {
  ResponseHead head;
  head.status = 302;
  REQUIRE(head.fields.add("Location", "http://u:secret@h/"));
  CHECK(verbose_response(head) == "< HTTP/1.1 302 \n< Location: http://h/\n< \n");
}

TEST_CASE("verbose_connection: address and TLS, which is said once; nothing that a terminal would act on") {
  TransferInfo info;
  info.address = {.ip = *IpAddress::parse("192.0.2.7"), .port = 8443};
  const Url url = *Url::parse("https://example.org:8443/");
  CHECK(verbose_connection(url, info) == "* Connected to example.org port 8443 (192.0.2.7:8443)\n");
  info.reused = true;
  CHECK(verbose_connection(url, info) ==
        "* Re-using existing connection with host example.org port 8443 (192.0.2.7:8443)\n");
  info.reused = false;
  info.tls_version = "TLSv1.3";
  info.tls_cipher = "TLS_AES_128_GCM_SHA256";
  info.tls_group = "X25519";
  info.alpn = "http/1.1";
  info.tls_subject = "CN=\x1b[2Jevil";
  info.tls_issuer = "CN=ca";
  CHECK(verbose_connection(url, info) ==
        "* Connected to example.org port 8443 (192.0.2.7:8443)\n"
        "* TLS: TLSv1.3, TLS_AES_128_GCM_SHA256, X25519\n* ALPN: server accepted http/1.1\n"
        "* Server certificate:\n*  subject: CN=?[2Jevil\n*  issuer: CN=ca\n*  SSL certificate is not verified.\n");
  info.tls_not_before = 784111777;
  info.tls_not_after = 784111778;
  info.tls_verified = true;
  CHECK(
      verbose_connection(url, info).ends_with("*  subject: CN=?[2Jevil\n*  start date: Sun, 06 Nov 1994 08:49:37 GMT\n"
                                              "*  expire date: Sun, 06 Nov 1994 08:49:38 GMT\n*  issuer: CN=ca\n"
                                              "*  SSL certificate verify ok.\n"));
  info.tls_group.clear();
  info.tls_resumed = true;
  info.alpn.clear();
  info.stream_id = 7;
  CHECK(verbose_connection(url, info).find("\n* ALPN: none\n") != std::string::npos);
  CHECK(verbose_connection(url, info).ends_with("\n* using HTTP/2, stream 7\n"));
  CHECK(verbose_connection(url, info).find("\n* TLS: TLSv1.3, TLS_AES_128_GCM_SHA256, resumed session\n") !=
        std::string::npos);
  info.reused = true;
  CHECK(verbose_connection(url, info) ==
        "* Re-using existing connection with host example.org port 8443 (192.0.2.7:8443)\n"
        "* using HTTP/2, stream 7\n");
}

TEST_CASE("verbose_connection: TLS with an https proxy is named as its own, before the server's") {
  TransferInfo info;
  info.address = {.ip = *IpAddress::parse("192.0.2.7"), .port = 443};
  info.proxy = "https://p.test:443";
  info.connect_status = 200;
  info.proxy_tls.push_back({.version = "TLSv1.2",
                            .cipher = "C",
                            .alpn = "h\x1b",
                            .resumed = true,
                            .subject = "CN=\x1bp",
                            .issuer = "CN=i",
                            .not_after = 784111777,
                            .verified = true});
  info.tls_version = "TLSv1.3";
  info.tls_cipher = "D";
  info.tls_subject = "CN=o";
  const Url url = *Url::parse("https://example.org/");
  CHECK(verbose_connection(url, info) ==
        "* Connected to example.org port 443 (192.0.2.7:443)\n"
        "* Through the proxy https://p.test:443, which answered CONNECT with 200\n"
        "* Proxy TLS: TLSv1.2, C, resumed session\n* ALPN: proxy accepted h?\n* Proxy certificate:\n"
        "*  subject: CN=?p\n*  expire date: Sun, 06 Nov 1994 08:49:37 GMT\n*  issuer: CN=i\n"
        "*  SSL certificate verify ok.\n"
        "* TLS: TLSv1.3, D\n* ALPN: none\n* Server certificate:\n*  subject: CN=o\n"
        "*  SSL certificate is not verified.\n");
  info.reused = true;
  CHECK(verbose_connection(url, info) ==
        "* Re-using existing connection with proxy https://p.test:443 (192.0.2.7:443)\n");
}

TEST_CASE("verbose_connection: the proxy, and what it answered to CONNECT") {
  TransferInfo info;
  info.address = {.ip = *IpAddress::parse("192.0.2.7"), .port = 3128};
  info.proxy = "http://p\x1b.test:3128";
  const Url url = *Url::parse("https://example.org/");
  const std::string first = "* Connected to example.org port 443 (192.0.2.7:3128)\n";
  CHECK(verbose_connection(url, info) == first + "* Through the proxy http://p?.test:3128\n");
  info.connect_status = 200;
  CHECK(verbose_connection(url, info) ==
        first + "* Through the proxy http://p?.test:3128, which answered CONNECT with 200\n");
}

TEST_CASE(
    "a head that was kept is shown as it came, its credentials blanked, and nothing that a terminal would act on") {
  ResponseHead head = some_head();
  const std::string raw =
      "HTTP/1.1 200\r\nX:1 \r\n\t2\x1b\r\nSet-Cookie : a=tok\r\n ;b=tok\r\nset-cookie:c=tok; d\nY: \xc2\x9b z\r\n\r\n";
  head.append_raw(raw);
  CHECK(head_text(head) == raw);
  CHECK(
      verbose_response(head) ==
      "< HTTP/1.1 200\n< X:1 \n< ?2?\n< Set-Cookie : a=<redacted>\n< <redacted>\n< set-cookie: c=<redacted>\n< Y: ? z\n< \n");
  ResponseHead headless;
  headless.version = {0, 9};
  CHECK(head_text(headless).empty());
  CHECK(verbose_response(headless).empty());
}

TEST_CASE("verbose: a cookie without a name is all secret") {
  for (const char* value : {"SECRET", "SECRET; Path=/", "SECRET;a=b"}) {
    ResponseHead head;
    head.status = 200;
    REQUIRE(head.fields.add("Set-Cookie", value).has_value());
    CHECK_FALSE(verbose_response(head).contains("SECRET"));
  }
}
