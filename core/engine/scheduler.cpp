// Who gets which connection: origins and their keys, the queue, the limits, reuse.
// Leaves making connections to dial.cpp and what travels on them to exchange.cpp. Never walks more than what it acts on.
#include <algorithm>
#include <bit>
#include <utility>

#include "core/engine/impl.hpp"
#include "core/http1/session.hpp"

namespace sluice {

using engine::TransferPhase;

namespace {

void append_part(std::string& key, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  for (int shift = 0; shift < 32; shift += 8) key += static_cast<char>(size >> shift & 0xff);
  key += part;
}

// An origin keeps its route alive, so no other object can have the address of one without an identity meanwhile. What outlives
// the origin under its key, its TLS sessions, is forgotten with it (Engine::Impl::forget).
void append_route(const Route* route, std::string& key) {
  if (!route) return;
  const bool by_object = route->identity().empty();
  key += by_object ? 'o' : 'i';
  if (by_object) {
    const auto address = std::bit_cast<std::uintptr_t>(route);
    for (std::size_t shift = 0; shift < 8 * sizeof address; shift += 8) key += static_cast<char>(address >> shift & 0xff);
  } else {
    append_part(key, route->identity());
  }
}

// Two transfers share connections, and TLS sessions, only if this is the same text for both (SB-05, SB-36, SB-43..46).
void pool_key(const Request& request, const TransferOptions& options, const TlsConfig* tls, std::string& key) {
  key.clear();
  append_part(key, tls ? as_text(Bytes{tls->identity()}) : std::string_view{});
  append_part(key, request.url.host());
  append_part(key, request.url.zone());
  const std::uint16_t ports[] = {request.url.port(), options.connect_to ? options.connect_to->port : std::uint16_t{0}};
  for (const std::uint16_t port : ports) {
    key += static_cast<char>(port >> 8);
    key += static_cast<char>(port & 0xff);
  }
  append_part(key, options.connect_to ? std::string_view{options.connect_to->host} : std::string_view{});
  key += static_cast<char>(options.family);
  append_route(options.route.get(), key);
}

}  // namespace

Engine::Impl::Origin* Engine::Impl::origin_for(const Request& request, const TransferOptions& options,
                                               std::shared_ptr<const TlsConfig> tls) {
  pool_key(request, options, tls.get(), key_scratch_);
  if (const auto found = origin_by_key_.find(std::string_view{key_scratch_}); found != origin_by_key_.end()) {
    Origin* origin = origins_.find(found->second);
    SLUICE_CHECK(origin != nullptr);
    unused_.remove(*origin);
    return origin;
  }
  OriginId id;
  Origin* origin = origins_.emplace(id);
  if (!origin) throw std::bad_alloc();
  try {
    describe_origin(*origin, request, options);
    origin_by_key_.emplace(origin->key, id);
  } catch (const std::bad_alloc&) {
    origins_.release(id);
    throw;
  }
  origin->id = id;
  origin->tls = std::move(tls);
  return origin;
}

void Engine::Impl::describe_origin(Origin& origin, const Request& request, const TransferOptions& options) const {
  origin.key = key_scratch_;
  origin.name = request.url.host();
  if (origin.name.ends_with('.')) origin.name.pop_back();  // RFC 6066 3; and certificates name no root
  origin.name_kind = request.url.host_kind();
  origin.name_port = request.url.port();
  origin.zone = options.connect_to ? std::string_view{} : request.url.zone();
  origin.host = options.connect_to ? std::string_view{options.connect_to->host} : request.url.host();
  origin.port = options.connect_to ? options.connect_to->port : request.url.port();
  origin.family = options.family;
  origin.route = options.route;
}

void Engine::Impl::make_pending(Origin& origin) {
  if (!engine::PendingList::contains(origin)) pending_.push_back(origin);
}

void Engine::Impl::run_pending(Now now) {
  while (true) {
    while (Origin* origin = pending_.pop_front()) {
      schedule(*origin, now);
      starved_turn_ = false;
      retire_if_unused(*origin);
    }
    const bool room = open_ < options_.max_connections || has_spare();
    if (starved_.empty() || !room) return;
    starved_turn_ = true;
    pending_.push_back(*starved_.pop_front());
  }
}

void Engine::Impl::retire_if_unused(Origin& origin) {
  if (!origin.unused() || engine::UnusedList::contains(origin) || engine::PendingList::contains(origin)) return;
  if (origin.route) {  // no addresses to keep, and whoever made it wants to see it go
    forget(origin);
    return;
  }
  unused_.push_back(origin);
  if (unused_.size() > limits::kMaxUnusedOrigins) forget(*unused_.pop_front());
}

void Engine::Impl::forget(Origin& origin) {
  if (origin.resolve) {
    try_put(output::CancelResolve{origin.resolve});  // if it is lost, an answer that nobody waits for does no harm
    resolutions_.release(origin.resolve);
  }
  if (origin.route && origin.route->identity().empty()) tls_sessions_.forget(origin.key);
  origin_by_key_.erase(origin.key);
  origins_.release(origin.id);
}

void Engine::Impl::schedule(Origin& origin, Now now) {
  while (Socket* socket = origin.idle.front()) {
    if (now.steady - socket->idle_since >= idle_limit(*socket)) {  // its timer is late
      close_socket(*socket, true);
      continue;
    }
    Transfer* transfer = next_for(origin, *socket, now);
    if (!transfer) break;
    unpark(*socket);
    assign(*socket, *transfer, now);
  }
  while (!origin.orphans.empty() && !origin.queue.empty()) {
    Dial& dial = *origin.orphans.front();
    Transfer& transfer = *origin.queue.front();
    leave_queue(origin, transfer);
    or_lose(dial.id, now, [&] { sponsor_dial(dial, origin, transfer, now); });
  }
  while (Transfer* transfer = origin.queue.front()) {
    if (!claim_room(origin, *transfer)) return;
    leave_queue(origin, *transfer);
    start_dial(origin, *transfer, now);
  }
}

// Where nobody is left in the queue the origin does not stand in line for a connection any more.
void Engine::Impl::leave_queue(Origin& origin, Transfer& transfer) {
  origin.queue.remove(transfer);
  if (origin.queue.empty()) starved_.remove(origin);
}

// The oldest waiting transfer that may use `socket`, taken out of its list. One whose own connection is still being made is
// served too: that connection then goes to the next in the queue. Where that one must have its own, it leaves the list, so that those
// after it are not held up.
Engine::Impl::Transfer* Engine::Impl::next_for(Origin& origin, const Socket& socket, Now now) {
  while (Transfer* transfer = origin.dialing.pop_front()) {
    if (may_take(origin, *transfer, socket, now)) return transfer;
    transfer->fresh_only = true;
  }
  if (Transfer* transfer = origin.queue.front(); transfer && may_take(origin, *transfer, socket, now)) {
    leave_queue(origin, *transfer);
    return transfer;
  }
  return nullptr;
}

// A peer that closes right after each answer, and does not say so, would fail every second request that must not be repeated. Such a
// request takes none of its connections there, but one that has outlived its answer by kSettleTime: that peer keeps it.
bool Engine::Impl::wants_fresh(const Origin& origin, const Transfer& transfer) const {
  return transfer.fresh_only || (origin.closes_unsaid && !transfer.may_be_repeated());
}

bool Engine::Impl::may_take(const Origin& origin, const Transfer& transfer, const Socket& socket, Now now) const {
  if (!socket.may_be_stale() || !wants_fresh(origin, transfer)) return true;
  return !transfer.fresh_only && socket.was_idle && now.steady - socket.idle_since >= limits::kSettleTime;
}

// The end of a connection that was used, as its peer made it. One answer and an end right after it, where none was ever used twice, is
// what a peer does that keeps no connection; one that does keep them may still be going down.
void Engine::Impl::note_end(const Socket& socket, Now now) {
  Origin& origin = *origins_.find(socket.origin);
  const http::Session* session = socket.stack.session();
  for (const auto& [stream, transfer] : socket.exchanges) {
    if (session->response_started(stream)) return;
  }
  const std::uint32_t answered = socket.exchanges_carried - static_cast<std::uint32_t>(socket.exchanges.size());
  if (answered != 1 || now.steady - socket.idle_since >= limits::kSettleTime) return;
  if (std::exchange(origin.keeps, false)) return;  // once is an accident
  origin.closes_unsaid = true;
}

void Engine::Impl::note_kept(Origin& origin) {
  origin.keeps = true;
  origin.closes_unsaid = false;
}

// How long it may stay unused: the peer's word for it holds less a margin, since its clock began earlier and a request is on its way for
// some time.
Duration Engine::Impl::idle_limit(const Socket& socket) const {
  return std::min(options_.idle_connection_timeout, socket.kept_for.value_or(Duration::max()));
}

// The engine's limit or the route's, whichever is lower; 0: none.
std::size_t Engine::Impl::connections_allowed(const Origin& origin) const {
  const std::size_t ours = options_.max_connections_per_origin;
  const std::size_t its = origin.route ? origin.route->max_connections() : 0;
  return ours == 0 || its == 0 ? std::max(ours, its) : std::min(ours, its);
}

// More connections than the limits, which were lowered meanwhile, allow.
bool Engine::Impl::is_surplus(const Origin& origin) const {
  const std::size_t per_origin = connections_allowed(origin);
  return (options_.max_connections != 0 && open_ > options_.max_connections) || (per_origin != 0 && origin.open > per_origin);
}

// Whether one more connection may be opened for this transfer; others that nobody needs are closed where that makes the room.
bool Engine::Impl::claim_room(Origin& origin, const Transfer& transfer) {
  const std::size_t per_origin = connections_allowed(origin);
  if (per_origin != 0 && origin.open >= per_origin) {
    if (!wants_fresh(origin, transfer) || origin.idle.empty()) return false;
    close_socket(*origin.idle.back(), true);
  }
  if (options_.max_connections == 0) return true;
  const bool full = open_ >= options_.max_connections;
  // Those that wait already come first, and each gets one connection at a time.
  if ((full && !has_spare()) || (!starved_.empty() && !starved_turn_)) {
    if (!engine::StarvedList::contains(origin)) starved_.push_back(origin);
    return false;
  }
  if (full) close_spare();
  starved_turn_ = false;
  return true;
}

// One that is used by nobody, or else one that is being made for nobody.
void Engine::Impl::close_spare() {
  if (Socket* socket = idle_.front()) {
    close_socket(*socket, true);
  } else {
    abandon(*orphans_.front());
  }
}

// An origin whose queue never ends must not keep its connections for ever while others have none.
bool Engine::Impl::must_yield(const Socket& socket, const Origin& origin) const {
  const std::size_t itself = engine::StarvedList::contains(origin) ? 1 : 0;
  return starved_.size() > itself && socket.exchanges_carried >= limits::kExchangesBeforeYield;
}

void Engine::Impl::take_slot(Origin& origin) {
  ++origin.open;
  ++open_;
}

void Engine::Impl::free_slot(Origin& origin) {
  SLUICE_CHECK(origin.open > 0 && open_ > 0);
  --origin.open;
  --open_;
  make_pending(origin);
}

void Engine::Impl::assign(Socket& socket, Transfer& transfer, Now now) {
  Dial* own_dial = transfer.phase() == TransferPhase::dialing ? dials_.find(transfer.dial) : nullptr;
  transfer.dial = {};
  if (auto opened = open_exchange(socket, transfer, now); !opened) {
    end(transfer, std::unexpected(std::move(opened.error())), now);
    if (own_dial) adopt(*own_dial, false, now);
    close_socket(socket, true);  // no other is tried on it: without memory that would go on through the whole queue
    return;
  }
  or_lose(transfer.id, now, [&] {
    pump(socket, now);
    interest_changed(socket);
    announce_upload(transfer);
  });
  if (own_dial) adopt(*own_dial, false, now);
}

http::ResponseRules Engine::Impl::response_rules(const Transfer& transfer) const {
  const TransferOptions& options = transfer.options;
  return {.http1 = options.http1.value_or(options_.http1),
          .allow_http0_9 = options.allow_http0_9,
          .truncation_ok = options.tls_truncation_ok && transfer.request.url.is_tls(),
          .keep_raw_head = options.keep_raw_head || options.report_heads};
}

// An error, which may be a lack of memory, leaves the socket as it was.
Result<void> Engine::Impl::open_exchange(Socket& socket, Transfer& transfer, Now now) try {
  http::Session& session = *socket.stack.session();
  transfer.head.clear();
  transfer.info.conn = socket.id;
  transfer.info.address = socket.address;
  transfer.info.route = socket.route_name;
  transfer.info.reused = socket.exchanges_carried > 0;
  note_attempt(transfer, now);
  if (transfer.options.idle_timeout) {
    set_timer(transfer.idle_timer, *transfer.options.idle_timeout, TimerKind::idle_timeout, transfer.id, now);
  }
  const auto stream = session.open({&transfer.request, transfer.upload.present() ? &transfer.upload : nullptr,
                                    &transfer.head, &transfer.trailers, response_rules(transfer)});
  if (!stream) return std::unexpected(stream.error());
  transfer.enter(TransferPhase::active);
  transfer.conn = socket.id;
  transfer.stream = *stream;
  transfer.send_started = false;
  transfer.last_activity = now.steady;
  transfer.tls = socket.tls;
  note_times(socket, transfer, now);
  const Bytes head = session.output().spans[0];
  transfer.progress.sent_head_bytes = head.size();
  if (transfer.options.report_heads) try_put_head(transfer.id, head);
  ++socket.exchanges_carried;
  if (transfer.options.forbid_reuse) socket.last_use = true;
  socket.exchanges.add(*stream, transfer.id);  // the first one needs no memory
  return {};
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

// One that was there before cost no time; of one that somebody else began, only what was left of it.
void Engine::Impl::note_times(const Socket& socket, Transfer& transfer, Now now) const {
  Progress& progress = transfer.progress;
  const auto since = [&](std::optional<Instant> at) {
    if (socket.may_be_stale()) return std::optional(now.steady);
    return at ? std::optional(std::max(*at, progress.queued)) : std::nullopt;
  };
  progress.resolved = since(socket.resolved);
  progress.connected = since(socket.connected);
  progress.secured = since(socket.secured);
}

void Engine::Impl::release(Socket& socket, Now now) {
  SLUICE_CHECK(socket.exchanges.empty());
  Origin& origin = *origins_.find(socket.origin);
  const http::Session& session = *socket.stack.session();
  // An answer to a request that the wire has not taken whole ends the connection, with a layer's buffer as without.
  const bool answered_early = socket.stack.holds_plain();
  socket.idle_since = now.steady;
  if (socket.exchanges_carried > 1) note_kept(origin);
  const bool of_no_use = !session.reusable() || socket.write_broken || socket.last_use || answered_early;
  if (of_no_use || must_yield(socket, origin) || is_surplus(origin)) {
    close_socket(socket, true);
  } else if (Transfer* transfer = next_for(origin, socket, now)) {
    assign(socket, *transfer, now);
  } else {
    or_lose(socket.id, now, [&] { park(socket, origin, now); });
  }
}

void Engine::Impl::park(Socket& socket, Origin& origin, Now now) {
  // Set once for many uses: when it fires it looks at idle_since.
  const Duration limit = idle_limit(socket);
  if (const auto due = timers_.due(socket.expiry_timer); !due || *due > later(now.steady, limit)) {
    set_timer(socket.expiry_timer, limit, TimerKind::connection_expiry, socket.id, now);
  }
  socket.idle_since = now.steady;
  socket.was_idle = true;
  origin.idle.push_front(socket);
  idle_.push_back(socket);
  if (!origin.queue.empty()) make_pending(origin);  // who waits would not have this one, and may close it for room
}

void Engine::Impl::unpark(Socket& socket) {
  if (!engine::EngineIdleList::contains(socket)) return;
  origins_.find(socket.origin)->idle.remove(socket);
  idle_.remove(socket);
}

// Ends the stream and says so; it has no exchange any more. The slot of its origin is the caller's part.
void Engine::Impl::close_stream(Socket& socket, bool say_goodbye) {
  SLUICE_CHECK(socket.exchanges.empty());
  unpark(socket);
  timers_.cancel(socket.expiry_timer);
  socket.stack.close(say_goodbye && !socket.write_broken);
  SLUICE_CHECK(sockets_open_ > 0);
  --sockets_open_;
  socket.close_owed = !try_put(output::Close{socket.id});
  try {
    closed_.push_back(socket.id);
  } catch (const std::bad_alloc&) {
    closed_unlisted_ = true;
  }
}

void Engine::Impl::close_socket(Socket& socket, bool say_goodbye) {
  Origin& origin = *origins_.find(socket.origin);
  close_stream(socket, say_goodbye);
  free_slot(origin);
}

// Walks all origins and idle connections: a rare call.
void Engine::Impl::set_limits(const EngineLimits& limits, Now now) {
  now = clamp(now);
  limits_changed_ = true;
  options_.max_connections = limits.max_connections;
  options_.max_connections_per_origin = limits.max_connections_per_origin;
  options_.idle_connection_timeout = std::max(limits.idle_connection_timeout, Duration::zero());
  while (Origin* origin = starved_.pop_front()) make_pending(*origin);  // in their order; they wait anew, where they must
  origins_.for_each([&](OriginId, Origin& origin) {
    const std::size_t most = connections_allowed(origin);
    while (most != 0 && origin.open > most && !origin.idle.empty()) close_socket(*origin.idle.back(), true);
    if (!origin.queue.empty()) make_pending(origin);
  });
  while (options_.max_connections != 0 && open_ > options_.max_connections && has_spare()) close_spare();
  for (Socket* socket = idle_.front(); socket;) {
    Socket* const next = engine::EngineIdleList::next(*socket);  // this one may be closed
    timers_.cancel(socket->expiry_timer);
    or_lose(socket->id, now, [&] { on_connection_expiry(*socket, now); });
    socket = next;
  }
  finish_entry(now);
}

void Engine::Impl::close_idle_connections(Now now) {
  now = clamp(now);
  while (!idle_.empty()) close_socket(*idle_.front(), true);
  finish_entry(now);
}

}  // namespace sluice
