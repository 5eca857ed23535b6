// adapters/traced_handler: what it passes on and what it tells of, over loopback.
#include "adapters/traced_handler.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

namespace sluice::test {
namespace {

// Sends "upload" and takes the response in pieces of at most three bytes.
struct PieceHandler : Recorder {
  std::string calls;
  bool removes = false;

  void on_head_sent(Multi&, TransferId, std::string_view) override { calls += "S"; }
  void on_head_received(Multi&, TransferId, std::string_view) override { calls += "R"; }
  void on_hop_done(Multi&, TransferId, const output::HopDone&) override { calls += "H"; }
  bool on_rewind(Multi&, TransferId) override { return calls += "W", true; }
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    std::memcpy(space.data(), "upload", 6);
    if (removes) multi.remove(id);
    multi.finish_upload(id);
    return 6;
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    multi.resume(id);
    return Recorder::on_body(multi, id, bytes.first(std::min<std::size_t>(bytes.size(), 3)));
  }
};

std::string traced_upload(PieceHandler& handler, LoopbackServer& server) {
  std::string text;
  TracedHandler traced(
      [&](const TracePiece& piece) {
        if (piece.part != TracePart::info) text += trace_text(piece.part, piece.bytes, TraceForm::ascii);
      },
      &handler);
  const auto multi = make_multi();
  Request request = get(server.url("/"));
  request.body = BodyStream{6, true};
  TransferOptions options;
  options.report_heads = true;
  options.redirects.emplace();
  options.redirects->keep_post_303 = true;
  options.redirects->keep_post_302 = true;
  REQUIRE(multi->add(std::move(request), std::move(options), &traced));
  CHECK(finish(*multi));
  return text;
}

TEST_CASE("traced handler: every call is passed on, and each byte is told of once") {
  int calls = 0;
  LoopbackServer server([&](const std::string&) -> Reply {
    if (++calls == 1) return {.bytes = "HTTP/1.1 307 Go\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"};
    Reply reply = ok("download");
    reply.bytes = "HTTP/1.1 103 Soon\r\n\r\n" + reply.bytes;
    return reply;
  });
  PieceHandler handler;
  const std::string text = traced_upload(handler, server);
  CHECK(handler.result.has_value());
  CHECK(handler.body == "download");
  CHECK(handler.order == "ihbd");
  CHECK(handler.calls == "SRHWSRR");
  const std::string sent = "=> Send data, 6 bytes (0x6)\n0000: upload\n";
  CHECK(text.find(sent) != text.rfind(sent));
  CHECK(
      text.ends_with("<= Recv data, 3 bytes (0x3)\n0000: dow\n<= Recv data, 3 bytes (0x3)\n0000: nlo\n"
                     "<= Recv data, 2 bytes (0x2)\n0000: ad\n"));
}

TEST_CASE("traced handler: a handler may remove its transfer, in a callback that was given bytes too") {
  LoopbackServer server([](const std::string&) { return ok("x"); });
  PieceHandler handler;
  handler.removes = true;
  CHECK_FALSE(traced_upload(handler, server).contains("=> Send data"));
  CHECK(handler.dones == 0);
}

TEST_CASE("traced handler: without a handler the body is dropped, and told of") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  std::string bodies;
  TracedHandler traced([&](const TracePiece& piece) {
    if (piece.part == TracePart::body_received) bodies += piece.bytes;
  });
  const auto multi = make_multi();
  REQUIRE(multi->add(get(server.url()), {}, &traced));
  CHECK(finish(*multi));
  CHECK(bodies == "body");
}

}  // namespace
}  // namespace sluice::test
