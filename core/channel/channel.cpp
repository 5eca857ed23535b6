// See channel.hpp. Received bytes pass through one landing buffer for each layer. Bytes to send are kept in each stage
// until the stage below can take them, at most limits::kWireOutBytes or a little more.
#include "core/channel/channel.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::channel {

const Transitions<ChannelPhase, kChannelPhases> kChannelMoves{
    {ChannelPhase::connecting, ChannelPhase::securing}, {ChannelPhase::connecting, ChannelPhase::closed},
    {ChannelPhase::securing, ChannelPhase::ready},      {ChannelPhase::securing, ChannelPhase::closed},
    {ChannelPhase::ready, ChannelPhase::closed},
};

namespace {
// A send buffer of at most this size stays with its connection, so that requests do not allocate. A larger one is freed
// when it is empty.
constexpr std::size_t kKeptSendBytes = 2 * 1024;
// A layer is given no more at once than one TLS record holds (RFC 8446 5.1), so that each piece is known to be sent as
// soon as its record is.
constexpr std::size_t kPieceBytes = 16 * 1024;
}  // namespace

void Channel::enter(ChannelPhase next) {
  SLUICE_CHECK(kChannelMoves.allows(phase_, next));
  phase_ = next;
}

void Channel::reset() {
  phase_ = ChannelPhase::connecting;
  peer_closed_ = end_announced_ = false;
  keeps_time_ = multiplexes_ = false;
  stages_.clear();
  descent_.reset();
  session_.reset();
  fault_.reset();
}

void Channel::fail(Error error) {
  if (!fault_) fault_ = std::move(error);
}

void Channel::start_stage(std::size_t index, Now now) {
  Stage& stage = stages_[index];
  stage.started = true;
  drive([&] {
    if (stage.layer->start(stage.out, now) == Pump::failed) fail(stage.layer->error());
  });
  // One that waits for nothing.
  if (!fault_ && stage.layer->established() && index + 1 < stages_.size()) start_stage(index + 1, now);
}

void Channel::start(Now now) {
  enter(ChannelPhase::securing);
  if (stages_.empty()) return;
  start_stage(0, now);
  settle(now);
}

MutableBytes Channel::decode(MutableBytes wire, Landing& landing, Now now) {
  if (fault_ || phase_ == ChannelPhase::closed) return {};
  MutableBytes plain = wire;
  for (std::size_t i = 0; i < stages_.size() && stages_[i].started; ++i) {
    Stage& stage = stages_[i];
    const MutableBytes whole = landing.plain(i);
    if (whole.empty()) {
      fail(make_error(Code::out_of_memory, {}));
      return {};
    }
    Bytes input = plain;
    MutableBytes space = whole;
    drive([&] {
      const Pump pump = stage.layer->decode(input, space, stage.out, now);
      SLUICE_CHECK(pump != Pump::need_space);  // Landing::plain() has room for any input
      if (pump == Pump::failed) fail(stage.layer->error());
      SLUICE_CHECK(pump != Pump::closed || stage.layer->established());
      if (pump == Pump::closed) stage.closed = peer_closed_ = true;
    });
    plain = whole.first(whole.size() - space.size());
    if (!stage.layer->established()) break;
    if (i + 1 < stages_.size() && !stages_[i + 1].started && !fault_) start_stage(i + 1, now);
  }
  settle(now);
  const bool through = stages_.empty() || stages_.back().layer->established();
  return through ? plain : MutableBytes{};
}

bool Channel::become_ready() {
  if (phase_ != ChannelPhase::securing || fault_) return false;
  if (!stages_.empty() && !(stages_.back().started && stages_.back().layer->established())) return false;
  enter(ChannelPhase::ready);
  keeps_time_ = deadline().has_value();
  return true;
}

std::optional<Instant> Channel::deadline() const {
  std::optional<Instant> first;
  for (const Stage& stage : stages_) {
    if (const auto due = stage.layer->deadline(); due && (!first || *due < *first)) first = due;
  }
  return first;
}

void Channel::handle_timeout(Now now) {
  if (fault_ || phase_ != ChannelPhase::ready) return;
  const bool waits = std::ranges::any_of(stages_, [](const Stage& stage) { return !stage.out.empty(); });
  for (Stage& stage : stages_) {
    const auto due = stage.layer->deadline();
    if (!due || *due > now.steady) continue;
    const bool moves = std::exchange(stage.wire_at_timeout, descent_->wire) != descent_->wire;
    drive([&] {
      if (stage.layer->handle_timeout(stage.out, moves && waits, now) == Pump::failed) fail(stage.layer->error());
    });
    if (fault_) return;
  }
}

// Bytes that such a layer holds come before those of the layer above it.
void Channel::drop_passages() noexcept {
  for (std::size_t i = stages_.size(); i-- > 0;) {
    Stage& stage = stages_[i];
    if (!stage.layer->passes_all()) continue;
    if (!stage.out.empty()) {
      if (i + 1 == stages_.size() || !stages_[i + 1].out.empty()) continue;
      std::swap(stages_[i + 1].out, stage.out);
    }
    stages_.erase(stages_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (stages_.empty()) descent_.reset();
}

Again Channel::again() const {
  Again most = Again::no;
  for (const Stage& stage : stages_) most = std::max(most, stage.layer->again());
  return most;
}

std::string_view Channel::keys_to_retry() const {
  for (const Stage& stage : stages_) {
    if (stage.layer->again() == Again::with_keys) return stage.layer->keys_to_retry();
  }
  return {};
}

void Channel::encode(std::size_t index, Bytes& plain, Now now) {
  Stage& stage = stages_[index];
  drive([&] {
    if (stage.layer->encode(plain, stage.out, limits::kWireOutBytes, now) == Pump::failed) fail(stage.layer->error());
  });
}

void Channel::settle(Now now) {
  for (std::size_t i = stages_.size(); i-- > 1 && !fault_;) {
    std::vector<std::uint8_t>& out = stages_[i].out;
    if (out.empty()) continue;
    Bytes rest = out;
    encode(i - 1, rest, now);
    out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }
  note_position();
}

// What the session gave is on the wire once the wire has taken all that the bottom layer made up to now, where no layer
// above it holds any of it, and it does not itself.
void Channel::note_position() {
  if (!descent_) return;
  Descent& down = *descent_;
  if (down.plain == (down.positions.empty() ? down.on_wire : down.positions.back().plain)) return;
  if (std::any_of(stages_.begin() + 1, stages_.end(), [](const Stage& stage) { return !stage.out.empty(); })) return;
  if (std::ranges::any_of(stages_, [](const Stage& stage) { return stage.layer->holds_plain(); })) return;
  drive([&] { down.positions.push_back({down.plain, down.wire + stages_.front().out.size() - down.sent_here}); });
}

void Channel::count_sent(std::size_t bytes) {
  Descent& down = *descent_;
  down.wire += bytes;
  const auto left = std::ranges::find_if(down.positions,
                                         [&](const Descent::Position& position) { return position.wire > down.wire; });
  if (left == down.positions.begin()) return;
  down.on_wire = std::prev(left)->plain;
  down.positions.erase(down.positions.begin(), left);
}

// How much of `plain` the layers took.
std::size_t Channel::descend(Bytes plain, Now now) {
  std::size_t taken = 0;
  while (taken < plain.size() && takes_plain()) {
    const Bytes piece = plain.subspan(taken, std::min(kPieceBytes, plain.size() - taken));
    Bytes rest = piece;
    encode(stages_.size() - 1, rest, now);
    descent_->plain += piece.size() - rest.size();
    taken += piece.size() - rest.size();
    settle(now);
    if (!rest.empty()) break;
  }
  return taken;
}

void Channel::pump(Now now) {
  if (phase_ != ChannelPhase::ready || stages_.empty() || !session_) return;
  while (takes_plain()) {
    const OutputView output = session_->output();
    if (output.count == 0) break;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < output.count; ++i) {
      const std::size_t count = descend(output.spans[i], now);
      taken += count;
      if (count < output.spans[i].size()) break;
    }
    if (taken == 0) break;
    session_->advance_output(taken);
  }
  settle(now);
}

OutputView Channel::transmit() const {
  OutputView spans;
  if (phase_ == ChannelPhase::connecting) return spans;
  if (!stages_.empty()) {
    spans.push(Bytes{stages_.front().out}.subspan(descent_->sent_here));
  } else if (session_ && phase_ == ChannelPhase::ready) {
    spans = session_->output();
  }
  return spans;
}

bool Channel::has_output() const {
  if (phase_ == ChannelPhase::connecting) return false;
  if (!stages_.empty()) return descent_->sent_here < stages_.front().out.size();
  return session_ && phase_ == ChannelPhase::ready && session_->output().count != 0;
}

void Channel::sent(std::size_t bytes, std::vector<http::StreamId>& moved, Now now) {
  if (stages_.empty()) {
    if (session_ && phase_ == ChannelPhase::ready) session_->advance_output(bytes);
    return told_sent(0, moved, now);
  }
  std::vector<std::uint8_t>& out = stages_.front().out;
  SLUICE_CHECK(bytes <= out.size() - descent_->sent_here);
  descent_->sent_here += bytes;
  count_sent(bytes);
  if (descent_->sent_here == out.size()) {
    out.clear();
    descent_->sent_here = 0;
  }
  told_sent(descent_->plain - descent_->on_wire, moved, now);
  if (!out.empty()) return;
  settle(now);
  pump(now);
  if (out.empty()) drop_memory();
}

void Channel::count_as_sent(std::vector<http::StreamId>& moved) {
  session_->advance_output(session_->output().size_bytes());
  session_->on_wire(0, moved);
}

// A send buffer that is empty, and larger than what stays with a connection.
bool Channel::is_too_large(const Stage& stage) { return stage.out.empty() && stage.out.capacity() > kKeptSendBytes; }

bool Channel::Descent::keeps_too_much() const {
  return positions.empty() && positions.capacity() * sizeof(Position) > kKeptSendBytes;
}

void Channel::drop_memory() {
  if (descent_->keeps_too_much()) std::vector<Descent::Position>().swap(descent_->positions);
  for (Stage& stage : stages_) {
    if (is_too_large(stage)) std::vector<std::uint8_t>().swap(stage.out);
    stage.layer->drop_memory();
  }
}

bool Channel::keeps_too_much() const {
  if (phase_ != ChannelPhase::ready || fault_ || has_output()) return false;
  return (descent_ && descent_->keeps_too_much()) ||
         std::ranges::any_of(stages_, [](const Stage& stage) { return is_too_large(stage); });
}

StreamFacts Channel::facts() const {
  StreamFacts facts;
  for (const Stage& stage : stages_) stage.layer->describe(facts);
  return facts;
}

const Layer* Channel::unfinished() const {
  for (const Stage& stage : stages_) {
    if (!stage.layer->established()) return stage.layer.get();
  }
  return nullptr;
}

std::string_view Channel::task() const { return unfinished() ? unfinished()->task() : "connect"; }
Code Channel::task_failure() const { return unfinished() ? unfinished()->failure() : Code::connect_failed; }

StreamEnd Channel::stream_end() const {
  StreamEnd worst = StreamEnd::clean;
  for (std::size_t i = stages_.size(); i-- > 0;) {
    worst = std::max(worst, stages_[i].layer->stream_end());
    if (stages_[i].closed) break;
  }
  return worst;
}

void Channel::close(bool announce_end) {
  if (phase_ == ChannelPhase::closed) return;
  const bool was_ready = phase_ == ChannelPhase::ready;
  enter(ChannelPhase::closed);
  if (holds_plain()) {
    // The peer could not decode a closing message after records that were never sent.
    for (Stage& stage : stages_) stage.out.clear();
    descent_->sent_here = 0;
    descent_->positions.clear();
    return;
  }
  if (!announce_end || !was_ready || end_announced_ || fault_ || stages_.empty()) return;
  end_announced_ = true;
  // Only the bottom layer: the layers above send through it, and the end of the wire ends them all.
  stages_.front().layer->close(stages_.front().out);
}

}  // namespace sluice::channel
