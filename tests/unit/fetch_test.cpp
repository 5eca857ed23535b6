// adapters/fetch: one statement, one response or one error; many at once in the order of the requests.
#include "adapters/fetch.hpp"

#include <doctest/doctest.h>

#include "tests/support/loopback_server.hpp"

namespace sluice::test {
namespace {

// Answers with the request itself.
LoopbackServer::Script echo() {
  return [](const std::string& request) { return ok(request); };
}

TEST_CASE("fetch: get, post and json in one statement") {
  LoopbackServer server(echo());
  const auto got = sluice::get(server.url("/a?b"));
  REQUIRE_MESSAGE(got, got.error().message());
  CHECK(got->head.status == 200);
  CHECK(got->body.starts_with("GET /a?b HTTP/1.1\r\n"));
  CHECK(got->progress.received_body_bytes == got->body.size());
  const auto posted = sluice::post(server.url(), "x=1");
  REQUIRE(posted);
  CHECK(posted->body.starts_with("POST / "));
  CHECK(posted->body.contains("Content-Type: application/x-www-form-urlencoded\r\n"));
  CHECK(posted->body.ends_with("\r\n\r\nx=1"));
  const auto said = sluice::json(server.url(), "{}");
  REQUIRE(said);
  CHECK(said->body.contains("Content-Type: application/json\r\n"));
  CHECK(said->body.ends_with("\r\n\r\n{}"));
}

TEST_CASE("fetch: what fails is one error that says on what, and a status is none") {
  CHECK(sluice::get("nonsense").error().code == Code::invalid_url);
  CHECK(sluice::get("ftp://h/").error().code == Code::unsupported_scheme);
  const std::string refused = "http://127.0.0.1:" + std::to_string(refused_port()) + "/";
  const auto dead = sluice::get(refused);
  REQUIRE_FALSE(dead);
  CHECK(dead.error().code == Code::connect_failed);
  CHECK(dead.error().message().contains(refused));
  CHECK(sluice::post(refused, "x", "a\r\nb").error().code == Code::invalid_request);
  Request streamed(Url::parse(refused).value());
  streamed.body = BodyStream{};
  CHECK(sluice::fetch(streamed).error().code == Code::invalid_option);
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}; });
  CHECK(sluice::get(server.url())->head.status == 404);
}

TEST_CASE("fetch: options hold") {
  LoopbackServer server([](const std::string&) { return ok(std::string(1000, 'x')); });
  TransferOptions options;
  options.max_body_bytes = 999;
  CHECK(sluice::get(server.url(), options).error().code == Code::body_too_large);
  LoopbackServer silent([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  options.total_timeout = std::chrono::milliseconds(50);
  CHECK(sluice::get(silent.url(), options).error().code == Code::total_timeout);
}

TEST_CASE("fetch_all: answers in the order of the requests, a failure in the middle harms nobody") {
  LoopbackServer server(echo());
  std::vector<Request> requests;
  for (int i = 0; i < 40; ++i)
    requests.push_back(Request::get(Url::parse(server.url("/" + std::to_string(i))).value()));
  requests[7] = Request(Url::parse("http://127.0.0.1:" + std::to_string(refused_port()) + "/").value());
  requests[9].method = "bad method";
  for (const std::size_t at_once : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    CAPTURE(at_once);
    const auto answers = fetch_all(requests, {}, at_once);
    REQUIRE(answers.size() == 40);
    for (std::size_t i = 0; i < 40; ++i) {
      CAPTURE(i);
      if (i == 7) {
        CHECK(answers[i].error().code == Code::connect_failed);
      } else if (i == 9) {
        CHECK(answers[i].error().code == Code::invalid_request);
      } else {
        REQUIRE(answers[i].has_value());
        CHECK(answers[i]->body.starts_with("GET /" + std::to_string(i) + " "));
      }
    }
  }
  CHECK(fetch_all({}).empty());
}

TEST_CASE("fetch_all: no more at once than was said, over connections that are used again") {
  LoopbackServer server(echo());
  const std::vector<Request> requests(30, Request::get(Url::parse(server.url()).value()));
  const auto answers = fetch_all(requests, {}, 2);
  for (const auto& answer : answers) {
    REQUIRE(answer);
  }
  CHECK(server.accepted() <= 2);
}

}  // namespace
}  // namespace sluice::test
