// core/http2/streams: the table, the states of sending, and which bytes belong to whom.
#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

#include "core/http2/streams.hpp"

namespace sluice {
namespace {

using http2::RequestMarks;
using http2::SendState;
using http2::Stream;
using http2::Streams;

}  // namespace

TEST_CASE("http2 streams: found by id, removed in any order, and used again without what they were") {
  Streams streams;
  Request request;
  ResponseHead head;
  const http::Exchange exchange{.request = &request, .head = &head};
  for (http::StreamId id = 1; id < 100; id += 2) CHECK(streams.add(id, exchange, false, false).id() == id);
  CHECK(streams.size() == 50);
  CHECK_FALSE(streams.find(2));
  CHECK_FALSE(streams.find(101));
  for (http::StreamId id = 99; id >= 53; id -= 4) {
    streams.find(id)->begun = true;
    streams.remove(*streams.find(id));
    CHECK_FALSE(streams.find(id));
    CHECK(streams.find(id - 2)->id() == id - 2);
  }
  Stream& again = streams.add(101, exchange, false, false);
  CHECK_FALSE(again.begun);
  CHECK_FALSE(again.sent);
  CHECK(streams.find(101) == &again);
}

TEST_CASE("http2 streams: how a body may be sent") {
  const SendState all[] = {SendState::waiting, SendState::body, SendState::done, SendState::stopped};
  const auto allowed = [](SendState from, SendState to) {
    switch (from) {
      case SendState::waiting:
        return to == SendState::body || to == SendState::stopped;
      case SendState::body:
        return to == SendState::done || to == SendState::stopped;
      case SendState::done:
      case SendState::stopped:
        return false;
    }
    return false;
  };
  Request request;
  request.body = BodyStream{};
  ResponseHead head;
  for (const SendState from : all) {
    http::UploadBody upload(request.body);
    Stream stream;
    const bool has_body = from != SendState::done;
    stream.start(1, {.request = &request, .upload = has_body ? &upload : nullptr, .head = &head},
                 from == SendState::waiting, false);
    if (from == SendState::stopped) stream.enter(from);
    REQUIRE(stream.sending() == from);
    for (const SendState to : all) CHECK(stream.may_enter(to) == allowed(from, to));
  }
}

TEST_CASE("http2 streams: marks come in order, and those of one request that touch are one") {
  RequestMarks marks;
  marks.add({.begin = 10, .end = 20, .stream = 1, .last = false});
  marks.add({.begin = 20, .end = 30, .stream = 1, .last = true});
  marks.add({.begin = 35, .end = 40, .stream = 3, .last = true});
  CHECK_FALSE(marks.next(10));
  REQUIRE(marks.next(11));
  CHECK(marks.next(11)->end == 30);
  CHECK(marks.next(11)->last);
  marks.pop();
  CHECK_FALSE(marks.next(35));
  CHECK(marks.next(100)->stream == 3);
  marks.pop();
  CHECK_FALSE(marks.next(100));
  for (std::uint64_t at = 100; at < 10'000; at += 10) {
    marks.add({.begin = at, .end = at + 5, .stream = 5, .last = false});
    marks.add({.begin = at + 5, .end = at + 9, .stream = 7, .last = false});
    REQUIRE(marks.next(at + 1)->stream == 5);
    marks.pop();
    REQUIRE(marks.next(at + 6)->stream == 7);
    marks.pop();
  }
}

TEST_CASE("http2 streams: marks that wait are moved seldom, however many they are") {
  constexpr std::uint64_t kWaiting = 10'000;
  RequestMarks marks;
  const auto add = [&](std::uint64_t at) {
    marks.add({.begin = at, .end = at + 1, .stream = static_cast<http::StreamId>(at), .last = true});
  };
  for (std::uint64_t at = 0; at < kWaiting; ++at) add(at);
  std::uintptr_t expected = 0;
  std::size_t moves = 0;
  for (std::uint64_t at = kWaiting; at < 10 * kWaiting; ++at) {
    const RequestMarks::Mark* const first = marks.next(at);
    REQUIRE((first && first->begin == at - kWaiting));
    const auto place = reinterpret_cast<std::uintptr_t>(first);
    moves += place != std::exchange(expected, place + sizeof *first) ? 1U : 0U;
    marks.pop();
    add(at);
  }
  CHECK(moves <= 12);
}

}  // namespace sluice
