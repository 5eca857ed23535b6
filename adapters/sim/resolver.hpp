// The name look-ups of a program in a simulated world. Answers make a descriptor readable, like those of a name server.
// Leaves to the world what a name resolves to.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "adapters/sim/host.hpp"

namespace sluice::sim {

class VirtualResolver final : public NameResolver, private Asker, private Source {
 public:
  VirtualResolver(Host& host, NameOptions options) : host_(host), options_(std::move(options)) {}
  ~VirtualResolver() override;

  void start(const output::Resolve& question) override;
  void cancel(ResolveId id) override;
  void process(int fd, bool readable, bool writable) override;
  std::optional<Instant> deadline(Instant) override { return std::nullopt; }
  void process_timeouts() override {}

 private:
  void answered(ResolveId id, Result<NameAnswer> found) override;
  std::uint8_t ready() const override { return arrived_.empty() ? kEventNone : kEventRead; }
  void watch_if_needed();

  Host& host_;
  const NameOptions options_;
  std::map<ResolveId, std::uint64_t> asked_;  // the world's numbers of the open questions
  std::vector<Answer> arrived_;               // answers that were not read yet
  int fd_ = -1;                               // only while a question is open
};

}  // namespace sluice::sim
