// HTTP/2 against a real nginx: by ALPN and by prior knowledge, with the Multi and with the command.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "core/features.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/nginx.hpp"
#include "tests/support/proxy_servers.hpp"
#include "tests/support/server_checks.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

Nginx& http2_server() {
  static Nginx server;
  return server;
}

Get over_tls() {
  Get get;
  get.tls = trusting(http2_server().site().root_pem);
  return get;
}

Get by_knowledge() {
  Get get;
  get.versions = HttpVersions::http2_prior_knowledge;
  return get;
}

}  // namespace

TEST_CASE("http2: nginx: files of every size, each byte right") { check_sizes(http2_server().http2(), over_tls().tls); }

TEST_CASE("http2: nginx: 1,000 transfers over one connection, with TLS and without") {
  const std::string content = content_of(1024);
  for (const bool tls : {true, false}) {
    Client client;
    const Get get = tls ? over_tls() : by_knowledge();
    const std::string base = tls ? http2_server().http2() : http2_server().plain_http2();
    std::vector<Fetch*> all;
    for (int i = 0; i < 1'000; ++i) all.push_back(&client.add(base + "/1024", get, content));
    client.run();
    std::set<std::string> connections;
    for (const Fetch* fetch : all) {
      REQUIRE_MESSAGE(fetch->complete(), fetch->error());
      CHECK(fetch->message->info.stream_id % 2 == 1);
      CHECK(fetch->message->info.alpn == (tls ? "h2" : ""));
      connections.insert(fetch->field("x-connection"));
    }
    // nginx allows 128 streams at once, so more connections than one may be made.
    CHECK(connections.size() <= 1'000 / 100 + 1);
    // And then another one, on a connection that is there.
    const Fetch& next = client.fetch(base + "/1024", get, content);
    CHECK(next.complete());
    CHECK(next.message->info.reused);
  }
}

TEST_CASE("http2: nginx: uploads make the files that were sent, side by side") {
  Client client;
  std::vector<Fetch*> all;
  std::vector<std::string> contents;
  for (const std::size_t size : {0UZ, 1UZ, 70'000UZ, 3'000'000UZ}) contents.push_back(content_of(size));
  for (const std::string& content : contents) {
    Get put = over_tls();
    put.method = "PUT";
    put.body = content;
    all.push_back(&client.add(http2_server().http2() + "/upload/h2/" + std::to_string(content.size()), put));
  }
  client.run();
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK_MESSAGE(all[i]->ok(), all[i]->error());
    CHECK(all[i]->status == 201);
    CHECK(all[i]->message->progress.sent_body_bytes == contents[i].size());
    const std::string name = "upload/h2/" + std::to_string(contents[i].size());
    CHECK(read_file(http2_server().site().www() / name) == contents[i]);
  }
}

TEST_CASE("http2: nginx: transfers that are canceled leave the others and their connection alone") {
  const std::string content = content_of(1024 * 1024);
  Client client;
  std::vector<Fetch*> kept, canceled;
  for (int i = 0; i < 40; ++i) {
    Fetch& fetch = client.add(http2_server().http2() + "/1048576", over_tls(), content);
    (i % 2 == 0 ? kept : canceled).push_back(&fetch);
  }
  while (canceled.front()->received == 0) client.step();
  for (const Fetch* fetch : canceled) {
    if (!fetch->message) client.multi().cancel(fetch->id);
  }
  client.run();
  std::set<std::string> connections;
  for (const Fetch* fetch : kept) {
    CHECK_MESSAGE(fetch->complete(), fetch->error());
    connections.insert(fetch->field("x-connection"));
  }
  CHECK(connections.size() == 1);
}

TEST_CASE("http2: nginx: a worker that is killed: what had no response is sent again") {
  Nginx own;
  Get get;
  get.tls = trusting(own.site().root_pem);
  Client client;
  REQUIRE(client.fetch(own.http2() + "/1", get).ok());
  own.kill_worker();
  const Fetch& again = client.fetch(own.http2() + "/1024", get, content_of(1024));
  CHECK_MESSAGE(again.complete(), again.error());
}

TEST_CASE("http2: nginx: two names at one address share a connection, and 421 leads to one of the name's own") {
  const std::string content = content_of(1024);
  const std::string port = http2_server().http2().substr(http2_server().http2().rfind(':'));
  MultiOptions options;
  options.engine.coalesce_connections = true;
  Client client(options);
  CHECK(client.fetch("https://127.0.0.1" + port + "/1024", over_tls(), content).complete());
  const Fetch& shared = client.fetch("https://localhost" + port + "/1024", over_tls(), content);
  CHECK_MESSAGE(shared.complete(), shared.error());
  CHECK(shared.message->info.reused);
  const Fetch& own = client.fetch("https://localhost" + port + "/own/1024", over_tls(), content);
  CHECK_MESSAGE(own.complete(), own.error());
  CHECK(own.status == 200);
  CHECK_FALSE(own.message->info.reused);
  CHECK(own.message->info.retries == 1);
  // The next one stays there.
  CHECK(client.fetch("https://localhost" + port + "/1024", over_tls(), content).field("x-connection") ==
        own.field("x-connection"));
}

TEST_CASE("http2: nginx: through CONNECT and SOCKS HTTP/2 is offered in the tunnel, and one tunnel carries all") {
  const Tinyproxy http(false);
  const Microsocks socks(false);
  const std::string url = http2_server().http2() + "/1024";
  const std::string root = (http2_server().site().folder() / "root.pem").string();
  for (const std::string& proxy : {"http://" + http.place(), "socks5h://" + socks.place()}) {
    const CommandResult done =
        run_command({"-s", "-x", proxy, "--cacert", root, "-Z", "-w", "%{http_version} %{num_connects}\n", "-o",
                     "/dev/null", url, "-o", "/dev/null", url, "-o", "/dev/null", url});
    CHECK(done.exit_code == 0);
    std::string lines = done.out;
    CHECK(lines.size() == 12);
    CHECK(lines.find("2 1\n") != std::string::npos);
    lines.erase(lines.find("2 1\n"), 4);
    CHECK(lines == "2 0\n2 0\n");
  }
}

TEST_CASE("http2: the command: --http2, --http1.1, --http2-prior-knowledge; -i, -v and -w tell the version") {
  const Nginx& server = http2_server();
  const std::string url = server.http2() + "/1";
  const std::string root = (server.site().folder() / "root.pem").string();
  const auto run = [&](std::vector<std::string> arguments, const std::string& to) {
    arguments.insert(arguments.end(), {"-s", "--cacert", root, to});
    return run_command(arguments);
  };
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version} %{num_connects} %{response_code}"}, url).out == "2 1 200");
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version}", "--http2"}, url).out == "2");
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version}", "--http2", "--http1.1"}, url).out == "1.1");
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version}", "--http2"}, server.plain() + "/1").out == "1.1");
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version}", "--http2-prior-knowledge"}, server.plain_http2() + "/1").out ==
        "2");
  const CommandResult with_head = run({"-i"}, url);
  CHECK(with_head.out.starts_with("HTTP/2 200 \r\nserver: nginx"));
  // One byte is the body.
  CHECK(run({"-o", "/dev/null", "-w", "%{size_header}"}, url).out == std::to_string(with_head.out.size() - 1));
  const CommandResult verbose = run({"-v", "-o", "/dev/null"}, url);
  CHECK(verbose.err.find("* ALPN: server accepted h2\n") != std::string::npos);
  CHECK(verbose.err.find("* using HTTP/2, stream 1\n") != std::string::npos);
  CHECK(verbose.err.find("> GET /1 HTTP/2\n> Host: 127.0.0.1") != std::string::npos);
  CHECK(verbose.err.find("< HTTP/2 200 \n") != std::string::npos);
  // Two URLs, one connection.
  CHECK(run({"-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects}\n", url}, url).out == "1\n0\n");
  // HTTP/2 to a server that speaks HTTP/1.
  const CommandResult wrong = run({"-S", "--http2-prior-knowledge"}, server.plain() + "/1");
  CHECK(wrong.exit_code == 16);
  CHECK(wrong.err.ends_with(": HTTP/2: the server answers in HTTP/1 (PROTOCOL_ERROR)\n"));
  // Over TLS HTTP/2 alone is offered, as by curl from 8.10 on.
  const CommandResult refused = run({"-S", "--http2-prior-knowledge"}, server.tls() + "/1");
  CHECK(refused.exit_code == 35);
  CHECK(refused.err.ends_with(": peer sent alert no_application_protocol (120); --http2 takes HTTP/1.1 too\n"));
  CHECK(run({"-o", "/dev/null", "-w", "%{http_version}", "--http2-prior-knowledge"}, url).out == "2");
}
