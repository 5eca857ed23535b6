// adapters/multi/streams and callbacks alone, with an engine and a stream that the test controls.
#include "adapters/multi/streams.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "adapters/multi/callbacks.hpp"
#include "core/proxy.hpp"
#include "tests/unit/multi/world_of_one.hpp"

using namespace sluice;
using namespace sluice::multi;

namespace {

// The parts that streams need, and one transfer to an address; take() carries outputs as the driver does.
struct StreamParts {
  bool local_addresses = false;
  test::HandEnvironment environment;
  test::HandWaiter waiter;
  Watches watches{waiter};
  Engine engine{EngineOptions{}};
  Pace pace{environment, 100, std::chrono::hours(1)};
  Streams streams{environment, waiter, watches, engine, pace, local_addresses};
  Transfers transfers;
  Callbacks callbacks{engine, transfers, pace};
  TransferId id;
  std::optional<ConnId> conn;
  std::optional<Result<void>> done;

  explicit StreamParts(bool asks_for_addresses = false, TransferOptions options = {})
      : local_addresses(asks_for_addresses) {
    pace.begin();
    streams.begin_drive(Streams::Look::asks);
    Request request;
    request.url = Url::parse("http://192.0.2.1/").value();
    id = engine.add(std::move(request), std::move(options), pace.now()).value();
  }
  void take() {
    do {
      streams.make_room();
      while (auto output = engine.poll_output()) {
        if (auto* connect = std::get_if<output::Connect>(&*output)) conn = connect->conn, streams.connect(*connect);
        if (const auto* close = std::get_if<output::Close>(&*output)) streams.close(close->conn);
        if (const auto* interest = std::get_if<output::InterestChanged>(&*output)) streams.refresh(interest->conn);
        if (auto* end = std::get_if<output::Done>(&*output)) done = end->result;
      }
    } while (streams.refresh_next());
  }
  void tell_facts() {
    while (streams.facts() > 0) {
      streams.make_room();
      streams.tell_fact();
      take();
    }
  }
  void send_all() {
    while (streams.has_sends()) {
      if (const auto next = streams.next_send()) streams.send(next->conn);
      take();
    }
  }
};

}  // namespace

TEST_CASE("streams: the environment is told how a socket is wanted, if it is wanted in any way") {
  const auto wished = [](std::shared_ptr<const SocketOptions> socket, std::shared_ptr<const SocketCalls> calls) {
    StreamParts parts;
    Streams streams(parts.environment, parts.waiter, parts.watches, parts.engine, parts.pace, false, std::move(calls));
    streams.begin_drive(Streams::Look::asks);
    streams.make_room();
    output::Connect connect{
        .conn = {0, 1}, .address = {*IpAddress::parse("192.0.2.1"), 80}, .socket = std::move(socket)};
    streams.connect(connect);
    return parts.environment.wished;
  };
  const auto socket = std::make_shared<const SocketOptions>(SocketOptions{.local_port = 7});
  const auto calls = std::make_shared<const SocketCalls>();
  CHECK(wished(nullptr, nullptr).empty());
  REQUIRE(wished(socket, nullptr).size() == 1);
  CHECK(wished(socket, nullptr)[0].socket == socket);
  CHECK(wished(socket, nullptr)[0].calls == nullptr);
  REQUIRE(wished(nullptr, calls).size() == 1);
  CHECK(wished(nullptr, calls)[0].socket == nullptr);
  CHECK(wished(nullptr, calls)[0].calls == calls);
}

TEST_CASE("Streams: one is opened, its request sent, its answer read, and its watch ends before it is closed") {
  StreamParts parts;
  parts.environment.wire.openings = {Opening::wait_write, Opening::done};
  parts.take();
  REQUIRE(parts.conn);
  CHECK(parts.waiter.watched.at(10) == kEventWrite);
  CHECK(parts.streams.facts() == 0);
  CHECK(parts.streams.advance(*parts.conn, kEventWrite) == Streams::Then::settle);
  CHECK(parts.streams.facts() == 1);
  parts.tell_facts();
  CHECK(parts.streams.has_sends());
  CHECK(parts.streams.has_work());
  parts.send_all();
  CHECK(parts.environment.wire.sent.starts_with("GET / HTTP/1.1\r\n"));
  CHECK(parts.waiter.watched.at(10) == kEventRead);
  parts.environment.wire.arriving = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  CHECK(parts.streams.advance(*parts.conn, kEventRead) == Streams::Then::read);
  CHECK(parts.streams.receive(*parts.conn) == Streams::Received::all);
  parts.take();
  REQUIRE(parts.done);
  CHECK(parts.done->has_value());
  CHECK(parts.environment.wire.closed);
  CHECK(parts.watches.find(10) == nullptr);
  CHECK_FALSE(parts.streams.has_work());
  CHECK(parts.streams.advance(*parts.conn, kEventRead) == Streams::Then::nothing);  // an id of before
}

TEST_CASE("Streams: a stream is asked for its local address once, where the options say so") {
  for (const bool asks : {false, true}) {
    CAPTURE(asks);
    StreamParts parts(asks);
    parts.take();
    parts.tell_facts();
    parts.send_all();
    CHECK(parts.environment.wire.asked_for_address == (asks ? 1 : 0));
    CHECK(parts.engine.info(parts.id).local.to_string() == (asks ? "198.51.100.7:40001" : Address{}.to_string()));
  }
  TransferOptions announced;
  announced.proxy_protocol = std::make_shared<const ProxyProtocol>();
  StreamParts announces(false, announced);  // the line of the PROXY protocol needs it, whatever they say
  announces.take();
  announces.tell_facts();
  announces.send_all();
  CHECK(announces.environment.wire.asked_for_address == 1);
  CHECK(announces.environment.wire.sent.starts_with("PROXY TCP4 198.51.100.7 192.0.2.1 40001 80\r\nGET / "));
  StreamParts parts(true);
  parts.environment.wire.throws = true;
  parts.take();
  parts.tell_facts();
  CHECK(parts.engine.info(parts.id).local == Address{});
  CHECK_FALSE(parts.done);
}

TEST_CASE("Streams: a send that is taken in part waits until the stream can be written to again") {
  StreamParts parts;
  parts.environment.wire.takes = 5;
  parts.take();
  parts.tell_facts();
  if (const auto next = parts.streams.next_send()) parts.streams.send(next->conn);
  parts.take();
  CHECK(parts.environment.wire.sent == "GET /");
  CHECK_FALSE(parts.streams.has_sends());
  CHECK((parts.waiter.watched.at(10) & kEventWrite) != 0);
  parts.environment.wire.takes = SIZE_MAX;
  parts.streams.advance(*parts.conn, kEventWrite);
  parts.send_all();
  CHECK(parts.environment.wire.sent.ends_with("\r\n\r\n"));
}

TEST_CASE("Streams: what a stream throws, or lies about, is the error of its own connection") {
  StreamParts parts;
  parts.take();
  parts.tell_facts();
  parts.send_all();
  SUBCASE("it throws") {
    parts.environment.wire.throws = true;
    parts.streams.advance(*parts.conn, kEventRead);
    parts.streams.receive(*parts.conn);
    parts.take();
    REQUIRE(parts.done);
    CHECK(parts.done->error().code == Code::receive_failed);
    CHECK(parts.done->error().message().find("its transport threw an exception") != std::string::npos);
  }
  SUBCASE("an errno") {
    parts.environment.wire.error = ECONNRESET;
    parts.streams.advance(*parts.conn, kEventError);
    parts.streams.receive(*parts.conn);
    parts.take();
    REQUIRE(parts.done);
    CHECK(parts.done->error().code == Code::receive_failed);
    CHECK(parts.done->error().detail == ECONNRESET);
  }
}

TEST_CASE("Streams: without a read left of the drive a stream is queued, and nothing of it is lost") {
  StreamParts parts;
  parts.take();
  parts.tell_facts();
  parts.send_all();
  while (parts.pace.take_read()) {
  }
  parts.environment.wire.arriving = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  CHECK(parts.streams.advance(*parts.conn, kEventRead) == Streams::Then::read);
  CHECK(parts.streams.receive(*parts.conn) == Streams::Received::no_budget);
  REQUIRE(parts.streams.has_reads());
  parts.pace.begin();
  parts.streams.begin_drive(Streams::Look::asks);
  CHECK(parts.streams.next_read() == *parts.conn);
  CHECK(parts.streams.receive(*parts.conn) == Streams::Received::all);
  parts.take();
  REQUIRE(parts.done);
  CHECK(parts.done->has_value());
}

TEST_CASE("Streams: after a drive that was cut short each stream is tried once") {
  StreamParts parts;
  parts.take();
  parts.tell_facts();
  parts.send_all();
  parts.streams.try_all();
  CHECK(parts.streams.has_work());
  parts.streams.gather_signals();
  REQUIRE(parts.streams.has_signaled());
  CHECK(parts.streams.next_signaled() == *parts.conn);
  CHECK_FALSE(parts.streams.next_signaled().has_value());
}

TEST_CASE(
    "Callbacks: nothing is said of a transfer that is not there, and a handler is called last when its transfer ends") {
  StreamParts parts;
  parts.callbacks.body(parts.id);
  parts.callbacks.upload(parts.id);
  parts.callbacks.resume(parts.id);
  struct Ends : TransferHandler {
    int dones = 0;
    void on_done(Multi&, TransferId, const Result<void>& end) override {
      ++dones;
      CHECK_FALSE(end.has_value());
    }
  } handler;
  parts.transfers.add(parts.id, &handler);
  output::Done done;
  done.transfer = parts.id;
  done.result = std::unexpected(make_error(Code::canceled, "by the test"));
  const auto multi = Multi::create().value();  // it is only passed on
  parts.callbacks.set_multi(*multi);
  parts.callbacks.done(done);
  CHECK(handler.dones == 1);
  CHECK(parts.transfers.messages() == 1);
  CHECK(parts.transfers.pop_message() == parts.id);
  parts.callbacks.resume(parts.id);  // too late: no handler is there any more
  CHECK(handler.dones == 1);
}
