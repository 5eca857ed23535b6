// An origin (origin_talk.hpp) at the other end of any byte stream: accepted sockets, one end of a socket pair, a memory
// stream; with or without TLS, correct or closing inside a response. One thread serves all streams.
//
// For thousands of TCP connections at once use OriginServer.
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
  // Every connection ends after this many bytes of responses, before TLS; 0: as soon as there is a request.
  std::optional<std::size_t> cut_after;
  bool reset = false;    // it ends with RST, if the stream has that
  bool at_once = false;  // it ends before anything is read
};

class FarSide {
 public:
  explicit FarSide(FarPlan plan = {});
  ~FarSide();
  FarSide(const FarSide&) = delete;
  FarSide& operator=(const FarSide&) = delete;

  void adopt(net::Descriptor socket);  // a connected socket
  void adopt(std::unique_ptr<MemoryStream> stream);
  std::uint16_t listen_tcp();                              // on 127.0.0.1; returns the port
  void listen_unix(const std::string& path, int backlog);  // "@name": abstract

  // "http://origin.test" or "https://origin.test" with a path as in origin_server.hpp.
  std::string url(const std::string& path) const;
  const std::shared_ptr<const TlsConfig>& trust() const;

  void release();         // every held response continues, also later ones
  int streams() const;    // adopted or accepted so far
  int most_open() const;  // the most at once so far
  int requests() const;
  bool wait_for_open(int count) const;  // at most ten seconds
  bool wait_for_requests(int count) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

// A unique name in the abstract namespace of Unix-domain sockets.
std::string fresh_abstract_name();

}  // namespace sluice::test
