// An HTTP/1.1 server on loopback, plain and TLS, in a thread of its own, quick enough for thousands of transfers at
// once. What it does for a request stands in the URL's path, so that a test needs no script:
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
// LoopbackServer is the one for scripts byte for byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/options.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::test {

class OriginServer {
 public:
  // Stops the process if it cannot listen: no test can go on then.
  OriginServer();
  ~OriginServer();
  OriginServer(const OriginServer&) = delete;
  OriginServer& operator=(const OriginServer&) = delete;

  // For a path as above, "/1024/7?hold".
  std::string http(const std::string& path) const;
  std::string https(const std::string& path) const;
  const std::shared_ptr<const TlsConfig>& trust() const;  // for https()

  void release();  // every answer that is held now goes on; later ones are held anew
  // Any thread. Connections that hold an answer now, are open now, were accepted so far; requests so far.
  int held() const;
  int open() const;
  int accepted() const;
  int requests() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::test
