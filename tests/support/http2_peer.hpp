// The other end of an HTTP/2 session in tests: opens exchanges, takes apart what is sent, and gives bytes to receive,
// in pieces of any size. Each piece is in memory of its own, so that a sanitizer sees views that are used too long.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http2/session.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::test {

class Http2Peer {
 public:
  // What has become of one exchange.
  struct Exchange {
    Request request;
    ResponseHead head;
    Fields trailers;
    std::optional<http::UploadBody> upload;
    std::string body;
    std::string story;  // a letter for each event: i, h, c, f, r; bodies are not in it
    std::optional<std::uint64_t> body_length;
    std::size_t head_bytes = 0, interim_bytes = 0;
    int interim_status = 0;
    Error error;
  };

  explicit Http2Peer(const http2::SessionOptions& options = {}) : session(http2::make_session(options)) {
    REQUIRE(session);
    first = sent();
  }

  http::StreamId open(std::string_view method = "GET", RequestBody body = {}, const h2::FieldList& fields = {});

  std::unique_ptr<http::Session> session;
  std::map<http::StreamId, std::unique_ptr<Exchange>> exchanges;
  std::optional<Error> error;                        // the session's
  std::size_t piece = static_cast<std::size_t>(-1);  // what is received comes in pieces of this size
  std::string order;                                 // the events of all exchanges, as "h1 h3 c3 "

  Exchange& operator[](http::StreamId stream) { return *exchanges.at(stream); }

  // All that is waiting to be sent.
  std::vector<h2::Frame> sent() {
    while (session->output().count > 0) {
      const OutputView out = session->output();
      for (std::size_t i = 0; i < out.count; ++i) client_.read(as_text(out.spans[i]));
      session->advance_output(out.size_bytes());
      moved.clear();
      session->on_wire(0, moved);
    }
    CHECK_FALSE(client_.is_broken());
    return client_.take();
  }
  std::vector<http::StreamId> moved;  // the requests that the last bytes were of
  std::vector<h2::Frame> first;       // what the session sends before all requests

  void receive(std::string_view bytes) {
    while (!bytes.empty() && !error) {
      receive_piece(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }
  void end(StreamEnd how = StreamEnd::clean) {
    std::vector<http::Event> events;
    if (auto ended = session->receive_eof(how, events); !ended) error = ended.error();
    note(events);
  }
  void timeout(Instant now) {
    std::vector<http::Event> events;
    if (auto done = session->handle_timeout({now, 0}, events); !done) error = done.error();
    note(events);
  }

 private:
  void receive_piece(std::string_view bytes) {
    std::vector<std::uint8_t> memory(bytes.begin(), bytes.end());
    MutableBytes rest(memory);
    do {
      std::vector<http::Event> events;
      const auto taken = session->receive(rest, events);
      note(events);
      if (!taken) {
        error = taken.error();
        return;
      }
      rest = rest.subspan(*taken);
    } while (!rest.empty());
  }

  void note(const std::vector<http::Event>& events) {
    for (const http::Event& event : events) {
      Exchange& exchange = *exchanges.at(event.stream);
      CHECK_FALSE(exchange.story.ends_with('c'));  // nothing follows an end
      CHECK_FALSE(exchange.story.ends_with('f'));
      CHECK_FALSE(exchange.story.ends_with('r'));
      char letter = 0;
      switch (event.kind) {
        case http::Event::Kind::interim:
          letter = 'i';
          exchange.interim_status = exchange.head.status;
          exchange.interim_bytes = event.head_bytes;
          break;
        case http::Event::Kind::head:
          letter = 'h';
          exchange.body_length = event.body_length;
          exchange.head_bytes = event.head_bytes;
          break;
        case http::Event::Kind::body:
          exchange.body += as_text(event.body);
          continue;
        case http::Event::Kind::complete:
          letter = 'c';
          break;
        case http::Event::Kind::failed:
          letter = 'f';
          exchange.error = event.error;
          break;
        case http::Event::Kind::refused:
          letter = 'r';
          exchange.error = event.error;
          break;
      }
      exchange.story += letter;
      (order += letter) += std::to_string(event.stream) + " ";
    }
  }

  h2::ClientReader client_;
};

inline http::StreamId Http2Peer::open(std::string_view method, RequestBody body, const h2::FieldList& fields) {
  auto made = std::make_unique<Exchange>();
  made->request.url = Url::parse("https://example.org/path?q").value();
  made->request.method = method;
  made->request.body = std::move(body);
  for (const auto& [name, value] : fields) REQUIRE(made->request.fields.add(name, value));
  if (!std::holds_alternative<std::monostate>(made->request.body)) made->upload.emplace(made->request.body);
  const auto stream = session->open({.request = &made->request,
                                     .upload = made->upload ? &*made->upload : nullptr,
                                     .head = &made->head,
                                     .trailers = &made->trailers,
                                     .rules = {.keep_raw_head = true}});
  REQUIRE(stream);
  exchanges[*stream] = std::move(made);
  return *stream;
}

// Runs `step(peer)` with input in pieces of several sizes.
template <class Step>
void with_every_split(Step step) {
  for (const std::size_t piece : {1UZ, 2UZ, 5UZ, 9UZ, 64UZ, 1'000'000UZ}) {
    CAPTURE(piece);
    Http2Peer peer;
    peer.piece = piece;
    step(peer);
  }
}

}  // namespace sluice::test
