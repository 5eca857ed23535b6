// --trace and --trace-ascii: writes what transfers send and receive to a file, the standard output or error, as it
// comes; and the prefix of such lines (--trace-time, --trace-ids), which -v has too. Bodies are without transfer and
// content coding. Leaves to core/trace.hpp: what is told of, the format, and hiding credentials.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/trace.hpp"

namespace sluice::cli {

// Numbers from 0, in the order in which the connections are asked for first.
class ConnectionNumbers {
 public:
  std::int64_t of(ConnId conn) {
    return numbers_.try_emplace(conn, static_cast<std::int64_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<ConnId, std::int64_t> numbers_;
};

// --trace-ids: "[0-1] ", numbers of the transfer and of its connection; "[0-x] " without one.
std::string trace_ids(std::int64_t transfer, std::optional<std::int64_t> connection);

class TraceLog {
 public:
  // All must outlive this object.
  TraceLog(const TraceOptions& options, Console& console, ConnectionNumbers& numbers)
      : options_(options), console_(console), numbers_(numbers) {}
  ~TraceLog();
  TraceLog(const TraceLog&) = delete;
  TraceLog& operator=(const TraceLog&) = delete;

  // Opens the file. If that is impossible, or a write is, one warning tells of it and nothing more is written.
  void open();
  bool wanted() const { return wanted_; }

  // The time and the ids, as far as they are asked for. `transfer`: its number; `conn`: a default id if there is none.
  std::string prefix(std::int64_t transfer, ConnId conn);

  TraceSecrets secrets() const { return options_.secrets ? TraceSecrets::shown : TraceSecrets::hidden; }
  // A piece of the transfer with this number.
  void write(std::int64_t transfer, const TracePiece& piece);
  // Writes the pieces of a transfer with this number. nullopt: nothing is to be written.
  std::optional<TransferTrace> begin(std::int64_t transfer);

 private:
  const TraceOptions& options_;
  Console& console_;
  ConnectionNumbers& numbers_;
  bool wanted_ = false;
  int fd_ = -1;
};

}  // namespace sluice::cli
