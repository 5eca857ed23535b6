// A server for DNS over HTTPS on loopback: A and AAAA for given names, and HTTPS records (RFC 9460), NXDOMAIN for
// others, by GET (RFC 8484). TLS is
// that of nginx, before a scripted server.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "core/address.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/proxy_servers.hpp"

namespace sluice::test {

class DohServer {
 public:
  // `ttl`: of each record, in seconds.
  // `https`: the data of the HTTPS record that a name has.
  explicit DohServer(std::map<std::string, std::vector<std::string>> names, int ttl = 60,
                     std::map<std::string, std::string> https = {});
  std::string url() const { return front_.url() + "/dns-query"; }
  std::string root() const { return (front_.site().folder() / "root.pem").string(); }  // of its certificate
  int questions() const { return questions_; }                                         // so far; each type counts
  // What it says from here on to every question, instead of an answer; empty: it answers.
  void say(std::string response) { says_ = std::move(response); }

 private:
  Reply reply(const std::string& request);
  std::string answer(const std::string& query) const;

  const std::map<std::string, std::vector<std::string>> names_;
  const int ttl_;
  const std::map<std::string, std::string> https_;
  std::atomic<int> questions_ = 0;
  std::string says_;
  LoopbackServer server_;
  TlsFront front_;
};

}  // namespace sluice::test
