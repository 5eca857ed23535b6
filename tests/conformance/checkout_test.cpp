// A kept-alive connection that has received bytes or its end while idle is not reused, whatever the order of a loop's
// events: no request is sent on it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// A server in the test's own thread, so that the test decides when it sends what.
class Origin {
 public:
  Origin() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const bare = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_, bare, size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, bare, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~Origin() {
    for (const int fd : accepted) ::close(fd);
    ::close(listener_);
  }
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }
  // Answers each request on each connection; the received bytes are kept.
  void serve() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      accepted.push_back(fd);
      heard.emplace_back();
    }
    for (std::size_t i = 0; i < accepted.size(); ++i) {
      char bytes[4096];
      const ssize_t size = ::recv(accepted[i], bytes, sizeof bytes, 0);
      if (size <= 0) continue;
      heard[i].append(bytes, static_cast<std::size_t>(size));
      if (heard[i].ends_with("\r\n\r\n")) say(i, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    }
  }
  void say(std::size_t which, const std::string& bytes) {
    REQUIRE(::send(accepted[which], bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // Waits until the other end's kernel has all that was sent, including the end.
  bool wait_until_there(std::size_t which) const {
    for (int i = 0; i < 2000; ++i, std::this_thread::sleep_for(1ms)) {
      tcp_info info = {};
      socklen_t size = sizeof info;
      int left = 0;
      if (::getsockopt(accepted[which], IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
      if (::ioctl(accepted[which], SIOCOUTQ, &left) != 0) return false;
      if (left == 0 && info.tcpi_state != TCP_FIN_WAIT1) return true;
    }
    return false;
  }

  std::vector<int> accepted;
  std::vector<std::string> heard;

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

struct Text : TransferHandler {
  std::string body;
  int dones = 0;
  Result<void> result;
  std::function<void()> then;
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override { return body += as_text(bytes), bytes.size(); }
  void on_done(Multi&, TransferId, const Result<void>& end) override {
    ++dones, result = end;
    if (then) then();
  }
};

}  // namespace

TEST_CASE_FIXTURE(World, "an idle connection on which something has come is not used for the next request") {
  if (!server().real()) return;  // the origin here is one of sockets
  bool ended = false, inside = false;
  SUBCASE("bytes that nobody asked for") {}
  SUBCASE("its end") { ended = true; }
  SUBCASE("bytes, and the request is added in a callback") { inside = true; }
  SUBCASE("its end, and the request is added in a callback") { ended = inside = true; }
  Origin origin;
  Request wanted;
  wanted.url = Url::parse(origin.url()).value();
  for (int i = 0; i < 10; ++i) {
    const std::size_t before = origin.accepted.size();
    Text first, second, other;
    add(wanted, first);
    REQUIRE(until([&] { return origin.serve(), first.dones == 1; }));
    REQUIRE(first.body == "good");
    REQUIRE(origin.accepted.size() == std::max<std::size_t>(before, 1));  // the one that is idle
    const std::size_t idle = origin.accepted.size() - 1;
    turns_within(5ms);
    if (inside) {
      other.then = [&] { add(wanted, second); };
      get("/10/0?hold", other);
      REQUIRE(until([&] { return server().held() == 1; }));
      server().release();
      std::this_thread::sleep_for(5ms);  // its answer and what follows are there at once
    }
    origin.heard[idle].clear();
    ended ? void(::shutdown(origin.accepted[idle], SHUT_WR))
          : origin.say(idle, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    REQUIRE(origin.wait_until_there(idle));
    if (!inside) add(wanted, second);
    REQUIRE(until([&] { return origin.serve(), second.dones == 1; }));
    CHECK(second.result.has_value());
    CHECK(second.body == "good");
    CHECK(origin.heard[idle].empty());
    CHECK(origin.accepted.size() == idle + 2);
  }
}
