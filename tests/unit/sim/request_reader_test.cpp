// adapters/sim/request_reader: valid requests at each split, and what RFC 9112 forbids.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "adapters/sim/request_reader.hpp"

namespace sluice::sim {
namespace {

using Step = RequestReader::Step;
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Read {
  std::vector<HttpRequest> requests;
  std::string fault;
  int status = 0;
  bool between = true;
};

// Gives `text` in pieces that end at the cuts.
Read read_in_pieces(std::string_view text, const std::vector<std::size_t>& cuts, RequestCaps caps = {}) {
  RequestReader reader(caps);
  Read out;
  std::size_t begin = 0;
  std::vector<std::size_t> ends = cuts;
  ends.push_back(text.size());
  for (const std::size_t end : ends) {
    const std::string piece(text.substr(begin, end - begin));
    begin = end;
    std::string_view input = piece;
    for (;;) {
      const Step step = reader.read(input);
      if (step == Step::complete) out.requests.push_back(reader.request());
      if (step == Step::need_more) {
        CHECK(input.empty());
        break;
      }
      if (step == Step::bad) {
        CHECK(reader.read(input) == Step::bad);  // for good
        break;
      }
    }
    out.fault = reader.fault();
    out.status = reader.fault_status();
    if (!out.fault.empty()) break;
  }
  out.between = reader.between_requests();
  return out;
}
Read read_whole(std::string_view text, RequestCaps caps = {}) { return read_in_pieces(text, {}, caps); }

const std::string kThree =
    "GET /a?b HTTP/1.1\r\nHost: example.org\r\nX-One:  1 \t\r\nX-One: 2\r\n\r\n"
    "POST /up HTTP/1.1\r\nhost: x\r\nContent-Length: 5\r\n\r\nhe\r\no"
    "PUT * HTTP/1.1\r\n\r\n";  // the third is bad, on purpose: "*" is for OPTIONS

TEST_CASE("Pipelined requests read the same whole, byte by byte and at each split") {
  const std::string good =
      "GET /a?b HTTP/1.1\r\nHost: example.org\r\nX-One:  1 \t\r\nX-Empty:\r\n\r\n"
      "POST /up HTTP/1.1\r\nhost: x\r\nContent-Length: 6\r\n\r\nhe\r\n\r\n"
      "OPTIONS * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3\r\nabc\r\n0A;name=\"v\"\r\n0123456789\r\n000\r\nX-Sum: 7\r\n\r\n"
      "GET http://x/ HTTP/1.1\r\nHost:\r\n\r\n";
  const auto judge = [](const Read& got) {
    REQUIRE(got.requests.size() == 4);
    CHECK(got.fault.empty());
    CHECK(got.between);
    CHECK(got.requests[0].method == "GET");
    CHECK(got.requests[0].target == "/a?b");
    CHECK(got.requests[0].fields == Pairs{{"host", "example.org"}, {"x-one", "1"}, {"x-empty", ""}});
    CHECK(got.requests[0].body.empty());
    CHECK(got.requests[1].body == "he\r\n\r\n");
    CHECK(got.requests[2].target == "*");
    CHECK(got.requests[2].body == "abc0123456789");
    CHECK(got.requests[2].fields.size() == 2);
    CHECK(got.requests[3].target == "http://x/");
  };
  judge(read_whole(good));
  std::vector<std::size_t> each;
  for (std::size_t at = 1; at < good.size(); ++at) {
    judge(read_in_pieces(good, {at}));
    each.push_back(at);
  }
  judge(read_in_pieces(good, each));
}

TEST_CASE("A request's head is told before its body, and what has no body says so") {
  RequestReader reader;
  std::string_view input =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\nG";
  CHECK(reader.read(input) == Step::head);
  CHECK(input.starts_with("abc"));
  CHECK(reader.has_body());
  CHECK(reader.request().body.empty());
  reader.drop_body();
  CHECK(reader.read(input) == Step::complete);
  CHECK(reader.request().body.empty());
  CHECK(input.starts_with("GET"));
  CHECK(reader.read(input) == Step::head);
  CHECK_FALSE(reader.has_body());
  CHECK(reader.read(input) == Step::complete);
  CHECK(reader.between_requests());
  CHECK(reader.read(input) == Step::need_more);
  CHECK_FALSE(reader.between_requests());
  RequestReader next;
  input = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na";
  next.read(input);
  CHECK(next.read(input) == Step::complete);
  CHECK(next.request().body == "a");  // dropping was of one request, in another reader at that
}

TEST_CASE("A dropped body is dropped for its own request alone") {
  RequestReader reader;
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
  const std::string two = post + post;
  std::string_view input = two;
  CHECK(reader.read(input) == Step::head);
  reader.drop_body();
  CHECK(reader.read(input) == Step::complete);
  CHECK(reader.request().body.empty());
  CHECK(reader.read(input) == Step::head);
  CHECK(reader.read(input) == Step::complete);
  CHECK(reader.request().body == "ab");
}

TEST_CASE("What RFC 9112 forbids is refused, whole and byte by byte") {
  const std::string host = "Host: x\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto get = [&](const std::string& fields) { return "GET / HTTP/1.1\r\n" + host + fields + "\r\n"; };
  const std::vector<std::pair<std::string, int>> bad = {
      {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},  // an empty line first
      {"GET / HTTP/1.1\nHost: x\r\n\r\n", 400},        // a bare LF
      {"GET / HTTP/1.1\r\rHost: x\r\n\r\n", 400},      // a bare CR
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},    // two blanks
      {"GET / HTTP/1.1 \r\n" + host + "\r\n", 505},
      {"GET / HTTP/1.0\r\n" + host + "\r\n", 505},
      {"GET / http/1.1\r\n" + host + "\r\n", 505},
      {"GET /\r\n" + host + "\r\n", 400},
      {" / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"CONNECT / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},  // no Host
      {get("Host: y\r\n"), 400},
      {get("no colon\r\n"), 400},
      {get("Name : value\r\n"), 400},
      {get(": value\r\n"), 400},
      {get("X: 1\r\n folded\r\n"), 400},
      {get(std::string("X: a\0b\r\n", 8)), 400},
      {get("X: a\x7f\r\n"), 400},
      {get("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {get("Content-Length: 1, 1\r\n"), 400},
      {get("Content-Length: +1\r\n"), 400},
      {get("Content-Length: -1\r\n"), 400},
      {get("Content-Length: \r\n"), 400},
      {get("Content-Length: 18446744073709551616\r\n"), 400},
      {get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {get("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {get("Transfer-Encoding: identity\r\n"), 501},
      {chunked + "\r\n", 400},
      {chunked + "g\r\n", 400},
      {chunked + " 1\r\na\r\n", 400},
      {chunked + "1 \r\na\r\n", 400},
      {chunked + " 1;x\r\na\r\n0\r\n\r\n", 400},
      {chunked + "-1\r\na\r\n", 400},
      {chunked + "0x1\r\na\r\n", 400},
      {chunked + "1;\x01\r\na\r\n", 400},
      {chunked + "10000000000000000\r\n", 400},  // 17 digits
      {chunked + "1\r\nab\r\n", 400},            // longer than it said
      {chunked + "1\nab\r\n", 400},
      {chunked + "1\r\na0\r\n\r\n", 400},
      {chunked + "0\r\nContent-Length: 1\r\n\r\n", 400},
      {chunked + "0\r\nHost: x\r\n\r\n", 400},
      {chunked + "0\r\nno colon\r\n\r\n", 400},
  };
  for (const auto& [text, status] : bad) {
    CAPTURE(text);
    std::vector<std::size_t> each;
    for (std::size_t at = 1; at < text.size(); ++at) each.push_back(at);
    const Read whole = read_whole(text);
    CHECK(whole.status == status);
    CHECK_FALSE(whole.fault.empty());
    CHECK(whole.requests.empty());
    const Read cut = read_in_pieces(text, each);
    CHECK(cut.status == status);
    CHECK(cut.fault == whole.fault);
  }
}

TEST_CASE("A good request before a bad one is still read") {
  const Read got = read_whole(kThree);
  CHECK(got.requests.size() == 2);
  CHECK(got.requests.back().body == "he\r\no");
  CHECK(got.status == 400);
}

TEST_CASE("Sizes have caps, and one byte less passes") {
  const auto with_filler = [](std::size_t bytes) {
    const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nF: ";
    return head + std::string(bytes - head.size() - 4, 'x') + "\r\n\r\n";
  };
  CHECK(read_whole(with_filler(1000), {.head_bytes = 1000}).requests.size() == 1);
  CHECK(read_whole(with_filler(1001), {.head_bytes = 1000}).status == 431);
  const std::string three = "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\n\r\n";
  CHECK(read_whole(three, {.fields = 3}).requests.size() == 1);
  CHECK(read_whole(three, {.fields = 2}).status == 431);
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  CHECK(read_whole(post + "Content-Length: 4\r\n\r\nabcd", {.body_bytes = 4}).requests.size() == 1);
  CHECK(read_whole(post + "Content-Length: 5\r\n\r\nabcde", {.body_bytes = 4}).status == 413);
  const std::string chunks = post + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\nA: 1\r\nB: 2\r\n\r\n";
  CHECK(read_whole(chunks, {.body_bytes = 4}).requests.size() == 1);
  CHECK(read_whole(chunks, {.body_bytes = 3}).status == 413);
  CHECK(read_whole(chunks, {.fields = 2}).requests.size() == 1);
  CHECK(
      read_whole(post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", {.fields = 2}).status ==
      431);
  CHECK(read_whole(post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n").status == 413);  // no overflow
}

}  // namespace
}  // namespace sluice::sim
