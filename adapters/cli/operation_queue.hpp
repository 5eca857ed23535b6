// The operations of a command line in their order, those of globs ("[1-100]") made one by one: so a run over many URLs
// takes little memory. Leaves to others: running them (command).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

class OperationQueue {
 public:
  // `command` must outlive this object and what next() returns.
  explicit OperationQueue(const CommandLine& command);

  std::uint64_t total() const { return total_; }  // of the whole command line
  bool empty() const { return at_ == command_.operations.size(); }
  // Needs !empty().
  std::shared_ptr<const Operation> next();

 private:
  void next_upload(const GlobbedUrls& globbed);

  const CommandLine& command_;
  std::uint64_t total_ = 0;
  std::size_t at_ = 0;  // in command_.operations
  // Of that operation, while its URLs are made.
  std::optional<Glob> glob_;
  std::optional<Glob> uploads_;  // -T
  std::string upload_;           // the file that uploads_ has given last
  std::uint64_t given_ = 0;
};

}  // namespace sluice::cli
