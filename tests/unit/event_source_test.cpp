// core/event_source: what each request has, what is a stream of events, and what follows an end.
#include "core/event_source.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace sluice;
using namespace std::chrono_literals;

namespace {

ResponseHead event_answer(int status, std::string_view type) {
  ResponseHead head;
  head.status = status;
  if (!type.empty()) REQUIRE(head.fields.add("Content-Type", type));
  return head;
}

// One connection that gives this stream, or (status 0) fails; the wait that follows it.
Duration wait_after(EventSource& source, std::string_view stream, int status = 200) {
  Fields fields;
  REQUIRE(source.begin(fields));
  if (status != 0) REQUIRE(source.accept(event_answer(status, "text/event-stream")));
  for (Bytes bytes = as_bytes(stream); !bytes.empty();) REQUIRE(source.next(bytes));
  const auto wait = source.end(std::unexpected(make_error(Code::receive_failed, "lost")));
  REQUIRE(wait);
  REQUIRE(*wait);
  return **wait;
}

}  // namespace

TEST_CASE("event source: what each request has") {
  EventSource source;
  Fields fields;
  REQUIRE(fields.add("Accept", "*/*"));
  REQUIRE(fields.add("last-event-id", "stale"));
  REQUIRE(source.begin(fields));
  CHECK(fields.find("Accept") == "text/event-stream");
  CHECK(fields.count("Accept") == 1);
  CHECK(fields.find("Cache-Control") == "no-store");
  CHECK_FALSE(fields.contains("Last-Event-ID"));
  Bytes bytes = as_bytes("id: \xc3\xa4 7\n\nid: cut\n");
  while (!bytes.empty()) REQUIRE(source.next(bytes));
  REQUIRE(source.begin(fields));
  CHECK(fields.find("Last-Event-ID") == "\xc3\xa4 7");
  // What came of an event before the end is dropped.
  bytes = as_bytes("data: x\n\n");
  const auto event = source.next(bytes);
  REQUIRE(event);
  REQUIRE(*event);
  CHECK((*event)->data == "x");
  CHECK((*event)->last_event_id == "\xc3\xa4 7");
  bytes = as_bytes("id: \x01\n\n");
  while (!bytes.empty()) REQUIRE(source.next(bytes));
  const auto refused = source.begin(fields);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_request);
  CHECK_FALSE(source.end(refused));
}

TEST_CASE("event source: which response is a stream of events") {
  struct Row {
    int status;
    const char *type, *error;
  };
  const Row rows[] = {
      {200, "text/event-stream", ""},
      {200, "TEXT/Event-Stream ; charset=utf-8", ""},
      {200, "text/event-stream,text/html", "no stream of events: its type is \"text/event-stream,text/html\""},
      {200, "text/html; a=text/event-stream", "no stream of events: its type is \"text/html; a=text/event-stream\""},
      {200, "", "no stream of events: its type is \"\""},
      {201, "text/event-stream", "no stream of events: the server answered 201"},
      {206, "text/event-stream", "no stream of events: the server answered 206"},
      {304, "text/event-stream", "no stream of events: the server answered 304"},
      {503, "text/event-stream", "no stream of events: the server answered 503"},
      {0, "", "no stream of events: the server answered 0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    CAPTURE(row.type);
    EventSource source;
    const auto accepted = source.accept(event_answer(row.status, row.type));
    CHECK(accepted.has_value() == (*row.error == '\0'));
    const auto end = source.end({});
    CHECK(end.has_value() == accepted.has_value());
    if (accepted) continue;
    CHECK(accepted.error().message() == row.error);
    CHECK(accepted.error().blame == Blame::peer);
    CHECK(end.error() == accepted.error());
  }
  ResponseHead head = event_answer(404, "text/html");
  head.reason = "Not Found";
  CHECK(EventSource().accept(head).error().message() == "no stream of events: the server answered 404 Not Found");
}

TEST_CASE("event source: 204 ends it, also after a stream and whatever follows") {
  EventSource source;
  CHECK(wait_after(source, "data: x\n\n") == 3s);
  Fields fields;
  REQUIRE(source.begin(fields));
  REQUIRE(source.accept(event_answer(204, "")));
  for (const Result<void>& result : {Result<void>(), Result<void>(std::unexpected(make_error(Code::canceled, "")))}) {
    const auto end = source.end(result);
    REQUIRE(end);
    CHECK_FALSE(*end);
  }
}

TEST_CASE("event source: the wait is what the server says, and twice as long after each failure in a row") {
  EventSource source;
  CHECK(wait_after(source, "") == 3s);
  CHECK(wait_after(source, "retry: 2000\n\n") == 2s);
  CHECK(wait_after(source, "") == 2s);
  CHECK(wait_after(source, "", 0) == 2s);
  CHECK(wait_after(source, "", 0) == 4s);
  CHECK(wait_after(source, "", 0) == 8s);
  CHECK(wait_after(source, "") == 2s);
  CHECK(wait_after(source, "", 0) == 2s);
  for (int i = 0; i < 100; ++i) wait_after(source, "", 0);
  CHECK(wait_after(source, "", 0) == 5min);
  CHECK(wait_after(source, "retry: 0\n\n") == 0s);
  CHECK(wait_after(source, "", 0) == 1s);
  CHECK(wait_after(source, "", 0) == 2s);
  CHECK(wait_after(source, "retry: 600000\n\n") == 10min);
  CHECK(wait_after(source, "", 0) == 10min);
  CHECK(wait_after(source, "retry: 99999999999999999999\n\n") == 1h);
  CHECK(wait_after(source, "", 0) == 1h);
  EventSource quick({.wait = 10ms, .max_backoff = 1500ms, .max_wait = 1200ms});
  CHECK(wait_after(quick, "") == 10ms);
  CHECK(wait_after(quick, "", 0) == 1s);
  CHECK(wait_after(quick, "", 0) == 1200ms);
}

TEST_CASE("event source: failures that would come again stop it, and so does an event that is too large") {
  const std::pair<Code, bool> rows[] = {
      {Code::resolve_failed, true},
      {Code::connect_failed, true},
      {Code::truncated, true},
      {Code::idle_timeout, true},
      {Code::malformed_response, true},
      {Code::tls_handshake, true},
      {Code::too_many_descriptors, true},
      {Code::tls_certificate, false},
      {Code::too_many_redirects, false},
      {Code::unsupported_coding, false},
      {Code::body_too_large, false},
      {Code::descriptor_too_large, false},
      {Code::canceled, false},
      {Code::invalid_url, false},
      {Code::unsupported_scheme, false},
      {Code::out_of_memory, false},
      {Code::internal, false},
  };
  for (const auto& [code, goes_on] : rows) {
    CAPTURE(to_string(code));
    EventSource source;
    const auto end = source.end(std::unexpected(make_error(code, "why")));
    CHECK(end.has_value() == goes_on);
    if (!end) CHECK(end.error().message() == "why");
  }
  EventSource small({.max_event_bytes = 10});
  Fields fields;
  REQUIRE(small.begin(fields));
  REQUIRE(small.accept(event_answer(200, "text/event-stream")));
  Bytes bytes = as_bytes("data: much too long\n\n");
  const auto event = small.next(bytes);
  REQUIRE_FALSE(event);
  const auto end = small.end(std::unexpected(make_error(Code::canceled, "")));
  REQUIRE_FALSE(end);
  CHECK(end.error() == event.error());
}
