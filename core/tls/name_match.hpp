// Whether a name in a certificate is valid for a host (RFC 6125 6.4, RFC 9525 6.3).
// Leaves reading names from a certificate to certificate.hpp.
#pragma once

#include <string_view>

#include "core/types.hpp"

namespace sluice::tls {

// `presented`: a dNSName as found; may hold any bytes. `host`: a canonical host name without a final dot. ASCII case is
// ignored. A wildcard must be the whole first label ("*"); it matches exactly one label, and at least two labels
// must follow (SB-49). A host whose last label is a number (an IPv4 address) never matches.
bool dns_name_matches(std::string_view presented, std::string_view host);

// `presented`: the bytes of an iPAddress. `host`: 4 or 16 bytes. Only equal bytes match; a prefix or a mapped form does
// not.
bool ip_address_matches(Bytes presented, Bytes host);

}  // namespace sluice::tls
