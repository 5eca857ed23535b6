// A DNS server on loopback over UDP, just enough for a stub resolver (RFC 1035): A and AAAA for given names, NXDOMAIN
// for the rest. Silence for names that begin with "silent."; to each question for one that begins with "late." the first time it is asked.
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
  int questions() const;        // names asked for so far, each type for itself
  bool wait_for_questions(int count) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
