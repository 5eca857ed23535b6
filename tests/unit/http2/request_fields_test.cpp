// core/http2/request_fields: what a request has over HTTP/2, and how people see it.
#include <doctest/doctest.h>

#include <string>

#include "core/http2/request_fields.hpp"

namespace sluice {
namespace {

using http2::RequestFields;

std::string written(const Request& request, std::string_view cookies = {}) {
  RequestFields fields;
  fields.write({.request = &request, .cookies = cookies});
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const RequestFields::View field = fields.at(i);
    out.append(field.name).append("=").append(field.value).append(field.is_secret ? "!" : "").append(";");
  }
  return out;
}

Request request_to(const char* url, std::string_view method = "GET") {
  Request request(Url::parse(url).value());
  request.method = method;
  return request;
}

}  // namespace

TEST_CASE("http2 request: pseudo-header fields from URL, method and target") {
  CHECK(written(request_to("https://a.example/x?y#z")) == ":method=GET;:path=/x?y;:authority=a.example;:scheme=https;");
  CHECK(written(request_to("http://user:pw@a.example:8080", "HEAD")) ==
        ":method=HEAD;:path=/;:authority=a.example:8080;:scheme=http;");
  CHECK(written(request_to("http://[::1]:81/")) == ":method=GET;:path=/;:authority=[::1]:81;:scheme=http;");
  Request options = request_to("https://a.example/", "OPTIONS");
  options.target = "*";
  CHECK(written(options) == ":method=OPTIONS;:path=*;:authority=a.example;:scheme=https;");
}

TEST_CASE("http2 request: a Host field is the authority, and is not sent beside it") {
  Request request = request_to("https://a.example/");
  REQUIRE(request.fields.add("hOST", "b.example:1"));
  CHECK(written(request) == ":method=GET;:path=/;:authority=b.example:1;:scheme=https;");
}

TEST_CASE("http2 request: where a proxy forwards it, the authority is the URL's whatever a Host field says") {
  Request request = request_to("http://a.example:8080/x");
  REQUIRE(request.fields.add("Host", "b.example"));
  const Fields none;
  const http::ForwardedBy by{.fields = &none, .authorization = {}};
  RequestFields fields;
  fields.write({.request = &request, .forwarded = &by});
  std::string all;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    all.append(fields.at(i).name).append("=").append(fields.at(i).value).append(";");
  }
  CHECK(all == ":method=GET;:path=/x;:authority=a.example:8080;:scheme=http;");
}

TEST_CASE("http2 request: what belongs to a connection is left out, TE but for trailers too") {
  Request request = request_to("https://a.example/");
  for (const auto& [name, value] : {std::pair{"Connection", "close, X-Mine"},
                                    {"x-mine", "1"},
                                    {"Keep-Alive", "1"},
                                    {"Proxy-Connection", "x"},
                                    {"Transfer-Encoding", "chunked"},
                                    {"Upgrade", "h2c"},
                                    {"HTTP2-Settings", "x"},
                                    {"TE", "gzip;q=1"},
                                    {"Accept", "*/*"}}) {
    REQUIRE(request.fields.add(name, value));
  }
  CHECK(written(request) == ":method=GET;:path=/;:authority=a.example;:scheme=https;Accept=*/*;");
  Request trailers = request_to("https://a.example/");
  REQUIRE(trailers.fields.add("te", "gzip, Trailers"));
  CHECK(written(trailers).ends_with(":scheme=https;te=trailers;"));
}

TEST_CASE("http2 request: credentials stay out of the table; cookies of the jar come before those of the request") {
  Request request = request_to("https://a.example/");
  REQUIRE(request.fields.add("authorization", "Basic eA=="));
  REQUIRE(request.fields.add("Cookie", "own=1"));
  CHECK(written(request).ends_with("authorization=Basic eA==!;Cookie=own=1!;"));
  CHECK(written(request, "jar=2").ends_with("authorization=Basic eA==!;Cookie=jar=2!;Cookie=own=1!;"));
}

TEST_CASE("http2 request: each cookie is a field of its own, and is one line for people; short ones are not indexed") {
  Request request = request_to("https://a.example/");
  const std::string session = "session=" + std::string(12, 's'), almost = "session=" + std::string(11, 's');
  REQUIRE(request.fields.add("cookie", session + "; a=1;b=2; " + almost + "; z"));
  CHECK(written(request).ends_with(":scheme=https;cookie=" + session + ";cookie=a=1;b=2!;cookie=" + almost +
                                   "!;cookie=z!;"));
  CHECK(written(request, session + "; x")
            .ends_with(":scheme=https;Cookie=" + session + ";Cookie=x!;Cookie=" + session +
                       ";Cookie=a=1;b=2!;Cookie=" + almost + "!;Cookie=z!;"));
  RequestFields fields;
  fields.write({.request = &request, .cookies = "j=1"});
  CHECK(fields.text().ends_with("\r\nCookie: j=1; " + session + "; a=1;b=2; " + almost + "; z\r\n\r\n"));
  Request empty = request_to("https://a.example/");
  REQUIRE(empty.fields.add("Cookie", ""));
  CHECK(written(empty).ends_with(":scheme=https;Cookie=!;"));
}

TEST_CASE("http2 request: a length of the caller's is sent once") {
  Request request = request_to("https://a.example/", "POST");
  request.body = BodyOwned("abc");
  CHECK(written(request).ends_with("Content-Length=3;"));
  REQUIRE(request.fields.add("content-length", "3"));
  CHECK(written(request).ends_with(":scheme=https;content-length=3;"));
}

TEST_CASE("http2 request: for people it is written as over HTTP/1") {
  Request request = request_to("https://a.example/p", "POST");
  request.body = BodyOwned("abc");
  REQUIRE(request.fields.add("X-Empty", ""));
  RequestFields fields;
  fields.write({.request = &request});
  CHECK(fields.text() == "POST /p HTTP/2\r\nHost: a.example\r\nX-Empty:\r\nContent-Length: 3\r\n\r\n");
}

}  // namespace sluice
