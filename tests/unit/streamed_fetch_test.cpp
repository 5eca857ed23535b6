// Bodies in coroutines, piece by piece: order, backpressure, both directions at once, ends, errors and destruction.
#include "adapters/streamed_fetch.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>

#include "adapters/coroutine.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/loose_coroutine.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

Request upload(const std::string& url, std::optional<std::uint64_t> length = {}) {
  return {"PUT", Url::parse(url).value(), BodyStream{length}};
}

Task<Result<std::string>> read_all(StreamedFetch& fetch) {
  std::string body;
  for (;;) {
    auto piece = co_await fetch.read();
    if (!piece || piece->empty()) co_return piece ? Result<std::string>(body) : piece;
    body += *piece;
  }
}

Task<bool> write_all(StreamedFetch& fetch, std::string body, std::size_t step) {
  for (std::size_t at = 0; at < body.size(); at += step) {
    if (!co_await fetch.write(body.substr(at, step))) co_return false;
  }
  fetch.finish();
  co_return true;
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

TEST_CASE("streamed: head, body and trailers are read as they come, and info_read() tells nothing") {
  const std::string body = text_of(1'000'000);
  LoopbackServer server([&](const std::string& request) {
    if (request.starts_with("GET /empty ")) return ok("");
    return Reply{
        .bytes = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n" +
                 body + "\r\n0\r\nX-Sum: 7\r\n\r\n"};
  });
  const auto multi = make_multi();
  StreamedFetch fetch(*multi, get(server.url())), empty(*multi, get(server.url("/empty")));
  const auto both = [](StreamedFetch& first, StreamedFetch& second) -> Task<Result<std::string>> {
    const auto head = co_await first.head();
    CHECK(head->status == 201);
    auto whole = co_await read_all(first);
    CHECK((co_await first.head())->status == 201);  // still, after the end
    CHECK((co_await first.read())->empty());
    CHECK((co_await read_all(second)).value() == "");
    CHECK((co_await second.head())->status == 200);
    co_return whole;
  };
  auto task = both(fetch, empty);
  REQUIRE(drive_until(*multi, [&] { return task.done(); }));
  CHECK(task.take().value() == body);
  CHECK(fetch.trailers().find("x-sum").value_or("") == "7");
  CHECK(fetch.progress().received_body_bytes == body.size());
  CHECK(fetch.info().address.port == server.port());
  CHECK(multi->running() == 0);
  CHECK(!multi->info_read().has_value());
}

TEST_CASE("streamed: what nobody reads stays with the peer, and comes when it is read") {
  const std::string body = text_of(30'000'000);
  LoopbackServer server([&](const std::string&) { return ok(body); });
  const auto multi = make_multi();
  StreamedFetch fetch(*multi, get(server.url()));
  const auto first = [](StreamedFetch& from) -> Task<std::string> {
    CHECK((co_await from.head())->status == 200);
    co_return (co_await from.read()).value();
  };
  auto piece = first(fetch);
  REQUIRE(drive_until(*multi, [&] { return piece.done(); }));
  const std::string begin = piece.take();
  CHECK(!begin.empty());
  (void)drive_until(*multi, [] { return false; }, 1s);
  CHECK(fetch.progress().received_body_bytes < 5'000'000);
  CHECK(multi->timeout() != 0ms);  // nothing goes round meanwhile
  auto rest = read_all(fetch);
  REQUIRE(drive_until(*multi, [&] { return rest.done(); }));
  CHECK((begin + rest.take().value() == body));
}

TEST_CASE(
    "streamed: a request body is made piece by piece, of whatever size, and a write waits until the peer takes it") {
  LoopbackServer server([](const std::string& request) { return ok(request.substr(request.find("\r\n\r\n") + 4)); });
  const auto multi = make_multi();
  for (const std::size_t step : {1u, 1'000u, 300'000u, 5'000'000u}) {
    CAPTURE(step);
    const std::string body = text_of(step == 1 ? 500 : 5'000'000);
    StreamedFetch fetch(*multi, upload(server.url(), body.size()));
    auto writes = write_all(fetch, body, step);
    CHECK(!writes.done());
    auto reads = read_all(fetch);
    REQUIRE(drive_until(*multi, [&] { return writes.done() && reads.done(); }));
    CHECK(writes.take());
    CHECK((reads.take().value() == body));
  }
  // Without a length it goes in chunks; a write that comes late, after the transfer was asked and had nothing, goes on.
  StreamedFetch fetch(*multi, upload(server.url()));
  REQUIRE(drive_until(*multi, [&] { return server.accepted() == 1 && multi->timeout() != 0ms; }));
  const auto late = [](StreamedFetch& to) -> Task<std::string> {
    CHECK((co_await to.write("")).has_value());
    CHECK((co_await to.write("hello")).has_value());
    CHECK((co_await to.write(" world")).has_value());
    Fields trailers;
    CHECK(trailers.add("Checksum", "50").has_value());
    to.finish(std::move(trailers));
    co_return (co_await read_all(to)).value();
  };
  auto task = late(fetch);
  REQUIRE(drive_until(*multi, [&] { return task.done(); }));
  const std::string echoed = task.take();
  CHECK(echoed.find("hello") != std::string::npos);
  CHECK(echoed.ends_with("\r\n0\r\nChecksum: 50\r\n\r\n"));
}

TEST_CASE("streamed: errors reach whoever waits, and those that ask later") {
  const auto multi = make_multi();
  const auto code = [](StreamedFetch& from) -> Task<Code> {
    const auto piece = co_await from.read();
    const auto head = co_await from.head();
    CHECK(!head.has_value());
    const auto written = co_await from.write("more");
    CHECK(!written.has_value());
    co_return piece ? Code::internal : piece.error().code;
  };
  SUBCASE("refused at once") {
    StreamedFetch fetch(*multi, get("https://127.0.0.1:1/"));
    auto task = code(fetch);
    REQUIRE(task.done());
    CHECK(task.take() == Code::tls_config);
  }
  SUBCASE("no connection") {
    StreamedFetch fetch(*multi, upload("http://127.0.0.1:" + std::to_string(refused_port()) + "/"));
    auto reads = code(fetch);
    auto writes = write_all(fetch, "body", 1);
    REQUIRE(drive_until(*multi, [&] { return reads.done() && writes.done(); }));
    CHECK(reads.take() == Code::connect_failed);
    CHECK(!writes.take());
  }
  SUBCASE("the response is cut: the head is there, and the bytes before") {
    LoopbackServer server([](const std::string&) {
      return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true};
    });
    StreamedFetch fetch(*multi, get(server.url()));
    auto task = read_all(fetch);
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
    CHECK(task.take().error().code == Code::truncated);
    const auto head = [](StreamedFetch& from) -> Task<int> { co_return (co_await from.head())->status; };
    CHECK(head(fetch).take() == 200);
  }
  SUBCASE("the source of the request body breaks") {
    LoopbackServer server([](const std::string&) { return ok(""); });
    StreamedFetch fetch(*multi, upload(server.url()));
    auto task = code(fetch);
    REQUIRE(drive_until(*multi, [&] { return server.accepted() == 1; }));
    fetch.fail("the disk is gone");
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
    CHECK(task.take() == Code::upload_failed);
  }
  SUBCASE("more is written than was declared, or fewer") {
    LoopbackServer server([](const std::string&) { return ok(""); });
    StreamedFetch fetch(*multi, upload(server.url(), 10));
    auto writes = write_all(fetch, "four", 4);
    auto reads = read_all(fetch);
    REQUIRE(drive_until(*multi, [&] { return writes.done() && reads.done(); }));
    CHECK(reads.take().error().code == Code::upload_failed);
  }
  CHECK(multi->running() == 0);
  CHECK(!multi->info_read().has_value());
}

TEST_CASE("streamed: destroying it, or a coroutine that waits for it, at any moment is safe") {
  LoopbackServer server([](const std::string& request) {
    Reply reply = ok("hello");
    reply.hold = request.starts_with("GET /hold");
    return reply;
  });
  const auto multi = make_multi();
  SUBCASE("by the coroutine that goes on, while another one waits") {
    auto fetch = std::make_unique<StreamedFetch>(*multi, get(server.url()));
    std::optional<Task<Result<std::string>>> other;
    const auto ends = [&](StreamedFetch& from) -> Task<> {
      (void)co_await from.head();
      other.reset();
      fetch.reset();
    };
    auto task = ends(*fetch);
    other = read_all(*fetch);
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
    CHECK(!fetch);
  }
  SUBCASE("by one that hears of the end") {
    auto fetch =
        std::make_unique<StreamedFetch>(*multi, upload("http://127.0.0.1:" + std::to_string(refused_port()) + "/"));
    std::optional<Task<Result<std::string>>> other;
    const auto ends = [&](StreamedFetch& from) -> Task<> {
      CHECK(!co_await from.write("body"));
      other.reset();
      fetch.reset();
    };
    auto task = ends(*fetch);
    other = read_all(*fetch);
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
  }
  SUBCASE("a coroutine that waits goes, and another one takes its place") {
    StreamedFetch fetch(*multi, get(server.url("/hold")));
    {
      const auto gone = read_all(fetch);
    }
    auto task = read_all(fetch);
    REQUIRE(drive_until(*multi, [&] { return server.requests() == 1; }));
    server.release();
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
    CHECK(task.take().value() == "hello");
  }
  SUBCASE("before its end") {
    {
      const StreamedFetch fetch(*multi, get(server.url("/hold")));
    }
    CHECK(multi->running() == 0);
  }
  CHECK(multi->running() == 0);
  REQUIRE(finish(*multi));
}

TEST_CASE(
    "SB-89 streamed: an exception that a coroutine lets out ends the transfer, also for the others that wait for it") {
  LoopbackServer server([](const std::string&) { return ok(std::string(100'000, 'x')); });
  const auto multi = make_multi();
  StreamedFetch fetch(*multi, get(server.url()));
  const auto loose = [](StreamedFetch& from) -> Loose {
    (void)co_await from.head();
    throw std::logic_error("my bug");
  };
  const Loose running = loose(fetch);
  auto task = read_all(fetch);
  int left = 0;
  for (const Instant end = multi->now() + 20s; !task.done() && multi->now() < end;) {
    try {
      (void)multi->poll({}, 20ms);
      const Drive drove = multi->perform();  // not inside REQUIRE, which catches
      REQUIRE(drove != Drive::recursive_call);
    } catch (const std::logic_error&) {
      ++left;
    }
  }
  CHECK(left == 1);
  REQUIRE(task.done());
  CHECK(task.take().error().code == Code::canceled);
}

}  // namespace
}  // namespace sluice::test
