// A scripted HTTP/1.1 server on loopback, on a port that the kernel chooses, in a thread of its own: the script gives
// the bytes of each response. Knows only enough HTTP to find the end of a request. Leaves all responses to the script.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace sluice::test {

struct Reply {
  std::string bytes;
  bool close = false;         // afterwards, by FIN
  bool reset = false;         // afterwards, by RST
  bool byte_by_byte = false;  // one send() for each
  bool hold = false;          // until release(); a reply that is never released stalls
};

// "HTTP/1.1 200 OK" with a Content-Length.
Reply ok(const std::string& body);

class LoopbackServer {
 public:
  // Called in the server's thread with the complete request and its body (a chunked body as received).
  using Script = std::function<Reply(const std::string& request)>;
  explicit LoopbackServer(Script script);
  // The same with the number of the connection: 1 is the first that was accepted.
  using ConnectionScript = std::function<Reply(const std::string& request, int connection)>;
  explicit LoopbackServer(ConnectionScript script);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const;
  std::string url(const std::string& path = "/") const;  // http://127.0.0.1:port/path

  void release();    // sends every reply that is held now; later ones are held again
  void reset_all();  // every connection, by RST

  // All counts are from the start. The waits return false after ten seconds.
  int requests() const;
  int accepted() const;
  int open() const;
  bool wait_for_requests(int count) const;
  bool wait_for_replies(int count) const;  // replies that were given to the kernel completely
  bool wait_for_open(int count) const;     // connections open now
  std::size_t received_bytes() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

// A port on which nothing listens, at least for now.
std::uint16_t refused_port();

}  // namespace sluice::test
