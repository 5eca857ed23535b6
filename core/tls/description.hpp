// What TLS on one connection tells of itself, for TransferInfo. Leaves to the layer: what it knows.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/layer.hpp"
#include "core/tls/peer_certificate.hpp"

namespace sluice::tls {

// What an established layer knows.
struct Description {
  std::string_view version, cipher, group;  // static text
  std::string_view alpn;
  bool resumed = false;
  bool verified = false;
  std::optional<PeerCertificate> certificate = {};
};

// Adds it to the facts: of the server, of which there is one at most; of a proxy, in their order. Throw std::bad_alloc.
void add_server(Description tls, StreamFacts& facts);
void add_proxy(Description tls, StreamFacts& facts);

}  // namespace sluice::tls
