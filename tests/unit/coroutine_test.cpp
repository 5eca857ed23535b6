// Coroutines over a Multi: the results of fetch(), concurrency, what destruction ends, and the depth of the stack.
#include "adapters/coroutine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

// Where the stack was, each time somebody looked.
class StackSpan {
 public:
  [[gnu::noinline]] void look() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest_ = std::min(lowest_, here);
    highest_ = std::max(highest_, here);
  }
  std::uintptr_t size() const { return highest_ - lowest_; }

 private:
  std::uintptr_t lowest_ = std::numeric_limits<std::uintptr_t>::max(), highest_ = 0;
};
constexpr std::uintptr_t kFewFrames = 16 * 1024;

struct Leaving {  // tells that the frame it stands in is gone
  explicit Leaving(bool& gone) : gone_(gone) {}
  ~Leaving() { gone_ = true; }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  bool& gone_;
};

Task<Result<Response>> fetch(Multi& multi, Request request, TransferOptions options = {}) {
  co_return co_await multi.fetch(std::move(request), std::move(options));
}

Task<std::size_t> body_size(Multi& multi, std::string url) {
  const auto response = co_await multi.fetch(get(url));
  co_return response ? response->body.size() : 0;
}

Code code_of(Task<Result<Response>>& task) {
  REQUIRE(task.done());
  const auto response = task.take();
  REQUIRE(!response);
  return response.error().code;
}

TransferOptions ipv6_only() {
  TransferOptions options;
  options.family = AddressFamily::ipv6;
  return options;
}

TEST_CASE("a coroutine gets the whole response, and the transfer has left the Multi") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes =
                     "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\nX-Kind: a\r\n\r\n"
                     "5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n"};
  });
  const auto multi = make_multi();
  auto task = fetch(*multi, get(server.url()));
  CHECK(!task.done());
  CHECK(multi->running() == 1);
  REQUIRE(finish(*multi));
  REQUIRE(task.done());
  const auto response = task.take();
  REQUIRE(response.has_value());
  CHECK(response->head.status == 201);
  CHECK(response->head.reason == "Made");
  CHECK(response->head.fields.find("x-kind").value_or("") == "a");
  CHECK(response->body == "hello world");
  CHECK(response->trailers.find("x-sum").value_or("") == "7");
  CHECK(response->progress.received_body_bytes == 11);
  CHECK(response->progress.done.has_value());
  CHECK(response->info.address.port == server.port());
  CHECK(!multi->info_read().has_value());
}

TEST_CASE("tasks that are started one after the other run at once, and so do the fetches of one task") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("123");
    reply.hold = true;
    return reply;
  });
  const auto multi = make_multi();
  std::vector<Task<std::size_t>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(body_size(*multi, server.url()));
  const auto both = [](Multi& from, std::string url) -> Task<std::size_t> {
    auto first = from.fetch(get(url));
    auto second = from.fetch(get(url));
    const auto one = co_await first, two = co_await second;
    co_return one&& two ? one->body.size() + two->body.size() : 0;
  };
  tasks.push_back(both(*multi, server.url()));
  // None is answered before all have been asked.
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 5; }));
  for (const auto& task : tasks) CHECK(!task.done());
  server.release();
  REQUIRE(finish(*multi));
  std::size_t total = 0;
  for (auto& task : tasks) {
    REQUIRE(task.done());
    total += task.take();
  }
  CHECK(total == 15);
}

TEST_CASE("errors are values") {
  const auto multi = make_multi();
  SUBCASE("a transfer that fails") {
    auto task = fetch(*multi, get("http://127.0.0.1:" + std::to_string(refused_port()) + "/"));
    CHECK(!task.done());
    REQUIRE(finish(*multi));
    CHECK(code_of(task) == Code::connect_failed);
  }
  SUBCASE("a body that is larger than the application wants") {
    LoopbackServer server([](const std::string&) { return ok(std::string(1000, 'x')); });
    TransferOptions options;
    options.max_body_bytes = 999;
    auto task = fetch(*multi, get(server.url()), options);
    REQUIRE(finish(*multi));
    CHECK(code_of(task) == Code::body_too_large);
  }
  SUBCASE("what add() refuses is answered at once, without a drive") {
    auto task = fetch(*multi, get("https://127.0.0.1:1/"));  // no TLS configuration
    CHECK(code_of(task) == Code::tls_config);
  }
  SUBCASE("so is a streamed request body, which nothing would feed") {
    Request request = get("http://127.0.0.1:1/");
    request.body = BodyStream{};
    auto task = fetch(*multi, std::move(request));
    CHECK(code_of(task) == Code::invalid_option);
  }
  CHECK(multi->running() == 0);
  CHECK(!multi->info_read().has_value());
}

TEST_CASE("destroying a coroutine that waits takes its transfer along") {
  LoopbackServer server([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  const auto multi = make_multi();
  bool gone = false, went_on = false;
  const auto waits = [&](Multi& from, std::string url) -> Task<> {
    const Leaving leaving(gone);
    auto never_awaited = from.fetch(get(url));
    (void)co_await from.fetch(get(url));
    went_on = true;
  };
  const auto outer = [&](Multi& from, std::string url) -> Task<> { co_await waits(from, url); };
  {
    const auto task = outer(*multi, server.url());
    REQUIRE(drive_until(*multi, [&] { return server.requests() == 2; }));
    CHECK(multi->running() == 2);
    CHECK(!gone);
  }
  CHECK(gone);
  CHECK(multi->running() == 0);
  REQUIRE(finish(*multi));
  CHECK(server.wait_for_open(0));
  CHECK(!went_on);
}

TEST_CASE("a coroutine that goes on may start and destroy others, also one whose answer is there") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("x");
    reply.hold = true;
    return reply;
  });
  const auto multi = make_multi();
  std::vector<Task<>> tasks;
  int went_on = 0;
  // Whichever goes on first ends the other, and asks once more.
  const auto race = [&](Multi& from, std::string url, std::size_t other) -> Task<> {
    (void)co_await from.fetch(get(url));
    ++went_on;
    tasks[other] = Task<>([]() -> Task<> { co_return; }());
    const auto again = co_await from.fetch(get(url + "again"));
    CHECK(again.has_value());
    ++went_on;
  };
  tasks.push_back(race(*multi, server.url(), 1));
  tasks.push_back(race(*multi, server.url(), 0));
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 2; }));
  server.release();
  REQUIRE(server.wait_for_replies(2));
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 3; }));
  server.release();
  REQUIRE(finish(*multi));
  CHECK(went_on == 2);
  CHECK(tasks[0].done());
  CHECK(tasks[1].done());
}

TEST_CASE("100,000 fetches in one loop do not grow the stack") {
  const auto multi = make_multi();
  StackSpan stack;
  int failed = 0;
  constexpr int kTimes = 100'000;
  SUBCASE("each refused at once") {
    const auto loop = [&](Multi& from) -> Task<> {
      for (int i = 0; i < kTimes; ++i) {
        const auto response = co_await from.fetch(get("https://127.0.0.1/"));
        failed += !response;
        stack.look();
      }
    };
    const auto task = loop(*multi);
    CHECK(task.done());
  }
  SUBCASE("each failed by the next drive") {
    const auto loop = [&](Multi& from) -> Task<> {
      for (int i = 0; i < kTimes; ++i) {
        const auto response = co_await from.fetch(get("http://127.0.0.1/"), ipv6_only());
        failed += !response;
        stack.look();
      }
    };
    const auto task = loop(*multi);
    CHECK(!task.done());
    // Not finish(): a transfer that failed before it began does not count as running.
    REQUIRE(drive_until(*multi, [&] { return task.done(); }, 120s));
  }
  SUBCASE("each in a task of its own, most of them refused at once") {
    const auto loop = [&](Multi& from) -> Task<> {
      for (int i = 0; i < kTimes; ++i) {
        const auto response =
            co_await fetch(from, get(i % 1000 ? "https://127.0.0.1/" : "http://127.0.0.1/"), ipv6_only());
        failed += !response;
        stack.look();
      }
    };
    const auto task = loop(*multi);
    // Not finish(): a transfer that failed before it began does not count as running.
    REQUIRE(drive_until(*multi, [&] { return task.done(); }, 120s));
  }
  CHECK(failed == kTimes);
  CHECK(stack.size() < kFewFrames);
}

TEST_CASE("2,000 transfers in one loop, over one connection, do not grow the stack") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  const auto multi = make_multi();
  StackSpan stack;
  const auto loop = [&](Multi& from, std::string url) -> Task<int> {
    int succeeded = 0;
    for (int i = 0; i < 2'000; ++i) {
      const auto response = co_await fetch(from, get(url));
      if (response && response->body == "x") ++succeeded;
      stack.look();
    }
    co_return succeeded;
  };
  auto task = loop(*multi, server.url());
  REQUIRE(drive_until(*multi, [&] { return task.done(); }, 120s));
  CHECK(task.take() == 2'000);
  CHECK(server.accepted() == 1);
  CHECK(stack.size() < kFewFrames);
}

TEST_CASE("tasks nest, whatever they end with") {
  LoopbackServer server([](const std::string& request) { return ok(request.substr(4, request.find(' ', 4) - 4)); });
  const auto multi = make_multi();
  struct Chain {
    static Task<std::string> walk(Multi& from, std::string url, int depth) {
      if (depth > 0) co_return co_await walk(from, url, depth - 1) + ">";
      const auto response = co_await from.fetch(get(url));
      co_return response ? response->body : response.error().message();
    }
    static Task<> count(Multi& from, std::string url, int& counter) {
      (void)co_await from.fetch(get(url));
      ++counter;
    }
    static Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }
  };
  int counter = 0;
  const auto all = [&](Multi& from) -> Task<std::size_t> {
    auto early = Chain::count(from, server.url("/c"), counter);  // runs beside what follows
    const std::string text = co_await Chain::walk(from, server.url("/deep"), 100);
    CHECK(text == "/deep" + std::string(100, '>'));
    co_await early;
    co_await Chain::count(from, server.url("/c"), counter);
    const auto box = co_await Chain::boxed(4);  // done before it is awaited
    co_return text.size() + static_cast<std::size_t>(*box);
  };
  auto task = all(*multi);
  auto moved = std::move(task);
  REQUIRE(finish(*multi));
  REQUIRE(moved.done());
  CHECK(moved.take() == 109);
  CHECK(counter == 2);
}

}  // namespace
}  // namespace sluice::test
