// Each way to write a fetch that compiles is correct: g++ 12 destroys a braced aggregate in the operand of a co_await
// twice, so none that is used there may have a destructor. Run under AddressSanitizer (tests/run), which detects a
// double destruction.
#include <doctest/doctest.h>

#include <string>
#include <type_traits>

#include "adapters/coroutine.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

// What must not compile, since it could be wrong.
template <class AnyMulti>
concept TakesDesignatedRequest = requires(AnyMulti& multi, Url url) { multi.fetch({.url = url}); };
template <class AnyMulti>
concept TakesDesignatedOptions = requires(AnyMulti& multi, Url url) { multi.fetch(url, {.fresh_connection = true}); };
template <class AnyMulti>
concept TakesText = requires(AnyMulti& multi) { multi.fetch("http://127.0.0.1/"); };  // which may be no URL: parse it
template <class AnyMulti>
concept TakesUrl = requires(AnyMulti& multi, Url url) { multi.fetch(url); };
static_assert(TakesUrl<Multi>);
static_assert(!TakesDesignatedRequest<Multi>);
static_assert(!TakesDesignatedOptions<Multi>);
static_assert(!TakesText<Multi>);

template <class Type>
constexpr bool is_safe_in_an_operand = !std::is_aggregate_v<Type> || std::is_trivially_destructible_v<Type>;
static_assert(is_safe_in_an_operand<Request>);
static_assert(is_safe_in_an_operand<TransferOptions>);
static_assert(is_safe_in_an_operand<Url>);
static_assert(is_safe_in_an_operand<Fields>);
static_assert(is_safe_in_an_operand<BodyView>);
static_assert(is_safe_in_an_operand<BodyOwned>);
static_assert(is_safe_in_an_operand<BodyStream>);
static_assert(is_safe_in_an_operand<RequestBody>);

TransferOptions fresh() {
  TransferOptions options;
  options.fresh_connection = true;
  return options;
}

// Longer than what a string holds in place.
const std::string kBody(100, 'b'), kType = "application/vnd.example-of-a-long-name+json";

// Each answers the request as the server has seen it.
using Spelling = Task<Result<Response>> (*)(Multi&, Url);
const Spelling kSpellings[] = {
    // A GET.
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(url); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch({url}); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(url, {}); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(url, fresh()); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(*Url::parse(url.text())); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(Request(url)); },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch(Request{url}, TransferOptions{});
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch(Request::get(url)); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch({"GET", url}); },
    [](Multi& multi, Url url) -> Task<Result<Response>> { co_return co_await multi.fetch({"GET", url, {}}, {}); },
    // With a body.
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch(Request::post(url, kBody, kType));
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch(Request::put(url, kBody, kType), {});
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch(Request::json(url, kBody), fresh());
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch({"PUT", url, BodyOwned(kBody)}, fresh());
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch({"PUT", url, BodyOwned{kBody}});
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch(Request{std::string("PUT"), url, RequestBody{BodyOwned{std::string(kBody)}}}, {});
    },
    [](Multi& multi, Url url) -> Task<Result<Response>> {
      co_return co_await multi.fetch({"PUT", url, BodyView{as_bytes(kBody)}});
    },
};

TEST_CASE("a fetch is right in every spelling that compiles, whether it waits or is refused at once") {
  LoopbackServer server([](const std::string& request) { return ok(request); });
  const std::string path = "/a/path/that/is/longer/than/what/a/string/holds/in/place";
  const auto multi = make_multi();
  int number = 0;
  for (const Spelling spelling : kSpellings) {
    CAPTURE(number);
    const bool has_body = number++ >= 10;
    auto task = spelling(*multi, Url::parse(server.url(path)).value());
    REQUIRE(drive_until(*multi, [&] { return task.done(); }));
    const auto response = task.take();
    REQUIRE(response.has_value());
    CHECK(response->body.find(" " + path + " HTTP/1.1\r\n") != std::string::npos);
    CHECK(response->body.starts_with("GET ") == !has_body);
    CHECK(response->body.ends_with(has_body ? "\r\n\r\n" + kBody : "\r\n\r\n"));
    // There is no TLS configuration.
    auto refused = spelling(*multi, Url::parse("https://127.0.0.1" + path).value());
    REQUIRE(refused.done());
    CHECK(refused.take().error().code == Code::tls_config);
  }
}

}  // namespace
}  // namespace sluice::test
