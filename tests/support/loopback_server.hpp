// A scripted HTTP/1.1 server on loopback, on a port of the kernel's choice, in a thread of its own: the script says
// byte for byte what goes back for each request. Knows just enough HTTP to see where a request ends; says nothing by
// itself.
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
  bool hold = false;          // until release(); "stall" is a hold that nobody releases
};

// "HTTP/1.1 200 OK" with a Content-Length.
Reply ok(const std::string& body);

class LoopbackServer {
 public:
  // Runs in the server's thread, with the whole request, body included (a chunked one as it came).
  using Script = std::function<Reply(const std::string& request)>;
  explicit LoopbackServer(Script script);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::uint16_t port() const;
  std::string url(const std::string& path = "/") const;  // http://127.0.0.1:port/path

  void release();    // every reply on hold now goes out; later ones are held anew
  void reset_all();  // every connection, by RST

  // All of these count from the start; the waits give up (false) after ten seconds.
  int requests() const;
  int accepted() const;
  int open() const;
  bool wait_for_requests(int count) const;
  bool wait_for_replies(int count) const;  // handed to the kernel whole
  bool wait_for_open(int count) const;     // connections open now
  std::size_t received_bytes() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

// A port nobody listens on, at least for now.
std::uint16_t refused_port();

}  // namespace sluice::test
