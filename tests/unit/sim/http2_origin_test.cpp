// adapters/sim/http2_origin: which version a connection speaks, what sluice makes of each fault, and how a client that
// breaks a rule is reported.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "adapters/sim.hpp"
#include "tests/support/http2_frames.hpp"
#include "tests/unit/sim/fake_line.hpp"

namespace sluice::test {
namespace {

using sim::Http2Fault;

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

TransferOptions of_version(HttpVersions versions, sim::World* tls = nullptr) {
  TransferOptions options;
  options.http_versions = versions;
  if (tls) options.tls = tls->tls();
  return options;
}

// A world with one origin, and what its replies are.
struct Http2World {
  explicit Http2World(sim::HttpReply reply = {.body = "hello"}, sim::Http2OriginOptions options = {},
                      sim::PerMille http2 = 1000) {
    for (const bool tls : {false, true}) {
      world.add_origin({.host = "h",
                        .port = static_cast<std::uint16_t>(tls ? 443 : 80),
                        .accept = sim::http2_origin([reply](const sim::HttpRequest&) { return reply; }, options),
                        .tls = tls,
                        .http2 = http2});
    }
  }
  int major(TransferId id) { return world.outcome(id).head.version.major; }
  sim::World world{sim::WorldOptions{}};
};

// The code of its end; 0: it has succeeded.
int end_with(Http2Fault fault, std::string body = "hello") {
  sim::HttpReply reply{.body = std::move(body)};
  reply.http2.fault = fault;
  Http2World at(reply);
  TransferOptions options = of_version(HttpVersions::http2_prior_knowledge);
  options.total_timeout = 1h;
  const TransferId id = at.world.get("http://h/", options).value();
  at.world.run_until_idle();
  CHECK(at.world.outcome(id).dones == 1);
  CHECK(at.world.faults().contains(to_string(fault)));
  CHECK_FALSE(at.world.faults().contains("bad request"));
  const Result<void>& result = at.world.outcome(id).result;
  return result ? 0 : static_cast<int>(result.error().code);
}

}  // namespace

TEST_CASE("http2 origin: the preface or ALPN says which version a connection speaks") {
  Http2World at;
  const auto get = [&](const char* url, HttpVersions versions) {
    return at.world.get(url, of_version(versions, &at.world)).value();
  };
  const TransferId known = get("http://h/", HttpVersions::http2_prior_knowledge);
  const TransferId plain = get("http://h/", HttpVersions::any), offered = get("https://h/", HttpVersions::any);
  const TransferId old = get("https://h/", HttpVersions::http1_1);
  at.world.run_until_idle();
  for (const TransferId id : {known, plain, offered, old}) CHECK(at.world.outcome(id).body == "hello");
  CHECK(at.major(known) == 2);
  CHECK(at.major(plain) == 1);
  CHECK(at.major(offered) == 2);
  CHECK(at.major(old) == 1);
}

TEST_CASE("http2 origin: where TLS does not take HTTP/2, it is HTTP/1") {
  Http2World at({.body = "hello"}, {}, 0);
  const TransferId any = at.world.get("https://h/", of_version(HttpVersions::any, &at.world)).value();
  const TransferId least = at.world.get("https://h/", of_version(HttpVersions::at_least_http2, &at.world)).value();
  at.world.run_until_idle();
  CHECK(at.major(any) == 1);
  REQUIRE_FALSE(at.world.outcome(least).result.has_value());
  CHECK(at.world.outcome(least).result.error().code == Code::http2_error);
}

TEST_CASE("http2 origin: interim responses, trailers, padding, small frames and frames that mean nothing") {
  sim::HttpReply reply{.body = std::string(3'000, 'b'), .trailers = {{"T", "9"}}, .interims = {103, 103}};
  reply.http2 = {.frame_bytes = 7, .padding = 255, .pause = 1ms, .noise = true};
  Http2World at(reply);
  const TransferId id = at.world.get("http://h/", of_version(HttpVersions::http2_prior_knowledge)).value();
  at.world.run_until_idle();
  const sim::Outcome& outcome = at.world.outcome(id);
  CHECK(outcome.result.has_value());
  CHECK(outcome.body == std::string(3'000, 'b'));
  CHECK(outcome.trailers.find("t") == "9");
  CHECK(outcome.interims == std::vector{103, 103});
  CHECK(at.world.faults().empty());
}

TEST_CASE("http2 origin: what sluice makes of each fault") {
  const int stream = static_cast<int>(Code::http2_stream), connection = static_cast<int>(Code::http2_error);
  const std::pair<Http2Fault, int> kEnds[] = {
      {Http2Fault::refused, stream},
      {Http2Fault::calm, stream},
      {Http2Fault::reset_at_head, stream},
      {Http2Fault::reset_in_body, stream},
      {Http2Fault::two_statuses, stream},
      {Http2Fault::upper_case_name, stream},
      {Http2Fault::connection_field, stream},
      {Http2Fault::long_body, stream},
      {Http2Fault::short_body, stream},
      {Http2Fault::late_head, stream},
      {Http2Fault::no_status, stream},
      {Http2Fault::push_promise, connection},
      {Http2Fault::continuations, connection},
      {Http2Fault::pings, connection},
      {Http2Fault::empty_frames, connection},
      {Http2Fault::huge_frame, connection},
      {Http2Fault::bad_setting, connection},
      {Http2Fault::idle_stream, connection},
      {Http2Fault::stray_data, connection},
      {Http2Fault::goaway_calm, connection},
      {Http2Fault::closes_in_body, static_cast<int>(Code::truncated)},
      {Http2Fault::resets_in_body, static_cast<int>(Code::receive_failed)},
      {Http2Fault::zero_update, stream},
      {Http2Fault::interim_flood, static_cast<int>(Code::response_too_large)},
      {Http2Fault::hpack_bomb, static_cast<int>(Code::response_too_large)},
      {Http2Fault::settings_flood, connection},
      {Http2Fault::update_flood, connection},
      {Http2Fault::priority_flood, connection},
      {Http2Fault::data_after_end, 0},
      {Http2Fault::overrun, 0},
  };
  for (const auto& [fault, code] : kEnds) {
    CAPTURE(to_string(fault));
    CHECK(end_with(fault) == code);
  }
}

TEST_CASE("http2 origin: a client that breaks a rule is reported") {
  const auto answer = [](const sim::HttpRequest&) { return sim::HttpReply{}; };
  PeerOnLine good(sim::http2_origin(answer)), bad(sim::http2_origin(answer)), early(sim::http2_origin(answer));
  const h2::FieldList request = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};
  h2::FieldList wrong = request;
  wrong.emplace_back("connection", "close");
  good.come(kPreface + h2::settings() + h2::headers(1, request, h2::kEndStream), 1);
  CHECK(good.line.faults.empty());
  CHECK(good.line.sent.size() > 9);
  bad.come(kPreface + h2::settings() + h2::headers(1, wrong, h2::kEndStream));
  REQUIRE_FALSE(bad.line.faults.empty());
  CHECK(bad.line.faults.front() == "bad request");
  // More than a window of an upload.
  early.come(kPreface + h2::settings() + h2::headers(1, request));
  for (int i = 0; i < 5; ++i) early.come(h2::data(1, std::string(16'384, 'x')));
  CHECK(early.line.faults.empty());  // it opens its window
}

TEST_CASE("http2 origin: GOAWAY, and a connection that falls silent") {
  Http2World away({.body = "hello", .delay = 1s}, {.goes_away_after = 3, .unprocessed = 1});
  std::vector<TransferId> ids;
  for (int i = 0; i < 4; ++i)
    ids.push_back(away.world.get("http://h/", of_version(HttpVersions::http2_prior_knowledge)).value());
  away.world.run_until_idle();
  for (const TransferId id : ids) CHECK(away.world.outcome(id).body == "hello");
  CHECK(away.world.faults().at("goaway") >= 1);
  CHECK(away.world.connects().size() >= 2);

  Http2World silent({.body = "hello"}, {.silent_after = 1});
  TransferOptions options = of_version(HttpVersions::http2_prior_knowledge);
  options.total_timeout = 1h;
  const TransferId id = silent.world.get("http://h/", options).value();
  silent.world.run_until_idle();
  CHECK(silent.world.faults().at("silent") == 1);
  CHECK(silent.world.outcome(id).result.error().code == Code::total_timeout);
}

}  // namespace sluice::test
