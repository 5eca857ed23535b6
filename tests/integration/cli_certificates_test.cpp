// %{certs} and %{num_certs} of -w: the certificates that a server has shown.
#include <doctest/doctest.h>

#include <ctime>
#include <string>

#include "adapters/cli/demo/server.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"

using namespace sluice::test;

TEST_CASE("-w %{certs} and %{num_certs}: the chain that the server has shown, also on a kept connection") {
  auto started = sluice::demo::Server::start({.files = {{.name = "f", .size = 5}}, .bytes_per_second = 0});
  REQUIRE(started.has_value());
  const std::string url = "https://127.0.0.1:" + std::to_string((*started)->https_port()) + "/files/f";
  const CommandResult one = run_command({"-k", "-o", "/dev/null", "-w", "%{num_certs}|%{certs}|", url});
  CHECK(one.exit_code == 0);
  const std::string& out = one.out;
  INFO(out);
  CHECK(out.starts_with("1|Subject:"));
  CHECK(out.ends_with("-----END CERTIFICATE-----\n|"));
  for (const char* line : {"\nIssuer:CN = sluice demonstration CA", "\nVersion:2\nSerial Number:", "\nStart date:",
                           "\nX509v3 Subject Alternative Name:", "\n-----BEGIN CERTIFICATE-----\n"}) {
    CAPTURE(line);
    CHECK(out.find(line) != std::string::npos);
  }
  const CommandResult two = run_command({"-k", "-o", "/dev/null", "-o", "/dev/null", "--parallel-max", "1", "-w",
                                         "%{num_connects}%{num_certs}|%{certs}|", url, url});
  CHECK(two.out == "1" + out + "0" + out);
  const CommandResult json = run_command({"-k", "-o", "/dev/null", "-w", "%{json}", url});
  CHECK(json.out.starts_with("{\"certs\":\"Subject:"));
  CHECK(json.out.find(",\"num_certs\":1,") != std::string::npos);
  // A certificate that is refused is none of the connection's, as in curl.
  const CommandResult refused = run_command({"-s", "-o", "/dev/null", "-w", "%{exitcode} %{num_certs}[%{certs}]", url});
  CHECK(refused.out == "60 0[]");
  const std::string plain = "http://127.0.0.1:" + std::to_string((*started)->http_port()) + "/files/f";
  CHECK(run_command({"-o", "/dev/null", "-w", "%{num_certs}[%{certs}]", plain}).out == "0[]");
}
