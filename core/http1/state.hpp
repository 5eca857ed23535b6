// The two state machines of one HTTP/1 exchange (sending and receiving), their tables of legal transitions, and the
// rules for both together. Knows no bytes and no buffers: the session tells it what happened.
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
  head,               // the head is being sent, and the body right after it unless 100 (Continue) is awaited
  awaiting_continue,  // the head was sent; the body waits for 100 (Continue) (RFC 9110 10.1.1)
  body,
  done,     // the request was sent completely
  stopped,  // the request was stopped before its end; the peer could not tell the next request from its rest, so the
            // connection is not used again
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
  idle,     // no exchange; a byte that comes now belongs to no request
  waiting,  // for the first byte of a response
  head,
  body,  // the final head is complete, also if there is no body
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

// The state that follows `from` after `event`; nullopt: the table has no such transition.
template <class State, class Event, std::size_t N>
constexpr std::optional<State> next_state(const std::array<Move<State, Event>, N>& moves, State from, Event event) {
  for (const auto& move : moves) {
    if (move.from == from && move.event == event) return move.to;
  }
  return std::nullopt;
}

// A state that changes only by the table. An event that the table does not allow is a bug in sluice, never a peer's
// fault, and stops the process.
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

// What the states of both machines together mean.
struct Verdict {
  bool stop_sending = false;  // nothing more of the request is sent
  bool over = false;          // the exchange has ended
  bool reusable = true;       // the connection may be used again, as far as this exchange tells
  friend bool operator==(const Verdict&, const Verdict&) = default;
};
// `status` is used from ReceiveState::body on. `keep_alive`: Reader::keep_alive().
Verdict judge(SendState send, ReceiveState receive, int status, bool keep_alive);

std::string_view to_string(SendState state);
std::string_view to_string(SendEvent event);
std::string_view to_string(ReceiveState state);
std::string_view to_string(ReceiveEvent event);

// The tables as graphs in the DOT language, for documentation.
std::string send_diagram();
std::string receive_diagram();

}  // namespace sluice::http1
