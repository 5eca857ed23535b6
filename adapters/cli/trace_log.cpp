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

#include "adapters/cli/secrets.hpp"

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

void TraceLog::info(std::string_view prefix, std::string_view text) {
  write(prefix_lines(std::string(prefix) + "== Info: ", text));
}

void TraceLog::head_sent(std::string_view prefix, std::string_view head) {
  dump(prefix, "=> Send header", shown(head));
}

void TraceLog::head_received(std::string_view prefix, std::string_view head) { dump_lines(prefix, shown(head)); }

void TraceLog::trailers_received(std::string_view prefix, std::string_view lines) {
  constexpr std::string_view kNoFirstLine = "\r\n";
  const std::string text = shown(std::string(kNoFirstLine) + std::string(lines));
  dump_lines(prefix, std::string_view(text).substr(kNoFirstLine.size()));
}

// As in curl, each line of a head is told of on its own.
void TraceLog::dump_lines(std::string_view prefix, std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size() - 1) + 1;
    dump(prefix, "<= Recv header", lines.substr(0, end));
    lines.remove_prefix(end);
  }
}

void TraceLog::data_sent(std::string_view prefix, std::string_view bytes) { dump(prefix, "=> Send data", bytes); }

void TraceLog::data_received(std::string_view prefix, std::string_view bytes) { dump(prefix, "<= Recv data", bytes); }

std::string TraceLog::shown(std::string_view head) const {
  return options_.secrets ? std::string(head) : redacted_head(head);
}

void TraceLog::dump(std::string_view prefix, std::string_view title, std::string_view bytes) {
  write(trace_dump(std::string(prefix) + std::string(title), bytes, options_.form));
}

void TraceLog::write(const std::string& text) {
  if (!wanted_) return;
  if (options_.path == "%") return console_.note(text);
  const auto written = options_.path == "-" ? console_.print(text) : write_all(fd_, as_bytes(text), options_.path);
  if (written) return;
  wanted_ = false;
  console_.warning("the trace ends: " + written.error());
}

}  // namespace sluice::cli
