// SB-25 with Multi: cancel, destroy, pause and new requests inside every callback, and the guarantees of pausing.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "adapters/multi.hpp"
#include "adapters/select.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Does something of the dice's choice in each callback; owns nothing but counts.
class Gambler : public TransferHandler {
 public:
  Gambler(const LoopbackServer& server, unsigned seed, int most) : server_(server), random_(seed), most_(most) {}

  void begin(Multi& multi) { add(multi); }
  void on_interim(Multi& multi, TransferId id, const ResponseHead&) override { alive(id), act(multi, id); }
  void on_head(Multi& multi, TransferId id, const ResponseHead&) override { alive(id), act(multi, id); }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    alive(id);
    act(multi, id);
    if (random_() % 4 != 0) return bytes.size();
    paused.insert(id);
    return random_() % bytes.size();
  }
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    alive(id);
    act(multi, id);
    if (!live.contains(id)) return 0;
    const std::size_t size = std::min<std::size_t>(space.size(), 1 + random_() % 3000);
    std::fill_n(space.begin(), size, std::uint8_t{'u'});
    switch (random_() % 8) {
      case 0:
        multi.finish_upload(id);
        return size;
      case 1:
        multi.fail_upload(id, "the source broke");
        return size;
      case 2:
        paused.insert(id);
        return 0;
      default:
        return size;
    }
  }
  void on_done(Multi& multi, TransferId id, const Result<void>&) override {
    alive(id);
    act(multi, id);
    if (live.erase(id) == 1) ++done;
    paused.erase(id);
    if (random_() % 2 == 0) multi.remove(id);
  }
  void resume_all(Multi& multi) {
    for (const TransferId id : std::exchange(paused, {})) multi.resume(id);
  }

  std::set<TransferId> live, paused;
  int added = 0, done = 0, removed = 0;

 private:
  // No call comes for a transfer that was removed or is done.
  void alive(TransferId id) const { REQUIRE(live.contains(id)); }

  void act(Multi& multi, TransferId self) {
    CHECK(multi.perform() == Drive::recursive_call);
    switch (random_() % 12) {
      case 0:
        remove(multi, self);
        break;
      case 1:
        remove(multi, *std::next(live.begin(), static_cast<std::ptrdiff_t>(random_() % live.size())));
        break;
      case 2:
      case 3:
        add(multi);
        break;
      case 4:
        multi.resume(self);
        break;
      case 5:
        add(multi), remove(multi, self);
        break;
      case 6:
        add(multi), remove(multi, *live.rbegin());
        break;
      case 7:
        (void)multi.info_read();
        break;
      default:
        break;
    }
  }
  void remove(Multi& multi, TransferId id) {
    if (live.erase(id) == 0) return;
    paused.erase(id);
    multi.remove(id);
    ++removed;
  }
  void add(Multi& multi) {
    if (added >= most_) return;
    static constexpr const char* kPaths[] = {"/small", "/large", "/reset", "/cut", "/bytes", "/close", "/interim"};
    Request request = get(server_.url(kPaths[random_() % std::size(kPaths)]));
    if (random_() % 4 == 0) {
      request.method = "POST";
      request.body = BodyStream{};
    }
    TransferOptions options;
    options.total_timeout = 20s;
    options.fresh_connection = random_() % 8 == 0;
    const auto id = multi.add(std::move(request), options, this);
    REQUIRE(id.has_value());
    REQUIRE(live.insert(*id).second);
    ++added;
  }

  const LoopbackServer& server_;
  std::mt19937 random_;
  int most_;
};

Reply gamble(const std::string& request) {
  const std::string path =
      request.substr(request.find(' ') + 1, request.find(' ', request.find(' ') + 1) - request.find(' ') - 1);
  if (path == "/large") return ok(std::string(700'000, 'l'));
  if (path == "/reset") return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .reset = true};
  if (path == "/cut") return {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", .close = true};
  Reply reply = ok("0123456789");
  if (path == "/bytes") reply.byte_by_byte = true;
  if (path == "/close") reply.close = true;
  if (path == "/interim") reply.bytes = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply.bytes;
  return reply;
}

}  // namespace

TEST_CASE("SB-25 Multi survives cancel, pause, upload and new requests inside every callback") {
  LoopbackServer server(gamble);
  for (unsigned seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    MultiOptions options;
    options.max_reads_per_perform = 1 + seed % 7;
    options.engine.max_connections_per_origin = seed % 3 == 0 ? 2 : 0;
    auto multi = make_multi(options);
    Gambler gambler(server, seed, 60);
    for (int i = 0; i < 8; ++i) gambler.begin(*multi);
    const Instant limit = multi->now() + 40s;
    while (!gambler.live.empty() && multi->now() < limit) {
      multi->perform();
      gambler.resume_all(*multi);
      if (!gambler.live.empty()) (void)multi->poll({}, 100ms);
    }
    CHECK(gambler.live.empty());
    CHECK(multi->running() == 0);
    CHECK(gambler.done + gambler.removed == gambler.added);
  }
}

TEST_CASE("SB-25 Multi can be destroyed with transfers in every state") {
  LoopbackServer server(gamble);
  for (unsigned seed = 100; seed < 120; ++seed) {
    auto multi = make_multi();
    Gambler gambler(server, seed, 40);
    for (int i = 0; i < 8; ++i) gambler.begin(*multi);
    for (unsigned i = 0; i < seed - 100; ++i) {
      multi->perform();
      (void)multi->poll({}, 1ms);
    }
    multi.reset();
  }
  CHECK(server.wait_for_open(0));
}

namespace {

struct Sipper : Recorder {
  std::size_t sip = 1;
  bool resume_inside = false;
  int calls = 0;
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    ++calls;
    const std::size_t taken = std::min(sip, bytes.size());
    Recorder::on_body(multi, id, bytes.first(taken));
    if (resume_inside) multi.resume(id);
    return taken;
  }
};

}  // namespace

TEST_CASE(
    "A body that is taken in part is not offered again before resume, then from where it was left, in the next drive") {
  LoopbackServer server([](const std::string&) { return ok("0123456789"); });
  auto multi = make_multi();
  Sipper sipper;
  sipper.sip = 4;
  const TransferId id = multi->add(get(server.url()), {}, &sipper).value();
  REQUIRE(drive_until(*multi, [&] { return sipper.calls > 0; }));
  for (int i = 0; i < 5; ++i) {
    multi->perform();
    (void)multi->poll({}, 5ms);
  }
  CHECK(sipper.calls == 1);
  CHECK(sipper.body == "0123");
  CHECK(multi->running() == 1);
  multi->resume(id);
  CHECK(sipper.calls == 1);  // not from within resume()
  CHECK(multi->timeout() == 0ms);
  multi->perform();
  CHECK(sipper.calls == 2);
  CHECK(sipper.body == "01234567");
  multi->resume(id);
  multi->perform();
  CHECK(sipper.body == "0123456789");
  CHECK(sipper.order == "hbd");
  CHECK(multi->running() == 0);
}

TEST_CASE("A paused body is not offered again because more of it arrives") {
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("0123456789");
    reply.byte_by_byte = true;
    return reply;
  });
  auto multi = make_multi();
  Sipper sipper;
  sipper.sip = 0;
  const TransferId id = multi->add(get(server.url()), {}, &sipper).value();
  REQUIRE(drive_until(*multi, [&] { return sipper.calls > 0; }));
  REQUIRE(server.wait_for_replies(1));
  for (int i = 0; i < 5; ++i) {
    multi->perform();
    (void)multi->poll({}, 5ms);
  }
  CHECK(sipper.calls == 1);
  sipper.sip = 100;
  multi->resume(id);
  REQUIRE(finish(*multi));
  CHECK(sipper.body == "0123456789");
}

TEST_CASE("resume() from inside on_body comes into force with the next drive, not in a loop without end") {
  LoopbackServer server([](const std::string&) { return ok("0123456789"); });
  auto multi = make_multi();
  Sipper sipper;
  sipper.resume_inside = true;
  REQUIRE(multi->add(get(server.url()), {}, &sipper));
  int last = 0;
  const Instant limit = multi->now() + 10s;
  while (multi->running() > 0 && multi->now() < limit) {
    multi->perform();
    CHECK(sipper.calls <= last + 1);
    last = sipper.calls;
    (void)multi->poll({}, 1000ms);
  }
  CHECK(sipper.body == "0123456789");
  CHECK(sipper.calls == 10);
}

TEST_CASE("A paused transfer holds its peer back, and the others go on") {
  constexpr std::size_t kSize = 64 * 1024 * 1024;
  LoopbackServer server(
      [](const std::string& request) { return ok(std::string(request.starts_with("GET /big") ? kSize : 5, 'b')); });
  auto multi = make_multi();
  Sipper sipper;
  REQUIRE(multi->add(get(server.url("/big")), {}, &sipper));
  REQUIRE(drive_until(*multi, [&] { return sipper.calls > 0; }));
  for (int i = 0; i < 20; ++i) {
    Recorder other;
    const TransferId id = multi->add(get(server.url("/small")), {}, &other).value();
    REQUIRE(drive_until(*multi, [&] { return other.dones == 1; }));
    CHECK(other.body == "bbbbb");
    multi->remove(id);
  }
  CHECK(sipper.calls == 1);
  // The reply of 64 MiB is still on its way at the server: what is not consumed is not read.
  CHECK(server.wait_for_requests(21));
  CHECK_FALSE(multi->timeout() == 0ms);
}

TEST_CASE(
    "After on_done nothing more is said of a transfer, also when a resume comes late for what is left of its body") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", .close = true};
  });
  auto multi = make_multi();
  Sipper sipper;
  TransferOptions options;
  options.total_timeout = 200ms;
  const TransferId id = multi->add(get(server.url()), options, &sipper).value();
  REQUIRE(drive_until(*multi, [&] { return sipper.dones == 1; }));
  CHECK_FALSE(sipper.result.has_value());
  const int calls = sipper.calls;
  multi->resume(id);
  multi->perform();
  CHECK(sipper.calls == calls);
  CHECK(sipper.order == "hbd");
}

TEST_CASE("A paused transfer whose peer resets the connection does not keep poll() from sleeping") {
  LoopbackServer server([](const std::string&) { return ok(std::string(16 * 1024 * 1024, 'x')); });
  auto multi = make_multi();
  Sipper sipper;
  REQUIRE(multi->add(get(server.url()), {}, &sipper));
  REQUIRE(drive_until(*multi, [&] { return sipper.calls == 1; }));
  for (int i = 0; i < 3; ++i) multi->perform();
  server.reset_all();
  REQUIRE(server.wait_for_open(0));
  int turns = 0;
  const Instant end = multi->now() + 200ms;
  for (; multi->now() < end && turns < 1000; ++turns) {
    multi->perform();
    (void)multi->poll({}, 50ms);
  }
  CHECK(turns < 100);
}

TEST_CASE("A transfer without a handler drops its body, and ends") {
  LoopbackServer server([](const std::string&) { return ok(std::string(1'000'000, 'n')); });
  auto multi = make_multi();
  const TransferId plain = multi->add(get(server.url())).value();
  TransferOptions telling;
  telling.report_heads = true;
  const TransferId told = multi->add(get(server.url()), telling).value();
  CHECK_FALSE(multi->all_paused());
  REQUIRE(finish(*multi));
  const auto messages = take_messages(*multi);
  for (const TransferId id : {plain, told}) {
    CHECK(messages.at(id).result.has_value());
    CHECK(messages.at(id).status == 200);
    CHECK(messages.at(id).progress.received_body_bytes == 1'000'000);
    CHECK(multi->body(id).empty());
  }
  Request streamed = get(server.url());
  streamed.body = BodyStream{};
  const auto refused = multi->add(std::move(streamed));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid_option);
  CHECK(refused.error().message().find("needs a handler") != std::string::npos);
}

TEST_CASE("A null handler's transfer is paused while its body waits, and run() says so") {
  LoopbackServer server([](const std::string&) { return ok(std::string(3'000'000, 'n')); });
  auto multi = make_multi();
  const TransferId id = multi->add(get(server.url()), {}, nullptr).value();
  CHECK_FALSE(multi->all_paused());
  const auto ran = run(*multi);
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().code == Code::invalid_option);
  CHECK(multi->all_paused());
  multi->consume_body(id, multi->body(id).size());
  CHECK_FALSE(multi->all_paused());
  multi->remove(id);
  CHECK_FALSE(multi->all_paused());
}

TEST_CASE("Bodies of a null handler are read by body() and consume_body()") {
  LoopbackServer server([](const std::string&) { return ok(std::string(1'000'000, 'n')); });
  auto multi = make_multi();
  const TransferId id = multi->add(get(server.url()), {}, nullptr).value();
  std::size_t total = 0;
  const Instant limit = multi->now() + 20s;
  std::optional<Message> message;
  while (!message && multi->now() < limit) {
    multi->perform();
    const std::size_t size = multi->body(id).size();
    total += size;
    multi->consume_body(id, size);
    message = multi->info_read();
    if (!message) REQUIRE(multi->poll({}, 1000ms));
  }
  CHECK(total == 1'000'000);
  REQUIRE(message);
  CHECK(message->result.has_value());
  Request streamed = get(server.url());
  streamed.method = "POST";
  streamed.body = BodyStream{};
  const auto refused = multi->add(std::move(streamed), {}, nullptr);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid_option);
}

namespace {

struct Uploader : Recorder {
  std::string source;
  std::size_t step = 1000;
  std::size_t pause_at = std::string::npos;
  std::size_t at = 0;
  bool paused = false;
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    if (at >= pause_at) {
      pause_at = std::string::npos;
      paused = true;
      return 0;
    }
    const std::size_t size = std::min({step, space.size(), source.size() - at});
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(at), size, space.begin());
    at += size;
    if (at == source.size()) multi.finish_upload(id);  // from inside, with bytes still to be committed
    return size;
  }
};

}  // namespace

TEST_CASE("A streamed upload may end with trailers, from inside on_upload") {
  struct WithTrailers : Recorder {
    std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
      std::copy_n("body", 4, space.begin());
      Fields trailers;
      CHECK(trailers.add("Checksum", "50"));
      multi.finish_upload(id, std::move(trailers));
      multi.finish_upload(id);  // the first call counts
      return 4;
    }
  };
  std::string seen;
  LoopbackServer server([&](const std::string& request) {
    seen = request;
    return ok("x");
  });
  auto multi = make_multi();
  WithTrailers uploader;
  Request request = get(server.url());
  request.method = "PUT";
  request.body = BodyStream{};
  REQUIRE(multi->add(std::move(request), {}, &uploader));
  REQUIRE(finish(*multi));
  CHECK(uploader.result.has_value());
  CHECK(seen.ends_with("\r\n4\r\nbody\r\n0\r\nChecksum: 50\r\n\r\n"));
}

TEST_CASE("A streamed upload goes whole, pauses and resumes, and may be finished from inside on_upload") {
  std::string source;
  for (int i = 0; source.size() < 3'000'000; ++i) source += std::to_string(i) + ' ';
  const auto hash = [](std::string_view text) { return std::to_string(std::hash<std::string_view>()(text)); };
  LoopbackServer server([&](const std::string& request) {
    return ok(hash(std::string_view(request).substr(request.find("\r\n\r\n") + 4)));
  });
  auto multi = make_multi();
  for (const std::size_t step : {std::size_t{1000}, std::size_t{100'000}}) {
    Uploader uploader;
    uploader.source = source;
    uploader.step = step;
    uploader.pause_at = 1'500'000;
    Request request = get(server.url());
    request.method = "PUT";
    request.body = BodyStream{source.size()};
    const TransferId id = multi->add(std::move(request), {}, &uploader).value();
    REQUIRE(drive_until(*multi, [&] { return uploader.paused; }));
    for (int i = 0; i < 10; ++i) {
      multi->perform();
      (void)multi->poll({}, 5ms);
    }
    CHECK(uploader.dones == 0);
    multi->resume(id);
    REQUIRE(finish(*multi));
    CHECK(uploader.result.has_value());
    CHECK(uploader.body == hash(source));
  }
}
