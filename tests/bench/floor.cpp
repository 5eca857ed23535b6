// The minimum that a client can do: epoll, one send and one recv per request, fixed request bytes, a body counted by
// Content-Length. Parses only the first head and takes its size for all, because nginx answers with heads of one
// length.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/bench/figures.hpp"

namespace {

struct Peer {
  int fd = -1;
  std::uint64_t left = 0;  // remaining bytes of the current response; 0: its head has not arrived
};

struct Target {
  std::string host, request;
  std::uint16_t port = 80;
  explicit Target(const std::string& url) {
    const std::size_t begin = std::strlen("http://"), slash = url.find('/', begin), colon = url.find(':', begin);
    host = url.substr(begin, colon - begin);
    port = static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)));
    request = "GET " + url.substr(slash) + " HTTP/1.1\r\nHost: " + url.substr(begin, slash - begin) + "\r\n\r\n";
  }
};

int open_to(const Target& target) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  inet_pton(AF_INET, target.host.c_str(), &address.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) bench::die("floor: cannot connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void begin(Peer& peer, const Target& target, int poller) {
  peer.fd = open_to(target);
  epoll_event event = {.events = EPOLLIN, .data = {.ptr = &peer}};
  epoll_ctl(poller, EPOLL_CTL_ADD, peer.fd, &event);
}

void ask(Peer& peer, const Target& target) {
  if (send(peer.fd, target.request.data(), target.request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(target.request.size())) {
    bench::die("floor: a short send");
  }
}

// The whole length of a response, from the piece that begins with its head.
std::uint64_t response_bytes(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n"), field = text.find("Content-Length: ");
  if (end == std::string_view::npos || field == std::string_view::npos)
    bench::die("floor: no Content-Length in the first piece");
  return end + 4 + std::strtoull(text.data() + field + 16, nullptr, 10);
}

}  // namespace

int main(int count, char** words) {
  const bench::Job job = bench::Job::from(count, words);
  const Target target{job.url};
  std::vector<char> buffer(256 * 1024 + 1);
  std::vector<Peer> peers(job.at_once);
  std::vector<epoll_event> events(1024);
  bench::Figures figures;

  const int poller = epoll_create1(EPOLL_CLOEXEC);
  for (Peer& peer : peers) {
    begin(peer, target, poller);
    ask(peer, target);
  }
  // The first round is the warm-up; a single request is measured from its own start instead.
  const std::uint64_t warm_up = job.requests == 1 ? 0 : job.at_once;
  std::uint64_t done = 0, bytes = 0, asked = job.at_once;
  if (warm_up == 0) figures.begin();
  while (done < warm_up + job.requests) {
    const int ready = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      Peer& peer = *static_cast<Peer*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = recv(peer.fd, buffer.data(), buffer.size() - 1, MSG_DONTWAIT);
      if (got <= 0) bench::die("floor: the server closed");
      bytes += static_cast<std::uint64_t>(got);
      if (peer.left == 0) {
        buffer[static_cast<std::size_t>(got)] = '\0';
        peer.left = response_bytes({buffer.data(), static_cast<std::size_t>(got)});
      }
      if (static_cast<std::uint64_t>(got) > peer.left) bench::die("floor: more than was asked for");
      peer.left -= static_cast<std::uint64_t>(got);
      if (peer.left > 0) continue;
      if (++done == warm_up) {
        figures.begin();
        bytes = 0;
      }
      if (job.each_its_own) close(std::exchange(peer.fd, -1));
      if (asked < warm_up + job.requests) {
        if (job.each_its_own) begin(peer, target, poller);
        ask(peer, target);
        ++asked;
      }
    }
  }
  figures.end();
  figures.print(job.requests, bytes);
}
