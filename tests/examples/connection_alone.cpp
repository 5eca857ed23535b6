// One connection over one stream: the stream is opened here, sluice speaks HTTP on it.
// Usage: connection_alone URL... , all of one origin, requested one after another. Prints "status bytes url" for each,
// or why it failed.
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <iostream>

#include <sluice/connection.hpp>

using namespace sluice;

static Now now() { return {Instant{std::chrono::steady_clock::now().time_since_epoch()}, std::time(nullptr)}; }
static Error error_of(Code code) { return make_error(code, std::strerror(errno), errno); }
static int complain(const Error& error) { return std::cerr << error.message() << '\n', 1; }

static int open_stream(const Url& url) {  // any stream will do: a serial line, a pseudo-terminal, a pipe to a program
  addrinfo hints = {}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  const std::string host(url.host());
  if (getaddrinfo(host.c_str(), std::to_string(url.port()).c_str(), &hints, &found) != 0)
    return errno = EHOSTUNREACH, -1;
  const int stream = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int failed = connect(stream, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return failed ? (close(stream), -1) : stream;
}

// Waits until the stream can do what the connection is interested in, no longer than until its deadline, and moves
// bytes once.
static void move_bytes(Connection& connection, int stream) {
  const Interest interest = connection.interest();
  pollfd ready = {stream, static_cast<short>((interest.read ? POLLIN : 0) | (interest.write ? POLLOUT : 0)), 0};
  const Instant until = connection.deadline() ? connection.deadline()->at : now().steady + std::chrono::hours(1);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now().steady).count();
  if (poll(&ready, 1, std::max(0, static_cast<int>(left))) <= 0) return connection.handle_timeout(now());
  if (ready.revents & POLLOUT) {
    const Bytes out = connection.transmit().spans[0];
    const ssize_t sent = send(stream, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return connection.handle_io_error(error_of(Code::send_failed), now());
    return connection.handle_sent(static_cast<std::size_t>(sent), now());
  }
  const MutableBytes space = connection.receive_space();
  const ssize_t got = recv(stream, space.data(), space.size(), 0);
  if (got < 0) return connection.handle_io_error(error_of(Code::receive_failed), now());
  got == 0 ? connection.handle_eof(now()) : connection.handle_received(static_cast<std::size_t>(got), now());
}

int main(int argc, char** argv) {
  const auto first = Url::parse(argc > 1 ? argv[1] : "");
  if (!first) return complain(first.error());
  const int stream = open_stream(*first);
  if (stream < 0) return complain(error_of(Code::connect_failed));
  auto connection = Connection::create({*first, nullptr, {}, {}});  // https needs a TlsConfig, too
  if (!connection) return complain(connection.error());
  int exit_code = 0;
  for (int i = 1; i < argc; ++i) {
    const auto url = Url::parse(argv[i]);
    const auto added = url ? connection->add(sluice::Request::get(*url), {}, now()) : std::unexpected(url.error());
    if (!added) exit_code = complain(added.error());
  }
  while (connection->running() > 0) {
    move_bytes(*connection, stream);
    while (const auto out = connection->poll_output()) {  // body() is what came; here it is only counted
      const auto* body = std::get_if<output::BodyReady>(&*out);
      const auto* done = std::get_if<output::Done>(&*out);
      if (body) connection->consume_body(body->transfer, connection->body(body->transfer).size(), now());
      if (done && !done->result) exit_code = complain(done->result.error());
      if (done && done->result) {
        std::cout << connection->head(done->transfer).status << ' '
                  << connection->progress(done->transfer).received_body_bytes << ' '
                  << connection->request(done->transfer).url.text() << '\n';
      }
    }
  }
  return exit_code;
}
