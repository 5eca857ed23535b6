// The fields of a request over HTTP/2 (RFC 9113 8.3.1): pseudo-header fields, and those of the request without the ones
// that belong to a connection. Leaves to the library: HPACK and frames.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/session.hpp"

namespace sluice::http2 {

class RequestFields {
 public:
  struct View {
    std::string_view name, value;
    bool is_secret = false;  // not to be put into a table that later requests could be compared with (RFC 7541 7.1)
  };

  // Replaces what was there. The request must have passed validate(). Throws std::bad_alloc.
  void write(const http::Exchange& exchange);

  std::size_t size() const { return entries_.size(); }
  View at(std::size_t index) const;  // index < size(); the name may have upper case, which the library changes
  // The same for people, as HTTP/1 writes it: "GET / HTTP/2", Host, the other fields and an empty line.
  std::string_view text() const { return text_; }
  // As far as write() has seen them in the request.
  bool expects_continue() const { return expects_continue_; }
  bool is_head() const { return is_head_; }
  bool closes() const { return closes_; }  // by its Connection field, which is not sent
  void release();                          // frees large buffers

 private:
  struct Span {
    std::size_t at = 0, size = 0;
  };
  struct Entry {
    std::string_view pseudo = {}, fixed = {};  // a name and a value that are not in the text
    Span name = {}, value = {};
    bool is_secret = false;
  };
  Span append(std::string_view text);
  void add(std::string_view name, std::string_view value, bool is_secret = false);
  void split_cookies();
  void add_pseudo(std::string_view name, Span value);
  void write_start(const Request& request, bool is_forwarded);
  void write_connect(const Request& request);
  void write_forwarded(const Request& request, const http::ForwardedBy& forwarded);
  void write_field(const Field& field, const Request& request, bool has_cookies, bool has_content);
  void write_cookies(const Request& request, std::string_view cookies);
  void write_length(const Request& request);

  std::string text_;
  std::vector<Entry> entries_;
  bool expects_continue_ = false, is_head_ = false, has_length_ = false, has_connection_ = false, closes_ = false;
};

}  // namespace sluice::http2
