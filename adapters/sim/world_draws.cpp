// What chance does beside the network: seeds for everything that draws, leaps of the clock, and facts that a careless
// driver would say. See world_impl.hpp.
#include "adapters/sim/world_impl.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

constexpr Duration kStaleWithin = std::chrono::milliseconds(200);

}  // namespace

// One for each name, connection and so on, so that what one of them draws moves nothing elsewhere.
Seed World::Impl::seed_of(Stream stream, std::uint64_t number) const {
  std::uint64_t state = options_.seed.value;
  state = splitmix64(state) ^ static_cast<std::uint64_t>(stream);
  state = splitmix64(state) ^ number;
  return Seed{splitmix64(state)};
}

void World::Impl::maybe_leap() {
  if (!draw_chance(leap_draws_, weather_->leaps)) return;
  const Duration by = draw_up_to(leap_draws_, weather_->max_leap);
  move_clock(now_.steady + by);
  line().word("fault: leap").signed_number(by.count());
  count("leap");
}

void World::Impl::maybe_needless_timeout() {
  if (!draw_chance(timeout_draws_, weather_->needless_timeouts)) return;
  line().word("needless timeout");
  tell([&] { engine_.handle_timeout(now_); });
}

// A driver that is busy elsewhere. True: what has come is read in a while, together with what comes until then.
bool World::Impl::reads_late(Link& link) {
  if (weather_->late_reads == 0) return false;
  if (link.is_armed(Event::Kind::readable)) return true;
  if (!draw_chance(late_draws_, weather_->late_reads)) return false;
  link.arm(Event::Kind::readable, now_.steady + draw_up_to(late_draws_, weather_->late_by));
  return true;
}

// Some at once, some when the id's place may have been taken again.
void World::Impl::maybe_stale(const Link& link) {
  if (!draw_chance(stale_draws_, link.weather().stale_facts)) return;
  const Instant at =
      now_.steady + (stale_draws_.below(2) == 0 ? Duration::zero() : draw_up_to(stale_draws_, kStaleWithin));
  events_.push(at, Event::Kind::stale, link.conn().index, link.conn().generation);
}

void World::Impl::say_stale(ConnId conn) {
  line('c', conn).word("fault: stale fact");
  count("stale fact");
  ++faults_by_conn_[conn]["stale fact"];
  tell([&] { engine_.handle_eof(conn, now_); });
  SLUICE_CHECK(engine_.interest(conn) == Interest{});
  SLUICE_CHECK(engine_.receive_space(conn).empty());
  SLUICE_CHECK(engine_.transmit(conn).empty());
  tell([&] { engine_.handle_connected(conn, now_); });
  tell([&] { engine_.handle_received(conn, 0, now_); });
  tell([&] { engine_.handle_sent(conn, 0, now_); });
  const Code code = stale_draws_.below(2) == 0 ? Code::receive_failed : Code::connect_failed;
  tell([&] { engine_.handle_io_error(conn, make_error(code, "of a connection that is gone"), now_); });
}

}  // namespace sluice::sim
