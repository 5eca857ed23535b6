// Writes DNS queries for the addresses and the HTTPS records of a host, and reads the answers (RFC 1035, RFC 3596, RFC
// 9460): for DNS over HTTPS (RFC 8484). Pure functions over bytes. Leaves sending and caching to others
// (adapters/doh.hpp), and the data of HTTPS records to https_record.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address.hpp"
#include "error.hpp"
#include "https_record.hpp"
#include "types.hpp"

namespace sluice {

// A query for the addresses of one family, with recursion desired and the id 0 (RFC 8484 4.1). It is padded to a
// multiple of 128 bytes, so that its size does not tell the name (RFC 7830, RFC 8467 4.1). `host` is a name, with or
// without a final dot. Errors: resolve_failed (no DNS name: a label is empty or has more than 63 bytes, or the name
// more than 255), out_of_memory.
Result<std::string> dns_query(std::string_view host, IpAddress::Kind family);
// The same for HTTPS records. `owner` is as https_owner() gives it.
Result<std::string> https_query(std::string_view owner);

// The name that has the HTTPS records for this port of a host: the host, or "_8443._https.HOST" (RFC 9460 9.1). May
// throw std::bad_alloc.
std::string https_owner(std::string_view host, std::uint16_t port);

// What an answer says.
struct DnsAddresses {
  std::vector<IpAddress> addresses = {};  // in the order of the answer; empty: the name has none of that family
  std::optional<Duration> ttl = {};       // the least one of the records that led to them; nullopt: there are none
};

// Reads the answer to dns_query(host, family), also along CNAMEs. Errors: resolve_failed (the server says that there is
// no such name, or that it failed; `detail` is its RCODE; or the answer is malformed, truncated, or one to another
// question), out_of_memory.
Result<DnsAddresses> read_dns_answer(Bytes message, std::string_view host, IpAddress::Kind family);

// Reads the answer to https_query(owner), also along CNAMEs. Without usable records it has none. Errors: as those of
// read_dns_answer(); a malformed record makes the answer malformed (RFC 9460 2.2).
Result<HttpsRecords> read_https_answer(Bytes message, std::string_view owner);

}  // namespace sluice
