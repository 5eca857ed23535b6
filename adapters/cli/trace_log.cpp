// See trace_log.hpp.
#include "adapters/cli/trace_log.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace sluice::cli {
namespace {

// "12:34:56.123456 ", the local time, as in curl.
std::string local_time() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now));
  const auto rest = now - std::chrono::floor<std::chrono::seconds>(now);
  std::tm parts = {};
  ::localtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%06d ", parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(rest).count()));
  return text;
}

}  // namespace

std::string trace_ids(std::int64_t transfer, std::optional<std::int64_t> connection) {
  return "[" + std::to_string(transfer) + "-" + (connection ? std::to_string(*connection) : "x") + "] ";
}

TraceLog::~TraceLog() {
  if (fd_ >= 0) ::close(fd_);
}

void TraceLog::open() {
  const std::string& path = options_.path;
  wanted_ = !path.empty();
  if (path.empty() || path == "-" || path == "%") return;
  const auto named = named_descriptor(path);
  // It holds what was sent and received: a new file is its owner's alone.
  fd_ = named ? ::fcntl(*named, F_DUPFD_CLOEXEC, 3)
              : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd_ >= 0) return;
  wanted_ = false;
  console_.warning("the trace is not written: write to " + path + ": " + std::strerror(errno));
}

std::string TraceLog::prefix(std::int64_t transfer, ConnId conn) {
  std::string text;
  if (options_.time) text = local_time();
  if (options_.ids) text += trace_ids(transfer, conn ? std::optional(numbers_.of(conn)) : std::nullopt);
  return text;
}

void TraceLog::write(std::int64_t transfer, const TracePiece& piece) {
  if (!wanted_) return;
  const std::string text = trace_text(piece.part, piece.bytes, options_.form, prefix(transfer, piece.conn));
  if (options_.path == "%") return console_.note(text);
  const auto written = options_.path == "-" ? console_.print(text) : write_all(fd_, as_bytes(text), options_.path);
  if (written) return;
  wanted_ = false;
  console_.warning("the trace ends: " + written.error());
}

std::optional<TransferTrace> TraceLog::begin(std::int64_t transfer) {
  if (!wanted_) return std::nullopt;
  return TransferTrace([this, transfer](const TracePiece& piece) { write(transfer, piece); }, secrets());
}

}  // namespace sluice::cli
