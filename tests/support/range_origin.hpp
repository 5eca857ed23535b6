// An origin that serves one file with ranges, as it should be or as a test changes it, and a download of that file by
// `sluice --segments 4` into a folder of its own. Leaves what is expected to the tests.
#pragma once

#include <charconv>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::test {

inline constexpr std::size_t kMiB = 1024 * 1024;

inline std::string request_field(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find('\r', begin) - begin);
}

struct Asked {
  std::string range, if_range;
  std::size_t first = 0, end = 0;  // of a range
  std::size_t number = 0;          // of the requests, from 0
  std::string head;
};

// Serves one file with ranges, as it should be; a test changes what it likes. All in the server's thread.
class RangeOrigin {
 public:
  explicit RangeOrigin(std::size_t size)
      : content(pattern(size, 0)), server([this](const auto& r) { return reply(r); }) {}

  std::string url() const { return server.url("/f"); }

  std::string right(const Asked& asked) const {
    const std::string version = "ETag: " + etag + "\r\nAccept-Ranges: bytes\r\n";
    if (asked.range.empty() || (!asked.if_range.empty() && asked.if_range != etag)) return whole(version);
    return part(asked, version);
  }
  std::string whole(const std::string& fields) const {
    return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
  }
  std::string part(const Asked& asked, const std::string& fields) const {
    return "HTTP/1.1 206 Partial\r\n" + fields + "Content-Range: bytes " + std::to_string(asked.first) + "-" +
           std::to_string(asked.end - 1) + "/" + std::to_string(content.size()) +
           "\r\nContent-Length: " + std::to_string(asked.end - asked.first) + "\r\n\r\n" +
           content.substr(asked.first, asked.end - asked.first);
  }

  std::string content, etag = "\"one\"";
  std::function<Reply(const Asked&)> script = [this](const Asked& asked) { return Reply{.bytes = right(asked)}; };
  std::vector<Asked> seen;

 private:
  Reply reply(const std::string& request) {
    Asked asked{.range = request_field(request, "Range"),
                .if_range = request_field(request, "If-Range"),
                .number = seen.size(),
                .head = request};
    if (!asked.range.empty()) {
      const char* end = asked.range.data() + asked.range.size();
      const auto first = std::from_chars(asked.range.data() + 6, end, asked.first);
      std::from_chars(first.ptr + 1, end, asked.end);
      ++asked.end;
    }
    seen.push_back(asked);
    return script(asked);
  }

 public:
  LoopbackServer server;  // last: its thread ends first
};

inline std::set<std::string> files_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

inline std::string name_with(const std::filesystem::path& folder, const std::string& ending) {
  for (const std::string& name : files_in(folder)) {
    if (name.ends_with(ending)) return (folder / name).string();
  }
  return "";
}

// The bytes that the journal says are there.
inline std::size_t journaled(const std::filesystem::path& folder) {
  const std::string journal = name_with(folder, ".segments.journal");
  if (journal.empty()) return 0;
  std::size_t bytes = 0;
  const std::string text = read_file(journal);
  for (std::size_t at = text.find("\nsegment "); at != std::string::npos; at = text.find("\nsegment ", at + 1)) {
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    bytes += std::stoull(line.substr(line.rfind(' ') + 1));
  }
  return bytes;
}

inline bool wait_until(const std::function<bool()>& done) {
  for (int i = 0; i < 500 && !done(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return done();
}

struct Download {
  TempFolder folder;
  std::string path = (folder.path() / "f").string();
  std::vector<std::string> arguments(const std::string& url, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"--no-progress-meter", "--segments", "4", "-o", path, url};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  CommandResult run(const std::string& url, std::vector<std::string> more = {}) const {
    return run_command(arguments(url, std::move(more)));
  }
  std::string content() const { return read_file(path); }
  std::set<std::string> files() const { return files_in(folder.path()); }
};

inline const std::set<std::string> kFileAlone = {"f"};

}  // namespace sluice::test
