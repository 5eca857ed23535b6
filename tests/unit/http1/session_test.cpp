// core/http1/session: exchanges over one connection. Uploads: session_upload_test.cpp.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http1_peer.hpp"

namespace sluice {
namespace {

using http::Event;
using test::Http1Peer;
using test::kOk;
using Kind = Event::Kind;
using Kinds = std::vector<Kind>;

}  // namespace

TEST_CASE("session: a GET and its answer") {
  Http1Peer peer;
  CHECK(peer.session->open_capacity() == 1);
  const auto stream = peer.open("GET");
  CHECK(peer.session->busy());
  CHECK(peer.session->open_capacity() == 0);
  CHECK_FALSE(peer.session->response_started(stream));
  CHECK(peer.sent_all() == "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
  CHECK(peer.session->output().count == 0);
  CHECK(peer.receive(kOk) == Kinds{Kind::head, Kind::body, Kind::complete});
  CHECK(peer.session->response_started(stream));
  CHECK(peer.head.status == 200);
  CHECK(peer.body == "ok");
  CHECK_FALSE(peer.session->busy());
  CHECK(peer.session->reusable());
  CHECK(peer.session->open_capacity() == 1);
}

TEST_CASE("session: exchange after exchange, however bytes are cut") {
  Http1Peer peer;
  http::StreamId last = 0;
  for (std::size_t piece : {1UZ, 2UZ, 7UZ, 1000UZ}) {
    for (const char* method : {"GET", "POST", "HEAD"}) {
      const auto stream = peer.open(method);
      CHECK(stream > last);
      last = stream;
      std::string sent;
      while (peer.session->output().count > 0) sent += peer.sent(piece);
      CHECK(sent.starts_with(method));
      CHECK(sent.ends_with("\r\n\r\n"));
      peer.body.clear();
      const std::string_view text = std::string_view(method) == "HEAD" ? kOk.substr(0, kOk.size() - 2) : kOk;
      for (std::size_t at = 0; at < text.size(); at += piece) peer.receive(text.substr(at, piece));
      CHECK(peer.completed == stream);
      CHECK(peer.body == (std::string_view(method) == "HEAD" ? "" : "ok"));
      CHECK(peer.session->reusable());
    }
  }
}

TEST_CASE("session: an answer that is no HTTP is shown: its first line, escaped, and no more than 40 bytes") {
  const auto said = [](std::string_view answer) {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive(answer);
    REQUIRE(peer.failed_with(Code::not_http));
    return peer.error->message();
  };
  CHECK(said("220 smtp.example\r\nmore") == "response: no HTTP/1 status line at \"220 smtp.example\"");
  CHECK(said("\n\n") == "response: no HTTP/1 status line at \"\\x0a\"");
  CHECK(said("\"\\\t\xff") == "response: no HTTP/1 status line at \"\\x22\\x5c\\x09\\xff\"");
  CHECK(said(std::string(40, 'x')) == "response: no HTTP/1 status line at \"" + std::string(40, 'x') + "\"");
  CHECK(said(std::string(41, 'x')) == "response: no HTTP/1 status line at \"" + std::string(40, 'x') + "...\"");
  CHECK(said("HTTP/1.2 200") == "response: an HTTP version that is neither 1.0 nor 1.1 at \"HTTP/1.2 200\"");
}

TEST_CASE("session: an answer that begins with SETTINGS is told to be HTTP/2, and no other") {
  const auto answered = [](std::string_view answer) {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive(answer);
    REQUIRE(peer.failed_with(Code::not_http));
    return *peer.error;
  };
  using namespace std::string_view_literals;
  const std::string_view header = "\0\0\x0c\4\0\0\0\0\0"sv;
  for (const std::string_view rest : {""sv, "\0\3\0\0\0d"sv}) {
    const Error error = answered(std::string(header) + std::string(rest));
    CHECK(error.detail == 2);
    CHECK(error.message() == "response: the server speaks HTTP/2 (the answer begins with SETTINGS)");
  }
  CHECK(answered("\0\0\0\4\0\0\0\0\0"sv).detail == 2);  // without settings
  CHECK(answered(header.substr(0, 8)).detail == 0);
  for (std::size_t at = 0; at < header.size(); ++at) {
    std::string other(header);
    other[at] = at == 2 ? '\7' : '\1';
    CAPTURE(at);
    CHECK(answered(other).detail == 0);
  }
  // Such a server need not wait for the request.
  Http1Peer early;
  early.open("GET");
  early.receive(header);
  REQUIRE(early.failed_with(Code::not_http));
  CHECK(early.error->detail == 2);
  CHECK(early.error->retry_safe);
  Http1Peer headless;  // where all may be a body, nothing is guessed
  http::Exchange exchange = headless.exchange();
  exchange.rules.allow_http0_9 = true;
  REQUIRE(headless.session->open(exchange));
  headless.receive(header);
  CHECK(headless.failed_with(Code::malformed_response));
}

TEST_CASE("session: it is the proxy that speaks HTTP/2 where the request was forwarded") {
  using namespace std::string_view_literals;
  for (const bool early : {false, true}) {
    Http1Peer peer;
    peer.request.method = "GET";
    const Fields none;
    const http::ForwardedBy by{.fields = &none, .authorization = {}};
    http::Exchange exchange = peer.exchange();
    exchange.forwarded = &by;
    REQUIRE(peer.session->open(exchange));
    if (!early) peer.sent_all();
    peer.receive("\0\0\0\4\0\0\0\0\0"sv);
    REQUIRE(peer.failed_with(Code::not_http));
    CHECK(peer.error->detail == 2);
    CHECK(peer.error->message() == "response: the proxy speaks HTTP/2 (the answer begins with SETTINGS)");
  }
}

TEST_CASE("SB-58 session: HEAD with Content-Length 10, then GET, in step") {
  Http1Peer peer;
  peer.open("HEAD");
  peer.sent_all();
  CHECK(peer.receive("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") == Kinds{Kind::head, Kind::complete});
  CHECK(peer.session->reusable());
  peer.open("GET");
  peer.sent_all();
  CHECK(peer.receive("HTTP/1.1 201 OK\r\nContent-Length: 10\r\n\r\n0123456789") ==
        Kinds{Kind::head, Kind::body, Kind::complete});
  CHECK(peer.head.status == 201);
  CHECK(peer.body == "0123456789");
  CHECK(peer.session->reusable());
}

TEST_CASE("session: an invalid request changes nothing") {
  Http1Peer peer;
  peer.request.method = "BAD METHOD";
  const auto refused = peer.session->open(peer.exchange());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_request);
  CHECK(peer.session->output().count == 0);
  CHECK_FALSE(peer.session->busy());
  CHECK(peer.session->open_capacity() == 1);
}

TEST_CASE("session: who says close, ends the connection") {
  SUBCASE("the peer") {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    CHECK(peer.completed != 0);
    CHECK_FALSE(peer.session->reusable());
    CHECK(peer.session->open_capacity() == 0);
  }
  SUBCASE("the caller") {
    Http1Peer peer;
    REQUIRE(peer.request.fields.add("Connection", "Close"));
    peer.open("GET");
    CHECK_FALSE(peer.session->reusable());
    peer.sent_all();
    peer.receive(kOk);
    CHECK(peer.completed != 0);
    CHECK(peer.session->open_capacity() == 0);
  }
  SUBCASE("HTTP/1.0 says it by saying nothing") {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(peer.completed != 0);
    CHECK_FALSE(peer.session->reusable());
  }
}

TEST_CASE("session: receive stops behind each interim response") {
  Http1Peer peer;
  peer.open("GET");
  peer.sent_all();
  const std::string first = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  std::string text = first + std::string(kOk);
  MutableBytes input(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
  std::vector<Event> events;
  const auto taken = peer.session->receive(input, events);
  REQUIRE(taken);
  CHECK(*taken == first.size());
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == Kind::interim);
  CHECK(peer.head.status == 103);
  CHECK(peer.head.fields.find("link") == "</a>");
  const auto rest = peer.session->receive(input.subspan(*taken), events);
  REQUIRE(rest);
  CHECK(*rest == kOk.size());
  CHECK(peer.head.status == 200);
  CHECK_FALSE(peer.head.fields.contains("link"));
  CHECK(events.back().kind == Kind::complete);
}

TEST_CASE("SB-12 session: surplus bytes behind a response") {
  for (const std::string_view surplus : {"x", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    for (const bool together : {true, false}) {
      Http1Peer peer;
      peer.open("GET");
      peer.sent_all();
      if (together) {
        peer.receive(std::string(kOk).append(surplus));
      } else {
        peer.receive(kOk);
        CHECK(peer.session->reusable());
        peer.receive(surplus);
      }
      CHECK(peer.completed != 0);
      CHECK(peer.body == "ok");
      CHECK(peer.failed_with(Code::malformed_response));
      CHECK_FALSE(peer.session->reusable());
      CHECK(peer.session->open_capacity() == 0);
      CHECK_FALSE(peer.session->busy());
    }
  }
}

TEST_CASE("SB-12 session: bytes on an idle connection, and before the request was sent") {
  Http1Peer idle;
  idle.receive(kOk);
  CHECK(idle.failed_with(Code::malformed_response));
  CHECK_FALSE(idle.session->reusable());

  Http1Peer early;
  early.open("GET");
  CHECK(early.receive(kOk).empty());
  CHECK(early.failed_with(Code::malformed_response));
  CHECK(early.error->retry_safe);
  CHECK(early.head.status == 0);
  CHECK(early.session->output().count == 0);
}

TEST_CASE("session: errors stick, and what came before them counts") {
  Http1Peer peer;
  const auto stream = peer.open("GET");
  peer.sent_all();
  CHECK(peer.receive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n-\r\n") ==
        Kinds{Kind::head, Kind::body});
  CHECK(peer.body == "ok");
  CHECK(peer.failed_with(Code::malformed_response));
  CHECK_FALSE(peer.session->busy());
  CHECK_FALSE(peer.session->reusable());
  CHECK(peer.session->response_started(stream));
  const Error first = *peer.error;
  peer.receive("more");
  CHECK(*peer.error == first);
  const auto eof = peer.session->receive_eof(StreamEnd::clean, peer.events);
  REQUIRE_FALSE(eof);
  CHECK(eof.error() == first);
}

TEST_CASE("SB-56 session: 101 is an error and ends the connection") {
  Http1Peer peer;
  REQUIRE(peer.request.fields.add("Upgrade", "h2c"));
  peer.open("GET");
  peer.sent_all();
  peer.receive("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nPRI *");
  CHECK(peer.failed_with(Code::unexpected_upgrade));
  CHECK(peer.error->context.find("not asked for") == std::string::npos);
  CHECK_FALSE(peer.session->reusable());
}

TEST_CASE("SB-16 session: the end of the stream") {
  SUBCASE("before a response") {
    Http1Peer peer;
    const auto stream = peer.open("GET");
    peer.sent_all();
    peer.eof(true);
    CHECK(peer.failed_with(Code::connection_closed));
    CHECK_FALSE(peer.session->response_started(stream));
  }
  SUBCASE("within a body") {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive(kOk.substr(0, kOk.size() - 1));
    peer.eof(true);
    CHECK(peer.failed_with(Code::truncated));
    CHECK(peer.completed == 0);
  }
  SUBCASE("that frames the body, clean") {
    Http1Peer peer;
    const auto stream = peer.open("GET");
    peer.sent_all();
    CHECK(peer.receive("HTTP/1.1 200 OK\r\n\r\nall of it") == Kinds{Kind::head, Kind::body});
    CHECK_FALSE(peer.session->reusable());
    peer.eof(true);
    CHECK_FALSE(peer.error);
    CHECK(peer.completed == stream);
    CHECK_FALSE(peer.session->busy());
  }
  SUBCASE("that would frame the body, not clean") {
    Http1Peer peer;
    peer.open("GET");
    peer.sent_all();
    peer.receive("HTTP/1.1 200 OK\r\n\r\nall of it?");
    peer.eof(false);
    CHECK(peer.failed_with(Code::truncated));
    CHECK(peer.completed == 0);
  }
  SUBCASE("while idle") {
    Http1Peer peer;
    peer.eof(true);
    CHECK_FALSE(peer.error);
    CHECK_FALSE(peer.session->reusable());
  }
}

TEST_CASE("session: abort forgets the exchange and the connection with it") {
  for (const std::string_view so_far : {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
    Http1Peer peer;
    const auto stream = peer.open("GET");
    if (!so_far.empty()) {
      peer.sent_all();
      peer.receive(so_far);
    }
    peer.session->abort(stream + 1);
    CHECK(peer.session->busy());
    peer.session->abort(stream);
    peer.session->abort(stream);
    CHECK_FALSE(peer.session->busy());
    CHECK_FALSE(peer.session->reusable());
    CHECK(peer.session->output().count == 0);
    const int status = peer.head.status;
    CHECK(peer.receive("HTTP/1.1 500 Late\r\n\r\n").empty());
    CHECK(peer.head.status == status);
  }
}

TEST_CASE("SB-57 session: trailers go to the exchange's own place") {
  Http1Peer peer;
  peer.open("GET");
  peer.sent_all();
  peer.receive(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n");
  CHECK(peer.completed != 0);
  CHECK(peer.trailers.find("set-cookie") == "a=b");
  CHECK_FALSE(peer.head.fields.contains("set-cookie"));
  CHECK(peer.session->reusable());
  peer.open("GET");
  peer.sent_all();
  peer.receive(kOk);
  CHECK(peer.trailers.empty());
}

TEST_CASE("session: a close of the caller's ends the connection, wherever it is in the list") {
  for (const char* value : {"close", "TE, close", "close, TE", "Close", "\"x, close", "a,,close,"}) {
    CAPTURE(value);
    Http1Peer peer;
    REQUIRE(peer.request.fields.add("Connection", value));
    peer.open("GET");
    peer.sent_all();
    peer.receive(kOk);
    CHECK(peer.completed != 0);
    CHECK_FALSE(peer.session->reusable());
  }
}

}  // namespace sluice
