// The text of a trace, and what is told of a transfer. The expected dumps are what curl 7.88 writes for the same bytes.
#include "core/trace.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "tests/support/engine_steps.hpp"
#include "tests/support/proxies.hpp"

namespace sluice::test {
namespace {

// The transfer of one world, traced by what its engine gives.
struct TracedWorld {
  explicit TracedWorld(TraceSecrets secrets = TraceSecrets::hidden)
      : trace([this](const TracePiece& piece) { take(piece); }, secrets) {
    world.watcher = [this](const Output& output) { trace.take(world.engine, output); };
    options.report_heads = true;
  }
  void take(const TracePiece& piece) {
    text += trace_text(piece.part, piece.bytes, TraceForm::ascii, piece.conn ? "c " : "- ");
    last = piece.transfer;
  }

  std::string text;
  TransferId last;
  EngineWorld world;
  TransferTrace trace;
  TransferOptions options;
};

// The first line of each piece.
std::string titles(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) + 1 - at);
    if (line.find(" Info: ") != std::string::npos || line.find(" bytes (0x") != std::string::npos) out += line;
  }
  return out;
}

}  // namespace

TEST_CASE("trace: hexadecimal digits and text, 16 bytes on a line") {
  CHECK(trace_text(TracePart::body_sent, "", TraceForm::hex) == "=> Send data, 0 bytes (0x0)\n");
  CHECK(trace_text(TracePart::body_received, "abc", TraceForm::hex) ==
        "<= Recv data, 3 bytes (0x3)\n0000: 61 62 63                                        abc\n");
  CHECK(trace_text(TracePart::head_sent, "HTTP/1.1 302 Fou", TraceForm::hex) ==
        "=> Send header, 16 bytes (0x10)\n0000: 48 54 54 50 2f 31 2e 31 20 33 30 32 20 46 6f 75 HTTP/1.1 302 Fou\n");
  CHECK(trace_text(TracePart::head_sent, "HTTP/1.1 302 Found\r\n", TraceForm::hex) ==
        "=> Send header, 20 bytes (0x14)\n0000: 48 54 54 50 2f 31 2e 31 20 33 30 32 20 46 6f 75 HTTP/1.1 302 Fou\n"
        "0010: 6e 64 0d 0a                                     nd..\n");
}

TEST_CASE("trace: text alone, up to 64 bytes or a CRLF on a line") {
  const std::string full(64, 'x');
  const std::pair<std::string, std::string> rows[] = {
      {"abc", "0000: abc\n"},
      {"GET /\r\nA: b\r\n\r\n", "0000: GET /\n0007: A: b\n000d: \n"},
      {"\r\n", "0000: \n"},
      {"\r\n\r\nb", "0000: \n0002: \n0004: b\n"},
      {"a\rb\nc\n\r", "0000: a.b.c..\n"},
      {"a\r", "0000: a.\n"},
      {full, "0000: " + full + "\n"},
      {full + "y", "0000: " + full + "\n0040: y\n"},
      {full + "\r\n", "0000: " + full + "\n"},
      {full + "\r\ny", "0000: " + full + "\n0042: y\n"},
      {full.substr(1) + "\r\ny", "0000: " + full.substr(1) + "\n0041: y\n"},
      {full + "\ry", "0000: " + full + "\n0040: .y\n"},
      {full + "y\r\n", "0000: " + full + "\n0040: y\n"},
  };
  for (const auto& [bytes, lines] : rows) {
    CAPTURE(bytes);
    const std::string dump = trace_text(TracePart::head_sent, bytes, TraceForm::ascii);
    CHECK(dump.substr(dump.find('\n') + 1) == lines);
  }
}

TEST_CASE("trace: a byte that is no visible ASCII is a dot, and offsets grow beyond four digits") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const TraceForm form : {TraceForm::hex, TraceForm::ascii}) {
    for (const char c : trace_text(TracePart::head_sent, bytes, form)) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
  }
  CHECK(trace_text(TracePart::head_sent, "\x1f ~\x7f\xff", TraceForm::ascii) ==
        "=> Send header, 5 bytes (0x5)\n0000: . ~..\n");
  const std::string dump = trace_text(TracePart::head_sent, std::string(0x10000 + 1, 'x'), TraceForm::ascii);
  CHECK(dump.starts_with("=> Send header, 65537 bytes (0x10001)\n"));
  CHECK(dump.ends_with("\n10000: x\n"));
}

TEST_CASE("trace: what stands before the lines") {
  CHECK(trace_text(TracePart::info, "one\ntwo\n", TraceForm::hex, "P ") == "P == Info: one\nP == Info: two\n");
  CHECK(trace_text(TracePart::head_received, "a", TraceForm::ascii, "P ") ==
        "P <= Recv header, 1 bytes (0x1)\n0000: a\n");
  CHECK(prefix_lines("> ", "") == "");
  CHECK(prefix_lines("> ", "a\n\nb\n") == "> a\n> \n> b\n");
  CHECK(prefix_lines("> ", "a") == "> a");
  CHECK(prefix_lines("", "a\nb\n") == "a\nb\n");
}

TEST_CASE("trace: an engine's transfer, with a body that it reads itself, in pieces and over two hops") {
  TracedWorld traced;
  traced.options.redirects.emplace();
  Request request = with_body("PUT", BodyOwned("uploaded"));
  const TransferId id = traced.world.add(std::move(request), traced.options);
  const ConnId conn = newest(traced.world);
  traced.world.connected(conn);
  // The head is given to the connection before any of the body.
  CHECK(titles(traced.text) ==
        "c == Info: Connected to 192.0.2.1 port 80 (192.0.2.1:80)\nc => Send header, 54 bytes (0x36)\n");
  traced.world.sent(conn);
  traced.text.clear();
  traced.world.receive(conn, "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 307 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
  traced.world.sent(conn, 55 + 3);  // the response comes before the whole body is sent
  traced.world.receive(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n");
  REQUIRE(traced.world.succeeded(id));
  CHECK(traced.last == id);
  CHECK(traced.text ==
        "c => Send data, 8 bytes (0x8)\n0000: uploaded\n"
        "c <= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 100 Go\nc <= Recv header, 2 bytes (0x2)\n0000: \n"
        "c <= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 307 Go\n"
        "c <= Recv header, 14 bytes (0xe)\n0000: Location: /b\n"
        "c <= Recv header, 19 bytes (0x13)\n0000: Content-Length: 0\nc <= Recv header, 2 bytes (0x2)\n0000: \n"
        "c == Info: Re-using existing connection with host 192.0.2.1 port 80 (192.0.2.1:80)\n"
        "c => Send header, 55 bytes (0x37)\n0000: PUT /b HTTP/1.1\n0011: Host: 192.0.2.1\n0022: Content-Length: 8\n"
        "0035: \n"
        "c => Send data, 3 bytes (0x3)\n0000: upl\n"
        "c <= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 200 OK\n"
        "c <= Recv header, 28 bytes (0x1c)\n0000: Transfer-Encoding: chunked\n"
        "c <= Recv header, 2 bytes (0x2)\n0000: \n"
        "c <= Recv header, 6 bytes (0x6)\n0000: T: v\n");
}

TEST_CASE("trace: a request that is sent again is told of again, with as much of its body as was sent") {
  TracedWorld traced;
  const ConnId kept = one_get(traced.world);
  const TransferId id = traced.world.add(with_body("PUT", BodyView{as_bytes("uploaded")}), traced.options);
  CHECK(traced.world.sent(kept, 54 + 3).ends_with("\r\n\r\nupl"));
  traced.world.eof(kept);
  CHECK_FALSE(traced.world.done(id));
  traced.text.clear();
  traced.world.receive(go(traced.world), answer("x"));
  REQUIRE(traced.world.succeeded(id));
  const std::string said = titles(traced.text);
  INFO(said);
  CHECK(
      said.starts_with("c => Send data, 3 bytes (0x3)\n"
                       "c == Info: Connected to 192.0.2.1 port 80 (192.0.2.1:80)\n"
                       "c == Info: Sent again 1 time(s) on another connection\n"
                       "c => Send header, 54 bytes (0x36)\nc => Send data, 8 bytes (0x8)\nc <= Recv header, 17 "));
}

TEST_CASE("trace: bodies that the application gives and takes, and a failure after the head") {
  TracedWorld traced;
  const TransferId id = traced.world.add(with_body("PUT", BodyStream{}), traced.options);
  const ConnId conn = go(traced.world);
  traced.text.clear();
  traced.trace.body_sent(as_bytes("up"));
  traced.trace.body_received(as_bytes("down"));
  traced.trace.body_received({});
  CHECK(traced.text == "c => Send data, 2 bytes (0x2)\n0000: up\nc <= Recv data, 4 bytes (0x4)\n0000: down\n");
  traced.text.clear();
  traced.world.io_error(conn, Code::receive_failed);
  CHECK(traced.world.failure(id) == Code::receive_failed);
  CHECK(traced.text.starts_with("c == Info: PUT http://192.0.2.1/: "));
  CHECK(traced.text.ends_with("Connection reset by peer\n"));
  CHECK(titles(traced.text) == traced.text);
}

TEST_CASE("trace: of a failed hop the head is told of once, and the next hop has no connection yet") {
  TracedWorld traced;
  traced.options.retries = RetryOptions{.max_retries = 1, .all_errors = true};
  traced.options.retries->after_head = true;
  const TransferId id = traced.world.add("http://192.0.2.1/", traced.options);
  const ConnId conn = go(traced.world);
  traced.text.clear();
  traced.world.receive(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  traced.world.eof(conn);
  CHECK_FALSE(traced.world.done(id));
  CHECK(traced.text.find("200 OK") == traced.text.rfind("200 OK"));
  CHECK(titles(traced.text).contains("c == Info: "));
  traced.text.clear();
  traced.trace.body_received(as_bytes("x"));
  CHECK(traced.text.starts_with("- "));
}

TEST_CASE("SB-31 trace: credentials of heads and trailers only where they are asked for") {
  for (const TraceSecrets secrets : {TraceSecrets::hidden, TraceSecrets::shown}) {
    TracedWorld traced(secrets);
    Request request = EngineWorld::get("http://192.0.2.1/");
    REQUIRE(request.fields.add("Authorization", "Basic secret1"));
    REQUIRE(request.fields.add("Cookie", "a=secret2"));
    traced.world.add(std::move(request), traced.options);
    traced.world.receive(go(traced.world),
                         "HTTP/1.1 200 OK\r\nSet-Cookie: a=secret3\r\n secret4\r\nLocation: //u:secret5@h\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: a=secret6\r\n\r\n");
    for (const char digit : std::string("123456")) {
      CAPTURE(digit);
      CHECK(traced.text.contains(std::string("secret") + digit) == (secrets == TraceSecrets::shown));
    }
    CHECK(traced.text.contains("Authorization: Basic <redacted>") == (secrets == TraceSecrets::hidden));
  }
}

TEST_CASE("trace: the heads of CONNECT, with lines about the tunnel, and without its credentials") {
  for (const TraceSecrets secrets : {TraceSecrets::hidden, TraceSecrets::shown}) {
    TracedWorld traced(secrets);
    Proxy proxy = proxy_at(ProxyKind::http);
    proxy.tunnel = true;
    proxy.user = "me";
    traced.options.proxies = always({proxy});
    traced.world.add("http://a.test/", traced.options);
    traced.world.connected(newest(traced.world));
    traced.world.receive(newest(traced.world), "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nVia: p\r\n\r\n");
    const bool hides = secrets == TraceSecrets::hidden;
    CHECK(traced.text.starts_with("c == Info: Establish HTTP proxy tunnel to a.test:80\nc => Send header, "));
    CHECK(traced.text.contains("Proxy-Authorization: Basic <redacted>") == hides);
    CHECK(traced.text.contains("Proxy-Authorization: Basic bWU6") == !hides);
    CHECK(
        traced.text.contains("c <= Recv header, 8 bytes (0x8)\n0000: Via: p\nc <= Recv header, 2 bytes (0x2)\n0000: \n"
                             "c == Info: CONNECT tunnel established, response 200\n"));
    CHECK(titles(traced.text).find("response 103") == std::string::npos);
  }
}

TEST_CASE("trace: no byte of a head of CONNECT can make a second line of its info") {
  CHECK(tunnel_line({.head = "CONNECT a\x1b[1m\nb HTTP/1.1\r\n\r\n"}) == "Establish HTTP proxy tunnel to a?[1m?b\n");
  CHECK(tunnel_line({.received = true, .head = "HTTP/1.1 403 No\r\n\r\n"}).empty());
  CHECK(tunnel_line({.received = true, .head = ""}).empty());
  CHECK(tunnel_line({.received = true, .head = "HTTP/1.1 299\r\n\r\n"}) ==
        "CONNECT tunnel established, response 299\n");
}

}  // namespace sluice::test
