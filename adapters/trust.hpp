// Where trust anchors live on this system, read into the PEM text that TlsOptions wants, or made into a TlsConfig.
// Knows files, and no more of TLS than that.
#pragma once

#include <memory>
#include <string>

#include "../core/error.hpp"
#include "../core/options.hpp"

namespace sluice {

// The system's store: SSL_CERT_FILE, SSL_CERT_DIR, then the places distributions use. Error tls_config: none was found.
Result<std::string> system_trust_pem();
// A TlsConfig that trusts them, all else as by default. Read once for the process and shared; a failure is not kept.
// From any thread.
Result<std::shared_ptr<const TlsConfig>> system_tls();
// One file, or every certificate file of a directory (--cacert, --capath). Error tls_config with the system's reason.
Result<std::string> trust_pem_from_file(const std::string& path);
Result<std::string> trust_pem_from_directory(const std::string& path);

}  // namespace sluice
