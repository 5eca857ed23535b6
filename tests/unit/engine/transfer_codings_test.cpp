// Transfer codings and raw bodies through the whole engine: what is asked for, what the application gets, limits and
// faults. Content codings: decoding_test.cpp.
#include <doctest/doctest.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/coded.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/pattern.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

TransferOptions undoing_transfer(bool content = false) {
  TransferOptions options;
  options.decoding = DecodingOptions{.content = content, .transfer = true};
  return options;
}

// In two chunks, or one for a body of one byte.
std::string in_chunks(std::string_view body) {
  std::string all;
  const auto add = [&all](std::string_view part) {
    if (part.empty()) return;
    char size[20];
    all.append(size, static_cast<std::size_t>(std::snprintf(size, sizeof size, "%zx\r\n", part.size())));
    all.append(part).append("\r\n");
  };
  add(body.substr(0, body.size() / 2));
  add(body.substr(body.size() / 2));
  return all + "0\r\n\r\n";
}

std::string coded_answer(std::string_view fields, std::string_view body) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

struct Got {
  std::string body;
  std::optional<Code> failure;
  Progress progress;
  std::size_t idle = 0;
};

Got fetched(const std::string& response, TransferOptions options) {
  EngineWorld world;
  const TransferId id = world.add("http://192.0.2.1/", std::move(options));
  const ConnId conn = go(world);
  for (std::size_t at = 0; at < response.size() && !world.done(id); at += 997) {
    world.receive(conn, response.substr(at, 997));
  }
  if (!world.done(id)) world.eof(conn);
  REQUIRE(world.done(id));
  Got got{.body = world.bodies[id], .failure = {}, .progress = world.engine.progress(id), .idle = 0};
  if (!world.succeeded(id)) got.failure = world.failure(id);
  got.idle = world.engine.idle_connections();
  return got;
}

}  // namespace

TEST_CASE("transfer codings: a request asks by TE, with TE in its Connection field") {
  struct Row {
    std::vector<std::pair<std::string_view, std::string_view>> own;
    std::string_view says, says_not;
  };
  const Row rows[] = {
      {{}, "\r\nTE: gzip\r\nConnection: TE\r\n", "Accept-Encoding"},
      {{{"TE", "deflate"}}, "\r\nTE: deflate\r\nConnection: TE\r\n", "gzip"},
      {{{"Connection", "close"}}, "\r\nConnection: close, TE\r\nTE: gzip\r\n", "Connection: TE"},
      {{{"Connection", "x"}, {"connection", "y"}}, "Connection: x, y, TE\r\n", "connection: y"},
      {{{"te", "trailers"}, {"connection", "close, te"}}, "\r\nte: trailers\r\nconnection: close, te\r\n", "gzip"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.says);
    EngineWorld world;
    Request request = EngineWorld::get("http://192.0.2.1/");
    for (const auto& [name, value] : row.own) REQUIRE(request.fields.add(name, value));
    world.add(std::move(request), undoing_transfer());
    world.connected(newest(world));
    const std::string head = world.sent(newest(world));
    INFO(head);
    CHECK(head.find(row.says) != std::string::npos);
    CHECK(head.find(row.says_not) == std::string::npos);
  }
  EngineWorld world;
  world.add("http://192.0.2.1/", undoing_transfer(true));
  world.connected(newest(world));
  CHECK(world.sent(newest(world)).find("\r\nAccept-Encoding: gzip") != std::string::npos);
}

TEST_CASE("transfer codings: they are undone if asked for, and those of the content too if these are") {
  const std::string text(pattern(100'000, 3));
  constexpr std::string_view kTransfer = "Transfer-Encoding: gzip, chunked\r\n";
  constexpr std::string_view kBoth = "Content-Encoding: br\r\nTransfer-Encoding: gzip, chunked\r\n";
  const std::string once = coded_answer(kTransfer, in_chunks(gzip(text)));
  const std::string twice = coded_answer(kBoth, in_chunks(gzip(brotli(text))));

  Got got = fetched(once, undoing_transfer());
  CHECK(got.body == text);
  CHECK(got.progress.received_body_bytes == gzip(text).size());
  CHECK(got.progress.decoded_body_bytes == text.size());
  CHECK_FALSE(got.progress.expected_body_bytes);
  CHECK(got.idle == 1);  // its end is certain
  CHECK(fetched(twice, undoing_transfer()).body == brotli(text));
  CHECK(fetched(twice, undoing_transfer(true)).body == text);

  got = fetched(coded_answer("Transfer-Encoding: gzip\r\n", gzip(text)), undoing_transfer());
  CHECK(got.body == text);  // the end of the connection ends it
  CHECK(got.idle == 0);
  CHECK(fetched(coded_answer("Transfer-Encoding: chunked\r\n", in_chunks(text)), undoing_transfer()).body == text);
  CHECK(fetched(answer(text), undoing_transfer()).body == text);

  TransferOptions only_content;
  only_content.decoding.emplace();
  CHECK(fetched(once, only_content).failure == Code::unsupported_coding);
  CHECK(fetched(once, {}).failure == Code::unsupported_coding);
}

TEST_CASE("SB-20 SB-21 transfer codings: limits and faults are those of content codings") {
  const std::string text(pattern(20'000, 5));
  const auto chunked = [](std::string_view codings, std::string_view body) {
    return coded_answer("Transfer-Encoding: " + std::string(codings) + ", chunked\r\n", in_chunks(body));
  };
  CHECK(fetched(chunked("gzip", "<html>"), undoing_transfer()).failure == Code::bad_coding);
  CHECK(fetched(chunked("gzip", gzip(text).substr(0, 40)), undoing_transfer()).failure == Code::truncated);
  CHECK(fetched(chunked("unheard-of", "x"), undoing_transfer()).failure == Code::unsupported_coding);
  CHECK(fetched(chunked("br", brotli(text)), undoing_transfer()).failure == Code::unsupported_coding);
  CHECK(fetched(chunked("gzip,gzip,gzip,gzip,gzip,gzip", "x"), undoing_transfer()).failure == Code::unsupported_coding);
  TransferOptions bounded = undoing_transfer();
  bounded.max_body_bytes = 10'000;
  CHECK(fetched(chunked("gzip", gzip(std::string(20'000, 'x'))), bounded).failure == Code::body_too_large);
  TransferOptions rated = undoing_transfer();
  rated.decoding->max_ratio = 10;
  CHECK(fetched(chunked("gzip", gzip(std::string(4'000'000, 'x'))), rated).failure == Code::body_too_large);
}

TEST_CASE("raw bodies: nothing is undone, and the connection is used again") {
  const std::string body = in_chunks(gzip(pattern(5'000, 3)));
  TransferOptions raw;
  raw.raw_body = true;
  TransferOptions raw_asking = undoing_transfer(true);
  raw_asking.raw_body = true;
  for (const TransferOptions& options : {raw, raw_asking}) {
    for (const std::string_view fields :
         {"Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: unheard-of, chunked\r\n"}) {
      CAPTURE(fields);
      const Got got = fetched(coded_answer(fields, body), options);
      CHECK_FALSE(got.failure);
      CHECK(got.body == body);
      CHECK(got.progress.received_body_bytes == body.size());
      CHECK(got.progress.decoded_body_bytes == 0);
      CHECK(got.idle == 1);
    }
  }
  raw.max_body_bytes = body.size() - 1;
  CHECK(fetched(coded_answer("Transfer-Encoding: chunked\r\n", body), raw).failure == Code::body_too_large);
}
