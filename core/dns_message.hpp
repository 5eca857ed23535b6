// Writes DNS queries for the addresses of a host, and reads the answers (RFC 1035, RFC 3596): for DNS over HTTPS (RFC
// 8484). Pure functions over bytes. Leaves sending and caching to others (adapters/doh.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "types.hpp"

namespace sluice {

// A query for the addresses of one family, with recursion desired and the id 0 (RFC 8484 4.1). `host` is a name, with
// or without a final dot. Errors: resolve_failed (no DNS name: a label is empty or has more than 63 bytes, or the name
// more than 255), out_of_memory.
Result<std::string> dns_query(std::string_view host, IpAddress::Kind family);

// What an answer says.
struct DnsAddresses {
  std::vector<IpAddress> addresses = {};  // in the order of the answer; empty: the name has none of that family
  std::optional<Duration> ttl = {};       // the least one of the records that led to them; nullopt: there are none
};

// Reads the answer to dns_query(host, family), also along CNAMEs. Errors: resolve_failed (the server says that there is
// no such name, or that it failed; `detail` is its RCODE; or the answer is malformed, truncated, or one to another
// question), out_of_memory.
Result<DnsAddresses> read_dns_answer(Bytes message, std::string_view host, IpAddress::Kind family);

}  // namespace sluice
