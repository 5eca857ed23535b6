// The two half-duplex machines of one HTTP/1 exchange, their tables of legal moves, and the rules that join them.
// Knows neither bytes nor buffers: the session tells it what happened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/check.hpp"

namespace sluice::http1 {

enum class SendState : std::uint8_t {
  idle,               // no exchange
  head,               // the head is going out, and the body right behind it unless 100 (Continue) is awaited
  awaiting_continue,  // the head is out; the body waits (RFC 9110 10.1.1)
  body,
  done,     // all of the request is out
  stopped,  // cut short: what the peer would read next is not a request, so the connection is never used again
};
enum class SendEvent : std::uint8_t {
  open,
  head_sent_alone,
  head_sent,
  head_sent_expecting,
  go_on,
  body_sent,
  cut,
  reset
};

enum class ReceiveState : std::uint8_t {
  idle,     // no exchange; a byte that comes now answers nothing
  waiting,  // for the first byte of a response
  head,
  body,  // the final head is complete; also where the body is empty
  complete,
  failed,
};
enum class ReceiveEvent : std::uint8_t { open, first_byte, interim, final_head, end, fail, reset };

inline constexpr std::size_t kSendStates = 6, kSendEvents = 8, kReceiveStates = 6, kReceiveEvents = 7;

template <class State, class Event>
struct Move {
  State from;
  Event event;
  State to;
};

inline constexpr std::array kSendMoves = {
    Move{SendState::idle, SendEvent::open, SendState::head},
    Move{SendState::head, SendEvent::head_sent_alone, SendState::done},
    Move{SendState::head, SendEvent::head_sent, SendState::body},
    Move{SendState::head, SendEvent::head_sent_expecting, SendState::awaiting_continue},
    Move{SendState::head, SendEvent::cut, SendState::stopped},
    Move{SendState::awaiting_continue, SendEvent::go_on, SendState::body},
    Move{SendState::awaiting_continue, SendEvent::cut, SendState::stopped},
    Move{SendState::body, SendEvent::body_sent, SendState::done},
    Move{SendState::body, SendEvent::cut, SendState::stopped},
    Move{SendState::done, SendEvent::reset, SendState::idle},
    Move{SendState::stopped, SendEvent::reset, SendState::idle},
};

inline constexpr std::array kReceiveMoves = {
    Move{ReceiveState::idle, ReceiveEvent::open, ReceiveState::waiting},
    Move{ReceiveState::waiting, ReceiveEvent::first_byte, ReceiveState::head},
    Move{ReceiveState::waiting, ReceiveEvent::fail, ReceiveState::failed},
    Move{ReceiveState::head, ReceiveEvent::interim, ReceiveState::waiting},
    Move{ReceiveState::head, ReceiveEvent::final_head, ReceiveState::body},
    Move{ReceiveState::head, ReceiveEvent::fail, ReceiveState::failed},
    Move{ReceiveState::body, ReceiveEvent::end, ReceiveState::complete},
    Move{ReceiveState::body, ReceiveEvent::fail, ReceiveState::failed},
    Move{ReceiveState::complete, ReceiveEvent::reset, ReceiveState::idle},
    Move{ReceiveState::failed, ReceiveEvent::reset, ReceiveState::idle},
};

// The state that `event` leads to, or nothing where the table has no such move.
template <class State, class Event, std::size_t N>
constexpr std::optional<State> next_state(const std::array<Move<State, Event>, N>& moves, State from, Event event) {
  for (const auto& move : moves) {
    if (move.from == from && move.event == event) return move.to;
  }
  return std::nullopt;
}

// A state that only the table can change. An event without a move from here is a bug of ours, never of a peer.
template <class State, class Event, const auto& kMoves>
class Machine {
 public:
  State state() const { return state_; }
  bool in(State state) const { return state_ == state; }
  bool allows(Event event) const { return next_state(kMoves, state_, event).has_value(); }
  void on(Event event) {
    const std::optional<State> to = next_state(kMoves, state_, event);
    SLUICE_CHECK(to.has_value());
    enter(*to);
  }

 private:
  void enter(State to) { state_ = to; }
  State state_ = State::idle;
};
using SendMachine = Machine<SendState, SendEvent, kSendMoves>;
using ReceiveMachine = Machine<ReceiveState, ReceiveEvent, kReceiveMoves>;

// What the two halves mean together.
struct Verdict {
  bool stop_sending = false;  // nothing more of the request goes out
  bool over = false;          // the exchange is at its end
  bool reusable = true;       // of the connection, as far as this exchange can tell
  friend bool operator==(const Verdict&, const Verdict&) = default;
};
// `status` counts from ReceiveState::body on; `keep_alive`: neither side said close, and the framing leaves the stream
// in step.
Verdict judge(SendState send, ReceiveState receive, int status, bool keep_alive);

std::string_view to_string(SendState state);
std::string_view to_string(SendEvent event);
std::string_view to_string(ReceiveState state);
std::string_view to_string(ReceiveEvent event);

// The tables as a graph in DOT, for the documentation.
std::string send_diagram();
std::string receive_diagram();

}  // namespace sluice::http1
