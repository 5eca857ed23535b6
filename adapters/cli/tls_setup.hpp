// Makes TlsConfigs from certificate files, one for each distinct set of options, and only when an https URL needs one.
// Leaves checking certificates to core/tls.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"

namespace sluice::cli {

struct Failure {
  int exit_code = 0;
  std::string message;
};

class TlsConfigs {
 public:
  explicit TlsConfigs(bool key_log) : key_log_(key_log) {}
  // Of the origin, or of https proxies. `settings` must outlive this object.
  std::expected<std::shared_ptr<const TlsConfig>, Failure> for_origin(const Settings& settings);
  std::expected<std::shared_ptr<const TlsConfig>, Failure> for_proxy(const Settings& settings);

 private:
  using Made = std::expected<std::shared_ptr<const TlsConfig>, Failure>;
  Made once(const TlsSettings& settings, bool keep_certificates);
  Made make(const TlsSettings& settings, bool keep_certificates);
  bool key_log_;
  std::map<const TlsSettings*, Made> made_;
};

}  // namespace sluice::cli
