// See operation_queue.hpp.
#include "adapters/cli/operation_queue.hpp"

#include <limits>
#include <utility>

namespace sluice::cli {

OperationQueue::OperationQueue(const CommandLine& command) : command_(command) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const Operation& operation : command.operations) {
    const std::uint64_t count = operation.globbed ? operation.globbed->count() : 1;
    total_ = count > kMost - total_ ? kMost : total_ + count;
  }
}

void OperationQueue::next_upload(const GlobbedUrls& globbed) {
  glob_ = globbed.glob;
  if (uploads_) upload_ = uploads_->next().value_or("");
}

std::shared_ptr<const Operation> OperationQueue::next() {
  const Operation& operation = command_.operations[at_];
  if (!operation.globbed) {
    ++at_;
    return {std::shared_ptr<const Operation>(), &operation};  // owned by the command line
  }
  if (!glob_) {
    uploads_ = operation.globbed->uploads;
    next_upload(*operation.globbed);
    given_ = 0;
  }
  auto url = glob_->next();
  if (!url) {
    next_upload(*operation.globbed);
    url = glob_->next();
  }
  auto made = std::make_shared<Operation>(operation.globbed->make(*std::move(url), *glob_, upload_));
  made->glob_number = given_;
  if (++given_ == operation.globbed->count()) {
    glob_.reset();
    ++at_;
  }
  return made;
}

}  // namespace sluice::cli
