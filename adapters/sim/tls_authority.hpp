// A certificate authority made on the spot, for servers of the demonstration and of the tests.
// Knows how to make keys and certificates as PEM. Takes the time as an argument; keys come from BoringSSL's
// randomness.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace sluice::sim {

// With RSA every signature and key on the wire is as long as any other, so that two handshakes are alike but for their
// bytes; ECDSA's vary by a byte or two. An RSA key takes a tenth of a second to make. Those after rsa_2048 are for
// tests of what clients take.
enum class KeyKind : std::uint8_t { ec_p256, rsa_2048, rsa_1024, ec_p224, ec_p384, ec_p521, ed25519 };

// What an authority signs with; the kind of its key says the rest. An Ed25519 key knows no choice. RSA-PSS is for RSA
// keys.
enum class Hash : std::uint8_t { sha256, sha384, sha512, sha1, md5, pss_sha256, pss_sha1 };

struct CertificateSpec {
  std::string common_name;
  std::vector<std::string> dns;  // dNSName, any bytes, NUL too
  std::vector<std::string> ip;   // iPAddress octets
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  bool is_ca = false;
  bool for_client = false;  // extended key usage: clientAuth instead of serverAuth
  KeyKind key = KeyKind::ec_p256;
  std::string key_pem = {};  // to certify a key that is there; empty: a new one of that kind
  Hash hash = Hash::sha256;  // of the signature on this certificate
  std::string name_constraints =
      {};  // as OpenSSL writes them: "critical,permitted;DNS:example.org,excluded;IP:10.0.0.0/255.0.0.0"
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
  // The same by a specification, whose is_ca counts as true.
  static TlsAuthority make_root(CertificateSpec spec);
  ~TlsAuthority();
  TlsAuthority(TlsAuthority&&) noexcept;
  TlsAuthority& operator=(TlsAuthority&&) noexcept;

  // Its key is of the same kind.
  TlsAuthority make_intermediate(const std::string& common_name, UnixSeconds not_before, UnixSeconds not_after) const;
  TlsAuthority make_intermediate(CertificateSpec spec) const;
  CertificateAndKey issue(const CertificateSpec& spec) const;
  // The authority's own certificate: of a root, what clients are to trust.
  const std::string& certificate_pem() const;
  std::string key_pem() const;

 private:
  struct Impl;
  explicit TlsAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The same key, encrypted under a password.
std::string encrypt_key(const std::string& key_pem, const std::string& password);

}  // namespace sluice::sim
