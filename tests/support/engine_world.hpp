// The driver of an Engine for tests: every output is recorded, and facts and time come only from the test. Has no
// sockets. Used by the unit tests of core/engine.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/engine.hpp"

namespace sluice::test {

class EngineWorld {
 public:
  explicit EngineWorld(EngineOptions options = {}) : engine(std::move(options)) {}
  explicit EngineWorld(Engine made) : engine(std::move(made)) {}

  // ---- what the application does ----
  static Request get(std::string_view url, std::string_view method = "GET") {
    Request request;
    request.method = method;
    auto parsed = Url::parse(url);
    REQUIRE(parsed.has_value());
    request.url = *parsed;
    return request;
  }
  TransferId add(Request request, TransferOptions options = {}) {
    auto id = engine.add(std::move(request), std::move(options), now);
    REQUIRE_MESSAGE(id.has_value(), id.error().message());
    drain();
    return *id;
  }
  TransferId add(std::string_view url, TransferOptions options = {}) { return add(get(url), std::move(options)); }
  void remove(TransferId id) {
    engine.remove(id, now);
    drain();
  }

  // ---- what the world does ----
  void pass(Duration by) {
    now.steady += by;
    now.wall += std::chrono::duration_cast<std::chrono::seconds>(by).count();
    engine.handle_timeout(now);
    drain();
  }
  void resolved(std::string_view first, std::vector<std::string> more = {}) {
    REQUIRE(!resolves.empty());
    std::vector<IpAddress> addresses = {*IpAddress::parse(first)};
    for (const auto& address : more) addresses.push_back(*IpAddress::parse(address));
    const ResolveId id = resolves.front().id;
    resolves.erase(resolves.begin());
    engine.handle_resolved(id, std::move(addresses), now);
    drain();
  }
  void connected(ConnId conn) {
    engine.handle_connected(conn, now);
    drain();
  }
  // Takes the bytes that the engine sends on `conn`, at most `most`.
  std::string sent(ConnId conn, std::size_t most = SIZE_MAX) {
    std::string all;
    while (all.size() < most) {
      const OutputView view = engine.transmit(conn);
      if (view.empty()) break;
      std::string piece;
      for (std::size_t i = 0; i < view.count; ++i) piece += as_text(view.spans[i]);
      piece.resize(std::min(piece.size(), most - all.size()));
      all += piece;
      engine.handle_sent(conn, piece.size(), now);
      drain();
    }
    return all;
  }
  // Gives bytes to the engine, as many as it takes at a time; returns how many it took in all.
  std::size_t receive(ConnId conn, std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const MutableBytes space = engine.receive_space(conn);
      if (space.empty()) break;
      const std::size_t count = std::min(space.size(), bytes.size() - taken);
      std::memcpy(space.data(), bytes.data() + taken, count);
      taken += count;
      engine.handle_received(conn, count, now);
      drain();
    }
    return taken;
  }
  void eof(ConnId conn) {
    engine.handle_eof(conn, now);
    drain();
  }
  void io_error(ConnId conn, Code code, std::string text = "Connection reset by peer") {
    engine.handle_io_error(conn, make_error(code, std::move(text), 104), now);
    drain();
  }

  // Takes outputs until there are none. With `consume`, bodies are consumed when they come.
  void drain() {
    while (auto out = engine.poll_output()) {
      if (watcher) watcher(*out);
      note(std::move(*out));
    }
    engine.check_invariants();
  }

  bool done(TransferId id) const { return results.contains(id); }
  bool succeeded(TransferId id) const { return done(id) && results.at(id).has_value(); }
  Code failure(TransferId id) const {
    REQUIRE(done(id));
    REQUIRE(!results.at(id).has_value());
    return results.at(id).error().code;
  }

  Engine engine;
  Now now{Instant{std::chrono::seconds(1000)}, 1'800'000'000};
  bool consume = true;
  std::function<void(const Output&)> watcher = {};  // called with each output before it is recorded
  std::vector<output::Resolve> resolves;
  std::vector<output::Connect> connects;  // all Connects so far, in order
  std::vector<ConnId> closes;
  std::vector<ConnId> changed;
  std::vector<TransferId> heads, uploads_ready;
  std::vector<int> interims;
  std::map<TransferId, std::string> bodies;
  std::map<TransferId, Result<void>> results;
  std::vector<std::string> key_log;
  std::vector<output::HeadSent> heads_sent;
  std::vector<output::HopDone> hops_done;
  std::vector<TransferId> rewinds;

 private:
  void note(Output out) {
    if (auto* resolve = std::get_if<output::Resolve>(&out)) resolves.push_back(*resolve);
    if (auto* connect = std::get_if<output::Connect>(&out)) connects.push_back(*connect);
    if (auto* close = std::get_if<output::Close>(&out)) closes.push_back(close->conn);
    if (auto* change = std::get_if<output::InterestChanged>(&out)) changed.push_back(change->conn);
    if (auto* head = std::get_if<output::HeadReady>(&out)) heads.push_back(head->transfer);
    if (auto* interim = std::get_if<output::InterimReady>(&out)) interims.push_back(interim->head.status);
    if (auto* upload = std::get_if<output::UploadReady>(&out)) uploads_ready.push_back(upload->transfer);
    if (auto* line = std::get_if<output::KeyLog>(&out)) key_log.push_back(line->line);
    if (auto* head = std::get_if<output::HeadSent>(&out)) heads_sent.push_back(*head);
    if (auto* rewind = std::get_if<output::UploadRewind>(&out)) rewinds.push_back(rewind->transfer);
    if (auto* hop = std::get_if<output::HopDone>(&out)) hops_done.push_back(std::move(*hop));
    if (auto* body = std::get_if<output::BodyReady>(&out); body && consume) take_body(body->transfer);
    if (auto* done_output = std::get_if<output::Done>(&out)) {
      REQUIRE_MESSAGE(!results.contains(done_output->transfer), "a second Done");
      results.emplace(done_output->transfer, std::move(done_output->result));
    }
  }

 public:
  void take_body(TransferId id, std::size_t most = SIZE_MAX) {
    const Bytes body = engine.body(id);
    const std::size_t count = std::min(most, body.size());
    bodies[id] += as_text(body.first(count));
    engine.consume_body(id, count, now);
  }
};

}  // namespace sluice::test
