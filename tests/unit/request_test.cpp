// core/request: which requests may be sent.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "core/request.hpp"

namespace sluice {
namespace {

using namespace std::string_literals;

Request request_to(std::string_view url, std::string_view method = "GET") {
  Request request;
  request.method = method;
  request.url = Url::parse(url).value();
  return request;
}

void check_refused(const Request& request) {
  const auto verdict = validate(request);
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().code == Code::invalid_request);
  CHECK(verdict.error().blame == Blame::caller);
  CHECK_FALSE(verdict.error().context.empty());
  CHECK(verdict.error().context.find_first_of("\r\n") == std::string::npos);
  CHECK_FALSE(http1_head(request));
}

Request with_field(RequestBody body, std::string_view name, std::string_view value) {
  Request request = request_to("http://example.org/", "POST");
  request.body = std::move(body);
  REQUIRE(request.fields.add(name, value));
  return request;
}

}  // namespace

TEST_CASE("SB-11 request: a method is a token") {
  for (const std::string& method :
       {" "s, "GE T"s, "GET\r\nX: y"s, "GET\n"s, "GET\0"s, "GET\x7f"s, "G\xc3\xa9T"s, "GET:"s, "\tGET"s, "CONNECT"s}) {
    CAPTURE(method);
    check_refused(request_to("http://example.org/", method));
  }
  for (const char* method : {"GET", "get", "M-SEARCH", "X!#$%&'*+.^_`|~9"})
    CHECK(validate(request_to("http://example.org/", method)));
}

TEST_CASE("request: without a method it is a GET, or a POST where there is a body") {
  Request request = request_to("http://example.org/", "");
  CHECK(effective_method(request) == "GET");
  CHECK(http1_head(request).value().starts_with("GET / HTTP/1.1\r\n"));
  for (const RequestBody& body : {RequestBody(BodyOwned("a")), RequestBody(BodyView{}), RequestBody(BodyStream{})}) {
    request.body = body;
    CHECK(effective_method(request) == "POST");
    CHECK(http1_head(request).value().starts_with("POST / HTTP/1.1\r\n"));
  }
  request.method = "PUT";
  CHECK(effective_method(request) == "PUT");
}

TEST_CASE("request: makers") {
  const Url url = Url::parse("http://example.org/a").value();
  const std::string host = "Host: example.org\r\n";
  CHECK(http1_head(Request(url)).value() == "GET /a HTTP/1.1\r\n" + host + "\r\n");
  CHECK(http1_head(Request::get(url)).value() == "GET /a HTTP/1.1\r\n" + host + "\r\n");
  CHECK(http1_head(Request::head(url)).value() == "HEAD /a HTTP/1.1\r\n" + host + "\r\n");
  CHECK(http1_head(Request::del(url)).value() == "DELETE /a HTTP/1.1\r\n" + host + "\r\n");
  const Request post = Request::post(url, "x=1", "text/plain");
  CHECK(http1_head(post).value() ==
        "POST /a HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n");
  CHECK(std::get<BodyOwned>(post.body).bytes == "x=1");
  CHECK(http1_head(Request::put(url, "", "")).value() == "PUT /a HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n");
  CHECK(http1_head(Request::json(url, "{}")).value() ==
        "POST /a HTTP/1.1\r\n" + host +
            "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n");
  CHECK(http1_head(Request("PATCH", url, BodyOwned("x"))).value().starts_with("PATCH /a "));
}

TEST_CASE("request: Basic credentials (RFC 7617, RFC 4648 10)") {
  CHECK(basic_credentials("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(basic_credentials("", "") == "Basic Og==");
  CHECK(basic_credentials("f", "o") == "Basic Zjpv");
  CHECK(basic_credentials("fo", "o") == "Basic Zm86bw==");
  CHECK(basic_credentials("fo", "ob") == "Basic Zm86b2I=");
  CHECK(basic_credentials("\xff\xfe", "\xff") == "Basic //46/w==");
}

TEST_CASE("SB-11 request: a maker's Content-Type cannot break out of its field") {
  const Url url = Url::parse("http://example.org/").value();
  for (const char* type : {"a\r\nX: y", "a\nX: y", "a\r"}) check_refused(Request::post(url, "x", type));
}

TEST_CASE("SB-11 request: a target is visible ASCII") {
  for (const std::string& target : {""s, "/a b"s, "/a\r\nX: y"s, "/\n"s, "/\r"s, "/\0"s, "/\t"s, "/\x7f"s, "/\xff"s}) {
    CAPTURE(target);
    Request request = request_to("http://example.org/");
    request.target = target;
    check_refused(request);
  }
}

TEST_CASE("SB-11 request: CR, LF and NUL reach neither fields nor hosts") {
  Fields fields;
  for (const std::string& bad : {"a\rb"s, "a\nb"s, "a\0b"s, "a\r\nb: c"s, "a\x01"s, "a\x7f"s}) {
    CHECK_FALSE(fields.add(bad, "value"));
    CHECK_FALSE(fields.add("name", bad));
    CHECK_FALSE(Url::parse("http://" + bad + "/"));
    Request request = request_to("http://example.org/");
    request.method = bad;
    check_refused(request);
  }
  CHECK(fields.empty());
  for (const char* host : {"a b", "a\tb", "a\xff"}) check_refused(with_field({}, "Host", host));
}

TEST_CASE("request: one without a URL, or with too large a head") {
  check_refused(Request{});
  Request request = request_to("http://example.org/");
  REQUIRE(request.fields.add("A", std::string(limits::kMaxRequestHeadBytes, 'x')));
  check_refused(request);
}

TEST_CASE("SB-62 request: a Content-Length of the caller's says the truth, once") {
  for (const char* value : {"4", "6", "05", "+5", " 5 x", "", "5, 5", "0x5", "5.0"})
    check_refused(with_field(BodyOwned{"hello"}, "content-length", value));
  CHECK(validate(with_field(BodyOwned{"hello"}, "content-length", "5")));
  CHECK(validate(with_field(BodyStream{7}, "CONTENT-LENGTH", "7")));
  CHECK(validate(with_field({}, "Content-Length", "0")));
  check_refused(with_field({}, "Content-Length", "1"));
  check_refused(with_field(BodyStream{}, "Content-Length", "5"));
  check_refused(with_field(BodyStream{}, "Content-Length", "0"));  // of unknown length, which need not be none
  // Every kind of body, over a length that is one off, or none.
  const std::string text = "0123456789";
  for (const char* value : {"0", "9", "11", "1", "100", "010"}) {
    CAPTURE(value);
    check_refused(with_field(BodyOwned{text}, "Content-Length", value));
    check_refused(with_field(BodyView{as_bytes(text)}, "Content-Length", value));
    check_refused(with_field(BodyStream{10}, "Content-Length", value));
  }
  CHECK(validate(with_field(BodyView{as_bytes(text)}, "Content-Length", "10")));
  CHECK(validate(with_field(BodyOwned{""}, "Content-Length", "0")));
  check_refused(with_field(BodyOwned{""}, "Content-Length", "1"));
  Request twice = with_field(BodyOwned{"hello"}, "Content-Length", "5");
  REQUIRE(twice.fields.add("content-length", "5"));
  check_refused(twice);
}

TEST_CASE("SB-62 request: a Transfer-Encoding of the caller's is chunked, for a body of unknown length, once") {
  CHECK(validate(with_field(BodyStream{}, "Transfer-Encoding", "chunked")));
  CHECK(validate(with_field(BodyStream{}, "TRANSFER-ENCODING", "CHUNKED")));
  for (const char* value : {"gzip", "gzip, chunked", "chunked, chunked", "", "identity"})
    check_refused(with_field(BodyStream{}, "Transfer-Encoding", value));
  check_refused(with_field(BodyStream{5}, "Transfer-Encoding", "chunked"));
  check_refused(with_field(BodyOwned{"hello"}, "Transfer-Encoding", "chunked"));
  check_refused(with_field({}, "Transfer-Encoding", "chunked"));
  Request twice = with_field(BodyStream{}, "Transfer-Encoding", "chunked");
  REQUIRE(twice.fields.add("transfer-encoding", "chunked"));
  check_refused(twice);
  Request both = with_field(BodyOwned{"hello"}, "Content-Length", "5");
  REQUIRE(both.fields.add("Transfer-Encoding", "chunked"));
  check_refused(both);
}

TEST_CASE("request: credentials of a URL that Basic cannot hold are refused (RFC 7617 2), unless they are not sent") {
  struct Case {
    const char* userinfo;
    const char* said;
  };
  for (const auto& [userinfo, said] :
       {Case{"a%3Ab:c", "a user with a colon"}, Case{"%3a", "a user with a colon"},
        Case{"a%00:b", "a user with a control"}, Case{"a%0d%0aX:b", "a user with a control"},
        Case{"a%7F:b", "a user with a control"}, Case{"a:b%00", "a password with a control"},
        Case{"a:%1F", "a password with a control"}, Case{":b%09", "a password with a control"}}) {
    CAPTURE(userinfo);
    Request request = request_to("http://" + std::string(userinfo) + "@example.org/");
    const auto verdict = validate(request);
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().code == Code::invalid_request);
    CHECK(verdict.error().message().find(said) != std::string::npos);
    CHECK(verdict.error().message().find("example.org") != std::string::npos);
    CHECK(verdict.error().message().find(userinfo) == std::string::npos);
    CHECK(url_credentials(request.url).error() == verdict.error());
    CHECK(validate_without_credentials(request));
    CHECK(http1_head(request));
    REQUIRE(request.fields.add("Authorization", "Bearer x"));
    CHECK(validate(request));
  }
  for (const char* userinfo : {"a:b:c", "a:b%3Ac", "a%20b:%C3%A9", ":", "a", "%25:%25", "a%:b"}) {
    CAPTURE(userinfo);
    CHECK(validate(request_to("http://" + std::string(userinfo) + "@example.org/")));
  }
  CHECK(url_credentials(Url::parse("http://f:oo@a/").value()) == basic_credentials("f", "oo"));
}

TEST_CASE(
    "request: a maker's type is a media type (RFC 9110 8.3.1), so that body and type in the wrong order are found") {
  const Url url = Url::parse("http://example.org/").value();
  for (const char* type :
       {"text/plain", "application/vnd.a+json; charset=utf-8", "a/b;", "a/b ;c=d", "A/B\t; c=\"d e\"", "*/*"}) {
    CAPTURE(type);
    CHECK(validate(Request::post(url, "x", type)));
    CHECK(validate(Request::put(url, "x", type)));
  }
  for (const char* type : {"text", "a=1&b=2", R"({"a":"b/c"})", "/", "a/", "/b", "a /b", "a/ b", "a/b/c", "a/b c", " ",
                           "hello world", "http://a/b", "a/b, c/d", "a/b\r\nX: y", "<a>/</a>"}) {
    CAPTURE(type);
    check_refused(Request::put(url, "x", type));
    const Request swapped = Request::post(url, "text/plain", type);
    check_refused(swapped);
    CHECK(validate(swapped).error().message().find("the arguments are the URL, the body, then the type") !=
          std::string::npos);
  }
}

TEST_CASE("SB-11 request: a response's fields that no request may hold do not become a request's") {
  for (const auto& [name, value] : {std::pair("X(y)", "1"), std::pair("A", "\x01"), std::pair("My Own", "1")}) {
    Request request = request_to("http://example.org/");
    REQUIRE(request.fields.add_received("Good", "1"));
    CHECK(validate(request));
    REQUIRE(request.fields.add_received(name, value));
    check_refused(request);
    Request copy = request_to("http://example.org/");
    copy.fields = request.fields;
    check_refused(copy);
    copy.fields.remove(name);
    CHECK(validate(copy));
    Fields moved = std::move(request.fields);
    copy.fields = std::move(moved);
    check_refused(copy);
    copy.fields.clear();
    CHECK(validate(copy));
  }
}

TEST_CASE("SB-62 request: Host twice in different case") {
  Request request = with_field({}, "Host", "a");
  CHECK(validate(request));
  REQUIRE(request.fields.add("hOsT", "a"));
  check_refused(request);
}

TEST_CASE("request: idempotent methods") {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) CHECK(is_idempotent(method));
  for (const char* method : {"POST", "PATCH", "CONNECT", "get", "", "PURGE"}) CHECK_FALSE(is_idempotent(method));
}

}  // namespace sluice
