// See book.hpp.
#include "tests/sim/http2/book.hpp"

#include <charconv>

#include "core/base/limits.hpp"
#include "core/request.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest::http2 {

std::string name_of(const Account& account) { return "transfer " + std::to_string(account.number); }

bool has_reply_body(const TransferPlan& plan) {
  return plan.method != "HEAD" && plan.reply.status != 204 && plan.reply.status != 304;
}

Book::Book(const Plan& plan, Report report) : plan_(plan), report_(std::move(report)) {
  accounts_.resize(plan.transfers.size());
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    accounts_[i].plan = &plan.transfers[i];
    accounts_[i].number = i;
  }
}

sim::Accept Book::origin(std::size_t number) {
  watchers_.push_back(std::make_unique<Watcher>(*this));
  sim::Http2OriginOptions options = plan_.origins[number].options;
  options.watcher = watchers_.back().get();
  return sim::http2_origin([this](const sim::HttpRequest& request) { return respond(request); }, std::move(options));
}

std::string Book::reply_body(const Account& account) const {
  return body_of(plan_.seed, static_cast<std::uint32_t>(account.number), Direction::reply, account.plan->reply.bytes);
}

std::string Book::upload_body(const Account& account) const {
  return body_of(plan_.seed, static_cast<std::uint32_t>(account.number), Direction::upload, account.plan->upload.bytes);
}

FieldPairs Book::upload_trailers(const Account& account) const {
  FieldPairs trailers;
  for (std::size_t i = 0; i < account.plan->upload.trailers; ++i)
    trailers.emplace_back("x-sent-" + std::to_string(i), std::to_string(account.number));
  return trailers;
}

Account* Book::account_of(const sim::HttpRequest& request) {
  std::size_t number = accounts_.size();
  if (const std::string* text = request.field("x-transfer"))
    std::from_chars(text->data(), text->data() + text->size(), number);
  return number < accounts_.size() ? &accounts_[number] : nullptr;
}

sim::HttpReply Book::respond(const sim::HttpRequest& request) {
  Account* const account = account_of(request);
  if (!account) {
    report_("a request is somebody's", request.method + ' ' + request.target);
    return {};
  }
  check_connection(*account, request);
  if (auto reply = misdirected(*account, request)) return *std::move(reply);
  if (account->plan->reply.redirect && !request.target.ends_with("/there")) return redirect(*account);
  note_try(*account, request);
  const ReplyPlan& plan = account->plan->reply;
  sim::HttpReply reply;
  reply.status = plan.status;
  reply.fields = {{"x-number", std::to_string(account->number)}};
  reply.body = reply_body(*account);
  if (!plan.says_length) reply.framing = sim::HttpReply::Framing::chunked;
  for (std::size_t i = 0; i < plan.trailers; ++i) reply.trailers.emplace_back("x-trailer", std::to_string(i));
  reply.interims.assign(plan.interims, 103);
  reply.interim_fields = {{"x-early", std::to_string(account->number)}};
  reply.delay = plan.delay;
  reply.early = plan.early;
  reply.begins_early = plan.begins_early;
  reply.http2 = plan.http2;
  account->faulty = account->tries <= plan.faulty_tries && request.http2;
  if (!account->faulty) reply.http2.fault = sim::Http2Fault::none;
  account->faulty &= plan.http2.fault != sim::Http2Fault::none;
  if (plan.never) {
    reply.origin_fault = sim::OriginFault::never;
    reply.early = reply.begins_early = false;
  }
  return reply;
}

// A server may not want the requests of a host on the connections of another one (RFC 9110 15.5.20).
std::optional<sim::HttpReply> Book::misdirected(Account& account, const sim::HttpRequest& request) {
  constexpr int kMisdirected = 421;
  const TransferPlan& plan = *account.plan;
  const OriginPlan& origin = plan_.origins[plan.origin];
  const bool is_guest = origin.tls && request.server_name != host_of(plan);
  if (!is_guest || plan.host == 0 || !origin.others[plan.host - 1].refuses_guests) return std::nullopt;
  account.was_misdirected = true;
  account.last_misdirected = {request.connection, request.number};
  sim::HttpReply reply;
  reply.status = kMisdirected;
  reply.fields = {{"x-number", std::to_string(account.number)}};
  reply.body = "not here";
  reply.early = plan.reply.early;
  reply.http2 = plan.reply.http2;
  reply.http2.fault = sim::Http2Fault::none;
  return reply;
}

// RFC 9113 9.1.1.
void Book::check_connection(const Account& account, const sim::HttpRequest& request) {
  const TransferPlan& plan = *account.plan;
  const OriginPlan& origin = plan_.origins[plan.origin];
  const std::string* const host = request.field(request.http2 ? ":authority" : "host");
  if (!host || *host != host_of(plan)) report_("the host is as asked", name_of(account));
  if (!origin.tls) return;
  std::size_t made_for = 0;
  while (made_for < origin.others.size() && request.server_name != host_of(plan.origin, made_for)) ++made_for;
  const auto at = std::pair{plan.origin, request.connection};
  const Conn& conn = conns_.try_emplace(at, Conn{.host = made_for, .is_modern = plan.is_modern}).first->second;
  const std::string what = name_of(account) + " comes on the connection of " + request.server_name;
  if (conn.is_modern != plan.is_modern) report_("a connection has one identity of TLS", what);
  if (made_for == plan.host) return;
  if (!plan_.coalesces || !request.http2) report_("connections are shared as asked", what);
  if (!may_share(origin, made_for, plan.host)) report_("a certificate is valid for the host", what);
  if (account.was_misdirected && account.last_misdirected != std::pair{request.connection, request.number})
    report_("421 leads to a connection of its own", what);
}

sim::HttpReply Book::redirect(const Account& account) const {
  sim::HttpReply reply;
  reply.status = 307;
  reply.fields = {{"location", "/" + std::to_string(account.number) + "/there"}};
  reply.body = std::string(*account.plan->reply.redirect, 'r');
  reply.http2 = account.plan->reply.http2;
  reply.http2.fault = sim::Http2Fault::none;
  return reply;
}

// The Responder may be called twice for a request.
void Book::note_try(Account& account, const sim::HttpRequest& request) {
  const std::pair at{request.connection, request.number};
  const bool dropped = account.plan->reply.early || account.plan->reply.begins_early;
  if (account.last == at) {
    if (!request.http2 && !dropped) check_upload(request);
    return;
  }
  account.last = at;
  account.was_told = false;
  check_fields(account, request);
  ++account.tries;
  ++account.processed;
  if (request.method != account.plan->method)
    report_("a request is what was asked for", name_of(account) + " has the method " + request.method);
  if (account.processed > 1 && !is_idempotent(account.plan->method))
    report_("nothing is done twice", name_of(account) + " comes again, and an origin has seen it before");
}

void Book::check_fields(const Account& account, const sim::HttpRequest& request) {
  std::string cookies;
  for (const auto& [name, value] : request.fields) {
    if (name == "cookie") cookies += (cookies.empty() ? "" : "; ") + value;
  }
  if (cookies != account.cookies) report_("cookies", name_of(account) + " has sent '" + cookies + "'");
  const FieldsPlan& plan = account.plan->fields;
  const std::string* const field = request.field("priority");
  const std::string first = plan.priority ? priority_field(*plan.priority) : "";
  const std::string said = field ? *field : "";
  if (said != first && !(account.reprioritized_at && said == priority_field(*plan.later)))
    report_("priorities", name_of(account) + " has sent '" + said + "'");
  if (account.needs_http1 && request.http2 && keeps_connections(plan_, account.plan->origin))
    report_("HTTP/1.1 where the server wants it", name_of(account) + " comes over HTTP/2 again");
}

void Book::check_upload(const sim::HttpRequest& request) {
  const Account* const account = account_of(request);
  if (!account) return;
  const bool is_whole = request.body == upload_body(*account) && request.trailers == upload_trailers(*account);
  if (is_whole) return;
  report_("an upload is whole", name_of(*account) + " has sent " + std::to_string(request.body.size()) + " bytes, " +
                                    std::to_string(request.trailers.size()) + " trailers");
}

void Book::Watcher::needs_http1(const sim::HttpRequest& request) {
  Account* const account = book_.account_of(request);
  if (!account) return;
  account->needs_http1 = true;
  book_.for_http1_.insert(account->plan->origin);
}

void Book::Watcher::reprioritized(const sim::HttpRequest& request, std::string_view value) {
  Account* const account = book_.account_of(request);
  if (!account) return;
  const std::optional<Priority>& later = account->plan->fields.later;
  const bool is_right = account->reprioritized_at && later && value == priority_field(*later);
  if (!is_right) book_.report_("priorities", name_of(*account) + " becomes '" + std::string(value) + "'");
  account->was_told = true;
}

// What was asked for long ago has come: in the request, or after it.
void Book::Watcher::answers(const sim::HttpRequest& request, Instant now) {
  const Duration late = std::chrono::seconds(4) + longest_wait(book_.plan_);
  const Account* const account = book_.account_of(request);
  const bool is_last = account && keeps_connections(book_.plan_, account->plan->origin) &&
                       account->last == std::pair{request.connection, request.number};
  if (!is_last || !account->reprioritized_at || now - *account->reprioritized_at < late) return;
  const std::string* const field = request.field("priority");
  const bool is_said = account->was_told || (field && *field == priority_field(*account->plan->fields.later));
  if (!is_said && book_.plan_.origins[account->plan->origin].options.takes_priorities)
    book_.report_("priorities", name_of(*account) + " has not said its new one");
}

void Book::Watcher::unprocessed(const sim::HttpRequest& request) {
  Account* const account = book_.account_of(request);
  if (!account) return;
  const std::pair at{request.connection, request.number};
  if (account->last_misdirected == at) account->was_misdirected = false;  // the client has not heard that
  // A request whose head has come, and not its body, was not shown to the Responder, unless it has a body.
  if (account->last != at) return;
  --account->processed;
  ++account->refusals;
}

// A window grows only where it limits the speed.
void Book::Watcher::windows(std::int64_t stream, std::size_t sent, std::int64_t connection) {
  const bool grows = sent >= sluice::limits::kStreamWindowBytes / 2;
  const std::size_t most = grows ? sluice::limits::kMaxStreamWindowBytes : sluice::limits::kStreamWindowBytes;
  if (stream > static_cast<std::int64_t>(most))
    book_.report_("windows", "an exchange may be sent " + std::to_string(stream) + " bytes");
  if (connection > static_cast<std::int64_t>(sluice::limits::kConnectionWindowBytes))
    book_.report_("windows", "a connection may be sent " + std::to_string(connection) + " bytes");
}

// A connection that ends with its last exchange may be closed at once.
void Book::Watcher::left_open(const sim::HttpRequest& request, Instant now) {
  const Duration late = std::chrono::seconds(10) + longest_wait(book_.plan_);
  const Account* const account = book_.account_of(request);
  if (account && account->ended && now - account->ended_at > late)
    book_.report_("every exchange ends", "that of " + name_of(*account) + " was open to the end of its connection");
}

void Book::Watcher::unanswered(Duration ago) {
  const Duration late = std::chrono::seconds(30) + longest_wait(book_.plan_);
  if (book_.plan_.calm && ago > late) book_.report_("a PING is answered", "one was not");
}

}  // namespace sluice::simtest::http2
