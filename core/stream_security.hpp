// What a stream that is protected already tells of its protection, for those who bring a TLS of their own
// (Route::is_secure(), ConnectionOptions::security); and what TransferInfo tells of TLS with proxies. Plain data.
#pragma once

#include <string>
#include <vector>

#include "language.hpp"
#include "types.hpp"

namespace sluice {

// Owns its text. "", 0 and empty: not known. All of it is given on in TransferInfo; `alpn` also chooses the version of
// HTTP.
struct StreamSecurity {
  std::string version = {};  // "TLSv1.3"
  std::string cipher = {};   // the IANA name of the cipher suite
  std::string group = {};    // of the key exchange: "X25519"
  std::string alpn = {};     // the protocol that the peer chose: "http/1.1"
  bool resumed = false;
  std::string subject = {};  // of the peer's certificate
  std::string issuer = {};
  UnixSeconds not_before = 0;                  // the certificate is valid from then on
  UnixSeconds not_after = 0;                   // and until then
  bool verified = false;                       // it was checked, and is valid for the host
  std::vector<std::string> certificates = {};  // that the peer has shown, its own first, in DER
};

}  // namespace sluice
