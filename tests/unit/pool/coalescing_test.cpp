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

}  // namespace sluice::pool
