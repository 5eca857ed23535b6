// See trust.hpp. Reads whole files and finds PEM blocks by their first and last lines. Leaves parsing to TlsConfig.
#include "adapters/trust.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "adapters/net/socket.hpp"

namespace sluice {
namespace {

constexpr std::size_t kMaxTrustFileBytes = 64 * 1024 * 1024;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
// The PEM labels that TlsConfig accepts for a certificate.
constexpr std::array<std::string_view, 3> kLabels = {"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"};

constexpr std::array kSystemFiles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL 7 and later
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older ones of them
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, OpenBSD, macOS
    "/usr/local/share/certs/ca-root-nss.crt",             // FreeBSD
};
constexpr std::array kSystemDirectories = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

std::unexpected<Error> trust_error(const std::string& path, const std::string& why, int detail = 0) {
  return std::unexpected(make_error(Code::tls_config, "read trust anchors from " + path + ": " + why, detail));
}

Result<std::string> read_file(const std::string& path) {
  const net::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return trust_error(path, net::describe_errno(errno), errno);
  std::string text;
  std::array<char, 16 * 1024> piece;
  for (;;) {
    const ssize_t size = ::read(file.get(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return trust_error(path, net::describe_errno(errno), errno);
    if (size == 0) return text;
    if (text.size() > kMaxTrustFileBytes) return trust_error(path, "the file is too large");
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
}

// Returns the first complete certificate block and removes it, with what is before it, from `text`. Empty: there is
// none.
std::string_view next_certificate(std::string_view& text) {
  for (std::size_t begin; (begin = text.find(kBegin)) != std::string_view::npos;) {
    text.remove_prefix(begin);
    const std::string_view rest = text.substr(kBegin.size());
    const auto label = std::ranges::find_if(kLabels, [&](std::string_view one) {
      return rest.starts_with(one) && rest.substr(one.size()).starts_with(kDashes);
    });
    if (label == kLabels.end()) {
      text = rest;
      continue;
    }
    const std::string end = std::string(kEnd).append(*label).append(kDashes);
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos || rest.find(kBegin) < at - kBegin.size()) {  // cut off
      text = rest;
      continue;
    }
    const std::string_view found = text.substr(0, at + end.size());
    text.remove_prefix(found.size());
    return found;
  }
  return {};
}

// Directories often hold the same certificate under several names, and sometimes all of them in one more file.
void collect(std::string_view text, std::set<std::string>& seen, std::string& out) {
  for (std::string_view one; !(one = next_certificate(text)).empty();) {
    const auto [place, is_new] = seen.insert(std::string(one));
    if (is_new) out.append(*place).append("\n");
  }
}

// Whether the text has the start of a certificate block. TlsConfig refuses an incomplete block.
bool names_certificate(std::string_view text) {
  return std::ranges::any_of(kLabels, [&](std::string_view label) {
    return text.contains(std::string(kBegin).append(label).append(kDashes));
  });
}

Result<std::vector<std::string>> list_files(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return trust_error(path, net::describe_errno(errno), errno);
  std::vector<std::string> files;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::string name = path + '/' + entry->d_name;
    struct stat status = {};
    // Symbolic links are followed. Broken links, and pipes, which could block, are skipped.
    if (::stat(name.c_str(), &status) == 0 && S_ISREG(status.st_mode)) files.push_back(std::move(name));
  }
  std::ranges::sort(files);
  return files;
}

// SSL_CERT_DIR is a list, as in OpenSSL.
Result<std::string> pem_from_directories(std::string_view list) {
  std::string all;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(':'), list.size());
    const std::string one(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (one.empty()) continue;
    auto pem = trust_pem_from_directory(one);
    if (!pem) return pem;
    all += *pem;
  }
  if (all.empty()) return trust_error("SSL_CERT_DIR", "it names no directory");
  return all;
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Result<std::string> trust_pem_from_file(const std::string& path) {
  auto text = read_file(path);
  if (text && !names_certificate(*text)) return trust_error(path, "there is no PEM certificate in it");
  return text;
}

Result<std::string> trust_pem_from_directory(const std::string& path) {
  auto files = list_files(path);
  if (!files) return std::unexpected(std::move(files.error()));
  std::set<std::string> seen;
  std::string all;
  for (const std::string& file : *files) {
    // A file that may not be read is skipped.
    if (const auto text = read_file(file)) collect(*text, seen, all);
  }
  if (all.empty()) return trust_error(path, "there is no PEM certificate in any of its files");
  return all;
}

Result<std::string> system_trust_pem() {
  const std::string_view file = environment("SSL_CERT_FILE");
  const std::string_view directories = environment("SSL_CERT_DIR");
  // If one of these variables is set, no other anchors are used.
  if (!file.empty() || !directories.empty()) {
    std::string all;
    if (!file.empty()) {
      auto pem = trust_pem_from_file(std::string(file));
      if (!pem) return pem;
      all = std::move(*pem) + '\n';
    }
    if (!directories.empty()) {
      auto pem = pem_from_directories(directories);
      if (!pem) return pem;
      all += *pem;
    }
    return all;
  }
  for (const char* path : kSystemFiles) {
    if (auto pem = trust_pem_from_file(path)) return pem;
  }
  for (const char* path : kSystemDirectories) {
    if (auto pem = trust_pem_from_directory(path)) return pem;
  }
  return trust_error("the system's places", "none holds a certificate; install ca-certificates, or set SSL_CERT_FILE");
}

Result<std::shared_ptr<const TlsConfig>> system_tls() {
  static std::mutex mutex;
  static std::shared_ptr<const TlsConfig> shared;
  const std::lock_guard lock(mutex);
  if (shared) return shared;
  auto anchors = system_trust_pem();
  if (!anchors) return std::unexpected(std::move(anchors.error()));
  TlsOptions options;
  options.trust_anchors_pem = *std::move(anchors);
  auto config = TlsConfig::create(std::move(options));
  if (config) shared = *config;
  return config;
}

}  // namespace sluice
