// See state.hpp.
#include "core/http1/state.hpp"

namespace sluice::http1 {
namespace {

bool all_sent_or_given_up(SendState send) {
  return send == SendState::idle || send == SendState::done || send == SendState::stopped;
}

// Whether the final status makes it useless to send the rest of the request.
bool stops_upload(SendState send, int status) {
  if (all_sent_or_given_up(send)) return false;
  // The peer has answered without the body (RFC 9110 10.1.1). It may take what follows for the next request, or not
  // read it (SB-61).
  if (send == SendState::awaiting_continue) return true;
  // RFC 9112 9.5: an error status while the body is being sent. After a 2xx or 3xx the server may still read the body.
  return status >= 400;
}

template <class Moves>
std::string diagram(std::string_view name, const Moves& moves) {
  std::string text = "digraph ";
  text += name;
  text += " {\n";
  for (const auto& move : moves) {
    text += "  ";
    text += to_string(move.from);
    text += " -> ";
    text += to_string(move.to);
    text += " [label=\"";
    text += to_string(move.event);
    text += "\"];\n";
  }
  text += "}\n";
  return text;
}

}  // namespace

Verdict judge(SendState send, ReceiveState receive, int status, bool keep_alive) {
  Verdict verdict;
  switch (receive) {
    case ReceiveState::idle:
    case ReceiveState::waiting:
    case ReceiveState::head:
      verdict.reusable = send != SendState::stopped;
      break;
    case ReceiveState::body:
      verdict.stop_sending = stops_upload(send, status);
      verdict.reusable = keep_alive && !verdict.stop_sending && send != SendState::stopped;
      break;
    case ReceiveState::complete:
      verdict.stop_sending = !all_sent_or_given_up(send);
      verdict.over = true;
      verdict.reusable = keep_alive && send == SendState::done;
      break;
    case ReceiveState::failed:
      verdict.stop_sending = !all_sent_or_given_up(send);
      verdict.over = true;
      verdict.reusable = false;
      break;
  }
  return verdict;
}

std::string_view to_string(SendState state) {
  switch (state) {
    case SendState::idle:
      return "idle";
    case SendState::head:
      return "head";
    case SendState::awaiting_continue:
      return "awaiting_continue";
    case SendState::body:
      return "body";
    case SendState::done:
      return "done";
    case SendState::stopped:
      return "stopped";
  }
  return "";
}

std::string_view to_string(SendEvent event) {
  switch (event) {
    case SendEvent::open:
      return "open";
    case SendEvent::head_sent_alone:
      return "head_sent_alone";
    case SendEvent::head_sent:
      return "head_sent";
    case SendEvent::head_sent_expecting:
      return "head_sent_expecting";
    case SendEvent::go_on:
      return "go_on";
    case SendEvent::body_sent:
      return "body_sent";
    case SendEvent::cut:
      return "cut";
    case SendEvent::reset:
      return "reset";
  }
  return "";
}

std::string_view to_string(ReceiveState state) {
  switch (state) {
    case ReceiveState::idle:
      return "idle";
    case ReceiveState::waiting:
      return "waiting";
    case ReceiveState::head:
      return "head";
    case ReceiveState::body:
      return "body";
    case ReceiveState::complete:
      return "complete";
    case ReceiveState::failed:
      return "failed";
  }
  return "";
}

std::string_view to_string(ReceiveEvent event) {
  switch (event) {
    case ReceiveEvent::open:
      return "open";
    case ReceiveEvent::first_byte:
      return "first_byte";
    case ReceiveEvent::interim:
      return "interim";
    case ReceiveEvent::final_head:
      return "final_head";
    case ReceiveEvent::end:
      return "end";
    case ReceiveEvent::fail:
      return "fail";
    case ReceiveEvent::reset:
      return "reset";
  }
  return "";
}

std::string send_diagram() { return diagram("sending", kSendMoves); }
std::string receive_diagram() { return diagram("receiving", kReceiveMoves); }

}  // namespace sluice::http1
