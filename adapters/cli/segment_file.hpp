// The files of a download in segments, beside its target: the part "NAME.<random>.segments.part", which has holes, and
// its journal "NAME.<random>.segments.journal", which says what is there (core/segments.hpp). Finds and locks what an
// earlier run has left; a journal is replaced as a whole, so that a reader never sees half of one.
// Leaves to others: writing the part (output_file.hpp), and whether it is still of the same version.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "adapters/cli/output_file.hpp"
#include "core/segments.hpp"

namespace sluice::cli {

constexpr std::string_view kSegmentsSuffix = ".segments.part";

struct FoundSegments {
  int fd = -1;       // of the part, for writing, and locked; -1: nothing is there that could go on
  std::string part;  // its name
  SegmentedParts parts;
  std::string warning;  // why what is there was not taken; "": it was, or there is nothing
};

// What is there for the file `path` from this URL. A journal or a part that is not this user's own regular file, or
// that does not fit, gives a warning and stays. Error: another process is writing the part.
FileResult<FoundSegments> find_segments(const std::string& path, const std::string& url);

// For a part with that name. A power failure may lose bytes of the part that a journal names.
FileResult<void> save_journal(const std::string& part, const SegmentedParts& parts);
void remove_journal(const std::string& part);

}  // namespace sluice::cli
