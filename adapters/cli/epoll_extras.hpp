// An epoll descriptor of the command's own for what it waits for beside transfers. One descriptor for all: readable
// when one of them is.
#pragma once

#include <span>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/net/descriptor.hpp"

namespace sluice::cli {

class EpollExtras {
 public:
  int open();  // answers 0 or errno
  int fd() const { return epoll_.get(); }
  // Brings what is watched in line with `extra`; from one wait to the next little changes. Answers 0 or errno.
  int watch(std::span<ExtraDescriptor> extra);
  // Fills `ready`.
  void tell(std::span<ExtraDescriptor> extra) const;

 private:
  net::Descriptor epoll_;
  std::vector<int> watched_;
};

}  // namespace sluice::cli
