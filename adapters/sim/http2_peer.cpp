// See http2_peer.hpp.
#include "adapters/sim/http2_peer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "adapters/sim/http2_misdeeds.hpp"
#include "core/fields.hpp"

namespace sluice::sim {
namespace {

using Fault = Http2Fault;

// RFC 9113 7.
constexpr std::uint32_t kNoError = 0, kInternalError = 2, kRefusedStream = 7, kCancel = 8, kEnhanceYourCalm = 11,
                        kHttp11Required = 13;
constexpr std::size_t kFirstWindow = 65'535;  // of a connection (RFC 9113 6.9.2)
constexpr int kStatusContinue = 100;
constexpr Duration kBetweenGoaways = std::chrono::milliseconds(50);
constexpr std::size_t kMostUpdates = 1'000;  // WINDOW_UPDATE frames at once
constexpr std::size_t kConnectionStep = 8'192;

bool is_bodiless(const HttpRequest& request, int status) {
  return request.method == "HEAD" || status == 204 || status == 304;
}

bool breaks_in_body(Fault fault) {
  return fault == Fault::reset_in_body || fault == Fault::closes_in_body || fault == Fault::resets_in_body;
}

}  // namespace

Http2Peer::Http2Peer(std::shared_ptr<const Http2Site> site, std::uint64_t nth)
    : site_(std::move(site)),
      nth_(nth),
      server_(*this, {.max_streams = site_->options.max_streams,
                      .window = site_->options.upload_window,
                      .takes_priorities = site_->options.takes_priorities}),
      upload_window_(site_->options.upload_window) {}

// ---- for the network ----

void Http2Peer::on_open(Line& line) {
  line_ = &line;
  opened_ = line.now().steady;
  idle_since_ = opened_;
  if (site_->options.ping_every) ping_due_ = opened_ + *site_->options.ping_every;
  const std::size_t window = site_->options.connection_window;
  if (window > kFirstWindow) server_.open_window(0, window - kFirstWindow);
  work(line);
}

void Http2Peer::on_bytes(Line& line, Bytes bytes) {
  if (over_) return;
  line_ = &line;
  server_.feed(bytes);
  std::size_t owed = server_.unopened();
  pay(0, owed, kConnectionStep);
  work(line);
}

void Http2Peer::on_end(Line& line) {
  if (!admitted_ && site_->options.watcher) {
    for (const auto& [stream, exchange] : exchanges_)
      site_->options.watcher->left_open(exchange.request, line.now().steady);
    if (pings_ > 0) site_->options.watcher->unanswered(line.now().steady - pinged_);
  }
  over_ = true;
  line.close();
}

void Http2Peer::on_wake(Line& line) {
  if (over_) return;
  line_ = &line;
  work(line);
}

// ---- requests ----

Http2Peer::Exchange* Http2Peer::find(std::uint32_t stream) {
  const auto found = exchanges_.find(stream);
  return found == exchanges_.end() ? nullptr : &found->second;
}

void Http2Peer::head_came(std::uint32_t stream, HttpRequest request, bool last) {
  last_ = std::max(last_, stream);
  request.http2 = true;
  request.server_name = line_->server_name();
  request.connection = nth_;
  request.number = requests_++;
  request.early_data = request.number == 0 && line_->has_early_data();
  Exchange& exchange = exchanges_[stream];
  exchange.request = std::move(request);
  if (!last) {
    HttpReply reply = site_->responder(exchange.request);
    const bool at_once = reply.early || reply.begins_early || reply.http2.fault == Fault::refused;
    const std::string* expect = exchange.request.field("expect");
    const bool waits = expect && equals_ignoring_case(*expect, "100-continue");
    if (waits && !reply.early && reply.http2.fault != Fault::refused && site_->options.http1.answers_continue)
      server_.interim(stream, kStatusContinue, {});
    if (at_once) decide(exchange, std::move(reply));
  }
  count_request();
}

void Http2Peer::body_came(std::uint32_t stream, Bytes bytes) {
  Exchange* const exchange = find(stream);
  if (!exchange) return;
  exchange->request.body.append(as_text(bytes));
  exchange->owed += bytes.size();
  pay(stream, exchange->owed, 1 + upload_window_ / 4);
}

// Opens a window of uploads once `enough` bytes were taken. The rest, of which too many small updates would be needed,
// is given at once.
void Http2Peer::pay(std::uint32_t stream, std::size_t& owed, std::size_t enough) {
  const std::size_t step = std::max<std::size_t>(site_->options.window_step, 1);
  if (owed < std::min(step, enough)) return;
  for (std::size_t i = 0; owed > 0; ++i) {
    const std::size_t given = i < kMostUpdates ? std::min(owed, step) : owed;
    server_.open_window(stream, given);
    owed -= given;
  }
}

void Http2Peer::reprioritized(std::uint32_t stream, std::string_view value) {
  const Exchange* const exchange = find(stream);
  if (exchange && site_->options.watcher) site_->options.watcher->reprioritized(exchange->request, value);
}

void Http2Peer::request_ended(std::uint32_t stream, FieldPairs trailers) {
  Exchange* const exchange = find(stream);
  if (!exchange) return;
  exchange->whole = true;
  exchange->request.trailers = std::move(trailers);
  if (exchange->lost) return;
  if (site_->options.watcher) site_->options.watcher->upload_came(exchange->request);
  if (!exchange->due) decide(*exchange, site_->responder(exchange->request));
}

void Http2Peer::decide(Exchange& exchange, HttpReply reply) {
  exchange.reply = std::move(reply);
  exchange.due = line_->now().steady + exchange.reply.delay;
}

void Http2Peer::stream_closed(std::uint32_t stream, std::uint32_t code) {
  const auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  const Exchange& exchange = found->second;
  if (Http2Watcher* const watcher = site_->options.watcher) {
    if (code == kHttp11Required || (code == kRefusedStream && to_http1_)) watcher->needs_http1(exchange.request);
    if (code == kRefusedStream || code == kHttp11Required) {
      watcher->unprocessed(exchange.request);
    } else if (code != kNoError && !exchange.lost) {
      watcher->given_up(exchange.request, code);
    }
  }
  exchanges_.erase(found);
}

void Http2Peer::client_broke_rule(std::string_view what) {
  if (flooded_) return;
  admit("bad request");
  admit(what);
}

void Http2Peer::admit(std::string_view fault) {
  admitted_ = true;
  line_->admit(fault);
}

void Http2Peer::count_request() {
  const Http2OriginOptions& options = site_->options;
  if (options.goes_away_after == requests_) {
    if (options.two_steps) {
      admit("goaway announced");
      server_.announce_goaway();
      goaway_due_ = line_->now().steady + kBetweenGoaways;
    } else {
      go_away();
    }
  }
}

// Only streams without a response can be above the last id.
void Http2Peer::go_away() {
  if (std::exchange(going_away_, true)) return;
  std::uint32_t last = last_;
  std::size_t left = site_->options.two_steps ? 0 : site_->options.unprocessed;
  for (auto at = exchanges_.rbegin(); at != exchanges_.rend() && left > 0; ++at, --left) {
    if (at->second.headed || at->first != last) break;
    last = at->first > 1 ? at->first - 2 : 0;
  }
  admit("goaway");
  server_.goaway(last, kNoError);
}

// All later requests must be without a response too.
void Http2Peer::refuse_http2(std::uint32_t stream) {
  const auto later = std::ranges::count_if(
      exchanges_, [&](const auto& other) { return other.first > stream && !other.second.headed; });
  if (going_away_ || later != (last_ - stream) / 2) return server_.reset(stream, kHttp11Required);
  going_away_ = to_http1_ = true;
  server_.goaway(stream > 1 ? stream - 2 : 0, kHttp11Required);
}

// ---- responses ----

// Bytes of the body before the fault in it.
std::size_t Http2Peer::most_of(const Exchange& exchange) const {
  const std::size_t size = exchange.reply.body.size();
  return breaks_in_body(exchange.reply.http2.fault) || (exchange.reply.begins_early && !exchange.whole) ? size / 2
                                                                                                        : size;
}

Http2Server::Events::Part Http2Peer::next_part(std::uint32_t stream, std::size_t most) {
  Exchange* const exchange = find(stream);
  if (!exchange || exchange->breaks_off) return {};
  const Instant now = line_->now().steady;
  if (exchange->next && *exchange->next > now) return {};
  const std::size_t end = most_of(*exchange);
  const std::string_view body = exchange->reply.body;
  const std::size_t frame = std::max<std::size_t>(exchange->reply.http2.frame_bytes, 1);
  const std::string_view bytes = body.substr(exchange->sent, std::min({most, frame, end - exchange->sent}));
  exchange->sent += bytes.size();
  if (exchange->reply.http2.pause > Duration::zero()) exchange->next = now + exchange->reply.http2.pause;
  const bool done = exchange->sent == end;
  if (done && breaks_in_body(exchange->reply.http2.fault)) {
    exchange->breaks_off = true;
    return {.bytes = bytes};
  }
  exchange->ended = done && end == body.size();
  return {.bytes = bytes, .last = exchange->ended, .trailers = &exchange->reply.trailers};
}

std::size_t Http2Peer::padding(std::uint32_t stream) {
  const Exchange* const exchange = find(stream);
  return exchange ? std::min<std::size_t>(exchange->reply.http2.padding, 255) : 0;
}

void Http2Peer::respond(std::uint32_t stream, Exchange& exchange) {
  HttpReply& reply = exchange.reply;
  for (const int status : reply.interims) server_.interim(stream, status, reply.interim_fields);
  const bool bodiless = is_bodiless(exchange.request, reply.status);
  FieldPairs fields = reply.fields;
  if (reply.framing == HttpReply::Framing::length && reply.status != 204)
    fields.emplace_back("content-length", std::to_string(reply.body.size()));
  const bool has_body =
      !bodiless && (!reply.body.empty() || !reply.trailers.empty() || breaks_in_body(reply.http2.fault));
  server_.respond(stream, reply.status, fields, has_body);
  if (site_->options.ping_every) ping();
  if (!has_body) exchange.ended = true;
}

void Http2Peer::begin(Line& line, std::uint32_t stream) {
  // What was to be sent before may end it: a GOAWAY.
  flush(line);
  Exchange* const exchange = find(stream);
  if (!exchange) return;
  exchange->headed = true;
  if (site_->options.watcher) site_->options.watcher->answers(exchange->request, line.now().steady);
  const HttpReply& reply = exchange->reply;
  const Fault fault = reply.http2.fault;
  if (reply.http2.noise) line.send(noise_frames(stream));
  if (reply.origin_fault == OriginFault::never) {
    admit(to_string(OriginFault::never));
    exchange->lost = true;
    return;
  }
  if (fault == Fault::none || breaks_in_body(fault)) return respond(stream, *exchange);
  admit(to_string(fault));
  exchange->lost = true;
  if (fault == Fault::refused) return server_.reset(stream, kRefusedStream);
  if (fault == Fault::calm) return server_.reset(stream, kEnhanceYourCalm);
  if (fault == Fault::needs_http1) return server_.reset(stream, kHttp11Required);
  if (fault == Fault::goaway_http1) return refuse_http2(stream);
  if (fault == Fault::reset_at_head) return server_.reset(stream, kInternalError);
  if (fault == Fault::goaway_calm) {
    server_.goaway(last_, kEnhanceYourCalm);
    flush(line);
    over_ = true;
    return line.close();
  }
  unwatched_ = true;  // the library does not know of the bytes that follow
  line.send(wrong_frames(fault, stream, reply));
  flooded_ |= fault == Fault::settings_flood;
  if (fault == Fault::hpack_bomb) {  // the table of the client is another one than the library's
    over_ = true;
    return line.close();
  }
  // Then the exchange is over for the client, which must not count as one more.
  if (fault == Fault::overrun || fault == Fault::data_after_end) server_.reset(stream, kNoError);
}

// The first half of the body was sent.
void Http2Peer::break_off(Line& line, std::uint32_t stream, Exchange& exchange) {
  exchange.breaks_off = false;
  exchange.lost = true;
  admit(to_string(exchange.reply.http2.fault));
  if (exchange.reply.http2.fault == Fault::reset_in_body) return server_.reset(stream, kCancel);
  over_ = true;
  if (exchange.reply.http2.fault == Fault::closes_in_body) return line.close();
  line.reset();
}

// ---- what is done after each event ----

void Http2Peer::work(Line& line) {
  follow_plan(line);
  begin_due(line);
  if (!over_) flush(line);
  if (!over_) after_output(line);
  if (over_) return;
  watch_windows();
  if (exchanges_.empty()) {
    if (!idle_since_) idle_since_ = line.now().steady;
  } else {
    idle_since_.reset();
  }
  // If it closed at once, a GOAWAY for HTTP/1.1 might be lost with the connection.
  if (going_away_ && !to_http1_ && exchanges_.empty()) {
    over_ = true;
    return line.close();
  }
  plan_wake(line);
}

void Http2Peer::begin_due(Line& line) {
  const Instant now = line.now().steady;
  std::vector<std::uint32_t> due;
  for (auto& [stream, exchange] : exchanges_) {
    const bool waits = exchange.next && *exchange.next <= now;
    const bool can_go_on = exchange.reply.begins_early && exchange.whole;
    if ((!exchange.headed && exchange.due && *exchange.due <= now) || waits || can_go_on) due.push_back(stream);
  }
  for (const std::uint32_t stream : due) {
    Exchange* const exchange = find(stream);
    if (!exchange || over_) continue;
    if (!exchange->headed) {
      begin(line, stream);
    } else if (!exchange->ended && !exchange->lost) {
      exchange->next.reset();
      server_.go_on(stream);
    }
  }
}

void Http2Peer::after_output(Line& line) {
  std::vector<std::uint32_t> changed;
  for (const auto& [stream, exchange] : exchanges_) {
    const bool stops = exchange.ended && !exchange.whole && exchange.reply.http2.stops_upload;
    if (exchange.breaks_off || stops) changed.push_back(stream);
  }
  for (const std::uint32_t stream : changed) {
    Exchange& exchange = exchanges_.at(stream);
    if (exchange.breaks_off) {
      break_off(line, stream, exchange);
      if (over_) return;
    } else {
      exchange.reply.http2.stops_upload = false;
      server_.reset(stream, kNoError);
    }
  }
  if (!changed.empty()) flush(line);
}

void Http2Peer::follow_plan(Line& line) {
  const Http2OriginOptions& options = site_->options;
  const Instant now = line.now().steady;
  if (options.silent_after && requests_ >= *options.silent_after) {
    admit("silent");
    over_ = true;
    return;
  }
  for (; changes_done_ < options.changes.size() && opened_ + options.changes[changes_done_].at <= now;
       ++changes_done_) {
    const Http2Change& change = options.changes[changes_done_];
    upload_window_ = change.upload_window.value_or(upload_window_);
    server_.change({.max_streams = change.max_streams, .window = change.upload_window});
    // What was too little to open the window for may be all that the smaller one allows.
    for (auto& [stream, exchange] : exchanges_) pay(stream, exchange.owed, 1 + upload_window_ / 4);
  }
  if (goaway_due_ && *goaway_due_ <= now) {
    goaway_due_.reset();
    go_away();
  }
  if (ping_due_ && *ping_due_ <= now && !exchanges_.empty()) {
    ping();
    ping_due_ = now + *options.ping_every;
  }
  if (options.keep_alive && idle_since_ && *idle_since_ + *options.keep_alive <= now && !going_away_) {
    admit("idle close");
    go_away();
  }
}

void Http2Peer::ping() {
  server_.ping();
  ++pings_;
  pinged_ = line_->now().steady;
}

void Http2Peer::flush(Line& line) {
  const std::string out = server_.take_output();
  if (!out.empty()) line.send(out);
}

void Http2Peer::watch_windows() {
  if (!site_->options.watcher || unwatched_) return;
  for (const auto& [stream, exchange] : exchanges_)
    site_->options.watcher->windows(server_.window(stream), exchange.sent, server_.window());
}

void Http2Peer::plan_wake(Line& line) {
  const Http2OriginOptions& options = site_->options;
  std::optional<Instant> next;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [stream, exchange] : exchanges_) {
    if (!exchange.headed) consider(exchange.due);
    if (exchange.headed && !exchange.ended && !exchange.lost) consider(exchange.next);
  }
  if (changes_done_ < options.changes.size()) consider(opened_ + options.changes[changes_done_].at);
  consider(goaway_due_);
  if (!exchanges_.empty()) consider(ping_due_);
  if (options.keep_alive && idle_since_ && !going_away_) consider(*idle_since_ + *options.keep_alive);
  if (next) line.wake_after(*next - line.now().steady);
}

}  // namespace sluice::sim
