// See streams.hpp.
#include "core/http2/streams.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/transitions.hpp"

namespace sluice::http2 {
namespace {

// What an idle connection may keep.
constexpr std::size_t kKeptPlaces = 8;
constexpr std::size_t kKeptMarks = 8;
constexpr std::size_t kMaxPassedMarks = 64;

constexpr Transitions<SendState, 4> kSendMoves = {
    {SendState::waiting, SendState::body},
    {SendState::waiting, SendState::stopped},
    {SendState::body, SendState::done},
    {SendState::body, SendState::stopped},
};

}  // namespace

void Stream::start(StreamId id, const http::Exchange& exchange, bool expects_continue, bool is_head) {
  id_ = id;
  exchange_ = exchange;
  exchange_.cookies = {};  // used during open() only, as is the next
  exchange_.forwarded = nullptr;
  if (exchange_.upload != nullptr && exchange_.upload->declared_length() == 0U) exchange_.upload = nullptr;
  if (exchange_.upload != nullptr && !exchange_.upload->present()) exchange_.upload = nullptr;
  sending_ = !exchange_.upload ? SendState::done : expects_continue ? SendState::waiting : SendState::body;
  reader_.start({.head = exchange.head,
                 .trailers = exchange.trailers,
                 .to_head = is_head,
                 .to_connect = effective_method(*exchange.request) == "CONNECT",
                 .keep_raw = exchange.rules.keep_raw_head});
  begun = sent = held_back = blocked = ended_by_us = false;
  urgency = exchange.urgency;
  buffered = 0;
  window = {};
  reported = on_wire = 0;
}

void Stream::recycle() {
  exchange_ = {};
  reader_.start({});
  id_ = 0;
}

bool Stream::may_enter(SendState to) const { return kSendMoves.allows(sending_, to); }

void Stream::enter(SendState to) {
  SLUICE_CHECK(may_enter(to));
  sending_ = to;
}

void Streams::make_room() {
  if (open_.size() == open_.capacity()) open_.reserve(2 * open_.size() + 1);
  ids_.reserve(open_.capacity());
  if (!spare_.empty()) return;
  spare_.reserve(open_.capacity());
  spare_.push_back(std::make_unique<Stream>());
}

Stream& Streams::add(StreamId id, const http::Exchange& exchange, bool expects_continue, bool is_head) {
  SLUICE_CHECK(ids_.empty() || ids_.back() < id);
  make_room();
  ids_.push_back(id);
  open_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  open_.back()->start(id, exchange, expects_continue, is_head);
  return *open_.back();
}

std::size_t Streams::place_of(StreamId id) const {
  if (latest_ < ids_.size() && ids_[latest_] == id) return latest_;
  const auto found = std::ranges::lower_bound(ids_, id);
  if (found == ids_.end() || *found != id) return ids_.size();
  return latest_ = static_cast<std::size_t>(found - ids_.begin());
}

Stream* Streams::find(StreamId id) const {
  const std::size_t place = place_of(id);
  return place < ids_.size() ? open_[place].get() : nullptr;
}

void Streams::remove(Stream& stream) {
  const std::size_t place = place_of(stream.id());
  SLUICE_CHECK(place < ids_.size() && open_[place].get() == &stream);
  stream.recycle();
  if (spare_.size() < spare_.capacity()) spare_.push_back(std::move(open_[place]));
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(place));
  ids_.erase(ids_.begin() + static_cast<std::ptrdiff_t>(place));
}

void Streams::release() {
  SLUICE_CHECK(open_.empty());
  if (spare_.size() > 1) spare_.resize(1);
  if (open_.capacity() <= kKeptPlaces) return;
  std::vector<StreamId>().swap(ids_);
  std::vector<std::unique_ptr<Stream>>().swap(open_);
  std::vector<std::unique_ptr<Stream>>().swap(spare_);
}

void RequestMarks::add(const Mark& mark) {
  if (first_ == marks_.size()) {
    marks_.clear();
    first_ = 0;
  } else if (Mark& before = marks_.back(); before.stream == mark.stream && before.end == mark.begin) {
    before.end = mark.end;
    before.last = mark.last;
    return;
  } else if (first_ >= std::max(kMaxPassedMarks, marks_.size() / 2)) {
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  marks_.push_back(mark);
}

const RequestMarks::Mark* RequestMarks::next(std::uint64_t taken) const {
  return first_ < marks_.size() && marks_[first_].begin < taken ? &marks_[first_] : nullptr;
}

bool RequestMarks::has(StreamId stream) const {
  return std::any_of(marks_.begin() + static_cast<std::ptrdiff_t>(first_), marks_.end(),
                     [&](const Mark& mark) { return mark.stream == stream; });
}

void RequestMarks::pop() {
  SLUICE_CHECK(first_ < marks_.size());
  ++first_;
}

void RequestMarks::release() {
  if (first_ == marks_.size() && marks_.capacity() > kKeptMarks) std::vector<Mark>().swap(marks_);
  first_ = std::min(first_, marks_.size());
}

}  // namespace sluice::http2
