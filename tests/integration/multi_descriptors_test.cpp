// Descriptors: more than select(2) supports, numbers that are reused immediately, connections that fail.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "adapters/multi.hpp"
#include "adapters/net/descriptor.hpp"
#include "adapters/select.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

bool raise_descriptor_limit(rlim_t wanted) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= wanted) return true;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) return false;
  limit.rlim_cur = wanted;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::vector<net::Descriptor> open_many(int count) {
  std::vector<net::Descriptor> many;
  for (int i = 0; i < count; ++i) many.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return many;
}

}  // namespace

TEST_CASE(
    "SB-81 with 2,000 descriptors open everything works but fdset, which answers with an error and writes nothing") {
  REQUIRE(raise_descriptor_limit(4096));
  const auto others = open_many(2000);
  REQUIRE(others.back().get() >= 2000);
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("from beyond");
    reply.hold = true;
    return reply;
  });
  auto multi = make_multi();
  std::vector<Recorder> recorders(50);
  for (Recorder& recorder : recorders) REQUIRE(multi->add(get(server.url()), {}, &recorder));
  REQUIRE(drive_until(*multi, [&] { return server.requests() == 50; }));

  struct Guarded {
    std::array<unsigned char, 256> before;
    fd_set set;
    std::array<unsigned char, 256> after;
  };
  Guarded sets[3], copies[3];
  std::memset(sets, 0xa5, sizeof sets);
  std::memcpy(copies, sets, sizeof sets);
  int highest = 77;
  const auto answer = multi->fdset(&sets[0].set, &sets[1].set, &sets[2].set, &highest);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Code::descriptor_too_large);
  CHECK(std::memcmp(sets, copies, sizeof sets) == 0);
  CHECK(highest == 77);
  const auto selected = run(*multi);
  REQUIRE_FALSE(selected.has_value());
  CHECK(selected.error().code == Code::descriptor_too_large);

  server.release();
  CHECK(finish(*multi));
  for (const Recorder& recorder : recorders) CHECK(recorder.body == "from beyond");
}

TEST_CASE("fdset works again once the descriptors that did not fit are gone") {
  REQUIRE(raise_descriptor_limit(4096));
  LoopbackServer server([](const std::string&) {
    Reply reply = ok("x");
    reply.close = true;
    return reply;
  });
  auto multi = make_multi();
  Recorder recorder;
  {
    const auto others = open_many(1100);
    REQUIRE(multi->add(get(server.url()), {}, &recorder));
    REQUIRE(finish(*multi));
    REQUIRE(drive_until(*multi, [&] { return multi->connections() == 0; }));
  }
  fd_set read, write;
  FD_ZERO(&read);
  FD_ZERO(&write);
  int highest = 0;
  CHECK(multi->fdset(&read, &write, nullptr, &highest));
  CHECK(highest == -1);
}

TEST_CASE("SB-47 closing and taking descriptor numbers again never mixes up transfers, ids or events") {
  // Each connection carries one exchange and goes, by FIN, by RST or by cancel, so numbers and slots are reused all the
  // time.
  LoopbackServer server([](const std::string& request) {
    const std::string path = request.substr(4, request.find(' ', 4) - 4);
    Reply reply = ok(path);
    reply.close = path.back() % 3 == 0;
    reply.reset = path.back() % 3 == 1;
    return reply;
  });
  auto multi = make_multi();
  std::map<TransferId, std::string> expected;
  std::deque<std::pair<std::string, Recorder>> recorders;
  std::vector<TransferId> stale;
  int next = 0, finished = 0, wrong = 0;
  const Instant limit = multi->now() + 40s;
  while ((finished < 1500 || !expected.empty()) && multi->now() < limit) {
    while (expected.size() < 25 && next < 2000) {
      const std::string path = "/" + std::to_string(next++);
      recorders.emplace_back(path, Recorder());
      TransferOptions options;
      options.forbid_reuse = next % 2 == 0;
      const TransferId id = multi->add(get(server.url(path)), options, &recorders.back().second).value();
      CHECK_FALSE(expected.contains(id));
      expected[id] = path;
      if (next % 10 == 0) {
        multi->perform();
        multi->remove(id);  // in the middle of whatever it does
        expected.erase(id);
        stale.push_back(id);
        ++finished;
      }
    }
    multi->perform();
    while (const auto message = multi->info_read()) {
      const auto found = expected.find(message->transfer);
      REQUIRE(found != expected.end());
      if (message->result && multi->progress(message->transfer).received_body_bytes != found->second.size()) ++wrong;
      multi->remove(message->transfer);
      stale.push_back(message->transfer);
      expected.erase(found);
      ++finished;
    }
    for (const TransferId id : stale) {
      if (multi->head(id).status != 0 || !multi->body(id).empty()) ++wrong;
      multi->remove(id);
      multi->resume(id);
    }
    if (stale.size() > 50) stale.clear();
    if (!expected.empty()) (void)multi->poll({}, 100ms);
  }
  CHECK(finished >= 1500);
  CHECK(expected.empty());
  CHECK(wrong == 0);
  for (const auto& [path, recorder] : recorders) {
    if (recorder.dones == 1 && recorder.result) CHECK(recorder.body == path);
  }
}

TEST_CASE("A stale event in the batch, for a number that was closed and taken again, reaches nobody") {
  // Two connections become ready in one batch. The first one's callback cancels the second, whose number the third then
  // takes.
  LoopbackServer server([](const std::string& request) {
    Reply reply = ok(request.substr(4, 6));
    reply.hold = !request.starts_with("GET /third");
    return reply;
  });
  struct Canceler : Recorder {
    std::function<void(Multi&)> then;
    void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
      Recorder::on_done(multi, id, end);
      if (then) std::exchange(then, nullptr)(multi);
    }
  };
  for (int round = 0; round < 20; ++round) {
    auto multi = make_multi();
    Canceler first, second;
    Recorder third;
    TransferOptions fresh;
    fresh.fresh_connection = true;
    const TransferId one = multi->add(get(server.url("/first")), {}, &first).value();
    const TransferId two = multi->add(get(server.url("/second")), {}, &second).value();
    const auto take_over = [&](TransferId victim) {
      return [&, victim](Multi& inside) {
        inside.remove(victim);
        (void)inside.add(get(server.url("/third")), fresh, &third);
      };
    };
    first.then = take_over(two);
    second.then = take_over(one);
    REQUIRE(drive_until(*multi, [&] { return server.requests() >= 3 * round + 2; }));
    server.release();
    REQUIRE(server.wait_for_replies(3 * round + 2));
    REQUIRE(finish(*multi));
    CHECK(third.body == "/third");
    CHECK(first.dones + second.dones == 1);
  }
}

TEST_CASE("A refused connection is one clear error, and one with no free descriptor as well") {
  auto multi = make_multi();
  Recorder refused;
  const std::string where = "127.0.0.1:" + std::to_string(refused_port());
  REQUIRE(multi->add(get("http://" + where + "/"), {}, &refused));
  REQUIRE(finish(*multi));
  REQUIRE_FALSE(refused.result.has_value());
  CHECK(refused.result.error().code == Code::connect_failed);
  CHECK(refused.result.error().detail == ECONNREFUSED);
  CHECK(refused.result.error().message().find("connect to " + where) != std::string::npos);

  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(net::Descriptor(::dup(0)).get());  // the next number is one too many
  Recorder starved;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const bool added = multi->add(get("http://" + where + "/"), {}, &starved).has_value();
  const bool ended = finish(*multi);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(added);
  CHECK(ended);
  REQUIRE_FALSE(starved.result.has_value());
  CHECK(starved.result.error().detail == EMFILE);
}

TEST_CASE("A send that the peer does not take waits for the socket to be writable, and costs nothing meanwhile") {
  // Connections that nobody accepts: the system's buffers fill, and that is that.
  const net::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 8) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);

  auto multi = make_multi();
  Recorder recorder;
  const std::string body(64 * 1024 * 1024, 'u');
  Request request = get("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  request.method = "PUT";
  request.body = BodyView{as_bytes(body)};
  const TransferId id = multi->add(std::move(request), {}, &recorder).value();
  bool blocked = false;
  REQUIRE(drive_until(*multi, [&] {
    fd_set read, write;
    FD_ZERO(&read);
    FD_ZERO(&write);
    int highest = -1;
    if (!multi->fdset(&read, &write, nullptr, &highest) || highest < 0) return false;
    blocked = multi->progress(id).sent_body_bytes > 0 && FD_ISSET(highest, &read) && FD_ISSET(highest, &write);
    return blocked;
  }));
  CHECK(multi->timeout() != 0ms);
  CHECK(multi->perform() == Drive::ok);
  const Instant begin = multi->now();
  CHECK(multi->poll({}, 50ms));
  CHECK(multi->now() - begin >= 50ms);
  // Someone takes it: it goes on. A receiver that only counts is enough.
  const net::Descriptor peer(::accept(listener.get(), nullptr, nullptr));
  REQUIRE(peer);
  const std::uint64_t stuck_at = multi->progress(id).sent_body_bytes;
  std::vector<char> piece(1024 * 1024);
  CHECK(drive_until(*multi, [&] {
    (void)::recv(peer.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    return multi->progress(id).sent_body_bytes > stuck_at + 8 * 1024 * 1024;
  }));
}
