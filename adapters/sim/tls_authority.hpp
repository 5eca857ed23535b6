// A certificate authority that is made at run time, for the servers of the demonstration and of tests.
// Makes keys and certificates as PEM text. The time is an argument; keys use BoringSSL's random numbers. Leaves TLS
// itself to tls_server.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace sluice::sim {

// With P-256 (even_signature.hpp) and with RSA all signatures and keys on the wire have the same length, so that
// handshakes differ only in the values of their bytes. The kinds after ec_p256 are for tests of what clients accept.
enum class KeyKind : std::uint8_t { ec_p256, rsa_2048, rsa_1024, ec_p224, ec_p384, ec_p521, ed25519 };

// The hash with which an authority signs; the algorithm follows from its key. Ed25519 has no choice. RSA-PSS is for RSA
// keys only.
enum class Hash : std::uint8_t { sha256, sha384, sha512, sha1, md5, pss_sha256, pss_sha1 };

struct CertificateSpec {
  std::string common_name;
  std::vector<std::string> dns;  // dNSName; any bytes, also NUL
  std::vector<std::string> ip;   // the bytes of each iPAddress
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  bool is_ca = false;
  bool for_client = false;  // extended key usage: clientAuth instead of serverAuth
  KeyKind key = KeyKind::ec_p256;
  std::string key_pem = {};  // the key to certify; empty: a new key of that kind
  Hash hash = Hash::sha256;  // for the signature on this certificate
  std::string name_constraints =
      {};  // in OpenSSL's syntax: "critical,permitted;DNS:example.org,excluded;IP:10.0.0.0/255.0.0.0"
};

struct CertificateAndKey {
  std::string certificate_pem;  // the certificate, then those between it and the root
  std::string key_pem;
};

class TlsAuthority {
 public:
  // A self-signed root. Stops the process if BoringSSL cannot make keys.
  static TlsAuthority make_root(const std::string& common_name, UnixSeconds not_before, UnixSeconds not_after,
                                KeyKind key = KeyKind::ec_p256);
  // The same from a specification; its is_ca counts as true.
  static TlsAuthority make_root(CertificateSpec spec);
  ~TlsAuthority();
  TlsAuthority(TlsAuthority&&) noexcept;
  TlsAuthority& operator=(TlsAuthority&&) noexcept;

  // An authority below this one; its key is of the same kind.
  TlsAuthority make_intermediate(const std::string& common_name, UnixSeconds not_before, UnixSeconds not_after) const;
  TlsAuthority make_intermediate(CertificateSpec spec) const;
  CertificateAndKey issue(const CertificateSpec& spec) const;
  // The authority's own certificate. Clients trust the one of a root.
  const std::string& certificate_pem() const;
  std::string key_pem() const;

 private:
  struct Impl;
  explicit TlsAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The same key, encrypted with a password.
std::string encrypt_key(const std::string& key_pem, const std::string& password);

}  // namespace sluice::sim
