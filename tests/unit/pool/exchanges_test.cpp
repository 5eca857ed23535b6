// One exchange in place, many in allocated memory, and the change from one to the other and back.
#include "core/pool/exchanges.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {
using namespace sluice;
using pool::Exchanges;

std::vector<http::StreamId> streams(const Exchanges& exchanges) {
  std::vector<http::StreamId> all;
  for (const auto& [stream, transfer] : exchanges) all.push_back(stream);
  return all;
}
TransferId transfer(std::uint32_t index) { return {index, 1}; }

TEST_CASE("exchanges: one at a time, as HTTP/1 has it") {
  Exchanges exchanges;
  CHECK(exchanges.empty());
  CHECK(streams(exchanges).empty());
  for (http::StreamId stream = 1; stream <= 3; ++stream) {
    exchanges.add(stream, transfer(stream));
    CHECK(exchanges.size() == 1);
    CHECK(exchanges.back() == Exchanges::Item{stream, transfer(stream)});
    CHECK(streams(exchanges) == std::vector{stream});
    exchanges.erase(9);  // not there
    CHECK(exchanges.size() == 1);
    exchanges.erase(stream);
    CHECK(exchanges.empty());
  }
  exchanges.add(4, transfer(4));
  exchanges.clear();
  CHECK(exchanges.empty());
}

TEST_CASE("exchanges: many at once, in order, and one again") {
  Exchanges exchanges;
  for (http::StreamId stream = 1; stream <= 5; ++stream) exchanges.add(stream, transfer(stream));
  CHECK(exchanges.size() == 5);
  CHECK(streams(exchanges) == std::vector<http::StreamId>{1, 2, 3, 4, 5});
  exchanges.erase(1);
  exchanges.erase(4);
  CHECK(streams(exchanges) == std::vector<http::StreamId>{2, 3, 5});
  CHECK(exchanges.back().first == 5);
  CHECK(exchanges.find(3) == transfer(3));
  CHECK_FALSE(exchanges.find(4).has_value());
  CHECK_FALSE(exchanges.find(9).has_value());
  exchanges.add(6, transfer(6));
  CHECK(streams(exchanges) == std::vector<http::StreamId>{2, 3, 5, 6});
  for (const http::StreamId stream : {2U, 3U, 5U, 6U}) exchanges.erase(stream);
  CHECK(exchanges.empty());
  exchanges.add(7, transfer(7));
  CHECK(streams(exchanges) == std::vector<http::StreamId>{7});
  exchanges.add(8, transfer(8));
  exchanges.clear();
  CHECK(exchanges.empty());
  CHECK(exchanges.size() == 0);
}

}  // namespace
