// async_fetch with each kind of completion token: where and when it completes, how it is canceled, and what happens
// when its driver is destroyed.
#include <doctest/doctest.h>

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/deferred.hpp>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "adapters/asio.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

Reply answer(const std::string& request) {
  Reply reply = ok(request.substr(0, request.find('\r')));
  reply.hold = request.starts_with("GET /hold");
  return reply;
}

struct Fetching {
  LoopbackServer server{answer};
  asio::io_context context;
  std::unique_ptr<Multi> multi = make_multi();
  std::unique_ptr<AsioDriver> driver = AsioDriver::create(*multi, context).value();

  Url url(const std::string& path = "/") const { return Url::parse(server.url(path)).value(); }
  template <class Condition>
  bool run_until(Condition condition) {
    context.restart();
    for (const Instant end = multi->now() + 20s; !condition();) {
      if (multi->now() > end) return false;
      context.run_one_for(20ms);
    }
    return true;
  }
};

using Answer = std::optional<Result<Response>>;
auto into(Answer& place) {
  // Move-only.
  return [&place, once = std::make_unique<int>(0)](Result<Response> response) { place = std::move(response); };
}
Code code_of(const Answer& answer) { return answer && !*answer ? answer->error().code : Code::internal; }

TEST_CASE_FIXTURE(Fetching, "async_fetch: a callback runs once, from the io_context, and never inside the call") {
  Answer whole, refused;
  async_fetch(*multi, url("/a"), into(whole));
  async_fetch(*multi, get("https://127.0.0.1/"), into(refused));
  CHECK(!refused);
  REQUIRE(run_until([&] { return whole && refused; }));
  REQUIRE(whole->has_value());
  CHECK((*whole)->body == "GET /a HTTP/1.1");
  CHECK(code_of(refused) == Code::tls_config);
  // It may drive, and end the driver, which no handler of the Multi's may.
  bool over = false;
  async_fetch(*multi, Request::post(url("/b"), "body", "text/plain"), TransferOptions(),
              [&](Result<Response> response) {
                CHECK(response->body == "POST /b HTTP/1.1");
                CHECK(multi->perform() != Drive::recursive_call);
                driver.reset();
                over = true;
              });
  REQUIRE(run_until([&] { return over; }));
  CHECK(multi->running() == 0);
  CHECK(!multi->info_read().has_value());
}

TEST_CASE_FIXTURE(Fetching, "async_fetch: co_await in an asio::awaitable, use_future, deferred and as_tuple") {
  const auto walk = [this](std::string first) -> asio::awaitable<std::string> {
    auto one = co_await async_fetch(*multi, url(first), asio::use_awaitable);
    auto two = co_await async_fetch(*multi, Request("PUT", url("/two"), BodyOwned("body")), TransferOptions(),
                                    asio::use_awaitable);
    auto later = async_fetch(*multi, url("/three"), asio::experimental::deferred);
    CHECK(server.requests() == 2);  // it has not begun
    auto three = co_await std::move(later)(asio::use_awaitable);
    auto [four] = co_await async_fetch(*multi, url("/four"), asio::experimental::as_tuple(asio::use_awaitable));
    co_return one->body + two->body + three->body + four->body;
  };
  std::string text;
  asio::co_spawn(context, walk("/one"), [&](std::exception_ptr, std::string all) { text = std::move(all); });
  REQUIRE(run_until([&] { return !text.empty(); }));
  CHECK(text == "GET /one HTTP/1.1PUT /two HTTP/1.1GET /three HTTP/1.1GET /four HTTP/1.1");
  auto future = async_fetch(*multi, url("/future"), asio::use_future);
  REQUIRE(run_until([&] { return future.wait_for(0s) == std::future_status::ready; }));
  CHECK(future.get()->body == "GET /future HTTP/1.1");
}

TEST_CASE_FIXTURE(Fetching, "async_fetch: the handler runs on its own executor, whose context it keeps going") {
  asio::io_context other;
  std::optional<std::thread::id> ran_in;
  async_fetch(*multi, url("/hold"), asio::bind_executor(other, [&](Result<Response> response) {
    CHECK(response.has_value());
    ran_in = std::this_thread::get_id();
  }));
  std::thread thread([&] { other.run(); });  // returns when the handler has run
  const auto id = thread.get_id();
  REQUIRE(run_until([&] { return server.requests() == 1; }));
  server.release();
  REQUIRE(run_until([&] { return multi->running() == 0; }));
  thread.join();
  CHECK(ran_in == id);
}

TEST_CASE_FIXTURE(Fetching, "async_fetch: a cancellation slot ends it, whatever state it is in") {
  asio::cancellation_signal signal;
  Answer canceled;
  const auto begin = [&](const std::string& path) {
    canceled.reset();
    async_fetch(*multi, url(path), asio::bind_cancellation_slot(signal.slot(), into(canceled)));
  };
  SUBCASE("before anything was sent") {
    begin("/hold");
    signal.emit(asio::cancellation_type::terminal);
    CHECK(multi->running() == 0);
    CHECK(!canceled);  // not inside emit()
  }
  SUBCASE("while it waits, and twice") {
    begin("/hold");
    REQUIRE(run_until([&] { return server.requests() == 1; }));
    signal.emit(asio::cancellation_type::total);  // what it cannot promise any more
    CHECK(multi->running() == 1);
    signal.emit(asio::cancellation_type::partial);
    signal.emit(asio::cancellation_type::terminal);
    CHECK(multi->running() == 0);
  }
  SUBCASE("from inside a handler of the Multi's") {
    struct Canceling : Recorder {
      asio::cancellation_signal* signal = nullptr;
      void on_head(Multi&, TransferId, const ResponseHead&) override { signal->emit(asio::cancellation_type::all); }
    } handler;
    handler.signal = &signal;
    begin("/hold");
    REQUIRE(multi->add(get(server.url("/small")), {}, &handler));
    REQUIRE(run_until([&] { return handler.dones == 1; }));
  }
  REQUIRE(run_until([&] { return canceled.has_value(); }));
  CHECK(code_of(canceled) == Code::canceled);
  signal.emit(asio::cancellation_type::all);  // nobody listens any more
  begin("/again");
  REQUIRE(run_until([&] { return canceled.has_value(); }));
  CHECK(canceled->has_value());
  signal.emit(asio::cancellation_type::all);
}

TEST_CASE_FIXTURE(Fetching,
                  "async_fetch: a coroutine that gives up after a time, and one that is canceled from outside") {
  using namespace asio::experimental::awaitable_operators;
  const auto hurried = [this]() -> asio::awaitable<std::size_t> {
    asio::steady_timer timer(context, 30ms);
    const auto first =
        co_await (async_fetch(*multi, url("/hold"), asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    co_return first.index();
  };
  std::optional<std::size_t> index;
  asio::co_spawn(context, hurried(), [&](std::exception_ptr, std::size_t value) { index = value; });
  REQUIRE(run_until([&] { return index.has_value(); }));
  CHECK(*index == 1);
  CHECK(multi->running() == 0);
  asio::cancellation_signal signal;
  const auto patient = [this]() -> asio::awaitable<Code> {
    const auto response = co_await async_fetch(*multi, url("/hold"), asio::use_awaitable);
    co_return response ? Code::internal : response.error().code;
  };
  std::optional<Code> code;
  asio::co_spawn(context, patient(),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, Code end) { code = end; }));
  REQUIRE(run_until([&] { return multi->running() == 1; }));
  signal.emit(asio::cancellation_type::terminal);
  REQUIRE(run_until([&] { return code.has_value(); }));
  CHECK(*code == Code::canceled);
}

TEST_CASE(
    "async_fetch: destroying the driver cancels, destroying the context drops, and without a driver there is no fetch") {
  LoopbackServer server(answer);
  const auto multi = make_multi();
  Answer first, second, third;
  const auto token = std::make_shared<int>(0);
  asio::cancellation_signal signal;
  {
    asio::io_context context;
    auto driver = AsioDriver::create(*multi, context).value();
    CHECK(AsioDriver::of(*multi) == driver.get());
    async_fetch(*multi, get(server.url("/hold")), into(first));
    async_fetch(*multi, get(server.url("/hold")), into(second));
    driver.reset();
    CHECK(AsioDriver::of(*multi) == nullptr);
    CHECK(multi->running() == 0);
    CHECK(!first);
    context.run_for(20s);
    CHECK(context.stopped());
    CHECK(code_of(first) == Code::canceled);
    CHECK(code_of(second) == Code::canceled);
    async_fetch(*multi, get(server.url()), asio::bind_executor(context, into(third)));
    context.restart();
    context.run_for(20s);
    CHECK(code_of(third) == Code::invalid_option);
    driver = AsioDriver::create(*multi, context).value();
    async_fetch(*multi, get(server.url("/hold")),
                asio::bind_cancellation_slot(signal.slot(),
                                             [token](const Result<Response>&) { FAIL("nobody runs the context"); }));
    driver.reset();
    CHECK(token.use_count() == 2);
  }
  CHECK(token.use_count() == 1);
  signal.emit(asio::cancellation_type::all);
  CHECK(multi->running() == 0);
}

TEST_CASE_FIXTURE(
    Fetching,
    "SB-89 async_fetch: an exception of its handler leaves run(), and so does one of a TransferHandler; both may go on") {
  struct Throwing : Recorder {
    std::size_t on_body(Multi&, TransferId, Bytes) override { throw std::logic_error("a handler's"); }
  } handler;
  async_fetch(*multi, url(), [](const Result<Response>&) { throw std::logic_error("a completion's"); });
  REQUIRE(multi->add(get(server.url()), {}, &handler));
  Answer other;
  async_fetch(*multi, url("/hold"), into(other));
  std::string thrown;
  for (int times = 0; times < 2; ++times) {
    try {
      (void)run_until([] { return false; });
    } catch (const std::logic_error& error) {
      thrown += std::string(error.what()) + ".";
    }
  }
  CHECK((thrown == "a handler's.a completion's." || thrown == "a completion's.a handler's."));
  REQUIRE(run_until([&] { return server.requests() == 3; }));
  server.release();
  REQUIRE(run_until([&] { return other.has_value() && handler.dones == 1; }));
  CHECK(other->has_value());
  CHECK(!driver->failed());
}

}  // namespace
}  // namespace sluice::test
