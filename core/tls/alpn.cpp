// See alpn.hpp.
#include "core/tls/alpn.hpp"

#include <openssl/ssl.h>

#include <algorithm>

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxListBytes = 0xffff - 2;

std::vector<std::string> changed(Http2Offer offer, const std::vector<std::string>& configured) {
  switch (offer) {
    case Http2Offer::as_configured:
      break;
    case Http2Offer::first: {
      std::vector<std::string> all = configured;
      if (!all.empty() && std::ranges::find(all, "h2") == all.end()) all.emplace(all.begin(), "h2");
      return all;
    }
    case Http2Offer::alone:
      return {"h2"};
    case Http2Offer::never: {
      std::vector<std::string> others = configured;
      std::erase(others, "h2");
      return others;
    }
  }
  return configured;
}

}  // namespace

std::string alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(static_cast<unsigned char>(protocol.size()));
    wire += protocol;
  }
  return wire;
}

bool offer_protocols(::ssl_st* ssl, Http2Offer offer, const std::vector<std::string>& configured) {
  if (offer == Http2Offer::as_configured) return true;
  const std::vector<std::string> protocols = changed(offer, configured);
  const std::string wire = alpn_wire(protocols);
  if (protocols == configured || wire.size() > kMaxListBytes) return true;
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(wire.data());
  return SSL_set_alpn_protos(ssl, bytes, static_cast<unsigned>(wire.size())) == 0;
}

}  // namespace sluice::tls
