// See connector.hpp. Here: where a dial connects by the HTTPS records of its host (RFC 9460), and with which keys for
// Encrypted Client Hello (RFC 9848). Leaves the look-up of records to connector_names.cpp.
#include <algorithm>
#include <utility>

#include "core/base/address_family.hpp"
#include "core/base/limits.hpp"
#include "core/engine/connector.hpp"
#include "core/tls/client.hpp"

namespace sluice::engine {

using pool::Dial;
using pool::DialService;
using pool::Endpoint;

namespace {

bool wants_keys(const Endpoint& endpoint) { return tls::wants_ech_keys(endpoint.peer.tls->options()); }

bool requires_keys(const Endpoint& endpoint) {
  const TlsOptions& options = endpoint.peer.tls->options();
  return options.ech_config_list.empty() && options.ech == EncryptedHello::required;
}

std::string_view without_dot(std::string_view host) {
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

std::vector<IpAddress> of_family(const std::vector<IpAddress>& all, AddressFamily family) {
  std::vector<IpAddress> kept;
  std::ranges::copy_if(all, std::back_inserter(kept),
                       [&](const IpAddress& address) { return family_fits(family, address); });
  return kept;
}

Error no_keys(const Endpoint& endpoint, const pool::Name& name) {
  const std::string where = endpoint.destination.where();
  return make_error(Code::tls_handshake, "Encrypted Client Hello: it is required, and " +
                                             (name.https_failed ? "the HTTPS records of " + where + " are not known"
                                                                : where + " has no keys in an HTTPS record"));
}

// The record is for a version of HTTP that the endpoint may speak.
bool suits(const HttpsRecord& record, const Endpoint& endpoint) {
  const bool has_http2 = std::ranges::find(record.alpn, "h2") != record.alpn.end();
  switch (endpoint.protocol) {
    case http::Protocol::http1:
      return record.speaks_http1();
    case http::Protocol::negotiated:
      return record.speaks_http1() || has_http2;
    case http::Protocol::http2_assumed:
    case http::Protocol::http2:
      return has_http2;
  }
  return false;
}

DialService& service_of(Dial& dial) {
  if (!dial.service) dial.service = std::make_unique<DialService>();
  return *dial.service;
}

}  // namespace

// The port for which HTTPS records count; 0: they do not.
std::uint16_t Connector::https_port(const Endpoint& endpoint) const {
  const pool::Destination& place = endpoint.destination;
  const pool::PeerName& peer = endpoint.peer;
  if (!peer.tls || endpoint.through || place.route) return 0;
  if (place.port != peer.port || without_dot(place.host) != peer.host) return 0;  // connect_to
  return options_.https_records || tls::wants_ech_keys(peer.tls->options()) ? peer.port : std::uint16_t{0};
}

std::uint16_t Connector::port_of(const Dial& dial, const pool::Destination& place) const {
  return dial.service && dial.service->port != 0 ? dial.service->port : place.port;
}

// There are addresses, but whether the host has keys is not known, and they are wanted.
bool Connector::lacks_records(const Endpoint& endpoint, const pool::Name& name) {
  return name.https_failed && name.https_port != 0 && wants_keys(endpoint);
}

// The dial waits for the addresses of the name that its record has.
bool Connector::is_of_target(const Dial& dial) const { return dial.service && !dial.service->target.empty(); }

// What is known of the endpoint's name has grown. `complete`: nothing more will come.
std::optional<DialEnd> Connector::learn(Dial& dial, const Endpoint& endpoint, const pool::Name& name, bool complete,
                                        Now now) {
  const AddressFamily family = endpoint.destination.family;
  const bool counts = name.https_port != 0 && !(dial.service && dial.service->is_over);
  const bool has_begun = dial.race.tried() > 0 || !dial.attempts.empty();
  bool waits = false;
  Instant until = name.ipv6_until;
  if (counts && !has_begun && !(dial.service && dial.service->is_chosen)) {
    if (name.https) {
      choose_service(dial, endpoint, name);
      if (is_of_target(dial)) return look_up_service(dial, endpoint, now);
    }
    const bool lacks_keys = wants_keys(endpoint) && !(dial.service && dial.service->ech);
    waits = !complete && name.https_to_come;
    if (waits) until = name.https_until;
    if (lacks_keys && requires_keys(endpoint)) {
      if (waits) return std::nullopt;
      dial.race.stop();
      return lose_soon(dial, no_keys(endpoint, name), now);
    }
    // Counted from the first addresses, as https_until is.
    if (lacks_keys && waits) until = Timers::later(until, limits::kKeysDelay - limits::kResolutionDelay);
  }
  const bool is_hinted = name.addresses.empty() && dial.service && !dial.service->hints.empty();
  if (!dialer_.learn(dial, is_hinted ? of_family(dial.service->hints, family) : name.addresses, complete, family, until,
                     now, waits)) {
    return std::nullopt;
  }
  if (complete && dial.race.knows_none()) return lose_soon(dial, endpoint.destination.host, now);
  return next_attempt(dial, now);
}

// The first record that can be used (RFC 9460 3): one with h3 alone is for others.
void Connector::choose_service(Dial& dial, const Endpoint& endpoint, const pool::Name& name) {
  const std::vector<HttpsRecord>& records = name.https->records;
  const auto can_be_used = [&](const HttpsRecord& record) {
    return suits(record, endpoint) && (!requires_keys(endpoint) || !record.ech.empty());
  };
  const auto record = std::ranges::find_if(records, can_be_used);
  if (record == records.end()) return;
  DialService& service = service_of(dial);
  service.is_chosen = true;
  service.port = record->port.value_or(0);
  service.target = without_dot(record->target) == without_dot(name.host) ? std::string() : record->target;
  service.hints = record->hints;
  if (wants_keys(endpoint) && !service.has_retried) service.ech = record->ech;
  const bool all_have_keys =
      std::ranges::all_of(records, [&](const HttpsRecord& one) { return !suits(one, endpoint) || !one.ech.empty(); });
  service.may_fall_back = !wants_keys(endpoint) || !(requires_keys(endpoint) || all_have_keys);
}

// The addresses are those of another name.
std::optional<DialEnd> Connector::look_up_service(Dial& dial, const Endpoint& endpoint, Now now) {
  using Known = pool::NameCache::Known;
  names_.leave(dial.name);
  const AddressFamily family = endpoint.destination.family;
  pool::Name& name = names_.name(dial.service->target, family);
  const Known known_so_far = ask_cache(name, now);
  if (known_so_far == Known::failed) {
    return dial.service->may_fall_back ? fall_back(dial, endpoint, now) : lose_soon(dial, *name.failure, now);
  }
  if (known_so_far != Known::no) return use(dial, endpoint, name.addresses, now);
  wait_for(dial, name, family, now);
  if (name.known_in_part) return learn_of_target(dial, name, {}, false, now);
  if (!dialer_.learn(dial, of_family(dial.service->hints, family), false, family, {}, now)) return std::nullopt;
  return next_attempt(dial, now);
}

std::optional<DialEnd> Connector::learn_of_target(Dial& dial, const pool::Name& name, const Result<void>& result,
                                                  bool complete, Now now) {
  const Endpoint& endpoint = *pool_.find(dial.endpoint);
  if (!result) {
    dial.race.stop();
    if (!dial.attempts.empty()) return std::nullopt;  // to the record's hints
    if (dial.service->may_fall_back) return fall_back(dial, endpoint, now);
    return failed(dial, dial.last_error ? pool::Dialer::lost(dial, endpoint.destination) : result.error());
  }
  if (!dialer_.learn(dial, name.addresses, complete, name.family, name.ipv6_until, now)) return std::nullopt;
  return next_attempt(dial, now);
}

// RFC 9460 3: no connection can be made as the records say, so one is made without them.
std::optional<DialEnd> Connector::fall_back(Dial& dial, const Endpoint& endpoint, Now now) {
  names_.leave(dial.name);
  *dial.service = DialService{.is_over = true, .has_retried = dial.service->has_retried};
  dial.race.reset();
  return look_up(dial, endpoint, now);
}

// The connection that fails was made where a record says, which is another place than the host's own.
bool Connector::leads_elsewhere(const Dial& dial) {
  const DialService* const service = dial.service.get();
  if (!service || !service->is_chosen || !service->may_fall_back) return false;
  return service->port != 0 || !service->target.empty() || !service->hints.empty();
}

// RFC 9849 6.1.6: once, with the keys that the server has named, or without.
void Connector::note_keys(Dial& dial, std::string_view list) {
  DialService& service = service_of(dial);
  service.ech = std::string(list);
  service.has_retried = true;
}

}  // namespace sluice::engine
