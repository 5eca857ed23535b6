// --negotiate of the `sluice` command, with tickets of a real KDC, against a real Apache httpd with mod_auth_gssapi.
// Debian's curl with -u : does the same.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "adapters/gssapi.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/kerberos.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

CommandResult run_with(std::vector<std::string> environment, std::vector<std::string> arguments) {
  CommandOptions options;
  options.environment = std::move(environment);
  return run_command(std::move(arguments), options);
}

// One for all cases, as it takes a second to start and end.
Kerberos& the_realm() {
  static Kerberos realm;
  return realm;
}

std::string line(const std::string& status, const std::string& request, bool is_ada, int carried) {
  return status + " " + request + " " + (is_ada ? Kerberos::kUser : "-") + " " + std::to_string(carried) + "\n";
}

}  // namespace

TEST_CASE("--negotiate: with a ticket each request is let in at once, and -u : changes nothing") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  const std::string url = realm.url("/each/file");
  const CommandResult result = run_with(
      realm.with_ticket(), {"--negotiate", "-w", "%{http_code} %{num_connects}\n", url, url, "--next", "--negotiate",
                            "-u", ":", url, "--next", "--negotiate", "-d", "the body", realm.url("/each/echo")});
  CHECK(result.err == "");
  CHECK(result.out == "let in\n200 1\nlet in\n200 0\nlet in\nthe body");
  CHECK(realm.take_log(4) == line("200", "GET /each/file", true, 0) + line("200", "GET /each/file", true, 1) +
                                 line("200", "GET /each/file", true, 2) + line("200", "POST /each/echo", true, 3));
  // Many at once, and a body whose length nobody knows.
  std::vector<std::string> many = {"--negotiate", "-Z", "--no-progress-meter"};
  std::string all;
  for (int i = 0; i < 10; ++i) {
    many.push_back(url);
    all += "let in\n";
  }
  CHECK(run_with(realm.with_ticket(), many).out == all);
  realm.take_log(10);
  CommandOptions piped;
  piped.stdin_text = "a pipe's";
  piped.environment = realm.with_ticket();
  CHECK(run_command({"--negotiate", "-X", "POST", "-T", "-", realm.url("/each/echo")}, piped).out == "a pipe's");
  realm.take_log(1);
}

TEST_CASE("--negotiate: a connection that the server calls persistent is logged in once; --anyauth waits to be asked") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  const std::string bound = realm.url("/bound/file");
  const CommandResult result = run_with(realm.with_ticket(), {"-v", "--negotiate", bound, bound});
  CHECK(result.out == "let in\nlet in\n");
  const std::size_t first = result.err.find("Authorization: Negotiate <redacted>");
  CHECK(first != std::string::npos);
  CHECK(result.err.find("Authorization", first + 1) == std::string::npos);
  CHECK_FALSE(result.err.contains("Authorization: Negotiate YII"));
  CHECK(realm.take_log(2) == line("200", "GET /bound/file", true, 0) + line("200", "GET /bound/file", true, 1));
  CHECK(run_with(realm.with_ticket(), {"--anyauth", "-u", "me:secret", realm.url("/each/file")}).out == "let in\n");
  CHECK(realm.take_log(2) == line("401", "GET /each/file", false, 0) + line("200", "GET /each/file", true, 1));
}

TEST_CASE("--negotiate: without a ticket the server's 401 is shown, and one warning says what is lacking") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  const std::string url = realm.url("/each/file");
  const auto run_without = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-w", "%{http_code}", "-o", "/dev/null", "--no-progress-meter"});
    return run_with(realm.without_ticket(), std::move(arguments));
  };
  const CommandResult none = run_without({"--negotiate", url, "-o", "/dev/null", url});
  CHECK(none.exit_code == 0);
  CHECK(none.out == "401401");
  CHECK(none.err ==
        "sluice: warning: --negotiate: no token for HTTP@localhost: No Kerberos credentials available (default cache: "
        "FILE:/nonexistent/tickets)\n");
  const CommandResult any = run_without({"--anyauth", "-u", "me:secret", url});
  CHECK(any.out == "401");
  CHECK(any.err.empty());
  // A ticket is no token for a server that the KDC does not know.
  const std::string place = url.substr(7, url.find('/', 7) - 7);
  const CommandResult strange =
      run_with(realm.with_ticket(), {"--no-progress-meter", "--negotiate", "-w", "%{http_code}", "-o", "/dev/null",
                                     "--connect-to", "other.test:80:" + place, "http://other.test/each/file"});
  CHECK(strange.out == "401");
  CHECK(strange.err.starts_with("sluice: warning: --negotiate: no token for HTTP@other.test: Server "));
  CHECK(strange.err.ends_with(" not found in Kerberos database\n"));
}

TEST_CASE("--negotiate: a server that cannot show who it is, is not believed") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  LoopbackServer impostor([](const std::string&, int) {
    return Reply{
        "HTTP/1.1 200 OK\r\nWWW-Authenticate: Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==\r\n"
        "Content-Length: 6\r\n\r\nforged"};
  });
  const std::string url = "http://localhost" + impostor.url("/").substr(std::string("http://127.0.0.1").size());
  const CommandResult result = run_with(realm.with_ticket(), {"--negotiate", url});
  CHECK(result.exit_code == 94);
  CHECK(result.out.empty());
  CHECK(result.err.contains("Negotiate: the server has not shown who it is: HTTP@localhost: "));
}

TEST_CASE("--delegation: the server gets tickets only if it is told to") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  const std::string url = realm.url("/each/file");
  for (const char* const level : {"none", "policy", "always"}) {
    CAPTURE(level);
    CHECK(run_with(realm.with_ticket(), {"--negotiate", "--delegation", level, url}).out == "let in\n");
    CHECK(realm.has_delegated() == (std::string(level) == "always"));
  }
}

TEST_CASE(
    "--proxy-negotiate: Apache as a proxy lets in who has a ticket, by tunnels and with requests that it passes on") {
  if (!sluice::has_gssapi()) return;
  Kerberos& realm = the_realm();
  LoopbackServer origin([](const std::string& request, int) {
    return ok(request.contains("Proxy-Authorization") ? "leaked" : request.substr(request.find("\r\n\r\n") + 4));
  });
  const std::vector<std::string> through = {
      "--no-progress-meter", "-x", realm.proxy(), "-w", " %{http_code} %{http_connect}\n", "-d", "sent"};
  const auto ask = [&](std::vector<std::string> options, const std::vector<std::string>& environment) {
    options.insert(options.begin(), through.begin(), through.end());
    options.push_back(origin.url());
    return run_with(environment, options);
  };
  CHECK(ask({"--proxy-negotiate"}, realm.with_ticket()).out == "sent 200 000\n");
  CHECK(ask({"--proxy-negotiate", "-p"}, realm.with_ticket()).out == "sent 200 200\n");
  CHECK(ask({"--proxy-anyauth", "-U", "me:secret"}, realm.with_ticket()).out == "sent 200 000\n");
  CHECK(ask({"--proxy-anyauth", "-U", "me:secret", "-p"}, realm.with_ticket()).out == "sent 200 200\n");
  // Nobody is let in otherwise.
  CHECK(ask({"-o", "/dev/null", "--proxy-negotiate"}, realm.without_ticket()).out == " 407 000\n");
  const CommandResult tunnel = ask({"--proxy-negotiate", "-p"}, realm.without_ticket());
  CHECK(tunnel.out == " 000 407\n");
  CHECK(tunnel.exit_code == 56);
  CHECK(tunnel.err.contains("warning: --proxy-negotiate: no token for HTTP@localhost: "));
  const CommandResult strange = ask({"--proxy-negotiate", "-p", "--proxy-service-name", "proxy"}, realm.with_ticket());
  CHECK(strange.exit_code == 56);
  CHECK(strange.err.contains("no token for proxy@localhost: "));
}
