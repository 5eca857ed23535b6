// One simulated connection: the bytes in both directions, the peer at the far end, and the effect of the weather. Knows
// virtual time and the weather. Leaves to the world: the engine, moving bytes at the near end, and the queue of events.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/sim.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/fifo.hpp"
#include "adapters/sim/trace.hpp"

namespace sluice::sim {

using LinkId = Id<struct LinkTag>;
class Link;
class Tcp;

// What a link needs from the world.
class LinkHost {
 public:
  virtual Now now() const = 0;
  // Adds an event for the link; returns its number.
  virtual std::uint64_t schedule(const Link& link, Event::Kind kind, Instant at) = 0;
  virtual TraceLine line(const Link& link) = 0;  // begins with the link's name
  virtual void count_fault(const Link& link, std::string_view fault) = 0;
  virtual void note_cut_off(const Link& link) = 0;

 protected:
  ~LinkHost() = default;
};

// One direction: pieces of bytes in order, and its end.
struct Way {
  struct Sent {
    Instant at;
    std::size_t bytes;
  };
  Fifo<std::uint8_t> bytes;  // the arrived ones first
  std::size_t arrived = 0;
  Fifo<Sent> under_way;
  std::optional<Instant> end_sent;    // after the bytes
  std::optional<Instant> reset_sent;  // after the end
  bool ended = false;                 // the end has arrived
  bool broken = false;                // a reset has arrived

  void push(Bytes more, Instant now);  // the bytes of one send
  void take_arrived(std::size_t count);
  void drop_under_way();
  void drop_arrived();
  void clear();
};

class Link final : public Line {
 public:
  enum class State : std::uint8_t {
    connecting,
    open,
    left,  // the engine has closed its end; the peer's may be open
  };

  // ---- the world's side ----
  void begin(LinkHost& host, LinkId id, ConnId conn, std::shared_ptr<const Weather> weather, Seed seed);
  void recycle();  // for SlotMap
  LinkId id() const { return id_; }
  ConnId conn() const { return conn_; }
  State state() const { return state_; }
  const Weather& weather() const { return *weather_; }
  Random& network_random() { return network_; }

  // The connect is accepted. Null: there is no peer.
  void open(std::unique_ptr<Peer> peer);
  void start_peer();
  // The engine has closed. The link exists until is_over().
  void leave();
  // No event of the link can happen any more.
  bool is_over() const { return state_ == State::left && peer_done_; }

  std::size_t room() const;  // bytes that it can take now
  // The engine sends the first `count` bytes of `view`; count <= room().
  void take(const OutputView& view, std::size_t count);
  std::size_t arrived() const { return down_.arrived; }
  std::size_t under_way() const { return down_.bytes.size() - down_.arrived; }
  bool ended() const { return down_.ended; }
  bool broken() const { return down_.broken; }
  Bytes waiting() const { return down_.bytes.items().first(down_.arrived); }
  void taken(std::size_t bytes) { down_.take_arrived(bytes); }

  void arm(Event::Kind kind, Instant at);
  bool is_armed(Event::Kind kind) const { return armed_[index_of(kind)] != 0; }
  bool is_current(const Event& event) const { return armed_[index_of(event.kind)] == event.sequence; }
  // Handles an event of the kinds to_engine, to_peer, peer_readable and wake. Returns how many bytes have just arrived
  // at the engine's end.
  std::size_t happen(Event::Kind kind);
  void disarm(Event::Kind kind) { armed_[index_of(kind)] = 0; }

  Duration draw_delay();                        // of one piece
  std::size_t draw_piece();                     // its size
  std::size_t carried() const;                  // the greatest size of a piece, because of the bandwidth ...
  Duration busy_with(std::size_t bytes) const;  // ... and how long it takes to carry one
  std::size_t draw_send();                      // the most bytes that a send takes

  // What was reported to the engine, and what is pending; only for the world.
  struct Told {
    Instant moved = {};          // when bytes last moved, in either direction
    bool write_blocked = false;  // a send took less than it was given
    bool end = false;
    bool receive_error = false;
    bool send_error = false;
  };
  Told told;
  enum class Fate : std::uint8_t { accepted, refused, hangs, half_open };
  Fate fate = Fate::accepted;          // of the connect
  std::string peer_name;               // for messages: "192.0.2.1:80"
  std::optional<OriginNumber> origin;  // nullopt: none listens there
  bool tls = false;                    // the engine uses TLS: its bytes differ from run to run
  std::uint64_t number = 0;            // number of the connect
  Tcp* program = nullptr;              // the program's end; null: the world's own engine

  // ---- for the peer ----
  using Line::send;
  void send(Bytes bytes) override;
  void finish() override;
  void close() override;
  void reset() override;
  void read(bool on) override;
  void wake_after(Duration delay) override;
  void admit(std::string_view fault) override;
  void note_cut_off() override { host_->note_cut_off(*this); }
  Now now() const override { return host_->now(); }
  Random& random() override { return application_; }

 private:
  enum class Fault : std::uint8_t { none, reset, close, half_close, stall };

  static std::size_t index_of(Event::Kind kind) { return static_cast<std::size_t>(kind); }
  Instant now_steady() const { return host_->now().steady; }
  void draw_fault();
  void check_fault();
  void commit_fault();
  std::size_t until_fault() const;
  void schedule(Way& way, Event::Kind kind);
  std::size_t arrive_at_engine();
  void arrive_at_peer();
  void feed_peer(std::size_t most);
  void stop_reading();
  void answer_with_reset();
  void room_grew();
  void say(std::string_view what) { host_->line(*this).word("peer").word(what); }

  LinkHost* host_ = nullptr;
  LinkId id_;
  ConnId conn_;
  State state_ = State::connecting;
  std::shared_ptr<const Weather> weather_;
  Random network_{Seed{}};      // draws of the weather for this link
  Random application_{Seed{}};  // draws of the peer
  std::unique_ptr<Peer> peer_;
  Way down_;  // to the engine
  Way up_;    // to the peer
  std::array<std::uint64_t, Event::kLinkKinds> armed_ = {};
  Instant latest_down_;
  Instant latest_up_;
  std::uint64_t moved_ = 0;  // bytes that have arrived in both directions
  std::uint64_t fault_at_ = 0;
  Fault fault_ = Fault::none;
  bool reading_ = true;     // the peer reads
  bool finished_ = false;   // the peer has sent its end
  bool peer_done_ = false;  // the peer has closed, or there is none
  bool end_given_ = false;  // the peer was told of the engine's close
  bool feeding_ = false;    // the peer is being given bytes
  bool stalled_ = false;
  bool reset_counted_ = false;
};

}  // namespace sluice::sim
