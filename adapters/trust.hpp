// Reads trust anchors from files: as the PEM text for TlsOptions, or as a TlsConfig. Leaves checking the certificates
// to TlsConfig. All functions may throw std::bad_alloc, except system_tls().
#pragma once

#include <memory>
#include <string>

#include "../core/error.hpp"
#include "../core/options.hpp"

namespace sluice {

// The certificates from the environment variables SSL_CERT_FILE and SSL_CERT_DIR; if neither is set, from the usual
// places of distributions. Error: tls_config (none was found).
Result<std::string> system_trust_pem();
// A TlsConfig that trusts these certificates and has default options otherwise. Read once for the process and shared;
// after an error the next call tries again. From any thread.
Result<std::shared_ptr<const TlsConfig>> system_tls();
// The certificates of one file, or of all certificate files of a directory. Error: tls_config, with the system's
// reason.
Result<std::string> trust_pem_from_file(const std::string& path);
Result<std::string> trust_pem_from_directory(const std::string& path);

}  // namespace sluice
