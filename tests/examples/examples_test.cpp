// Runs an example as a user would: against a server, against a port that refuses, with invalid arguments.
//
// Usage: examples PROGRAM WAYS [doctest's options]. PROGRAM is in the same folder; WAYS are the suites below that it
// must pass.
//   fetch  fetches the given URLs concurrently, prints "status bytes url" for each or why it failed, exit code 0 or 1
//   timer  also has a timer of its own, which prints "N running" every 100 ms
//   one    fetches the given URL, with the same output and exit codes
//   world  needs no URL: runs in a simulated world, with the same trace on stderr each time
//   metrics prints metrics of its URLs in Prometheus' text format, and spans on stderr
//   events prints the server-sent events of the given URL, and connects again
//   trace  traces the transfer of the given URL to the standard output, in the form of --trace-ascii
//   line   fetches its URLs, all of one origin, one after another over one connection
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line + '\n');
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::string sorted(const std::string& text) {
  std::vector<std::string> lines = lines_of(text);
  std::ranges::sort(lines);
  return joined(lines);
}

// What the example's own timer says comes between.
std::vector<std::string> complaints(const CommandResult& result) {
  std::vector<std::string> lines = lines_of(result.err);
  std::erase_if(lines, [](const std::string& line) { return line.ends_with(" running\n"); });
  return lines;
}

// As long a body as the path says.
Reply body_of(const std::string& request) {
  return ok(std::string(std::strtoul(request.c_str() + std::string_view("GET /").size(), nullptr, 10), 'x'));
}

Reply held_body_of(const std::string& request) {
  Reply reply = body_of(request);
  reply.hold = true;
  return reply;
}

std::string refused_url() { return "http://127.0.0.1:" + std::to_string(refused_port()) + "/"; }

}  // namespace

TEST_SUITE("fetch") {
  TEST_CASE("an example fetches its URLs at once and says of each what came") {
    LoopbackServer server(held_body_of);
    const std::vector<std::string> urls = {server.url("/5"), server.url("/0"), server.url("/300000")};
    RunningCommand running(urls);
    REQUIRE(server.wait_for_requests(3));  // before any is answered
    server.release();
    const CommandResult result = running.wait();
    CHECK(result.exit_code == 0);
    CHECK(sorted(result.out) == "200 0 " + urls[1] + "\n200 300000 " + urls[2] + "\n200 5 " + urls[0] + "\n");
    CHECK(joined(complaints(result)) == "");
  }

  TEST_CASE("an example says in one line why a URL could not be fetched, and its exit code tells") {
    const std::string url = refused_url();
    const CommandResult result = run_command({url});
    CHECK(result.exit_code == 1);
    CHECK(result.out == "");
    const std::string said = joined(complaints(result));
    INFO(said);
    CHECK(lines_of(said).size() == 1);
    CHECK(said.starts_with("GET " + url));
    CHECK(said.ends_with(": Connection refused\n"));
  }

  TEST_CASE("an example fetches the other URLs when one fails") {
    LoopbackServer server(body_of);
    const std::vector<std::string> urls = {server.url("/1"), refused_url(), server.url("/2")};
    const CommandResult result = run_command(urls);
    CHECK(result.exit_code == 1);
    CHECK(sorted(result.out) == "200 1 " + urls[0] + "\n200 2 " + urls[2] + "\n");
    INFO(joined(complaints(result)));
    CHECK(complaints(result).size() == 1);
  }

  TEST_CASE("an example refuses what is no URL") {
    const CommandResult result = run_command({"nonsense://"});
    CHECK(result.exit_code == 1);
    CHECK(result.out == "");
    INFO(joined(complaints(result)));
    CHECK(complaints(result).size() == 1);
  }

  TEST_CASE("an example with nothing to fetch ends at once") {
    const CommandResult result = run_command({});
    CHECK(result.exit_code == 0);
    CHECK(result.out == "");
    CHECK(result.err == "");
  }
}

TEST_SUITE("timer") {
  TEST_CASE("an example's own timer goes on while transfers wait, and not more often than it should") {
    LoopbackServer server(held_body_of);
    const auto start = std::chrono::steady_clock::now();
    RunningCommand running({server.url("/1"), server.url("/2"), server.url("/3")});
    REQUIRE(server.wait_for_requests(3));
    std::this_thread::sleep_for(450ms);
    server.release();
    const CommandResult result = running.wait();
    const auto lasted = std::chrono::steady_clock::now() - start;
    CHECK(result.exit_code == 0);
    const auto ticks = std::ranges::count(lines_of(result.err), "3 running\n");
    CHECK(ticks >= 2);
    CHECK(ticks <= lasted / 100ms);
  }
}

TEST_SUITE("one") {
  TEST_CASE("an example fetches its URL, whole or in pieces") {
    for (const bool byte_by_byte : {false, true}) {
      LoopbackServer server([&](const std::string& request) {
        Reply reply = body_of(request);
        reply.byte_by_byte = byte_by_byte;
        return reply;
      });
      const std::string url = server.url(byte_by_byte ? "/300" : "/300000");
      const CommandResult result = run_command({url});
      INFO(result.err);
      CHECK(result.exit_code == 0);
      CHECK(result.out == (byte_by_byte ? "200 300 " : "200 300000 ") + url + "\n");
      CHECK(result.err.empty());
    }
  }

  TEST_CASE("an example says in one line why its URL could not be fetched") {
    LoopbackServer server([](const std::string&) {
      Reply reply;
      reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
      reply.close = true;
      return reply;
    });
    for (const std::string& url : {server.url("/"), refused_url(), std::string("nonsense://")}) {
      const CommandResult result = run_command({url});
      INFO(result.err);
      CHECK(result.exit_code == 1);
      CHECK(result.out.empty());
      CHECK(lines_of(result.err).size() == 1);
      if (url == server.url("/")) CHECK(result.err.starts_with("GET " + url));
    }
    CHECK(run_command({refused_url()}).err.ends_with("Connection refused\n"));
    CHECK(run_command({}).exit_code == 1);
  }
}

TEST_SUITE("world") {
  TEST_CASE("an example in a simulated world tells what its timeouts did, at once, and the same each time") {
    const auto begin = std::chrono::steady_clock::now();
    const CommandResult first = run_command({}), second = run_command({});
    CHECK(std::chrono::steady_clock::now() - begin < 60s);
    CHECK(first.exit_code == 0);
    const std::vector<std::string> said = lines_of(first.out);
    REQUIRE(said.size() == 5);
    CHECK(said[0].starts_with("GET http://example.org/: "));
    CHECK(said[1] == "90 s: 1 running\n");
    CHECK(said[2].starts_with("GET http://example.org/: "));
    CHECK(said[3] == "at last\n");
    CHECK(said[4] == "attempt 3\n");
    CHECK(first.err.find("\n12000") != std::string::npos);  // two minutes, in nanoseconds
    CHECK(first.out == second.out);
    CHECK(first.err == second.err);
  }
}

TEST_SUITE("events") {
  TEST_CASE("an example goes on where a stream of events broke off, and stops when the server says so") {
    std::atomic<int> streams = 0;
    std::vector<std::string> ids;
    LoopbackServer server([&](const std::string& request) -> Reply {
      // Each connection begins at the URL that was given, and is redirected.
      if (request.starts_with("GET / ")) {
        return {.bytes = "HTTP/1.1 302 There\r\nLocation: /events\r\nContent-Length: 0\r\n\r\n"};
      }
      const std::size_t id = request.find("Last-Event-ID: ");
      ids.push_back(id == std::string::npos ? "" : request.substr(id, request.find('\r', id) - id));
      const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n";
      switch (++streams) {
        case 1:
          return {.bytes = head + "\r\nretry: 10\nid: 1\ndata: a\n\nevent: e\ndata: b\ndata: c\n\ndata: lost\n",
                  .close = true};
        case 2:
          return {.bytes = "", .close = true};  // waits a second
        case 3:
          return {.bytes = head + "Content-Length: 99\r\n\r\nid: 2\ndata: d\n\n", .reset = true};
        default:
          return {.bytes = "HTTP/1.1 204 No Content\r\n\r\n"};
      }
    });
    const CommandResult result = run_command({server.url("/")});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.out == "1 message a\n1 e b\nc\n2 message d\n");
    CHECK(ids == std::vector<std::string>{"", "Last-Event-ID: 1", "Last-Event-ID: 1", "Last-Event-ID: 2"});
  }

  TEST_CASE("an example says in one line why something is no stream of events") {
    for (const char* head : {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "HTTP/1.1 503 Later\r\n"}) {
      LoopbackServer server(
          [&](const std::string&) -> Reply { return {.bytes = head + std::string("Content-Length: 5\r\n\r\ndata:")}; });
      const CommandResult result = run_command({server.url("/")});
      INFO(result.err);
      CHECK(result.exit_code == 1);
      CHECK(result.out.empty());
      CHECK(lines_of(result.err).size() == 1);
      CHECK(result.err.starts_with("GET " + server.url("/") + ": no stream of events: "));
      CHECK(server.requests() == 1);
    }
  }
}

TEST_SUITE("trace") {
  TEST_CASE("an example writes a trace of its transfer, and of its failure") {
    LoopbackServer server([](const std::string&) { return ok("body"); });
    const std::string port = std::to_string(server.port());
    const CommandResult result = run_command({server.url("/")});
    CHECK(result.exit_code == 0);
    CHECK(result.err.empty());
    const std::string size = std::to_string(36 + port.size());
    INFO(result.out);
    CHECK(result.out.starts_with("== Info: Connected to 127.0.0.1 port " + port + " (127.0.0.1:" + port +
                                 ")\n=> Send header, " + size + " bytes (0x"));
    CHECK(result.out.ends_with("\n<= Recv header, 2 bytes (0x2)\n0000: \n<= Recv data, 4 bytes (0x4)\n0000: body\n"));
    const CommandResult refused = run_command({refused_url()});
    CHECK(refused.exit_code == 1);
    CHECK(refused.out.starts_with("== Info: GET http://127.0.0.1:"));
    CHECK(refused.out.ends_with(": Connection refused\n"));
  }
}

TEST_SUITE("metrics") {
  TEST_CASE("an example counts what its transfers did, and tells how long each part took") {
    LoopbackServer server(body_of);
    const CommandResult result = run_command({server.url("/5"), server.url("/0"), refused_url()});
    INFO(result.out);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    for (const std::string line :
         {"sluice_transfers_succeeded_total 2", "sluice_transfers_failed_total 1", "sluice_transfers_running 0",
          "sluice_responses_total{status=\"200\"} 2", "sluice_connections_failed_total 1",
          "sluice_connections_made_total 2", "sluice_requests_total 2", "sluice_look_ups_total 0"}) {
      CAPTURE(line);
      CHECK(result.out.find('\n' + line + '\n') != std::string::npos);
    }
    const std::vector<std::string> spans = lines_of(result.err);
    CHECK(std::ranges::count_if(spans, [](const std::string& line) { return line.starts_with("span GET http://"); }) ==
          3);
    CHECK(std::ranges::count_if(spans, [](const std::string& line) { return line.starts_with("span connect "); }) == 3);
    CHECK(result.err.find("Connection refused\n") != std::string::npos);
    // Each type is declared once, before its values.
    CHECK(result.out.starts_with("# TYPE sluice_transfers_running gauge\nsluice_transfers_running 0\n"));
  }
}

TEST_SUITE("line") {
  TEST_CASE("an example asks for its URLs over one connection, in order") {
    LoopbackServer server(body_of);
    const std::vector<std::string> urls = {server.url("/5"), server.url("/0"), server.url("/300000")};
    const CommandResult result = run_command(urls);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.out == "200 5 " + urls[0] + "\n200 0 " + urls[1] + "\n200 300000 " + urls[2] + "\n");
    CHECK(server.accepted() == 1);
  }

  TEST_CASE("an example refuses what is of another origin, and what comes when the connection is over fails") {
    LoopbackServer server([](const std::string& request) {
      Reply reply = body_of(request);
      reply.close = request.starts_with("GET /2");
      return reply;
    });
    const CommandResult result = run_command({server.url("/1"), refused_url(), server.url("/2"), server.url("/3")});
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(result.out == "200 1 " + server.url("/1") + "\n200 2 " + server.url("/2") + "\n");
    CHECK(lines_of(result.err).size() == 2);
    CHECK(server.accepted() == 1);
  }
}

int main(int argc, char** argv) {
  const std::string_view ways = argc > 2 ? argv[2] : "";
  constexpr std::array<std::string_view, 8> kWays = {"events",   "fetch",   "fetch,timer", "one",
                                                     "one,line", "metrics", "trace",       "world"};
  if (std::ranges::find(kWays, ways) == kWays.end()) {
    std::cerr
        << "usage: examples PROGRAM events|fetch|fetch,timer|metrics|one|one,line|trace|world [doctest's options]\n";
    return 2;
  }
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  ::setenv("SLUICE_COMMAND", (here / argv[1]).c_str(), 1);
  doctest::Context context(argc, argv);
  context.addFilter("test-suite", argv[2]);
  return context.run();
}
