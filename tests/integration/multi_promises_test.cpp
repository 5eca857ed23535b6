// The promises of adapters/README.md ("What a drive promises"), one case for each number, and the classic loop.
// Promises 7 and 8 are tested in multi_socket_action_test.cpp.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "adapters/multi.hpp"
#include "adapters/select.hpp"
#include "adapters/transport.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Reply hold(const std::string& body) {
  Reply reply = ok(body);
  reply.hold = true;
  return reply;
}

// Until the server has `requests` requests in its hands, and so the next thing to come is its replies.
bool until_requested(Multi& multi, const LoopbackServer& server, int requests) {
  return drive_until(multi, [&] { return server.requests() >= requests; });
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void feed() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
};

template <class Function>
std::chrono::nanoseconds time_of(const Multi& multi, Function function) {
  const Instant begin = multi.now();
  function();
  return multi.now() - begin;
}

}  // namespace

TEST_CASE("Multi promise 1: perform does what can be done now, runs expired timers, and never blocks") {
  LoopbackServer server([](const std::string&) { return hold("hello"); });
  auto multi = make_multi();
  REQUIRE(multi);
  int running = -1;
  CHECK(multi->perform(&running) == Drive::ok);
  CHECK(running == 0);

  Recorder recorder;
  REQUIRE(multi->add(get(server.url()), {}, &recorder));
  REQUIRE(until_requested(*multi, server, 1));
  // Nothing is ready, and nothing will be before release().
  CHECK(time_of(*multi, [&] { CHECK(multi->perform(&running) == Drive::ok); }) < 5s);
  CHECK(running == 1);
  server.release();
  REQUIRE(server.wait_for_replies(1));
  // All of it is in the socket: one call, without a poll() before it, is enough.
  CHECK(multi->perform(&running) == Drive::ok);
  CHECK(running == 0);
  CHECK(recorder.body == "hello");

  TransferOptions hurried;
  hurried.total_timeout = 30ms;
  Recorder late;
  REQUIRE(multi->add(get(server.url()), hurried, &late));
  REQUIRE(drive_until(*multi, [&] { return multi->timeout() == 0ms && server.requests() == 2; }));
  CHECK(multi->perform(&running) == Drive::ok);
  CHECK(running == 0);
  REQUIRE_FALSE(late.result.has_value());
  CHECK(late.result.error().code == Code::total_timeout);
}

TEST_CASE(
    "Multi promise 2: the running count counts an added transfer at once, and a fast failure is reported all the "
    "same") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  MultiOptions options;
  options.resolve_overrides = {{"six.test", 80, {*IpAddress::parse("2001:db8::1")}}};
  auto multi = make_multi(options);
  Recorder first, second;
  REQUIRE(multi->add(get(server.url()), {}, &first));
  CHECK(multi->running() == 1);
  REQUIRE(multi->add(get(server.url()), {}, &second));
  CHECK(multi->running() == 2);
  CHECK(take_messages(*multi).empty());
  int running = -1;
  multi->perform(&running);
  CHECK(running == 2);
  REQUIRE(finish(*multi));
  CHECK(multi->running() == 0);
  CHECK(take_messages(*multi).size() == 2);

  TransferOptions ipv4_only;
  ipv4_only.family = AddressFamily::ipv4;
  const auto hopeless = multi->add(get("http://six.test/"), ipv4_only);
  REQUIRE(hopeless);
  CHECK(multi->perform(&running) == Drive::ok);
  auto messages = take_messages(*multi);
  REQUIRE(messages.contains(*hopeless));
  CHECK(messages.at(*hopeless).result.error().code == Code::resolve_failed);

  const auto refused = multi->add(get("http://127.0.0.1:" + std::to_string(refused_port()) + "/"));
  REQUIRE(refused);
  REQUIRE(finish(*multi));
  messages = take_messages(*multi);
  REQUIRE(messages.contains(*refused));
  CHECK(messages.at(*refused).result.error().code == Code::connect_failed);
  CHECK(messages.at(*refused).result.error().message().find("Connection refused") != std::string::npos);
}

TEST_CASE(
    "Multi promise 2: transfers that fail as they are added run until their messages are there, however many they are") {
  MultiOptions few;
  few.max_reads_per_perform = 1;  // and 16 outputs
  auto multi = make_multi(std::move(few));
  TransferOptions ipv6_only;
  ipv6_only.family = AddressFamily::ipv6;
  for (int i = 0; i < 100; ++i) REQUIRE(multi->add(get("http://127.0.0.1/"), ipv6_only));
  CHECK(multi->running() == 100);
  int messages = 0, running = 0;
  do {
    REQUIRE(multi->perform(&running) != Drive::failed);
    while (const auto message = multi->info_read()) {
      ++messages;
      multi->remove(message->transfer);
    }
  } while (running > 0);
  CHECK(messages == 100);
  REQUIRE(multi->add(get("http://127.0.0.1/"), ipv6_only));
  const auto removed = multi->add(get("http://127.0.0.1/"), ipv6_only);
  REQUIRE(removed);
  multi->remove(*removed);
  CHECK(multi->running() == 1);
}

TEST_CASE("Multi promise 3: call_again only after an early stop for fairness, with a timeout of 0 meanwhile") {
  constexpr int kTransfers = 40;
  LoopbackServer server([](const std::string&) { return hold("a body"); });
  MultiOptions options;
  options.max_reads_per_perform = 4;
  auto multi = make_multi(options);
  std::vector<Recorder> recorders(kTransfers);
  for (Recorder& recorder : recorders) REQUIRE(multi->add(get(server.url()), {}, &recorder));
  REQUIRE(until_requested(*multi, server, kTransfers));
  while (multi->timeout() == 0ms) multi->perform();
  server.release();
  REQUIRE(server.wait_for_replies(kTransfers));

  int running = 0;
  CHECK(multi->perform(&running) == Drive::call_again);
  CHECK(running == kTransfers - 4);
  CHECK(multi->timeout() == 0ms);
  // Whoever waits instead of calling again at once loses nothing.
  const auto waited = time_of(*multi, [&] { CHECK(multi->poll({}, 60000ms)); });
  CHECK(waited < 5s);
  int calls = 1;
  Drive answer = Drive::call_again;
  while (answer == Drive::call_again) {
    answer = multi->perform(&running);
    ++calls;
    REQUIRE(calls <= kTransfers);
  }
  CHECK(answer == Drive::ok);
  CHECK(running == 0);
  CHECK(calls >= kTransfers / 4);
  for (const Recorder& recorder : recorders) CHECK(recorder.body == "a body");
}

TEST_CASE("Multi promise 3: a drive that stops while deadlines are told has not done all it could") {
  constexpr int kTransfers = 10;
  MultiOptions options;
  options.max_drive_time = 1ns;
  auto multi = make_multi(options);
  std::vector<MemoryPair> pairs;  // nobody answers
  std::vector<Recorder> recorders(kTransfers);
  for (Recorder& recorder : recorders) {
    TransferOptions transfer;
    transfer.route = pairs.emplace_back(memory_pair()).dialer;
    transfer.total_timeout = 50ms;
    REQUIRE(multi->add(get("http://origin.test/"), transfer, &recorder));
  }
  while (multi->perform() == Drive::call_again) {
  }
  std::this_thread::sleep_for(60ms);
  int running = 0;
  while (multi->perform(&running) == Drive::call_again) {
  }
  CHECK(running == 0);
  for (const Recorder& recorder : recorders) CHECK(recorder.dones == 1);
}

TEST_CASE(
    "Multi promise 4: failures come from info_read, once each, with the rest counted, never from perform's status") {
  LoopbackServer server([](const std::string& request) {
    if (request.starts_with("GET /cut "))
      return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .close = true};
    if (request.starts_with("GET /bad ")) return Reply{.bytes = "nonsense\r\n\r\n", .close = true};
    return ok("fine");
  });
  auto multi = make_multi();
  Recorder fine_recorder, cut_recorder, bad_recorder;
  const TransferId fine = multi->add(get(server.url("/fine")), {}, &fine_recorder).value();
  const TransferId cut = multi->add(get(server.url("/cut")), {}, &cut_recorder).value();
  const TransferId bad = multi->add(get(server.url("/bad")), {}, &bad_recorder).value();
  int running = 3;
  while (running > 0) {
    const Drive drive = multi->perform(&running);
    const bool well = drive == Drive::ok || drive == Drive::call_again;
    REQUIRE(well);
    if (running > 0) REQUIRE(multi->poll({}, 5000ms));
  }
  std::map<TransferId, Message> messages;
  for (int expected_left = 2; expected_left >= 0; --expected_left) {
    int left = -1;
    auto message = multi->info_read(&left);
    REQUIRE(message);
    CHECK(left == expected_left);
    CHECK(messages.emplace(message->transfer, *message).second);
  }
  int left = -1;
  CHECK_FALSE(multi->info_read(&left).has_value());
  CHECK(left == 0);

  const Message& good = messages.at(fine);
  CHECK(good.result.has_value());
  CHECK(good.status == 200);
  CHECK(good.info.address.port == server.port());
  CHECK(good.progress.received_body_bytes == 4);
  REQUIRE(good.progress.done.has_value());
  REQUIRE(good.progress.first_byte.has_value());
  REQUIRE(good.progress.connected.has_value());
  CHECK(good.progress.queued <= *good.progress.connected);
  CHECK(*good.progress.connected <= *good.progress.first_byte);
  CHECK(*good.progress.first_byte <= *good.progress.done);
  CHECK(messages.at(cut).result.error().code == Code::truncated);
  CHECK(messages.at(cut).status == 200);
  CHECK(messages.at(bad).result.error().code == Code::not_http);
  CHECK(messages.at(bad).status == 0);

  // A message goes with its transfer; what was read stays readable until remove().
  CHECK(multi->head(fine).status == 200);
  multi->remove(fine);
  const TransferId again = multi->add(get(server.url("/fine")), {}, &fine_recorder).value();
  const TransferId other = multi->add(get(server.url("/fine")), {}, &fine_recorder).value();
  REQUIRE(finish(*multi));
  multi->remove(again);
  CHECK(multi->info_read(&left)->transfer == other);
  CHECK(left == 0);
}

TEST_CASE("Multi promise 5: fdset only adds bits, and reports the highest descriptor or -1") {
  LoopbackServer server([](const std::string&) { return hold("x"); });
  auto multi = make_multi();
  fd_set read, write, except;
  FD_ZERO(&read);
  FD_ZERO(&write);
  FD_ZERO(&except);
  FD_SET(0, &read);
  FD_SET(1, &write);
  int highest = 99;
  REQUIRE(multi->fdset(&read, &write, &except, &highest));
  CHECK(highest == -1);
  REQUIRE(multi->add(get(server.url())));
  REQUIRE(multi->add(get(server.url())));
  REQUIRE(until_requested(*multi, server, 2));
  REQUIRE(multi->fdset(&read, &write, &except, &highest));
  CHECK(FD_ISSET(0, &read));
  CHECK(FD_ISSET(1, &write));
  int seen = 0, top = -1;
  for (int fd = 1; fd < FD_SETSIZE; ++fd) {
    if (FD_ISSET(fd, &read)) ++seen, top = fd;
    if (fd > 1) CHECK_FALSE(FD_ISSET(fd, &write));
  }
  CHECK(seen == 2);
  CHECK(highest == top);
  // Each set is optional.
  CHECK(multi->fdset(nullptr, nullptr, nullptr, nullptr));
}

TEST_CASE(
    "Multi promise 6: poll waits for watches, extra descriptors, the deadline and wakeups, and sleeps with nothing to "
    "watch") {
  auto multi = make_multi();
  CHECK(time_of(*multi, [&] { CHECK(multi->poll({}, 60ms)); }) >= 60ms);

  SUBCASE("extra descriptors") {
    const Pipe first, second;
    ExtraDescriptor extra[] = {
        {first.ends[0], kEventRead, 0}, {second.ends[0], kEventRead, 0xff}, {second.ends[1], kEventWrite, 0}};
    first.feed();
    auto result = multi->poll(extra, 60000ms);
    REQUIRE(result);
    CHECK(result->ready == 2);
    CHECK(extra[0].ready == kEventRead);
    CHECK(extra[1].ready == 0);
    CHECK(extra[2].ready == kEventWrite);
    CHECK_FALSE(result->woken);
    // They are waited for, not merely looked at.
    std::thread later([&] { second.feed(); });
    CHECK(time_of(*multi, [&] { result = multi->poll(std::span(extra).subspan(1, 1), 60000ms); }) < 30s);
    CHECK(result->ready == 1);
    later.join();
  }
  SUBCASE("the deadline") {
    LoopbackServer server([](const std::string&) { return hold("x"); });
    TransferOptions options;
    options.total_timeout = 80ms;
    // From add() on: a busy machine may take a while before it comes to the loop.
    const auto whole = [&] {
      REQUIRE(multi->add(get(server.url()), options));
      CHECK(finish(*multi));
    };
    CHECK(time_of(*multi, whole) >= 80ms);
    CHECK(take_messages(*multi).begin()->second.result.error().code == Code::total_timeout);
  }
  SUBCASE("a watch") {
    LoopbackServer server([](const std::string&) { return hold("x"); });
    REQUIRE(multi->add(get(server.url()), {}, nullptr));
    REQUIRE(until_requested(*multi, server, 1));
    multi->perform();
    const Pipe silent;
    ExtraDescriptor extra = {silent.ends[0], kEventRead, 0};
    server.release();
    const auto result = multi->poll({&extra, 1}, 60000ms);
    REQUIRE(result);
    CHECK(result->ready == 0);
    REQUIRE(server.wait_for_replies(1));
    multi->perform();
    CHECK(as_text(multi->body({0, 1})) == "x");
  }
  SUBCASE("a wakeup from another thread, with and without extra descriptors") {
    std::thread other([&] { multi->wakeup(); });
    auto result = multi->poll({}, 60000ms);
    REQUIRE(result);
    CHECK(result->woken);
    other.join();
    const Pipe silent;
    ExtraDescriptor extra = {silent.ends[0], kEventRead, 0};
    std::thread third([&] { multi->wakeup(); });
    result = multi->poll({&extra, 1}, 60000ms);
    REQUIRE(result);
    CHECK(result->woken);
    third.join();
    CHECK_FALSE(multi->poll({}, 0ms)->woken);
  }
  SUBCASE("a wakeup is never lost: it comes before poll, and perform runs in between") {
    for (int i = 0; i < 3; ++i) multi->wakeup();
    pollfd own = {multi->fd(), POLLIN, 0};
    CHECK(::poll(&own, 1, 0) == 1);
    multi->perform();
    CHECK(::poll(&own, 1, 0) == 0);  // a loop over fd() must not spin on it
    PollResult result;
    CHECK(time_of(*multi, [&] { result = *multi->poll({}, 60000ms); }) < 30s);
    CHECK(result.woken);
    CHECK_FALSE(multi->poll({}, 0ms)->woken);
  }
}

TEST_CASE("Multi in the classic loop of fdset, select(2), perform, info_read") {
  LoopbackServer server(
      [](const std::string& request) { return ok("for " + request.substr(4, request.find(' ', 4) - 4)); });
  auto multi = make_multi();
  std::map<TransferId, std::string> paths;
  std::vector<Recorder> recorders(20);
  std::size_t next = 0;
  const auto add_one = [&] {
    const std::string path = "/" + std::to_string(next);
    paths[multi->add(get(server.url(path)), {}, &recorders[next]).value()] = path;
    ++next;
  };
  for (int i = 0; i < 10; ++i) add_one();

  int running = 1, messages = 0;
  const Instant limit = multi->now() + 20s;
  while (running > 0 && multi->now() < limit) {
    while (multi->perform(&running) == Drive::call_again) {
    }
    int left = 0;
    while (const auto message = multi->info_read(&left)) {
      ++messages;
      CHECK(message->result.has_value());
      CHECK(message->status == 200);
      multi->remove(message->transfer);
      if (next < recorders.size()) add_one(), ++running;
    }
    if (running == 0) break;
    fd_set read, write, except;
    FD_ZERO(&read);
    FD_ZERO(&write);
    FD_ZERO(&except);
    int highest = -1;
    REQUIRE(multi->fdset(&read, &write, &except, &highest));
    const auto timeout = multi->timeout();
    timeval wait = {1, 0};
    if (timeout && *timeout < 1000ms) wait = {0, static_cast<suseconds_t>(timeout->count() * 1000)};
    REQUIRE(::select(highest + 1, &read, &write, &except, &wait) >= 0);
  }
  CHECK(messages == 20);
  for (std::size_t i = 0; i < recorders.size(); ++i) CHECK(recorders[i].body == "for /" + std::to_string(i));
  CHECK(server.accepted() <= 10);
}

TEST_CASE("run() drives a Multi to the end by select, and says so when nothing can happen any more") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  auto multi = make_multi();
  Recorder recorders[5];
  for (Recorder& recorder : recorders) REQUIRE(multi->add(get(server.url()), {}, &recorder));
  CHECK(run(*multi));
  for (const Recorder& recorder : recorders) CHECK(recorder.body == "x");
}
