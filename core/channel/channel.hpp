// A channel: one byte stream with its stack of machines: layers (proxy handshake, TLS) at the bottom, an HTTP session
// on top. Knows how bytes climb and descend. Knows no pool, no transfer, no timer: it can be used alone, over any
// stream.
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
  connecting,  // the transport is not there yet
  securing,    // layers shake hands
  ready,       // HTTP may flow
  closed,      // nothing more is read or sent but a goodbye
};
inline constexpr std::size_t kChannelPhases = 4;
extern const Transitions<ChannelPhase, kChannelPhases> kChannelMoves;

class Channel {
 public:
  ChannelPhase phase() const { return phase_; }

  // Back to `connecting`, without layers or session. Keeps nothing but small memory.
  void reset();
  // Before start(). The first one pushed is the bottom of the stack.
  void push_layer(std::unique_ptr<Layer> layer) { stages_.push_back({std::move(layer), {}, false}); }

  // The transport is connected: the bottom layer begins.
  void start(Now now);

  // What a read of the wire decoded to: plain bytes in place in `landing` (or in `wire` itself without layers). A
  // failure of a layer is kept in fault(), so that the bytes before it can be looked at first.
  MutableBytes decode(MutableBytes wire, Landing& landing, Now now);
  const std::optional<Error>& fault() const { return fault_; }
  bool peer_closed() const { return peer_closed_; }  // a layer saw the peer's goodbye

  // After start() and decode(): true once, when the last layer became established (at once without layers).
  bool become_ready();
  void set_session(std::unique_ptr<http::Session> session) { session_ = std::move(session); }
  http::Session* session() const { return session_.get(); }

  // Moves the session's output down through the layers, up to the cap.
  void pump(Now now);
  OutputView transmit() const;
  bool has_layers() const { return !stages_.empty(); }
  bool has_output() const;
  // The wire took so many bytes of transmit(). Of the exchanges, those whose requests they may belong to are appended
  // to `moved`.
  void sent(std::size_t bytes, std::vector<http::StreamId>& moved, Now now);

  // Bytes of the session's are on their way down, and the wire has not taken them yet.
  bool holds_plain() const { return plain_on_wire_ != plain_total_; }

  // What an end of the wire is now by every layer's rules: the worst of their answers.
  StreamEnd stream_end() const;
  // Ends it: a goodbye is put into transmit() where a layer has one and the wire is in a state to take it. What the
  // session gave and the wire has not taken is dropped: it may be sent elsewhere by then, or be wanted by nobody
  // (SB-48).
  void close(bool say_goodbye);

  // What the layers agreed on; legal once it is ready. May throw std::bad_alloc.
  LayerFacts facts() const;
  // What the layer that is not established yet does, for messages; "connect" without one.
  std::string_view task() const;
  Code task_failure() const;

 private:
  // A layer and what it has produced on the way down. The bottom stage's bytes are the wire's.
  struct Stage {
    std::unique_ptr<Layer> layer;
    std::vector<std::uint8_t> out;
    bool started = false;
  };
  void enter(ChannelPhase next);
  void fail(Error error);
  const Layer* unfinished() const;
  // Runs a call on a layer. Without memory for it the stack has failed.
  template <class Call>
  void drive(Call call) {
    if (!has_memory_for(call)) fail(make_error(Code::out_of_memory, {}));
  }
  void start_stage(std::size_t index, Now now);
  void settle(Now now);  // moves what upper stages produced down to the wire
  void encode(std::size_t index, Bytes& plain, Now now);
  bool takes_plain() const { return !fault_ && stages_.back().out.size() < limits::kWireOutBytes; }
  std::size_t descend(Bytes plain, Now now);
  void mark();
  void count_sent(std::size_t bytes);
  void drop_memory();

  ChannelPhase phase_ = ChannelPhase::connecting;
  bool peer_closed_ = false;
  bool goodbye_said_ = false;
  std::vector<Stage> stages_;
  std::size_t wire_begin_ = 0;  // of stages_[0].out: what was sent already
  // The session's bytes: how many have gone into the layers, and how many of them the wire has taken whole, with what
  // the layers put around them. Marks tell the second from the bytes that the wire took. They grow in both numbers.
  struct Mark {
    std::uint64_t plain, wire;
  };
  std::uint64_t plain_total_ = 0, plain_on_wire_ = 0, wire_total_ = 0;
  std::vector<Mark> marks_;
  std::unique_ptr<http::Session> session_;
  std::optional<Error> fault_;
};

}  // namespace sluice::channel
