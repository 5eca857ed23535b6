// Multi and request bodies that must be sent again: a kept connection is closed during the second request, and the
// handler provides its body again (on_rewind), or cannot.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "adapters/multi.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

const std::string kBody(100'000, 'r');

struct Source : Recorder {
  explicit Source(bool can) : can_rewind(can) {}
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    const std::size_t count = std::min(space.size(), kBody.size() - given);
    if (count == 0) multi.finish_upload(id);
    std::memcpy(space.data(), kBody.data() + given, count);
    given += count;
    return count;
  }
  bool on_rewind(Multi&, TransferId) override {
    ++rewinds;
    given = 0;
    return can_rewind;
  }
  bool can_rewind;
  std::size_t given = 0;
  int rewinds = 0;
};

struct Outcome {
  bool finished;
  Result<void> result;
  int rewinds;
  TransferInfo info;
  std::string received;  // the body that the server answered
};

// The server ends the connection when the second request has come whole, and answers the third.
Outcome put_on_a_dying_connection(bool rewindable, bool can) {
  std::mutex mutex;
  int requests = 0;
  std::string received;
  LoopbackServer server([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    if (++requests == 2) return Reply{.bytes = "", .close = true};
    received = request.substr(request.find("\r\n\r\n") + 4);
    return ok("x");
  });
  auto multi = make_multi();
  Recorder first;
  (void)multi->add(get(server.url()), {}, &first).value();
  REQUIRE(finish(*multi));
  Source source(can);
  Request request = get(server.url());
  request.method = "PUT";
  request.body = BodyStream{.length = kBody.size(), .rewindable = rewindable};
  const TransferId id = multi->add(std::move(request), {}, &source).value();
  const bool finished = finish(*multi);
  return {finished, source.result, source.rewinds, multi->info(id), received};
}

}  // namespace

TEST_CASE("a streamed body comes again from its start where its handler can give it") {
  const Outcome outcome = put_on_a_dying_connection(true, true);
  CHECK(outcome.finished);
  CHECK(outcome.result.has_value());
  CHECK(outcome.rewinds == 1);
  CHECK(outcome.info.retries == 1);
  CHECK(outcome.received == kBody);
}

TEST_CASE("a handler that cannot give it after all fails its transfer, which says so") {
  const Outcome outcome = put_on_a_dying_connection(true, false);
  CHECK(outcome.finished);
  REQUIRE_FALSE(outcome.result.has_value());
  CHECK(outcome.result.error().code == Code::rewind_failed);
  CHECK(outcome.result.error().message().ends_with("its handler cannot give the body again (on_rewind)"));
}

TEST_CASE("a stream that is not rewindable is not asked for: what broke the connection is the error") {
  const Outcome outcome = put_on_a_dying_connection(false, true);
  CHECK(outcome.finished);
  REQUIRE_FALSE(outcome.result.has_value());
  CHECK(outcome.result.error().code == Code::connection_closed);
  CHECK(outcome.rewinds == 0);
}

TEST_CASE(
    "a handler that had nothing to give when its connection died is asked again after on_rewind, without resume()") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  auto multi = make_multi();
  Recorder first;
  (void)multi->add(get(server.url()), {}, &first).value();
  REQUIRE(finish(*multi));
  struct Pausing : Source {
    using Source::Source;
    std::size_t on_upload(Multi& driven, TransferId id, MutableBytes space) override {
      if (rewinds > 0) return Source::on_upload(driven, id, space);
      ++asked;
      if (given > 0) return 0;  // pauses
      return Source::on_upload(driven, id, space.first(1'000));
    }
    int asked = 0;
  } source(true);
  Request request = get(server.url());
  request.method = "PUT";
  request.body = BodyStream{.length = kBody.size(), .rewindable = true};
  (void)multi->add(std::move(request), {}, &source).value();
  REQUIRE(drive_until(*multi, [&] { return source.asked == 2; }));
  server.reset_all();
  CHECK(finish(*multi));
  CHECK(source.rewinds == 1);
  CHECK(source.result.has_value());
  CHECK(source.given == kBody.size());
}
