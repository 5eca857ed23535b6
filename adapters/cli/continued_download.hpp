// -C: what is there of a file, how its rest is asked for, and what the response means for the file. Leaves to others:
// the transfer, and what the user is told.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/transfer_facts.hpp"
#include "core/fields.hpp"
#include "core/response.hpp"

namespace sluice::cli {

class ContinuedDownload {
 public:
  // Looks for what is there, and adds Range and If-Range to the request's fields. Error: the file has fewer bytes.
  std::expected<void, Failure> ask(const Settings::ContinueAt& at, const OutputFile& output, Fields& fields);
  // The whole is asked for now: the server has another version. What is there stays until that one is complete.
  void ask_for_whole() { at_ = 0; }

  enum class Step : std::uint8_t {
    body,    // the response's body goes to the output, which is open
    done,    // nothing is missing; the body is a message
    anew,    // ask_for_whole(), and request again; `failure.message` says why
    failed,  // with `failure`
  };
  struct Taken {
    Step step = Step::body;
    Failure failure = {};
  };
  // What to do with the response; opens the output. Only while at() is not 0.
  Taken take(OutputFile& output, const ResponseHead& head) const;

  // From which byte on the rest was asked for; 0: the whole.
  std::uint64_t at() const { return at_; }
  // A file that is not needed any more once the output is complete: removes it.
  void remove_stale() const;

 private:
  std::optional<OutputFile::Partial> partial_;
  std::uint64_t at_ = 0;
};

}  // namespace sluice::cli
