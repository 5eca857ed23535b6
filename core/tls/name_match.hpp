// Does a name in a certificate cover the host that was asked for? (RFC 6125 6.4, RFC 9525 6.3)
// Knows text and bytes only; reading them out of a certificate is certificate.hpp's.
#pragma once

#include <string_view>

#include "core/types.hpp"

namespace sluice::tls {

// `presented`: a dNSName as found, any bytes. `host`: a canonical host name, no trailing dot. ASCII case does not
// matter. A wildcard is "*" as the whole leftmost label, stands for exactly one label, and must be followed by at least
// two labels (SB-49). Never matches a host that is an IPv4 address in form.
bool dns_name_matches(std::string_view presented, std::string_view host);

// `presented`: the octets of an iPAddress (4 or 16). Equal octets only; prefix and mapped forms do not match.
bool ip_address_matches(Bytes presented, Bytes host);

}  // namespace sluice::tls
