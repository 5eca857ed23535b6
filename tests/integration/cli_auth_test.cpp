// -u, --digest, --anyauth, --oauth2-bearer and -n of the `sluice` command, against a real lighttpd and a scripted
// server.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/support/command_runner.hpp"
#include "tests/support/lighttpd.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

Lighttpd& lighttpd() {
  static Lighttpd server;
  return server;
}

const std::string kLogin = std::string(Lighttpd::kUser) + ":" + Lighttpd::kPassword;

std::string authorization_in(const std::string& request) {
  const std::size_t at = request.find("\r\nAuthorization: ");
  if (at == std::string::npos) return "none";
  return request.substr(at + 17, request.find('\r', at + 2) - at - 17);
}

}  // namespace

TEST_CASE("lighttpd lets in who has the password, by each scheme, on one connection") {
  for (const auto& [path, option] :
       {std::pair("/basic", "--basic"), std::pair("/basic", "--anyauth"), std::pair("/digest", "--digest"),
        std::pair("/digest", "--anyauth"), std::pair("/sha256", "--digest"), std::pair("/sha256", "--anyauth")}) {
    CAPTURE(path);
    CAPTURE(option);
    const std::string url = lighttpd().plain() + path;
    const CommandResult good =
        run_command({option, "-u", kLogin, "-w", "%{http_code} %{num_connects} %{num_redirects}", url});
    CHECK(good.out == "let in\n200 1 0");
    const CommandResult bad = run_command({option, "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", "x:y", url});
    CHECK(bad.out == "401");
  }
}

TEST_CASE("Digest: a nonce serves the requests that follow") {
  const std::string url = lighttpd().plain() + "/sha256";
  const CommandResult result = run_command({"-v", "--digest", "-u", kLogin, url, url, url});
  CHECK(result.out == "let in\nlet in\nlet in\n");
  std::size_t challenges = 0;
  for (std::size_t at = 0; (at = result.err.find("401 Unauthorized", at)) != std::string::npos; ++at) ++challenges;
  CHECK(challenges == 1);
}

TEST_CASE("Digest: a body is sent again with the answer") {
  LoopbackServer server([](const std::string& request) {
    if (authorization_in(request) == "none") {
      return Reply{.bytes =
                       "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n"
                       "Content-Length: 0\r\n\r\n"};
    }
    return ok(request.substr(request.find("\r\n\r\n") + 4));
  });
  CHECK(run_command({"--digest", "-u", "a:b", "-d", "the body", server.url()}).out == "the body");
  CommandOptions once;
  once.stdin_text = "a pipe's";
  const CommandResult gone = run_command({"--digest", "-u", "a:b", "-T", "-", server.url()}, once);
  CHECK(gone.exit_code == 0);  // auth-int needs the whole body, which a pipe does not give: the 401 is the result
}

TEST_CASE("--oauth2-bearer and -n say who asks") {
  LoopbackServer server([](const std::string& request) { return ok(authorization_in(request) + "\n"); });
  CHECK(run_command({"--oauth2-bearer", "t0ken", server.url()}).out == "Bearer t0ken\n");
  CHECK(run_command({server.url()}).out == "none\n");

  const TempFolder home;
  write_file(home.path() / ".netrc", "machine 127.0.0.1 login me password secret\n");
  CommandOptions options;
  options.environment = {"HOME=" + home.path().string()};
  const std::string mine = "Basic bWU6c2VjcmV0\n";
  CHECK(run_command({"-n", server.url()}, options).out == mine);
  std::string with_user = server.url();
  with_user.insert(7, "other:word@");
  CHECK(run_command({"-n", with_user}, options).out == mine);
  CHECK(run_command({"--netrc-optional", with_user}, options).out == "Basic b3RoZXI6d29yZA==\n");
  CHECK(run_command({"-n", "-u", "other:word", server.url()}, options).out == "Basic b3RoZXI6d29yZA==\n");
  // SB-29: a user that the file does not have gets no password of another's.
  std::string only_user = server.url();
  only_user.insert(7, "other@");
  CHECK(run_command({"--netrc-optional", only_user}, options).out == "Basic b3RoZXI6\n");
}

TEST_CASE("SB-28 -n: each host of a chain of redirects has its own entry, or nothing") {
  LoopbackServer last([](const std::string& request) { return ok(authorization_in(request) + "\n"); });
  const std::string elsewhere = "http://localhost:" + std::to_string(last.port()) + "/";
  LoopbackServer first([&](const std::string& request) {
    const bool known = authorization_in(request) == "Basic bWU6c2VjcmV0";
    return Reply{.bytes = known ? "HTTP/1.1 302 S\r\nLocation: " + elsewhere + "\r\nContent-Length: 0\r\n\r\n"
                                : "HTTP/1.1 403 S\r\nContent-Length: 2\r\n\r\nno"};
  });
  const TempFolder folder;
  const std::string file = (folder.path() / "netrc").string();
  write_file(file, "machine 127.0.0.1 login me password secret\nmachine localhost login you\n");
  CHECK(run_command({"-L", "--netrc-file", file, first.url()}).out == "Basic eW91Og==\n");
  write_file(file, "machine 127.0.0.1 login me password secret\n");
  CHECK(run_command({"-L", "--netrc-file", file, first.url()}).out == "none\n");
}

TEST_CASE("bad credentials and netrc files are one line") {
  const TempFolder folder;
  const std::string file = (folder.path() / "netrc").string();
  const CommandResult absent = run_command({"--netrc-file", file, "http://127.0.0.1:1/"});
  CHECK(absent.exit_code == 26);
  CHECK(absent.err == "sluice: (26) option --netrc-file: cannot read '" + file + "': No such file or directory\n");
  write_file(file, "machine a login \"x\n");
  const CommandResult bad = run_command({"--netrc-file", file, "http://127.0.0.1:1/"});
  CHECK(bad.exit_code == 26);
  CHECK(bad.err.contains("line 1"));
  CHECK_FALSE(bad.err.contains("\"x"));
}
