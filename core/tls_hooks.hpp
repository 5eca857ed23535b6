// Parts of TLS that an application does itself: signing with a client's key that cannot leave its place (an HSM, a
// smart card, another process), and a check of its own of the server's certificates. Leaves everything else to the TLS
// layer.
//
// Both kinds of objects may be used by several threads at the same time: by every engine that has a TlsConfig with
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "language.hpp"
#include "types.hpp"

namespace sluice {

// What an object is for TlsConfig::identity(): transfers share connections and TLS sessions only if it is equal.
class TlsHook {
 public:
  TlsHook(const TlsHook&) = delete;
  TlsHook& operator=(const TlsHook&) = delete;
  const std::string& identity() const { return identity_; }
  // False: the identity means this object alone, so that no other process can use its sessions.
  bool has_name() const { return has_name_; }

 protected:
  // Objects with the same name do the same, also in other processes. "": this object and no other. It is then named by
  // its address; what is kept under that name, such as a TLS session, keeps the object, so that no later one can have
  // the address. Throws std::bad_alloc.
  explicit TlsHook(std::string_view name);
  ~TlsHook() = default;

 private:
  std::string identity_;
  bool has_name_;
};

// The signature schemes of TLS (RFC 8446 4.2.3) that a TlsSigner can have. TLS 1.3 uses no rsa_pkcs1.
enum class TlsSignatureScheme : std::uint16_t {
  rsa_pkcs1_sha256 = 0x0401,
  rsa_pkcs1_sha384 = 0x0501,
  rsa_pkcs1_sha512 = 0x0601,
  ecdsa_secp256r1_sha256 = 0x0403,
  ecdsa_secp384r1_sha384 = 0x0503,
  ecdsa_secp521r1_sha512 = 0x0603,
  rsa_pss_rsae_sha256 = 0x0804,
  rsa_pss_rsae_sha384 = 0x0805,
  rsa_pss_rsae_sha512 = 0x0806,
  ed25519 = 0x0807,
};

// Signs with the key of TlsOptions::certificate_pem.
class TlsSigner : public TlsHook {
 public:
  virtual ~TlsSigner() = default;
  // What it can do, in order of preference; the handshake uses the first that the server accepts too. Asked once, by
  // TlsConfig::create().
  virtual std::vector<TlsSignatureScheme> schemes() const = 0;
  // Signs the bytes of `input`, which are not hashed yet: the scheme says how (RSA-PSS has a salt as long as the hash;
  // an ECDSA signature is in DER). Called in the handshake, which waits for it, and with it the engine: it should take
  // milliseconds. An error ends the handshake; of it only the context is used. The same if it throws.
  virtual Result<std::string> sign(TlsSignatureScheme scheme, std::string_view input) const = 0;

 protected:
  explicit TlsSigner(std::string_view name = {}) : TlsHook(name) {}
};

// What a TlsVerifier is told. Views that live until it returns.
struct TlsPeer {
  std::string_view host = {};  // as in the URL, canonical, without brackets; or that of an https proxy
  std::uint16_t port = 0;      // 0: not known
  // The certificates that the peer has shown, each in DER, its own first. As it has sent them: not in order, not
  // complete, or with others besides.
  std::span<const std::string> certificates = {};
  bool checked = false;          // the built-in check was made (TlsOptions::verify_peer)
  bool accepted = false;         // and the certificate passed it
  std::string_view reason = {};  // if it did not: why
  UnixSeconds time = 0;          // the present
};

// Checks the certificates of each connection, before a byte of a request is sent. Also when a session is resumed; the
// certificates are then those of the session.
class TlsVerifier : public TlsHook {
 public:
  enum class Counts : std::uint8_t {
    besides,   // both checks must accept
    in_place,  // this one decides alone, also on what the built-in one refused
  };

  virtual ~TlsVerifier() = default;
  // nullopt: accepted. Else why not, for the error's message (tls_certificate). If it throws, the peer is refused. With
  // `besides` not asked about a peer that the built-in check refused. Pinned keys, if there are any, count besides.
  virtual std::optional<std::string> refuse(const TlsPeer& peer) const = 0;
  Counts counts() const { return counts_; }

 protected:
  explicit TlsVerifier(Counts counts = Counts::besides, std::string_view name = {}) : TlsHook(name), counts_(counts) {}

 private:
  Counts counts_;
};

}  // namespace sluice
