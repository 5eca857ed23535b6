// See doh.hpp.
#include "adapters/doh.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/resolver/preference.hpp"
#include "adapters/resolver/special_names.hpp"
#include "core/base/address_family.hpp"
#include "core/base/base64.hpp"
#include "core/dns_message.hpp"

namespace sluice {
namespace {

constexpr std::size_t kMostAnswerBytes = 65'535;  // RFC 8484 6
constexpr std::string_view kMediaType = "application/dns-message";
constexpr int kOk = 200;

Error resolve_error(const std::string& host, const std::string& why) {
  return make_error(Code::resolve_failed, "resolve " + host + ": " + why);
}

// RFC 4648 5, without padding.
std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

// The media type of a Content-Type, in lower case, without its parameters.
bool is_dns_message(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equals_ignoring_case(type, kMediaType);
}

class DohResolver final : public NameResolver, private WatchSink {
 public:
  DohResolver(const DohOptions& options, std::function<void(int fd, bool read, bool write)> watch)
      : options_(options), watch_(std::move(watch)) {}
  ~DohResolver() override {
    look_ups_.clear();
    multi_.reset();
  }
  Result<void> open(Environment& base, NameOptions names) {
    MultiOptions options;
    options.environment = &base;
    options.dns_servers = std::move(names.servers);
    options.dns_interface = std::move(names.interface);
    options.dns_local_addresses = std::move(names.local_addresses);
    if (names.calls) options.sockets = *names.calls;
    options.engine.default_tls = options_.tls;
    auto made = Multi::create(std::move(options));
    if (!made) return std::unexpected(std::move(made.error()));
    multi_ = std::move(*made);
    return {};
  }

  void start(const output::Resolve& question) override;
  void cancel(ResolveId id) override;
  void process(int fd, bool readable, bool writable) override {
    const int events = (readable ? kEventRead : kEventNone) | (writable ? kEventWrite : kEventNone);
    drive(fd, static_cast<std::uint8_t>(events));
  }
  std::optional<Instant> deadline(Instant) override { return again_ ? Instant() : due_; }
  void process_timeouts() override { drive(Multi::kNoSocket, kEventNone); }

 private:
  struct LookUp;
  // One query of a look-up.
  struct Query final : TransferHandler {
    Query(DohResolver& resolver, LookUp& its, IpAddress::Kind kind) : owner(resolver), look_up(its), family(kind) {}
    bool is_for_https() const { return family == IpAddress::Kind::none; }
    std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
      body.append(as_text(bytes));
      return bytes.size();
    }
    void on_done(Multi& multi, TransferId, const Result<void>& result) override {
      owner.ended(*this, multi.head(id), result);
    }
    DohResolver& owner;
    LookUp& look_up;
    const IpAddress::Kind family;  // none: HTTPS records
    TransferId id;
    std::string body;
  };
  struct LookUp {
    ResolveId id;
    std::string host;
    std::vector<std::unique_ptr<Query>> queries;
    std::size_t running = 0;
    std::vector<IpAddress> addresses;
    std::uint16_t https_port = 0;
    bool https_to_come = false;
    bool https_failed = false;
    std::shared_ptr<const HttpsRecords> https;
    std::optional<Duration> ttl;
    std::optional<Error>
        failure;  // of a query for addresses; the first one counts, but one that may pass before others
    bool is_over = false;
  };

  void on_watch(int fd, std::uint8_t events, void*) override {
    if (watch_) watch_(fd, (events & kEventRead) != 0, (events & kEventWrite) != 0);
  }
  void on_timer(std::optional<Instant> at) override { due_ = at; }

  bool answer_without_network(const output::Resolve& question);
  Result<void> ask(LookUp& look_up, IpAddress::Kind family);
  void ended(Query& query, const ResponseHead& head, const Result<void>& result);
  static Result<void> check(const Query& query, const ResponseHead& head, const Result<void>& result);
  static void take(Query& query, const ResponseHead& head, const Result<void>& result);
  static void take_https(Query& query, const ResponseHead& head, const Result<void>& result);
  static NameAnswer found_so_far(const LookUp& look_up, bool more_to_come);
  void finish(LookUp& look_up);
  void drive(int fd, std::uint8_t events);
  void forget_those_that_are_over();

  const DohOptions options_;
  const std::function<void(int, bool, bool)> watch_;
  std::unique_ptr<Multi> multi_;
  std::vector<std::unique_ptr<LookUp>> look_ups_;
  std::optional<Instant> due_;
  bool again_ = false;  // work is left
};

bool DohResolver::answer_without_network(const output::Resolve& question) {
  if (net::is_onion(question.host)) {
    answer(question.id, std::unexpected(resolve_error(question.host, "names below .onion are not in the DNS")));
    return true;
  }
  if (!net::is_localhost(question.host)) return false;
  std::vector<IpAddress> known;
  for (const std::string_view text : {"::1", "127.0.0.1"}) {
    const auto address = IpAddress::parse(text);
    if (family_fits(question.family, *address)) known.push_back(*address);
  }
  answer(question.id, NameAnswer(std::move(known)));
  return true;
}

void DohResolver::start(const output::Resolve& question) {
  Result<void> asked;
  try {
    if (answer_without_network(question)) return;
    if (multi_->watch_sink() == nullptr) multi_->set_watch_sink(this);
    auto made = std::make_unique<LookUp>();
    LookUp& look_up = *made;
    look_up.id = question.id;
    look_up.host = question.host;
    look_up.https_port = question.https_port;
    look_ups_.push_back(std::move(made));
    question_opened();
    for (const IpAddress::Kind family : {IpAddress::Kind::ipv6, IpAddress::Kind::ipv4}) {
      IpAddress any;
      any.kind = family;
      if (asked && family_fits(question.family, any)) asked = ask(look_up, family);
    }
    if (asked && question.https_port != 0) {
      const auto asked_https = ask(look_up, IpAddress::Kind::none);
      look_up.https_to_come = asked_https.has_value();
      look_up.https_failed = !asked_https;  // the name may be too long with the labels of the port
      if (!asked_https && asked_https.error().code == Code::out_of_memory) asked = asked_https;
    }
    if (!asked) {
      look_up.failure = std::move(asked.error());
      finish(look_up);
    }
  } catch (const std::bad_alloc&) {
    cancel(question.id);
    return answer(question.id, std::unexpected(make_error(Code::out_of_memory, {})));
  }
  drive(Multi::kNoSocket, kEventNone);
}

Result<void> DohResolver::ask(LookUp& look_up, IpAddress::Kind family) {
  const bool is_for_https = family == IpAddress::Kind::none;
  auto message =
      is_for_https ? https_query(https_owner(look_up.host, look_up.https_port)) : dns_query(look_up.host, family);
  if (!message) return std::unexpected(std::move(message.error()));
  const std::string query = "dns=" + base64url(*message);
  auto url = options_.server.with_more_query(query);
  if (!url) return std::unexpected(resolve_error(look_up.host, url.error().message()));
  Request request = Request::get(*std::move(url));
  if (auto added = request.fields.add("Accept", kMediaType); !added) return added;
  TransferOptions options;
  options.socket = options_.socket;
  options.proxies = options_.proxies;
  options.total_timeout = options_.query_timeout;
  options.max_body_bytes = kMostAnswerBytes;
  auto made = std::make_unique<Query>(*this, look_up, family);
  look_up.queries.reserve(look_up.queries.size() + 1);
  auto id = multi_->add(std::move(request), std::move(options), made.get());
  if (!id) return std::unexpected(resolve_error(look_up.host, id.error().message()));
  made->id = *id;
  look_up.queries.push_back(std::move(made));
  ++look_up.running;
  return {};
}

Result<void> DohResolver::check(const Query& query, const ResponseHead& head, const Result<void>& result) {
  const std::string& host = query.look_up.host;
  if (!result) return std::unexpected(resolve_error(host, result.error().message()));
  if (head.status != kOk) {
    return std::unexpected(resolve_error(host, "the DNS server answered with status " + std::to_string(head.status)));
  }
  if (!is_dns_message(head.fields.find("Content-Type").value_or(""))) {
    return std::unexpected(resolve_error(host, "the answer of the DNS server is no " + std::string(kMediaType)));
  }
  return {};
}

void DohResolver::take(Query& query, const ResponseHead& head, const Result<void>& result) {
  LookUp& look_up = query.look_up;
  const auto checked = check(query, head, result);
  auto found = checked ? read_dns_answer(as_bytes(query.body), look_up.host, query.family)
                       : Result<DnsAddresses>(std::unexpected(checked.error()));
  if (found) {
    look_up.addresses.insert(look_up.addresses.end(), found->addresses.begin(), found->addresses.end());
    if (found->ttl) look_up.ttl = std::min(look_up.ttl.value_or(*found->ttl), *found->ttl);
    net::sort_by_preference(look_up.addresses);
  } else if (!look_up.failure || (look_up.failure->name_absent && !found.error().name_absent)) {
    look_up.failure = std::move(found.error());
  }
}

// Without an answer a connection is made as without records.
void DohResolver::take_https(Query& query, const ResponseHead& head, const Result<void>& result) {
  LookUp& look_up = query.look_up;
  look_up.https_to_come = false;
  look_up.https_failed = true;
  if (!check(query, head, result)) return;
  auto found = read_https_answer(as_bytes(query.body), https_owner(look_up.host, look_up.https_port));
  look_up.https_failed = !found && !found.error().name_absent;
  if (!found || found->records.empty()) return;
  look_up.ttl = std::min(look_up.ttl.value_or(*found->ttl), *found->ttl);
  look_up.https = std::make_shared<const HttpsRecords>(*std::move(found));
}

NameAnswer DohResolver::found_so_far(const LookUp& look_up, bool more_to_come) {
  NameAnswer answer(look_up.addresses, look_up.ttl, more_to_come);
  answer.https = look_up.https;
  answer.https_to_come = look_up.https_to_come;
  answer.https_failed = look_up.https_failed;
  return answer;
}

void DohResolver::ended(Query& query, const ResponseHead& head, const Result<void>& result) {
  LookUp& look_up = query.look_up;
  --look_up.running;
  try {
    query.is_for_https() ? take_https(query, head, result) : take(query, head, result);
    if (look_up.running > 0 && (!look_up.addresses.empty() || look_up.https)) {
      answer(look_up.id, found_so_far(look_up, true));
    }
    if (look_up.running == 0) finish(look_up);
  } catch (const std::bad_alloc&) {
    look_up.addresses.clear();
    look_up.https.reset();
    look_up.failure = make_error(Code::out_of_memory, {});
    finish(look_up);
  }
}

// Throws std::bad_alloc only if nothing has changed.
void DohResolver::finish(LookUp& look_up) {
  if (look_up.is_over) return;
  const bool has_found = !look_up.addresses.empty() || look_up.https;
  if (!has_found && !look_up.failure) {
    look_up.failure = resolve_error(look_up.host, "it has no address");
    look_up.failure->name_absent = true;
  }
  std::optional<NameAnswer> found;
  if (has_found) found = found_so_far(look_up, false);
  look_up.is_over = true;
  question_closed();
  if (found) {
    answer(look_up.id, *std::move(found));
  } else {
    answer(look_up.id, std::unexpected(std::move(*look_up.failure)));
  }
}

void DohResolver::drive(int fd, std::uint8_t events) {
  again_ = multi_->socket_action(fd, events) == Drive::call_again;
  while (multi_->info_read()) {
  }
  forget_those_that_are_over();
}

void DohResolver::forget_those_that_are_over() {
  std::erase_if(look_ups_, [&](const std::unique_ptr<LookUp>& look_up) {
    if (!look_up->is_over) return false;
    for (const auto& query : look_up->queries) multi_->remove(query->id);
    return true;
  });
}

void DohResolver::cancel(ResolveId id) {
  drop_answers(id);
  const auto found = std::ranges::find_if(look_ups_, [&](const auto& look_up) { return look_up->id == id; });
  if (found == look_ups_.end()) return;
  if (!(*found)->is_over) question_closed();
  (*found)->is_over = true;
  forget_those_that_are_over();
}

// ---- the environment ----

class DohEnvironment final : public Environment {
 public:
  DohEnvironment(DohOptions options, Environment& base) : options_(std::move(options)), base_(base) {}

  Instant steady() const override { return base_.steady(); }
  Now now() const override { return base_.now(); }
  Seed seed() override { return base_.seed(); }
  Result<std::unique_ptr<Waiter>> make_waiter() override { return base_.make_waiter(); }
  Result<std::unique_ptr<NameResolver>> make_resolver(NameOptions names) override {
    auto made = std::make_unique<DohResolver>(options_, std::move(names.watch));
    if (auto opened = made->open(base_, std::move(names)); !opened) return std::unexpected(std::move(opened.error()));
    return made;
  }
  std::unique_ptr<Transport> tcp(const Address& address) override { return base_.tcp(address); }
  std::unique_ptr<Transport> tcp_with(const Address& address, const TcpOptions& options) override {
    return base_.tcp_with(address, options);
  }
  std::optional<Instant> upkeep_due() const override { return base_.upkeep_due(); }
  void do_upkeep() override { base_.do_upkeep(); }
  void finish_upkeep() override { base_.finish_upkeep(); }

 private:
  const DohOptions options_;
  Environment& base_;
};

}  // namespace

Result<std::unique_ptr<Environment>> doh_environment(DohOptions options, Environment& base) try {
  if (!options.server.is_tls()) {
    return std::unexpected(make_error(Code::unsupported_scheme, options.server.text_without_secrets() +
                                                                    ": a server for DNS over HTTPS has an https URL"));
  }
  if (!options.tls) return std::unexpected(make_error(Code::tls_config, "DNS over HTTPS: no TLS configuration"));
  return std::make_unique<DohEnvironment>(std::move(options), base);
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

}  // namespace sluice
