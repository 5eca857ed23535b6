// A program's end of one simulated connection: the Transport that replaces TCP, with a descriptor of the world. Leaves
// the bytes in the network to link.hpp.
#pragma once

#include <cstdint>

#include "adapters/sim/host.hpp"
#include "adapters/sim/link.hpp"

namespace sluice::sim {

class Tcp final : public Transport, public Source {
 public:
  Tcp(Host& host, const Address& address) : host_(host), address_(address) {}
  ~Tcp() override;

  Result<Opening> open() override;
  int fd() const override { return fd_; }
  Transferred receive(MutableBytes space) override;
  Transferred send(std::span<const Bytes> pieces) override;
  std::uint8_t ready() const override;

  void refuse() { refused_ = true; }  // called by the world: no origin listens

 private:
  Host& host_;
  const Address address_;
  Link* link_ = nullptr;  // null before open()
  int fd_ = -1;
  bool refused_ = false;
};

}  // namespace sluice::sim
