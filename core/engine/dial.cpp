// Making one connection: names to addresses, the race between addresses (RFC 8305), then the layers' handshakes.
// Leaves to others: who is connected for (scheduler.cpp) and what the connection then carries (exchange.cpp).
#include <algorithm>
#include <utility>

#include "core/engine/impl.hpp"
#include "core/http1/session.hpp"
#include "core/tls/client.hpp"

namespace sluice {

using engine::TransferPhase;

namespace {

bool family_fits(AddressFamily family, const IpAddress& address) {
  if (family == AddressFamily::any) return true;
  return address.kind == (family == AddressFamily::ipv4 ? IpAddress::Kind::ipv4 : IpAddress::Kind::ipv6);
}

// RFC 8305 4: families take turns, beginning with that of the first address, so that one broken family costs one delay. What an
// answer names twice is tried once.
std::vector<IpAddress> interleave(std::vector<IpAddress> addresses) {
  std::vector<IpAddress> first, second;
  for (IpAddress& address : addresses) {
    std::vector<IpAddress>& its = address.kind == addresses.front().kind ? first : second;
    if (std::ranges::find(its, address) == its.end()) its.push_back(address);
  }
  std::vector<IpAddress> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(std::move(first[i]));
    if (i < second.size()) mixed.push_back(std::move(second[i]));
  }
  return mixed;
}

}  // namespace

void Engine::Impl::start_dial(Origin& origin, Transfer& sponsor, Now now) {
  engine::DialId id;
  Dial* dial = dials_.emplace(id);
  if (!dial) {
    end(sponsor, std::unexpected(make_error(Code::out_of_memory, {})), now);
    return;
  }
  dial->id = id;
  dial->origin = origin.id;
  origin.dials.push_back(*dial);
  take_slot(origin);
  or_lose(id, now, [&] {
    sponsor_dial(*dial, origin, sponsor, now);
    look_up(*dial, origin, now);
  });
}

void Engine::Impl::look_up(Dial& dial, Origin& origin, Now now) {
  if (origin.route) {
    use_addresses(dial, {IpAddress{}}, now);  // one way, and the route knows it
  } else if (auto literal = IpAddress::parse(origin.host)) {
    literal->zone = origin.zone;
    if (!family_fits(origin.family, *literal)) {
      dial_failed(dial, make_error(Code::resolve_failed, origin.where() + " is not an address of the family that was asked for"), now);
      return;
    }
    use_addresses(dial, {*literal}, now);
  } else if (origin.addresses_until && now.steady < *origin.addresses_until) {
    use_addresses(dial, origin.addresses, now);
  } else {
    dial.resolving = true;
    resolve(origin);
    if (origin.known_in_part) use_addresses(dial, origin.addresses, now);
  }
}

// From here on the dial's end is this transfer's, also if memory runs out in here; its time runs anew for each sponsor.
void Engine::Impl::sponsor_dial(Dial& dial, Origin& origin, Transfer& sponsor, Now now) {
  sponsor.enter(TransferPhase::dialing);
  sponsor.dial = dial.id;
  if (!sponsor.fresh_only) origin.dialing.push_back(sponsor);  // another connection would serve it as well
  forget_orphan(dial, origin);
  dial.sponsor = sponsor.id;
  note_attempt(sponsor, now);
  if (sponsor.options.connect_timeout) {
    set_timer(dial.timeout_timer, *sponsor.options.connect_timeout, TimerKind::connect_timeout, dial.id, now);
  } else {
    timers_.cancel(dial.timeout_timer);
  }
  // One that is taken over in the middle of its handshakes.
  const Socket* winner = dial.attempts.size() == 1 ? sockets_.find(dial.attempts.front()) : nullptr;
  if (winner && winner->connected) note_connection(*winner, sponsor, now);
}

// What info() says of a connection that a transfer waits for, also if the handshakes fail.
void Engine::Impl::note_connection(const Socket& winner, Transfer& sponsor, Now now) {
  sponsor.info.conn = winner.id;
  sponsor.info.address = winner.address;
  sponsor.info.route = winner.route_name;
  note_times(winner, sponsor, now);
}

void Engine::Impl::resolve(Origin& origin) {
  if (origin.resolve) return;
  output::Resolve wish{{}, origin.host, origin.port, origin.family};
  outbox_.make_room();
  Resolution* resolution = resolutions_.emplace(wish.id);
  if (!resolution) throw std::bad_alloc();
  resolution->origin = origin.id;
  origin.resolve = wish.id;
  outbox_.put(std::move(wish));
}

void Engine::Impl::handle_resolved(ResolveId id, Result<NameAnswer> answer, Now now) {
  now = clamp(now);
  begin_fact(now);
  Resolution* resolution = resolutions_.find(id);
  if (!resolution) return;
  Origin& origin = *origins_.find(resolution->origin);
  const bool more = answer && answer->more_to_come;
  const Result<void> taken = more ? take_part(origin, std::move(*answer), now) : take_addresses(origin, std::move(answer), now);
  if (!more) {
    resolutions_.release(id);
    origin.resolve = {};
  }
  if (more && !origin.known_in_part) return;  // nothing of use yet
  for (Dial* dial = origin.dials.front(); dial;) {
    Dial* next = engine::DialList::next(*dial);
    if (dial->resolving) {
      dial->resolving = more;
      or_lose(dial->id, now, [&] {
        if (taken) {
          use_addresses(*dial, origin.addresses, now);
        } else {
          dial_failed(*dial, taken.error(), now);
        }
      });
    }
    dial = next;
  }
  finish_entry(now);
}

// What is of use of an answer, in the order in which it is tried.
Result<void> Engine::Impl::keep_usable(Origin& origin, std::vector<IpAddress> addresses) try {
  std::erase_if(addresses, [&](const IpAddress& address) { return !family_fits(origin.family, address); });
  if (addresses.size() > limits::kMaxAddresses) addresses.resize(limits::kMaxAddresses);
  if (addresses.empty()) {
    return std::unexpected(make_error(Code::resolve_failed, "resolve " + origin.host + ": no address of a usable kind"));
  }
  origin.addresses = interleave(std::move(addresses));
  return {};
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

// The first part of an answer. One that is of no use is none: the rest decides.
Result<void> Engine::Impl::take_part(Origin& origin, NameAnswer answer, Now now) {
  if (answer.addresses.empty()) return {};
  if (!keep_usable(origin, std::move(answer.addresses))) return {};
  if (!std::exchange(origin.known_in_part, true)) origin.ipv6_until = later(now.steady, limits::kResolutionDelay);
  return {};
}

Result<void> Engine::Impl::take_addresses(Origin& origin, Result<NameAnswer> answer, Now now) {
  const bool had_some = std::exchange(origin.known_in_part, false);
  origin.addresses_until.reset();
  Result<void> taken;
  if (!answer) {
    taken = std::unexpected(std::move(answer.error()));
  } else {
    taken = keep_usable(origin, std::move(answer->addresses));
  }
  if (!taken && had_some) return {};  // those stand
  if (!taken) {
    origin.addresses.clear();
    return taken;
  }
  const Duration good_for = std::min(answer->ttl.value_or(limits::kResolveTtl), limits::kResolveTtl);
  if (good_for > Duration::zero()) origin.addresses_until = later(now.steady, good_for);
  return {};
}

// All that are known of its name, or some more: what was tried already stays so (RFC 8305 3).
void Engine::Impl::use_addresses(Dial& dial, const std::vector<IpAddress>& addresses, Now now) {
  learn(dial, addresses);
  if (!dial.resolved) dial.resolved = now.steady;
  if (dial.attempts.empty()) {
    if (waits_for_ipv6(dial, now)) return;
    timers_.cancel(dial.stagger_timer);
  } else if (timers_.is_set(dial.stagger_timer)) {
    return;  // the last attempt has its time for itself
  }
  attempt_next(dial, now);
}

void Engine::Impl::learn(Dial& dial, const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> all;
  all.reserve(dial.next_address + addresses.size());
  const auto tried = dial.addresses.begin() + static_cast<std::ptrdiff_t>(dial.next_address);
  all.insert(all.end(), dial.addresses.begin(), tried);
  for (const IpAddress& address : addresses) {
    if (std::find(dial.addresses.begin(), tried, address) == tried) all.push_back(address);
  }
  dial.addresses = std::move(all);
}

// RFC 8305 3, the Resolution Delay: where IPv4's answer comes first, IPv6's has a moment more.
bool Engine::Impl::waits_for_ipv6(Dial& dial, Now now) {
  const Origin& origin = *origins_.find(dial.origin);
  const auto is_ipv6 = [](const IpAddress& address) { return address.kind == IpAddress::Kind::ipv6; };
  if (!dial.resolving || dial.next_address != 0 || origin.family != AddressFamily::any) return false;
  if (now.steady >= origin.ipv6_until || std::ranges::any_of(dial.addresses, is_ipv6)) return false;
  set_timer(dial.stagger_timer, origin.ipv6_until - now.steady, TimerKind::resolution_delay, dial.id, now);
  return true;
}

void Engine::Impl::attempt_next(Dial& dial, Now now) {
  Origin& origin = *origins_.find(dial.origin);
  if (dial.next_address >= dial.addresses.size()) {
    if (!dial.attempts.empty() || dial.resolving) return;  // one that runs, or an address to come, may still do
    all_failed(dial, origin, now);
    return;
  }
  if (dial.attempts.size() == limits::kMaxAttempts) return;  // the first of them that fails makes way
  begin_attempt(dial, origin);
  if (dial.next_address < dial.addresses.size() || dial.resolving) {
    set_timer(dial.stagger_timer, limits::kAddressStagger, TimerKind::address_stagger, dial.id, now);
  }
}

void Engine::Impl::all_failed(Dial& dial, const Origin& origin, Now now) {
  if (!dial.last_error) return dial_failed(dial, make_error(Code::connect_failed, origin.where() + ": no address"), now);
  Error error = std::move(*dial.last_error);
  error.context = dial.failures;
  dial_failed(dial, std::move(error), now);
}

// All that needs memory comes first: either the attempt is there with its Connect, or nothing has changed.
void Engine::Impl::begin_attempt(Dial& dial, const Origin& origin) {
  queue_owed();  // a Close that gave this connection its place must not come after it
  output::Connect connect;
  Address address;
  std::string route_name;
  if (origin.route) {
    route_name = origin.route->name();
    connect.route = origin.route;
    connect.host = origin.zone.empty() ? origin.host : origin.host + '%' + origin.zone;
    connect.port = origin.port;
  } else {
    address = {dial.addresses[dial.next_address], origin.port};
    connect.address = address;
  }
  dial.attempts.reserve(dial.attempts.size() + 1);
  outbox_.make_room();
  Socket* socket = sockets_.emplace(connect.conn);
  if (!socket) throw std::bad_alloc();
  socket->id = connect.conn;
  socket->origin = origin.id;
  socket->dial = dial.id;
  socket->address = std::move(address);
  socket->route_name = std::move(route_name);
  socket->resolved = dial.resolved;
  ++sockets_open_;
  ++dial.next_address;
  dial.attempts.push_back(socket->id);
  outbox_.put(std::move(connect));
}

// All that were tried are named when all fail; of very many the first ones.
void Engine::Impl::note_failure(Dial& dial, const Origin& origin, const Error& error) {
  constexpr std::size_t kMostBytes = 2'000;
  std::string words = error.message();
  if (dial.failures.empty()) {
    // An address says little to someone who asked for a name.
    const bool named = !origin.route && !IpAddress::parse(origin.host);
    dial.failures = named ? origin.where() + ": " + words : std::move(words);
  } else if (dial.failures.size() + words.size() < kMostBytes) {
    dial.failures += "; " + words;
  } else if (!dial.failures.ends_with("; ...")) {
    dial.failures += "; ...";
  }
}

// Before the race is decided: another address may still do.
void Engine::Impl::attempt_failed(Dial& dial, Socket& socket, Error error, Now now) {
  note_failure(dial, *origins_.find(dial.origin), error);
  dial.last_error = std::move(error);
  std::erase(dial.attempts, socket.id);
  close_stream(socket, false);
  timers_.cancel(dial.stagger_timer);
  or_lose(dial.id, now, [&] { attempt_next(dial, now); });
}

void Engine::Impl::race_won(Dial& dial, Socket& winner, Now now) {
  close_attempts(dial, &winner);
  timers_.cancel(dial.stagger_timer);
  dial.resolving = false;
  winner.connected = now.steady;
  if (Transfer* sponsor = transfers_.find(dial.sponsor)) note_connection(winner, *sponsor, now);
  const Origin& origin = *origins_.find(dial.origin);
  if (auto built = build_stack(winner, origin); !built) {
    dial_failed(dial, std::move(built.error()), now);
    return;
  }
  winner.stack.start(now);
  check_secured(winner, now);
}

// Of the dial, all but one.
void Engine::Impl::close_attempts(Dial& dial, const Socket* but) {
  for (const ConnId id : dial.attempts) {
    Socket& socket = *sockets_.find(id);
    if (&socket != but) close_stream(socket, false);
  }
  dial.attempts.clear();
  if (but) dial.attempts.push_back(but->id);
}

Result<void> Engine::Impl::build_stack(Socket& socket, const Origin& origin) {
  if (!origin.tls) return {};
  tls::ClientParams params;
  params.config = origin.tls;
  params.host = origin.name;
  params.host_kind = origin.name_kind;
  params.sessions = &tls_sessions_;
  params.session_key = origin.key;
  params.key_log = &key_log_;
  params.port = origin.name_port;
  auto layer = tls::make_client(std::move(params));
  if (!layer) return std::unexpected(std::move(layer.error()));
  socket.stack.set_tls(layer->get());
  socket.stack.push_layer(std::move(*layer));
  return {};
}

// After start() and after every read while layers shake hands.
void Engine::Impl::check_secured(Socket& socket, Now now) {
  Dial* dial = dials_.find(socket.dial);
  if (!dial) return;
  if (socket.stack.fault()) {
    dial_failed(*dial, *socket.stack.fault(), now);
  } else if (socket.stack.become_ready()) {
    on_secured(socket, *dial, now);
  }
}

void Engine::Impl::on_secured(Socket& socket, Dial& dial, Now now) {
  socket.secured = now.steady;
  if (const tls::ClientLayer* layer = socket.stack.tls()) {
    auto details = std::make_shared<engine::TlsDetails>();
    details->version = layer->version();
    details->cipher = layer->cipher();
    details->alpn = layer->alpn();
    details->resumed = layer->resumed();
    if (auto certificate = layer->peer_certificate()) {
      details->subject = std::move(certificate->subject);
      details->issuer = std::move(certificate->issuer);
    }
    socket.tls = std::move(details);
  }
  // ALPN will choose here once there is more than one version of HTTP.
  socket.stack.set_session(http1::make_session());
  Transfer* sponsor = transfers_.find(dial.sponsor);
  end_dial(dial, true);
  socket.dial = {};
  if (sponsor) {
    origins_.find(socket.origin)->dialing.remove(*sponsor);
    assign(socket, *sponsor, now);
  } else {
    release(socket, now);
  }
}

void Engine::Impl::dial_failed(Dial& dial, Error error, Now now) {
  Transfer* sponsor = transfers_.find(dial.sponsor);
  // A handshake that came to nothing may have done so for the session it offered: the next one goes without.
  const Origin& origin = *origins_.find(dial.origin);
  const Socket* winner = dial.attempts.size() == 1 ? sockets_.find(dial.attempts.front()) : nullptr;
  if (origin.tls && winner && winner->connected) tls_sessions_.forget(origin.key);
  close_attempts(dial, nullptr);
  end_dial(dial, false);
  error.retry_safe = true;  // no byte of a request was sent
  if (sponsor) fail(*sponsor, std::move(error), now);
}

void Engine::Impl::end_dial(Dial& dial, bool keep_slot) {
  Origin& origin = *origins_.find(dial.origin);
  origin.dials.remove(dial);
  forget_orphan(dial, origin);
  timers_.cancel(dial.stagger_timer);
  timers_.cancel(dial.timeout_timer);
  if (!keep_slot) free_slot(origin);
  dials_.release(dial.id);
}

// The dial's sponsor has gone or was served by another connection: the next in the queue takes it over. With nobody in the queue
// it is given up if `abandon_orphan`, else it goes on and the connection will be there for whoever comes.
void Engine::Impl::adopt(Dial& dial, bool abandon_orphan, Now now) {
  Origin& origin = *origins_.find(dial.origin);
  dial.sponsor = {};
  if (Transfer* next = origin.queue.front()) {
    leave_queue(origin, *next);
    or_lose(dial.id, now, [&] { sponsor_dial(dial, origin, *next, now); });
  } else if (abandon_orphan) {
    abandon(dial);
  } else {
    origin.orphans.push_back(dial);
    orphans_.push_back(dial);
    or_lose(dial.id, now, [&] { limit_orphan(dial, now); });
  }
}

// Nobody waits who would give it up one day: it may last as long as a connection that nobody uses, if its time does not end before.
void Engine::Impl::limit_orphan(Dial& dial, Now now) {
  const Instant latest = later(now.steady, options_.idle_connection_timeout);
  if (const auto due = timers_.due(dial.timeout_timer); due && *due <= latest) return;
  set_timer(dial.timeout_timer, options_.idle_connection_timeout, TimerKind::connect_timeout, dial.id, now);
}

void Engine::Impl::forget_orphan(Dial& dial, Origin& origin) {
  origin.orphans.remove(dial);
  orphans_.remove(dial);
}

void Engine::Impl::abandon(Dial& dial) {
  close_attempts(dial, nullptr);
  end_dial(dial, false);
}

}  // namespace sluice
