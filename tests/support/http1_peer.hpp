// The other end of an HTTP/1 session in tests: opens exchanges, takes the sent bytes, and gives bytes to receive. Each
// piece is in memory of its own, so that a sanitizer sees views that are used too long.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http1/session.hpp"

namespace sluice::test {

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Http1Peer {
  std::unique_ptr<http::Session> session = http1::make_session();
  Request request;
  ResponseHead head;
  Fields trailers;
  std::optional<http::UploadBody> upload;
  std::vector<http::Event> events;
  std::vector<http::StreamId> moved;  // of all sends
  std::string body;                   // of all body events
  http::StreamId completed = 0;       // the last stream that a complete event named
  std::optional<Error> error;         // the session's

  Http1Peer() { request.url = Url::parse("http://example.org/").value(); }

  http::Exchange exchange() {
    return {.request = &request, .upload = upload ? &*upload : nullptr, .head = &head, .trailers = &trailers};
  }

  http::StreamId open(std::string_view method, RequestBody with = {}) {
    request.method = method;
    request.body = std::move(with);
    upload.reset();
    if (!std::holds_alternative<std::monostate>(request.body)) upload.emplace(request.body);
    const auto stream = session->open(exchange());
    REQUIRE(stream);
    return *stream;
  }

  // Takes up to `limit` bytes to send.
  std::string sent(std::size_t limit) {
    const OutputView out = session->output();
    std::string text;
    for (std::size_t i = 0; i < out.count; ++i) text.append(as_text(out.spans[i]));
    text.resize(std::min(text.size(), limit));
    session->advance_output(text.size());
    session->on_wire(0, moved);
    return text;
  }
  std::string sent_all() {
    std::string text;
    while (session->output().count > 0) text += sent(static_cast<std::size_t>(-1));
    return text;
  }

  // Gives all of `text`; returns the kinds of the events. An error is stored in `error`.
  std::vector<http::Event::Kind> receive(std::string_view text) {
    std::vector<std::uint8_t> memory(text.begin(), text.end());
    MutableBytes rest(memory);
    events.clear();
    do {
      const auto taken = session->receive(rest, events);
      if (!taken) {
        error = taken.error();
        break;
      }
      rest = rest.subspan(*taken);
    } while (!rest.empty());
    return note_events();
  }
  std::vector<http::Event::Kind> eof(bool clean) {
    events.clear();
    if (auto ended = session->receive_eof(clean ? StreamEnd::clean : StreamEnd::bare, events); !ended)
      error = ended.error();
    return note_events();
  }

  bool failed_with(Code code) const { return error && error->code == code && !error->message().empty(); }

  // Adds bytes to a streamed body and tells the session.
  void put(http::StreamId stream, std::string_view text) {
    const MutableBytes space = upload->space();
    REQUIRE(space.size() >= text.size());
    std::ranges::copy(as_bytes(text), space.begin());
    upload->commit(text.size());
    session->upload_changed(stream);
  }
  void finish(http::StreamId stream) {
    REQUIRE(upload->finish());
    session->upload_changed(stream);
  }

 private:
  std::vector<http::Event::Kind> note_events() {
    std::vector<http::Event::Kind> kinds;
    for (const http::Event& event : events) {
      kinds.push_back(event.kind);
      if (event.kind == http::Event::Kind::body) body.append(as_text(event.body));
      if (event.kind == http::Event::Kind::complete) completed = event.stream;
    }
    events.clear();
    return kinds;
  }
};

}  // namespace sluice::test
