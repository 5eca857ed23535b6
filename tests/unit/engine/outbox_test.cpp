// core/engine/outbox: order, and failing allocations.
#include <doctest/doctest.h>

#include "core/engine/outbox.hpp"

using namespace sluice;

namespace {

ConnId conn(std::uint32_t index) { return {index, 1}; }

std::uint32_t popped(engine::Outbox& outbox) {
  const auto out = outbox.pop();
  REQUIRE(out);
  REQUIRE(std::holds_alternative<output::Close>(*out));
  return std::get<output::Close>(*out).conn.index;
}

}  // namespace

TEST_CASE("outbox: first in, first out, also while it is read") {
  engine::Outbox outbox;
  CHECK(outbox.empty());
  CHECK_FALSE(outbox.pop());
  outbox.put(output::Close{conn(1)});
  CHECK(outbox.try_put(output::Close{conn(2)}));
  CHECK(popped(outbox) == 1);
  outbox.put(Output(output::Close{conn(3)}));
  CHECK_FALSE(outbox.empty());
  CHECK(popped(outbox) == 2);
  CHECK(popped(outbox) == 3);
  CHECK(outbox.empty());
  CHECK_FALSE(outbox.pop());
}

TEST_CASE("outbox: its memory is used anew, a flood's is given back when all of it has been read") {
  engine::Outbox outbox;
  outbox.make_room();
  const std::size_t room = outbox.capacity();
  CHECK(room > 0);
  for (std::uint32_t round = 0; round < 100; ++round) {
    outbox.put(output::Close{conn(round)});
    CHECK(popped(outbox) == round);
  }
  CHECK(outbox.capacity() == room);
  for (std::uint32_t i = 0; i <= engine::Outbox::kKept; ++i) outbox.put(output::Close{conn(i)});
  const std::size_t flood = outbox.capacity();
  REQUIRE(flood > engine::Outbox::kKept);
  for (std::uint32_t i = 0; i < engine::Outbox::kKept; ++i) CHECK(popped(outbox) == i);
  CHECK(outbox.capacity() == flood);
  CHECK(popped(outbox) == engine::Outbox::kKept);
  CHECK(outbox.capacity() <= engine::Outbox::kKept);
}

TEST_CASE("outbox: a head that is not true any more is taken out, and nothing else") {
  engine::Outbox outbox;
  const TransferId here{1, 1}, there{2, 1};
  outbox.put(output::HeadReady{here});
  CHECK(outbox.pop().has_value());
  outbox.put(output::Close{conn(1)});
  outbox.put(output::HeadReady{there});
  outbox.put(output::HeadReady{here});
  outbox.put(output::BodyReady{here});
  outbox.drop_head(here);
  CHECK(popped(outbox) == 1);
  CHECK(std::holds_alternative<output::HeadReady>(outbox.pop().value()));
  CHECK(std::holds_alternative<output::BodyReady>(outbox.pop().value()));
  CHECK(outbox.empty());
}

TEST_CASE("outbox: made room is enough for one more") {
  engine::Outbox outbox;
  for (std::uint32_t i = 0; i < 100; ++i) {
    outbox.make_room();
    const std::size_t room = outbox.capacity();
    outbox.put(output::Close{conn(i)});
    CHECK(outbox.capacity() == room);
  }
}
