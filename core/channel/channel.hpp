// A channel: one byte stream with its stack: layers (proxy handshake, TLS) at the bottom, an HTTP session on top. Moves
// bytes up and down the stack. Knows no pool, no transfer and no timer; it can be used alone, over any stream.
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "core/base/layer.hpp"
#include "core/base/memory.hpp"
#include "core/base/transitions.hpp"
#include "core/channel/landing.hpp"
#include "core/http/session.hpp"

namespace sluice::channel {

enum class ChannelPhase : std::uint8_t {
  connecting,  // the transport is not open yet
  securing,    // the layers make their handshakes
  ready,       // the session may send and receive
  closed,      // nothing more is read or sent, except a closing message (close_notify)
};
inline constexpr std::size_t kChannelPhases = 4;
extern const Transitions<ChannelPhase, kChannelPhases> kChannelMoves;

class Channel {
 public:
  ChannelPhase phase() const { return phase_; }

  // Back to `connecting`, without layers and session.
  void reset();
  // Only before start(). The first layer is the bottom of the stack. Throws std::bad_alloc.
  void push_layer(std::unique_ptr<Layer> layer) {
    if (!descent_) descent_ = std::make_unique<Descent>();
    stages_.push_back({std::move(layer), {}, false, false, 0});
  }

  // The transport is open: the bottom layer begins. An error is kept in fault().
  void start(Now now);

  // Decodes bytes that were read from the wire. Returns the plain bytes, a view into `landing`, or `wire` itself if
  // there are no layers. A failure of a layer is kept in fault(), so that the caller can use the bytes before it first.
  MutableBytes decode(MutableBytes wire, Landing& landing, Now now);
  const std::optional<Error>& fault() const { return fault_; }
  bool peer_closed() const { return peer_closed_; }  // a layer received the peer's closing message

  Again again() const;                     // of a failure: the answer of the layers
  std::string_view keys_to_retry() const;  // the same; valid as long as the layers

  // Call after start() and decode(). True once: when the last layer is established, or at once if there are none. The
  // phase is then `ready`.
  bool become_ready();
  // Drops the layers that change no byte any more, where that can be done. Call it when ready, after facts().
  void drop_passages() noexcept;
  void set_session(std::unique_ptr<http::Session> session) {
    session_ = std::move(session);
    multiplexes_ = session_ && session_->multiplexes();
  }
  http::Session* session() const { return session_.get(); }

  // Moves the session's output down through the layers, until limits::kWireOutBytes wait.
  void pump(Now now);
  // The layers may have something to do by themselves (Layer::deadline): call handle_timeout() then. A failure is kept
  // in fault(). What is to be sent waits for pump().
  bool keeps_time() const { return keeps_time_; }
  std::optional<Instant> deadline() const;
  void handle_timeout(Now now);
  // The bytes to send now: views that live until the next non-const call.
  OutputView transmit() const;
  bool has_layers() const { return !stages_.empty(); }
  bool has_output() const;
  // The wire took this many bytes of transmit(). Appends to `moved` the exchanges whose requests the bytes may belong
  // to.
  void sent(std::size_t bytes, std::vector<http::StreamId>& moved, Now now);

  // What the session has to send went with a layer's handshake: it is not sent again. Appends to `moved` as sent().
  void count_as_sent(std::vector<http::StreamId>& moved);

  // The layers hold bytes of the session that the wire has not taken yet.
  // For checks: all is sent, and a send buffer is larger than what a connection may keep.
  bool keeps_too_much() const;
  bool holds_plain() const { return descent_ && descent_->on_wire != descent_->plain; }

  // How the stream would have ended if the wire ended now: the worst answer of all layers, but for those below one that
  // the peer has ended: they may go on.
  StreamEnd stream_end() const;
  // Ends the channel. With `announce_end` the bottom layer's closing message is put into transmit(), if the channel was
  // ready, has no fault and holds no bytes of the session. Bytes of the session that the wire has not taken are
  // dropped: the request may be sent on another connection by then, or not be wanted any more (SB-48).
  void close(bool announce_end);

  // As Layer::proves(); false without layers. Only when ready.
  bool proves(const std::string& host, HostKind kind, std::uint16_t port, Now now) {
    return !stages_.empty() && stages_.back().layer->proves(host, kind, port, now);
  }
  // What the layers have agreed on with the peer. Only when ready. May throw std::bad_alloc.
  StreamFacts facts() const;
  // For messages: the task of the first layer that is not established, and the code if it fails. "connect" and
  // connect_failed if there is none.
  std::string_view task() const;
  Code task_failure() const;

 private:
  // A layer and the bytes that it has encoded. Those of the bottom stage go to the wire.
  struct Stage {
    std::unique_ptr<Layer> layer;
    std::vector<std::uint8_t> out;
    bool started = false;
    bool closed = false;                // the peer has ended it by the layer's own message
    std::uint64_t wire_at_timeout = 0;  // Descent::wire when the layer's time came last
  };
  // How many bytes of the session have gone into the layers (`plain`), how many of these the wire has taken with all
  // that the layers put around them, and how many bytes the wire has taken in all. A position: the first `plain` bytes
  // are on the wire once it has taken `wire` bytes. Both numbers grow from position to position.
  struct Descent {
    struct Position {
      std::uint64_t plain, wire;
    };
    bool keeps_too_much() const;
    std::uint64_t plain = 0, on_wire = 0, wire = 0;
    std::vector<Position> positions;
    std::size_t sent_here = 0;  // bytes of stages_[0].out that were sent already
  };
  static bool is_too_large(const Stage& stage);
  void enter(ChannelPhase next);
  void fail(Error error);
  const Layer* unfinished() const;
  // Runs a call on a layer. If memory runs out, the channel has failed.
  template <class Call>
  void drive(Call call) {
    if (!has_memory_for(call)) fail(make_error(Code::out_of_memory, {}));
  }
  void start_stage(std::size_t index, Now now);
  void settle(Now now);  // moves the bytes of upper stages down to the wire
  void encode(std::size_t index, Bytes& plain, Now now);
  bool takes_plain() const { return !fault_ && stages_.back().out.size() < limits::kWireOutBytes; }
  std::size_t descend(Bytes plain, Now now);
  void note_position();
  void count_sent(std::size_t bytes);
  void told_sent(std::uint64_t held, std::vector<http::StreamId>& moved, Now now) {
    if (!session_) return;
    if (multiplexes_) session_->set_time(now.steady);
    session_->on_wire(held, moved);
  }
  void drop_memory();

  ChannelPhase phase_ = ChannelPhase::connecting;
  bool peer_closed_ = false;
  bool end_announced_ = false;
  bool keeps_time_ = false;
  bool multiplexes_ = false;  // the session does
  std::vector<Stage> stages_;
  std::unique_ptr<Descent> descent_;  // null: no layers
  std::unique_ptr<http::Session> session_;
  std::optional<Error> fault_;
};

}  // namespace sluice::channel
