// Peers that reset their connections affect only their own transfers.
#include <deque>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

TEST_CASE_VERSIONS("a reset in the head, in the body or during an upload ends that transfer, and no other") {
  std::deque<Get> good, bad;
  std::deque<Echo> echoes;
  for (std::size_t i = 0; i < 60; ++i) {
    get(good.emplace_back(i * 5000, i), i % 2 == 0 ? Scheme::plain : Scheme::tls);
    constexpr const char* kWords[] = {"reset_head", "reset_body", "reset_upload"};
    const std::size_t kind = i % 3;
    Get& one = bad.emplace_back(50'000, i, kWords[kind]);
    Request asked = request(one.path, i % 2 == 0 ? Scheme::plain : Scheme::tls);
    if (kind == 2) {
      asked.method = "PUT";
      asked.body = BodyView{as_bytes(pattern(600'000, i))};
    }
    add(std::move(asked), one);
    if (i % 10 == 0) echo(echoes.emplace_back(pattern(300'000, i)), Scheme::plain, false);
  }
  REQUIRE(run());
  for (const Get& one : good) CHECK_MESSAGE(one.complete(), one.path);
  for (const Echo& one : echoes) CHECK(one.complete());
  for (const Get& one : bad) {
    CAPTURE(one.path);
    CHECK(one.dones == 1);
    REQUIRE_FALSE(one.result.has_value());
    const Error& error = one.result.error();
    CAPTURE(error.message());
    CHECK((error.blame == Blame::network || error.blame == Blame::peer));
    CHECK(one.as_expected);
    CHECK(one.received <= one.expected.size() / 2);
  }
}

TEST_CASE_FIXTURE(
    World, "resets of transfers that nobody reads, and of idle connections, are noticed or wait; nothing spins") {
  struct Refusing : Get {
    using Get::Get;
    std::size_t on_body(Multi&, TransferId, Bytes) override { return 0; }
  };
  std::deque<Refusing> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < 10; ++i) {
    all.emplace_back(3'000'000, i, i % 2 == 0 ? "reset_body" : "close");
    ids.push_back(get(all.back(), i % 4 < 2 ? Scheme::plain : Scheme::tls));
  }
  REQUIRE(until([&] { return server().requests() == 10; }));
  turns_within(150ms);
  CHECK(turns_within(200ms) <= 10);
  for (const TransferId id : ids) multi().remove(id);
  Get good(100'000, 1);
  get(good);
  REQUIRE(run());
  CHECK(good.complete());
}
