// HTTPS records of the DNS (RFC 9460): where a host serves https, and with which keys for Encrypted Client Hello (RFC
// 9848). Reads the data of one record. Leaves messages to dns_message.hpp, and what is done with a record to the engine
// (EngineOptions::https_records).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address.hpp"
#include "types.hpp"

namespace sluice {

// A record in ServiceMode (RFC 9460 2.4.3): one place where the host is served.
struct HttpsRecord {
  std::uint16_t priority = 1;              // SvcPriority: the lowest one is tried first
  std::string target = {};                 // the name whose addresses count, in lower case; empty: the owner's own
  std::vector<std::string> alpn = {};      // protocols, besides http/1.1 unless no_default_alpn
  bool no_default_alpn = false;            // http/1.1 is not among the protocols, if `alpn` does not name it
  std::optional<std::uint16_t> port = {};  // nullopt: that of the URL
  std::vector<IpAddress> hints = {};       // addresses of the target, for as long as those are not known; IPv6 first
  std::string ech = {};                    // an ECHConfigList as TlsOptions::ech_config_list; empty: none

  bool speaks_http1() const;  // http/1.1 is among its protocols (7.1.2)
  friend bool operator==(const HttpsRecord&, const HttpsRecord&) = default;
};

// The records of one name, as a part of NameAnswer.
struct HttpsRecords {
  std::vector<HttpsRecord> records = {};  // the lowest priority number first; else in the order of the answer
  std::optional<Duration> ttl = {};       // the least one of the records; nullopt: there are none
  friend bool operator==(const HttpsRecords&, const HttpsRecords&) = default;
};

// What the data of a record is.
enum class HttpsRecordKind : std::uint8_t {
  service,
  // In AliasMode (2.4.2). The other records of the name do not count then (2.4.1). It is not followed: a host must
  // serve clients that do not know HTTPS records at its own addresses (10.1), so no other name need be asked for.
  alias,
  // In ServiceMode, but with a mandatory key that is not known here (8), without any protocol (7.1.1), with port 0, or
  // with a target that is no host name: it is passed over.
  unusable,
  malformed,  // then none of the name's records may be used (2.2)
};
// `data` is the RDATA (2.2). `out` is valid after `service`. Throws std::bad_alloc.
HttpsRecordKind read_https_record(Bytes data, HttpsRecord& out);

}  // namespace sluice
