// See resolver.hpp. The one file that includes c-ares. c-ares reports through callbacks, at times from within the call
// that asks; here they only put answers into a queue.
#include "adapters/resolver/resolver.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace sluice::net {
namespace {

constexpr int kTryTimeoutMs = 2'000;  // for the first try of a server; c-ares doubles it for each round
constexpr int kTries = 3;

Error resolve_error(const std::string& host, std::string_view why, int detail) {
  return make_error(Code::resolve_failed, "resolve " + host + ": " + std::string(why), detail);
}

bool wanted(const IpAddress& address, AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return true;
    case AddressFamily::ipv4:
      return address.kind == IpAddress::Kind::ipv4;
    case AddressFamily::ipv6:
      return address.kind == IpAddress::Kind::ipv6;
  }
  return false;
}

int to_system(AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return AF_UNSPEC;
    case AddressFamily::ipv4:
      return AF_INET;
    case AddressFamily::ipv6:
      return AF_INET6;
  }
  return AF_UNSPEC;
}

// RFC 6761 6.3: "localhost" and every name that falls within it.
bool is_localhost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host == "localhost" || host.ends_with(".localhost");
}

std::optional<IpAddress> from_system(const sockaddr* address) {
  IpAddress out;
  if (address->sa_family == AF_INET) {
    sockaddr_in ipv4 = {};
    std::memcpy(&ipv4, address, sizeof ipv4);
    out.kind = IpAddress::Kind::ipv4;
    std::memcpy(out.bytes.data(), &ipv4.sin_addr, 4);
    return out;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 ipv6 = {};
    std::memcpy(&ipv6, address, sizeof ipv6);
    out.kind = IpAddress::Kind::ipv6;
    std::memcpy(out.bytes.data(), &ipv6.sin6_addr, 16);
    if (ipv6.sin6_scope_id != 0) out.zone = std::to_string(ipv6.sin6_scope_id);
    return out;
  }
  return std::nullopt;
}

std::vector<IpAddress> keep_family(const std::vector<IpAddress>& all, AddressFamily family) {
  std::vector<IpAddress> kept;
  std::ranges::copy_if(all, std::back_inserter(kept),
                       [&](const IpAddress& address) { return wanted(address, family); });
  return kept;
}

}  // namespace

struct Resolver::Query {
  Resolver* owner;
  ResolveId id;
  std::string host;
  std::size_t place;  // in queries_
  bool canceled = false;
};

struct Resolver::Glue {
  static void socket_state(void* data, ares_socket_t fd, int readable, int writable) {
    auto& self = *static_cast<Resolver*>(data);
    if (self.options_.watch) self.options_.watch(fd, readable != 0, writable != 0);
  }

  static std::vector<IpAddress> take_addresses(const ares_addrinfo* found) {
    std::vector<IpAddress> addresses;
    for (const ares_addrinfo_node* node = found ? found->nodes : nullptr; node; node = node->ai_next) {
      const auto address = from_system(node->ai_addr);
      // /etc/hosts may say the same thing on several lines.
      if (address && std::ranges::find(addresses, *address) == addresses.end()) addresses.push_back(*address);
    }
    return addresses;
  }

  static Result<std::vector<IpAddress>> to_answer(const Query& query, int status, const ares_addrinfo* found) noexcept {
    try {
      auto addresses = take_addresses(found);
      if (status == ARES_SUCCESS && !addresses.empty()) return addresses;
      if (status == ARES_ENOMEM) return std::unexpected(make_error(Code::out_of_memory, {}, status));
      if (status == ARES_SUCCESS) status = ARES_ENODATA;
      return std::unexpected(resolve_error(query.host, ares_strerror(status), status));
    } catch (const std::bad_alloc&) {
      return std::unexpected(make_error(Code::out_of_memory, {}));
    }
  }

  static void finished(void* data, int status, int, ares_addrinfo* found) {
    auto& query = *static_cast<Query*>(data);
    Resolver& self = *query.owner;
    if (!query.canceled) {
      --self.open_;
      self.by_index_[query.id.index] = nullptr;
      self.answer(query.id, to_answer(query, status, found));
    }
    if (found) ares_freeaddrinfo(found);
    const std::size_t place = query.place;
    std::swap(self.queries_[place], self.queries_.back());
    self.queries_[place]->place = place;
    self.queries_.pop_back();
  }
};

Resolver::Resolver(ResolverOptions options) : options_(std::move(options)) {}

Resolver::~Resolver() {
  for (const auto& query : queries_) query->canceled = true;  // nobody is there to be answered
  if (channel_) ares_destroy(channel_);  // finishes every query and closes its descriptors, watches first
}

Result<void> Resolver::open_channel() {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  char lookups[] = "fb";  // /etc/hosts first, whatever else the system is set to
  ares_options settings = {};
  settings.timeout = kTryTimeoutMs;
  settings.tries = kTries;
  settings.lookups = lookups;
  settings.sock_state_cb = &Glue::socket_state;
  settings.sock_state_cb_data = this;
  int status = library;
  if (status == ARES_SUCCESS) {
    status = ares_init_options(&channel_, &settings,
                               ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  }
  if (status == ARES_SUCCESS && !options_.servers.empty())
    status = ares_set_servers_ports_csv(channel_, options_.servers.c_str());
  if (status == ARES_SUCCESS) return {};
  if (channel_) ares_destroy(std::exchange(channel_, nullptr));
  if (status == ARES_ENOMEM) return std::unexpected(make_error(Code::out_of_memory, {}, status));
  return std::unexpected(
      make_error(Code::resolve_failed, std::string("set up the resolver: ") + ares_strerror(status), status));
}

bool Resolver::answer_without_network(const output::Resolve& question) {
  std::optional<std::vector<IpAddress>> known;
  for (const Override& entry : options_.overrides) {
    if (entry.port == question.port && entry.host == question.host) known = entry.addresses;
  }
  if (!known && is_localhost(question.host)) {
    known = {*IpAddress::parse("::1"), *IpAddress::parse("127.0.0.1")};
  }
  if (!known) return false;
  auto addresses = keep_family(*known, question.family);
  if (addresses.empty()) {
    answer(question.id, std::unexpected(resolve_error(question.host, "no address of the family that was asked for", 0)));
  } else {
    answer(question.id, std::move(addresses));
  }
  return true;
}

void Resolver::grow_answers() {
  answers_.erase(answers_.begin(), answers_.begin() + static_cast<std::ptrdiff_t>(std::exchange(next_answer_, 0)));
  if (answers_.capacity() - answers_.size() <= open_) answers_.reserve(2 * answers_.size() + open_ + 1);
}

void Resolver::start(const output::Resolve& question) {
  try {
    look_up(question);
  } catch (const std::bad_alloc&) {
    answer(question.id, std::unexpected(make_error(Code::out_of_memory, {})));
  }
}

// Throws only before the question is answered or asked.
void Resolver::look_up(const output::Resolve& question) {
  if (answer_without_network(question)) return;
  if (!channel_) {
    if (auto opened = open_channel(); !opened) {
      answer(question.id, std::unexpected(std::move(opened.error())));
      return;
    }
  }
  ask(question);
}

void Resolver::ask(const output::Resolve& question) {
  auto query = std::make_unique<Query>(Query{this, question.id, question.host, queries_.size()});
  Query* const asked = query.get();
  const std::string host = question.host;
  if (by_index_.size() <= question.id.index) by_index_.resize(std::size_t{question.id.index} + 1);
  queries_.push_back(std::move(query));
  by_index_[question.id.index] = asked;
  ++open_;
  ares_addrinfo_hints hints = {};
  hints.ai_family = to_system(question.family);
  hints.ai_socktype = SOCK_STREAM;
  // May call Glue::finished at once, which frees the query.
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &Glue::finished, asked);
  deadline_known_ = false;
}

void Resolver::cancel(ResolveId id) {
  const auto first = answers_.begin() + static_cast<std::ptrdiff_t>(next_answer_);
  answers_.erase(std::remove_if(first, answers_.end(), [&](const Answer& one) { return one.id == id; }), answers_.end());
  if (id.index >= by_index_.size() || !by_index_[id.index] || by_index_[id.index]->id != id) return;
  std::exchange(by_index_[id.index], nullptr)->canceled = true;
  --open_;
  // c-ares cannot give up a single question; the last one takes the sockets with it.
  if (open_ == 0) ares_cancel(channel_);
  deadline_known_ = false;
}

std::optional<Answer> Resolver::next_answer() {
  if (!has_answer()) return std::nullopt;
  Answer answer = std::move(answers_[next_answer_++]);
  if (!has_answer()) {
    answers_.clear();
    next_answer_ = 0;
  }
  return answer;
}

void Resolver::process(int fd, bool readable, bool writable) {
  if (!channel_) return;
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
  deadline_known_ = false;
}

std::optional<Instant> Resolver::deadline(Instant now) {
  if (deadline_known_) return deadline_;
  deadline_.reset();
  if (channel_) {
    timeval left = {};
    if (ares_timeout(channel_, nullptr, &left)) {
      deadline_ = now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    }
  }
  deadline_known_ = true;
  return deadline_;
}

void Resolver::process_timeouts() {
  if (!channel_) return;
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  deadline_known_ = false;
}

}  // namespace sluice::net
