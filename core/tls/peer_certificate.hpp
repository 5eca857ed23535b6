// What a peer's certificate says, as text and numbers, for logs and TransferInfo. It says nothing about trust: it is
// only what the peer claims. Made by certificate.hpp, returned by client.hpp.
#pragma once

#include <string>
#include <vector>

#include "core/types.hpp"

namespace sluice::tls {

struct PeerCertificate {
  std::string subject;  // RFC 2253 form, with control and non-ASCII bytes escaped
  std::string issuer;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  std::vector<std::string> names;  // dNSName and iPAddress of subjectAltName, as text
};

}  // namespace sluice::tls
