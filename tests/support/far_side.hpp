// The origin of origin_talk.hpp at the other end of any byte stream: accepted sockets, one end of a socket pair, a
// memory stream; plain or TLS, well-behaved or closing in the middle of an answer. One thread serves them all.
//
// OriginServer is the one for thousands of TCP connections at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "adapters/net/descriptor.hpp"
#include "adapters/transport.hpp"
#include "core/options.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::test {

struct FarPlan {
  bool tls = false;
  // Every connection ends when so many bytes of answers were sent on it, before TLS; 0: as soon as there is a request.
  std::optional<std::size_t> cut_after;
  bool reset = false;    // it ends by RST, where there is such a thing
  bool at_once = false;  // it ends before anything was read
};

class FarSide {
 public:
  explicit FarSide(FarPlan plan = {});
  ~FarSide();
  FarSide(const FarSide&) = delete;
  FarSide& operator=(const FarSide&) = delete;

  void adopt(net::Descriptor socket);  // connected
  void adopt(std::unique_ptr<MemoryStream> stream);
  std::uint16_t listen_tcp();                              // on 127.0.0.1; answers the port
  void listen_unix(const std::string& path, int backlog);  // "@name": abstract

  // "http://origin.test" or "https://origin.test", and a path as origin_server.hpp has them.
  std::string url(const std::string& path) const;
  const std::shared_ptr<const TlsConfig>& trust() const;

  void release();         // every answer that is held goes on, those to come as well
  int streams() const;    // adopted or accepted so far
  int most_open() const;  // at once, so far
  int requests() const;
  bool wait_for_open(int count) const;  // at most ten seconds
  bool wait_for_requests(int count) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

// A name in the abstract namespace of Unix-domain sockets that nobody else has.
std::string fresh_abstract_name();

}  // namespace sluice::test
