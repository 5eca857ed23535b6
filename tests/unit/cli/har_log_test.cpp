// What --har collects of transfers.
#include "adapters/cli/har_log.hpp"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

using namespace std::chrono_literals;

Hop har_hop(const char* url, Duration begin) {
  Hop hop;
  hop.method = "GET";
  hop.url = *Url::parse(url);
  hop.progress.queued = Instant(begin);
  return hop;
}

TransferInfo har_info(std::uint32_t conn) {
  TransferInfo info;
  info.conn = {.index = conn, .generation = 1};
  info.address.ip = *IpAddress::parse("192.0.2.1");
  return info;
}

ResponseHead har_head(int status) {
  ResponseHead head;
  head.status = status;
  return head;
}

std::vector<std::string> har_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = text.find('\n') + 1, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

}  // namespace

TEST_CASE("har log: each hop has its own request, response, connection and error") {
  HarTransfer transfer;
  transfer.head_sent("GET /stale HTTP/1.1\r\nA: stale\r\n\r\n", har_info(8));
  transfer.head_sent("GET /1 HTTP/1.1\r\nA: one\r\n\r\n", har_info(9));
  output::HopDone redirect;
  redirect.head = har_head(302);
  transfer.hop_done(redirect);
  output::HopDone failed;
  failed.failure = make_error(Code::connect_failed, "no way");
  transfer.hop_done(failed);
  transfer.head_sent("GET /3 HTTP/1.1\r\nA: three\r\n\r\n", har_info(9));
  HarLog log({Instant(0s), 0us}, false);
  std::vector<Hop> hops = {har_hop("http://h/1", 1s), har_hop("http://h/2", 2s), har_hop("http://h/3", 3s)};
  hops[2].progress.resolved = Instant(5s);
  hops[2].progress.connected = Instant(6s);
  log.add(transfer, hops, har_head(200), "");
  const auto lines = har_lines(log.take());
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].contains(R"("url":"http://h/1")"));
  CHECK(lines[0].contains(R"("value":"one")"));
  CHECK_FALSE(lines[0].contains("stale"));
  CHECK(lines[0].contains(R"("status":302)"));
  CHECK(lines[0].contains(R"("serverIPAddress":"192.0.2.1","connection":"0"})"));
  CHECK(lines[1].contains(R"("status":0)"));
  CHECK(lines[1].contains(R"("headers":[],"queryString")"));
  CHECK_FALSE(lines[1].contains(R"("connection")"));
  CHECK(lines[1].contains(R"("comment":"GET http://h/2: no way"})"));
  CHECK(lines[2].contains(R"("status":200)"));
  CHECK(lines[2].contains(R"("value":"three")"));
  CHECK(lines[2].contains(R"("blocked":-1,"dns":2000.000)"));
  CHECK(lines[2].ends_with(R"("connection":"0"})"));
  CHECK(lines[3] == "]}}");
  CHECK(har_lines(log.take()).size() == 1);
}

TEST_CASE("har log: entries are in the order of their begin, connections have numbers") {
  HarLog log({Instant(0s), 0us}, true);
  for (const int second : {3, 1, 2}) {
    HarTransfer transfer;
    transfer.head_sent("GET / HTTP/1.1\r\nCookie: a=b\r\n\r\n",
                       har_info(second == 2 ? 3 : static_cast<unsigned>(second)));
    log.add(transfer, {har_hop(("http://h/" + std::to_string(second)).c_str(), std::chrono::seconds(second))}, {},
            "why");
  }
  const auto lines = har_lines(log.take());
  REQUIRE(lines.size() == 4);
  const char* const connections[] = {"1", "0", "0"};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(lines[i].contains("\"url\":\"http://h/" + std::to_string(i + 1) + "\""));
    CHECK(lines[i].contains("\"connection\":\"" + std::string(connections[i]) + "\""));
    CHECK(lines[i].contains(R"("status":0)"));
    CHECK(lines[i].contains(R"("_error":"why")"));
    CHECK(lines[i].contains(R"({"name":"Cookie","value":"a=b"})"));
  }
}

TEST_CASE("har log: a route is no address, a response without a head is one") {
  HarTransfer transfer;
  TransferInfo info = har_info(1);
  info.route = "unix:/run/x";
  transfer.head_sent("GET / HTTP/1.1\r\n\r\n", info);
  ResponseHead headless;
  headless.version = {0, 9};
  HarLog log({}, false);
  log.add(transfer, {har_hop("http://h/", 0s)}, headless, "");
  const std::string text = log.take();
  CHECK_FALSE(text.contains("serverIPAddress"));
  CHECK(text.contains(R"("httpVersion":"HTTP/0.9")"));
}

}  // namespace sluice::cli
