// See resolver.hpp. Queries report their end from inside c-ares. It is only recorded then; settle() acts on it after
// c-ares has returned.
#include "adapters/resolver/resolver.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string_view>
#include <utility>

#include "adapters/resolver/preference.hpp"
#include "adapters/resolver/special_names.hpp"
#include "core/base/address_family.hpp"
#include "core/base/check.hpp"
#include "core/dns_message.hpp"

namespace sluice::net {
namespace {

constexpr std::size_t kMostOfAName = 3;  // queries
constexpr std::size_t kKeptQueries = 4;  // a c-ares channel takes about 80 KB
constexpr std::streamsize kMostConfBytes = 64 * 1024;
constexpr std::size_t kShownBytes = 100;  // the longest part of an invalid option that a message shows

Error resolve_error(const std::string& host, std::string_view why, int detail) {
  return make_error(Code::resolve_failed, "resolve " + host + ": " + std::string(why), detail);
}

Error no_memory() { return make_error(Code::out_of_memory, {}); }

std::vector<IpAddress> keep_family(const std::vector<IpAddress>& all, AddressFamily family) {
  std::vector<IpAddress> kept;
  std::ranges::copy_if(all, std::back_inserter(kept),
                       [&](const IpAddress& address) { return family_fits(family, address); });
  return kept;
}

std::string_view from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? std::string_view(value) : std::string_view{};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!file) return text;
  text.resize(static_cast<std::size_t>(kMostConfBytes));
  file.read(text.data(), kMostConfBytes);
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::size_t count_servers(const std::string& servers) {
  return static_cast<std::size_t>(std::ranges::count(servers, ',')) + 1;
}

// "192.0.2.53", "192.0.2.53:53", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:53"
bool is_server(std::string_view text) {
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view after = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (!after.empty() && !after.starts_with(':')) return false;
    port = after.empty() ? "53" : after.substr(1);
  } else if (std::ranges::count(text, ':') == 1) {
    port = text.substr(text.find(':') + 1);
    text = text.substr(0, text.find(':'));
  } else {
    port = "53";
  }
  std::uint16_t number = 0;
  const auto [at, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || at != port.data() + port.size() || number == 0) return false;
  const auto address = IpAddress::parse(text);
  return address && (!bracketed || address->kind == IpAddress::Kind::ipv6);
}

}  // namespace

Result<void> check_servers(std::string_view servers) {
  while (!servers.empty()) {
    const std::size_t comma = servers.find(',');
    const std::string_view one = servers.substr(0, comma);
    const bool last = comma == std::string_view::npos;
    if (!is_server(one) || (!last && comma + 1 == servers.size())) {
      const std::string_view wrong = is_server(one) ? std::string_view() : one;
      return std::unexpected(
          make_error(Code::invalid_option, "dns_servers: \"" + std::string(wrong.substr(0, kShownBytes)) +
                                               "\" is no address of a name server, with or without a port"));
    }
    servers = last ? std::string_view() : servers.substr(comma + 1);
  }
  return {};
}

Result<void> check_interface(const std::string& interface) {
  if (interface.empty() || ::if_nametoindex(interface.c_str()) != 0) return {};
  return std::unexpected(make_error(Code::invalid_option, "dns_interface: \"" + interface.substr(0, kShownBytes) +
                                                              "\" is no network interface of this system"));
}

// One running question, which asks for one name after another.
struct Resolver::LookUp {
  std::size_t families() const { return family == AddressFamily::any ? 2 : 1; }
  std::size_t questions() const { return families() + (https_port != 0 ? 1 : 0); }

  ResolveId id;
  std::string host;
  AddressFamily family = AddressFamily::any;
  std::uint16_t https_port = 0;
  std::size_t place = 0;  // in look_ups_
  std::vector<std::string> names;
  std::size_t name = 0;  // index of the name that is being asked for
  // The running queries for that name: for each family, then for HTTPS records.
  std::array<std::unique_ptr<Query>, kMostOfAName> queries;
  std::size_t running = 0;
  std::vector<IpAddress> addresses;  // the addresses found for that name
  std::shared_ptr<const HttpsRecords> https;
  bool https_to_come = false;
  bool https_failed = false;
  std::optional<Duration> ttl;
  std::optional<Error> failure;  // of a query without addresses; an error counts more than "there are none"
  bool failure_says_none = false;
  bool may_go_on = true;  // all queries of this name allow to try the next name
  bool short_of_descriptors = false;
  std::optional<Error> error;  // of the earlier names; an error counts more, then the name as it was given
  bool error_says_none = false;
};

Resolver::Resolver(ResolverOptions options) : options_(std::move(options)) {}

Resolver::~Resolver() {
  look_ups_.clear();
  hosts_file_.reset();
}

// ---- calls from queries ----

void Resolver::query_watches(Query& query, int fd, bool read, bool write) noexcept {
  const auto known = std::ranges::find(sockets_, fd, &Socket::fd);
  if (read || write) {
    if (known != sockets_.end()) {
      known->query = &query;
    } else if (sockets_.size() < sockets_.capacity()) {
      sockets_.push_back({fd, &query});
    }
  } else if (known != sockets_.end()) {
    sockets_.erase(known);
  }
  if (options_.watch) options_.watch(fd, read, write);
}

void Resolver::query_finished(Query& query) noexcept {
  if (query.user) finished_.push_back(&query);  // there is memory: see begin()
}

// ---- questions ----

void Resolver::start(const output::Resolve& question) {
  try {
    look_up(question);
  } catch (const std::bad_alloc&) {
    answer(question.id, std::unexpected(no_memory()));
  }
  settle();
  deadline_known_ = false;
}

bool Resolver::answer_without_network(const output::Resolve& question) {
  std::optional<std::vector<IpAddress>> known;
  if (is_localhost(question.host)) {
    known = {*IpAddress::parse("::1"), *IpAddress::parse("127.0.0.1")};
  }
  if (!known) return false;
  auto addresses = keep_family(*known, question.family);
  if (addresses.empty()) {
    answer(question.id,
           std::unexpected(resolve_error(question.host, "no address of the family that was asked for", 0)));
  } else {
    answer(question.id, NameAnswer(std::move(addresses)));
  }
  return true;
}

// The file is read for each name, because it may change.
bool Resolver::answer_from_hosts(const output::Resolve& question) {
  if (!hosts_file_) {
    auto made = std::make_unique<Query>(static_cast<QueryHost&>(*this));
    if (auto opened = made->open({.from = QueryOptions::From::hosts_file}); !opened) {
      answer(question.id, std::unexpected(std::move(opened.error())));
      return true;
    }
    hosts_file_ = std::move(made);
  }
  hosts_file_->ask(question.host, question.family);
  if (hosts_file_->ran_out_of_memory()) throw std::bad_alloc();
  if (hosts_file_->addresses().empty()) return false;
  std::vector<IpAddress> addresses = hosts_file_->addresses();
  sort_by_preference(addresses);
  answer(question.id, NameAnswer(std::move(addresses)));
  return true;
}

void Resolver::configure() {
  if (settings_) return;
  conf_ = parse_resolv_conf(read_file(options_.resolv_conf), from_environment("LOCALDOMAIN"),
                            from_environment("RES_OPTIONS"));
  QueryOptions settings;
  settings.timeout = conf_.timeout;
  settings.attempts = conf_.attempts;
  settings.rotate = conf_.rotate;
  settings.tcp = conf_.tcp;
  settings.servers = options_.servers;
  settings.sockets = options_.sockets;
  settings.calls = options_.calls;
  for (const std::string& server : conf_.servers) {
    if (!options_.servers.empty()) break;
    // C-ares needs a port after the brackets.
    settings.servers += (settings.servers.empty() ? "" : ",") + server + ":53";
  }
  if (settings.servers.empty()) settings.servers = "127.0.0.1";
  spare_.reserve(kKeptQueries);
  settings_ = std::move(settings);
}

// Throws only before the question is answered or asked.
void Resolver::look_up(const output::Resolve& question) {
  if (answer_without_network(question) || answer_from_hosts(question)) return;
  configure();
  auto made = std::make_unique<LookUp>();
  made->id = question.id;
  made->host = question.host;
  made->family = question.family;
  made->https_port = question.https_port;
  made->names = names_to_ask(question.host, conf_);
  made->place = look_ups_.size();
  if (by_index_.size() <= question.id.index) by_index_.resize(std::size_t{question.id.index} + 1);
  look_ups_.reserve(look_ups_.size() + 1);
  waiting_.push_back(made->id);
  by_index_[question.id.index] = made.get();
  look_ups_.push_back(std::move(made));
  question_opened();
}

Resolver::LookUp* Resolver::find(ResolveId id) const {
  LookUp* const found = id.index < by_index_.size() ? by_index_[id.index] : nullptr;
  return found && found->id == id ? found : nullptr;
}

bool Resolver::may_run_next() const {
  if (waiting_.empty() || running_.empty()) return !waiting_.empty();
  const LookUp* const next = find(waiting_.front());
  return running_.size() + (next ? next->questions() : 0) <= most_queries_;
}

void Resolver::run_waiting() {
  if (running_.empty()) most_queries_ = kMostQueries;
  while (may_run_next()) {
    LookUp* const next = find(waiting_.front());
    waiting_.pop_front();
    if (next) ask_name(*next);
  }
}

// If there is no memory or no channel, the question is answered with that error.
void Resolver::ask_name(LookUp& look_up) {
  Result<void> begun;
  try {
    begun = begin(look_up);
  } catch (const std::bad_alloc&) {
    begun = std::unexpected(no_memory());
  }
  if (!begun) over(look_up, std::unexpected(std::move(begun.error())));
}

// Everything that can fail comes first.
Result<void> Resolver::begin(LookUp& look_up) {
  constexpr AddressFamily kBoth[] = {AddressFamily::ipv6, AddressFamily::ipv4};
  const std::size_t families = look_up.families(), questions = look_up.questions();
  const std::size_t most = running_.size() + questions;
  running_.reserve(most);
  finished_.reserve(most);
  sockets_.reserve(2 * most * count_servers(settings_->servers));  // for UDP and TCP
  const std::string& name = look_up.names[look_up.name];
  const std::string owner = questions > families ? https_owner(name, look_up.https_port) : std::string();
  std::array<std::unique_ptr<Query>, kMostOfAName> queries;
  for (std::size_t i = 0; i < questions; ++i) {
    auto query = take_query();
    if (!query) return std::unexpected(std::move(query.error()));
    queries[i] = std::move(*query);
  }
  look_up.addresses.clear();
  look_up.https.reset();
  look_up.https_to_come = questions > families;
  look_up.https_failed = false;
  look_up.ttl.reset();
  look_up.failure.reset();
  look_up.may_go_on = true;
  look_up.queries = std::move(queries);
  look_up.running = questions;
  for (std::size_t i = 0; i < questions; ++i) {
    look_up.queries[i]->user = &look_up;
    running_.push_back(look_up.queries[i].get());
  }
  for (std::size_t i = 0; i < families; ++i) {
    look_up.queries[i]->ask(name, families == 2 ? kBoth[i] : look_up.family);
  }
  if (questions > families) look_up.queries[families]->ask_https(owner);
  return {};
}

Result<std::unique_ptr<Query>> Resolver::take_query() {
  if (!spare_.empty()) {
    auto query = std::move(spare_.back());
    spare_.pop_back();
    return query;
  }
  auto made = std::make_unique<Query>(static_cast<QueryHost&>(*this));
  if (auto opened = made->open(*settings_); !opened) return std::unexpected(std::move(opened.error()));
  return made;
}

// ---- ends ----

void Resolver::settle() {
  do {
    while (!finished_.empty()) {
      Query& query = *finished_.front();
      finished_.erase(finished_.begin());
      LookUp& look_up = *static_cast<LookUp*>(query.user);
      try {
        on_finished(look_up, query);
      } catch (const std::bad_alloc&) {
        over(look_up, std::unexpected(no_memory()));
      }
    }
    run_waiting();
  } while (!finished_.empty());
}

// Throws only while the look-up is consistent.
void Resolver::on_finished(LookUp& look_up, Query& query) {
  std::erase(running_, &query);
  const auto own = std::ranges::find(look_up.queries, &query, &std::unique_ptr<Query>::get);
  std::unique_ptr<Query> done = std::exchange(*own, nullptr);
  --look_up.running;
  const bool found = !done->addresses().empty() || done->https();
  const bool ends_a_wait = done->is_for_https() && !look_up.addresses.empty();  // also if there are no records
  if (done->is_for_https()) {
    look_up.https_to_come = false;
    look_up.https = done->https();
    look_up.https_failed = done->https_failed();
    if (const auto ttl = done->ttl()) look_up.ttl = std::min(look_up.ttl.value_or(*ttl), *ttl);
  } else if (found) {
    look_up.addresses.insert(look_up.addresses.end(), done->addresses().begin(), done->addresses().end());
    if (const auto ttl = done->ttl()) look_up.ttl = std::min(look_up.ttl.value_or(*ttl), *ttl);
  } else {
    look_up.may_go_on = look_up.may_go_on && done->may_go_on();
    look_up.short_of_descriptors = look_up.short_of_descriptors || done->ran_out_of_descriptors();
    if (!look_up.failure || look_up.failure_says_none) {
      look_up.failure = done->error(look_up.host);
      look_up.failure_says_none = done->says_none();
    }
  }
  if (spare_.size() < spare_.capacity()) spare_.push_back(std::move(done));
  if (look_up.running == 0) {
    on_all_finished(look_up);
  } else if (found || ends_a_wait) {
    answer(look_up.id, found_so_far(look_up, true));
  }
}

NameAnswer Resolver::found_so_far(LookUp& look_up, bool more_to_come) {
  sort_by_preference(look_up.addresses);
  NameAnswer answer(look_up.addresses, look_up.ttl, more_to_come);
  answer.https = look_up.https;
  answer.https_to_come = look_up.https_to_come;
  answer.https_failed = look_up.https_failed;
  return answer;
}

void Resolver::on_all_finished(LookUp& look_up) {
  if (!look_up.addresses.empty() || look_up.https) return over(look_up, found_so_far(look_up, false));
  if (std::exchange(look_up.short_of_descriptors, false) && !running_.empty()) {
    waiting_.push_front(look_up.id);  // other look-ups will free descriptors
    most_queries_ = running_.size();
    return;
  }
  const bool as_given = look_up.names[look_up.name] == look_up.host;
  if (!look_up.error || !look_up.failure_says_none || (as_given && look_up.error_says_none)) {
    look_up.error = std::move(look_up.failure);
    look_up.error_says_none = look_up.failure_says_none;
  }
  if (!look_up.may_go_on || look_up.name + 1 == look_up.names.size()) {
    return over(look_up, std::unexpected(std::move(*look_up.error)));
  }
  ++look_up.name;
  ask_name(look_up);
}

void Resolver::over(LookUp& look_up, Result<NameAnswer> found) {
  answer(look_up.id, std::move(found));
  drop(look_up);
}

void Resolver::drop(LookUp& look_up) {
  for (const auto& query : look_up.queries) {
    if (!query) continue;
    std::erase(running_, query.get());
    std::erase(finished_, query.get());
  }
  question_closed();
  by_index_[look_up.id.index] = nullptr;
  const std::size_t place = look_up.place;
  std::swap(look_ups_[place], look_ups_.back());
  look_ups_[place]->place = place;
  look_ups_.pop_back();
}

void Resolver::cancel(ResolveId id) {
  drop_answers(id);
  if (LookUp* const found = find(id)) drop(*found);
  settle();
  deadline_known_ = false;
}

// ---- events and timeouts ----

void Resolver::process(int fd, bool readable, bool writable) {
  const auto socket = std::ranges::find(sockets_, fd, &Socket::fd);
  if (socket == sockets_.end()) return;
  socket->query->process(fd, readable, writable);
  settle();
  deadline_known_ = false;
}

std::optional<Instant> Resolver::deadline(Instant now) {
  if (deadline_known_) return deadline_;
  deadline_.reset();
  for (const Query* query : running_) {
    const auto left = query->time_left();
    if (left && (!deadline_ || now + *left < *deadline_)) deadline_ = now + *left;
  }
  deadline_known_ = true;
  return deadline_;
}

void Resolver::process_timeouts() {
  for (Query* query : running_) query->process_timeouts();
  settle();
  deadline_known_ = false;
}

}  // namespace sluice::net
