// See resolver.hpp.
#include "adapters/sim/resolver.hpp"

#include <new>

namespace sluice::sim {
VirtualResolver::~VirtualResolver() {
  for (const auto& [id, question] : asked_) host_.never_mind(question);
  asked_.clear();
  watch_if_needed();
}

void VirtualResolver::start(const output::Resolve& question) try {
  asked_.emplace(question.id, host_.ask(question, *this));
  question_opened();
  watch_if_needed();
} catch (const std::bad_alloc&) {
  answer(question.id, std::unexpected(make_error(Code::out_of_memory, {})));
}

void VirtualResolver::cancel(ResolveId id) {
  drop_answers(id);
  std::erase_if(arrived_, [&](const Answer& one) { return one.id == id; });
  if (const auto found = asked_.find(id); found != asked_.end()) {
    host_.never_mind(found->second);
    asked_.erase(found);
    question_closed();
  }
  watch_if_needed();
}

void VirtualResolver::answered(ResolveId id, Result<NameAnswer> found) { arrived_.push_back({id, std::move(found)}); }

void VirtualResolver::process(int fd, bool, bool) {
  if (fd != fd_) return;
  for (Answer& one : arrived_) {
    const auto asked = asked_.find(one.id);
    if (asked == asked_.end()) continue;
    if (!one.found || !one.found->more_to_come) {
      asked_.erase(asked);
      question_closed();
    }
    answer(one.id, std::move(one.found));
  }
  arrived_.clear();
  watch_if_needed();
}

// The watch ends before its descriptor is closed.
void VirtualResolver::watch_if_needed() {
  if (fd_ < 0 && !asked_.empty()) {
    fd_ = host_.descriptors().open(*this);
    if (options_.watch) options_.watch(fd_, true, false);
  } else if (fd_ >= 0 && asked_.empty()) {
    if (options_.watch) options_.watch(fd_, false, false);
    host_.descriptors().close(std::exchange(fd_, -1));
  }
}

}  // namespace sluice::sim
