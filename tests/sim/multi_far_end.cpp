// The far end of one stream: carries a simulated peer's bytes, in pieces and with rests, under TLS where the origin says so, until the
// drawn fault. See multi_wire.hpp.
#include <algorithm>
#include <array>
#include <utility>

#include "adapters/net/clock.hpp"
#include "tests/sim/multi_wire.hpp"

namespace sluice::simtest::driven {

using std::chrono::microseconds;

FarEnd::FarEnd(Ground& ground, std::size_t origin, std::uint64_t number, std::shared_ptr<Pipe> pipe,
               std::unique_ptr<sim::Peer> peer)
    : ground_(ground),
      origin_(origin),
      pipe_(std::move(pipe)),
      peer_(std::move(peer)),
      random_(draws(ground.plan().seed, Draws::far_end, origin, number)) {
  if (ground.plan().origins[origin].tls) tls_.emplace(tls_server_context());
  if (chance(random_, line().reset)) fault_ = Fault::reset;
  if (!fault_ && chance(random_, line().stall)) fault_ = Fault::stall;
  fault_at_ = random_.below(line().fault_within + 1);
}

Now FarEnd::now() const { return net::read_clock(); }

bool FarEnd::pump(Instant now) {
  if (over_) return false;
  if (stalled_) {
    over_ = pipe_->has_left;
    return false;
  }
  bool moved = false;
  if (!opened_ && pipe_->opened) {
    opened_ = moved = true;
    if (!tls_) peer_->on_open(*this);
  }
  if (wake_at_ && now >= *wake_at_) {
    wake_at_.reset();
    peer_->on_wake(*this);
    moved = true;
  }
  if (!opened_ && pipe_->has_left) end_input();
  if (!opened_ || now < rests_until_) return moved;
  moved = take() || moved;
  if (!over_ && !stalled_) moved = give() || moved;
  return moved;
}

std::optional<Instant> FarEnd::next() const {
  if (over_ || stalled_) return std::nullopt;
  std::optional<Instant> at = wake_at_;
  if (rests_until_ > ground_.now() && (!at || rests_until_ < *at)) at = rests_until_;
  return at;
}

void FarEnd::maybe_rest(Instant now) {
  if (rests_left_ == 0 || !chance(random_, line().holds)) return;
  --rests_left_;
  rests_until_ = now + microseconds(random_.below(1'200));
}

// True: this end is at its drawn byte, and no more moves.
bool FarEnd::commit_fault() {
  if (!fault_ || moved_ < fault_at_) return false;
  if (!pipe_->has_left) ground_.happened(origin_, *fault_);
  if (fault_ == Fault::reset) {
    pipe_->reset();
    over_ = true;
  } else {
    stalled_ = true;
  }
  return true;
}

bool FarEnd::take() {
  if (input_ended_ || (!reading_ && !close_asked_) || commit_fault()) return false;
  std::array<std::uint8_t, 16 * 1024> buffer;
  std::size_t most = chance(random_, line().pieces) ? 1 + random_.below(2'000) : buffer.size();
  if (fault_ && moved_ < fault_at_) most = std::min(most, fault_at_ - moved_);
  const std::size_t count = pipe_->pull(MutableBytes(buffer).first(most));
  if (count == 0) {
    if (!pipe_->has_left) return false;
    end_input();
    return true;
  }
  moved_ += count;
  maybe_rest(ground_.now());
  const Bytes bytes = Bytes(buffer).first(count);
  if (!tls_) {
    hand_over(bytes);
    return true;
  }
  const bool was_done = tls_->handshake_done();
  const bool sound = tls_->feed(bytes);
  out_.insert(out_.end(), tls_->output().begin(), tls_->output().end());
  tls_->output().clear();
  if (!was_done && tls_->handshake_done()) peer_->on_open(*this);
  const std::string plain = std::exchange(tls_->plain(), {});
  if (!plain.empty()) hand_over(as_bytes(plain));
  if (!sound || tls_->peer_closed()) end_input();
  return true;
}

void FarEnd::hand_over(Bytes bytes) {
  if (!close_asked_ && !over_) peer_->on_bytes(*this, bytes);
}

void FarEnd::end_input() {
  if (std::exchange(input_ended_, true)) return;
  if (!close_asked_) peer_->on_end(*this);
  if (pipe_->has_left) {
    pipe_->close();
    over_ = true;
  }
}

bool FarEnd::give() {
  bool moved = false;
  if (given_ < out_.size()) {
    if (commit_fault()) return false;
    std::size_t most = chance(random_, line().pieces) ? 1 + random_.below(4'000) : 32 * 1024;
    if (fault_ && moved_ < fault_at_) most = std::min(most, fault_at_ - moved_);
    const std::size_t count = pipe_->push(Bytes(out_).subspan(given_, std::min(most, out_.size() - given_)));
    given_ += count;
    moved_ += count;
    moved = count > 0;
    if (given_ == out_.size()) {
      out_.clear();
      given_ = 0;
    }
    if (moved) maybe_rest(ground_.now());
  }
  if (!out_.empty()) return moved;
  if (close_asked_) {
    pipe_->close();
    over_ = true;
    return true;
  }
  if (finish_asked_ && !std::exchange(finished_, true)) {
    pipe_->finish();
    return true;
  }
  return moved;
}

void FarEnd::send(Bytes bytes) {
  if (finish_asked_ || close_asked_ || over_) return;
  if (!tls_) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return;
  }
  tls_->write(bytes);
  out_.insert(out_.end(), tls_->output().begin(), tls_->output().end());
  tls_->output().clear();
}

void FarEnd::finish() {
  if (std::exchange(finish_asked_, true) || close_asked_ || over_) return;
  if (!tls_ || !tls_->handshake_done()) return;
  tls_->close_notify();
  out_.insert(out_.end(), tls_->output().begin(), tls_->output().end());
  tls_->output().clear();
}

void FarEnd::close() {
  finish();
  close_asked_ = true;
}

void FarEnd::reset() {
  if (close_asked_ || over_) return;
  pipe_->reset();
  over_ = true;
}

void FarEnd::admit(std::string_view fault) {
  if (fault == "bad request") return ground_.fail("a request is HTTP/1.1", "the origin could not read one");
  ground_.happened(origin_, fault == "idle close" ? Fault::idle_close : Fault::misdeed);
}

}  // namespace sluice::simtest::driven
