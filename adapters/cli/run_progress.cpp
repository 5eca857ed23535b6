// See run_progress.hpp.
#include "adapters/cli/run_progress.hpp"

#include <algorithm>

namespace sluice::cli {

void RunProgress::ended(std::uint64_t bytes, bool failed) {
  ++total_.done;
  if (failed) ++total_.failed;
  total_.bytes += bytes;
}

void RunProgress::draw(const Multi& multi, const Active& active, Instant now) {
  if (!display_.due(now)) return;
  std::vector<TransferFigures> lines;
  TotalFigures total = total_;
  std::uint64_t expected = total_.bytes;
  // Transfers of unknown size are estimated with the average size of the others.
  std::uint64_t known_bytes = total_.bytes;
  std::size_t known = total_.done;
  for (const auto& transfer : active) {
    lines.push_back(transfer->figures(multi, now));
    const TransferFigures& figures = lines.back();
    total.bytes += figures.bytes;
    expected += figures.expected.value_or(figures.bytes);
    if (!figures.expected) continue;
    known_bytes += *figures.expected;
    ++known;
  }
  const std::size_t unknown = total.count - std::min(total.count, known);
  if (known > total_.failed) {
    total.estimated = unknown > 0;
    total.expected = expected + known_bytes / known * unknown;
  }
  total.bytes_per_second = meter_.update(total.bytes, now);
  display_.draw(lines, total, now);
}

void RunProgress::finish(Duration elapsed) {
  if (!display_.enabled()) return;
  TotalFigures total = total_;
  if (total.failed == 0) total.expected = total.bytes;
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (seconds > 0) total.bytes_per_second = static_cast<double>(total.bytes) / seconds;
  display_.finish(total);
}

}  // namespace sluice::cli
