// See network.hpp.
#include "adapters/sim/network.hpp"

#include <utility>

#include "core/base/check.hpp"

namespace sluice::sim {

Network::Network(const Weather& weather, Directory& directory, TlsMaterial& tls, const Clock& clock, EventQueue& events,
                 Journal& journal, const Chance& chance)
    : weather_(std::make_shared<const Weather>(weather)),
      directory_(directory),
      tls_(tls),
      clock_(clock),
      events_(events),
      journal_(journal),
      chance_(chance) {}

std::uint64_t Network::schedule(const Link& link, Event::Kind kind, Instant at) {
  return events_.push(at, kind, link.id().index, link.id().generation);
}

bool Network::is_current(const Event& event) const {
  const Link* link = links_.find(LinkId{event.index, event.generation});
  return link && link->is_current(event);
}

// ---- connects ----

Link& Network::connect(const output::Connect& what) {
  Link& link = begin(what.conn);
  if (what.route) {
    link.peer_name = what.route->name();
    link.origin = directory_.by_name(what.host, what.port);
    line(link).word("connect by").word(link.peer_name).word("to").word(what.host).number(what.port);
  } else {
    link.peer_name = what.address.to_string();
    link.origin = directory_.listener(what.address);
    line(link).word("connect to").word(link.peer_name);
  }
  if (standing_.size() <= what.conn.index) standing_.resize(what.conn.index + 1);
  standing_[what.conn.index] = {what.conn.generation, link.id()};
  start(link, what.route ? Address{} : what.address);
  return link;
}

Link& Network::connect(const Address& address, Tcp& end) {
  Link& link = begin({static_cast<std::uint32_t>(records_.size()), 0});
  link.program = &end;
  link.peer_name = address.to_string();
  link.origin = directory_.listener(address);
  line(link).word("connect to").word(link.peer_name);
  start(link, address);
  return link;
}

Link& Network::begin(ConnId conn) {
  LinkId id;
  Link* link = links_.emplace(id);
  SLUICE_CHECK(link != nullptr);
  const std::uint64_t number = records_.size();
  link->begin(*this, id, conn, weather_, chance_.seed_of(Chance::Stream::connection, number));
  link->number = number;
  return *link;
}

void Network::start(Link& link, const Address& address) {
  records_.push_back({.conn = link.conn(),
                      .origin = link.origin,
                      .address = address,
                      .began = clock_.steady(),
                      .connected = {},
                      .over = {}});
  in_order_.emplace(link.number, link.conn());
  numbers_.emplace(link.conn(), link.number);
  if (link.origin) ++open_by_origin_[*link.origin];
  Random& random = link.network_random();
  const bool hangs = draw_chance(random, weather_->hangs);
  const bool refused = draw_chance(random, weather_->refused);
  const bool half_open = draw_chance(random, weather_->half_open);
  link.fate = hangs                     ? Link::Fate::hangs
              : refused || !link.origin ? Link::Fate::refused
              : half_open               ? Link::Fate::half_open
                                        : Link::Fate::accepted;
  if (hangs) return count_fault(link, "hangs");
  const Duration there = link.draw_delay();
  link.arm(Event::Kind::connect, clock_.steady() + there + link.draw_delay());
}

std::unique_ptr<Peer> Network::accept(Link& link) {
  const OriginNumber number = *link.origin;
  const OriginSpec& origin = directory_.origin(number);
  if (!origin.accept) return nullptr;
  std::unique_ptr<Peer> peer = origin.accept(accepted_by_origin_[number]++);
  if (!peer || !origin.tls) return peer;
  const bool http2 = origin.http2 > 0 && draw_chance(link.network_random(), origin.http2);
  return over_tls(std::move(peer), tls_.server(origin, http2), origin.refuses_early_data);
}

bool Network::answer_connect(Link& link) {
  std::unique_ptr<Peer> peer;
  if (link.fate == Link::Fate::accepted) peer = accept(link);
  const bool half_open = link.fate == Link::Fate::half_open;
  if (!peer && !half_open) {
    count_fault(link, "refused");
    ConnectRecord& record = records_[link.number];
    record.refused = true;
    record.over = clock_.steady();
    return false;
  }
  line(link).word("connected");
  records_[link.number].connected = clock_.steady();
  if (half_open) count_fault(link, "half open");
  link.open(std::move(peer));
  link.start_peer();
  return true;
}

void Network::leave(Link& link) {
  link.leave();
  std::optional<Instant>& over = records_[link.number].over;
  if (!over) over = clock_.steady();
  if (!link.program) standing_[link.conn().index].link = {};
  in_order_.erase(link.number);
  if (link.origin) --open_by_origin_[*link.origin];
}

void Network::release_if_over(Link& link) {
  if (link.is_over()) links_.release(link.id());
}

void Network::note_end(const Link& link) {
  line(link).word("end");
  records_[link.number].end_told = true;
}

// ---- getters ----

const Link* Network::find(ConnId conn) const {
  if (conn.index >= standing_.size() || standing_[conn.index].generation != conn.generation) return nullptr;
  return links_.find(standing_[conn.index].link);
}

std::size_t Network::open(OriginNumber origin) const {
  const auto found = open_by_origin_.find(origin);
  return found == open_by_origin_.end() ? 0 : found->second;
}

std::vector<ConnId> Network::connections() const {
  std::vector<ConnId> all;
  all.reserve(in_order_.size());
  for (const auto& [number, conn] : in_order_) all.push_back(conn);
  return all;
}

const ConnectRecord* Network::record(ConnId conn) const {
  const auto found = numbers_.find(conn);
  return found == numbers_.end() ? nullptr : &records_[static_cast<std::size_t>(found->second)];
}

}  // namespace sluice::sim
