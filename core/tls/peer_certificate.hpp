// What a peer's certificate says about itself, as text and numbers, for logs and TransferInfo. Says nothing about
// trust: it is what the peer claims. certificate.hpp makes it, client.hpp hands it out.
#pragma once

#include <string>
#include <vector>

#include "core/types.hpp"

namespace sluice::tls {

struct PeerCertificate {
  std::string subject;  // RFC 2253 form, control and non-ASCII bytes escaped
  std::string issuer;
  UnixSeconds not_before = 0;
  UnixSeconds not_after = 0;
  std::vector<std::string> names;  // dNSName and iPAddress of subjectAltName, as text
};

}  // namespace sluice::tls
