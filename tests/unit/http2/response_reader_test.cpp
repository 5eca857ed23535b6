// core/http2/response_reader: row by row what a response over HTTP/2 may hold (RFC 9113 8.1, 8.2, 8.3), through the
// session, so that each error is one of its exchange alone (SB-68).
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "core/http2/response_reader.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using http2::ResponseReader;
using test::Http2Peer;
using test::with_every_split;
using namespace std::string_view_literals;
namespace h2 = test::h2;

const h2::FieldList kOkHead = {{":status", "200"}};

// The exchange fails with `why`, and the one beside it does not notice.
void fails(const std::string& frames, std::string_view why) {
  CAPTURE(why);
  with_every_split([&](Http2Peer& peer) {
    peer.open();
    peer.open();
    peer.receive(h2::settings() + frames + h2::headers(3, kOkHead, h2::kEndStream));
    CHECK_FALSE(peer.error);
    CHECK(peer[1].story.ends_with('f'));
    CHECK(peer[1].error.code == Code::http2_stream);
    CHECK(peer[1].error.blame == Blame::peer);
    CHECK(peer[1].error.message() == "HTTP/2: " + std::string(why) + " (PROTOCOL_ERROR)");
    CHECK(peer[3].story == "hc");
    CHECK(peer.session->reusable());
    bool is_reset = false;
    for (const h2::Frame& frame : peer.sent()) is_reset |= frame.type == h2::kReset && frame.number_at(0) == 1;
    CHECK(is_reset);
  });
}

std::string ok_with(const h2::FieldList& fields) {
  h2::FieldList all = kOkHead;
  all.insert(all.end(), fields.begin(), fields.end());
  return h2::headers(1, all);
}

}  // namespace

TEST_CASE("SB-68 http2 response: field names and values that no response may have") {
  fails(ok_with({{"Upper", "x"}}), "a field name in upper case");
  for (const std::string_view name :
       {""sv, "a b"sv, "a\0b"sv, "a\0"sv, "a\nb"sv, "a\r"sv, "a:b"sv, "\x80"sv, "a(b"sv}) {
    fails(ok_with({{name, "x"}}), "a field name that is no token");
  }
  for (const std::string_view value : {"\r"sv, "\n"sv, "a\0b"sv, "a\r\nset-cookie: b"sv}) {
    fails(ok_with({{"x", value}}), "a field value with CR, LF or NUL");
  }
  for (const std::string_view name : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
    fails(ok_with({{name, "x"}}), "the field " + std::string(name) + ", which belongs to a connection");
  }
}

TEST_CASE("SB-68 http2 response: values are checked in trailers that nobody wants too") {
  ResponseHead head;
  ResponseReader reader;
  reader.start({.head = &head});
  REQUIRE(reader.begin_section());
  REQUIRE(reader.field(":status", "200"));
  REQUIRE(reader.end_section(false));
  REQUIRE(reader.begin_section());
  CHECK(reader.field("x", "fine"));
  const auto refused = reader.field("x", "a\r"sv);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::http2_stream);
}

TEST_CASE("SB-68 http2 response: the same in trailers") {
  const std::string begin = ok_with({});
  const auto trailers = [&](const h2::FieldList& fields) { return begin + h2::headers(1, fields, h2::kEndStream); };
  fails(trailers({{"Upper", "x"}}), "a field name in upper case");
  fails(trailers({{"x", "\n"}}), "a field value with CR, LF or NUL");
  fails(trailers({{"upgrade", "x"}}), "the field upgrade, which belongs to a connection");
  fails(trailers({{":status", "200"}}), ":status in trailers");
  fails(trailers({{":path", "/"}}), "a pseudo-header field that is none of a response");
}

TEST_CASE("SB-68 http2 response: :status: three digits, once, first, and not 101") {
  for (const std::string_view status : {"", "2", "20", "2000", "099", "2x0", "+20", " 20", "-20"}) {
    fails(h2::headers(1, {{":status", status}}), "a :status that is not three digits");
  }
  fails(h2::headers(1, {{":status", "101"}}), "the status 101, which HTTP/2 does not have");
  fails(h2::headers(1, {{":status", "200"}, {":status", "200"}}), ":status twice");
  fails(h2::headers(1, {{"a", "b"}, {":status", "200"}}), "a field before :status");
  fails(h2::headers(1, {{":status", "200"}, {"a", "b"}, {":status", "200"}}), ":status after other fields");
  fails(h2::headers(1, {}), "a response without :status");
  for (const std::string_view name : {":", ":path", ":Status", ":method"}) {
    fails(h2::headers(1, {{":status", "200"}, {name, "x"}}), "a pseudo-header field that is none of a response");
  }
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() + h2::headers(1, {{":status", "999"}}, h2::kEndStream));
    CHECK(peer[1].head.status == 999);
  });
}

TEST_CASE("http2 response: sections and bodies in an order that has no meaning") {
  const std::string head = ok_with({});
  fails(h2::headers(1, {{":status", "103"}}) + h2::data(1, "", h2::kEndStream),
        "a stream that ends without a response");
  fails(h2::headers(1, {{":status", "103"}}, h2::kEndStream), "an interim response that ends the stream");
  fails(h2::headers(1, {{":status", "103"}}) + h2::data(1, "x"), "a body before the head");
  fails(head + h2::headers(1, {{"late", "1"}}), "a field section in the middle of a body");
  fails(head + h2::data(1, "x") + h2::headers(1, {{"late", "1"}}) + h2::data(1, "y"),
        "a field section in the middle of a body");
}

TEST_CASE("http2 response: a content-length that disagrees") {
  const auto head = [](std::string_view length) {
    return h2::headers(1, {{":status", "200"}, {"content-length", length}});
  };
  fails(head("3") + h2::data(1, "four"), "more body bytes than content-length says");
  fails(head("5") + h2::data(1, "four", h2::kEndStream), "the server ended the stream after 4 of 5 bytes of the body");
  fails(head("0") + h2::data(1, "x"), "more body bytes than content-length says");
  fails(h2::headers(1, {{":status", "200"}, {"content-length", "5"}}, h2::kEndStream),
        "the server ended the stream after 0 of 5 bytes of the body");
  fails(head("5") + h2::data(1, "four") + h2::headers(1, {{"a", "b"}}, h2::kEndStream),
        "the server ended the stream after 4 of 5 bytes of the body");
  for (const std::string_view length : {"", "x", "-1", "+1", "1 1", "18446744073709551616", "1,,1", "0x1"}) {
    fails(head(length), "a content-length that is not one number");
  }
  fails(head("1, 2"), "content-lengths that differ");
  fails(h2::headers(1, {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}}),
        "content-lengths that differ");
  with_every_split([](Http2Peer& peer) {
    peer.open();
    peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}, {"content-length", "1, 1"}}) +
                 h2::data(1, "x", h2::kEndStream));
    CHECK(peer[1].story == "hc");
  });
}

TEST_CASE("SB-58 http2 response: a body after HEAD, 204 or 304 is an error") {
  fails(h2::headers(1, {{":status", "204"}}) + h2::data(1, "x"), "a body where there can be none");
  fails(h2::headers(1, {{":status", "304"}}) + h2::data(1, "x"), "a body where there can be none");
  Http2Peer peer;
  peer.open("HEAD");
  peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}, {"content-length", "1"}}) + h2::data(1, "x"));
  CHECK(peer[1].story == "hf");
}

TEST_CASE("http2 response: any 2xx to CONNECT is followed by the bytes of a tunnel, 204 too (RFC 9110 9.3.6)") {
  for (const auto& [status, opens] : {std::pair("200"sv, true), std::pair("204"sv, true), std::pair("304"sv, false)}) {
    ResponseHead head;
    ResponseReader reader;
    reader.start({.head = &head, .to_connect = true});
    REQUIRE(reader.begin_section());
    REQUIRE(reader.field(":status", status));
    REQUIRE(reader.field("content-length", "1"));
    REQUIRE(reader.end_section(false));
    CHECK_FALSE(reader.body_length(false).has_value());
    CHECK(reader.body(7).has_value() == opens);
    CHECK(reader.end_body().has_value());
  }
}

TEST_CASE("SB-18 http2 response: a head may have 5,000 fields and 300 KiB, also in trailers; no more") {
  for (const bool in_trailers : {false, true}) {
    ResponseHead head;
    Fields trailers;
    ResponseReader reader;
    const auto start = [&] {
      reader.start({.head = &head, .trailers = &trailers});
      REQUIRE(reader.begin_section());
      REQUIRE(reader.field(":status", "200"));
      if (!in_trailers) return;
      REQUIRE(reader.end_section(false));
      REQUIRE(reader.begin_section());
    };
    start();
    std::size_t fields = in_trailers ? 0 : 1;
    while (reader.field("a", "b")) ++fields;
    CHECK(fields == limits::kMaxFields);
    start();
    const std::string value(991, 'x');
    std::size_t bytes = in_trailers ? 0 : 42;  // :status
    Result<void> added;
    while ((added = reader.field("a", value))) bytes += 1'024;
    CHECK(added.error().code == Code::response_too_large);
    CHECK(bytes + 1'024 > limits::kMaxHeadBytes);
    CHECK(bytes <= limits::kMaxHeadBytes);
  }
}

TEST_CASE("http2 response: white space around values is removed, and an empty value is one") {
  Http2Peer peer;
  peer.open();
  peer.receive(h2::settings() + h2::headers(1, {{":status", "200"}, {"a", " b\t"}, {"c", ""}}, h2::kEndStream));
  CHECK(peer[1].head.fields.find("a") == "b");
  CHECK(peer[1].head.fields.find("c") == "");
}

}  // namespace sluice
