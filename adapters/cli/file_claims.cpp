// See file_claims.hpp.
#include "adapters/cli/file_claims.hpp"

#include <sys/stat.h>

#include <string_view>

#include "adapters/cli/output_file.hpp"
#include "adapters/cli/write_out.hpp"

namespace sluice::cli {
namespace {

// Whether several may write there: an open descriptor, a device or a pipe.
bool is_shared_file(const std::string& path) {
  struct stat status = {};
  return named_descriptor(path) || (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode));
}

}  // namespace

FileClaims::FileClaims(const CommandLine& command) {
  add(command.messages_to, {"messages (--stderr) are written there", true});
  std::set<const Settings*> seen;
  for (const Operation& operation : command.operations) {
    if (seen.insert(operation.settings.get()).second) add_settings(*operation.settings);
  }
  add(command.har, {"the HAR (--har) is written there"});
  if (command.ssl_sessions) add(command.ssl_sessions->name, {"the TLS sessions (--ssl-sessions) are written there"});
  if (command.trace.path != "%") add(command.trace.path, {"the trace (--trace) is written there"});
}

void FileClaims::add_settings(const Settings& settings) {
  // The heads of several transfers may share a file, as may the other kinds.
  if (settings.dump_header != "%") add(settings.dump_header, {"the heads (-D) are written there"});
  add(settings.etag_save, {"the ETag (--etag-save) is written there"});
  add(settings.cookie_jar, {"the cookies (-c) are written there"});
  if (settings.hsts) add(settings.hsts->name, {"the HSTS hosts (--hsts) are written there"});
  if (settings.alt_svc) add(settings.alt_svc->name, {"the alternative services (--alt-svc) are written there"});
  if (settings.write_out.find("%output{") == std::string::npos) return;
  WriteOutFacts failed;  // so that %{onerror} ends nothing
  failed.exit_code = 1;
  for (const WriteOutFile& file : write_out(settings.write_out, failed).files) {
    add(file.path, {"text of -w (%output) is written there", file.append});
  }
}

void FileClaims::add(const std::string& path, Use use) {
  if (path.empty() || path == "-" || is_shared_file(path)) return;
  const auto [other, added] = options_.emplace(path_key(path), use);
  if (added) return;
  const bool share = std::string_view(other->second.what) == use.what || (other->second.appends && use.appends);
  if (!share && !contradiction_) {
    contradiction_ = "write to " + path + ": " + other->second.what + ", and " + use.what;
  }
  other->second.appends = other->second.appends && use.appends;
}

const char* FileClaims::claim(const std::string& path) {
  if (is_shared_file(path)) return nullptr;
  const std::string key = path_key(path);
  if (const auto option = options_.find(key); option != options_.end()) return option->second.what;
  return bodies_.insert(key).second ? nullptr : "another URL of this command is written there";
}

bool FileClaims::is_claimed(const std::string& path) const {
  return !bodies_.empty() && bodies_.contains(path_key(path));
}

}  // namespace sluice::cli
