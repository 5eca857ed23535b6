// A world around an Engine that drives itself to the end, also when memory runs out: names with several addresses, some
// of which refuse or never answer, origins with keep-alive (tests/support/origin_talk.hpp says what a path means), TLS
// if the URL is https, and a clock that advances when nothing else happens. Every call into the engine is watched
// (shortage.hpp).
//
// Hosts: *.test has two addresses, of which the first refuses; the first address of race.test never answers, and
// nowhere.test has none. An address literal is an origin directly, except those two.
// Each origin is a proxy too, which asks for Digest; what it leads to is itself.
// Paths, besides those of the origin: /dies-reused/..., which closes instead of answering on a connection that has
// carried a request before; /resets/..., which resets in the middle of a body; /silent/..., which resets instead of
// answering; /guarded/..., which asks for Digest, and answers the first request of a connection that has it with a 503;
// /leads/PATH, which leads to PATH with the same body; /trailers/...; /continue, which asks for the body
// with a 100.
//
// The invariants are checked here, and violations are recorded (faults()): no exception reaches the caller; each
// transfer has one Done; a success has exactly the expected bytes; each Connect has its Close; no transfer waits for
// ever.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/sim/tls_server.hpp"
#include "core/engine.hpp"
#include "tests/memory/shortage.hpp"
#include "tests/support/origin_talk.hpp"

namespace sluice::test {

// A request, and the expected result if it succeeds.
struct Wish {
  std::string method = "GET";
  std::string url;
  std::string expected;  // body
  std::string upload;    // streamed, in pieces, or
  bool owned = false;    // all of it given with the request
  bool rewindable = false;
  bool expect_continue = false;
  bool pause = false;       // its body is consumed only when nothing else can happen
  bool repeatable = false;  // if it ends with receive_failed, the error must be retry_safe
  TransferOptions options = {};
};

// The peer of one connection.
class Peer {
 public:
  explicit Peer(const sim::TlsServerContext* tls);
  void feed(Bytes wire);
  std::string& output() { return out_; }  // what has been read is erased by the reader
  bool closes() const { return closes_ && out_.empty(); }
  bool resets() const { return resets_ && out_.empty(); }

 private:
  void answer();
  bool answer_specially();
  bool answer_as_proxy();
  std::unique_ptr<sim::TlsServer> server_;
  OriginTalk talk_;
  std::string in_;  // decrypted bytes of an incomplete request
  std::string plain_out_, out_;
  int requests_ = 0;
  bool closes_ = false;
  bool resets_ = false;
};

class MemoryWorld {
 public:
  // With a rule: one that makes hops (tests/support/next_rule.hpp).
  MemoryWorld(EngineOptions options, const sim::TlsServerContext* tls, bool with_rule = false);

  // nullopt: there was no memory for it.
  std::optional<TransferId> add(const Wish& wish);
  void remove(TransferId id);
  void remove_all();  // before any output about them is read
  void cancel(TransferId id);
  void set_limits(EngineLimits limits);
  void network_changed();
  // Runs until nothing is left to do: every transfer has its Done.
  void run();
  // One round of what can be done without advancing the time. False: nothing happened.
  bool step();
  // Removes everything, and checks that it is gone.
  void finish();

  void fault(std::string text) { faults_.push_back(std::move(text)); }
  const std::vector<std::string>& faults() const { return faults_; }
  bool succeeded(TransferId id) const;
  std::size_t failures(Code code) const;
  std::size_t ended() const { return ended_; }

  std::set<Code> legal;          // that a transfer may end with, besides out_of_memory
  std::size_t step_bytes = 900;  // the size of a read, so that everything arrives in several pieces
  // The maximum number of open connections, by the outputs; each attempt of a race counts.
  std::size_t most_open = SIZE_MAX;
  Now now{Instant{std::chrono::seconds(1000)}, 1'750'000'000};
  std::optional<Engine> engine;  // nullopt: there was no memory for it

 private:
  struct Asked {
    Wish wish;
    std::size_t supplied = 0;
    std::size_t hops = 0;  // that were reported to have ended before others
    std::string body;
    std::optional<Result<void>> result;
    bool removed = false;
  };
  void note(Output out);
  void note_done(output::Done& done);
  void judge(const Asked& asked, const output::Done& done);
  void use_all_again();
  void drain();
  void answer(const output::Resolve& resolve);
  void connect(const output::Connect& connect);
  bool move_bytes(ConnId conn, Peer& peer);
  void take_body(TransferId id, Asked& asked);
  void supply(TransferId id, Asked& asked);
  bool consume_paused();

  const sim::TlsServerContext* tls_;
  std::map<TransferId, Asked> asked_;
  std::deque<output::Resolve> resolves_;
  std::deque<output::Connect> connects_;
  std::map<ConnId, std::unique_ptr<Peer>> peers_;  // null: no peer
  std::size_t asked_for_connections_ = 0, closes_ = 0, ended_ = 0, adds_ = 0;
  const bool has_limit_;
  std::vector<std::string> faults_;
};

}  // namespace sluice::test
