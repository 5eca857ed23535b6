// See collector.hpp.
#include "adapters/sim/collector.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

namespace sluice::sim {

void Collector::on_output(World& world, const Output& output) {
  if (const auto* interim = std::get_if<output::InterimReady>(&output)) {
    seen_[interim->transfer].outcome.interims.push_back(interim->head.status);
  } else if (const auto* head = std::get_if<output::HeadReady>(&output)) {
    seen_[head->transfer].outcome.head = world.engine().head(head->transfer);
  } else if (const auto* body = std::get_if<output::BodyReady>(&output)) {
    take_body(world, body->transfer);
  } else if (const auto* upload = std::get_if<output::UploadReady>(&output)) {
    give(world, upload->transfer);
  } else if (const auto* rewind = std::get_if<output::UploadRewind>(&output)) {
    Seen& seen = seen_[rewind->transfer];
    seen.given = 0;
    seen.supplying = true;
    world.engine().rewind_upload(rewind->transfer, world.now());
  } else if (const auto* done = std::get_if<output::Done>(&output)) {
    Outcome& outcome = seen_[done->transfer].outcome;
    ++outcome.dones;
    outcome.result = done->result;
    if (world.engine().contains(done->transfer)) outcome.trailers = world.engine().trailers(done->transfer);
  }
}

void Collector::supply(World& world, TransferId transfer, std::string bytes) {
  Seen& seen = seen_[transfer];
  seen.supply += bytes;
  seen.supplying = true;
  give(world, transfer);
}

void Collector::pause(World& world, TransferId transfer, bool on) {
  seen_[transfer].paused = on;
  if (!on) take_body(world, transfer);
}

const Outcome& Collector::outcome(TransferId transfer) const {
  static const Outcome kNone = {};
  const auto found = seen_.find(transfer);
  return found == seen_.end() ? kNone : found->second.outcome;
}

void Collector::take_body(World& world, TransferId transfer) {
  Seen& seen = seen_[transfer];
  if (seen.paused) return;
  const Bytes body = world.engine().body(transfer);
  seen.outcome.body += as_text(body);
  world.engine().consume_body(transfer, body.size(), world.now());
}

void Collector::give(World& world, TransferId transfer) {
  Seen& seen = seen_[transfer];
  if (!seen.supplying) return;
  while (seen.given < seen.supply.size()) {
    const MutableBytes space = world.engine().upload_space(transfer);
    if (space.empty()) break;
    const std::size_t count = std::min(space.size(), seen.supply.size() - seen.given);
    std::memcpy(space.data(), seen.supply.data() + seen.given, count);
    seen.given += count;
    world.engine().commit_upload(transfer, count, world.now());
  }
  if (seen.given < seen.supply.size()) return;
  seen.supplying = false;
  world.engine().finish_upload(transfer, world.now());
}

}  // namespace sluice::sim
