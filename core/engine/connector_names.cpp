// See connector.hpp. Here: the addresses of a dial, those that proxies must be given, and the rule for addresses.
#include <algorithm>
#include <utility>

#include "core/address_rule.hpp"
#include "core/base/address_family.hpp"
#include "core/base/ascii.hpp"
#include "core/engine/connector.hpp"

namespace sluice::engine {

using pool::Dial;
using pool::Endpoint;

namespace {

bool is_v4_only(const Endpoint& endpoint, std::size_t proxy) {
  return (*endpoint.through->way.proxies)[proxy].kind == ProxyKind::socks4;
}

void note_target(Dial& dial, std::size_t proxy, const IpAddress& address) {
  dial.targets.resize(std::max(dial.targets.size(), proxy + 1));
  dial.targets[proxy] = address;
}

}  // namespace

Error forbidden(std::string_view host, std::uint16_t port, std::string_view addresses) {
  pool::Destination place;
  place.host = host;
  place.port = port;
  std::string text = "connect to " + place.where() + ": forbidden by the address rule";
  if (host != addresses) text.append(": ").append(addresses);
  return make_error(Code::address_forbidden, std::move(text));
}

std::optional<std::size_t> Connector::lacks_address(const Dial& dial, const Endpoint& endpoint) {
  return endpoint.through ? endpoint.through->lacks_address(dial.targets) : std::nullopt;
}

bool Connector::lacks_origin(const Dial& dial, const Endpoint& endpoint) {
  const auto proxy = lacks_address(dial, endpoint);
  return proxy && endpoint.through->is_last(*proxy);
}

// ---- names ----

// The entry that holds for this host and port: the last one that names it, else the last one for all names.
const EngineOptions::KnownAddresses* Connector::known_entry(std::string_view host, std::uint16_t port, Now now) const {
  const auto whole = [](std::string_view name) { return name.ends_with('.') ? name.substr(0, name.size() - 1) : name; };
  const NameCacheOptions& cache = options_.name_cache;
  const bool is_early = !first_dial_ || now.steady < Timers::later(*first_dial_, cache.ttl.value_or(cache.max_ttl));
  const EngineOptions::KnownAddresses* its = nullptr;
  const EngineOptions::KnownAddresses* any = nullptr;
  for (const auto& one : options_.known_addresses) {
    if (one.port != port || (one.expires && !is_early)) continue;
    if (equals_ignoring_case(whole(one.host), whole(host))) its = &one;
    if (one.host == "*") any = &one;
  }
  return its ? its : any;
}

// The addresses that need no look-up; nullopt: there are none.
std::optional<std::vector<IpAddress>> Connector::known(const std::string& host, std::uint16_t port,
                                                       std::string_view zone, Now now) const {
  if (!options_.known_addresses.empty()) {
    if (const auto* found = known_entry(host, port, now)) return found->addresses;
  }
  auto literal = IpAddress::parse(host);
  if (!literal) return std::nullopt;
  literal->zone = zone;
  return std::vector{*std::move(literal)};
}

// Null: there is no sponsor, or it has none.
const TransferLimits* Connector::limits_of(const Dial& dial) const {
  const Job* const sponsor = jobs_.find(dial.sponsor);
  return sponsor ? sponsor->options.limits.get() : nullptr;
}

void Connector::wait_for(Dial& dial, pool::Name& name, AddressFamily family, Now now) {
  if (const auto* limits = limits_of(dial); limits && limits->resolve_timeout) {
    dialer_.limit_phase(dial, limits->resolve_timeout, now);
  }
  output::Resolve wish{{}, name.host, family, name.https_port};
  outbox_.make_room();
  dial.race.wait_for_more();
  dial.name.dial = dial.id;
  if (const auto begun = names_.wait(name, dial.name)) ask(std::move(wish), *begun);
}

// The queue has room for it.
void Connector::ask(output::Resolve wish, ResolveId id) {
  wish.id = id;
  outbox_.put(wish);
  outbox_.report([&] {
    return EngineEvent{.kind = EngineEvent::Kind::look_up_started, .resolve = id, .text = std::move(wish.host)};
  });
}

// What is known of a name; for an answer that is too old a look-up is begun, for those that come later.
pool::NameCache::Known Connector::ask_cache(pool::Name& name, Now now) {
  const auto known = names_.knows(name, now);
  if (known != pool::NameCache::Known::stale) return known;
  output::Resolve wish{{}, name.host, name.family, name.https_port};
  outbox_.make_room();
  if (const auto begun = names_.refresh(name, now)) ask(std::move(wish), *begun);
  return known;
}

std::optional<DialEnd> Connector::look_up(Dial& dial, const Endpoint& endpoint, Now now) {
  using Known = pool::NameCache::Known;
  if (options_.address_rule && endpoint.through) {
    if (auto refused = forbidden_target(endpoint)) return lose_soon(dial, *std::move(refused), now);
  }
  if (const auto proxy = lacks_address(dial, endpoint)) return look_up_target(dial, endpoint, *proxy, now);
  const pool::Destination& place = endpoint.destination;
  if (place.route) return use(dial, endpoint, {IpAddress{}}, now);  // one attempt; the route knows how
  if (auto addresses = known(place.host, place.port, place.zone, now)) {
    std::erase_if(*addresses, [&](const IpAddress& address) { return !family_fits(place.family, address); });
    if (!addresses->empty()) return use(dial, endpoint, *addresses, now);
    if (!IpAddress::parse(place.host)) return lose_soon(dial, place.host, now);
    return failed(
        dial, make_error(Code::resolve_failed, place.where() + " is not an address of the family that was asked for"));
  }
  pool::Name& name = names_.name(place.host, place.family, https_port(endpoint));
  const Known known_so_far = ask_cache(name, now);
  if (known_so_far == Known::failed) return lose_soon(dial, *name.failure, now);
  if (known_so_far != Known::no && !lacks_records(endpoint, name)) return learn(dial, endpoint, name, true, now);
  wait_for(dial, name, place.family, now);
  return name.known_in_part ? learn(dial, endpoint, name, false, now) : std::nullopt;
}

// The failure comes after this call, as that of a look-up would: an application that tries again at once must not loop
// inside one call.
std::optional<DialEnd> Connector::lose_soon(Dial& dial, Error error, Now now) {
  dialer_.lose_soon(dial, std::move(error), now);
  return std::nullopt;
}

std::optional<DialEnd> Connector::lose_soon(Dial& dial, const std::string& host, Now now) {
  return lose_soon(
      dial, make_error(Code::resolve_failed, "resolve " + host + ": no address of the family that was asked for"), now);
}

// A proxy that is given an address gets the first one of the name that is allowed.
std::optional<DialEnd> Connector::look_up_target(Dial& dial, const Endpoint& endpoint, std::size_t proxy, Now now) {
  using Known = pool::NameCache::Known;
  const proxy::Target target = endpoint.through->target_of(proxy);
  const AddressFamily family = is_v4_only(endpoint, proxy) ? AddressFamily::ipv4 : endpoint.destination.family;
  if (auto addresses = known(target.host, target.port, {}, now)) {
    // What the protocol of the proxy cannot say of a literal, its layer reports.
    const bool is_literal = IpAddress::parse(target.host).has_value();
    std::erase_if(*addresses, [&](const IpAddress& address) { return !is_literal && !family_fits(family, address); });
    if (addresses->empty()) return lose_soon(dial, target.host, now);
    return take_target(dial, endpoint, proxy, *addresses, now);
  }
  pool::Name& name = names_.name(target.host, family);
  const Known known_so_far = ask_cache(name, now);
  if (known_so_far == Known::failed) return lose_soon(dial, *name.failure, now);
  if (known_so_far != Known::no) return take_target(dial, endpoint, proxy, name.addresses, now);
  wait_for(dial, name, family, now);
  return std::nullopt;
}

std::optional<DialEnd> Connector::target_answered(Dial& dial, std::size_t proxy,
                                                  const pool::NameCache::Answered& answer, Now now) {
  if (answer.more) return std::nullopt;
  names_.leave(dial.name);
  dial.race.stop();  // nothing is waited for now
  if (!answer.result) return failed(dial, answer.result.error());
  return take_target(dial, *pool_.find(dial.endpoint), proxy, answer.name->addresses, now);
}

std::optional<DialEnd> Connector::take_target(Dial& dial, const Endpoint& endpoint, std::size_t proxy,
                                              const std::vector<IpAddress>& addresses, Now now) {
  const proxy::Target target = endpoint.through->target_of(proxy);
  const bool is_proxy = !endpoint.through->is_last(proxy);
  std::string refused;
  for (const IpAddress& address : addresses) {
    if (const auto allowed = ask_rule(target.host, target.port, address, is_proxy)) {
      note_target(dial, proxy, *allowed);
      return look_up(dial, endpoint, now);
    }
    refused += (refused.empty() ? "" : ", ") + address.to_string();
  }
  return lose_soon(dial, forbidden(target.host, target.port, refused), now);
}

// ---- the rule for addresses ----

// The address to connect to; nullopt: it is forbidden.
std::optional<IpAddress> Connector::ask_rule(const std::string& host, std::uint16_t port, const IpAddress& address,
                                             bool is_proxy) const {
  using Kind = AddressRule::Answer::Kind;
  if (!options_.address_rule) return address;
  AddressRule::Answer answer =
      options_.address_rule->ask({.host = host, .port = port, .address = address, .is_proxy = is_proxy});
  if (answer.kind == Kind::allow) return address;
  // A replacement that is no address replaces nothing, and this address is not wanted.
  if (answer.kind == Kind::forbid || answer.replacement.kind == IpAddress::Kind::none) return std::nullopt;
  return std::move(answer.replacement);
}

// A proxy that looks names up itself is given what the URL has: it may be an address.
std::optional<Error> Connector::forbidden_target(const Endpoint& endpoint) const {
  const pool::Through& through = *endpoint.through;
  for (std::size_t i = 0; i < through.way.proxies->size(); ++i) {
    if (through.way.forwards && through.is_last(i)) break;  // Carrier asks for each request
    if (proxy::needs_address((*through.way.proxies)[i])) continue;
    const proxy::Target target = through.target_of(i);
    const auto literal = IpAddress::parse(target.host);
    if (!literal) continue;
    const auto allowed = ask_rule(target.host, target.port, *literal, !through.is_last(i));
    if (!allowed || *allowed != *literal) return forbidden(target.host, target.port, literal->to_string());
  }
  return std::nullopt;
}

std::optional<DialEnd> Connector::use(Dial& dial, const Endpoint& endpoint, const std::vector<IpAddress>& addresses,
                                      Now now) {
  if (!dialer_.learn(dial, addresses, true, endpoint.destination.family, {}, now)) return std::nullopt;
  return next_attempt(dial, now);
}

std::optional<DialEnd> Connector::answered(Dial& dial, const pool::NameCache::Answered& answer, Now now) {
  const Endpoint& endpoint = *pool_.find(dial.endpoint);
  const auto proxy = lacks_address(dial, endpoint);
  if (proxy) return target_answered(dial, *proxy, answer, now);
  if (!answer.more) names_.leave(dial.name);
  const pool::Name& name = *answer.name;
  if (answer.result && !name.addresses.empty()) dialer_.limit_phase(dial, std::nullopt, now);  // there is an address
  if (is_of_target(dial)) return learn_of_target(dial, name, answer.result, !answer.more, now);
  if (!answer.result) return failed(dial, answer.result.error());
  return learn(dial, endpoint, name, !answer.more, now);
}

}  // namespace sluice::engine
