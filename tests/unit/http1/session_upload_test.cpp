// core/http1/session: request bodies, known and streamed, Expect: 100-continue, and responses that arrive before the
// end of one.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/http1_peer.hpp"

namespace sluice {
namespace {

using test::Http1Peer;
using test::kOk;
using Kind = http::Event::Kind;
using Kinds = std::vector<Kind>;

constexpr std::string_view kTooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string head_with(std::string_view framing) {
  return "POST / HTTP/1.1\r\nHost: example.org\r\n" + std::string(framing) + "\r\n\r\n";
}
std::string without_head(const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); }

http::StreamId open_expecting(Http1Peer& peer, bool chunked) {
  REQUIRE(peer.request.fields.add("Expect", "100-Continue"));
  const auto stream = peer.open("POST", BodyStream{chunked ? std::optional<std::uint64_t>() : 4});
  peer.put(stream, "body");
  peer.finish(stream);
  return stream;
}
std::string expected_body(bool chunked) { return chunked ? "4\r\nbody\r\n0\r\n\r\n" : "body"; }

}  // namespace

TEST_CASE("session upload: a body goes out behind its head, straight from the caller's bytes") {
  const std::string bytes = "hello";
  for (const std::size_t piece : {1UZ, 3UZ, 1000UZ}) {
    Http1Peer peer;
    peer.open("POST", BodyView{as_bytes(bytes)});
    const auto out = peer.session->output();
    REQUIRE(out.count == 2);
    CHECK(out.spans[1].data() == as_bytes(bytes).data());
    std::string sent;
    while (peer.session->output().count > 0) sent += peer.sent(piece);
    CHECK(sent == head_with("Content-Length: 5") + "hello");
    peer.receive(kOk);
    CHECK(peer.completed != 0);
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: an empty body is only a head") {
  Http1Peer peer;
  peer.open("POST", BodyOwned{""});
  CHECK(peer.sent_all() == head_with("Content-Length: 0"));
  peer.receive(kOk);
  CHECK(peer.session->reusable());
}

TEST_CASE("session upload: streamed with a declared length") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{6});
  CHECK(peer.sent_all() == head_with("Content-Length: 6"));
  peer.put(stream, "abc");
  CHECK(peer.sent_all() == "abc");
  peer.put(stream, "def");
  CHECK(peer.sent(1) == "d");
  CHECK(peer.sent_all() == "ef");
  peer.receive(kOk);
  CHECK(peer.session->reusable());
}

TEST_CASE("session upload: chunked, a chunk for each time there was something") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{});
  CHECK(peer.sent_all() == head_with("Transfer-Encoding: chunked"));
  peer.put(stream, "abc");
  CHECK(peer.sent_all() == "3\r\nabc\r\n");
  peer.put(stream, std::string(16, 'x'));
  CHECK(peer.sent(3) == "10\r");
  peer.put(stream, "yz");  // the chunk under way keeps its size
  CHECK(peer.sent_all() == "\n" + std::string(16, 'x') + "\r\n2\r\nyz\r\n");
  CHECK(peer.session->output().count == 0);
  peer.finish(stream);
  CHECK(peer.sent_all() == "0\r\n\r\n");
  peer.receive(kOk);
  CHECK(peer.completed == stream);
  CHECK(peer.session->reusable());
}

TEST_CASE("session upload: chunked, sent byte by byte, with the end known in time") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{});
  peer.put(stream, "abc");
  std::string sent = peer.sent(10);
  peer.put(stream, "de");
  peer.finish(stream);
  while (peer.session->output().count > 0) sent += peer.sent(1);
  CHECK(sent == head_with("Transfer-Encoding: chunked") + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  peer.receive(kOk);
  CHECK(peer.session->reusable());
}

TEST_CASE("session upload: chunked, and nothing in it") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{});
  peer.finish(stream);
  CHECK(peer.sent_all() == head_with("Transfer-Encoding: chunked") + "0\r\n\r\n");
  peer.receive(kOk);
  CHECK(peer.session->reusable());
}

TEST_CASE("session upload: an error status in the middle stops the body at once") {
  for (const bool chunked : {true, false}) {
    Http1Peer peer;
    const auto stream = peer.open("POST", BodyStream{chunked ? std::optional<std::uint64_t>() : 1000});
    peer.put(stream, "some");
    peer.sent_all();
    peer.put(stream, "more");
    CHECK(peer.session->output().count > 0);
    const std::string head = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n";
    CHECK(peer.receive(head) == Kinds{Kind::head});
    CHECK(peer.session->output().count == 0);
    CHECK_FALSE(peer.session->reusable());
    CHECK(peer.session->busy());
    peer.put(stream, "even more");
    CHECK(peer.session->output().count == 0);
    CHECK(peer.receive("no") == Kinds{Kind::body, Kind::complete});
    CHECK(peer.completed == stream);
    CHECK_FALSE(peer.session->reusable());
    CHECK(peer.session->open_capacity() == 0);
  }
}

TEST_CASE("session upload: a 2xx or 3xx in the middle lets the body go on until it is whole") {
  for (const char* status : {"200 OK", "303 See Other"}) {
    Http1Peer peer;
    const auto stream = peer.open("POST", BodyStream{8});
    peer.put(stream, "some");
    peer.sent_all();
    CHECK(peer.receive(std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 2\r\n\r\no") ==
          Kinds{Kind::head, Kind::body});
    CHECK(peer.session->reusable());
    peer.put(stream, "more");
    CHECK(peer.sent_all() == "more");
    CHECK(peer.receive("k") == Kinds{Kind::body, Kind::complete});
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: a response that is whole before the body is ends both, without reuse") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{8});
  peer.put(stream, "some");
  CHECK(peer.receive("").empty());
  peer.sent(60);
  CHECK(peer.receive(kOk) == Kinds{Kind::head, Kind::body, Kind::complete});
  CHECK(peer.session->output().count == 0);
  CHECK_FALSE(peer.session->reusable());
}

TEST_CASE("session upload: a source that fails aborts, and the connection goes with it") {
  Http1Peer peer;
  const auto stream = peer.open("POST", BodyStream{8});
  peer.put(stream, "some");
  peer.sent(50);
  CHECK_FALSE(peer.upload->finish());
  peer.session->abort(stream);
  CHECK(peer.session->output().count == 0);
  CHECK_FALSE(peer.session->reusable());
  peer.session->upload_changed(stream);
  CHECK(peer.session->output().count == 0);
}

TEST_CASE("session upload: Expect waits for 100") {
  for (const bool chunked : {true, false}) {
    Http1Peer peer;
    const auto stream = open_expecting(peer, chunked);
    CHECK_FALSE(peer.session->waiting_for_continue(stream));
    CHECK(without_head(peer.sent_all()).empty());
    CHECK(peer.session->waiting_for_continue(stream));
    CHECK(peer.receive("HTTP/1.1 103 Hints\r\n\r\n") == Kinds{Kind::interim});
    CHECK(peer.session->output().count == 0);
    CHECK(peer.receive(kContinue) == Kinds{Kind::interim});
    CHECK_FALSE(peer.session->waiting_for_continue(stream));
    CHECK(peer.sent_all() == expected_body(chunked));
    peer.receive(kOk);
    CHECK(peer.completed == stream);
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: 100 comes while the head is on its way") {
  for (const bool chunked : {true, false}) {
    Http1Peer peer;
    const auto stream = open_expecting(peer, chunked);
    std::string sent = peer.sent(20);
    peer.receive(kContinue);
    sent += peer.sent_all();
    CHECK(without_head(sent) == expected_body(chunked));
    CHECK_FALSE(peer.session->waiting_for_continue(stream));
    peer.receive(kOk);
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: the wait for 100 is over, and it comes late") {
  for (const bool chunked : {true, false}) {
    Http1Peer peer;
    const auto stream = open_expecting(peer, chunked);
    peer.session->stop_waiting_for_continue(stream);
    CHECK(without_head(peer.sent_all()).empty());
    peer.session->stop_waiting_for_continue(stream);
    CHECK(peer.sent_all() == expected_body(chunked));
    CHECK(peer.receive(kContinue) == Kinds{Kind::interim});
    peer.receive(kOk);
    CHECK(peer.completed == stream);
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: Expect without a body waits for nothing") {
  for (const bool empty : {true, false}) {
    Http1Peer peer;
    REQUIRE(peer.request.fields.add("Expect", "100-continue"));
    const auto stream = empty ? peer.open("POST", BodyOwned{""}) : peer.open("POST");
    peer.sent_all();
    CHECK_FALSE(peer.session->waiting_for_continue(stream));
    peer.receive(kOk);
    CHECK(peer.session->reusable());
  }
}

TEST_CASE("session upload: HTTP/1.0 waits for nothing, and is the last on its connection") {
  Http1Peer peer;
  REQUIRE(peer.request.fields.add("Expect", "100-continue"));
  peer.request.method = "POST";
  peer.request.body = BodyOwned{"body"};
  peer.upload.emplace(peer.request.body);
  http::Exchange exchange = peer.exchange();
  exchange.http1_0 = true;
  const auto stream = peer.session->open(exchange);
  REQUIRE(stream);
  CHECK_FALSE(peer.session->reusable());
  CHECK(peer.sent_all() == "POST / HTTP/1.0\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nbody");
  CHECK_FALSE(peer.session->waiting_for_continue(*stream));
  peer.receive(kOk);
  CHECK(peer.completed == *stream);
}

TEST_CASE("SB-61 session: Expect answered 417 or 200 with the body unsent: no reuse") {
  for (const char* status : {"417 Expectation Failed", "200 OK", "302 Found", "401 Unauthorized"}) {
    for (const bool chunked : {true, false}) {
      Http1Peer peer;
      REQUIRE(peer.request.fields.add("Expect", "100-continue"));
      const auto stream = peer.open("PUT", BodyStream{chunked ? std::optional<std::uint64_t>() : 4});
      peer.sent_all();
      peer.put(stream, "body");
      CHECK(peer.receive(std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 2\r\n\r\no") ==
            Kinds{Kind::head, Kind::body});
      CHECK_FALSE(peer.session->waiting_for_continue(stream));
      CHECK_FALSE(peer.session->reusable());
      peer.session->stop_waiting_for_continue(stream);
      CHECK(peer.session->output().count == 0);
      CHECK(peer.receive("k") == Kinds{Kind::body, Kind::complete});
      CHECK(peer.completed == stream);
      CHECK_FALSE(peer.session->reusable());
      CHECK(peer.session->open_capacity() == 0);
    }
  }
}

TEST_CASE("session: trailers follow the last chunk, whether bytes wait before it or not, however they are sent") {
  for (const bool waits : {true, false}) {
    for (const std::size_t piece : {1UZ, 7UZ, 1'000UZ}) {
      Http1Peer peer;
      const auto stream = peer.open("POST", BodyStream{});
      peer.sent_all();
      peer.put(stream, "body");
      std::string body;
      if (!waits) body = peer.sent_all();
      Fields trailers;
      REQUIRE(trailers.add("Checksum", "abc"));
      REQUIRE(trailers.add("Two", "x y"));
      REQUIRE(peer.upload->finish(std::move(trailers)));
      peer.session->upload_changed(stream);
      while (peer.session->output().count > 0) body += peer.sent(piece);
      CHECK(body == "4\r\nbody\r\n0\r\nChecksum: abc\r\nTwo: x y\r\n\r\n");
      CHECK(peer.receive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == Kinds{Kind::head, Kind::complete});
      CHECK(peer.session->reusable());
    }
  }
}

TEST_CASE("SB-61 session: an error status before the head is out stops that too") {
  Http1Peer peer;
  peer.open("POST", BodyOwned{"body"});
  peer.sent(10);
  CHECK(peer.receive(kTooLarge) == Kinds{Kind::head, Kind::complete});
  CHECK(peer.session->output().count == 0);
  CHECK_FALSE(peer.session->reusable());
}

}  // namespace sluice
