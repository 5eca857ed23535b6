// What transport.hpp allows a custom transport, each case separately: buffered bytes while its descriptor is silent,
// directions that wait for each other, one descriptor per direction.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "adapters/net/clock.hpp"
#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/transport.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr Transferred kWaitsForOther{
    .bytes = 0, .would_block = true, .eof = false, .error = 0, .other_direction = true};

struct OverSocket : Transport {
  explicit OverSocket(net::Descriptor given) : socket(std::move(given)) {}
  Result<Opening> open() override { return Opening::done; }
  int fd() const override { return socket.get(); }
  Transferred receive(MutableBytes space) override { return net::receive(socket.get(), space); }
  Transferred send(std::span<const Bytes> pieces) override { return net::send(socket.get(), pieces); }
  net::Descriptor socket;
};

using Make = std::function<std::unique_ptr<Transport>(net::Descriptor)>;

// One transfer over a transport that the test makes of a socket, whose other end it holds.
struct World {
  void add(const Make& make, TransferHandler& handler) {
    struct Once : Dialer {
      Once(const Make& made, net::Descriptor given) : Dialer("", "the line", 1), make(made), socket(std::move(given)) {}
      Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal) override {
        return make(std::move(socket));
      }
      const Make make;
      net::Descriptor socket;
    };
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    far = net::Descriptor(ends[1]);
    TransferOptions options;
    options.idle_timeout = 5s;
    options.route = std::make_shared<Once>(make, net::Descriptor(ends[0]));
    id = multi->add(get("http://origin.test/"), options, &handler).value();
  }
  // Whether a request has come within `drives`.
  bool asked(int drives = 1000) {
    std::uint8_t space[1000];
    for (int i = 0; i < drives && request.find("\r\n\r\n") == std::string::npos; ++i) {
      REQUIRE(multi->perform() != Drive::failed);
      REQUIRE(multi->poll({}, 2ms));
      request += as_text(Bytes(space).first(net::receive(far.get(), space).bytes));
    }
    return request.find("\r\n\r\n") != std::string::npos;
  }
  void answer(const std::string& body) {
    const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const Bytes bytes = as_bytes(text);
    REQUIRE(net::send(far.get(), std::span(&bytes, 1)).bytes == text.size());
  }

  std::unique_ptr<Multi> multi = make_multi();
  TransferId id;
  net::Descriptor far;
  std::string request;
};

// As another TLS stack: takes what it gets from its socket and hands it out in records, of which the descriptor says
// nothing.
struct Records : OverSocket {
  using OverSocket::OverSocket;
  Transferred receive(MutableBytes space) override {
    if (held.empty()) {
      std::array<std::uint8_t, 100'000> taken;
      const Transferred got = net::receive(socket.get(), taken);
      if (got.bytes == 0) return got;
      held = as_text(Bytes(taken).first(got.bytes));
    }
    const std::size_t count = std::min({space.size(), held.size(), std::size_t{16}});
    std::memcpy(space.data(), held.data(), count);
    held.erase(0, count);
    return {.bytes = count, .would_block = false, .eof = false, .error = 0, .other_direction = false};
  }
  std::string held;
};
std::unique_ptr<Transport> records(net::Descriptor socket) { return std::make_unique<Records>(std::move(socket)); }

}  // namespace

TEST_CASE("a transport that keeps bytes of its own while its descriptor is silent does not stall") {
  for (const std::size_t size : {2U, 1000U, 60'000U}) {
    CAPTURE(size);
    World world;
    Recorder recorder;
    world.add(records, recorder);
    REQUIRE(world.asked());
    world.answer(std::string(size, 'x'));
    CHECK(finish(*world.multi));
    CHECK(recorder.result.has_value());
    CHECK(recorder.body == std::string(size, 'x'));
  }
}

TEST_CASE("bytes that a transport keeps while its transfer is paused come when that goes on") {
  struct Pausing : Recorder {
    bool paused = true;
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      return paused ? 0 : Recorder::on_body(multi, id, bytes);
    }
  } recorder;
  World world;
  world.add(records, recorder);
  REQUIRE(world.asked());
  world.answer(std::string(90'000, 'x'));  // more than waits for a paused transfer
  REQUIRE(drive_until(*world.multi, [&] { return recorder.heads == 1; }));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(world.multi->perform() != Drive::failed);
    REQUIRE(world.multi->poll({}, 2ms));
  }
  CHECK(recorder.dones == 0);
  recorder.paused = false;
  world.multi->resume(world.id);
  CHECK(finish(*world.multi));
  CHECK(recorder.body == std::string(90'000, 'x'));
}

// A server that speaks first: what it said came with the end of the handshake.
TEST_CASE("bytes that a transport received while it was opening are asked for without an event") {
  struct Ahead : OverSocket {
    using OverSocket::OverSocket;
    Transferred receive(MutableBytes) override {
      return {.bytes = 0, .would_block = false, .eof = true, .error = 0, .other_direction = false};
    }
    Transferred send(std::span<const Bytes>) override { return {}; }
  };
  World world;
  Recorder recorder;
  world.add([](net::Descriptor socket) { return std::make_unique<Ahead>(std::move(socket)); }, recorder);
  for (int i = 0; i < 10 && recorder.dones == 0; ++i) REQUIRE(world.multi->perform() != Drive::failed);
  CHECK(recorder.dones == 1);
}

TEST_CASE("a send that waits until the stream can be read is not tried before") {
  // As a renegotiation: the next byte from the far end is for the send itself.
  struct Crossed : OverSocket {
    Crossed(net::Descriptor given, int& count) : OverSocket(std::move(given)), sends(count) {}
    Transferred receive(MutableBytes space) override { return may_send ? OverSocket::receive(space) : Transferred{}; }
    Transferred send(std::span<const Bytes> pieces) override {
      ++sends;
      std::uint8_t token = 0;
      if (!may_send) may_send = net::receive(socket.get(), MutableBytes(&token, 1)).bytes == 1;
      return may_send ? OverSocket::send(pieces) : kWaitsForOther;
    }
    int& sends;
    bool may_send = false;
  };
  int sends = 0;
  World world;
  Recorder recorder;
  world.add([&](net::Descriptor socket) { return std::make_unique<Crossed>(std::move(socket), sends); }, recorder);
  CHECK_FALSE(world.asked(30));
  CHECK(sends == 1);
  REQUIRE(::write(world.far.get(), "t", 1) == 1);
  REQUIRE(world.asked());
  CHECK(sends == 2);
  world.answer("done");
  CHECK(finish(*world.multi));
  CHECK(recorder.body == "done");
}

TEST_CASE(
    "a receive that waits until the stream can be written is not tried before, and each direction has its descriptor") {
  struct Pipe {
    net::Descriptor read, write;
    Pipe() {
      int ends[2] = {-1, -1};
      REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
      read = net::Descriptor(ends[0]), write = net::Descriptor(ends[1]);
    }
    void fill() const {
      const std::string much(1 << 20, 'x');
      REQUIRE(::write(write.get(), much.data(), much.size()) > 0);
    }
    void drain() const {
      std::array<char, 4096> space;
      while (::read(read.get(), space.data(), space.size()) > 0) {
      }
    }
  } pipe;
  struct Crossed : OverSocket {
    Crossed(net::Descriptor given, const Pipe& way, int& count)
        : OverSocket(std::move(given)), out(way), calls(count) {}
    int write_fd() const override { return out.write.get(); }
    // Both want room in the pipe: a send once, a receive always.
    Transferred receive(MutableBytes space) override {
      ++calls;
      return ::write(out.write.get(), "x", 1) == 1 ? OverSocket::receive(space) : kWaitsForOther;
    }
    Transferred send(std::span<const Bytes> pieces) override {
      ++calls;
      if (::write(out.write.get(), "x", 1) != 1) return {};
      return OverSocket::send(pieces);
    }
    const Pipe& out;
    int& calls;
  };
  int calls = 0;
  World world;
  Recorder recorder;
  pipe.fill();
  world.add([&](net::Descriptor socket) { return std::make_unique<Crossed>(std::move(socket), pipe, calls); },
            recorder);
  CHECK_FALSE(world.asked(30));
  CHECK(calls == 2);  // the send, and the receive that follows an opening
  pipe.drain();
  REQUIRE(world.asked());
  pipe.fill();
  world.answer("done");
  calls = 0;
  for (int i = 0; i < 30; ++i) {
    REQUIRE(world.multi->perform() == Drive::ok);
    REQUIRE(world.multi->poll({}, 2ms));
  }
  CHECK(calls == 1);
  CHECK(recorder.dones == 0);
  pipe.drain();
  CHECK(finish(*world.multi));
  CHECK(recorder.body == "done");
}

TEST_CASE("the error of a stream that ended says which it was, and what its transport knows of why") {
  struct Knowing : OverSocket {
    using OverSocket::OverSocket;
    std::string end_reason() const override { return "it was unplugged"; }
  };
  struct Throwing : OverSocket {
    using OverSocket::OverSocket;
    std::string end_reason() const override { throw 1; }
  };
  const Make makers[] = {[](net::Descriptor socket) { return std::make_unique<Knowing>(std::move(socket)); },
                         [](net::Descriptor socket) { return std::make_unique<Throwing>(std::move(socket)); },
                         [](net::Descriptor socket) { return std::make_unique<OverSocket>(std::move(socket)); }};
  for (const Make& make : makers) {
    const std::string why = &make == makers ? ": it was unplugged" : "";
    for (const std::string_view response : {"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"}) {
      World world;
      Recorder handler;
      world.add(make, handler);
      REQUIRE(world.asked());
      if (!response.empty()) REQUIRE(::send(world.far.get(), response.data(), response.size(), MSG_NOSIGNAL) > 0);
      world.far = net::Descriptor();
      REQUIRE(finish(*world.multi));
      REQUIRE_FALSE(handler.result.has_value());
      CHECK(handler.result.error().code == (response.empty() ? Code::connection_closed : Code::truncated));
      CHECK(handler.result.error().message().ends_with(" (the line" + why + ")"));
    }
  }
}

// Another TLS stack: what it carries is plain in here, and it tells how it was protected on its way.
TEST_CASE("a transport of a secure route: https without TLS of ours, and its facts in the transfer's") {
  auto pair = std::make_shared<MemoryPair>(memory_pair());
  struct Protected : Transport {
    explicit Protected(std::unique_ptr<Transport> given) : stream(std::move(given)) {}
    Result<Opening> open() override { return stream->open(); }
    Transferred receive(MutableBytes space) override { return stream->receive(space); }
    Transferred send(std::span<const Bytes> pieces) override { return stream->send(pieces); }
    std::shared_ptr<const StreamSecurity> security() const override {
      auto facts = std::make_shared<StreamSecurity>();
      facts->version = "TLSv1.3";
      facts->alpn = "http/1.1";
      return facts;
    }
    std::unique_ptr<Transport> stream;
  };
  struct SecureDialer : Dialer {
    explicit SecureDialer(std::shared_ptr<MemoryPair> of) : Dialer("", "another TLS", 1, true), pair(std::move(of)) {}
    Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) override {
      auto made = pair->dialer->dial(target, std::move(signal));
      if (!made) return made;
      return std::make_unique<Protected>(*std::move(made));
    }
    std::shared_ptr<MemoryPair> pair;
  };
  auto multi = make_multi();
  Recorder recorder;
  TransferOptions options;
  options.route = std::make_shared<SecureDialer>(pair);
  const TransferId id = multi->add(get("https://origin.test/x"), options, &recorder).value();
  std::string request;
  REQUIRE(drive_until(*multi, [&] {
    std::uint8_t space[1000];
    request += as_text(Bytes(space).first(pair->far_end->receive(space).bytes));
    return request.ends_with("\r\n\r\n");
  }));
  CHECK(request.starts_with("GET /x HTTP/1.1\r\nHost: origin.test\r\n"));
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  REQUIRE(pair->far_end->send(as_bytes(answer)).bytes == answer.size());
  CHECK(finish(*multi));
  CHECK(recorder.body == "ok");
  CHECK(multi->info(id).tls_version == "TLSv1.3");
  CHECK(multi->info(id).alpn == "http/1.1");
}

// Has no descriptor and never signals: only its deadlines move it.
TEST_CASE("a transport is tried again at the time that it names, and not before") {
  struct State {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    std::size_t given = 0;
    bool asked = false;
    Instant next = net::read_steady() + 30ms;
    int opens = 0, receives = 0;
  };
  struct Clockwork : Transport {
    explicit Clockwork(State& of) : state(of) {}
    // True once for each deadline.
    bool is_due() const {
      if (net::read_steady() < state.next) return false;
      state.next = net::read_steady() + 10ms;
      return true;
    }
    Result<Opening> open() override { return ++state.opens, is_due() ? Opening::done : Opening::wait_signal; }
    std::optional<Instant> deadline() const override {
      return state.given == state.answer.size() ? std::nullopt : std::optional(state.next);
    }
    Transferred receive(MutableBytes space) override {
      ++state.receives;
      if (!state.asked || state.given == state.answer.size() || !is_due()) return {.would_block = true};
      space[0] = static_cast<std::uint8_t>(state.answer[state.given++]);
      return {.bytes = 1, .would_block = true};
    }
    Transferred send(std::span<const Bytes> pieces) override {
      Transferred all;
      for (const Bytes piece : pieces) all.bytes += piece.size();
      state.asked = true;
      return all;
    }
    State& state;
  };
  struct ClockworkDialer : Dialer {
    explicit ClockworkDialer(State& of) : Dialer("", "clockwork", 1), state(of) {}
    Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal) override {
      return std::make_unique<Clockwork>(state);
    }
    State& state;
  };
  State state;
  auto multi = make_multi();
  Recorder recorder;
  TransferOptions options;
  options.route = std::make_shared<ClockworkDialer>(state);
  options.total_timeout = 20s;
  REQUIRE(multi->add(get("http://origin.test/"), options, &recorder).has_value());
  REQUIRE(multi->perform() != Drive::failed);
  REQUIRE(multi->timeout().has_value());
  CHECK(*multi->timeout() <= 30ms);
  CHECK(finish(*multi));
  CHECK(recorder.body == "ok");
  CHECK(state.opens <= 3);
  CHECK(state.receives <= static_cast<int>(2 * state.answer.size()) + 4);
  CHECK_FALSE(multi->timeout() == std::chrono::milliseconds(0));  // what does not change is not tried again
}
