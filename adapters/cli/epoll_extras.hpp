// One epoll descriptor for everything that the command waits for besides transfers: it is readable when one of them is
// ready. Leaves waiting to the loops.
#pragma once

#include <span>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/net/descriptor.hpp"

namespace sluice::cli {

class EpollExtras {
 public:
  int open();  // returns 0 or an errno
  int fd() const { return epoll_.get(); }
  // Makes the watched descriptors agree with `extra`; usually few change between two waits. Returns 0 or an errno.
  int watch(std::span<ExtraDescriptor> extra);
  // Sets `ready`.
  void tell(std::span<ExtraDescriptor> extra) const;

 private:
  net::Descriptor epoll_;
  std::vector<int> watched_;
};

}  // namespace sluice::cli
