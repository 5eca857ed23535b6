// A program's end of one simulated connection: what TCP over a socket is to a Multi, with a descriptor of the world's.
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

  void refuse() { refused_ = true; }  // by the world: nobody listens

 private:
  Host& host_;
  const Address address_;
  Link* link_ = nullptr;  // none before open()
  int fd_ = -1;
  bool refused_ = false;
};

}  // namespace sluice::sim
