// A server of HTTP/1.1, or of what a test gives it, on loopback, with and without TLS, in a thread of its own, fast
// enough for thousands of transfers at once. The URL's path tells what it does for a request, so a test needs no
// script:
//
//   /SIZE/START?WORD&WORD    answers pattern(SIZE, START), after the request's body was read
//     chunked                without a Content-Length
//     echo                   the request's body instead, in chunks, and while it still comes in
//     early                  a 103 goes before it
//     hold                   nothing is sent before release()
//     half                   half of the body is sent, the rest after release()
//     close                  the connection is closed afterwards, without a word about it in the head
//     reset_head, reset_body, reset_upload   RST: after half of the head, half of the body, 1,000 bytes of the
//     request's body
//
// For responses given byte by byte use LoopbackServer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/options.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/talk.hpp"

namespace sluice::test {

class OriginServer {
 public:
  // Stops the process if it cannot listen, because no test can continue then.
  OriginServer();
  // Another version of HTTP: `make_talk` is called in the server's thread for each connection, and TLS agrees to
  // `alpn`.
  OriginServer(std::function<std::unique_ptr<Talk>()> make_talk, std::string alpn);
  ~OriginServer();
  OriginServer(const OriginServer&) = delete;
  OriginServer& operator=(const OriginServer&) = delete;

  // For a path as above, "/1024/7?hold".
  std::string http(const std::string& path) const;
  std::string https(const std::string& path) const;
  const std::shared_ptr<const TlsConfig>& trust() const;  // for https()

  void release();  // continues every response that is held now; later ones are held again
  // From any thread: held responses, open connections, connections accepted so far, requests so far.
  int held() const;
  int open() const;
  int accepted() const;
  int requests() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
