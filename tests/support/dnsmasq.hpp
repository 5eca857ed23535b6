// A real name server (dnsmasq) on a loopback port while the object exists. It answers for names below "test" only, from
// the lines that it is given, and asks only the servers that these lines name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

class Dnsmasq {
 public:
  // `lines`: of dnsmasq's configuration, such as "host-record=a.test,127.0.0.1,::1,60". Listens on all addresses of
  // 127.0.0.0/8. Throws std::runtime_error with dnsmasq's own message if it does not start.
  explicit Dnsmasq(const std::vector<std::string>& lines);

  std::string address() const { return "127.0.0.1:" + port(); }
  std::string port() const { return std::to_string(ports_[0]); }
  // Of its log: "query[A] a.test from 127.0.0.1".
  std::string log() const { return read_file(folder_.path() / "log"); }
  std::size_t count(const std::string& text) const;  // how often the text is in the log

 private:
  TempFolder folder_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
