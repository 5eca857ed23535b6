// --trace and --trace-ascii: writes what transfers send and receive to a file, the standard output or error, as it
// comes; and the prefix of such lines (--trace-time, --trace-ids), which -v has too. Credentials in heads are replaced
// unless --trace-secrets is given: the number of bytes of a head is that of what is shown. Bodies are without transfer
// and content coding. Leaves the format to trace.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "core/engine.hpp"

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

  void info(std::string_view prefix, std::string_view text);  // lines, each without a mark before it
  void head_sent(std::string_view prefix, std::string_view head);
  void head_received(std::string_view prefix, std::string_view head);
  void trailers_received(std::string_view prefix, std::string_view lines);
  void data_sent(std::string_view prefix, std::string_view bytes);
  void data_received(std::string_view prefix, std::string_view bytes);

 private:
  void dump_lines(std::string_view prefix, std::string_view lines);
  void dump(std::string_view prefix, std::string_view title, std::string_view bytes);
  void write(const std::string& text);
  std::string shown(std::string_view head) const;

  const TraceOptions& options_;
  Console& console_;
  ConnectionNumbers& numbers_;
  bool wanted_ = false;
  int fd_ = -1;
};

}  // namespace sluice::cli
