// -L of the `sluice` command, against scripted servers on loopback.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

// Redirects by path: /to/URL to that URL, /loop to itself, /303 and /307 to /end; /none is 404; all else is answered
// with the request's first line and body.
class Redirector {
 public:
  Redirector() : server_([this](const std::string& request) { return reply(request); }) {}
  std::string url(const std::string& path) const { return server_.url(path); }
  std::string authority() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static Reply to(const std::string& status, const std::string& location) {
    return {.bytes =
                "HTTP/1.1 " + status + " Elsewhere\r\nLocation: " + location + "\r\nContent-Length: 5\r\n\r\nmoved"};
  }
  Reply reply(const std::string& request) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const std::string path = request.substr(request.find(' ') + 1, request.find(" HTTP") - request.find(' ') - 1);
    if (path.starts_with("/to/")) return to("302", path.substr(4));
    if (path == "/loop") return to("302", "/loop");
    if (path == "/303" || path == "/307") return to(path.substr(1), "/end");
    if (path == "/none") return {.bytes = "HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n"};
    if (request.starts_with("HEAD")) return {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"};
    return ok(request.substr(0, request.find(" HTTP")) + request.substr(request.find("\r\n\r\n") + 4));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  LoopbackServer server_;
};

}  // namespace

TEST_CASE("-L follows redirects, and without it they are responses") {
  Redirector server;
  const CommandResult not_followed = run_command({server.url("/to//end")});
  CHECK(not_followed.out == "moved");
  const CommandResult result =
      run_command({"-L", "-w", " %{http_code} %{num_redirects} %{num_connects} %{url_effective} %{method}",
                   server.url("/to//end")});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "GET /end 200 1 1 " + server.url("/end") + " GET");
}

TEST_CASE("-L shows the heads of all hops (-i, -D, -v), and the body of the last") {
  Redirector server;
  const std::string first = "HTTP/1.1 302 Elsewhere\r\nLocation: /end\r\nContent-Length: 5\r\n\r\n";
  const std::string last = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n";
  const CommandResult result = run_command({"-L", "-i", "-v", "-D", "-", server.url("/to//end")});
  CHECK(result.out == first + first + last + last + "GET /end");
  for (const char* line :
       {"> GET /to//end HTTP/1.1\n", "< Location: /end\n", "> GET /end HTTP/1.1\n", "< HTTP/1.1 200 OK\n"})
    CHECK(result.err.find(line) != std::string::npos);
  CHECK(run_command({"-L", "-I", server.url("/303")}).out.ends_with(last));
}

TEST_CASE("-L shows the heads that have come, also where what follows fails") {
  Redirector server;
  const TempFolder folder;
  const auto head = [](const std::string& location) {
    return "HTTP/1.1 302 Elsewhere\r\nLocation: " + location + "\r\nContent-Length: 5\r\n\r\n";
  };
  const CommandResult most = run_command({"-L", "-i", "--max-redirs", "0", "-D", "-", server.url("/to//end")});
  CHECK(most.exit_code == 47);
  CHECK(most.out == head("/end") + head("/end"));
  const std::string dead = "http://127.0.0.1:1/";
  const CommandResult refused = run_command({"-L", "-v", "-i", "-w", "%{http_code}", server.url("/to/" + dead)});
  CHECK(refused.exit_code == 7);
  CHECK(refused.out == head(dead) + "302");
  CHECK(refused.err.find("< HTTP/1.1 302 Elsewhere\n") != std::string::npos);
  // A body that cannot be given again, as more of it was sent than is kept: the response that asks for it is shown.
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::thread writer([&] {
    const std::string text(70'000, 'p');
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t count = ::write(ends[1], text.data() + at, text.size() - at);
      if (count <= 0) break;
      at += static_cast<std::size_t>(count);
    }
    ::close(ends[1]);
  });
  const CommandResult gone = run_command({"-L", "-i", "-T", "-", server.url("/307")}, {.stdin_fd = ends[0]});
  writer.join();
  ::close(ends[0]);
  CHECK(gone.exit_code == 65);
  CHECK(gone.out.starts_with("HTTP/1.1 307 Elsewhere\r\n"));
  // Without -i nothing is left of a transfer that had no response of its own.
  CHECK(run_command({"-L", "-o", (folder.path() / "f").string(), server.url("/to/" + dead)}).exit_code == 7);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("-L with -f names the request that failed") {
  Redirector server;
  const CommandResult result = run_command({"-sS", "-f", "-L", "-d", "x", server.url("/to//none")});
  CHECK(result.exit_code == 22);
  CHECK(result.err.ends_with(": GET " + server.url("/none") + ": the server answered 404 None\n"));
  CHECK(result.err.find(server.url("/to//none")) != std::string::npos);
}

TEST_CASE("-L with data: 303 makes it a GET, 307 sends it again, from a file too") {
  Redirector server;
  CHECK(run_command({"-L", "-d", "x=1", server.url("/303")}).out == "GET /end");
  CHECK(run_command({"-L", "-d", "x=1", server.url("/307")}).out == "POST /endx=1");
  CHECK(run_command({"-L", "--post303", "-d", "x=1", server.url("/303")}).out == "POST /endx=1");
  CHECK(run_command({"-L", "-X", "PATCH", "-d", "x=1", server.url("/303")}).out == "PATCH /end");
  CHECK(run_command({"--follow", "-X", "PATCH", "-d", "x=1", server.url("/303")}).out == "GET /end");
  const TempFolder folder;
  std::ofstream(folder.path() / "f") << "file";
  CHECK(run_command({"-L", "-T", (folder.path() / "f").string(), server.url("/307")}).out == "PUT /endfile");
}

TEST_CASE("SB-01 -L leaves -u and -H with their host, and takes no credentials from a server") {
  Redirector from, other;
  const std::string url = from.url("/to/" + other.url("/end"));
  CHECK(run_command({"-L", "-u", "me:secret", "-H", "X-Key: secret", url}).exit_code == 0);
  CHECK(from.requests().back().find("Authorization: Basic bWU6c2VjcmV0\r\n") != std::string::npos);
  const std::string got = other.requests().back();
  CHECK(got.find("uthorization") == std::string::npos);
  CHECK(got.find("X-Key") == std::string::npos);
  CHECK(got.find("User-Agent: ") != std::string::npos);
  CHECK(got.find("Host: " + other.authority() + "\r\n") != std::string::npos);
  const std::string chosen = "http://you:pass@" + other.authority();
  CHECK(run_command({"-L", from.url("/to/" + chosen + "/end")}).exit_code == 0);
  CHECK(other.requests().back().find("uthorization") == std::string::npos);
  CHECK(run_command({"--location-trusted", "-u", "me:secret", url}).exit_code == 0);
  CHECK(other.requests().back().find("Authorization: Basic bWU6c2VjcmV0\r\n") != std::string::npos);
}

TEST_CASE("SB-27 -L ends with 47 after --max-redirs, and 0 follows none") {
  Redirector server;
  const CommandResult result = run_command({"-L", "--max-redirs", "2", server.url("/loop")});
  CHECK(result.exit_code == 47);
  CHECK(result.out.empty());
  CHECK(result.err.find("redirect by status 302: leads to " + server.url("/loop") + ", and 2 were followed already") !=
        std::string::npos);
  CHECK(server.requests().size() == 3);
  CHECK(run_command({"-L", "--max-redirs", "0", server.url("/loop")}).exit_code == 47);
  CHECK(server.requests().size() == 4);
}

TEST_CASE("SB-26 -L follows http and https alone, and those that --proto-redir allows") {
  Redirector server;
  CHECK(run_command({"-L", server.url("/to/file:///etc/passwd")}).exit_code == 1);
  CHECK(run_command({"-L", "--proto-redir", "=https", server.url("/to//end")}).exit_code == 1);
  CHECK(run_command({"-L", server.url("/to/http://[bad/")}).exit_code == 3);
}

TEST_CASE("-L with -e ';auto' names the URL that redirected") {
  Redirector server;
  CHECK(run_command({"-L", "-e", "http://first/;auto", "-w", " %{referer}", server.url("/to//end")}).out ==
        "GET /end " + server.url("/to//end"));
  CHECK(server.requests().front().find("Referer: http://first/\r\n") != std::string::npos);
  CHECK(server.requests().back().find("Referer: " + server.url("/to//end") + "\r\n") != std::string::npos);
}
