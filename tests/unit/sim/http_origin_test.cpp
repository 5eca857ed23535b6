// adapters/sim/http_origin: the correct origin, then each origin_fault and when it is reported.
#include <doctest/doctest.h>

#include <set>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/unit/sim/fake_line.hpp"

namespace sluice::test {
namespace {

using sim::HttpReply;
using sim::HttpRequest;
using sim::OriginFault;
using Framing = HttpReply::Framing;
using Log = std::vector<std::string>;

const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kHead = "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n";
std::string post(std::string_view body, std::string_view more = "") {
  return "POST /up HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}
const std::string kOk = "HTTP/1.1 200 OK\r\n";

sim::Accept always(HttpReply reply, sim::HttpOriginOptions options = {}) {
  return sim::http_origin([reply](const HttpRequest&) { return reply; }, options);
}
HttpReply with(OriginFault origin_fault, Framing framing = Framing::length) {
  return {.body = "hello world", .framing = framing, .chunk_bytes = 4, .origin_fault = origin_fault};
}
std::string answer_to(const std::string& request, const HttpReply& reply) {
  PeerOnLine at(always(reply));
  at.come(request);
  CHECK(at.line.faults.empty());
  return at.line.sent;
}

TEST_CASE("A reply is framed as it says, and HEAD, 204 and 304 get no body") {
  CHECK(answer_to(kGet, {.body = "hello"}) == kOk + "Content-Length: 5\r\n\r\nhello");
  CHECK(answer_to(kGet, {.fields = {{"A", "1"}, {"A", "2"}}}) == kOk + "A: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n");
  const HttpReply chunked{
      .body = std::string(16, 'a') + "bc", .framing = Framing::chunked, .chunk_bytes = 16, .trailers = {{"T", "9"}}};
  CHECK(answer_to(kGet, chunked) ==
        kOk + "Transfer-Encoding: chunked\r\n\r\n10\r\naaaaaaaaaaaaaaaa\r\n2\r\nbc\r\n0\r\nT: 9\r\n\r\n");
  CHECK(answer_to(kHead, {.body = "hello"}) == kOk + "Content-Length: 5\r\n\r\n");
  CHECK(answer_to(kHead, chunked) == kOk + "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(answer_to(kGet, {.status = 204, .body = "hello"}) == "HTTP/1.1 204 \r\n\r\n");
  CHECK(answer_to(kGet, {.status = 304, .body = "hello"}) == "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n");
  CHECK(answer_to(kGet, {.interims = {103, 102}}) ==
        "HTTP/1.1 103 \r\n\r\nHTTP/1.1 102 \r\n\r\n" + kOk + "Content-Length: 0\r\n\r\n");
}

TEST_CASE("What closes says so and closes behind the response") {
  const Log all{"send", "close"};
  PeerOnLine until(always({.body = "hello", .framing = Framing::until_close}));
  until.come(kGet + kGet);
  CHECK(until.line.sent == kOk + "Connection: close\r\n\r\nhello");
  CHECK(until.line.log == Log{"send", "send", "finish"});
  until.peer->on_end(until.line);
  CHECK(until.line.log == Log{"send", "send", "finish", "close"});
  PeerOnLine pieces(always({.body = "hello", .framing = Framing::until_close, .chunk_bytes = 2}));
  pieces.come(kGet);
  CHECK(pieces.line.sent == kOk + "Connection: close\r\n\r\nhello");
  CHECK(pieces.line.log == Log{"send", "send", "send", "send", "finish"});
  PeerOnLine asked(always({.close = true}));
  asked.come(kGet + kGet);
  CHECK(asked.line.sent == kOk + "Connection: close\r\nContent-Length: 0\r\n\r\n");
  CHECK(asked.line.log == all);
  PeerOnLine client(always({}));
  client.come("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n");
  CHECK(client.line.log == all);
  PeerOnLine third(always({}, {.max_requests = 3}));
  third.come(kGet + kGet);
  CHECK(third.line.sent == kOk + "Content-Length: 0\r\n\r\n" + kOk + "Content-Length: 0\r\n\r\n");
  CHECK(third.line.take_sent().find("close") == std::string::npos);
  third.come(kGet);
  CHECK(third.line.sent == kOk + "Connection: close\r\nContent-Length: 0\r\n\r\n");
  CHECK_FALSE(third.line.open);
}

TEST_CASE(
    "An HTTP/1.0 reply has no chunks and no interims, and closes without a word unless it keeps the connection alive") {
  const std::string ok = "HTTP/1.0 200 OK\r\n";
  const HttpReply reply{
      .body = "hello", .framing = Framing::chunked, .trailers = {{"T", "9"}}, .interims = {103}, .http10 = true};
  PeerOnLine closes(always(reply));
  closes.come(kGet + kGet);
  CHECK(closes.line.sent == ok + "Content-Length: 5\r\n\r\nhello");
  CHECK(closes.line.log == Log{"send", "close"});
  PeerOnLine until(always({.body = "hello", .framing = Framing::until_close, .http10 = true}));
  until.come(kGet);
  CHECK(until.line.sent == ok + "\r\nhello");
  CHECK(until.line.log == Log{"send", "send", "finish"});
  PeerOnLine stays(always({.body = "hello", .http10 = true, .keep_alive = true}));
  stays.come(kGet + kGet);
  CHECK(stays.line.sent == ok + "Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello" + ok +
                               "Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(stays.line.open);
}

TEST_CASE("Interims, the response and its surplus go out in one write if they are to") {
  PeerOnLine whole(always({.body = "hello", .interims = {103, 102}, .one_write = true}));
  whole.come(kGet);
  CHECK(whole.line.log == Log{"send"});
  CHECK(whole.line.take_sent() ==
        "HTTP/1.1 103 \r\n\r\nHTTP/1.1 102 \r\n\r\n" + kOk + "Content-Length: 5\r\n\r\nhello");
  PeerOnLine until(always({.body = "hello", .framing = Framing::until_close, .one_write = true}));
  until.come(kGet);
  CHECK(until.line.log == Log{"send", "finish"});
  PeerOnLine surplus(always({.one_write = true, .origin_fault = OriginFault::surplus}));
  surplus.come(kGet);
  CHECK(surplus.line.log == Log{"admit surplus", "send"});
  CHECK(surplus.line.sent.starts_with(kOk + "Content-Length: 0\r\n\r\nsurplus"));
  PeerOnLine second(always({.one_write = true, .origin_fault = OriginFault::second_response}));
  second.come(kGet);
  CHECK(second.line.log == Log{"admit second response", "send"});
  CHECK(second.line.sent ==
        kOk + "Content-Length: 0\r\n\r\n" + kOk + "X-Number: none\r\nContent-Length: 6\r\n\r\nsecond");
  PeerOnLine cut(
      always({.body = "hello", .interims = {103}, .one_write = true, .origin_fault = OriginFault::short_body}));
  cut.come(kGet);
  CHECK(cut.line.log == Log{"admit short body", "send", "close"});
}

TEST_CASE("Pipelined requests are answered in order, each after its own delay, and numbered") {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  const sim::Accept accept = sim::http_origin([&](const HttpRequest& request) {
    seen.emplace_back(request.connection, request.number);
    return HttpReply{.body = request.body + request.target, .delay = request.method == "GET" ? 2s : 0s};
  });
  PeerOnLine at(accept, 9);
  at.come(kGet + post("abc") + kGet, 7);
  CHECK(at.line.sent.empty());
  at.pass(2s);
  CHECK(at.line.take_sent() == kOk + "Content-Length: 2\r\n\r\n/x" + kOk + "Content-Length: 6\r\n\r\nabc/up");
  at.pass(1999ms);
  CHECK(at.line.sent.empty());
  at.pass(1ms);
  CHECK(at.line.sent == kOk + "Content-Length: 2\r\n\r\n/x");
  CHECK(at.line.open);
  // Twice for the one with a body: at its head, and complete.
  CHECK(seen == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{9, 0}, {9, 1}, {9, 1}, {9, 2}});
}

TEST_CASE("An early reply goes out at the head; the body is read and dropped, and the next request is read") {
  std::vector<std::string> bodies;
  const sim::Accept accept = sim::http_origin([&](const HttpRequest& request) {
    bodies.push_back(request.body);
    return HttpReply{.status = 413, .early = request.method == "POST"};
  });
  const std::string refusal = "HTTP/1.1 413 \r\nContent-Length: 0\r\n\r\n";
  const std::string request = post("abcdef");
  PeerOnLine at(accept);
  at.come(request.substr(0, request.size() - 6));
  CHECK(at.line.take_sent() == refusal);
  at.come("abc");
  CHECK(at.line.sent.empty());
  at.come("def" + kGet);
  CHECK(at.line.take_sent() == refusal);
  CHECK(bodies == Log{"", ""});
  CHECK(at.line.log == Log{"send", "send"});
}

TEST_CASE("An early reply that closes says its last byte first and closes when the body is in") {
  const std::string request = post("abcdef");
  {
    PeerOnLine at(always({.status = 413, .early = true, .close = true}));
    at.come(request.substr(0, request.size() - 3));
    CHECK(at.line.log == Log{"send", "finish"});
    at.come("def" + kGet);
    CHECK(at.line.log == Log{"send", "finish", "close"});
  }
  {
    PeerOnLine at(always({.status = 413, .early = true, .close = true}));
    at.come(request.substr(0, request.size() - 3));
    at.peer->on_end(at.line);
    CHECK(at.line.log == Log{"send", "finish", "close"});
  }
  PeerOnLine late(always({.status = 413, .delay = 1s, .early = true, .close = true}));
  late.come(request);
  CHECK(late.line.sent.empty());
  late.pass(1s);
  CHECK(late.line.log == Log{"send", "close"});
}

TEST_CASE("A reply that begins early is whole when the request is") {
  std::vector<std::string> bodies;
  const auto begins = [&](HttpReply reply, sim::HttpOriginOptions options = {}) {
    reply.begins_early = true;
    return sim::http_origin(
        [&bodies, reply](const HttpRequest& request) { return bodies.push_back(request.body), reply; }, options);
  };
  const std::string request = post("abcdef"), head = request.substr(0, request.size() - 6);
  PeerOnLine at(begins({.body = "hello", .interims = {103}, .delay = 1s}));
  at.come(head);
  CHECK(at.line.take_sent() == "HTTP/1.1 103 \r\n\r\n" + kOk + "Content-Length: 5\r\n\r\nhe");
  at.come("abc");
  CHECK(at.line.sent.empty());
  at.come("def");
  CHECK(at.line.sent.empty());
  at.pass(1s);
  CHECK(at.line.take_sent() == "llo");
  CHECK(bodies == Log{"", "abcdef"});
  at.come(kGet);
  at.pass(1s);
  CHECK(at.line.sent == "HTTP/1.1 103 \r\n\r\n" + kOk + "Content-Length: 5\r\n\r\nhello");

  PeerOnLine until(begins({.body = "hello", .framing = Framing::until_close}));
  until.come(head);
  CHECK(until.line.log == Log{"send"});
  until.come("abcdef");
  CHECK(until.line.sent == kOk + "Connection: close\r\n\r\nhello");
  CHECK(until.line.log == Log{"send", "send", "finish"});
  PeerOnLine empty(begins({}));
  empty.come(head);
  CHECK(empty.line.sent.empty());
  const std::string expects = post("abc", "Expect: 100-continue\r\n"),
                    expecting = expects.substr(0, expects.size() - 3);
  PeerOnLine asked(begins({.body = "hello"}));
  asked.come(expecting);
  CHECK(asked.line.sent == "HTTP/1.1 100 \r\n\r\n" + kOk + "Content-Length: 5\r\n\r\nhe");
  PeerOnLine silent(begins({.body = "hello"}, {.answers_continue = false}));
  silent.come(expecting);
  CHECK(silent.line.sent.empty());
}

TEST_CASE("100 comes for Expect, unless the origin has none or answers early") {
  const std::string request = post("abc", "Expect: 100-Continue\r\n");
  const std::string head = request.substr(0, request.size() - 3);
  const std::string go_on = "HTTP/1.1 100 \r\n\r\n";
  PeerOnLine at(always({}));
  at.come(head);
  CHECK(at.line.take_sent() == go_on);
  at.come("abc");
  CHECK(at.line.take_sent() == kOk + "Content-Length: 0\r\n\r\n");
  PeerOnLine never(always({}, {.answers_continue = false}));
  never.come(head);
  CHECK(never.line.sent.empty());
  never.come("abc");
  CHECK(never.line.take_sent() == kOk + "Content-Length: 0\r\n\r\n");
  PeerOnLine early(always({.status = 417, .early = true}));
  early.come(head);
  CHECK(early.line.take_sent() == "HTTP/1.1 417 \r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("An idle connection is closed after keep_alive, and none that is at work") {
  const sim::Accept accept = always({.body = "x"}, {.keep_alive = 5s});
  PeerOnLine at(accept);
  at.pass(4s);
  at.come(kGet);
  at.pass(4999ms);
  CHECK(at.line.open);
  at.pass(1ms);
  CHECK_FALSE(at.line.open);
  CHECK(at.line.log == Log{"send", "admit idle close", "close"});
  PeerOnLine slow(accept);
  slow.come("GET");
  slow.pass(1h);
  CHECK(slow.line.open);
  slow.come(kGet.substr(3));
  CHECK(slow.line.take_sent() == kOk + "Content-Length: 1\r\n\r\nx");
  slow.come(post("abc").substr(0, post("abc").size() - 1));
  slow.pass(1h);
  CHECK(slow.line.open);
  PeerOnLine unused(accept);
  unused.pass(5s);
  CHECK_FALSE(unused.line.open);
  PeerOnLine delayed(always({.delay = 20s}, {.keep_alive = 5s}));
  delayed.come(kGet);
  delayed.pass(19s);
  CHECK(delayed.line.open);
  delayed.pass(1s);
  CHECK(delayed.line.log == Log{"send"});
  delayed.pass(5s);
  CHECK_FALSE(delayed.line.open);
}

TEST_CASE("A request that is none is answered by 400 and a close, and admitted") {
  PeerOnLine at(always({.body = "x"}));
  at.come("GET /\r\n\r\n" + kGet);
  CHECK(at.line.sent == "HTTP/1.1 400 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  CHECK(at.line.log == Log{"admit bad request", "send", "close"});
  PeerOnLine early(always({.status = 413, .early = true}));
  early.come("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  CHECK(early.line.log == Log{"send", "admit bad request", "close"});  // an answer has been given already
}

TEST_CASE("Bodies that end before their framing: cut anywhere in the body, never before it or at its end") {
  for (const OriginFault origin_fault :
       {OriginFault::short_body, OriginFault::reset_in_body, OriginFault::stall_in_body}) {
    for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
      CAPTURE(std::string(to_string(origin_fault)));
      CAPTURE(static_cast<int>(framing));
      std::string honest =
          answer_to(kGet, with(OriginFault::none, framing == Framing::chunked ? framing : Framing::length));
      const std::size_t head = honest.find("\r\n\r\n") + 4;
      std::size_t shortest = SIZE_MAX;
      std::size_t longest = 0;
      for (int i = 0; i < 300; ++i) {
        PeerOnLine at(always(with(origin_fault, framing)));
        for (int j = 0; j < i; ++j) at.line.random().next_u64();
        at.come(kGet + kGet);
        CHECK(honest.starts_with(at.line.sent));
        shortest = std::min(shortest, at.line.sent.size());
        longest = std::max(longest, at.line.sent.size());
        Log wanted{"admit " + std::string(to_string(origin_fault)), "send"};
        if (origin_fault == OriginFault::short_body) wanted.push_back("close");
        if (origin_fault == OriginFault::reset_in_body) wanted.push_back("reset");
        CHECK(at.line.log == wanted);
      }
      CHECK(shortest == head);
      CHECK(longest == honest.size() - 1);
    }
  }
}

TEST_CASE("A body of nothing is cut too, and a response without a body in its head") {
  PeerOnLine empty(always({.origin_fault = OriginFault::short_body}));
  empty.come(kGet);
  CHECK(empty.line.sent.starts_with(kOk + "Transfer-Encoding: chunked\r\n\r\n"));
  CHECK_FALSE(empty.line.sent.ends_with("0\r\n\r\n"));
  PeerOnLine head(always(with(OriginFault::short_body)));
  head.come(kHead);
  CHECK(head.line.sent.size() >= 1);
  CHECK_FALSE(head.line.sent.ends_with("\r\n\r\n"));
}

TEST_CASE("Surplus stands behind a whole response") {
  for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
    const std::string honest =
        answer_to(kGet, with(OriginFault::none, framing == Framing::chunked ? framing : Framing::length));
    PeerOnLine at(always(with(OriginFault::surplus, framing)));
    at.come(kGet);
    CHECK(at.line.sent.starts_with(honest + "surplus"));
    CHECK(at.line.log == Log{"send", "admit surplus", "send"});
  }
  HttpReply closing = with(OriginFault::surplus);
  closing.close = true;
  PeerOnLine at(always(closing));
  at.come(kGet);
  CHECK(at.line.log == Log{"send", "admit surplus", "send", "close"});
}

TEST_CASE("OriginFaults in the response's place: what is sent, and silence after it") {
  const auto sent_by = [](OriginFault origin_fault) {
    PeerOnLine at(always(with(origin_fault)));
    at.come(kGet);
    CHECK(at.line.faults == Log{std::string(to_string(origin_fault))});
    CHECK(at.line.open == (origin_fault != OriginFault::silent_close));
    std::string first = at.line.take_sent();
    at.come(kGet);
    at.pass(1h);
    CHECK(at.line.sent.empty());
    return first;
  };
  for (int i = 0; i < 20; ++i) CHECK_FALSE(sent_by(OriginFault::garbage).starts_with("H"));
  CHECK(sent_by(OriginFault::two_lengths).find("Content-Length: 1, 2\r\n") != std::string::npos);
  CHECK(sent_by(OriginFault::bad_chunk) ==
        kOk + "Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n4\r\no wo\r\n3\r\nrld\r\nzz\r\n");
  CHECK(sent_by(OriginFault::huge_head).size() > limits::kMaxHeadBytes);
  CHECK(sent_by(OriginFault::too_many_interims).size() > limits::kMaxInterimBytes);
  CHECK(sent_by(OriginFault::silent_close).empty());
  CHECK(sent_by(OriginFault::unasked_upgrade).starts_with("HTTP/1.1 101"));
  CHECK(sent_by(OriginFault::never).empty());
}

TEST_CASE(
    "An abrupt close comes right behind the response, which does not say so, and before the rest of the request") {
  HttpReply reply = with(OriginFault::abrupt_close);
  reply.early = true;
  PeerOnLine at(always(reply));
  const std::string request = post("0123456789");
  at.come(request.substr(0, request.size() - 5));
  CHECK(at.line.sent == kOk + "Content-Length: 11\r\n\r\nhello world");
  CHECK_FALSE(at.line.open);
  CHECK(at.line.faults == Log{"abrupt close"});
}

TEST_CASE("A origin_fault is admitted when it is committed, not before, and not where it cannot be") {
  HttpReply late = with(OriginFault::never);
  late.delay = 2s;
  PeerOnLine at(always(late));
  at.come(kGet);
  at.pass(1999ms);
  CHECK(at.line.faults.empty());
  at.pass(1ms);
  CHECK(at.line.faults == Log{"never"});
  PeerOnLine gone(always(late));
  gone.come(kGet);
  gone.peer->on_end(gone.line);
  gone.pass(1h);
  CHECK(gone.line.log == Log{"close"});
  PeerOnLine head(always(with(OriginFault::bad_chunk)));
  head.come(kHead);
  CHECK(head.line.faults.empty());
  CHECK(head.line.sent == kOk + "Content-Length: 11\r\n\r\n");
}

TEST_CASE("An oddity breaks a rule and leaves the response what it is; none is admitted") {
  using sim::Oddity;
  const auto odd = [](Oddity oddity, Framing framing = Framing::length) {
    return answer_to(kGet, {.body = "hello", .framing = framing, .oddity = oddity});
  };
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  CHECK(odd(Oddity::bare_lf) == "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello");
  CHECK(odd(Oddity::bare_lf, Framing::chunked) == "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n");
  CHECK(odd(Oddity::mixed_line_ends) == "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello");
  CHECK(odd(Oddity::folds) == kOk + "X-Folded: one \r\n\ttwo\r\n  three\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(odd(Oddity::folded_framing) == kOk + "Content-Length:\r\n\t5\r\n\r\nhello");
  CHECK(odd(Oddity::equal_lengths) == kOk + "Content-Length: 5\r\ncontent-length: 5 ,5\r\n\r\nhello");
  CHECK(odd(Oddity::equal_lengths, Framing::chunked) == kOk + chunked);
  CHECK(odd(Oddity::both_lengths, Framing::chunked) == kOk + "Content-Length: 7\r\n" + chunked);
  CHECK(odd(Oddity::empty_elements, Framing::chunked).find("Transfer-Encoding: , chunked ,\r\n") != std::string::npos);
  CHECK(odd(Oddity::identity) == kOk + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(odd(Oddity::padded_chunks, Framing::chunked).find("5 \t \r\nhello\r\n") != std::string::npos);
  CHECK(odd(Oddity::odd_fields).find("X(odd) name: \x01\x7f\r\n") != std::string::npos);
  CHECK(odd(Oddity::blank_before_colon).find("X-Dropped : 1\r\n") != std::string::npos);
  CHECK(answer_to(kGet, {.interims = {103}, .oddity = Oddity::bare_lf})
            .starts_with("HTTP/1.1 103 \n\nHTTP/1.1 200 OK\n"));
  CHECK(sim::leaves_doubt(Oddity::mixed_line_ends, 204, Framing::length));
  CHECK(sim::leaves_doubt(Oddity::identity, 200, Framing::length));
  CHECK_FALSE(sim::leaves_doubt(Oddity::identity, 200, Framing::chunked));
  CHECK_FALSE(sim::leaves_doubt(Oddity::folded_framing, 204, Framing::length));
  CHECK_FALSE(sim::leaves_doubt(Oddity::bare_lf, 200, Framing::chunked));
  std::set<std::string_view> names;
  for (auto i = 0; i <= static_cast<int>(Oddity::blank_before_colon); ++i)
    CHECK(names.insert(to_string(static_cast<Oddity>(i))).second);
}

TEST_CASE("Each origin_fault has a name of its own") {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(OriginFault::never); ++i) {
    const std::string_view name = to_string(static_cast<OriginFault>(i));
    CHECK_FALSE(name.empty());
    CHECK(std::find(names.begin(), names.end(), name) == names.end());
    names.push_back(name);
  }
}

}  // namespace
}  // namespace sluice::test
