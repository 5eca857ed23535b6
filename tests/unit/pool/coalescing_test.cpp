// The index of connections that other hosts may use: what is found by a key, and in which order.
#include "core/pool/coalescing.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "core/pool/pooled_connection.hpp"

namespace sluice::pool {

TEST_CASE("coalescing index: a connection is found by its key, as long as its place exists; the newest one first") {
  Coalescing index;
  PooledConnection first, second, other;
  const auto any = [](PooledConnection&) { return true; };
  CHECK(index.find("k", any) == nullptr);
  auto place = index.offer(first, "k");
  auto newer = index.offer(second, "k");
  const auto apart = index.offer(other, "l");
  CHECK(index.find("k", any) == &second);
  CHECK(index.find("l", any) == &other);
  CHECK(index.find("k", [&](PooledConnection& one) { return &one == &first; }) == &first);
  newer.reset();
  CHECK(index.find("k", any) == &first);
  place.reset();
  CHECK(index.find("k", any) == nullptr);
  CHECK_FALSE(index.empty());
}

TEST_CASE("coalescing index: of many connections few are looked at") {
  Coalescing index;
  std::vector<PooledConnection> all(limits::kMaxCoalescingChecks + 3);
  for (PooledConnection& one : all) one.place = index.offer(one, "k");
  std::vector<PooledConnection*> asked;
  const auto none = [&](PooledConnection& one) { return asked.push_back(&one), false; };
  CHECK(index.find("k", none) == nullptr);
  REQUIRE(asked.size() == limits::kMaxCoalescingChecks);
  CHECK(asked.front() == &all.back());
  all.clear();
  CHECK(index.empty());
}

TEST_CASE("coalescing index: guests wait for what is being made until its place is gone, and are then woken in order") {
  Coalescing index;
  PooledConnection host, other;
  Guest first, second, third;
  first.dial = {1, 1};
  second.dial = {2, 1};
  third.dial = {3, 1};
  host.place = index.announce(host, "k");
  other.place = index.announce(other, "k");
  const auto any = [](const PooledConnection&) { return true; };
  CHECK(index.find("k", any) == nullptr);
  CHECK(index.find_announced("l", any) == nullptr);
  CHECK(index.find_announced("k", any) == host.place.get());  // the oldest one
  CHECK(index.find_announced("k", [&](const PooledConnection& one) { return &one == &other; }) == other.place.get());
  for (Guest* const guest : {&first, &second, &third}) index.wait(*guest, *host.place);
  CHECK(second.host == host.place.get());
  index.leave(second);
  CHECK(second.host == nullptr);
  CHECK_FALSE(index.has_woken());
  host.place = index.offer(host, "k");
  CHECK(index.find("k", any) == &host);
  CHECK(first.host == nullptr);
  CHECK(first.has_waited);
  index.leave(third);  // woken, and gone
  CHECK(index.take_woken() == first.dial);
  CHECK_FALSE(index.take_woken());
  index.wait(first, *other.place);
  index.forget_guests();
  other.place.reset();
  CHECK_FALSE(index.has_woken());
  CHECK_FALSE(first.link.linked);
}

}  // namespace sluice::pool
