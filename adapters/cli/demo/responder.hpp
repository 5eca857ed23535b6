// The server side of one HTTP/1.1 connection of the demonstration, without a socket: request bytes go in, response
// bytes come out. Serves GET and HEAD of /files/<name>, with keep-alive and pipelining. Leaves sockets, TLS and the
// bandwidth limit to the server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/demo/content.hpp"

namespace sluice::demo {

class Responder {
 public:
  // `files` must outlive this object.
  explicit Responder(const std::vector<File>& files) : files_(&files) {}

  void receive(Bytes bytes);
  // Appends at most about `limit` response bytes to `out`; nothing if there are none.
  void produce(std::vector<std::uint8_t>& out, std::size_t limit);
  bool has_output() const { return !head_.empty() || body_.has_value(); }
  // No request is answered after the bytes that produce() still gives: then close.
  bool closing() const { return closing_; }
  std::uint64_t requests() const { return requests_; }

 private:
  struct Body {
    Content content;
    std::uint64_t offset = 0;
    bool chunked = false;
  };

  void take_request();
  void answer_file(const File& file, bool with_body);
  void answer_error(std::string_view status, bool with_body, bool close);

  const std::vector<File>* files_;
  std::string input_;
  std::string head_;
  std::optional<Body> body_;
  bool closing_ = false;
  std::uint64_t requests_ = 0;
};

}  // namespace sluice::demo
