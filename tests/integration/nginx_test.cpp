// Whole transfers against a real nginx on loopback, plain and over TLS.
#include <doctest/doctest.h>

#include <cstdlib>

#include "core/features.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/nginx.hpp"
#include "tests/support/server_checks.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// One server for all cases: starting it costs more than most of them. Ended with the process.
Nginx& nginx() {
  static Nginx server;
  return server;
}

}  // namespace

TEST_CASE("nginx: files of every size, each byte right") {
  SUBCASE("plain") { check_sizes(nginx().plain(), nullptr); }
  SUBCASE("TLS") { check_sizes(nginx().tls(), trusting(nginx().site().root_pem)); }
}

TEST_CASE("nginx: chunked bodies of every size") {
  for (const std::size_t size : Site::sizes()) {
    CAPTURE(size);
    const std::string content = content_of(size);
    Client client;
    const Fetch& fetch = client.fetch(nginx().plain() + "/chunked/" + std::to_string(size), {}, content);
    CHECK_MESSAGE(fetch.complete(), fetch.error());
    CHECK(fetch.status == 200);
    if (size > 0) CHECK(fetch.field("Transfer-Encoding") == "chunked");
    // The connection is still in step behind the last chunk.
    const Fetch& next = client.fetch(nginx().plain() + "/1", {}, content_of(1));
    CHECK(next.status == 200);
    CHECK(next.message->info.reused);
  }
}

TEST_CASE("nginx: HEAD, 304, 206 and 404 share one connection") {
  SUBCASE("plain") { check_small_answers(nginx().plain(), nullptr); }
  SUBCASE("TLS") { check_small_answers(nginx().tls(), trusting(nginx().site().root_pem)); }
}

TEST_CASE("nginx: keep-alive, as the server counts it") {
  Client client;
  std::string connection;
  for (int i = 1; i <= 20; ++i) {
    const Fetch& fetch = client.fetch(nginx().plain() + "/1024");
    REQUIRE_MESSAGE(fetch.ok(), fetch.error());
    CHECK(fetch.field("X-Connection-Requests") == std::to_string(i));
    if (i == 1) connection = fetch.field("X-Connection");
    CHECK(fetch.field("X-Connection") == connection);
    CHECK(fetch.message->info.reused == (i > 1));
  }
}

TEST_CASE("nginx: PUT makes the file it was sent") {
  Client client;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1024 * 1024}}) {
    CAPTURE(size);
    const std::string content = content_of(size);
    const std::string name = "/upload/deep/" + std::to_string(size);
    const Fetch& put =
        client.fetch(nginx().plain() + name, {.method = "PUT", .fields = {}, .body = content, .tls = {}});
    CHECK_MESSAGE(put.ok(), put.error());
    CHECK(put.status == 201);
    CHECK(put.message->progress.sent_body_bytes == size);
    CHECK(read_file(nginx().site().www() / name.substr(1)) == content);
  }
}

TEST_CASE("nginx: its brotli is undone by --compressed, and only sent if it is asked for") {
  if (!features().brotli) return;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  write_file(nginx().site().www() / "text", text);
  const std::string url = nginx().plain() + "/brotli/text";
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const CommandResult coded = run_command(
      {"-sS", "--compressed", "-D", "head", "-o", "body", "-w", "%{size_download} %{size_delivered}", url}, there);
  CHECK(coded.exit_code == 0);
  CHECK(read_file(folder.path() / "head").contains("\r\nContent-Encoding: br\r\n"));
  CHECK(read_file(folder.path() / "body") == text);
  const unsigned long received = std::strtoul(coded.out.c_str(), nullptr, 10);
  CHECK(received > 0);
  CHECK(received < text.size() / 2);
  CHECK(coded.out.contains(" " + std::to_string(text.size())));
  const CommandResult plain = run_command({"-sS", "-D", "head", "-o", "body", "-w", "%{size_download}", url}, there);
  CHECK(plain.out == std::to_string(text.size()));
  CHECK_FALSE(read_file(folder.path() / "head").contains("Content-Encoding"));
  CHECK(read_file(folder.path() / "body") == text);
}

TEST_CASE("nginx: TLS 1.2 and 1.3, with resumption") {
  SUBCASE("1.2") { check_tls(nginx().tls12(), nginx().site().root_pem, "TLSv1.2"); }
  SUBCASE("1.3") { check_tls(nginx().tls13(), nginx().site().root_pem, "TLSv1.3"); }
  SUBCASE("no version in common") {
    TlsOptions options;
    options.trust_anchors_pem = nginx().site().root_pem;
    options.max_version = TlsVersion::tls1_2;
    Client client;
    const Fetch& fetch =
        client.fetch(nginx().tls13() + "/1", {.method = "GET", .fields = {}, .body = {}, .tls = tls_config(options)});
    CHECK(fetch.code() == Code::tls_handshake);
  }
}

TEST_CASE("nginx: the server agrees about version and resumption") {
  Client client;
  const Get get{
      .method = "GET", .fields = {{"Connection", "close"}}, .body = {}, .tls = trusting(nginx().site().root_pem)};
  const Fetch& first = client.fetch(nginx().tls13() + "/1", get);
  CHECK(first.field("X-Protocol") == "TLSv1.3");
  CHECK(first.field("X-Session-Reused") == ".");
  CHECK(client.fetch(nginx().tls13() + "/1", get).field("X-Session-Reused") == "r");
}

TEST_CASE("nginx: a certificate of another authority is refused") {
  check_wrong_authority(nginx().tls(), nginx().site().other_root_pem);
}

TEST_CASE("nginx: a client certificate is asked for and given") {
  const Site& site = nginx().site();
  check_client_certificate(nginx().mutual(), site.root_pem, site.client_certificate_pem, site.client_key_pem);
}

TEST_CASE("nginx: a worker that dies in the middle truncates, and the next transfer is served") {
  Nginx own;
  const std::string content = content_of(1024 * 1024);
  Client client;
  Fetch& fetch = client.add(own.plain() + "/slow/1048576", {}, content);
  client.multi().perform();
  for (int i = 0; i < 600 && fetch.received == 0; ++i) client.step();
  REQUIRE(fetch.received > 0);
  REQUIRE(!fetch.message);
  own.kill_worker();
  client.run();
  CHECK((fetch.code() == Code::truncated || fetch.code() == Code::receive_failed));
  CHECK(fetch.received < content.size());
  CHECK(fetch.as_expected);
  const Fetch& next = client.fetch(own.plain() + "/1048576", {}, content);
  CHECK_MESSAGE(next.complete(), next.error());
}

TEST_CASE("nginx: an idle connection that the server dropped is replaced silently") {
  Nginx own;
  Client client;
  REQUIRE(client.fetch(own.plain() + "/1").ok());
  own.kill_worker();
  const Fetch& next = client.fetch(own.plain() + "/1", {}, content_of(1));
  CHECK_MESSAGE(next.complete(), next.error());
}

TEST_CASE("--haproxy-protocol: nginx takes the line, before TLS too, and learns the client's address from it") {
  const auto told = [](std::vector<std::string> options, const std::string& server) {
    options.insert(options.end(), {"-sS", "-k", "-w", "|%{local_ip} %{local_port}", server + "/line"});
    const CommandResult result = run_command(options);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    const std::size_t middle = result.out.find('|');
    return std::pair(result.out.substr(0, middle), result.out.substr(middle + 1));
  };
  for (const std::string& server : {nginx().after_line(), nginx().tls_after_line()}) {
    const auto [own, local] = told({"--haproxy-protocol"}, server);
    CHECK(own == local);
    CHECK(own.starts_with("127.0.0.1 "));
    CHECK(told({"--haproxy-clientip", "203.0.113.7"}, server).first.starts_with("203.0.113.7 "));
    // The same if the local address is not asked for otherwise.
    const auto plainly = [&](std::vector<std::string> options) {
      options.insert(options.end(), {"-sS", "-k", server + "/line"});
      return run_command(options).out;
    };
    CHECK(plainly({"--haproxy-protocol"}).starts_with("127.0.0.1 "));
    CHECK(plainly({"--haproxy-clientip", "203.0.113.7"}).starts_with("203.0.113.7 "));
    CHECK(plainly({"--haproxy-protocol", "--haproxy-clientip", "2001:db8::7"}).starts_with("2001:db8::7 "));
    CHECK(run_command({"-sS", "-k", server + "/line"}).exit_code != 0);
  }
}

TEST_CASE("nginx: 2,000 transfers at once over one Multi") { check_two_thousand(nginx().plain()); }
