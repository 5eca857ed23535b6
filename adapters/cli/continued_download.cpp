// See continued_download.hpp.
#include "adapters/cli/continued_download.hpp"

#include <unistd.h>

#include "adapters/cli/exit_code.hpp"
#include "core/resume.hpp"

namespace sluice::cli {

std::expected<void, Failure> ContinuedDownload::ask(const Settings::ContinueAt& at, const OutputFile& output,
                                                    Fields& fields) {
  if (!output.is_standard_output()) partial_ = output.find_partial();
  at_ = at.bytes.value_or(partial_ ? partial_->bytes : 0);
  if (partial_ && partial_->bytes < at_) {
    return std::unexpected(Failure{kExitBadResume, "continue at byte " + std::to_string(at_) + ": " + partial_->path +
                                                       " has " + std::to_string(partial_->bytes) + " bytes"});
  }
  if (at_ == 0) return {};
  auto set = fields.set("Range", range_value(at_));
  if (set && partial_ && !partial_->version.if_range.empty()) set = fields.set("If-Range", partial_->version.if_range);
  if (!set) return std::unexpected(Failure{exit_code(set.error()), set.error().message()});
  return {};
}

ContinuedDownload::Taken ContinuedDownload::take(OutputFile& output, const ResponseHead& head) const {
  const OutputFile::Version known = partial_ ? partial_->version : OutputFile::Version();
  const auto decided = resume({.bytes = at_,
                               .size = known.size,
                               .etag = known.etag,
                               .last_modified = known.last_modified,
                               .if_range = known.if_range},
                              head.status, head.fields);
  if (!decided) return {Step::failed, {kExitRange, decided.error().message()}};
  if (decided->step == ResumeStep::changed) {
    const std::string why = "the server has another version now: " + decided->why;
    if (!output.is_standard_output()) return {Step::anew, {0, why}};
    return {Step::failed, {kExitRange, why}};
  }
  const bool whole = decided->step == ResumeStep::restart;
  if (whole && output.is_standard_output()) {
    return {Step::failed, {kExitRange, "the server sends the whole, not the rest from byte " + std::to_string(at_)}};
  }
  FileResult<void> opened;
  if (output.is_open()) {
    if (whole) opened = output.restart_whole();
  } else {
    opened = whole || !partial_ ? output.open() : output.open_partial(*partial_, at_);
  }
  if (!opened) return {Step::failed, {kExitWrite, opened.error()}};
  return {decided->step == ResumeStep::complete ? Step::done : Step::body, {}};
}

void ContinuedDownload::remove_stale() const {
  if (partial_ && !partial_->is_target) ::unlink(partial_->path.c_str());
}

}  // namespace sluice::cli
