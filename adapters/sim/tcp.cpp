// See tcp.hpp. The results are those of Linux: bytes first, then the end, then the error of the connection.
#include "adapters/sim/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::sim {

Tcp::~Tcp() {
  if (!link_) return;
  host_.descriptors().close(fd_);
  host_.hang_up(*link_);
}

Result<Opening> Tcp::open() {
  if (!link_) {
    fd_ = host_.descriptors().open(*this);
    link_ = &host_.dial(address_, *this);
    return Opening::wait_write;
  }
  if (refused_) {
    return std::unexpected(
        make_error(Code::connect_failed, "connect to " + address_.to_string() + ": Connection refused", ECONNREFUSED));
  }
  return link_->state() == Link::State::open ? Opening::done : Opening::wait_write;
}

std::uint8_t Tcp::ready() const {
  if (refused_) return kEventRead | kEventWrite | kEventError;
  if (!link_ || link_->state() != Link::State::open) return kEventNone;
  const bool broken = link_->broken();
  const bool readable = link_->arrived() > 0 || link_->ended() || broken;
  return static_cast<std::uint8_t>((readable ? kEventRead : 0) |
                                   (broken || !link_->told.write_blocked ? kEventWrite : 0) |
                                   (broken ? kEventError : 0));
}

Transferred Tcp::receive(MutableBytes space) {
  Transferred got;
  if (const std::size_t count = std::min(space.size(), link_->arrived()); count > 0) {
    const Bytes bytes = link_->waiting().first(count);
    std::memcpy(space.data(), bytes.data(), count);
    host_.say_moved(*link_, "received", {.spans = {bytes}, .count = 1}, count);
    link_->taken(count);
    got.bytes = count;
    got.would_block = count < space.size() && !link_->ended() && !link_->broken();
  } else if (link_->ended()) {
    host_.say_end(*link_);
    got.eof = true;
  } else if (link_->broken()) {
    got.error = ECONNRESET;
  } else {
    got.would_block = true;
  }
  return got;
}

Transferred Tcp::send(std::span<const Bytes> pieces) {
  Transferred sent;
  if (link_->broken()) {
    sent.error = link_->ended() ? EPIPE : ECONNRESET;
    return sent;
  }
  OutputView view;
  for (const Bytes piece : pieces.first(std::min(pieces.size(), OutputView::kMaxSpans))) view.push(piece);
  const std::size_t total = view.size_bytes();
  sent.bytes = std::min({total, link_->room(), link_->draw_send()});
  sent.would_block = link_->told.write_blocked = sent.bytes < total;
  if (sent.bytes > 0) {
    link_->take(view, sent.bytes);
    host_.say_moved(*link_, "sent", view, sent.bytes);
  }
  // The weather took less than there was room for, so an event must unblock it; when the line is full, new room
  // unblocks it.
  if (sent.would_block && link_->room() > 0 && !link_->is_armed(Event::Kind::writable)) {
    link_->arm(Event::Kind::writable, host_.now().steady + link_->draw_delay());
  }
  return sent;
}

}  // namespace sluice::sim
