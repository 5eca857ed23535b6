// The engine driven by hand over a byte pipe, with no Multi and no loop: this program executes its outputs and reports
// the results. The pipe is a TCP stream here, but could be anything. Usage: engine_by_hand URL. Prints "status bytes
// url", or why it failed.
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <iostream>

#include <sluice/engine.hpp>

using namespace sluice;

// Says that the stream is ours to make. Without a route the engine asks for the host's addresses (Resolve) and races
// them.
struct Pipe : Route {
  Pipe() : Route("", "my own stream", 0) {}
};

static Now now() { return {Instant{std::chrono::steady_clock::now().time_since_epoch()}, std::time(nullptr)}; }
static Error error_of(Code code) { return make_error(code, std::strerror(errno), errno); }
static int give_up(const Error& error) { return std::cerr << error.message() << '\n', 1; }

static int open_stream(const output::Connect& to) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found) != 0)
    return errno = EHOSTUNREACH, -1;
  const int stream = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int failed = connect(stream, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return failed ? (close(stream), -1) : stream;
}

// Sends what there is to send; else waits for bytes to receive, no longer than until the engine's deadline.
static void move_bytes(Engine& engine, ConnId conn, int stream) {
  if (const Bytes out = engine.transmit(conn).spans[0]; !out.empty()) {
    const ssize_t sent = send(stream, out.data(), out.size(), MSG_NOSIGNAL);
    if (sent < 0) return engine.handle_io_error(conn, error_of(Code::send_failed), now());
    return engine.handle_sent(conn, static_cast<std::size_t>(sent), now());
  }
  pollfd ready = {stream, POLLIN, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(engine.deadline()->at - now().steady).count();
  if (poll(&ready, 1, std::max(0, static_cast<int>(left))) <= 0) return engine.handle_timeout(now());
  const MutableBytes space = engine.receive_space(conn);
  const ssize_t got = recv(stream, space.data(), space.size(), 0);
  if (got < 0) return engine.handle_io_error(conn, error_of(Code::receive_failed), now());
  got == 0 ? engine.handle_eof(conn, now()) : engine.handle_received(conn, static_cast<std::size_t>(got), now());
}

int main(int argc, char** argv) {
  const auto url = Url::parse(argc == 2 ? argv[1] : "");
  if (!url) return give_up(url.error());
  TransferOptions options;
  options.route = std::make_shared<Pipe>();
  options.total_timeout = std::chrono::seconds(60);  // so that there is a deadline all the time
  Engine engine(EngineOptions{});
  const auto id = engine.add(Request::get(*url), options, now());
  if (!id) return give_up(id.error());
  output::Connect wanted;
  for (int stream = -1;;) {
    while (const auto out = engine.poll_output()) {  // to the last one, before it is told anything; body() is what came
      if (const auto* connect = std::get_if<output::Connect>(&*out)) wanted = *connect;
      if (std::holds_alternative<output::BodyReady>(*out)) engine.consume_body(*id, engine.body(*id).size(), now());
      if (std::holds_alternative<output::Close>(*out)) close(std::exchange(stream, -1));
      if (const auto* done = std::get_if<output::Done>(&*out)) {
        if (!done->result) return give_up(done->result.error());
        std::cout << engine.head(*id).status << ' ' << engine.progress(*id).received_body_bytes << ' ' << argv[1]
                  << '\n';
        return 0;
      }
    }
    if (stream >= 0)
      move_bytes(engine, wanted.conn, stream);
    else if ((stream = open_stream(wanted)) >= 0)
      engine.handle_connected(wanted.conn, now());
    else
      engine.handle_io_error(wanted.conn, error_of(Code::connect_failed), now());
  }
}
