// Where trust anchors live on this system, read into the PEM text that TlsOptions wants. Knows files; knows no TLS.
#pragma once

#include <string>

#include "core/error.hpp"

namespace sluice {

// The system's store: SSL_CERT_FILE, SSL_CERT_DIR, then the places distributions use. Error tls_config: none was found.
Result<std::string> system_trust_pem();
// One file, or every certificate file of a directory (--cacert, --capath). Error tls_config with the system's reason.
Result<std::string> trust_pem_from_file(const std::string& path);
Result<std::string> trust_pem_from_directory(const std::string& path);

}  // namespace sluice
