// How the tests of one transport drive it without a Multi: wait for the events that it requests, then try.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "adapters/net/descriptor.hpp"
#include "adapters/transport.hpp"

namespace sluice::test {

inline constexpr int kLongMs = 10'000;

inline bool wait_for(int fd, short events, int limit_ms = kLongMs) {
  pollfd one = {fd, events, 0};
  return ::poll(&one, 1, limit_ms) == 1;
}

// As Multi does: calls open() again whenever the awaited event has occurred.
inline Result<void> open_wholly(Transport& stream) {
  for (;;) {
    auto opening = stream.open();
    if (!opening) return std::unexpected(std::move(opening.error()));
    if (*opening == Opening::done) return {};
    REQUIRE(*opening != Opening::wait_signal);
    REQUIRE(wait_for(stream.fd(), *opening == Opening::wait_read ? POLLIN : POLLOUT));
  }
}

inline std::unique_ptr<Transport> dial(Dialer& dialer, const DialTarget& target = {"example.org", 80}) {
  auto stream = dialer.dial(target, [] {});
  REQUIRE(stream);
  REQUIRE(*stream);
  return std::move(*stream);
}

inline Transferred send(Transport& stream, std::string_view text) {
  const Bytes piece = as_bytes(text);
  return stream.send(std::span(&piece, 1));
}

inline void send_all(Transport& stream, std::string_view text) {
  while (!text.empty()) {
    const Transferred sent = send(stream, text);
    REQUIRE(sent.error == 0);
    text.remove_prefix(sent.bytes);
    if (sent.bytes == 0) REQUIRE(wait_for(stream.write_fd(), POLLOUT));
  }
}

struct Received {
  std::string text;
  bool eof = false;
  int error = 0;
};

// Reads until there are `bytes`, an end or an error.
inline Received receive(Transport& stream, std::size_t bytes) {
  Received got;
  std::array<std::uint8_t, 4096> space;
  while (got.text.size() < bytes && !got.eof && got.error == 0) {
    const Transferred moved = stream.receive(std::span(space).first(std::min(space.size(), bytes - got.text.size())));
    got.text += as_text(std::span(space).first(moved.bytes));
    got.eof = moved.eof;
    got.error = moved.error;
    if (moved.would_block && moved.bytes == 0) REQUIRE(wait_for(stream.fd(), POLLIN));
  }
  return got;
}

inline bool is_closed(int fd) { return ::fcntl(fd, F_GETFD) < 0; }

struct SocketPair {
  net::Descriptor ours, theirs;  // both blocking
  explicit SocketPair(int type = SOCK_STREAM) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
    ours = net::Descriptor(ends[0]);
    theirs = net::Descriptor(ends[1]);
  }
};

}  // namespace sluice::test
