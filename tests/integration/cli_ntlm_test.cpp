// --ntlm of the `sluice` command, against a server whose messages Samba's ntlm_auth makes and checks. Debian's curl
// does the same with it, but for the MIC.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/command_runner.hpp"
#include "tests/support/ntlm_origin.hpp"

using namespace sluice::test;

namespace {

const std::string kLogin = std::string(NtlmOrigin::kDomain) + "\\" + NtlmOrigin::kUser + ":" + NtlmOrigin::kPassword;

}  // namespace

TEST_CASE("--ntlm: a connection is logged in once, and a body goes with the answer") {
  NtlmOrigin origin;
  const std::string url = origin.url();
  const CommandResult result = run_command({"--ntlm", "-u", kLogin, "-w", "%{http_code} %{num_connects}\n", url, url});
  CHECK(result.out == "let in \n200 1\nlet in \n200 0\n");
  CHECK(origin.log() == "1 GET type1 0 -; 1 GET type3 0 ada; 1 GET none 0 ada; ");
  CHECK(run_command({"--ntlm", "-u", kLogin, "-d", "data", url}).out == "let in data\n");
  CHECK(origin.log().ends_with("; 2 POST type1 0 -; 2 POST type3 4 ada; "));
  CommandOptions piped;
  piped.stdin_text = "a pipe's";
  CHECK(run_command({"--ntlm", "-u", kLogin, "-T", "-", url}, piped).out.contains("a pipe's"));
}

TEST_CASE("--ntlm: other names of the user, and wrong ones") {
  NtlmOrigin origin;
  const std::string password = std::string(":") + NtlmOrigin::kPassword;
  CHECK(run_command({"--ntlm", "-u", "REALM/ada" + password, origin.url()}).out == "let in \n");
  CHECK(run_command({"--ntlm", "-u", "REALM\\ADA" + password, origin.url()}).out == "let in \n");
  for (const char* const wrong : {"REALM\\ada:other", "REALM\\ada:", "ada"}) {
    CAPTURE(wrong);
    const CommandResult bad = run_command({"--ntlm", "-w", "%{http_code}", "-u", wrong, origin.url()});
    CHECK(bad.out == "no\n401");
    CHECK(bad.exit_code == 0);
  }
  const CommandResult strange = run_command({"--ntlm", "-u", "ada:\xff", origin.url()});
  CHECK(strange.exit_code == 43);
  CHECK(strange.err.contains("NTLM: the password is not valid UTF-8"));
}

TEST_CASE("--anyauth: NTLM is taken before Basic, and its messages are not shown") {
  NtlmOrigin origin({.offers_basic = true});
  const CommandResult result = run_command({"-v", "--anyauth", "-u", kLogin, origin.url()});
  CHECK(result.out == "let in \n");
  CHECK(origin.log() == "1 GET none 0 -; 1 GET type1 0 -; 1 GET type3 0 ada; ");
  CHECK(result.err.contains("Authorization: NTLM <redacted>"));
  CHECK_FALSE(result.err.contains("NTLM TlRMTVNTUAAD"));
}

TEST_CASE("SB-42 --ntlm: each user has connections of his own") {
  NtlmOrigin origin;
  const std::string url = origin.url();
  const CommandResult result = run_command({"--ntlm", "-u", kLogin, url, "--next", url, "--next", "--ntlm", "-u", "x:y",
                                            url, "--next", "--ntlm", "-u", kLogin, url});
  CHECK(result.out == "let in \nno\nno\nlet in \n");
  CHECK(origin.log() ==
        "1 GET type1 0 -; 1 GET type3 0 ada; 2 GET none 0 -; 3 GET type1 0 -; 3 GET type3 0 -; 1 GET none 0 ada; ");
}

TEST_CASE("--ntlm: many at once, each answer on the connection of its challenge") {
  NtlmOrigin origin;
  std::vector<std::string> arguments = {"--ntlm", "-u", kLogin, "-Z"};
  for (int i = 0; i < 20; ++i) arguments.push_back(origin.url("/" + std::to_string(i)));
  std::string all;
  for (int i = 0; i < 20; ++i) all += "let in \n";
  CHECK(run_command(arguments).out == all);
}

TEST_CASE("--ntlm: servers that end the connection, and one that asks for nothing") {
  NtlmOrigin closing({.closes = true});
  const CommandResult refused = run_command({"--ntlm", "-u", kLogin, "-w", "%{http_code}", closing.url()});
  CHECK(refused.out == "no\n401");
  CHECK(closing.log() == "1 GET type1 0 -; ");
  NtlmOrigin dropping({.drops = true});
  const CommandResult lost = run_command({"--ntlm", "-u", kLogin, dropping.url()});
  CHECK(lost.exit_code != 0);
  CHECK(lost.err.contains("NTLM: the connection was lost between the challenge and its answer, twice"));
  NtlmOrigin open({.open = true});
  CHECK(run_command({"--ntlm", "-u", kLogin, "-d", "data", open.url()}).out == "let in data\n");
  CHECK(open.log() == "1 POST type1 0 -; 1 POST none 4 -; ");
}

TEST_CASE("--proxy-ntlm: the connection is logged in at the proxy, with requests that it passes on and for tunnels") {
  const NtlmOrigin proxy({.is_proxy = true});
  const auto ask = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"-sS", "-x", proxy.url(), "-U", kLogin, "http://a.test/", "http://b.test/"});
    const CommandResult result = run_command(options);
    CHECK(result.err.empty());
    return result.out;
  };
  CHECK(ask({"--proxy-ntlm"}) == "let in \nlet in \n");
  CHECK(proxy.log() == "1 GET type1 0 -; 1 GET type3 0 ada; 1 GET none 0 ada; ");
  CHECK(ask({"--proxy-ntlm", "-d", "data"}) == "let in data\nlet in data\n");
  CHECK(proxy.log().ends_with("; 2 POST type1 0 -; 2 POST type3 4 ada; 2 POST none 4 ada; "));
  CHECK(ask({"--proxy-anyauth"}) == "let in \nlet in \n");
  CHECK(proxy.log().ends_with("; 3 GET none 0 -; 3 GET type1 0 -; 3 GET type3 0 ada; 3 GET none 0 ada; "));
  CHECK(ask({"--proxy-ntlm", "-p"}) == "let in \nlet in \n");
  CHECK(
      proxy.log().ends_with("; 4 CONNECT type1 0 -; 4 CONNECT type3 0 ada; 4 GET none 0 ada; "
                            "5 CONNECT type1 0 -; 5 CONNECT type3 0 ada; 5 GET none 0 ada; "));
  // A wrong password, and a proxy that ends the connection with its challenge: its response is the result.
  const CommandResult wrong = run_command(
      {"--proxy-ntlm", "-x", proxy.url(), "-U", "REALM\\ada:other", "-w", "%{http_code}", "http://a.test/"});
  CHECK(wrong.out == "no\n407");
  const NtlmOrigin closing({.closes = true, .is_proxy = true});
  CHECK(run_command({"--proxy-ntlm", "-x", closing.url(), "-U", kLogin, "-w", "%{http_code}", "http://a.test/"}).out ==
        "no\n407");
}
