// See streams.hpp.
#include "core/http2/streams.hpp"

#include <algorithm>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/transitions.hpp"

namespace sluice::http2 {
namespace {

constexpr std::size_t kMaxSpares = 8;
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
  begun = sent = held_back = blocked = false;
  buffered = 0;
  reported = 0;
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
  if (!spare_.empty()) return;
  spare_.reserve(kMaxSpares);
  spare_.push_back(std::make_unique<Stream>());
}

Stream& Streams::add(StreamId id, const http::Exchange& exchange, bool expects_continue, bool is_head) {
  SLUICE_CHECK(open_.empty() || open_.back()->id() < id);
  make_room();
  open_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  open_.back()->start(id, exchange, expects_continue, is_head);
  return *open_.back();
}

Stream* Streams::find(StreamId id) const {
  const auto found = std::ranges::lower_bound(open_, id, {}, [](const auto& stream) { return stream->id(); });
  return found != open_.end() && (*found)->id() == id ? found->get() : nullptr;
}

void Streams::remove(Stream& stream) {
  const auto found = std::ranges::lower_bound(open_, stream.id(), {}, [](const auto& other) { return other->id(); });
  SLUICE_CHECK(found != open_.end() && found->get() == &stream);
  stream.recycle();
  if (spare_.size() < spare_.capacity()) spare_.push_back(std::move(*found));
  open_.erase(found);
}

void RequestMarks::add(const Mark& mark) {
  if (first_ == marks_.size()) {
    marks_.clear();
    first_ = 0;
  } else if (Mark& before = marks_.back(); before.stream == mark.stream && before.end == mark.begin) {
    before.end = mark.end;
    before.last = mark.last;
    return;
  } else if (first_ >= kMaxPassedMarks) {
    marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  marks_.push_back(mark);
}

const RequestMarks::Mark* RequestMarks::next(std::uint64_t taken) const {
  return first_ < marks_.size() && marks_[first_].begin < taken ? &marks_[first_] : nullptr;
}

void RequestMarks::pop() {
  SLUICE_CHECK(first_ < marks_.size());
  ++first_;
}

}  // namespace sluice::http2
