// A DNS server on loopback over UDP, sufficient for a stub resolver (RFC 1035): A and AAAA for given names, NXDOMAIN
// for others. The first label of a name may ask for a fault in its answers:
//   silent    none                                  late      none to a question that is asked for the first time
//   sixless   none for IPv6                         fourless  none for IPv4
//   recordless   none for HTTPS records             recordfail   servfail for those
//   servfail, refused   that                        broken    malformed
//   cut       truncated, and over TCP the connection is closed at once
//   brief     a time to live of 0 (60 s else)
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/address.hpp"

namespace sluice::test {

class DnsServer {
 public:
  explicit DnsServer(std::map<std::string, std::vector<IpAddress>> names);
  ~DnsServer();
  std::string address() const;  // "127.0.0.1:port"
  int questions() const;        // questions so far; each type counts
  bool wait_for_questions(int count) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
