// The driver of one Connection for tests, as engine_world.hpp is for an Engine: every output is recorded, and bytes and
// time move only when the test says so. If the origin is https, the other end is a TLS server in memory.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/connection.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {

inline ConnectionOptions alone_options(std::string_view origin = "http://app.test/") {
  ConnectionOptions options;
  options.origin = EngineWorld::get(origin).url;
  options.name = "the line";
  if (options.origin.is_tls()) options.tls = make_config(trusting_options());
  return options;
}

class Alone {
 public:
  explicit Alone(ConnectionOptions options = alone_options()) : connection(made(std::move(options))) {}
  explicit Alone(Connection with) : connection(std::move(with)) {}
  explicit Alone(std::string_view origin) : Alone(alone_options(origin)) {}

  // ---- what the application does ----
  TransferId add(Request request, TransferOptions options = {}) {
    auto id = connection.add(std::move(request), std::move(options), now);
    REQUIRE_MESSAGE(id.has_value(), id.error().message());
    drain();
    return *id;
  }
  TransferId add(std::string_view url, TransferOptions options = {}) {
    return add(EngineWorld::get(url), std::move(options));
  }
  void remove(TransferId id) {
    connection.remove(id, now);
    drain();
  }
  void close() {
    connection.close(now);
    drain();
  }
  std::size_t supply(TransferId id, std::string_view bytes) {
    const MutableBytes space = connection.upload_space(id);
    const std::size_t count = std::min(space.size(), bytes.size());
    if (count != 0) std::memcpy(space.data(), bytes.data(), count);
    connection.commit_upload(id, count, now);
    drain();
    return count;
  }
  void take_body(TransferId id, std::size_t most = SIZE_MAX) {
    const Bytes body = connection.body(id);
    const std::size_t count = std::min(most, body.size());
    bodies[id] += as_text(body.first(count));
    connection.consume_body(id, count, now);
  }

  // ---- what the stream does ----
  void pass(Duration by) {
    now.steady += by;
    connection.handle_timeout(now);
    drain();
  }
  // Takes the bytes to send, at most `step` at a time and `most` in all.
  std::string sent(std::size_t step = SIZE_MAX, std::size_t most = SIZE_MAX) {
    std::string all;
    while (all.size() < most) {
      const OutputView view = connection.transmit();
      CHECK(connection.interest().write == !view.empty());
      if (view.empty()) break;
      std::string piece;
      for (std::size_t i = 0; i < view.count; ++i) piece += as_text(view.spans[i]);
      piece.resize(std::min({piece.size(), step, most - all.size()}));
      all += piece;
      connection.handle_sent(piece.size(), now);
      drain();
    }
    return all;
  }
  // Gives bytes, `step` at a time, while there is room; returns how many were taken.
  std::size_t receive(std::string_view bytes, std::size_t step = SIZE_MAX) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const MutableBytes space = connection.receive_space();
      CHECK(connection.interest().read == !space.empty());
      if (space.empty()) break;
      const std::size_t count = std::min({space.size(), bytes.size() - taken, step});
      std::memcpy(space.data(), bytes.data() + taken, count);
      taken += count;
      connection.handle_received(count, now);
      drain();
    }
    return taken;
  }
  void eof() {
    connection.handle_eof(now);
    drain();
  }
  void io_error(Code code, std::string text = "Connection reset by peer") {
    connection.handle_io_error(make_error(code, std::move(text), 104), now);
    drain();
  }

  // ---- the server at the other end, for https ----
  sim::TlsServer& server() {
    if (!server_) server_.emplace(make_context(server_options));
    return *server_;
  }
  void carry(std::size_t step = SIZE_MAX) {
    for (bool moved = true; moved;) {
      const std::string out = sent(step);
      server().feed(as_bytes(out));
      std::vector<std::uint8_t>& back = server().output();
      const std::size_t count = receive(as_text(Bytes(back)), step);
      back.erase(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(count));
      moved = !out.empty() || count != 0;
    }
  }
  void say(std::string_view plain, std::size_t step = SIZE_MAX) {
    server().plain().clear();
    REQUIRE(server().write(as_bytes(plain)));
    carry(step);
  }

  // Takes outputs until there are none. With `consume`, bodies are consumed when they come.
  void drain() {
    while (auto out = connection.poll_output()) note(std::move(*out));
    connection.check_invariants();
  }

  bool done(TransferId id) const { return results.contains(id); }
  bool succeeded(TransferId id) const { return done(id) && results.at(id).has_value(); }
  const Error& error(TransferId id) const {
    REQUIRE(done(id));
    REQUIRE_FALSE(results.at(id).has_value());
    return results.at(id).error();
  }
  Code failure(TransferId id) const { return error(id).code; }

  Connection connection;
  Now now{Instant{std::chrono::seconds(1000)}, kNoon};
  bool consume = true;
  int closed = 0;                  // how often Closed was given
  std::vector<std::string> story;  // "done", "failed" and "closed", in order
  std::vector<TransferId> order;   // of the Dones
  std::vector<TransferId> heads, uploads_ready, rewinds;
  std::vector<int> interims;
  std::map<TransferId, std::string> bodies;
  std::map<TransferId, Result<void>> results;
  std::vector<std::string> key_log;
  sim::TlsServerOptions server_options = example_server();

 private:
  static Connection made(ConnectionOptions options) {
    auto connection = Connection::create(std::move(options));
    REQUIRE_MESSAGE(connection.has_value(), connection.error().message());
    return std::move(*connection);
  }
  void note(ConnectionOutput out) {
    if (auto* head = std::get_if<output::HeadReady>(&out)) heads.push_back(head->transfer);
    if (auto* interim = std::get_if<output::InterimReady>(&out)) interims.push_back(interim->head.status);
    if (auto* upload = std::get_if<output::UploadReady>(&out)) uploads_ready.push_back(upload->transfer);
    if (auto* rewind = std::get_if<output::UploadRewind>(&out)) rewinds.push_back(rewind->transfer);
    if (auto* line = std::get_if<output::KeyLog>(&out)) key_log.push_back(line->line);
    if (auto* body = std::get_if<output::BodyReady>(&out)) {
      CHECK_FALSE(connection.body(body->transfer).empty());
      if (consume) take_body(body->transfer);
    }
    if (std::holds_alternative<output::Closed>(out)) {
      ++closed;
      CHECK(connection.is_over());
      story.push_back("closed");
    }
    if (auto* done_output = std::get_if<output::Done>(&out)) {
      REQUIRE_MESSAGE(!results.contains(done_output->transfer), "a second Done");
      story.push_back(done_output->result ? "done" : "failed");
      order.push_back(done_output->transfer);
      results.emplace(done_output->transfer, std::move(done_output->result));
    }
  }

  std::optional<sim::TlsServer> server_;
};

using Story = std::vector<std::string>;

}  // namespace sluice::test
