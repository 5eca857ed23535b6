// See sim.hpp. Passes each public call to a part of the simulated world (world_impl.hpp).
#include <utility>

#include "adapters/sim/world_impl.hpp"

namespace sluice::sim {

World::World(WorldOptions options) : impl_(std::make_unique<Impl>(*this, std::move(options))) {}
World::~World() = default;

Engine& World::engine() { return impl_->engine_; }
Environment& World::environment() { return impl_->environment_; }
Now World::now() const { return impl_->clock_.now(); }
Random& World::random() { return impl_->chance_.application(); }
void World::set_weather(const Weather& weather) { impl_->network_.set_weather(weather); }

OriginNumber World::add_origin(OriginSpec spec) { return impl_->directory_.add(std::move(spec)); }
void World::set_name(std::string host, NameSpec spec) { impl_->directory_.set_name(std::move(host), std::move(spec)); }
std::shared_ptr<const TlsConfig> World::tls() { return impl_->tls_.config(); }
std::shared_ptr<const TlsConfig> World::tls(TlsOptions options) { return TlsMaterial::make_config(std::move(options)); }

Result<TransferId> World::get(std::string_view url, TransferOptions options) {
  auto parsed = Url::parse(url);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  Request request;
  request.url = std::move(*parsed);
  return impl_->add(std::move(request), std::move(options));
}
Result<TransferId> World::add(Request request, TransferOptions options) {
  return impl_->add(std::move(request), std::move(options));
}
void World::remove(TransferId transfer) { impl_->remove(transfer); }
void World::supply(TransferId transfer, std::string bytes) { impl_->supply(transfer, std::move(bytes)); }
void World::pause(TransferId transfer, bool on) { impl_->pause(transfer, on); }
void World::at(Instant when, std::function<void()> what) { impl_->call_at(when, std::move(what)); }
void World::settle() { impl_->settle(); }

bool World::step() { return impl_->step(); }
RunEnd World::run_until_idle(RunLimits limits) { return impl_->run(limits); }

const Outcome& World::outcome(TransferId transfer) const { return impl_->collector_.outcome(transfer); }
std::uint64_t World::steps() const { return impl_->steps_; }
const std::vector<std::string>& World::trace() const { return impl_->journal_.trace().lines(); }
std::uint64_t World::trace_hash() const { return impl_->journal_.trace().hash(); }
void World::note(std::string_view line) { impl_->journal_.line().word("note:").word(line); }
const std::map<std::string, std::uint64_t, std::less<>>& World::faults() const { return impl_->journal_.faults(); }
const std::map<std::string, std::uint64_t, std::less<>>& World::faults(ConnId conn) const {
  return impl_->journal_.faults(conn);
}

std::size_t World::open_connections() const { return impl_->network_.open(); }
std::size_t World::open_connections(OriginNumber origin) const { return impl_->network_.open(origin); }
std::vector<ConnId> World::connections() const { return impl_->network_.connections(); }
const std::vector<ResolveRecord>& World::resolves() const { return impl_->names_.records(); }
const std::vector<ConnectRecord>& World::connects() const { return impl_->network_.records(); }
const ConnectRecord* World::record(ConnId conn) const { return impl_->network_.record(conn); }
std::size_t World::arrived_bytes(ConnId conn) const {
  const Link* link = std::as_const(impl_->network_).find(conn);
  return link ? link->arrived() + link->under_way() : 0;
}
Instant World::last_moved(ConnId conn) const {
  const Link* link = std::as_const(impl_->network_).find(conn);
  return link ? link->told.moved : Instant{};
}

}  // namespace sluice::sim
