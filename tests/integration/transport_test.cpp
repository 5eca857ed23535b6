// Whole transfers over each built-in transport, plain and TLS: reuse, limits, both directions at once, and every way in
// which a peer can close. Custom transports and their faults: transport_faults_test.cpp.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "adapters/transport.hpp"
#include "tests/support/child.hpp"
#include "tests/support/far_side.hpp"
#include "tests/support/multi_tools.hpp"
#include "tests/support/proxies.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

enum class Way : std::uint8_t { tcp, unix_path, descriptor, memory, child };
constexpr Way kWays[] = {Way::tcp, Way::unix_path, Way::descriptor, Way::memory, Way::child};
bool one_stream(Way way) { return way == Way::descriptor || way == Way::memory; }

// Copies its standard input to a TCP connection, and what comes back to its standard output.
constexpr const char* kRelay = R"(
import os, socket, sys, threading
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def out(data):
    while data: data = data[os.write(1, data):]
def pump(read, write):
    try:
        while data := read(65536): write(data)
    except OSError: pass
    os._exit(0)
threading.Thread(target=pump, args=(lambda size: os.read(0, size), far.sendall)).start()
pump(far.recv, out)
)";

std::pair<net::Descriptor, int> socket_pair() {
  int ends[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {net::Descriptor(ends[0]), ends[1]};
}

// What a transfer needs to get to `far` in this way.
TransferOptions options_for(Way way, FarSide& far) {
  TransferOptions options;
  options.tls = far.trust();
  options.connect_timeout = 15s;
  options.idle_timeout = 15s;
  switch (way) {
    case Way::tcp:
      options.connect_to = ConnectTo{"127.0.0.1", far.listen_tcp()};
      break;
    case Way::unix_path: {
      const std::string path = fresh_abstract_name();
      far.listen_unix(path, 100);
      options.route = unix_socket(path).value();
      break;
    }
    case Way::descriptor: {
      auto [theirs, ours] = socket_pair();
      far.adopt(std::move(theirs));
      options.route = connected_descriptor(ours).value();
      break;
    }
    case Way::memory: {
      MemoryPair pair = memory_pair();
      far.adopt(std::move(pair.far_end));
      options.route = pair.dialer;
      break;
    }
    case Way::child:
      options.connect_to = ConnectTo{"127.0.0.1", far.listen_tcp()};
      options.route = child_process({"python3", "-ISc", kRelay, "%h", "%p"}).value();
      break;
  }
  return options;
}

struct Case {
  Recorder recorder;
  std::string_view expected;
  TransferId id;
  bool complete() const {
    return recorder.dones == 1 && recorder.result.has_value() && recorder.status == 200 && recorder.body == expected;
  }
};

// Transfers to the far side, and what became of them.
struct World {
  std::unique_ptr<Multi> multi;
  std::deque<Case> cases;
  std::map<TransferId, Message> messages;
  explicit World(MultiOptions options = {}) : multi(make_multi(std::move(options))) { REQUIRE(multi); }

  Case& add(const FarSide& far, const TransferOptions& options, const std::string& path, std::string_view expected) {
    return add(get(far.url(path)), options, expected);
  }
  Case& add(Request request, const TransferOptions& options, std::string_view expected) {
    Case& one = cases.emplace_back();
    one.expected = expected;
    auto added = multi->add(std::move(request), options, &one.recorder);
    REQUIRE(added);
    one.id = *added;
    return one;
  }
  Case& pattern_of(const FarSide& far, const TransferOptions& options, std::size_t size, std::size_t start,
                   const std::string& words = "") {
    return add(far, options, "/" + std::to_string(size) + "/" + std::to_string(start) + words, pattern(size, start));
  }
  void finish() {
    REQUIRE(test::finish(*multi, 60s));
    messages.merge(take_messages(*multi));
  }
  const Message& message(const Case& one) { return messages.at(one.id); }
  // Without the request that stands before it.
  std::string error(const Case& one) {
    const Result<void>& result = message(one).result;
    const std::string text = result ? "" : result.error().message();
    const std::size_t request = text.find(": ");  // "GET http://origin.test/: "
    return request == std::string::npos ? text : text.substr(request + 2);
  }
};

template <class Check>
void on_every_way(Check check) {
  for (const Way way : kWays) {
    for (const bool tls : {false, true}) {
      CAPTURE(static_cast<int>(way));
      CAPTURE(tls);
      check(way, tls);
    }
  }
}

}  // namespace

TEST_CASE(
    "each transport carries many transfers, kept alive and within the limits, in line where there is one stream") {
  on_every_way([](Way way, bool tls) {
    FarSide far({.tls = tls, .cut_after = std::nullopt, .reset = false, .at_once = false});
    MultiOptions limited;
    limited.engine.max_connections_per_origin = 3;
    World world(std::move(limited));
    const TransferOptions options = options_for(way, far);
    for (std::size_t i = 0; i < 24; ++i) {
      world.pattern_of(far, options, i % 6 == 5 ? 300'000 : i * 100, i, i % 4 == 3 ? "?chunked" : "");
    }
    world.finish();
    int reused = 0;
    for (const Case& one : world.cases) {
      CHECK(one.complete());
      const TransferInfo& info = world.message(one).info;
      CHECK(info.route == (options.route ? options.route->name() : ""));
      reused += info.reused ? 1 : 0;
    }
    const int most = one_stream(way) ? 1 : 3;
    CHECK(far.streams() <= most);
    CHECK(reused >= 24 - most);
    CHECK(reused < 24);
    CHECK(far.wait_for_requests(24));
    CHECK(world.multi->connections() <= static_cast<std::size_t>(most));
    // When the Multi goes, so do they.
    world.multi.reset();
    CHECK(far.wait_for_open(0));
  });
}

TEST_CASE("each transport carries an upload and its echo at the same time") {
  on_every_way([](Way way, bool tls) {
    FarSide far({.tls = tls, .cut_after = std::nullopt, .reset = false, .at_once = false});
    World world;
    const TransferOptions options = options_for(way, far);
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string_view sent = pattern(700'000, i);
      Request request = get(far.url("/0/0?echo"));
      request.method = "POST";
      request.body = BodyView{as_bytes(sent)};
      world.add(std::move(request), options, sent);
    }
    world.finish();
    for (const Case& one : world.cases) CHECK(one.complete());
  });
}

TEST_CASE("a far end that leaves, at any point and in any way, ends the transfers on it and no others") {
  const FarPlan plans[] = {
      {.tls = false, .cut_after = std::nullopt, .reset = false, .at_once = true},
      {.tls = false, .cut_after = 0, .reset = false, .at_once = false},
      {.tls = false, .cut_after = 10, .reset = false, .at_once = false},
      {.tls = false, .cut_after = 3000, .reset = false, .at_once = false},
      {.tls = false, .cut_after = std::nullopt, .reset = true, .at_once = true},
      {.tls = false, .cut_after = 0, .reset = true, .at_once = false},
      {.tls = false, .cut_after = 10, .reset = true, .at_once = false},
      {.tls = false, .cut_after = 3000, .reset = true, .at_once = false},
  };
  FarSide sound;
  const TransferOptions to_sound = options_for(Way::tcp, sound);
  on_every_way([&](Way way, bool tls) {
    for (FarPlan plan : plans) {
      plan.tls = tls;
      CAPTURE(plan.cut_after.value_or(999));
      CAPTURE(plan.reset);
      FarSide far(plan);
      World world;
      const TransferOptions options = options_for(way, far);
      Case& first = world.pattern_of(far, options, 9000, 0);
      Case& second = world.pattern_of(far, options, 9000, 1);
      Case& beside = world.pattern_of(sound, to_sound, 100'000, 2);
      world.finish();
      CHECK(beside.complete());
      for (const Case* one : {&first, &second}) {
        CHECK(one->recorder.dones == 1);
        REQUIRE_FALSE(world.message(*one).result.has_value());
        const Error& error = world.message(*one).result.error();
        CHECK_MESSAGE(error.blame != Blame::internal, error.message());
        CHECK_MESSAGE(error.blame != Blame::caller, error.message());
        CHECK(std::string_view(one->expected).starts_with(one->recorder.body));
      }
      if (plan.cut_after == 3000 && !plan.reset) CHECK(world.message(first).result.error().code == Code::truncated);
      if (one_stream(way)) {
        CHECK(world.error(second) == "connect by " + options.route->name() + ": the stream was used and has ended");
      }
      CHECK(world.multi->connections() == 1);  // the sound one
    }
  });
}

TEST_CASE("two hundred transfers get through a Unix-domain socket that queues one connection") {
  FarSide far;
  const std::string path = fresh_abstract_name();
  far.listen_unix(path, 1);
  World world;
  TransferOptions options;
  options.route = unix_socket(path).value();
  options.forbid_reuse = true;
  for (std::size_t i = 0; i < 200; ++i) world.pattern_of(far, options, 1000 + i, i);
  world.finish();
  for (const Case& one : world.cases) CHECK(one.complete());
  CHECK(far.streams() == 200);
}

TEST_CASE("a Unix-domain socket whose server accepts nobody ends by the connect timeout, and costs few wake-ups") {
  const std::string path = fresh_abstract_name();
  net::Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, path.data() + 1, path.size() - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 0) == 0);
  FarSide nobody;
  World world;
  TransferOptions options;
  options.route = unix_socket(path).value();
  options.total_timeout = 500ms;
  Case& queued = world.pattern_of(nobody, options, 1, 1);  // connected, as far as anybody can see
  options.total_timeout.reset();
  options.connect_timeout = 500ms;
  Case& turned_away = world.pattern_of(nobody, options, 1, 1);
  int drives = 0;
  int running = 2;
  while (running > 0) {
    REQUIRE(++drives < 1000);
    REQUIRE(world.multi->perform(&running) == Drive::ok);
    if (running > 0) REQUIRE(world.multi->poll({}, 5000ms));
  }
  world.finish();
  CHECK(world.message(queued).result.error().code == Code::total_timeout);
  CHECK(world.message(turned_away).result.error().code == Code::connect_timeout);
  CHECK(drives < 60);
}

TEST_CASE("a route that cannot be had is an error that says which") {
  FarSide nobody;
  World world;
  TransferOptions gone;
  gone.route = unix_socket("/nowhere/x.sock").value();
  Case& no_socket = world.pattern_of(nobody, gone, 1, 1);
  gone.route = child_process({"/nowhere/program", "secret"}).value();
  Case& no_program = world.pattern_of(nobody, gone, 1, 1);
  gone.route = child_process({"true"}).value();
  Case& no_answer = world.pattern_of(nobody, gone, 1, 1);
  gone.connect_to = ConnectTo{"-evil", 80};
  Case& option = world.pattern_of(nobody, gone, 1, 1);
  world.finish();
  CHECK(world.error(no_socket) == "connect to /nowhere/x.sock: No such file or directory");
  CHECK(world.error(no_program) == "connect by command /nowhere/program: No such file or directory");
  CHECK(world.error(option) == "connect by command true: the host is no name to hand to a program");
  CHECK(world.error(no_answer).find("command true") != std::string::npos);
  for (const auto& [id, message] : world.messages) CHECK(message.result.error().blame != Blame::internal);
}

TEST_CASE("a route that is no Dialer is refused") {
  struct Strange : Route {
    Strange() : Route("strange", "the strange one", 0) {}
  };
  auto multi = make_multi();
  TransferOptions options;
  options.route = std::make_shared<Strange>();
  const auto refused = multi->add(get("http://origin.test/"), options);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Code::invalid_option);
  CHECK(refused.error().message().find("the strange one") != std::string::npos);
  CHECK(multi->running() == 0);
}

TEST_CASE("two origins that want one stream: the second is told that it is taken") {
  FarSide far;
  World world;
  const TransferOptions options = options_for(Way::descriptor, far);
  Case& first = world.pattern_of(far, options, 100, 1);
  world.finish();
  CHECK(first.complete());
  Case& second = world.add(get("http://other.test/1/1"), options, pattern(1, 1));
  world.finish();
  CHECK(world.error(second) == "connect by " + options.route->name() + ": the stream carries another connection");
  Case& third = world.pattern_of(far, options, 100, 3);
  world.finish();
  CHECK(third.complete());
  CHECK(far.streams() == 1);
}

// epoll forgets a descriptor when the last duplicate of it is closed, and the caller may hold one.
TEST_CASE("a descriptor whose duplicate stays with the caller is not watched any longer than it is used") {
  FarSide far;
  auto [theirs, ours] = socket_pair();
  const net::Descriptor duplicate(::fcntl(ours, F_DUPFD_CLOEXEC, 0));
  far.adopt(std::move(theirs));
  World world;
  TransferOptions options;
  options.route = connected_descriptor(ours).value();
  options.forbid_reuse = true;
  Case& one = world.pattern_of(far, options, 100, 1, "?close");
  world.finish();
  CHECK(one.complete());
  CHECK(::fcntl(ours, F_GETFD) < 0);
  far.wait_for_open(0);  // so that it is readable for good
  options = options_for(Way::tcp, far);
  world.pattern_of(far, options, 100, 1, "?hold");
  int turns = 0;
  for (const Instant end = world.multi->now() + 300ms; world.multi->now() < end; ++turns) {
    REQUIRE(world.multi->perform() != Drive::failed);
    REQUIRE(world.multi->poll({}, 50ms));
  }
  CHECK(turns < 30);
  far.release();
  world.finish();
}

TEST_CASE("no process and no descriptor is left of a child's connections") {
  const auto before = children_of(::getpid());
  {
    FarSide far;
    World world;
    TransferOptions options = options_for(Way::child, far);
    options.forbid_reuse = true;
    for (std::size_t i = 0; i < 6; ++i) world.pattern_of(far, options, 1000, i);
    Case& removed = world.pattern_of(far, options, 1000, 7, "?hold");
    REQUIRE(drive_until(*world.multi, [&] { return far.requests() == 7; }));
    CHECK(children_of(::getpid()).size() > before.size());
    world.multi->remove(removed.id);
    world.finish();
    for (std::size_t i = 0; i < 6; ++i) CHECK(world.cases[i].complete());
    CHECK(far.wait_for_open(0));
  }
  CHECK(children_of(::getpid()) == before);
}

TEST_CASE(
    "nothing waits for a child that takes its time to end, and one that never does is killed while the Multi is idle") {
  const auto before = children_of(::getpid());
  World world;
  const auto most = [&](auto call) {
    const auto start = std::chrono::steady_clock::now();
    call();
    return std::chrono::steady_clock::now() - start;
  };
  struct Script {
    std::string before, after;
  };
  const Script scripts[] = {{"", "exec cat >/dev/null"},
                            {"trap '' TERM", "exec sleep 100"},
                            {"trap 'sleep 0.05; exit' TERM", "while :; do read x || sleep 0.01; done"}};
  for (const auto& [before_it, after] : scripts) {
    CAPTURE(after);
    TransferOptions options;
    options.forbid_reuse = true;
    // A dialer for this transfer alone, as one writes it in one line.
    const std::string answers = "\nprintf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'\n";
    options.route = child_process({"sh", "-c", before_it + answers + after}).value();
    Case& one = world.add(get("http://origin.test/"), options, "ok");
    options.route.reset();
    REQUIRE(drive_until(*world.multi, [&] { return one.recorder.dones == 1; }));
    CHECK(one.complete());
    CHECK(most([&] { world.multi->remove(one.id); }) < 20ms);
    CHECK(most([&] { world.multi->perform(); }) < 50ms);
  }
  CHECK(children_of(::getpid()) != before);
  const Instant end = world.multi->now() + 10s;
  while (children_of(::getpid()) != before && world.multi->now() < end) {
    REQUIRE(world.multi->perform() == Drive::ok);
    REQUIRE(world.multi->poll({}, 5000ms));
  }
  CHECK(children_of(::getpid()) == before);
  CHECK_FALSE(world.multi->timeout().has_value());
}

TEST_CASE("transport: a proxy's route that is no Dialer is an error of the transfer") {
  struct Line : Route {
    Line() : Route("line", "the line", 0) {}
  };
  const auto multi = make_multi();
  Proxy proxy = proxy_at(ProxyKind::socks5h);
  proxy.route = std::make_shared<Line>();
  Recorder recorder;
  REQUIRE(multi->add(get("http://example.org/"), through(proxy), &recorder).has_value());
  CHECK(finish(*multi));
  REQUIRE_FALSE(recorder.result.has_value());
  CHECK(recorder.result.error().message().contains("the route the line is no sluice::Dialer"));
}
