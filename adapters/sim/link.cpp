// See link.hpp.
#include "adapters/sim/link.hpp"

#include <algorithm>
#include <utility>

#include "adapters/sim/chance.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {

namespace {

constexpr std::uint8_t kTlsHandshake = 22;  // RFC 8446 5.1; no request begins with it

std::uint8_t first_byte(const OutputView& view) {
  for (std::size_t i = 0; i < view.count; ++i) {
    if (!view.spans[i].empty()) return view.spans[i].front();
  }
  return 0;
}

}  // namespace

// ---- one direction ----

void Way::push(Bytes more, Instant now) {
  bytes.push(more);
  under_way.push({now, more.size()});
}

void Way::take_arrived(std::size_t count) {
  bytes.pop(count);
  arrived -= count;
}

void Way::drop_under_way() {
  bytes.truncate(arrived);
  under_way.clear();
  end_sent.reset();
  reset_sent.reset();
}

void Way::drop_arrived() { take_arrived(arrived); }

void Way::clear() {
  bytes.clear();
  arrived = 0;
  under_way.clear();
  end_sent.reset();
  reset_sent.reset();
  ended = broken = false;
}

// ---- for the world ----

void Link::begin(LinkHost& host, LinkId id, ConnId conn, std::shared_ptr<const Weather> weather, Seed seed) {
  host_ = &host;
  id_ = id;
  conn_ = conn;
  weather_ = std::move(weather);
  network_ = Random(Seed{splitmix64(seed.value)});
  application_ = Random(Seed{splitmix64(seed.value)});
}

void Link::recycle() {
  peer_.reset();
  weather_.reset();
  down_.clear();
  up_.clear();
  state_ = State::connecting;
  armed_ = {};
  latest_down_ = latest_up_ = {};
  moved_ = fault_at_ = 0;
  fault_ = Fault::none;
  reading_ = true;
  finished_ = peer_done_ = end_given_ = stalled_ = reset_counted_ = false;
  told = {};
  fate = Fate::accepted;
  peer_name.clear();
  origin.reset();
  tls = false;
  number = 0;
  program = nullptr;
}

void Link::open(std::unique_ptr<Peer> peer) {
  state_ = State::open;
  draw_fault();
  peer_ = std::move(peer);
  peer_done_ = finished_ = peer_ == nullptr;
  if (!peer_) fault_ = Fault::none;
}

void Link::start_peer() {
  if (!peer_) return;
  peer_->on_open(*this);
  check_fault();
}

void Link::leave() {
  const bool heard = state_ == State::open && !stalled_ && !peer_done_;
  state_ = State::left;
  fault_ = Fault::none;
  down_.clear();
  disarm(Event::Kind::connect);
  disarm(Event::Kind::to_engine);
  disarm(Event::Kind::readable);
  disarm(Event::Kind::writable);
  if (heard) {
    up_.end_sent = now_steady();
    schedule(up_, Event::Kind::to_peer);
  } else {
    peer_done_ = true;
    disarm(Event::Kind::to_peer);
    disarm(Event::Kind::peer_readable);
    disarm(Event::Kind::wake);
  }
}

std::size_t Link::room() const { return up_.bytes.size() < weather_->window ? weather_->window - up_.bytes.size() : 0; }

void Link::take(const OutputView& view, std::size_t count) {
  // In a proxy's tunnel TLS begins later.
  if (count > 0 && first_byte(view) == kTlsHandshake) tls = true;
  up_.under_way.push({now_steady(), count});
  for (std::size_t i = 0; i < view.count && count > 0; ++i) {
    const Bytes piece = view.spans[i].first(std::min(count, view.spans[i].size()));
    up_.bytes.push(piece);
    count -= piece.size();
  }
  schedule(up_, Event::Kind::to_peer);
}

void Link::arm(Event::Kind kind, Instant at) { armed_[index_of(kind)] = host_->schedule(*this, kind, at); }

std::size_t Link::happen(Event::Kind kind) {
  disarm(kind);
  switch (kind) {
    case Event::Kind::to_engine:
      return arrive_at_engine();
    case Event::Kind::to_peer:
      arrive_at_peer();
      break;
    case Event::Kind::peer_readable:
      feed_peer(draw_piece());
      break;
    case Event::Kind::wake:
      if (!peer_done_) {
        say("wakes");
        peer_->on_wake(*this);
      }
      break;
    case Event::Kind::connect:
    case Event::Kind::readable:
    case Event::Kind::writable:
    case Event::Kind::answer:
    case Event::Kind::call:
    case Event::Kind::stale:
    case Event::Kind::alarm:
      SLUICE_CHECK(false);
  }
  return 0;
}

// ---- bytes in the network ----

Duration Link::draw_delay() {
  return std::max(weather_->delay, Duration::zero()) + draw_up_to(network_, weather_->jitter);
}

std::size_t Link::draw_piece() {
  return weather_->max_piece == SIZE_MAX ? SIZE_MAX : 1 + network_.below(std::max<std::size_t>(weather_->max_piece, 1));
}

std::size_t Link::carried() const {
  constexpr std::size_t kPieces = 20;  // pieces per second
  return weather_->bandwidth == SIZE_MAX ? SIZE_MAX : std::max<std::size_t>(weather_->bandwidth / kPieces, 1);
}

Duration Link::busy_with(std::size_t bytes) const {
  constexpr std::uint64_t kSecond = std::chrono::nanoseconds(std::chrono::seconds(1)).count();
  if (weather_->bandwidth == SIZE_MAX) return Duration::zero();
  return std::chrono::nanoseconds(bytes * kSecond / std::max<std::size_t>(weather_->bandwidth, 1));
}

std::size_t Link::draw_send() {
  return weather_->max_send == SIZE_MAX ? SIZE_MAX : 1 + network_.below(std::max<std::size_t>(weather_->max_send, 1));
}

// Schedules the arrival of the next piece, if it is not scheduled yet.
void Link::schedule(Way& way, Event::Kind kind) {
  if (is_armed(kind) || stalled_) return;
  std::optional<Instant> sent;
  if (!way.under_way.empty()) {
    sent = way.under_way.front().at;
  } else if (way.end_sent) {
    sent = way.end_sent;
  } else if (way.reset_sent) {
    sent = way.reset_sent;
  }
  if (!sent) return;
  const Instant latest = kind == Event::Kind::to_engine ? latest_down_ : latest_up_;
  arm(kind, std::max(latest, *sent + draw_delay()));
}

std::size_t Link::arrive_at_engine() {
  latest_down_ = now_steady();
  std::size_t count = 0;
  if (!down_.under_way.empty()) {
    Way::Sent& sent = down_.under_way.front();
    count = std::min({draw_piece(), carried(), sent.bytes, until_fault()});
    latest_down_ += busy_with(count);
    sent.bytes -= count;
    if (sent.bytes == 0) down_.under_way.pop();
    down_.arrived += count;
    moved_ += count;
  } else if (down_.end_sent) {
    down_.end_sent.reset();
    down_.ended = true;
  } else if (down_.reset_sent) {
    down_.reset_sent.reset();
    down_.broken = true;
    if (!std::exchange(reset_counted_, true)) host_->count_fault(*this, "reset");
    // Some systems drop bytes that were not read yet, others do not. None drops them and then reports a clean end.
    if (network_.below(2) == 0) {
      if (down_.arrived > 0) down_.ended = false;
      down_.drop_arrived();
    }
  }
  schedule(down_, Event::Kind::to_engine);
  check_fault();
  return std::min(count, down_.arrived);
}

void Link::arrive_at_peer() {
  latest_up_ = now_steady();
  if (up_.under_way.empty()) {
    if (!up_.end_sent) return;
    up_.end_sent.reset();
    up_.ended = true;
    if (peer_done_) return;
    feed_peer(0);
    return;
  }
  Way::Sent& sent = up_.under_way.front();
  const std::size_t count = std::min({draw_piece(), carried(), sent.bytes, until_fault()});
  latest_up_ += busy_with(count);
  sent.bytes -= count;
  if (sent.bytes == 0) up_.under_way.pop();
  up_.arrived += count;
  moved_ += count;
  if (peer_done_) {
    up_.drop_arrived();
    if (peer_) answer_with_reset();
    room_grew();
  } else if (!is_armed(Event::Kind::peer_readable)) {
    feed_peer(count);  // else it comes after the bytes that wait
  }
  schedule(up_, Event::Kind::to_peer);
  check_fault();
}

// Gives at most `most` of the arrived bytes to the peer; when there are none, the end.
void Link::feed_peer(std::size_t most) {
  if (!reading_ || peer_done_) return;
  const std::size_t count = std::min(most, up_.arrived);
  if (count > 0) {
    host_->line(*this).word("peer read").number(count);
    feeding_ = true;
    peer_->on_bytes(*this, up_.bytes.items().first(count));
    feeding_ = false;
    up_.take_arrived(peer_done_ ? up_.arrived : count);
    room_grew();
  }
  if (peer_done_ || !reading_) return;
  if (up_.arrived > 0) {
    if (!is_armed(Event::Kind::peer_readable)) arm(Event::Kind::peer_readable, now_steady());
  } else if (up_.ended && !std::exchange(end_given_, true)) {
    say("read the end");
    peer_->on_end(*this);
  }
}

// After what the peer has sent: the network keeps the order.
void Link::answer_with_reset() {
  if (state_ != State::open || down_.broken || down_.reset_sent) return;
  down_.reset_sent = now_steady();
  schedule(down_, Event::Kind::to_engine);
}

void Link::room_grew() {
  if (state_ != State::open || !told.write_blocked || is_armed(Event::Kind::writable) || room() == 0) return;
  arm(Event::Kind::writable, now_steady() + draw_delay());
}

// ---- faults ----

// Every probability is drawn, so that the setting of one does not change the others.
void Link::draw_fault() {
  const bool hits[] = {draw_chance(network_, weather_->resets), draw_chance(network_, weather_->closes_early),
                       draw_chance(network_, weather_->half_closes), draw_chance(network_, weather_->stalls)};
  fault_at_ =
      network_.below(static_cast<std::uint64_t>(std::min<std::size_t>(weather_->fault_within, SIZE_MAX - 1)) + 1);
  static constexpr Fault kFaults[] = {Fault::reset, Fault::close, Fault::half_close, Fault::stall};
  for (std::size_t i = 0; i < std::size(kFaults) && fault_ == Fault::none; ++i) {
    if (hits[i]) fault_ = kFaults[i];
  }
}

std::size_t Link::until_fault() const {
  return fault_ == Fault::none ? SIZE_MAX : static_cast<std::size_t>(fault_at_ - moved_);
}

void Link::check_fault() {
  if (fault_ != Fault::none && moved_ >= fault_at_) commit_fault();
}

void Link::commit_fault() {
  const Fault fault = std::exchange(fault_, Fault::none);
  if (peer_done_) return;  // the peer has closed before
  const Instant now = now_steady();
  switch (fault) {
    case Fault::none:
      return;
    case Fault::reset:
      reset_counted_ = true;
      host_->count_fault(*this, "reset");
      reset();
      return;
    case Fault::close:
      host_->count_fault(*this, "closed early");
      finished_ = true;
      down_.drop_under_way();
      if (!down_.ended) down_.end_sent = now;
      disarm(Event::Kind::to_engine);
      schedule(down_, Event::Kind::to_engine);
      close();
      return;
    case Fault::half_close:
      if (finished_) return;
      host_->count_fault(*this, "half close");
      down_.drop_under_way();
      disarm(Event::Kind::to_engine);
      finish();
      return;
    case Fault::stall:
      host_->count_fault(*this, "stall");
      stalled_ = true;
      disarm(Event::Kind::to_engine);
      disarm(Event::Kind::to_peer);
      return;
  }
}

// ---- for the peer ----

void Link::send(Bytes bytes) {
  if (peer_done_ || finished_ || bytes.empty()) return;
  host_->line(*this).word("peer sends").number(bytes.size());
  if (state_ != State::open) return;  // no engine is there to receive it
  down_.push(bytes, now_steady());
  schedule(down_, Event::Kind::to_engine);
}

void Link::finish() {
  if (peer_done_ || std::exchange(finished_, true)) return;
  say("finishes");
  if (state_ != State::open) return;
  down_.end_sent = now_steady();
  schedule(down_, Event::Kind::to_engine);
}

void Link::close() {
  if (peer_done_) return;
  say("closes");
  if (!std::exchange(finished_, true) && state_ == State::open) {
    down_.end_sent = now_steady();
    schedule(down_, Event::Kind::to_engine);
  }
  stop_reading();
}

void Link::reset() {
  if (peer_done_) return;
  say("resets");
  finished_ = true;
  if (state_ == State::open) {
    down_.drop_under_way();
    disarm(Event::Kind::to_engine);
    down_.reset_sent = now_steady();
    schedule(down_, Event::Kind::to_engine);
  }
  stop_reading();
}

// Bytes on the way to the peer are lost.
void Link::stop_reading() {
  peer_done_ = true;
  disarm(Event::Kind::wake);
  disarm(Event::Kind::peer_readable);
  if (!feeding_) up_.drop_arrived();  // else the peer still uses them
  room_grew();
}

void Link::read(bool on) {
  reading_ = on;
  if (!on || peer_done_ || is_armed(Event::Kind::peer_readable)) return;
  if (up_.arrived > 0 || (up_.ended && !end_given_)) arm(Event::Kind::peer_readable, now_steady());
}

void Link::wake_after(Duration delay) {
  if (!peer_done_) arm(Event::Kind::wake, now_steady() + std::max(delay, Duration::zero()));
}

void Link::admit(std::string_view fault) { host_->count_fault(*this, fault); }

}  // namespace sluice::sim
