// The URL in an operation's error line.
#include "adapters/cli/error_text.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("error text: every failure says on which URL") {
  CHECK(error_text(one({"h/x"}), "GET http://h/x: refused") == "GET http://h/x: refused");
  CHECK(error_text(one({"h/x"}), "read f: no") == "h/x: read f: no");
  CHECK(error_text(one({"e"}), "write to here: no") == "e: write to here: no");  // a letter of the text is no URL
  const auto said = [](const char* url) {
    const Operation operation = one({url});
    return error_text(operation, operation.refused.value().message);
  };
  CHECK(said("1").starts_with("1: invalid URL: "));
  CHECK(said(":").starts_with(":: invalid URL: "));
  CHECK(said("") == "the URL is empty");
}

TEST_CASE("error text: what to try if the server does not speak HTTP/1") {
  Settings settings;
  Error error = make_error(Code::not_http, "response: no HTTP/1 status line at \"<html>\"");
  CHECK(hint_text(error, settings) == " (--http0.9 takes it as a body)");
  settings.http0_9 = true;
  CHECK(hint_text(error, settings).empty());
  settings.http0_9 = false;
  error.context = "response: no HTTP/1 status line at \"HTTP/2 200\"";
  CHECK(hint_text(error, settings).empty());
  error.detail = 2;
  CHECK(hint_text(error, settings) == "; try --http2-prior-knowledge");
  error.code = Code::malformed_response;
  CHECK(hint_text(error, settings).empty());
  const Error refused = make_error(Code::tls_handshake, "peer sent alert no_application_protocol (120)", 120);
  CHECK(hint_text(refused, settings).empty());
  settings.http_versions = HttpVersions::http2_prior_knowledge;
  CHECK(hint_text(refused, settings) == "; --http2 takes HTTP/1.1 too");
  CHECK(hint_text(make_error(Code::tls_handshake, "", 40), settings).empty());
}

TEST_CASE("error text: nothing is to be tried with the origin where it is a proxy that does not understand") {
  Settings settings;
  settings.http_versions = HttpVersions::http2_prior_knowledge;
  const auto alert = [](const std::string& peer) {
    return make_error(Code::tls_handshake,
                      "GET https://h/: TLS handshake with " + peer + ": peer sent alert no_application_protocol (120)",
                      120);
  };
  CHECK(hint_text(alert("the proxy p.example:443"), settings).empty());
  CHECK(hint_text(alert("h:443"), settings) == "; --http2 takes HTTP/1.1 too");
  settings.http_versions = HttpVersions::any;
  const auto answer = [](const std::string& peer) {
    return make_error(Code::not_http, "GET http://h/: response: the " + peer + " speaks HTTP/2 (the answer ...)", 2);
  };
  CHECK(hint_text(answer("proxy"), settings).empty());
  CHECK(hint_text(answer("server"), settings) == "; try --http2-prior-knowledge");
}

TEST_CASE("SB-31 error text: what may have been meant as a password is not shown") {
  for (const char* url : {"http://us:12/SECRET@host", "us:12/SECRET@host", "http://us:80/SE@CRET@host",
                          "http://us:12?SECRET@host", "http://us:12/SECRET#@host", "http://us:/SECRET@host"}) {
    CAPTURE(url);
    const Operation operation = one({url});
    REQUIRE(operation.url.host() == "us");  // so curl reads it, too
    CHECK(shown_url(operation).find("***@host") != std::string::npos);
    for (const std::string& message : {"GET " + operation.url.text_without_secrets() + ": no", std::string("no")}) {
      const std::string text = error_text(operation, message);
      CHECK(text.find("SE") == std::string::npos);
      CHECK(text.find("CRET") == std::string::npos);
      CHECK(text.find("us") != std::string::npos);
    }
  }
  for (const char* url :
       {"http://h/@user/post", "http://h/a@b", "http://h:81/@scope/name", "http://[::1]:81/a@b", "http://h:81/a"}) {
    CAPTURE(url);
    CHECK(shown_url(one({url})) == url);
    CHECK(error_text(one({url}), "no") == std::string(url) + ": no");
  }
}

}  // namespace sluice::cli
