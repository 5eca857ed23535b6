// What a test server says on one connection, without a socket: takes the bytes of requests, gives those of responses,
// and says how the connection ends. origin_server.hpp has the meaning of the parts of a path. HTTP/1.1 is in
// origin_talk.hpp, HTTP/2 in http2_talk.hpp. Leaves sockets and TLS to others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::test {

class Talk {
 public:
  enum class End : std::uint8_t { none, close, reset };

  virtual ~Talk() = default;
  virtual void receive(std::string_view bytes) = 0;
  // Appends at most about `limit` bytes to `out`; nothing if there is nothing to send now.
  virtual void produce(std::string& out, std::size_t limit) = 0;
  virtual bool has_output() const = 0;
  // False: too many bytes of an echo wait, so no more of the request should be read now.
  virtual bool wants_input() const = 0;
  virtual int held() const = 0;  // responses that wait for release()
  virtual void release() = 0;
  virtual End end() const = 0;  // valid when everything that was produced was sent
  virtual int requests() const = 0;
};

// What a path asks for: "/SIZE/START?WORD&WORD".
struct OriginPath {
  explicit OriginPath(std::string_view target);
  OriginPath() = default;

  std::size_t size = 0, start = 0;
  bool chunked = false, close = false, early = false, hold = false, half = false, echo = false;
  bool reset_head = false, reset_body = false, reset_upload = false;
};

// A request with "reset_upload" is reset when so many bytes of its body have come.
inline constexpr std::size_t kResetUploadAt = 1000;

}  // namespace sluice::test
