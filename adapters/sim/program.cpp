// See program.hpp.
#include "adapters/sim/program.hpp"

#include <algorithm>

#include "adapters/sim/tcp.hpp"

namespace sluice::sim {

Host::Went Program::advance(Instant until, bool calls) {
  Clock& clock = world_.clock;
  const auto at = world_.steps.next_instant();
  if (std::min(until, at.value_or(until)) > end_) return Went::limit;
  if (!at || *at > until) {
    clock.move(until);
    return Went::over;
  }
  const Event* const event = world_.steps.next_event();
  const bool call = event && event->kind == Event::Kind::call;
  if (call && !calls) {
    clock.move(std::min(until, std::max(event->at, clock.steady())));
    return Went::over;
  }
  world_.steps.step();
  return call ? Went::called : Went::on;
}

void Program::hang_up(Link& link) {
  world_.journal.line('c', link.conn()).word("close");
  world_.network.leave(link);
  world_.network.release_if_over(link);
}

void Program::handle_event(Link& link, Event::Kind kind) {
  switch (kind) {
    case Event::Kind::connect:
      link.disarm(kind);
      if (!world_.network.answer_connect(link)) link.program->refuse();
      return;
    case Event::Kind::writable:
      link.disarm(kind);
      link.told.write_blocked = false;
      return;
    case Event::Kind::to_engine:
    case Event::Kind::to_peer:
    case Event::Kind::readable:
    case Event::Kind::peer_readable:
    case Event::Kind::wake:
    case Event::Kind::answer:
    case Event::Kind::call:
    case Event::Kind::stale:
    case Event::Kind::alarm:
      link.happen(kind);
      if (link.state() == Link::State::left) world_.network.release_if_over(link);
  }
}

void Program::say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) {
  link.told.moved = world_.clock.steady();
  world_.journal.moved(link.conn(), verb, bytes, count, !link.tls);
}

}  // namespace sluice::sim
