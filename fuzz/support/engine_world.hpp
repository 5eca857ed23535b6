// The driver of an Engine for the fuzz targets: reports facts, takes outputs, and after every step compares the engine
// with what must be true (see check()). Leaves to the target what happens and when. The far ends are Peers.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim/tls_server.hpp"
#include "core/base/limits.hpp"
#include "core/engine.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {

// The far end of one connection: the request bytes it got, and the bytes it will send.
struct Peer {
  std::optional<sim::TlsServer> tls;
  std::string asked, to_say;
  bool answering = false, spoke = false;
  bool own_bytes = false;  // its bytes come from the input, and may hold several responses
};

struct Link {
  bool is_tls = false, connected = false, open = true;
  Address address;  // kind none with a route
  Peer peer;
};

// Where the application found body bytes, without TLS.
inline constexpr std::string_view kLanded = "a body taken out of the landing buffer";
inline constexpr std::string_view kKept = "a body taken that the engine had kept";

class EngineWorld {
 public:
  explicit EngineWorld(const EngineOptions& options) : engine(options), options_(options) {
    timeout();  // from here on the engine and the world have the same time
  }

  // Takes outputs until there are none, and checks everything.
  void drain() {
    while (read_output()) {
    }
    FUZZ_CHECK(!engine.has_output());
    check();
  }
  bool read_output() {
    auto out = engine.poll_output();
    if (!out) return false;
    note(*out);
    if (between) between(*out);
    return true;
  }

  void added(TransferId id, const TransferOptions& options) {
    FUZZ_CHECK(engine.contains(id) && !known_.contains(id));
    known_[id] = {};
    if (options.total_timeout) known_[id].until = std::max(now.steady, latest_) + *options.total_timeout;
  }
  void timeout() {
    latest_ = std::max(latest_, now.steady);
    engine.handle_timeout(now);
    drain();
    // What this starts may be due at once, but not without end.
    for (int again = 0; engine.deadline() && engine.deadline()->at <= latest_; ++again) {
      FUZZ_CHECK(again < 100);
      engine.handle_timeout(now);
      drain();
    }
    for (const auto& [id, transfer] : known_) FUZZ_CHECK(transfer.done || !transfer.until || *transfer.until > latest_);
  }
  void connected(ConnId conn) {
    engine.handle_connected(conn, now);
    if (links.contains(conn)) links[conn].connected = true;
    drain();
  }
  // Takes the bytes that the engine sends on `conn`, at most `most`.
  std::string sent(ConnId conn, std::size_t most) {
    std::string all;
    while (all.size() < most) {
      const OutputView view = engine.transmit(conn);
      if (view.empty()) break;
      std::string piece;
      for (std::size_t i = 0; i < view.count; ++i) piece += as_text(view.spans[i]);
      FUZZ_CHECK(!piece.empty());
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
      const bool wanted = engine.interest(conn).read;
      const MutableBytes space = engine.receive_space(conn);
      FUZZ_CHECK(space.size() <= limits::kLandingBytes && wanted == !space.empty());
      if (space.empty()) break;
      landing_ = space.data();
      const std::size_t count = std::min(space.size(), bytes.size() - taken);
      std::memcpy(space.data(), bytes.data() + taken, count);
      taken += count;
      engine.handle_received(conn, count, now);
      drain();
    }
    return taken;
  }
  void take_body(TransferId id, std::size_t most) {
    const Bytes body = engine.body(id);
    FUZZ_CHECK(body.size() <= most_body);
    const std::size_t count = std::min(most, body.size());
    if (count > 0 && engine.info(id).tls_version.empty()) {
      saw(body.data() >= landing_ && body.data() < landing_ + limits::kLandingBytes ? kLanded : kKept);
    }
    if (known_.contains(id)) known_[id].body += as_text(body.first(count));
    engine.consume_body(id, count, now);
  }

  bool done(TransferId id) const { return known_.at(id).done.has_value(); }
  bool succeeded(TransferId id) const { return done(id) && known_.at(id).done->has_value(); }
  // "complete", "refused-CODE", or "running".
  std::string verdict(TransferId id) const {
    const auto& end = known_.at(id).done;
    return !end ? "running" : *end ? "complete" : verdict_of("refused", end->error().code);
  }
  const std::string& body(TransferId id) const { return known_.at(id).body; }
  std::vector<ConnId> open_conns() const {
    std::vector<ConnId> open;
    for (const auto& [conn, link] : links) {
      if (link.open) open.push_back(conn);
    }
    return open;
  }

  // What the application does after each output, while others may wait; all its calls are legal then.
  std::function<void(const Output&)> between;
  std::size_t most_body = limits::kLandingBytes + limits::kBodyBufferBytes;  // that may wait for the application
  // Asking for the space to receive into is a step of its own: the engine copies what is in the landing buffer.
  bool looks_at_spaces = false;

  Engine engine;
  Now now{Instant{std::chrono::seconds(1000)}, 1'750'000'000};
  std::vector<output::Resolve> resolves;
  std::map<ConnId, Link> links;
  std::vector<ConnId> conns;  // all connections so far, in order

 private:
  struct Known {
    std::optional<Result<void>> done;
    std::optional<Instant> until;
    std::string body;
    bool head = false;
  };

  void note(Output& out) {
    if (auto* resolve = std::get_if<output::Resolve>(&out)) resolves.push_back(*resolve);
    if (auto* connect = std::get_if<output::Connect>(&out)) {
      FUZZ_CHECK(!links.contains(connect->conn));
      links[connect->conn].address = connect->address;
      links[connect->conn].is_tls = connect->address.port == 443 || connect->port == 443;
      conns.push_back(connect->conn);
    }
    if (auto* close = std::get_if<output::Close>(&out)) {
      FUZZ_CHECK(links.contains(close->conn) && links[close->conn].open);
      links[close->conn].open = false;
    }
    if (auto* change = std::get_if<output::InterestChanged>(&out)) FUZZ_CHECK(links.contains(change->conn));
    if (auto* interim = std::get_if<output::InterimReady>(&out)) {
      of(interim->transfer);
      FUZZ_CHECK(interim->head.status >= 100 && interim->head.status < 200);
    }
    if (auto* head = std::get_if<output::HeadReady>(&out)) {
      FUZZ_CHECK(!std::exchange(of(head->transfer).head, true));
      FUZZ_CHECK(engine.head(head->transfer).status >= 200 || !engine.contains(head->transfer));
    }
    if (auto* body = std::get_if<output::BodyReady>(&out)) of(body->transfer);
    if (auto* upload = std::get_if<output::UploadReady>(&out)) of(upload->transfer);
    if (auto* done = std::get_if<output::Done>(&out)) {
      if (!done->result) {
        const std::string message = done->result.error().message();
        FUZZ_CHECK(!message.empty() && message.find('\n') == std::string::npos);
        FUZZ_CHECK(done->result.error().code != Code::internal);
      }
      of(done->transfer).done = std::move(done->result);
    }
  }
  // A transfer that an output may still name.
  Known& of(TransferId id) {
    FUZZ_CHECK(known_.contains(id) && !known_[id].done);
    return known_[id];
  }

  void check() {
    engine.check_invariants();
    std::size_t running = 0;
    for (const auto& [id, transfer] : known_) running += transfer.done ? 0U : 1U;
    FUZZ_CHECK(engine.running() == running);
    std::size_t open = 0, places = 0;
    std::map<std::string, std::size_t> races;  // a race tries no address twice, and counts as one connection
    for (auto& [conn, link] : links) {
      const Interest interest = engine.interest(conn);
      if (!link.open) {
        FUZZ_CHECK(interest == Interest{});
        continue;
      }
      ++open;
      if (link.connected || link.address == Address{}) {
        ++places;
      } else {
        ++races[link.address.to_string()];
      }
      if (looks_at_spaces) FUZZ_CHECK(interest.read == !engine.receive_space(conn).empty());
      if (link.connected) FUZZ_CHECK(interest.write == !engine.transmit(conn).empty());
    }
    FUZZ_CHECK(engine.connections() == open && engine.idle_connections() <= open);
    std::size_t most_races = 0;
    for (const auto& [address, count] : races) most_races = std::max(most_races, count);
    if (options_.max_connections != 0) FUZZ_CHECK(places + most_races <= options_.max_connections);
  }

  const EngineOptions options_;
  std::map<TransferId, Known> known_;
  Instant latest_;
  const std::uint8_t* landing_ = nullptr;
};

}  // namespace sluice::fuzz
