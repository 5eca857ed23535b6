// See SimEnvironment in wire.hpp: what all streams of a run share.
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/sim/multi/wire.hpp"

namespace sluice::simtest::driven {
namespace {

sim::WorldOptions world_options(const Plan& plan, bool keeps_trace) {
  sim::WorldOptions options;
  options.seed = Seed{plan.seed};
  options.weather = plan.weather;
  options.keep_trace = keeps_trace;
  return options;
}

IpAddress address_of(std::size_t origin) { return *IpAddress::parse("192.0.2." + std::to_string(10 + origin)); }

// The fault that a name of World::faults() means; nullopt: one that explains no failure.
std::optional<Fault> fault_of(std::string_view name) {
  if (name == "refused") return Fault::refused;
  if (name == "reset") return Fault::reset;
  if (name == "stall" || name == "hangs" || name == "half open") return Fault::stall;
  if (name == "closed early" || name == "half close") return Fault::early_end;
  if (name == "idle close") return Fault::idle_close;
  return Fault::origin_fault;
}

}  // namespace

SimEnvironment::SimEnvironment(const Plan& plan, bool keeps_trace)
    : plan_(plan),
      world_(world_options(plan, keeps_trace)),
      faults_(plan.origins.size()),
      dialled_(plan.origins.size()) {
  hidden_ = make_waiter().value();
}

void SimEnvironment::raise_numbers() {
  while (fillers_.empty() || fillers_.back()->fd() < FD_SETSIZE) fillers_.push_back(make_waiter().value());
}
SimEnvironment::~SimEnvironment() = default;

void SimEnvironment::add_origin(std::size_t origin, sim::Accept accept) {
  const OriginPlan& plan = plan_.origins[origin];
  sim::NameSpec name;
  name.delay = std::chrono::microseconds(100);
  name.jitter = std::chrono::microseconds(500);
  name.fails = plan.line.name_fails;
  world_.add_origin({.host = plan.host,
                     .port = static_cast<std::uint16_t>(plan.tls ? 443 : 80),
                     .accept = std::move(accept),
                     .tls = plan.tls,
                     .http2 = plan.http2 ? sim::PerMille{1'000} : sim::PerMille{0},
                     .addresses = {address_of(origin)},
                     .name = name});
}

Result<std::unique_ptr<NameResolver>> SimEnvironment::make_resolver(NameOptions options) {
  options.watch = [this, watch = std::move(options.watch)](int fd, bool read, bool write) {
    of_resolver_.insert(fd);
    progress();
    watch(fd, read, write);
  };
  return world_.environment().make_resolver(std::move(options));
}

std::unique_ptr<Transport> SimEnvironment::tcp(const Address& address) {
  for (std::size_t i = 0; i < plan_.origins.size(); ++i) {
    if (address.ip != address_of(i)) continue;
    check_limits(i, 0);
    return std::make_unique<NearEnd>(*this, i, dialled_[i]++, world_.environment().tcp(address), nullptr);
  }
  fail("addresses are those of names", "a connect to " + address.to_string());
  return world_.environment().tcp(address);
}

std::unique_ptr<Transport> SimEnvironment::dial(std::size_t origin, TransportSignal signal) {
  const OriginPlan& plan = plan_.origins[origin];
  check_limits(origin, plan.max_connections);
  const Address address{address_of(origin), static_cast<std::uint16_t>(plan.tls ? 443 : 80)};
  return std::make_unique<NearEnd>(*this, origin, dialled_[origin]++, world_.environment().tcp(address),
                                   std::move(signal));
}

// Checks the number of open streams with the new one.
void SimEnvironment::check_limits(std::size_t origin, std::size_t of_route) {
  progress();
  const auto check = [&](std::size_t limit, std::size_t stand, const char* what) {
    if (limit > 0 && stand >= limit)
      fail("limits", std::string("a connection is asked for beside ") + std::to_string(stand) + " with a limit of " +
                         std::to_string(limit) + " " + what);
  };
  check(plan_.max_connections, streams(), "in all");
  // Else there are two endpoints.
  if (plan_.origins[origin].line.plain == 0 || plan_.origins[origin].line.plain == 1000) {
    check(plan_.max_connections_per_origin, streams(origin), "for each origin");
    check(of_route, streams(origin), "of the route");
  }
}

void SimEnvironment::fail(std::string_view oracle, std::string_view what) {
  if (failure_.empty()) failure_.append(oracle).append(": ").append(what);
}

bool SimEnvironment::has_happened(std::size_t origin, Fault fault) const {
  if ((faults_[origin] >> static_cast<unsigned>(fault) & 1u) != 0) return true;
  if (fault == Fault::name_fails) {
    return std::ranges::any_of(world_.resolves(), [&](const sim::ResolveRecord& one) {
      return one.failed && one.host == plan_.origins[origin].host;
    });
  }
  return std::ranges::any_of(world_.connects(), [&](const sim::ConnectRecord& one) {
    return one.origin == origin && std::ranges::any_of(world_.faults(one.conn),
                                                       [&](const auto& each) { return fault_of(each.first) == fault; });
  });
}

void SimEnvironment::later(Instant when, std::function<void()> what) {
  world_.at(when, [this, what = std::move(what)] {
    excuse_idle_drive();  // it ends a wait
    progress();
    what();
  });
}

void SimEnvironment::listen(NearEnd& end, int fd, std::uint8_t events) {
  const auto known = std::ranges::find(listeners_, fd, &Listener::fd);
  if (known != listeners_.end()) {
    known->events = static_cast<std::uint8_t>(known->events | events);
    hidden_->modify(fd, known->events, 0);
  } else if (hidden_->add(fd, events, 0) == 0) {
    listeners_.push_back({fd, &end, events});
  } else {
    fail("a transport's contract", "a stream without a descriptor of the world's");
  }
}

void SimEnvironment::stop_listening(int fd) {
  if (std::erase_if(listeners_, [&](const Listener& one) { return one.fd == fd; }) > 0) hidden_->remove(fd);
}

bool SimEnvironment::pump() {
  bool gave = false;
  hidden_->look();
  while (const auto ready = hidden_->next()) {
    const auto found = std::ranges::find(listeners_, ready->fd, &Listener::fd);
    if (found == listeners_.end()) continue;
    NearEnd* const end = found->end;
    stop_listening(ready->fd);
    end->heard(ready->events);
    gave = true;
  }
  return gave;
}

void SimEnvironment::entered(NearEnd* end) { near_ends_.push_back(end); }
void SimEnvironment::left(NearEnd* end) { std::erase(near_ends_, end); }

std::size_t SimEnvironment::streams(std::size_t origin) const {
  return static_cast<std::size_t>(
      std::count_if(near_ends_.begin(), near_ends_.end(), [&](const NearEnd* end) { return end->origin() == origin; }));
}
std::size_t SimEnvironment::waiting_for_signals() const {
  return static_cast<std::size_t>(
      std::count_if(near_ends_.begin(), near_ends_.end(), [](const NearEnd* end) { return end->waits_for_signal(); }));
}
bool SimEnvironment::has_shown(int fd) const {
  return std::any_of(near_ends_.begin(), near_ends_.end(), [&](const NearEnd* end) { return end->has_shown(fd); }) ||
         of_resolver_.contains(fd);
}

// A descriptor is open if it can be watched.
bool SimEnvironment::is_open(int fd) { return make_waiter().value()->add(fd, kEventRead, 0) != EBADF; }

void SimEnvironment::give_old_signals() const {
  for (const TransportSignal& signal : kept_signals_) signal();
}

}  // namespace sluice::simtest::driven
