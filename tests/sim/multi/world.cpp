// See world.hpp. The run itself: transfers are added, driven, read, removed. The checks are in oracles.cpp.
#include "tests/sim/multi/world.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/limits.hpp"
#include "tests/sim/multi/drives.hpp"

namespace sluice::simtest::driven {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint64_t kMostSteps = 400'000;
constexpr Duration kLongest = std::chrono::hours(1);  // virtual: a slow line carries 300 kB a few bytes at a time
// Nothing takes this long: timeouts have 12 ms, everything else a few.
constexpr Duration kStuckAfter = milliseconds(400);
constexpr Duration kStuckOverHttp2 = kStuckAfter + sluice::limits::kRefusedDelay;
constexpr std::uint64_t kStuckSteps = 150;
constexpr Duration kLongestWait = milliseconds(2);

}  // namespace

World::World(const Plan& plan, std::function<void(const std::string&)> each_line)
    : environment_(plan, each_line != nullptr),
      random_(draws(plan.seed, Draws::application)),
      each_line_(std::move(each_line)) {
  for (std::size_t i = 0; i < plan.origins.size(); ++i) {
    const OriginPlan& origin = plan.origins[i];
    const auto responder = [this, i](const sim::HttpRequest& request) { return respond(i, request); };
    sim::Http2OriginOptions streams = origin.streams;
    streams.watcher = this;
    environment_.add_origin(
        i, origin.http2 ? sim::http2_origin(responder, std::move(streams)) : sim::http_origin(responder, origin.http));
    dialers_.push_back(std::make_shared<LineDialer>(environment_, i));
  }
  for (std::size_t i = 0; i < plan.transfers.size(); ++i) clients_.push_back(std::make_unique<Client>(*this, i));
  MultiOptions options;
  options.environment = &environment_;
  options.engine.max_connections = plan.max_connections;
  options.engine.max_connections_per_origin = plan.max_connections_per_origin;
  options.engine.idle_connection_timeout = plan.idle_connection_timeout;
  options.engine.default_tls = environment_.world().tls();
  options.max_reads_per_perform = plan.drive.max_reads;
  options.max_drive_time = plan.drive.max_time;
  if (auto made = Multi::create(std::move(options))) {
    multi_ = std::move(*made);
  } else {
    fail("a Multi can be made", made.error().message());
  }
  drives_ = std::make_unique<Drives>(*this);
  if (plan.drive.high_descriptors) environment_.raise_numbers();
  environment_.is_watched = [this](int fd) { return drives_->watches(fd); };
}

World::~World() { multi_.reset(); }

std::string World::run() {
  if (multi_) {
    drive_all();
    tear_down();
    show_trace();
  }
  return environment_.failure();
}

// The origin's side: the target tells which transfer this is.
Client* World::client_of(const sim::HttpRequest& request) {
  std::size_t number = clients_.size();
  const char* const end = request.target.data() + request.target.size();
  if (request.target.starts_with("/t")) std::from_chars(request.target.data() + 2, end, number);
  return number < clients_.size() ? clients_[number].get() : nullptr;
}

// A GOAWAY says so of a request that came before the client could know.
void World::unprocessed(const sim::HttpRequest& request) {
  Client* const client = client_of(request);
  if (client && client->counted == std::pair{request.connection, request.number}) --client->requests_complete;
}

sim::HttpReply World::respond(std::size_t origin, const sim::HttpRequest& request) {
  Client* const found = client_of(request);
  if (!found || found->plan().origin != origin) {
    fail("requests reach their origin", request.method + " " + request.target);
    return {};
  }
  Client& client = *found;
  const TransferPlan& plan = client.plan();
  if (request.method != plan.method) fail("requests arrive as they were made", client.name() + ": " + request.method);
  if (!request.body.empty()) {
    if (request.body != content(plan.upload_start, plan.upload_size)) fail("uploads arrive whole", client.name());
    client.counted = {request.connection, request.number};
    if (++client.requests_complete > 1 && plan.method == "POST") fail("a POST is sent once", client.name());
  }
  if (request.body.size() == plan.upload_size) client.arrived_whole = true;
  sim::HttpReply reply = plan.reply;
  reply.body = std::string(content(plan.start, plan.size));
  return reply;
}

// ---- the application ----

bool World::add(Client& client) {
  const TransferPlan& plan = client.plan();
  const OriginPlan& origin = this->plan().origins[plan.origin];
  Request request;
  request.method = plan.method;
  request.url =
      Url::parse((origin.tls ? "https://" : "http://") + origin.host + "/t" + std::to_string(client.number)).value();
  const std::string_view upload = content(plan.upload_start, plan.upload_size);
  switch (plan.upload) {
    case Upload::none:
      break;
    case Upload::view:
      request.body = BodyView{as_bytes(upload)};
      break;
    case Upload::owned:
      request.body = BodyOwned{std::string(upload)};
      break;
    case Upload::sized_stream:
      request.body = BodyStream{plan.upload_size};
      break;
    case Upload::chunked_stream:
      request.body = BodyStream{};
      break;
  }
  TransferOptions options;
  options.http_versions = !origin.http2 ? HttpVersions::http1_1
                          : origin.tls  ? HttpVersions::any
                                        : HttpVersions::http2_prior_knowledge;
  client.by_route = !chance(random_, origin.line.plain);
  if (client.by_route) options.route = dialers_[plan.origin];
  options.total_timeout = plan.total_timeout;
  options.idle_timeout = plan.idle_timeout;
  if (plan.connect_timeout) options.connect_timeout = plan.connect_timeout;
  options.max_body_bytes = plan.max_body_bytes;
  options.fresh_connection = plan.fresh_connection;
  options.forbid_reuse = plan.forbid_reuse;
  const auto added = multi_->add(std::move(request), std::move(options), plan.no_handler ? nullptr : &client);
  if (!added) {
    fail("add()", client.name() + ": " + added.error().message());
    return false;
  }
  client.id = *added;
  by_id_[client.id] = &client;
  if (plan.total_timeout) client.deadline = environment_.steady() + *plan.total_timeout;
  if (plan.cancel_after)
    environment_.later(environment_.steady() + *plan.cancel_after, [this, &client] { remove(client); });
  excuse_idle_drive();
  return true;
}

Client* World::next_to_add() {
  const auto found = std::ranges::find_if(clients_, [](const auto& client) { return !client->id; });
  return found == clients_.end() ? nullptr : found->get();
}

void World::add_due() {
  for (const auto& client : clients_) {
    if (!client->id && client->plan().add_at_step <= step_) add(*client);
  }
}

void World::remove(Client& client) {
  if (!client.id || client.removed) return;
  client.removed = true;
  by_id_.erase(client.id);
  multi_->remove(client.id);
  excuse_idle_drive();
  if (multi_->head(client.id).status != 0 || !multi_->body(client.id).empty()) fail("remove() forgets", client.name());
}

void World::mischief(Random& random, Client* client) {
  const PerMille rate = (client ? client : clients_.front().get())->plan().mischief;
  if (!chance(random, client ? rate : rate / 4u)) return;
  Client& other = *clients_[random.below(clients_.size())];
  if (plan().http2 && chance(random, 400)) return change_something(random, other);
  switch (random.below(9)) {
    case 0:
      if (multi_->perform() != Drive::recursive_call) fail("a recursive drive is refused", "perform()");
      break;
    case 1:
      if (multi_->socket_action(Multi::kNoSocket, kEventNone) != Drive::recursive_call)
        fail("a recursive drive is refused", "socket_action()");
      break;
    case 2:
      if (const auto result = multi_->poll({}, milliseconds(0)); result || result.error().code != Code::recursive_call)
        fail("a recursive drive is refused", "poll()");
      break;
    case 3:
      remove(other);
      break;
    case 4:
      if (client) remove(*client);
      break;
    case 5:
      if (Client* next = next_to_add()) add(*next);
      break;
    case 6:
      other.resume();
      multi_->wakeup();
      break;
    case 7:
      drives_->attach_again();
      break;
    default:
      read_messages(1 + random.below(3));
      break;
  }
}

// Calls that may be made at any moment, and matter most where exchanges share a connection.
void World::change_something(Random& random, Client& client) {
  constexpr std::uint64_t kFast = 20'000'000;  // bytes a second: nothing takes long by it
  EngineLimits limits = multi_->limits();
  excuse_idle_drive();
  switch (random.below(6)) {
    case 0:
      client.canceled = client.canceled || client.running();
      return multi_->cancel(client.id);
    case 1:
      limits.max_receive_rate = chance(random, 500) ? std::optional(kFast + random.below(kFast)) : std::nullopt;
      limits.max_send_rate = chance(random, 500) ? std::optional(kFast + random.below(kFast)) : std::nullopt;
      return multi_->set_limits(limits);
    case 2:
      return multi_->close_idle_connections();
    case 3:
      return multi_->network_changed();
    default:
      return multi_->set_priority(
          client.id, {.urgency = static_cast<std::uint8_t>(random.below(8)), .incremental = chance(random, 500)});
  }
}

void World::read_messages(std::size_t most) {
  for (; most > 0; --most) {
    int left = -1;
    const auto message = multi_->info_read(&left);
    if (!message) {
      if (left != 0) fail("info_read()", "none is left, and yet " + std::to_string(left));
      return;
    }
    const auto found = by_id_.find(message->transfer);
    if (found == by_id_.end()) return fail("one message for each transfer", "one is for a transfer that is not there");
    Client& client = *found->second;
    if (client.message_read) fail("one message for each transfer", client.name() + " has a second");
    client.message_read = true;
    if (client.plan().no_handler) {
      client.done = true;
      client.result = message->result;
      client.status = message->status;
      judge(client, *message);
    }
    if (!client.done) fail("a message follows on_done", client.name());
    if (client.result != message->result) fail("message and on_done say the same", client.name());
    const auto unread = std::ranges::count_if(
        clients_, [](const auto& one) { return one->done && !one->removed && !one->message_read; });
    const bool unknown =
        std::ranges::any_of(clients_, [](const auto& one) { return one->plan().no_handler && one->running(); });
    if (left < unread || (left != unread && !unknown)) fail("info_read() says how many are left", std::to_string(left));
    if (chance(random_, 700)) remove(client);
  }
}

// ---- the run ----

bool World::over() const {
  return std::ranges::all_of(
      clients_, [](const auto& client) { return client->id && (client->removed || client->message_read); });
}

bool World::stuck(std::uint64_t step) {
  if (environment_.progress_made() != progress_seen_ || step == 0) {
    progress_seen_ = environment_.progress_made();
    progress_step_ = step;
    progress_at_ = environment_.steady();
    return false;
  }
  const Duration after = plan().http2 ? kStuckOverHttp2 : kStuckAfter;
  return step - progress_step_ > kStuckSteps && environment_.steady() - progress_at_ > after;
}

void World::drive_all() {
  const Instant began = environment_.steady();
  for (step_ = 0; environment_.failure().empty(); ++step_) {
    add_due();
    for (const auto& client : clients_) {
      if (client->plan().no_handler && client->running()) client->take_body();
    }
    if (step_ % plan().drive.read_messages_every == 0) read_messages(SIZE_MAX);
    const bool moved = environment_.pump();
    if (over()) return rest_at_the_end();
    if (plan().abandon_at_step && step_ >= *plan().abandon_at_step) return;
    if (stuck(step_)) {
      const auto waiting =
          std::ranges::find_if(clients_, [](const auto& one) { return !one->removed && !one->message_read; });
      return fail("progress", (*waiting)->name() + " does not get on, received " +
                                  std::to_string((*waiting)->received) + " of " +
                                  std::to_string((*waiting)->plan().size));
    }
    if (step_ > kMostSteps || environment_.steady() - began > kLongest)
      return fail("runs end", "this one took too long");
    const bool busy = moved || std::ranges::any_of(clients_, [](const auto& one) {
                        return !one->id || (one->done && !one->removed && !one->message_read);
                      });
    drives_->step(busy ? Duration(0) : kLongestWait);
    show_trace();
  }
}

void World::show_trace() {
  if (!each_line_) return;
  const std::vector<std::string>& lines = environment_.world().trace();
  for (; shown_ < lines.size(); ++shown_) each_line_(lines[shown_]);
}

// No transfer runs any more: then nothing must be driven, except for connections that are closed.
void World::rest_at_the_end() {
  if (!chance(random_, 250)) return;
  const Instant end = environment_.steady() + milliseconds(2);
  while (environment_.failure().empty() && environment_.steady() < end) {
    environment_.pump();
    drives_->step(microseconds(500));
  }
}

void World::tear_down() {
  const bool excused = !environment_.failure().empty();
  const auto allowed = 20 + environment_.excused_idle_drives() + static_cast<int>(environment_.progress_made() / 50);
  if (!excused && idle_drives_ > allowed)
    fail("no needless drives", std::to_string(idle_drives_) + " were asked for and had nothing to do; " +
                                   std::to_string(allowed) + " allowed");
  if (chance(random_, 300)) drives_->attach(false);
  multi_.reset();
  drives_->check_all_removed();
  if (environment_.world().open_connections() != 0)
    fail("no connection outlives its Multi", std::to_string(environment_.world().open_connections()));
  if (environment_.world().faults().contains("bad request"))
    fail("a request is what its version says", "an origin could not read one");
  if (environment_.streams() != 0)
    fail("no transport outlives its Multi", std::to_string(environment_.streams()) + " did");
  environment_.give_old_signals();
}

}  // namespace sluice::simtest::driven
