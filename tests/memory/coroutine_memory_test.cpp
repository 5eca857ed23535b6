// A fetch for which memory runs out anywhere in a drive ends with an error: no coroutine waits for ever.
#include <new>
#include <optional>
#include <utility>

#include "adapters/coroutine.hpp"
#include "adapters/streamed_fetch.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

struct End {
  std::optional<Code> error;
  std::size_t bytes = 0;
};

Task<End> fetch(Multi& multi, std::string url) {
  const auto response = co_await multi.fetch(get(url));
  End end;
  if (response) {
    end.bytes = response->body.size();
  } else {
    end.error = response.error().code;
  }
  co_return end;
}

constexpr std::size_t kBody = 200'000;

TEST_CASE("a fetch ends, whichever allocation of a drive fails") {
  LoopbackServer server([](const std::string&) { return ok(std::string(kBody, 'x')); });
  const auto tell = [&] {
    std::vector<std::string> faults;
    const auto multi = make_multi();
    auto task = fetch(*multi, server.url());
    int drives_without = 0;
    for (const Instant end = multi->now() + 5s; !task.done() && multi->now() < end;) {
      watched([&] { return multi->perform(); });
      if (ran_short() && ++drives_without == 3) relieve();  // it comes back some time
      (void)multi->poll({}, 2ms);
    }
    if (!task.done()) return faults.emplace_back("it waits for ever"), faults;
    const End end = task.take();
    const bool whole = !end.error && end.bytes == kBody;
    if (!whole && !ran_short()) faults.emplace_back("it failed with all the memory there is");
    if (!end.error && !whole) faults.emplace_back("a part of the body is missing");
    if (multi->running() != 0) faults.emplace_back("its transfer is left");
    return faults;
  };
  with_every_allocation_failing("a fetch", tell);
}

// Sends a body in pieces and reads it back in pieces, with both coroutines' memory the test's own.
Task<End> read_back(StreamedFetch& fetch) {
  End end;
  for (;;) {
    const auto piece = co_await fetch.read();
    if (!piece) end.error = piece.error().code;
    if (!piece || piece->empty()) co_return end;
    end.bytes += piece->size();
  }
}
Task<> write_out(StreamedFetch& fetch) {
  static const std::string piece(kBody / 4, 'y');
  for (int i = 0; i < 4; ++i) {
    if (!co_await fetch.write(piece)) co_return;
  }
  fetch.finish();
}

TEST_CASE("a streamed fetch ends for both who write and read it, whichever allocation of a drive fails") {
  LoopbackServer server([](const std::string& request) { return ok(request.substr(request.find("\r\n\r\n") + 4)); });
  const auto tell = [&] {
    std::vector<std::string> faults;
    const auto multi = make_multi();
    Request request = get(server.url());
    request.method = "PUT";
    request.body = BodyStream{kBody};
    std::optional<StreamedFetch> fetch(std::in_place, *multi, std::move(request));
    auto writes = write_out(*fetch);
    auto reads = read_back(*fetch);
    int drives_without = 0;
    for (const Instant end = multi->now() + 5s; !(writes.done() && reads.done()) && multi->now() < end;) {
      watched([&] { return multi->perform(); });
      if (ran_short() && ++drives_without == 3) relieve();  // it comes back some time
      (void)multi->poll({}, 2ms);
    }
    if (!writes.done() || !reads.done()) return faults.emplace_back("a coroutine waits for ever"), faults;
    const End end = reads.take();
    const bool whole = !end.error && end.bytes == kBody;
    if (!whole && !ran_short()) faults.emplace_back("it failed with all the memory there is");
    if (!end.error && !whole) faults.emplace_back("a part of the body is missing");
    fetch.reset();  // a read that had no memory for its copy has ended nothing
    if (multi->running() != 0) faults.emplace_back("its transfer is left");
    return faults;
  };
  with_every_allocation_failing("a streamed fetch", tell);
}

}  // namespace
}  // namespace sluice::test
