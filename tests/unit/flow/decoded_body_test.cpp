// DecodedBody: decoded bytes that wait, taken from coded ones only as they are consumed.
#include "core/flow/decoded_body.hpp"

#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/coded.hpp"
#include "tests/support/pattern.hpp"

using namespace sluice;
using namespace sluice::flow;
using namespace sluice::test;

namespace {

std::unique_ptr<DecodedBody> body_of(std::string_view codings, const content::BodyLimits& body_limits = {}) {
  content::Codings list;
  REQUIRE(list.add_list(codings));
  auto made = DecodedBody::create(list, body_limits);
  REQUIRE(made);
  return *std::move(made);
}

}  // namespace

TEST_CASE("decoded body: bytes are decoded when none waits, in order, and the end is checked") {
  const std::string text(pattern(200'000, 3));
  const std::string coded = gzip(text);
  const auto body = body_of("gzip");
  CHECK(body->needs_input());
  std::string got;
  BodyBuffer received;
  for (std::size_t at = 0; at < coded.size(); at += 7'000) {
    received.land(as_bytes(coded).subspan(at, std::min<std::size_t>(7'000, coded.size() - at)));
    REQUIRE(body->decode(received));
    while (!body->empty()) {
      CHECK(body->front().size() <= limits::kDecodedBytes);
      const std::size_t some = std::min<std::size_t>(5'000, body->front().size());
      got += as_text(body->front().first(some));
      body->consume(some);
      REQUIRE(body->decode(received));
    }
    CHECK(received.empty());
    CHECK(body->needs_input());
  }
  CHECK(got == text);
  CHECK(body->decoded_bytes() == text.size());
  CHECK(body->finish());
}

TEST_CASE("decoded body: while bytes wait, none is taken") {
  const std::string coded = gzip(std::string(10 * limits::kDecodedBytes, 'x'));
  const auto body = body_of("gzip");
  BodyBuffer received;
  received.land(as_bytes(coded));
  REQUIRE(body->decode(received));
  CHECK(body->front().size() == limits::kDecodedBytes);
  body->consume(limits::kDecodedBytes - 1);
  const std::size_t left = received.size();
  REQUIRE(body->decode(received));
  CHECK(received.size() == left);
  CHECK(body->front().size() == 1);
  CHECK_FALSE(body->needs_input());
  body->consume(1);
  CHECK_FALSE(body->needs_input());  // the decoder has more, whatever it was given
  REQUIRE(body->decode(received));
  CHECK(body->front().size() == limits::kDecodedBytes);
  body->end();
  CHECK(body->front().size() == limits::kDecodedBytes);
}

TEST_CASE("decoded body: errors come with what was decoded before them") {
  const auto bad = body_of("gzip");
  BodyBuffer received;
  const std::string coded = gzip("good") + "!!";
  received.land(as_bytes(coded));
  const auto decoded = bad->decode(received);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == Code::bad_coding);
  CHECK(as_text(bad->front()) == "good");
  const auto cut = body_of("gzip");
  BodyBuffer half;
  half.land(as_bytes(coded).first(12));
  REQUIRE(cut->decode(half));
  cut->consume(cut->front().size());
  CHECK(cut->finish().error().code == Code::truncated);
  const auto large = body_of("gzip", {.max_decoded_bytes = 3});
  BodyBuffer whole;
  whole.land(as_bytes(coded));
  CHECK(large->decode(whole).error().code == Code::body_too_large);
  CHECK(as_text(large->front()) == "goo");
}
