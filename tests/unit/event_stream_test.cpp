// core/event_stream: server-sent events (WHATWG HTML 9.2.6), row by row and at every split.
#include "core/event_stream.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using namespace sluice;
using namespace std::string_view_literals;
using std::chrono::milliseconds;

namespace {

// Feeds one piece and appends what comes of it: "type|data|id;", and "!" for an error.
void feed(EventStream& stream, std::string_view piece, std::string& out) {
  for (Bytes bytes = as_bytes(piece);;) {
    const auto event = stream.next(bytes);
    if (!event) {
      CHECK(event.error().code == Code::body_too_large);
      CHECK(event.error().blame == Blame::limit);
      if (!out.ends_with('!')) out += '!';
      return;
    }
    if (!*event) {
      CHECK(bytes.empty());
      return;
    }
    const auto& [type, data, id] = **event;
    CHECK(stream.last_event_id() == id);
    out.append(type).append("|").append(data).append("|").append(id).append(";");
  }
}

std::string read(const std::vector<std::string_view>& pieces, std::size_t most = EventStream::kMaxEventBytes) {
  EventStream stream(most);
  std::string out;
  for (const std::string_view piece : pieces) feed(stream, piece, out);
  if (stream.retry()) out += "retry " + std::to_string(*stream.retry() / milliseconds(1)) + ";";
  return out.append(stream.last_event_id());
}

// As read(), of the text as a whole; checks that it is the same in two pieces, in three, and byte by byte.
std::string events(std::string_view text, std::size_t most = EventStream::kMaxEventBytes) {
  const std::string whole = read({text}, most);
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    CAPTURE(i);
    CHECK(read({text.substr(0, i), text.substr(i)}, most) == whole);
    CHECK(read({text.substr(0, i), "", text.substr(i, 1), text.substr(std::min(i + 1, text.size()))}, most) == whole);
    if (i < text.size()) single.push_back(text.substr(i, 1));
  }
  CHECK(read(single, most) == whole);
  return whole;
}

struct EventRow {
  std::string_view text, result;
};

template <std::size_t N>
void check_events(const EventRow (&rows)[N]) {
  for (const EventRow& row : rows) {
    CAPTURE(row.text);
    CHECK(events(row.text) == row.result);
  }
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  while (times-- > 0) out += text;
  return out;
}

}  // namespace

TEST_CASE("event stream: the examples of the standard") {
  check_events({
      {"data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\n"
       "data: This is the third message.\n\n",
       "message|This is the first message.|;message|This is the second message, it\nhas two lines.|;"
       "message|This is the third message.|;"},
      {"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
       "add|73857293|;remove|2153|;add|113411|;"},
      {"data: YHOO\ndata: +2\ndata: 10\n\n", "message|YHOO\n+2\n10|;"},
      {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
       "message|first event|1;message|second event|;message| third event|;"},
      {"data\n\ndata\ndata\n\ndata:", "message||;message|\n|;"},
      {"data:test\n\ndata: test\n\n", "message|test|;message|test|;"},
  });
}

TEST_CASE("event stream: lines end with LF, CR or CRLF, also in one stream") {
  check_events({
      {"data:a\r\rdata:b\r\r", "message|a|;message|b|;"},
      {"data:a\r\n\r\ndata:b\r\n\r\n", "message|a|;message|b|;"},
      {"data:a\r\n\ndata:b\n\r", "message|a|;message|b|;"},
      {"data:a\n\r\ndata:b\r\r\n", "message|a|;message|b|;"},
      {"data:a\r\ndata:b\rdata:c\ndata:d\n\n", "message|a\nb\nc\nd|;"},
      {"\r\n\r\r\n\n\ndata:a\n\n\n\n", "message|a|;"},
      {"data:a\n\r\n", "message|a|;"},
      {"data:a\r\n", ""},
      {"data:a\r\n\r", "message|a|;"},
      {"data:a\v\f\xc2\x85\xe2\x80\xa8\n\n", "message|a\v\f\xc2\x85\xe2\x80\xa8|;"},
  });
}

TEST_CASE("event stream: an event is given as soon as its line end has begun") {
  EventStream stream;
  std::string out;
  feed(stream, "data:a\r\n\r", out);
  CHECK(out == "message|a|;");
  feed(stream, "\ndata:b\r\r", out);
  CHECK(out == "message|a|;message|b|;");
  feed(stream, "\n\r\n", out);
  CHECK(out == "message|a|;message|b|;");
}

TEST_CASE("event stream: one byte order mark at the start is ignored") {
  check_events({
      {"\xef\xbb\xbf"
       "data:a\n\ndata:b\n\n",
       "message|a|;message|b|;"},
      {"\xef\xbb\xbf\ndata:a\n\n", "message|a|;"},
      {"\xef\xbb\xbf", ""},
      {"\xef\xbb", ""},
      {"\xef\xbb\xbf\xef\xbb\xbf"
       "data:a\n\ndata:b\n\n",
       "message|b|;"},
      {"\xef\xbb"
       "data:a\n\ndata:b\n\n",
       "message|b|;"},
      {"\n\xef\xbb\xbf"
       "data:a\n\ndata:b\n\n",
       "message|b|;"},
      {"data:a\n\n\xef\xbb\xbf"
       "data:b\n\n",
       "message|a|;"},
  });
}

TEST_CASE("event stream: fields") {
  check_events({
      {"data:a\n:comment\n: data:b\n:\ndata:c\n\n", "message|a\nc|;"},
      {"data:a:b: c\n\n", "message|a:b: c|;"},
      {"data:\n\n", "message||;"},
      {"data: \n\n", "message||;"},
      {"data:  a \n\n", "message| a |;"},
      {"data:\ta\n\n", "message|\ta|;"},
      {"data :a\n\n", ""},
      {" data:a\n\n", ""},
      {"Data:a\nDATA:b\n\n", ""},
      {"dat:a\ndataa:b\ndat\ndatas\n\n", ""},
      {"data:a\0b\n\n"sv, "message|a\0b|;"sv},
      {"event:x\ndata:a\n\ndata:b\n\n", "x|a|;message|b|;"},
      {"event:x\nevent:y\ndata:a\n\n", "y|a|;"},
      {"event:x\nevent\ndata:a\n\n", "message|a|;"},
      {"event:x\nevent:\ndata:a\n\n", "message|a|;"},
      {"event:x\n\ndata:a\n\n", "message|a|;"},  // an event without data is dropped, and its type
      {"event:  x\ndata:a\n\n", " x|a|;"},
      {"data:a\n\ndata:b\n", "message|a|;"},  // the last one has no empty line
      {"data:a\n\ndata:b", "message|a|;"},
      {"", ""},
      {"\n", ""},
      {"unknown:a\nnothing\n\n", ""},
  });
}

TEST_CASE("event stream: an id stays until another one comes, and counts when its event ends") {
  check_events({
      {"id:1\ndata:a\n\ndata:b\n\nid:2\ndata:c\n\n", "message|a|1;message|b|1;message|c|2;2"},
      {"id:1\nid:2\ndata:a\n\n", "message|a|2;2"},
      {"data:a\nid:1\n\n", "message|a|1;1"},
      {"id:1\n\n", "1"},
      {"id:1\n\ndata:a\n\n", "message|a|1;1"},
      {"id:1\ndata:a\n\nid:2\ndata:b\n", "message|a|1;1"},
      {"id:1\ndata:a\n\nid:2\n", "message|a|1;1"},
      {"id:1\ndata:a\n\nid\ndata:b\n\n", "message|a|1;message|b|;"},
      {"id:1\ndata:a\n\nid:\ndata:b\n\n", "message|a|1;message|b|;"},
      {"id:1\nid:2\0\ndata:a\n\n"sv, "message|a|1;1"},
      {"id:1\ndata:a\n\nid:\0\ndata:b\n\n"sv, "message|a|1;message|b|1;1"},
      {"id: a b \ndata:a\n\n", "message|a|a b ;a b "},
  });
}

TEST_CASE("event stream: retry is a number of milliseconds, in digits only") {
  check_events({
      {"retry:0\n", "retry 0;"},
      {"retry: 3000\n", "retry 3000;"},
      {"retry:007\n", "retry 7;"},
      {"retry:1\nretry:2\n", "retry 2;"},
      {"retry:1\nretry:x\nretry:\nretry\nretry:-2\nretry:+2\nretry:2 \nretry:  2\nretry:2.5\nretry:0x2\nretry:2s\n",
       "retry 1;"},
      {"data:a\nretry:5\n\n", "message|a|;retry 5;"},
      {"Retry:1\n", ""},
      {"retry:1", ""},
      {"retry:9223372036854\n", "retry 9223372036854;"},
      {"retry:9223372036855\n", "retry 9223372036854;"},
      {"retry:9223372036854775808\n", "retry 9223372036854;"},
      {"retry:99999999999999999999999999999\n", "retry 9223372036854;"},
  });
}

TEST_CASE("event stream: the next connection keeps id and retry, and nothing of an event that has not ended") {
  EventStream stream(20);
  std::string out;
  feed(stream, "id:1\nretry:5\ndata:a\n\nid:2\nevent:x\ndata:b\ndata", out);
  stream.restart();
  CHECK(stream.last_event_id() == "1");
  feed(stream,
       "\xef\xbb\xbf"
       "data:c\n\n",
       out);
  CHECK(out == "message|a|1;message|c|1;");
  feed(stream, "data:d\r", out);
  stream.restart();
  feed(stream,
       "\n\xef\xbb\xbf"
       "data:x\n\ndata:e\n\n",
       out);
  CHECK(out == "message|a|1;message|c|1;message|e|1;");
  feed(stream, "data:123456789012345678901234567890\n", out);
  CHECK(out.ends_with('!'));
  stream.restart();
  feed(stream, "data:f\n\n", out);
  CHECK(out.ends_with("!message|f|1;"));
  CHECK(stream.retry() == milliseconds(5));
}

TEST_CASE("event stream: an event over the limit is an error that stays") {
  const EventRow rows[] = {
      {"data:12345\n\n", "message|12345|;"},
      {"data:123456\n\n", "!"},
      {"data:123456", "!"},
      {"a:34567890\n\n", ""},
      {"a:345678901", "!"},
      {":234567890\n\n", ""},
      {":2345678901", "!"},
      // The line and what is kept, together: "1\n" and eight more.
      {"data:1\ndata:678\n\n", "message|1\n678|;"},
      {"data:1\ndata:6789\n\n", "!"},
      {"data:1\n:2345678\n\n", "message|1|;"},
      {"data:1\n:23456789\n\n", "!"},
      {"event:1\ndata:6789\n\n", "1|6789|;"},
      {"event:1\ndata:67890\n\n", "!"},
      {"id:12\ndata:678\n\n", "message|678|12;12"},
      {"id:12\ndata:6789\n\n", "!"},
      {"data\ndata\ndata\ndata\ndata\ndata\n\n", "message|\n\n\n\n\n|;"},
      {"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n", "!"},
      // Comments and empty lines are not kept, nor are events that were given, and their ids.
      {":2345678\n:2345678\n:2345678\ndata:12345\n\n", "message|12345|;"},
      {"data:12345\n\ndata:12345\n\n", "message|12345|;message|12345|;"},
      {"id:1234567\n\ndata:12345\n\n", "message|12345|1234567;1234567"},
      {"event:1234\n\ndata:12345\n\n", "message|12345|;"},
      {"data:a\n\ndata:123456\n\ndata:b\n\n", "message|a|;!"},
  };
  for (const EventRow& row : rows) {
    CAPTURE(row.text);
    CHECK(events(row.text, 10) == row.result);
  }
  CHECK(events("\n\r\n", 0) == "");
  CHECK(events("\n:\n", 0) == "!");
}

TEST_CASE("event stream: the limit without a choice is 1 MiB, and the error says it") {
  EventStream stream;
  const std::string line = "data:" + std::string(EventStream::kMaxEventBytes - 5, 'x') + "\n";
  Bytes bytes = as_bytes(line);
  CHECK(*stream.next(bytes) == std::nullopt);
  bytes = as_bytes("\n");
  const auto event = stream.next(bytes);
  REQUIRE(event);
  REQUIRE(*event);
  CHECK((*event)->data.size() == EventStream::kMaxEventBytes - 5);

  const std::string longer = ":" + std::string(EventStream::kMaxEventBytes, 'x');
  bytes = as_bytes(longer);
  for (int i = 0; i < 2; ++i) {
    const auto failed = stream.next(bytes);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "a server-sent event has more than 1048576 bytes");
    bytes = {};
  }
}

TEST_CASE("event stream: hostile streams take linear time") {
  constexpr std::size_t kTimes = 200'000;
  std::size_t count = 0;
  const auto read_all = [&](const std::string& text) {
    EventStream stream;
    Bytes bytes = as_bytes(text);
    for (count = 0;; ++count) {
      const auto event = stream.next(bytes);
      REQUIRE(event);
      if (!*event) return;
    }
  };
  for (const char* text : {"\n", "\r", "\r\n", ":\n", ":\r", "data\r\r\r", "\xef\xbb\xbf", "id\n", "event:x\n\n"}) {
    CAPTURE(text);
    EventStream stream;
    std::string out;
    feed(stream, repeated(text, kTimes / 4), out);
  }
  // A long id is not copied for each event.
  read_all("id:" + std::string(200'000, 'x') + "\n" + repeated("data\n\n", kTimes / 10));
  CHECK(count == kTimes / 10);
  read_all(repeated("data\n", kTimes) + "\n");
  CHECK(count == 1);
  // A long line that comes byte by byte.
  EventStream stream;
  std::string out;
  for (std::size_t i = 0; i < kTimes; ++i) feed(stream, "x", out);
  CHECK(out == "");
}
