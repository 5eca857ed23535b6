// See story.hpp.
#include "tests/sim/oracles/story.hpp"

namespace sluice::simtest {

std::optional<std::string> Story::take(const EngineEvent& event, Instant now) {
  std::string wrong = judge(event);
  if (wrong.empty() && event.at < latest_) wrong = "before the one that was reported earlier";
  if (wrong.empty() && event.at > now) wrong = "in the future";
  latest_ = event.at;
  if (wrong.empty()) return std::nullopt;
  return std::string(to_string(event.kind)) + ": " + wrong;
}

std::string Story::judge(const EngineEvent& event) {
  switch (event.kind) {
    case EngineEvent::Kind::transfer_added:
      ++told_.transfers_added;
      return running_.emplace(event.transfer, Transfer{}).second ? "" : "a second time";
    case EngineEvent::Kind::look_up_started:
      ++told_.look_ups;
      return asked_.insert(event.resolve).second && !event.text.empty() ? "" : "a second time, or without a name";
    case EngineEvent::Kind::look_up_ended:
      if (event.failure && event.failure != Code::canceled) ++told_.look_ups_failed;  // canceled: not needed any more
      return asked_.erase(event.resolve) == 1 ? "" : "of none that was started";
    case EngineEvent::Kind::connection_begun:
    case EngineEvent::Kind::connection_opened:
    case EngineEvent::Kind::connection_made:
    case EngineEvent::Kind::connection_failed:
    case EngineEvent::Kind::connection_closed:
      return judge_connection(event);
    case EngineEvent::Kind::request_begun:
    case EngineEvent::Kind::request_sent:
    case EngineEvent::Kind::response_begun:
      return judge_request(event);
    case EngineEvent::Kind::hop_ended:
    case EngineEvent::Kind::transfer_ended:
      return judge_end(event);
  }
  return "of no kind";
}

std::string Story::judge_connection(const EngineEvent& event) {
  if (event.kind == EngineEvent::Kind::connection_begun) {
    ++told_.connections_begun;
    return open_.emplace(event.conn, Stream{}).second && !event.text.empty() ? "" : "a second time, or to nowhere";
  }
  const auto found = open_.find(event.conn);
  if (found == open_.end()) return "of none that is open";
  Stage& stage = found->second.stage;
  if (event.kind == EngineEvent::Kind::connection_closed) {
    open_.erase(found);
    return "";
  }
  const bool is_early = stage == Stage::begun || stage == Stage::opened;
  if (event.kind == EngineEvent::Kind::connection_failed) {
    ++told_.connections_failed;
    stage = is_early ? Stage::failed : stage;
    return is_early && event.failure ? "" : "after its end, or without a reason";
  }
  const bool opens = event.kind == EngineEvent::Kind::connection_opened;
  if (!opens) ++told_.connections_made;
  const bool follows = stage == (opens ? Stage::begun : Stage::opened);
  stage = opens ? Stage::opened : Stage::made;
  return follows ? "" : "out of order";
}

std::string Story::judge_request(const EngineEvent& event) {
  const auto found = running_.find(event.transfer);
  const auto stream = open_.find(event.conn);
  if (found == running_.end()) return "of no transfer that runs";
  if (stream == open_.end() || stream->second.stage != Stage::made) return "on no connection that is made";
  Transfer& transfer = found->second;
  if (event.kind == EngineEvent::Kind::request_begun) {
    ++told_.requests;
    if (event.reused) ++told_.requests_reused;
    transfer = {event.conn, false, false};
    const bool was_used = stream->second.used;
    stream->second.used = true;
    return event.reused == was_used ? "" : "whether the connection was used is wrong";
  }
  if (transfer.conn != event.conn) return "on another connection";
  const bool sends = event.kind == EngineEvent::Kind::request_sent;
  bool& before = sends ? transfer.sent : transfer.answered;
  if (before) return "a second time";
  before = true;
  return sends || event.status >= 100 ? "" : "without a status";
}

std::string Story::judge_end(const EngineEvent& event) {
  const auto found = running_.find(event.transfer);
  if (found == running_.end()) return "of no transfer that runs";
  const bool answered = found->second.answered;
  if (event.kind == EngineEvent::Kind::hop_ended) {
    found->second = {};
    return event.failure || answered ? "" : "without a response or a failure";
  }
  ++(event.failure ? told_.transfers_failed : told_.transfers_succeeded);
  running_.erase(found);
  if (event.failure.has_value() == event.text.empty()) return "a failure has a text, and nothing else has";
  return event.failure || answered ? "" : "successful without a response";
}

std::optional<std::string> Story::compare_look_ups(std::size_t running) const {
  if (asked_.size() == running) return std::nullopt;
  return std::to_string(running) + " look-ups run, and by the events " + std::to_string(asked_.size()) + " do";
}

std::optional<std::string> Story::compare(Counters counters) const {
  Counters told = told_;
  told.transfers_running = running_.size();
  told.connections_open = open_.size();
  // These are not told by events.
  told.transfers_queued = counters.transfers_queued;
  told.connections_idle = counters.connections_idle;
  told.bytes_received = counters.bytes_received;
  told.bytes_sent = counters.bytes_sent;
  if (told == counters) return std::nullopt;
  const auto text = [](const Counters& one) {
    std::string all;
    for (const std::uint64_t number :
         {std::uint64_t{one.transfers_running}, std::uint64_t{one.connections_open}, one.transfers_added,
          one.transfers_succeeded, one.transfers_failed, one.requests, one.requests_reused, one.connections_begun,
          one.connections_made, one.connections_failed, one.look_ups, one.look_ups_failed}) {
      all += ' ' + std::to_string(number);
    }
    return all;
  };
  return "the counters are" + text(counters) + ", the events say" + text(told);
}

}  // namespace sluice::simtest
