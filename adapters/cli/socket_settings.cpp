// See socket_settings.hpp.
#include "adapters/cli/socket_settings.hpp"

#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/option_values.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/net/socket_address.hpp"
#include "adapters/resolver/resolver.hpp"
#include "core/base/ascii.hpp"

namespace sluice::cli {
namespace {

using Applied = std::expected<void, std::string>;

std::unexpected<std::string> not_a(std::string_view what, std::string_view text) {
  return std::unexpected("expected " + std::string(what) + ", not '" + printable(text) + "'");
}

// A decimal number up to `most`.
template <typename Number>
bool is_number(std::string_view text, Number most, Number& out) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number > most) return false;
  out = static_cast<Number>(number);
  return true;
}

// "5000" or "5000-5010"; as in curl 0 is any port.
Applied set_local_port(std::string_view text, SocketOptions& options) {
  constexpr std::uint16_t kMost = std::numeric_limits<std::uint16_t>::max();
  const std::size_t dash = text.find('-');
  std::uint16_t first = 0, last = 0;
  const bool valid = is_number(trimmed(text.substr(0, dash)), kMost, first) &&
                     (dash == std::string_view::npos || is_number(trimmed(text.substr(dash + 1)), kMost, last));
  if (!valid || (dash != std::string_view::npos && last < first)) {
    return not_a("a port or a range of ports (5000-5010)", text);
  }
  options.local_port = first;
  options.last_local_port = last;
  return {};
}

struct NamedTos {
  std::string_view name;
  std::uint8_t value;
};
// The names of RFC 2474, RFC 2597, RFC 3246, RFC 5865, RFC 8622 and RFC 3168, and the older ones of RFC 1349.
constexpr NamedTos kNamedTos[] = {
    {"AF11", 0x28},        {"AF12", 0x30},     {"AF13", 0x38},    {"AF21", 0x48},        {"AF22", 0x50},
    {"AF23", 0x58},        {"AF31", 0x68},     {"AF32", 0x70},    {"AF33", 0x78},        {"AF41", 0x88},
    {"AF42", 0x90},        {"AF43", 0x98},     {"CE", 0x03},      {"CS0", 0x00},         {"CS1", 0x20},
    {"CS2", 0x40},         {"CS3", 0x60},      {"CS4", 0x80},     {"CS5", 0xa0},         {"CS6", 0xc0},
    {"CS7", 0xe0},         {"ECT0", 0x02},     {"ECT1", 0x01},    {"EF", 0xb8},          {"LE", 0x04},
    {"LOWCOST", 0x02},     {"LOWDELAY", 0x10}, {"MINCOST", 0x02}, {"RELIABILITY", 0x04}, {"THROUGHPUT", 0x08},
    {"VOICE-ADMIT", 0xb0},
};

Applied set_ip_tos(std::string_view text, SocketOptions& options) {
  const auto named =
      std::ranges::find_if(kNamedTos, [&](const NamedTos& one) { return equals_ignoring_case(one.name, text); });
  std::uint8_t value = 0;
  if (named != std::end(kNamedTos)) {
    value = named->value;
  } else if (!is_number(text, std::uint8_t{255}, value)) {
    return not_a("a number from 0 to 255 or a name such as AF21, CS5, EF or LowDelay", text);
  }
  options.ip_tos = value;
  return {};
}

Applied set_priority(std::string_view text, SocketOptions& options) {
  std::uint8_t value = 0;
  if (!is_number(text, std::uint8_t{7}, value)) return not_a("a number from 0 to 7", text);
  options.priority = value;
  return {};
}

// As in curl: the time is that before the first probe and that between two; 0 is the default.
Applied set_keepalive_time(std::string_view text, SocketSettings& settings) {
  const auto seconds = parse_count(text);
  if (!seconds) return std::unexpected(seconds.error());
  const KeepAlive plain;
  settings.pings = *seconds != 0;
  settings.keep_alive.idle = settings.pings ? std::chrono::seconds(*seconds) : plain.idle;
  settings.keep_alive.interval = settings.pings ? std::chrono::seconds(*seconds) : plain.interval;
  return {};
}

Applied set_keepalive_count(std::string_view text, KeepAlive& keep_alive) {
  const auto count = parse_count(text);
  if (!count) return std::unexpected(count.error());
  keep_alive.count = *count == 0 ? KeepAlive().count : static_cast<std::uint32_t>(*count);
  return {};
}

// The part of a message of the resolver's after the name of the member.
std::string without_member(const std::string& message) {
  const std::size_t colon = message.find(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

Applied set_local_address(std::string_view text, IpAddress::Kind kind, std::vector<IpAddress>& all) {
  const auto address = IpAddress::parse(text);
  if (!address || address->kind != kind) {
    return not_a(kind == IpAddress::Kind::ipv4 ? "an IPv4 address" : "an IPv6 address", text);
  }
  std::erase_if(all, [&](const IpAddress& one) { return one.kind == kind; });
  all.push_back(*address);
  return {};
}

// ---- --interface ----

std::unexpected<Failure> cannot_bind(std::string_view text, const std::string& why) {
  return std::unexpected(Failure{kExitInterface, "option --interface: '" + printable(text) + "' " + why});
}

bool is_interface(const std::string& name) { return ::if_nametoindex(name.c_str()) != 0; }

// An address, perhaps with its zone, or a name that the system knows. Its look-up blocks, but such a name is one of
// this machine, and mostly in /etc/hosts.
std::expected<std::vector<IpAddress>, std::string> addresses_of(const std::string& host) {
  const std::size_t percent = host.find('%');
  if (auto literal = IpAddress::parse(std::string_view(host).substr(0, percent))) {
    if (percent != std::string::npos) literal->zone = host.substr(percent + 1);
    return std::vector{*literal};
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (problem == EAI_SYSTEM) return std::unexpected(net::describe_errno(errno));
  if (problem != 0) return std::unexpected(std::string(::gai_strerror(problem)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<IpAddress> addresses;
  for (const addrinfo* one = found; one; one = one->ai_next) {
    sockaddr_storage storage = {};
    std::copy_n(reinterpret_cast<const char*>(one->ai_addr), std::min<std::size_t>(one->ai_addrlen, sizeof storage),
                reinterpret_cast<char*>(&storage));
    addresses.push_back(net::to_address(storage).ip);
  }
  return addresses;
}

Applied set_client(const std::string& value, IpAddress& client) {
  const auto address = IpAddress::parse(value);
  if (!address) return std::unexpected("expected an IP address, not '" + printable(value) + "'");
  client = *address;
  return {};
}

std::expected<void, Failure> add_host(std::string_view text, const std::string& host, const std::string& what_is_wrong,
                                      SocketOptions& options) {
  auto addresses = addresses_of(host);
  if (!addresses) return cannot_bind(text, what_is_wrong + ": " + addresses.error());
  options.local_addresses = *std::move(addresses);
  return {};
}

std::expected<void, Failure> add_device(std::string_view text, std::string name, SocketOptions& options) {
  if (!is_interface(name)) return cannot_bind(text, "names no network interface of this system");
  options.interface = std::move(name);
  return {};
}

// As in curl: "if!NAME", "host!NAME", "ifhost!INTERFACE!HOST", or a name that is looked up as both, in this order. An
// empty name is none.
std::expected<void, Failure> add_interface(const std::string& text, SocketOptions& options) {
  const std::size_t mark = text.find('!');
  const std::string_view form = std::string_view(text).substr(0, mark == std::string::npos ? 0 : mark);
  const std::string rest = form.empty() ? text : text.substr(mark + 1);
  if (rest.empty()) return {};
  constexpr const char* kNoHost = "names no host of which an address is known";
  if (form == "if") return add_device(text, rest, options);
  if (form == "host") return add_host(text, rest, kNoHost, options);
  if (form == "ifhost") {
    const std::size_t between = rest.find('!');
    if (between == std::string::npos) return cannot_bind(text, "has no host: expected ifhost!INTERFACE!HOST");
    if (auto added = add_device(text, rest.substr(0, between), options); !added) return added;
    return add_host(text, rest.substr(between + 1), kNoHost, options);
  }
  if (is_interface(text)) return add_device(text, text, options);
  return add_host(text, text, "is no network interface of this system, and no host of which an address is known",
                  options);
}

}  // namespace

Applied apply_socket_option(const Argument& argument, SocketSettings& settings) {
  SocketOptions& options = settings.options;
  const auto& [id, on, value, expands] = argument;
  if (id == OptionId::interface) settings.interface = value;
  if (id == OptionId::local_port) return set_local_port(value, options);
  if (id == OptionId::no_keepalive) settings.keeps_alive = !on;
  if (id == OptionId::keepalive_time) return set_keepalive_time(value, settings);
  if (id == OptionId::keepalive_cnt) return set_keepalive_count(value, settings.keep_alive);
  if (id == OptionId::tcp_nodelay) options.tcp_nodelay = on;
  if (id == OptionId::tcp_fastopen) options.tcp_fastopen = on;
  if (id == OptionId::ip_tos) return set_ip_tos(value, options);
  if (id == OptionId::vlan_priority) return set_priority(value, options);
  if (id == OptionId::mptcp) options.multipath = on;
  if (id == OptionId::haproxy_protocol) settings.proxy_line = on;
  if (id == OptionId::haproxy_clientip) return set_client(value, settings.line_client);
  return {};
}

Applied apply_name_option(const Argument& argument, NameSettings& settings) {
  const auto& [id, on, value, expands] = argument;
  if (id == OptionId::dns_ipv4_addr) return set_local_address(value, IpAddress::Kind::ipv4, settings.local_addresses);
  if (id == OptionId::dns_ipv6_addr) return set_local_address(value, IpAddress::Kind::ipv6, settings.local_addresses);
  const bool names_servers = id == OptionId::dns_servers;
  const auto valid = names_servers ? net::check_servers(value) : net::check_interface(value);
  if (!valid) return std::unexpected(without_member(valid.error().message()));
  (names_servers ? settings.servers : settings.interface) = value;
  return {};
}

std::optional<Duration> ping_interval(const CommandLine& command) {
  std::optional<Duration> shortest;
  for (const Operation& operation : command.operations) {
    const SocketSettings& sockets = operation.settings->sockets;
    if (sockets.keeps_alive && sockets.pings)
      shortest = std::min(shortest.value_or(Duration::max()), sockets.keep_alive.idle);
  }
  return shortest;
}

SocketChoices::Chosen SocketChoices::for_settings(const Settings& settings) {
  if (const auto known = made_.find(&settings); known != made_.end()) return known->second;
  const SocketSettings& wanted = settings.sockets;
  SocketOptions options = wanted.options;
  if (wanted.keeps_alive) options.keep_alive = wanted.keep_alive;
  Chosen chosen;
  if (auto added = add_interface(wanted.interface, options); !added) {
    chosen = std::unexpected(std::move(added.error()));
  } else {
    chosen = std::make_shared<const SocketOptions>(std::move(options));
  }
  return made_.emplace(&settings, std::move(chosen)).first->second;
}

}  // namespace sluice::cli
