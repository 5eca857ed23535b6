// What the `sluice` command sends: a part of a file (-C with -T), a pipe that has to be sent with a second request, and
// the encoders of -F. The references are what curl 7.88 sent.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

// Answers a request as soon as its head is there; `wants_body` of the script says whether its body is read first.
class HeadServer {
 public:
  struct Answer {
    bool wants_body = true;
    std::string bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    bool close = false;
  };
  using Script = std::function<Answer(const std::string& head)>;
  explicit HeadServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HeadServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  HeadServer(const HeadServer&) = delete;
  HeadServer& operator=(const HeadServer&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/u"; }
  // Heads, and after each the body if it was read.
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void serve() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(fd)) {
      std::string bytes;
      while (answer(fd, bytes)) continue;
    }
  }
  // False: the connection ends.
  bool answer(int fd, std::string& bytes) {
    std::size_t end = std::string::npos;
    while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!more(fd, bytes)) return false;
    }
    const std::string head = bytes.substr(0, end + 4);
    bytes.erase(0, head.size());
    const Answer given = script_(head);
    std::string body;
    if (given.wants_body) {
      if (head.find("\r\nExpect: ") != std::string::npos) put(fd, "HTTP/1.1 100 Continue\r\n\r\n");
      while (!bytes.ends_with("0\r\n\r\n")) {
        if (!more(fd, bytes)) return false;
      }
      body = std::exchange(bytes, {});
    }
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(head + body);
    }
    put(fd, given.bytes);
    return !given.close;
  }
  static bool more(int fd, std::string& bytes) {
    char buffer[16 * 1024];
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count > 0) bytes.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }
  static void put(int fd, const std::string& text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::thread thread_;
};

bool has_text(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Keeps the last request.
struct Keeper {
  std::string request;
  LoopbackServer server{[this](const std::string& given) {
    request = given;
    return ok("");
  }};
  std::string header(const std::string& name) const {
    const std::size_t at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find('\r', begin) - begin);
  }
  std::string body() const { return request.substr(request.find("\r\n\r\n") + 4); }
};

constexpr const char* kChallenge =
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"abc\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("-C with -T: a part of a file is sent, and Content-Range says which") {
  Keeper keeper;
  const TempFolder folder;
  write_file(folder.path() / "up", "0123456789");
  write_file(folder.path() / "none", "");
  const struct {
    std::vector<std::string> options;
    std::string range, body;
  } rows[] = {
      {{"-C", "4"}, "bytes 4-9/10", "456789"},
      {{"-C", "9"}, "bytes 9-9/10", "9"},
      {{"-C", "0"}, "", "0123456789"},
      {{"-C", "-"}, "bytes 0-9/10", "0123456789"},
      {{"-C", "4", "-H", "Content-Range: x"}, "x", "456789"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.range);
    std::vector<std::string> arguments = row.options;
    arguments.insert(arguments.end(), {"-T", "up", keeper.server.url("/x")});
    CHECK(run_command(arguments, {.directory = folder.path()}).exit_code == 0);
    CHECK(keeper.request.starts_with("PUT /x "));
    CHECK(keeper.header("Content-Range") == row.range);
    CHECK(keeper.header("Content-Length") == std::to_string(row.body.size()));
    CHECK(keeper.header("Range").empty());
    CHECK(keeper.body() == row.body);
  }
  CHECK(run_command({"-C", "-", "-T", "none", keeper.server.url()}, {.directory = folder.path()}).exit_code == 0);
  CHECK(keeper.header("Content-Range").empty());
}

TEST_CASE("-C with -T: nothing is sent where nothing is left, or the size is not known") {
  Keeper keeper;
  const TempFolder folder;
  write_file(folder.path() / "up", "0123456789");
  for (const char* at : {"10", "11"}) {
    const CommandResult done =
        run_command({"-sS", "-C", at, "-T", "up", keeper.server.url()}, {.directory = folder.path()});
    CHECK(done.exit_code == 18);
    CHECK(has_text(done.err, ": continue at byte " + std::string(at) + ": up has 10 bytes: nothing is left to send\n"));
  }
  const CommandResult pipe = run_command({"-sS", "-C", "1", "-T", "-", keeper.server.url()}, {.stdin_text = "abc"});
  CHECK(pipe.exit_code == 26);
  CHECK(has_text(pipe.err, ": continue at byte 1: the size of what is to be sent is not known\n"));
  CHECK(run_command({"-C", "1", "-d", "a", keeper.server.url()}).exit_code == 2);
  CHECK(keeper.request.empty());
}

TEST_CASE("-T -: a pipe is sent with the second request where the first was refused before its body") {
  HeadServer::Answer refusal{.wants_body = false};
  std::vector<std::string> options = {"-sS", "-T", "-"};
  std::string second;
  SUBCASE("417") {
    refusal.bytes = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    second = "PUT /u HTTP/1.1\r\n";
  }
  SUBCASE("417, and the connection ends") {
    refusal.bytes = "HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    refusal.close = true;
    second = "PUT /u HTTP/1.1\r\n";
  }
  SUBCASE("a challenge") {
    refusal.bytes = kChallenge;
    options.insert(options.end(), {"--anyauth", "-u", "a:b"});
    second = "Authorization: Digest ";
  }
  int requests = 0;
  HeadServer server([&](const std::string&) { return ++requests == 1 ? refusal : HeadServer::Answer{}; });
  options.push_back(server.url());
  const std::string text(60'000, 'p');
  const CommandResult result = run_command(options, {.stdin_text = text + "end"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  const std::vector<std::string> seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(has_text(seen[0], "\r\nExpect: 100-continue\r\n"));
  CHECK(seen[0].ends_with("\r\n\r\n"));
  CHECK(has_text(seen[1], second));
  CHECK(seen[1].ends_with("pppend\r\n0\r\n\r\n"));
  CHECK(std::count(seen[1].begin(), seen[1].end(), 'p') >= 60'000);
}

TEST_CASE("-T -: a pipe that was sent once is sent again only if it is short") {
  int requests = 0;
  HeadServer server([&](const std::string&) {
    HeadServer::Answer answer;
    if (++requests == 1) answer.bytes = kChallenge;
    return answer;
  });
  SUBCASE("short") {
    CHECK(run_command({"-sS", "-T", "-", "--anyauth", "-u", "a:b", server.url()}, {.stdin_text = "abc"}).exit_code ==
          0);
    REQUIRE(server.seen().size() == 2);
    CHECK(server.seen()[1].ends_with("3\r\nabc\r\n0\r\n\r\n"));
  }
  SUBCASE("long") {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::thread writer([&] {
      const std::string text(200'000, 'p');
      for (std::size_t at = 0; at < text.size();) {
        const ssize_t count = ::write(ends[1], text.data() + at, text.size() - at);
        if (count <= 0) break;
        at += static_cast<std::size_t>(count);
      }
      ::close(ends[1]);
    });
    const CommandResult result =
        run_command({"-sS", "-T", "-", "--anyauth", "-u", "a:b", server.url()}, {.stdin_fd = ends[0]});
    writer.join();
    ::close(ends[0]);
    CHECK(result.exit_code == 65);
    CHECK(has_text(result.err, "cannot be read again from its begin"));
  }
}

TEST_CASE("-F: encoders, with a Content-Length where curl has one") {
  Keeper keeper;
  const TempFolder folder;
  write_file(folder.path() / "f", std::string(58, 'a') + "\r\n");
  const auto part = [&](const std::string& form) {
    CHECK(run_command({"-sS", "-F", form, keeper.server.url()}, {.directory = folder.path()}).exit_code == 0);
    const std::string body = keeper.body();
    const std::size_t at = body.find("Content-Transfer-Encoding: ");
    return at == std::string::npos ? "" : body.substr(at, body.find("\r\n------", at) - at);
  };
  const std::string line = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh";
  CHECK(part("a=@f;encoder=base64") == "Content-Transfer-Encoding: base64\r\n\r\n" + line + "\r\nYQ0K");
  CHECK(keeper.header("Content-Length") == std::to_string(keeper.body().size()));
  CHECK(part("a=<f;encoder=base64") == "Content-Transfer-Encoding: base64\r\n\r\n" + line + "\r\nYQ0K");
  CHECK(part("a=x =;encoder=quoted-printable") == "Content-Transfer-Encoding: quoted-printable\r\n\r\nx =3D");
  CHECK(part("a=@f;encoder=quoted-printable") ==
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + std::string(58, 'a') + "\r\n");
  CHECK(keeper.header("Transfer-Encoding") == "chunked");
  CHECK(part("a=@f;encoder=7bit") == "Content-Transfer-Encoding: 7bit\r\n\r\n" + std::string(58, 'a') + "\r\n");
}

TEST_CASE("26: a part that its encoder cannot have") {
  Keeper keeper;
  const TempFolder folder;
  write_file(folder.path() / "f", "abc\x80");
  const CommandResult file =
      run_command({"-sS", "-F", "a=@f;encoder=7bit", keeper.server.url("/x")}, {.directory = folder.path()});
  CHECK(file.exit_code == 26);
  CHECK(file.err == "sluice: (26) POST " + keeper.server.url("/x") +
                        ": read f: byte 3 is not a character of 7bit (;encoder=7bit)\n");
  const CommandResult text = run_command({"-sS", "-F", "a=\xc3\xa9;encoder=7bit", keeper.server.url("/x")});
  CHECK(text.exit_code == 26);
  CHECK(keeper.request.empty());
}

TEST_CASE("--variable: a byte range of a file that has no end") {
  Keeper keeper;
  const TempFolder folder;
  write_file(folder.path() / "f", "0123456789");
  const CommandResult result =
      run_command({"-sS", "--variable", "zero[3-4]@/dev/zero", "--variable", "part[8-]@f", "--variable", "in[1-2]@-",
                   "--expand-data", "{{zero:b64}} {{part}} {{in}}", keeper.server.url()},
                  {.stdin_text = "input", .directory = folder.path()});
  CHECK(result.exit_code == 0);
  CHECK(keeper.body() == "AAA= 89 np");
}
