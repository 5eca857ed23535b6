// What a program with a Multi is given of the world: see host.hpp and world_impl.hpp. Its connections are links as the
// engine's are, with a Tcp at the near end; in the trace their ids are {number of the connect}.0, which no engine
// gives.
#include <algorithm>

#include "adapters/sim/world_impl.hpp"

namespace sluice::sim {

Host::Went World::Impl::advance(Instant until, bool calls) {
  const Instant end = options_.start + options_.longest_run;
  const auto at = next_instant();
  if (std::min(until, at.value_or(until)) > end) return Went::limit;
  if (!at || *at > until) {
    move_clock(until);
    return Went::over;
  }
  const Event* const event = next_event();
  const bool call = event && event->kind == Event::Kind::call;
  if (call && !calls) {
    move_clock(std::min(until, std::max(event->at, now_.steady)));
    return Went::over;
  }
  step();
  return call ? Went::called : Went::on;
}

Link& World::Impl::dial(const Address& address, Tcp& end) {
  Link& link = begin_link({static_cast<std::uint32_t>(connect_records_.size()), 0});
  link.program = &end;
  link.peer_name = address.to_string();
  link.origin = directory_.listener(address);
  line(link).word("connect to").word(link.peer_name);
  connect_records_.push_back({.conn = link.conn(),
                              .origin = link.origin,
                              .address = address,
                              .began = now_.steady,
                              .connected = {},
                              .over = {}});
  start_link(link);
  return link;
}

void World::Impl::hang_up(Link& link) {
  line(link).word("close");
  link.leave();
  std::optional<Instant>& over = connect_records_[link.number].over;
  if (!over) over = now_.steady;
  in_order_.erase(link.number);
  if (link.origin) --open_by_origin_[*link.origin];
  release_if_over(link);
}

void World::Impl::program_event(Link& link, Event::Kind kind) {
  switch (kind) {
    case Event::Kind::connect:
      link.disarm(kind);
      return connect_ends(link);
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
      if (link.state() == Link::State::left) release_if_over(link);
  }
}

void World::Impl::say_moved(Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) {
  link.told.moved = now_.steady;
  say_bytes(link, verb, bytes, count);
}

void World::Impl::say_end(Link& link) {
  line(link).word("end");
  connect_records_[link.number].end_told = true;
}

}  // namespace sluice::sim
