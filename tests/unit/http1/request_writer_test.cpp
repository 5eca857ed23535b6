// core/http1/request_writer: the head on the wire, byte for byte.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/http1/request_writer.hpp"

namespace sluice {
namespace {

Request request_to(std::string_view url, std::string_view method = "GET") {
  Request request;
  request.method = method;
  auto parsed = Url::parse(url);
  REQUIRE(parsed);
  request.url = *parsed;
  return request;
}

void add(Request& request, std::string_view name, std::string_view value) { REQUIRE(request.fields.add(name, value)); }

std::string head_of(const Request& request) {
  const auto head = http1_head(request);
  REQUIRE(head);
  return *head;
}

}  // namespace

TEST_CASE("request head: request line, Host first, fields in order") {
  Request request = request_to("http://user:secret@Example.org/a%20b/?q=1#frag");
  add(request, "Accept", "*/*");
  add(request, "X-Empty", "");
  add(request, "accept", "text/html");
  CHECK(head_of(request) ==
        "GET /a%20b/?q=1 HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nX-Empty:\r\naccept: text/html\r\n\r\n");
}

TEST_CASE("request head: Host is the URL's authority") {
  for (const char* url :
       {"http://example.org/", "http://example.org:80/", "http://example.org:8080/", "https://example.org/",
        "https://example.org:443/", "https://example.org:80/", "http://192.0.2.7:65535/", "http://[2001:db8::1]/",
        "http://[2001:db8::1]:8080/", "http://[fe80::1%25eth0]:81/"}) {
    CAPTURE(url);
    const Request request = request_to(url);
    CHECK(head_of(request) == "GET / HTTP/1.1\r\nHost: " + request.url.authority() + "\r\n\r\n");
  }
}

TEST_CASE("request head: the caller's empty Host has no blank before its end either") {
  Request request = request_to("http://example.org");
  add(request, "Host", "");
  CHECK(head_of(request) == "GET / HTTP/1.1\r\nHost:\r\n\r\n");
}

TEST_CASE("request head: the caller's Host replaces it, and still comes first") {
  Request request = request_to("http://192.0.2.7/");
  add(request, "A", "b");
  add(request, "hOST", "example.org:81");
  add(request, "C", "d");
  CHECK(head_of(request) == "GET / HTTP/1.1\r\nHost: example.org:81\r\nA: b\r\nC: d\r\n\r\n");
}

TEST_CASE("request head: a target of the caller's stands as it is") {
  Request request = request_to("http://example.org/a", "OPTIONS");
  request.target = "*";
  CHECK(head_of(request) == "OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n");
  request.target = "/../%zz?\"<>";
  CHECK(head_of(request).starts_with("OPTIONS /../%zz?\"<> HTTP/1.1\r\n"));
}

TEST_CASE("request head: framing follows the body") {
  const std::string start = " / HTTP/1.1\r\nHost: h\r\n";
  const std::string bytes = "hello";
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS", "PURGE"}) {
    CHECK(head_of(request_to("http://h", method)) == method + start + "\r\n");
  }
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    Request request = request_to("http://h", method);
    CHECK(head_of(request) == method + start + "Content-Length: 0\r\n\r\n");
    request.body = BodyView{as_bytes(bytes)};
    CHECK(head_of(request) == method + start + "Content-Length: 5\r\n\r\n");
    request.body = BodyOwned{"hello!"};
    CHECK(head_of(request) == method + start + "Content-Length: 6\r\n\r\n");
    request.body = BodyStream{18446744073709551615ULL};
    CHECK(head_of(request) == method + start + "Content-Length: 18446744073709551615\r\n\r\n");
    request.body = BodyStream{};
    CHECK(head_of(request) == method + start + "Transfer-Encoding: chunked\r\n\r\n");
  }
  Request get = request_to("http://h", "GET");
  get.body = BodyOwned{""};
  CHECK(head_of(get) == "GET" + start + "Content-Length: 0\r\n\r\n");
}

TEST_CASE("SB-62 request head: framing fields of the caller's stand once") {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  Request request = request_to("http://h", "POST");
  request.body = BodyOwned{"hello"};
  add(request, "content-LENGTH", "5");
  add(request, "A", "b");
  CHECK(head_of(request) == start + "content-LENGTH: 5\r\nA: b\r\n\r\n");
  Request empty = request_to("http://h", "POST");
  add(empty, "Content-Length", "0");
  CHECK(head_of(empty) == start + "Content-Length: 0\r\n\r\n");
  Request chunked = request_to("http://h", "POST");
  chunked.body = BodyStream{};
  add(chunked, "transfer-encoding", "Chunked");
  CHECK(head_of(chunked) == start + "transfer-encoding: Chunked\r\n\r\n");
}

TEST_CASE("request head: other connection fields are passed on") {
  Request request = request_to("http://h", "POST");
  request.body = BodyOwned{"x"};
  const std::vector<std::pair<std::string, std::string>> fields = {{"Connection", "Upgrade, TE"},
                                                                   {"Upgrade", "h2c"},
                                                                   {"TE", "trailers"},
                                                                   {"Trailer", "X"},
                                                                   {"Expect", "100-continue"}};
  std::string wanted = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (const auto& [name, value] : fields) {
    add(request, name, value);
    wanted += name + ": " + value + "\r\n";
  }
  CHECK(head_of(request) == wanted + "Content-Length: 1\r\n\r\n");
  const http1::RequestFacts facts = http1::examine(request);
  CHECK(facts.asks_upgrade);
  CHECK(facts.expects_continue);
  CHECK_FALSE(facts.closes);
  CHECK_FALSE(facts.is_head);
}

TEST_CASE("request head: Connection is a list of tokens, in which a quote means nothing") {
  for (const char* value : {"close", "TE, close", "close ,TE", " , CLOSE", "\"x, close"}) {
    Request request = request_to("http://h");
    add(request, "Connection", value);
    CHECK(http1::examine(request).closes);
  }
  for (const char* value : {"TE", "closed", "not-close", "close;x", ""}) {
    Request request = request_to("http://h");
    add(request, "Connection", value);
    CHECK_FALSE(http1::examine(request).closes);
  }
}

// RFC 9110 10.1.1: a client MUST NOT generate that expectation in a request that does not include content.
TEST_CASE("request head: Expect: 100-continue is not sent without content") {
  for (const bool empty : {false, true}) {
    CAPTURE(empty);
    Request request = request_to("http://h");
    if (empty) request.body = BodyOwned{""};
    add(request, "A", "1");
    add(request, "expect", "x=y, 100-Continue");
    add(request, "B", "2");
    const std::string length = empty ? "Content-Length: 0\r\n" : "";
    CHECK(head_of(request) == "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n" + length + "\r\n");
    CHECK_FALSE(http1::examine(request).expects_continue);
  }
  Request streamed = request_to("http://h", "PUT");
  streamed.body = BodyStream{};
  add(streamed, "Expect", "100-continue");
  CHECK(head_of(streamed).find("\r\nExpect: 100-continue\r\n") != std::string::npos);
  CHECK(http1::examine(streamed).expects_continue);
  // What else it may hold is the caller's.
  Request other = request_to("http://h");
  add(other, "Expect", "something");
  CHECK(head_of(other).find("\r\nExpect: something\r\n") != std::string::npos);
  add(other, "Expect", "100-continue");
  CHECK(head_of(other).find("\r\nExpect: something\r\n") != std::string::npos);
  CHECK(head_of(other).find("100-continue") == std::string::npos);
}

TEST_CASE("request head: an empty value leaves no blank after the colon") {
  Request request = request_to("http://h");
  add(request, "X", "");
  CHECK(head_of(request) == "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\r\n");
}

TEST_CASE("request head: the bound holds for every shape") {
  for (const char* url :
       {"http://h", "https://[2001:db8:1111:2222:3333:4444:5555:6666]:65535/x?y", "http://a.b.c:1/%ff"}) {
    for (std::size_t fields = 0; fields < 4; ++fields) {
      Request request = request_to(url, "POST");
      request.body = BodyStream{18446744073709551615ULL};
      for (std::size_t i = 0; i < fields; ++i) add(request, "n", "");
      if (fields == 3) add(request, "Host", "a.name.of.the.callers");
      const http::Exchange exchange{.request = &request};
      std::vector<std::uint8_t> out(http1::head_bound(exchange));
      const std::size_t used = http1::write_head(exchange, http1::examine(request), out);
      CHECK(used <= out.size());
      CHECK(as_text(Bytes(out).first(used)) == head_of(request));
    }
  }
}

}  // namespace sluice
