// A program written for Multi, in a simulated world: handlers, coroutines, timeouts and the application's own timers
// run in virtual time, the same for the same seed. The programs here would run unchanged over sockets.
#include <ctime>
#include <deque>

#include "adapters/coroutine.hpp"
#include "adapters/multi.hpp"
#include "tests/unit/sim/world_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Keeper : TransferHandler {
  std::string body;
  int heads = 0, dones = 0;
  Result<void> result;
  Instant ended;
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override { return body += as_text(bytes), bytes.size(); }
  void on_head(Multi&, TransferId, const ResponseHead&) override { ++heads; }
  void on_done(Multi& multi, TransferId, const Result<void>& end) override {
    ++dones, result = end, ended = multi.now();
  }
};

struct Program {
  explicit Program(sim::WorldOptions options = {}) : world(options) {
    world.add_origin({.host = "example.org", .accept = sim::http_origin([](const sim::HttpRequest& request) {
                                               sim::HttpReply reply;
                                               reply.body = request.body.empty() ? bytes_of(20'000) : request.body;
                                               if (request.target == "/slow") reply.delay = 10min;
                                               return reply;
                                             })});
    use({});
  }
  void use(MultiOptions options) {
    multi.reset();
    options.environment = &world.environment();
    multi = Multi::create(std::move(options)).value();
  }
  Request request(const std::string& url) const {
    Request made;
    made.url = Url::parse(url).value();
    return made;
  }
  TransferId get(const std::string& url, Keeper& keeper, TransferOptions options = {}) {
    return multi->add(request(url), std::move(options), &keeper).value();
  }
  // As README.md's loop.
  bool run() {
    int running = 0;
    for (;;) {
      if (multi->perform(&running) == Drive::failed) return false;
      if (running == 0) return true;
      if (!multi->poll({}, 1s)) return false;
    }
  }

  sim::World world;
  std::unique_ptr<Multi> multi;
};

std::optional<Code> code_of(const Result<void>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

TEST_CASE("program: a TransferHandler's transfer in a simulated world takes virtual time only") {
  Program program;
  const std::clock_t before = std::clock();
  Keeper quick, slow;
  const Instant begin = program.multi->now();
  program.get("http://example.org/", quick);
  program.get("http://example.org/slow", slow);
  CHECK(program.run());
  CHECK(quick.result.has_value());
  CHECK(quick.heads == 1);
  CHECK(quick.body == bytes_of(20'000));
  CHECK(quick.ended - begin < 1s);
  CHECK(slow.body == bytes_of(20'000));
  CHECK(slow.ended - begin >= 10min);
  CHECK(slow.ended - begin < 10min + 2s);
  CHECK(std::clock() - before < CLOCKS_PER_SEC * 5);
}

TEST_CASE("program: timeouts run out in virtual time, to the millisecond") {
  Program program;
  program.world.add_origin({.host = "silent.test", .accept = sim::script_origin(sim::Script())});
  program.world.set_name("never.test", {.addresses = {*IpAddress::parse("203.0.113.9")}, .never = 1000});
  Keeper total, connect, idle;
  TransferOptions options;
  const Instant begin = program.multi->now();
  options.total_timeout = 90s;
  program.get("http://silent.test/", total, options);
  options = {};
  options.connect_timeout = 40s;
  program.get("http://never.test/", connect, options);
  options = {};
  options.idle_timeout = 30s;
  program.get("http://silent.test/", idle, options);
  CHECK(program.run());
  CHECK(code_of(total.result) == Code::total_timeout);
  CHECK(code_of(connect.result) == Code::connect_timeout);
  CHECK(code_of(idle.result) == Code::idle_timeout);
  CHECK(total.ended - begin >= 90s);
  CHECK(total.ended - begin < 90s + 2ms);
  CHECK(connect.ended - begin >= 40s);
  CHECK(connect.ended - begin < 40s + 2ms);
}

TEST_CASE(
    "program: refused connects, names that are none, overrides, and resets are the errors that they are over sockets") {
  sim::WorldOptions options;
  Program program(options);
  Keeper refused, unknown, overridden, reset;
  program.get("http://203.0.113.1/", refused);
  program.get("http://nowhere.test/", unknown);
  CHECK(program.run());
  CHECK(code_of(refused.result) == Code::connect_failed);
  CHECK(refused.result.error().message().ends_with("connect to 203.0.113.1:80: Connection refused"));
  CHECK(code_of(unknown.result) == Code::resolve_failed);
  MultiOptions other;
  other.resolve_overrides.push_back(
      {"Other.test", 80, {program.world.connects().empty() ? IpAddress{} : *IpAddress::parse("192.0.2.1")}});
  program.use(std::move(other));
  program.get("http://other.test/", overridden);
  CHECK(program.run());
  CHECK(overridden.body == bytes_of(20'000));
  sim::Weather weather;
  weather.resets = 1000;
  weather.fault_within = 10;
  program.world.set_weather(weather);
  TransferOptions fresh;
  fresh.fresh_connection = true;
  program.get("http://example.org/", reset, fresh);
  CHECK(program.run());
  CHECK_FALSE(reset.result.has_value());
  CHECK(program.world.faults().at("reset") > 0);
}

TEST_CASE("program: the application's own timers, by the world and by its own clock") {
  Program program;
  Keeper canceled;
  std::vector<Duration> ticks;
  const Instant begin = program.multi->now();
  const TransferId id = program.get("http://example.org/slow", canceled);
  program.world.after(30s, [&] { program.multi->cancel(id); });
  // As an application keeps them: a period of its own, which bounds what it lets poll() wait.
  Instant next = begin + 7s;
  int running = 1;
  while (running > 0) {
    CHECK(program.multi->perform(&running) != Drive::failed);
    const Instant now = program.multi->now();
    if (now >= next) {
      ticks.push_back(now - begin);
      next += 7s;
    }
    if (running > 0) REQUIRE(program.multi->poll({}, std::chrono::ceil<std::chrono::milliseconds>(next - now)));
  }
  CHECK(code_of(canceled.result) == Code::canceled);
  CHECK(canceled.ended - begin >= 30s);
  CHECK(canceled.ended - begin < 30s + 1ms);
  REQUIRE(ticks.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(ticks[i] >= 7s * (i + 1));
    CHECK(ticks[i] < 7s * (i + 1) + 1ms);
  }
}

Task<std::size_t> two_in_a_row(Multi& multi, std::string url) {
  std::size_t bytes = 0;
  for (int i = 0; i < 2; ++i) {
    Request request;
    request.url = Url::parse(url).value();
    const auto response = co_await multi.fetch(std::move(request));
    if (response) bytes += response->body.size();
  }
  co_return bytes;
}

TEST_CASE("program: co_await multi.fetch in a simulated world, several at once") {
  Program program;
  std::vector<Task<std::size_t>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(two_in_a_row(*program.multi, "http://example.org/slow"));
  const auto all_done = [&] { return std::ranges::all_of(tasks, &Task<std::size_t>::done); };
  while (!all_done()) {
    REQUIRE(program.multi->perform() != Drive::failed);
    if (!all_done()) REQUIRE(program.multi->poll({}, 1h));
  }
  for (auto& task : tasks) CHECK(task.take() == 40'000);
  CHECK(program.world.now().steady - Instant(1'000s) >= 20min);
  CHECK(program.world.now().steady - Instant(1'000s) < 21min);
}

// Over a bad network, with TLS, uploads and timers.
std::uint64_t hash_of(std::uint64_t seed, std::vector<std::string>* trace = nullptr) {
  sim::WorldOptions options;
  options.seed = Seed{seed};
  options.weather.max_piece = 700;
  options.weather.max_send = 900;
  options.weather.jitter = 20ms;
  options.weather.resets = 200;
  options.weather.stalls = 100;
  options.weather.refused = 200;
  options.weather.window = 5'000;
  Program program(options);
  MultiOptions multi;
  multi.engine.default_tls = program.world.tls();
  program.use(std::move(multi));
  program.world.add_origin({.host = "safe.test",
                            .port = 443,
                            .accept = sim::http_origin([](const sim::HttpRequest&) { return sim::HttpReply{}; }),
                            .tls = true});
  std::deque<Keeper> keepers;
  TransferOptions limited;
  limited.total_timeout = 60s;
  for (int i = 0; i < 30; ++i) {
    Request request = program.request(i % 3 == 0 ? "https://safe.test/" : "http://example.org/");
    if (i % 5 == 1) request = post(BodyOwned{bytes_of(30'000)});
    program.world.after(10ms * i, [&program, &keepers, &limited, request] {
      Keeper& keeper = keepers.emplace_back();
      REQUIRE(program.multi->add(request, limited, &keeper));
    });
  }
  int running = 0;
  while (keepers.size() < 30 || running > 0) {
    CHECK(program.multi->perform(&running) != Drive::failed);
    REQUIRE(program.multi->poll({}, 10s));
  }
  for (const Keeper& one : keepers)
    program.world.note(one.result ? "good " + std::to_string(one.body.size()) : one.result.error().message());
  program.multi.reset();
  CHECK(program.world.open_connections() == 0);
  if (trace) *trace = program.world.trace();
  return program.world.trace_hash();
}

TEST_CASE("program: the same seed gives the same trace, and another one another") {
  std::vector<std::string> first, second;
  CHECK(hash_of(7, &first) == hash_of(7, &second));
  CHECK(first.size() == second.size());
  CHECK(first == second);
  CHECK(hash_of(8) != hash_of(7));
}

TEST_CASE("program: a wait that nothing ends is an error once the world's time is over") {
  sim::WorldOptions options;
  options.longest_run = 1h;
  Program program(options);
  program.world.add_origin({.host = "silent.test", .accept = sim::script_origin(sim::Script())});
  Keeper waits;
  program.get("http://silent.test/", waits);
  CHECK_FALSE(program.run());
  CHECK(program.world.now().steady - Instant(1'000s) > 50min);
  CHECK(waits.dones == 0);
}

TEST_CASE("program: a wakeup ends a wait at once, and is told once") {
  Program program;
  const Instant before = program.multi->now();
  program.multi->wakeup();
  auto polled = program.multi->poll({}, 10s);
  REQUIRE(polled);
  CHECK(polled->woken);
  CHECK(program.multi->now() - before < 1ms);
  polled = program.multi->poll({}, 10s);
  REQUIRE(polled);
  CHECK_FALSE(polled->woken);
  CHECK(program.multi->now() - before >= 10s);
  // What is no descriptor of this world's is said to be broken, as poll(2) does.
  ExtraDescriptor strange = {.fd = 12'345, .wanted = kEventRead};
  polled = program.multi->poll(std::span(&strange, 1), 10s);
  REQUIRE(polled);
  CHECK(polled->ready == 1);
  CHECK(strange.ready == kEventError);
}

TEST_CASE("program: a loop of one's own waits for fd(), with a waiter of the world's") {
  Program program;
  Keeper one, late;
  TransferOptions options;
  options.total_timeout = 5s;
  program.get("http://example.org/", one);
  program.get("http://example.org/slow", late, options);
  auto own = program.world.environment().make_waiter().value();
  REQUIRE(own->add(program.multi->fd(), kEventRead, 1) == 0);
  const Instant begin = program.multi->now();
  while (program.multi->running() > 0) {
    REQUIRE(own->wait(60'000) == 0);
    if (own->next()) REQUIRE(program.multi->perform() != Drive::failed);
  }
  CHECK(one.body.size() == 20'000);
  CHECK(code_of(late.result) == Code::total_timeout);
  CHECK(late.ended - begin < 5s + 1ms);
}

}  // namespace
