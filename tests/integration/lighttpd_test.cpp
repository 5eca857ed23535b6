// Whole transfers against a real lighttpd on loopback, for behaviour that differs from nginx.
#include <doctest/doctest.h>

#include "tests/support/lighttpd.hpp"
#include "tests/support/server_checks.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// One server for all cases; ended with the process.
Lighttpd& lighttpd() {
  static Lighttpd server;
  return server;
}

}  // namespace

TEST_CASE("lighttpd: files of every size, each byte right") {
  SUBCASE("plain") { check_sizes(lighttpd().plain(), nullptr); }
  SUBCASE("TLS") { check_sizes(lighttpd().tls13(), trusting(lighttpd().site().root_pem)); }
}

TEST_CASE("lighttpd: HEAD, 304, 206 and 404 share one connection") {
  SUBCASE("plain") { check_small_answers(lighttpd().plain(), nullptr); }
  SUBCASE("TLS") { check_small_answers(lighttpd().tls12(), trusting(lighttpd().site().root_pem)); }
}

TEST_CASE("lighttpd: a POST comes back in chunks as it was sent") {
  Client client;
  for (const std::size_t size : {std::size_t{1}, std::size_t{1024}, std::size_t{3 * 1024 * 1024}}) {
    CAPTURE(size);
    const std::string content = content_of(size);
    const Fetch& fetch = client.fetch(lighttpd().plain() + "/echo",
                                      {.method = "POST", .fields = {}, .body = content, .tls = {}}, content);
    CHECK_MESSAGE(fetch.complete(), fetch.error());
    CHECK(fetch.status == 200);
    CHECK(fetch.field("X-Method") == "POST");
    CHECK(fetch.field("X-Length") == std::to_string(size));
    // What fits into its buffer is sent with a length.
    if (size > 1024) CHECK(fetch.field("Transfer-Encoding") == "chunked");
  }
}

TEST_CASE("lighttpd: TLS 1.2 and 1.3, with resumption") {
  SUBCASE("1.2") { check_tls(lighttpd().tls12(), lighttpd().site().root_pem, "TLSv1.2"); }
  SUBCASE("1.3") { check_tls(lighttpd().tls13(), lighttpd().site().root_pem, "TLSv1.3"); }
}

TEST_CASE("lighttpd: a certificate of another authority is refused") {
  check_wrong_authority(lighttpd().tls13(), lighttpd().site().other_root_pem);
}

TEST_CASE("lighttpd: a client certificate is asked for and given") {
  const Site& site = lighttpd().site();
  check_client_certificate(lighttpd().mutual(), site.root_pem, site.client_certificate_pem, site.client_key_pem);
}

TEST_CASE("lighttpd: a server that dies in the middle truncates, and is then refused") {
  Lighttpd own;
  const std::string content = content_of(20 * 1024 * 1024);
  // A few reads a step leave most of the body unsent when the first bytes are seen.
  Client client({.engine = {}, .resolve_overrides = {}, .max_reads_per_perform = 4});
  Fetch& fetch = client.add(own.plain() + "/20971520", {}, content);
  client.multi().perform();
  for (int i = 0; i < 600 && fetch.received == 0; ++i) client.step();
  REQUIRE(fetch.received > 0);
  REQUIRE(!fetch.message);
  own.kill_now();
  client.run();
  CHECK((fetch.code() == Code::truncated || fetch.code() == Code::receive_failed));
  CHECK(fetch.received < content.size());
  CHECK(fetch.as_expected);
  const Fetch& next = client.fetch(own.plain() + "/1");
  CHECK(next.code() == Code::connect_failed);
}

TEST_CASE("lighttpd: 2,000 transfers at once over one Multi") { check_two_thousand(lighttpd().plain()); }
