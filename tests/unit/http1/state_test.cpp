// core/http1/state: every (state, event) pair compared with the test's own list, the joint rules for every pair of
// states, the diagrams.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "core/http1/state.hpp"

namespace sluice::http1 {
namespace {

using SS = SendState;
using SE = SendEvent;
using RS = ReceiveState;
using RE = ReceiveEvent;

template <class State, class Event>
using Wanted = std::vector<std::tuple<State, Event, State>>;

// Walks all pairs: what is in `wanted` must lead where it says, and everything else nowhere.
template <class State, class Event, class Moves>
void walk(const Moves& moves, std::size_t states, std::size_t events, const Wanted<State, Event>& wanted) {
  std::size_t found = 0;
  for (std::size_t s = 0; s < states; ++s) {
    for (std::size_t e = 0; e < events; ++e) {
      const auto state = static_cast<State>(s);
      const auto event = static_cast<Event>(e);
      CAPTURE(std::string(to_string(state)));
      CAPTURE(std::string(to_string(event)));
      CHECK_FALSE(to_string(state).empty());
      CHECK_FALSE(to_string(event).empty());
      std::optional<State> to;
      for (const auto& [from, on, next] : wanted) {
        if (from == state && on == event) to = next;
      }
      if (to) ++found;
      CHECK(next_state(moves, state, event) == to);
    }
  }
  CHECK(found == wanted.size());
  CHECK(moves.size() == wanted.size());
}

}  // namespace

TEST_CASE("state: every send state and event") {
  walk<SS, SE>(kSendMoves, kSendStates, kSendEvents,
               {{SS::idle, SE::open, SS::head},
                {SS::head, SE::head_sent_alone, SS::done},
                {SS::head, SE::head_sent, SS::body},
                {SS::head, SE::head_sent_expecting, SS::awaiting_continue},
                {SS::head, SE::cut, SS::stopped},
                {SS::awaiting_continue, SE::go_on, SS::body},
                {SS::awaiting_continue, SE::cut, SS::stopped},
                {SS::body, SE::body_sent, SS::done},
                {SS::body, SE::cut, SS::stopped},
                {SS::done, SE::reset, SS::idle},
                {SS::stopped, SE::reset, SS::idle}});
  CHECK(to_string(static_cast<SS>(kSendStates - 1)) == "stopped");
  CHECK(to_string(static_cast<SE>(kSendEvents - 1)) == "reset");
}

TEST_CASE("state: every receive state and event") {
  walk<RS, RE>(kReceiveMoves, kReceiveStates, kReceiveEvents,
               {{RS::idle, RE::open, RS::waiting},
                {RS::waiting, RE::first_byte, RS::head},
                {RS::waiting, RE::fail, RS::failed},
                {RS::head, RE::interim, RS::waiting},
                {RS::head, RE::final_head, RS::body},
                {RS::head, RE::fail, RS::failed},
                {RS::body, RE::end, RS::complete},
                {RS::body, RE::fail, RS::failed},
                {RS::complete, RE::reset, RS::idle},
                {RS::failed, RE::reset, RS::idle}});
  CHECK(to_string(static_cast<RS>(kReceiveStates - 1)) == "failed");
  CHECK(to_string(static_cast<RE>(kReceiveEvents - 1)) == "reset");
}

TEST_CASE("state: a machine goes where the table says") {
  SendMachine machine;
  CHECK(machine.in(SS::idle));
  CHECK_FALSE(machine.allows(SE::cut));
  machine.on(SE::open);
  machine.on(SE::head_sent_expecting);
  CHECK(machine.state() == SS::awaiting_continue);
  CHECK_FALSE(machine.allows(SE::body_sent));
}

TEST_CASE("state: joint rules for every pair") {
  for (std::size_t s = 0; s < kSendStates; ++s) {
    for (std::size_t r = 0; r < kReceiveStates; ++r) {
      for (const int status : {0, 200, 302, 400, 413, 503}) {
        for (const bool keep_alive : {true, false}) {
          const auto send = static_cast<SS>(s);
          const auto receive = static_cast<RS>(r);
          CAPTURE(std::string(to_string(send)));
          CAPTURE(std::string(to_string(receive)));
          CAPTURE(status);
          const Verdict got = judge(send, receive, status, keep_alive);
          const bool sending = send == SS::head || send == SS::awaiting_continue || send == SS::body;
          const bool ended = receive == RS::complete || receive == RS::failed;
          CHECK(got.over == ended);
          // Whoever is told to stop can be stopped, and what is over sends nothing more.
          if (got.stop_sending) CHECK(next_state(kSendMoves, send, SE::cut) == SS::stopped);
          if (got.over && sending) CHECK(got.stop_sending);
          // A request that is cut short never leaves a connection behind.
          if (got.stop_sending || send == SS::stopped || receive == RS::failed) CHECK_FALSE(got.reusable);
          if (receive == RS::complete) CHECK(got.reusable == (keep_alive && send == SS::done));
          if (receive == RS::body)
            CHECK(got.stop_sending == (sending && (status >= 400 || send == SS::awaiting_continue)));
        }
      }
    }
  }
}

TEST_CASE("state: the diagrams name every move") {
  const std::string send = send_diagram();
  CHECK(send.starts_with("digraph sending {\n"));
  CHECK(send.ends_with("}\n"));
  CHECK(send.find("  awaiting_continue -> body [label=\"go_on\"];\n") != std::string::npos);
  const std::string receive = receive_diagram();
  CHECK(receive.find("  head -> waiting [label=\"interim\"];\n") != std::string::npos);
  const auto lines = [](const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  };
  CHECK(lines(send) == kSendMoves.size() + 2);
  CHECK(lines(receive) == kReceiveMoves.size() + 2);
}

}  // namespace sluice::http1
