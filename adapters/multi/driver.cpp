// See driver.hpp. settle() keeps the engine's drain rule: a fact goes in only when no output is left, and the
// connection it was about is looked at again right after its outputs were taken.
//
// What outputs lead to (a connect that fails at once, a name that has an override, something to send) is queued, and has its turn among
// the sources of a drive: an application that answers each failure with the next attempt goes round in drives, not in here.
#include "adapters/multi/driver.hpp"

#include <algorithm>
#include <new>
#include <utility>
#include <variant>

namespace sluice {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// Where an application's max_reads_per_perform ends, so that what is derived from it cannot overflow.
constexpr std::size_t kMostReads = 1'000'000;
constexpr Duration kLongestDrive = std::chrono::hours(24);

// The core looks nothing up that it knows.
EngineOptions engine_options(MultiOptions& given) {
  EngineOptions options = std::move(given.engine);
  for (ResolveOverride& one : given.resolve_overrides) {
    options.known_addresses.push_back({std::move(one.host), one.port, std::move(one.addresses)});
  }
  return options;
}

NameOptions name_options(MultiOptions& given, multi::Watches& watches) {
  NameOptions options;
  options.servers = std::move(given.dns_servers);
  // One that cannot be watched makes its question time out, which is its error.
  options.watch = [&watches](int fd, bool read, bool write) {
    watches.set(fd, static_cast<std::uint8_t>((read ? kEventRead : 0) | (write ? kEventWrite : 0)), {});
  };
  return options;
}

}  // namespace

Result<std::unique_ptr<Multi::Impl>> Multi::Impl::create(MultiOptions options) {
  Environment& environment = options.environment ? *options.environment : system_environment();
  auto waiter = environment.make_waiter();
  if (!waiter) return std::unexpected(std::move(waiter.error()));
  std::unique_ptr<Impl> impl(new Impl(options, environment, std::move(*waiter)));
  auto resolver = environment.make_resolver(name_options(options, impl->watches_));
  if (!resolver) return std::unexpected(std::move(resolver.error()));
  impl->resolver_ = std::move(*resolver);
  return impl;
}

Multi::Impl::Impl(MultiOptions& options, Environment& environment, std::unique_ptr<Waiter> waiter)
    : max_reads_(std::clamp<std::size_t>(options.max_reads_per_perform, 1, kMostReads)),
      max_time_(std::clamp<Duration>(options.max_drive_time, Duration(1), kLongestDrive)),
      environment_(environment),
      waiter_(std::move(waiter)),
      watches_(*waiter_),
      engine_(engine_options(options)) {}

Multi::Impl::~Impl() {
  busy_ = true;  // the sink still hears of every removal
  if (signals_) signals_->close();
  for (multi::Connection& connection : connections_.all()) {
    forget(connection);
    connection = {};
  }
  watches_.forget(waiter_->wakeup_fd(), {});
  if (signals_) environment_.finish_upkeep();
}

bool Multi::Impl::settle() {
  for (;;) {
    make_room();
    if (!drain()) return false;
    if (!to_refresh_) return true;
    refresh(*std::exchange(to_refresh_, std::nullopt));
  }
}

bool Multi::Impl::drain() {
  while (engine_.has_output()) {
    if (outputs_left_ % kUnlookedAt == 0) now_ = environment_.now();
    if (outputs_left_ == 0 || late()) return false;
    make_room();
    --outputs_left_;
    if (auto output = engine_.poll_output()) take(std::move(*output));
  }
  return true;
}

void Multi::Impl::keep_key(output::KeyLog& what) {
  try {
    key_log_.push_back(std::move(what.line));
  } catch (const std::bad_alloc&) {  // a log has a gap; nothing else depends on it
  }
}

void Multi::Impl::take(Output output) {
  progressed_ = true;
  std::visit(Overloaded{
                 [&](output::Resolve& what) { resolver_->start(what); },
                 [&](output::CancelResolve& what) { resolver_->cancel(what.id); },
                 [&](output::Connect& what) { connect(what); },
                 [&](output::Close& what) { close(what.conn); },
                 [&](output::InterestChanged& what) { refresh(what.conn); },
                 [&](output::InterimReady& what) { deliver_interim(what); },
                 [&](output::HeadReady& what) { deliver_head(what.transfer); },
                 [&](output::BodyReady& what) { deliver_body(what.transfer); },
                 [&](output::UploadReady& what) { pump_upload(what.transfer); },
                 [&](output::Done& what) { deliver_done(what); },
                 [&](output::KeyLog& what) { keep_key(what); },
                 [&](output::HeadSent& what) { deliver_head_sent(what); },
             },
             output);
}

}  // namespace sluice
