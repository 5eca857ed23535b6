// Custom transports that do everything a transport may do, and some things that it must not do: one byte at a time,
// blocked for any time, an error or an end at every call, signals that are late, duplicated, from another thread, or
// long after the Multi was destroyed. They affect only their own transfers: every transfer has one Done, the others
// complete, and the message names the route.
#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "tests/support/far_side.hpp"
#include "tests/support/faulty_line.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// A Multi with faulty transfers, and beside them sound ones over TCP and over memory.
struct World {
  explicit World(bool tls) : far({.tls = tls, .cut_after = std::nullopt, .reset = false, .at_once = false}) {
    REQUIRE(multi);
  }
  ~World() {
    multi.reset();
    CHECK(alive == 0);
  }

  Recorder& add(std::shared_ptr<Dialer> line, const std::string& path, TransferOptions options = {},
                std::string_view upload = {}) {
    options.route = std::move(line);
    options.tls = far.trust();
    if (!options.idle_timeout) options.idle_timeout = 20s;
    Request request = get(far.url(path));
    if (!upload.empty()) {
      request.method = "POST";
      request.body = BodyView{as_bytes(upload)};
    }
    Recorder& recorder = recorders.emplace_back();
    ids.push_back(multi->add(std::move(request), options, &recorder).value());
    return recorder;
  }
  void add_sound() {
    TransferOptions options;
    options.connect_to = ConnectTo{"127.0.0.1", port};
    options.tls = far.trust();
    MemoryPair pair = memory_pair(1000);
    far.adopt(std::move(pair.far_end));
    for (Recorder& recorder : sound) {
      recorder = {};
      REQUIRE(multi->add(get(far.url("/20000/5")), options, &recorder));
      options.connect_to.reset();
      options.route = pair.dialer;
    }
  }
  // False: one of the sound ones has suffered.
  bool finish() {
    REQUIRE(test::finish(*multi, 30s));
    for (auto& [id, message] : take_messages(*multi)) messages.insert_or_assign(id, std::move(message));
    for (const Recorder& recorder : recorders) CHECK(recorder.dones == 1);
    for (const Recorder& recorder : sound) {
      if (recorder.dones != 1 || !recorder.result || recorder.body != pattern(20'000, 5)) return false;
    }
    return true;
  }

  FarSide far;
  const std::uint16_t port = far.listen_tcp();
  std::unique_ptr<Multi> multi = make_multi();
  std::deque<Recorder> recorders;
  std::vector<TransferId> ids;
  std::map<TransferId, Message> messages;
  Recorder sound[2];
};

template <class Check>
void on_every_kind(Check check) {
  for (const bool memory : {true, false}) {
    for (const bool tls : {false, true}) {
      CAPTURE(memory);
      CAPTURE(tls);
      check(memory, tls);
    }
  }
}

}  // namespace

TEST_CASE("a transport that moves one byte at a time, or blocks at any call, is slow and nothing else") {
  const Faults shapes[] = {
      {.most_bytes = 1},
      {.most_bytes = 1, .block_every = 2},
      {.most_bytes = 1, .block_every = 3, .telling = Telling::twice},
      {.most_bytes = 700, .block_every = 2, .telling = Telling::late},
      {.block_every = 2},
      {.block_every = 5, .telling = Telling::late, .opens = 3},
      {.most_bytes = 3, .telling = Telling::late},
      {.opens = 5},
      {.together = true},
      {.most_bytes = 50, .block_every = 2, .together = true},
  };
  on_every_kind([&](bool memory, bool tls) {
    for (Faults faults : shapes) {
      faults.memory = memory;
      if (!memory) faults.opens = 0;
      CAPTURE(faults.most_bytes);
      CAPTURE(faults.block_every);
      CAPTURE(static_cast<int>(faults.telling));
      CAPTURE(faults.together);
      World world(tls);
      const auto line = std::make_shared<FaultyLine>(world.far, faults);
      const Recorder& first = world.add(line, "/3000/1");
      const Recorder& second = world.add(line, "/3000/2?chunked&close");
      const Recorder& echo = world.add(line, "/0/0?echo", {}, pattern(3000, 3));
      world.add_sound();
      CHECK(world.finish());
      CHECK(first.body == pattern(3000, 1));
      CHECK(second.body == pattern(3000, 2));
      CHECK(echo.body == pattern(3000, 3));
      for (const TransferId id : world.ids) {
        CHECK(world.messages.at(id).result.has_value());
        CHECK(world.messages.at(id).info.route == "the faulty line");
      }
    }
  });
}

TEST_CASE("a transport that blocks for good is ended by the timeouts, and nobody waits for it") {
  on_every_kind([](bool memory, bool tls) {
    World world(tls);
    TransferOptions options;
    options.idle_timeout = 300ms;
    options.connect_timeout = 300ms;
    world.add(
        std::make_shared<FaultyLine>(world.far, Faults{.memory = memory, .block_every = 1, .telling = Telling::never}),
        "/3000/1", options);
    if (memory) {
      world.add(std::make_shared<FaultyLine>(world.far, Faults{.telling = Telling::never, .opens = 1}), "/3000/1",
                options);
    }
    world.add_sound();
    CHECK(drive_until(*world.multi, [&] { return world.sound[0].dones + world.sound[1].dones == 2; }));
    CHECK(world.multi->running() == world.ids.size());
    const auto started = std::chrono::steady_clock::now();
    CHECK(world.finish());
    CHECK(std::chrono::steady_clock::now() - started < 5s);
    for (const TransferId id : world.ids) {
      const Code code = world.messages.at(id).result.error().code;
      CHECK((code == Code::idle_timeout || code == Code::connect_timeout));
    }
  });
}

TEST_CASE(
    "an error of a transport's own at any call ends its transfer, with the transport's words and the route's name") {
  struct Operation {
    int Faults::* at;
    Code code;
    int detail;
    std::string words;
  };
  const Operation operations[] = {
      {&Faults::fail_open_at, Code::connect_failed, kOwnError, "connect by the faulty line: no tone"},
      {&Faults::fail_receive_at, Code::receive_failed, kOwnError, "receive from the faulty line: the dog ate it"},
      {&Faults::fail_send_at, Code::send_failed, kOwnError, "send to the faulty line: the dog ate it"},
      // More bytes than it was given, or than there was space for.
      {&Faults::lie_receive_at, Code::receive_failed, EOVERFLOW,
       "receive from the faulty line: Value too large for defined data type"},
      {&Faults::lie_send_at, Code::send_failed, EOVERFLOW,
       "send to the faulty line: Value too large for defined data type"},
  };
  on_every_kind([&](bool memory, bool tls) {
    for (const Operation& operation : operations) {
      CAPTURE(operation.words);
      bool completed = false;
      for (int call = 1; !completed; ++call) {
        REQUIRE(call < 200);
        CAPTURE(call);
        World world(tls);
        Faults faults{.memory = memory, .most_bytes = 400};
        faults.*operation.at = call;
        const auto line = std::make_shared<FaultyLine>(world.far, faults);
        TransferOptions options;
        options.forbid_reuse = true;
        const Recorder& recorder = world.add(line, "/0/0?echo", options, pattern(2000, 3));
        world.add_sound();
        CHECK(world.finish());
        const Message& message = world.messages.at(world.ids[0]);
        completed = message.result.has_value();
        if (completed) {
          CHECK(recorder.body == pattern(2000, 3));
          CHECK(call > 1);
          continue;
        }
        const Error& error = message.result.error();
        CHECK((error.code == operation.code || (tls && error.code == Code::tls_handshake)));
        CHECK(error.detail == operation.detail);
        CHECK_MESSAGE(error.message().ends_with(operation.words), error.message());
      }
    }
  });
}

TEST_CASE("what was answered before a send failed is delivered, and then the failure, also after a pause") {
  struct Pausing : Recorder {
    bool paused = false;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      return paused ? 0 : Recorder::on_body(multi, id, bytes);
    }
  };
  // More than a paused transfer has room for, in the stream at once.
  constexpr std::size_t kEchoed = 2 * 40'000;
  for (const bool memory : {true, false}) {
    for (const bool paused : {false, true}) {
      CAPTURE(memory);
      CAPTURE(paused);
      World world(false);
      TransferOptions options;
      // The head, two pieces of the body, and a failure.
      options.route = std::make_shared<FaultyLine>(
          world.far,
          Faults{.memory = memory, .capacity = 1'000'000, .most_sent = 40'000, .fail_send_at = 4, .deaf = true});
      options.idle_timeout = 5s;
      Request request = get(world.far.url("/0/0?echo"));
      request.method = "POST";
      request.body = BodyView{as_bytes(pattern(1'000'000, 1))};
      Pausing recorder;
      recorder.paused = paused;
      const TransferId id = world.multi->add(std::move(request), options, &recorder).value();
      REQUIRE(drive_until(*world.multi, [&] { return recorder.heads == 1; }));
      if (paused) {
        for (int i = 0; i < 20; ++i) {
          REQUIRE(world.multi->perform() != Drive::failed);
          REQUIRE(world.multi->poll({}, 5ms));
        }
        CHECK(recorder.dones == 0);
        recorder.paused = false;
        world.multi->resume(id);
      }
      world.add_sound();
      CHECK(world.finish());
      CHECK(recorder.dones == 1);
      REQUIRE_FALSE(recorder.result.has_value());
      CHECK(recorder.result.error().code == Code::send_failed);
      CHECK(recorder.result.error().message().ends_with("send to the faulty line: the dog ate it"));
      CHECK(recorder.body == pattern(kEchoed, 1));
    }
  }
}

TEST_CASE("an end that comes too early, at any call, is an error and never a short body") {
  on_every_kind([](bool memory, bool tls) {
    bool completed = false;
    for (int call = 1; !completed; ++call) {
      REQUIRE(call < 200);
      CAPTURE(call);
      World world(tls);
      const auto line =
          std::make_shared<FaultyLine>(world.far, Faults{.memory = memory, .most_bytes = 100, .end_at = call});
      TransferOptions options;
      options.forbid_reuse = true;
      const Recorder& recorder = world.add(line, call % 2 ? "/1500/4" : "/1500/4?chunked", options);
      world.add_sound();
      CHECK(world.finish());
      const Result<void>& result = world.messages.at(world.ids[0]).result;
      completed = result.has_value();
      CHECK(completed == (recorder.body == pattern(1500, 4)));
      if (!completed) CHECK(result.error().blame != Blame::internal);
    }
  });
}

TEST_CASE("a dialer that has no stream, or answers nothing, fails the transfer that asked") {
  struct Useless : Dialer {
    bool say;
    explicit Useless(bool says) : Dialer("", "the useless line", 0), say(says) {}
    Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal signal) override {
      signal();
      if (!say) return nullptr;
      return std::unexpected(make_error(Code::connect_failed, "connect by the useless line: cut off", kOwnError));
    }
  };
  World world(false);
  world.add(std::make_shared<Useless>(true), "/1/1");
  world.add(std::make_shared<Useless>(false), "/1/1");
  world.add_sound();
  CHECK(world.finish());
  for (const TransferId id : world.ids) {
    const Error& error = world.messages.at(id).result.error();
    CHECK(error.code == Code::connect_failed);
    CHECK(error.message().find("the useless line") != std::string::npos);
  }
  CHECK(world.messages.at(world.ids[0]).result.error().message().ends_with("cut off"));
}

TEST_CASE("signals for connections that are gone, and a flood of them for those that stand, change nothing") {
  std::vector<TransportSignal> signals;
  {
    World world(true);
    std::atomic<bool> stop = false;
    const auto line = std::make_shared<FaultyLine>(world.far, Faults{.most_bytes = 900, .block_every = 4});
    for (int round = 0; round < 20; ++round) {
      TransferOptions options;
      options.fresh_connection = true;
      const Recorder& recorder = world.add(line, "/30000/1", options);
      world.add_sound();
      REQUIRE(world.multi->perform() != Drive::failed);
      stop = false;
      std::thread flood([given = line->signals, &stop] {
        while (!stop) {
          for (const TransportSignal& signal : given) signal();
        }
      });
      CHECK(world.finish());
      stop = true;
      flood.join();
      CHECK(recorder.body == pattern(30'000, 1));
    }
    signals = line->signals;
    CHECK(signals.size() == 20);
  }
  for (const TransportSignal& signal : signals) signal();
}

TEST_CASE("transfers removed, and a Multi that goes, at every state of a transport") {
  for (const bool whole : {false, true}) {
    bool finished = false;
    for (int drives = 1; !finished; ++drives) {
      REQUIRE(drives < 2000);
      CAPTURE(drives);
      World world(true);
      const auto line =
          std::make_shared<FaultyLine>(world.far, Faults{.most_bytes = 300, .block_every = 3, .opens = 2});
      const Recorder& recorder = world.add(line, "/2000/1");
      for (int i = 0; i < drives && recorder.dones == 0; ++i) {
        REQUIRE(world.multi->perform() != Drive::failed);
        REQUIRE(world.multi->poll({}, 5ms));
      }
      finished = recorder.dones == 1;
      if (finished) CHECK(recorder.body == pattern(2000, 1));
      if (whole) {
        world.multi.reset();
        CHECK(alive == 0);
      } else if (!finished) {
        world.multi->remove(world.ids[0]);
        REQUIRE(world.multi->perform() != Drive::failed);
        CHECK(recorder.dones == 0);
        CHECK(world.multi->running() == 0);
      }
    }
  }
}

TEST_CASE("streams without a descriptor that have nothing to do cost no wake-ups") {
  World world(false);
  const auto line = std::make_shared<FaultyLine>(world.far, Faults{});
  world.add(line, "/1000/1?hold");
  world.add(line, "/1000/1?half");
  REQUIRE(drive_until(*world.multi, [&] { return world.far.requests() == 2; }));
  int turns = 0;
  for (const Instant end = world.multi->now() + 300ms; world.multi->now() < end; ++turns) {
    REQUIRE(world.multi->perform() != Drive::failed);
    REQUIRE(world.multi->poll({}, 100ms));
  }
  CHECK(turns < 15);
  world.far.release();
  world.add_sound();
  CHECK(world.finish());
  for (const Recorder& recorder : world.recorders) CHECK(recorder.body == pattern(1000, 1));
}

TEST_CASE("a transport that signals without end leaves the others their turn, however little a drive may do") {
  FarSide far;
  MultiOptions options;
  options.max_reads_per_perform = 1;
  auto multi = make_multi(options);
  Recorder endless, patient;
  TransferOptions transfer;
  transfer.route = std::make_shared<FaultyLine>(far, Faults{.block_every = 1});
  REQUIRE(multi->add(get("http://endless.test/"), transfer, &endless));
  MemoryPair pair = memory_pair();
  transfer.route = pair.dialer;
  REQUIRE(multi->add(get("http://patient.test/"), transfer, &patient));
  // The end of the stream takes a second read, which nothing but the first one asks for.
  bool answered = false;
  for (int drives = 0; drives < 100 && patient.dones == 0; ++drives) {
    REQUIRE(multi->perform() != Drive::failed);
    std::uint8_t space[200];
    if (answered || pair.far_end->receive(space).bytes == 0) continue;
    answered = true;
    REQUIRE(pair.far_end->send(as_bytes("HTTP/1.1 200 OK\r\n\r\nall there is")).bytes > 0);
    pair.far_end->close();
  }
  CHECK(patient.dones == 1);
  CHECK(patient.body == "all there is");
  CHECK(endless.dones == 0);
}
