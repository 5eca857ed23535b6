// Many exchanges on a connection, under random operations and facts from a seed. After each the engine's invariants
// hold; each transfer ends once and, when the faults stop, does end; its bytes are its own; a request that must not be
// repeated is not; no exchange holds more than its window.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/engine/parts.hpp"
#include "tests/support/engine_world.hpp"
#include "tests/support/mux_session.hpp"
#include "tests/support/pattern.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

class MuxMonkey {
 public:
  explicit MuxMonkey(std::uint64_t seed)
      : random_(Seed{seed}),
        world_(EngineParts::make(options(), std::make_unique<MuxFactory>(1 + below(8), 1 + below(8)))) {
    world_.consume = false;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    calm_ = true;
    for (int i = 0; i < 2'000 && world_.engine.running() != 0; ++i) {
      find_peers();
      answer_connects();
      send();
      for (auto& [conn, peer] : peers_) speak(conn, peer);
      consume();
      pass();
    }
    REQUIRE(world_.engine.running() == 0);
    judge();
  }

 private:
  struct Stream {
    std::string line;
    std::size_t size = 0, sent = 0, taken = 0;
    bool headed = false, over = false;
  };
  struct Peer {
    bool is_connected = false;
    std::map<http::StreamId, Stream> streams;
    MuxFarEnd far;
  };
  struct Wanted {
    std::string line;
    bool repeatable = true;
  };

  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  EngineOptions options() {
    EngineOptions options;
    options.max_connections = below(5);
    options.max_connections_per_origin = below(4);
    options.idle_connection_timeout = std::chrono::seconds(1 + below(30));
    return options;
  }
  static std::size_t size_of(std::string_view line) {
    std::size_t size = line.size();
    for (const char c : line) size = size * 31 + static_cast<unsigned char>(c);
    return size % 90'000;
  }
  static std::string_view body_of(std::string_view line) { return pattern(size_of(line), size_of(line) % 1'000); }

  void find_peers() {
    while (next_connect_ < world_.connects.size()) peers_.try_emplace(world_.connects[next_connect_++].conn);
  }
  void step() {
    find_peers();
    switch (below(11)) {
      case 0:
        return answer_connects();
      case 1:
      case 2:
        if (!peers_.empty()) {
          auto& [conn, peer] = *any_of(peers_);
          speak(conn, peer);
        }
        return;
      case 3:
        return send();
      case 4:
        return consume();
      case 5:
        return pass();
      case 6:
      case 7:
        return add();
      case 8:
        return cancel();
      default:
        return misbehave();
    }
  }

  void add() {
    if (wanted_.size() > 60) return;
    const bool post = one_in(3);
    const std::string path = "/" + std::to_string(wanted_.size());
    TransferOptions options;
    if (one_in(6)) options.fresh_connection = true;
    if (one_in(6)) options.forbid_reuse = true;
    Request request = EngineWorld::get("http://192.0.2." + std::to_string(1 + below(2)) + path, post ? "POST" : "GET");
    const TransferId id = world_.add(std::move(request), std::move(options));
    wanted_[id] = {(post ? "POST " : "GET ") + path, !post};
  }
  void cancel() {
    if (wanted_.empty() || !one_in(3)) return;
    const TransferId id = any_of(wanted_)->first;
    world_.engine.cancel(id, world_.now);
    world_.drain();
  }
  template <class Map>
  typename Map::iterator any_of(Map& map) {
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(below(map.size())));
  }

  void answer_connects() {
    for (auto& [conn, peer] : peers_) {
      if (peer.is_connected) continue;
      if (!calm_ && one_in(5)) {
        world_.io_error(conn, Code::connect_failed, "refused");
      } else {
        peer.is_connected = true;
        world_.connected(conn);
      }
      return;
    }
  }
  void send() {
    for (auto& [conn, peer] : peers_) {
      peer.far.take(world_.sent(conn, calm_ ? SIZE_MAX : 1 + below(400)));
      for (auto& [id, asked] : peer.far.asked) {
        Stream& stream = peer.streams[id];
        stream.taken = asked.taken;
        if (asked.reset) stream.over = true;
        if (stream.line.empty() && asked.whole) {
          stream.line = asked.line;
          stream.size = size_of(asked.line);
        }
      }
    }
  }
  // A few frames of one peer, in pieces.
  void speak(ConnId conn, Peer& peer) {
    std::string bytes;
    for (auto& [id, stream] : peer.streams) {
      if (stream.line.empty() || stream.over || one_in(2)) continue;
      if (!stream.headed) {
        if (!calm_ && one_in(12)) {
          bytes += mux_frame('X', id);
          stream.over = true;
          continue;
        }
        stream.headed = true;
        ++begun_[stream.line];
        bytes += mux_frame('H', id, "200");
      }
      const std::size_t window = stream.taken + kMuxWindow - std::min(stream.taken + kMuxWindow, stream.sent);
      const std::size_t count = std::min({stream.size - stream.sent, window, std::size_t{1 + below(20'000)}});
      bytes += mux_frame('D', id, body_of(stream.line).substr(stream.sent, count));
      stream.sent += count;
      if (stream.sent == stream.size) {
        bytes += mux_frame('E', id);
        stream.over = true;
      }
    }
    give(conn, bytes);
  }
  void give(ConnId conn, std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min<std::size_t>(bytes.size(), 1 + below(60'000));
      if (world_.receive(conn, bytes.substr(0, count)) != count) return;  // it is closed
      bytes.remove_prefix(count);
    }
  }
  void misbehave() {
    if (peers_.empty()) return;
    auto& [conn, peer] = *any_of(peers_);
    if (!peer.is_connected) return;
    switch (below(8)) {
      case 0:
        return world_.eof(conn);
      case 1:
        return world_.io_error(conn, one_in(2) ? Code::send_failed : Code::receive_failed);
      case 2:
        return give(conn, mux_frame('!', 0));
      case 3:
        return give(conn, mux_frame('G', 0));
      case 4:
        return give(conn, mux_frame('C', 0, std::to_string(below(9))));
      case 5:
      case 6:
        if (peer.streams.empty()) return;
        if (Stream& stream = any_of(peer.streams)->second; !stream.over && !stream.line.empty()) {
          stream.over = true;
          for (auto& [id, one] : peer.streams) {
            if (&one == &stream) give(conn, mux_frame('R', id));
          }
        }
        return;
      default:
        return give(conn, mux_frame('P', 77));
    }
  }
  void consume() {
    for (const auto& [id, wanted] : wanted_) {
      if (world_.engine.body(id).size() > kMuxWindow) FAIL("more than its window");
      if (calm_ || one_in(3)) world_.take_body(id, calm_ ? SIZE_MAX : 1 + below(30'000));
    }
    world_.drain();
  }
  void pass() { world_.pass(std::chrono::milliseconds(below(calm_ ? 100 : 2'000))); }

  void judge() {
    for (const auto& [id, wanted] : wanted_) {
      REQUIRE(world_.done(id));
      if (world_.succeeded(id)) {
        CHECK(world_.bodies[id] == body_of(wanted.line));
      } else {
        CHECK(body_of(wanted.line).starts_with(world_.bodies[id]));
      }
      CHECK(begun_[wanted.line] <= (wanted.repeatable ? 2 : 1));
    }
  }

  Random random_;
  EngineWorld world_;
  bool calm_ = false;
  std::size_t next_connect_ = 0;
  std::map<ConnId, Peer> peers_;
  std::map<TransferId, Wanted> wanted_;
  std::map<std::string, int> begun_;  // answers that a peer began
};

}  // namespace

TEST_CASE("multiplex: random operations and facts from 60 seeds") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    MuxMonkey(seed).run(400);
  }
}
