// BodyBuffer: bytes that wait for the application, in place and copied.
#include "core/flow/body_buffer.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;
using namespace sluice::flow;

TEST_CASE("body buffer: it is a view until it has to be kept, and never changes its order") {
  BodyBuffer body;
  std::string landing = "abcdef";
  body.land(as_bytes(landing));
  CHECK(body.front().data() == as_bytes(landing).data());
  body.consume(2);
  CHECK(as_text(body.front()) == "cdef");
  body.keep();
  landing = "uvwxyz";  // the landing buffer is used again
  CHECK(as_text(body.front()) == "cdef");
  body.land(as_bytes(landing));
  CHECK(as_text(body.front()) == "cdefuvwxyz");
  body.keep();
  body.consume(5);
  CHECK(as_text(body.front()) == "vwxyz");
  body.consume(5);
  CHECK(body.size() == 0);
  body.land(as_bytes(landing));
  CHECK(body.front().data() == as_bytes(landing).data());  // nothing kept: a view again
  body.consume(6);
  CHECK(body.front().empty());
}

TEST_CASE("body buffer: pieces that lie apart are shown one after another, in place, and kept as one") {
  BodyBuffer body;
  std::string landing = "aa--bbb-c";
  const Bytes bytes = as_bytes(landing);
  body.land(bytes.subspan(0, 2));
  body.land(bytes.subspan(4, 3));
  body.land(bytes.subspan(8, 1));
  CHECK(body.size() == 6);
  CHECK(as_text(body.front()) == "aa");
  body.consume(1);
  CHECK(as_text(body.front()) == "a");
  body.consume(1);
  CHECK(body.front().data() == bytes.data() + 4);
  CHECK(as_text(body.front()) == "bbb");
  CHECK(body.size() == 4);
  body.consume(2);
  REQUIRE(body.keep());
  landing = "xxxxxxxxx";
  CHECK(as_text(body.front()) == "bc");
  CHECK(body.size() == 2);
  body.consume(2);
  CHECK(body.empty());
}

TEST_CASE("body buffer: a long list of pieces is not kept when they are consumed, dropped or kept as one") {
  const std::string landing(40'000, 'x');
  BodyBuffer body;
  const auto land = [&](std::size_t pieces) {
    for (std::size_t i = 0; i < pieces; ++i) body.land(as_bytes(landing).subspan(2 * i, 1));
  };
  land(20'000);
  CHECK(body.has_memory());
  while (!body.empty()) body.consume(1);
  CHECK_FALSE(body.has_memory());
  land(20'000);
  body.drop();
  CHECK_FALSE(body.has_memory());
  land(20'000);
  REQUIRE(body.keep());
  CHECK(body.kept_bytes() == 20'000);
  body.consume(20'000);
  CHECK_FALSE(body.has_memory());
  // A few are no reason to free and allocate again and again.
  land(10);
  CHECK_FALSE(body.has_memory());
}

TEST_CASE("body buffer: pieces that lie side by side are one") {
  BodyBuffer body;
  const std::string landing = "abcd";
  body.land(as_bytes(landing).first(2));
  body.land(as_bytes(landing).subspan(2));
  CHECK(as_text(body.front()) == "abcd");
}

TEST_CASE("body buffer: a reader who never takes the last byte does not make it grow") {
  BodyBuffer body;
  const std::string piece(1'000, 'x');
  body.land(as_bytes(piece));
  REQUIRE(body.keep());
  for (int i = 0; i < 100; ++i) {
    body.land(as_bytes(piece));
    body.consume(1'000);
  }
  CHECK(body.size() == 1'000);
  CHECK(body.kept_bytes() <= 3'000);
  body.drop();
  CHECK(body.empty());
  CHECK(body.kept_bytes() == 0);
}
