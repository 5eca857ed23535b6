// The origin server's side of one HTTP/1.1 connection, without a socket: takes request bytes, gives response bytes, and
// says how the connection ends. origin_server.hpp has the meaning of the words in a path. Leaves sockets and TLS to
// others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::test {

class OriginTalk {
 public:
  enum class End : std::uint8_t { none, close, reset };

  void receive(std::string_view bytes);
  // Appends at most about `limit` bytes to `out`; nothing if there is nothing to send now.
  void produce(std::string& out, std::size_t limit);
  bool has_output() const { return answering_ && end_ == End::none && !holds() && !starved(); }
  // False: too many bytes of an echo wait, so no more of the request should be read now.
  bool wants_input() const { return echo_.size() < kMostEcho && end_ == End::none; }
  bool holds() const {
    return answering_ && waiting_ && (words_.hold || (words_.half && head_.empty() && at_ >= body_.size() / 2));
  }
  void release() { waiting_ = false; }
  End end() const { return end_; }  // valid when everything that was produced was sent
  int requests() const { return requests_; }

 private:
  static constexpr std::size_t kMostEcho = 256 * 1024;
  static constexpr std::size_t kPiece = 16 * 1024;  // bytes of a chunk
  static constexpr std::size_t kResetUploadAt = 1000;

  struct Words {
    bool chunked = false, close = false, early = false, hold = false, half = false, echo = false;
    bool reset_head = false, reset_body = false, reset_upload = false;
  };

  void read_words(const std::string& text);
  bool take_head();
  void take_body();
  void take_chunks();
  void take_piece(std::string_view piece);
  void begin_answer();
  void finish_answer();
  void produce_piece(std::string& out, std::size_t limit);
  bool starved() const { return words_.echo && head_.empty() && echo_.empty() && !body_done_; }

  std::string input_;
  // The current request.
  bool in_request_ = false;
  Words words_;
  std::size_t size_ = 0, start_ = 0;
  std::size_t body_left_ = 0;  // with a Content-Length; of the chunk otherwise
  bool chunked_request_ = false, chunk_ends_ = false, body_done_ = false;
  std::size_t body_read_ = 0;
  std::string echo_;
  // The response to it.
  bool answering_ = false, waiting_ = false;
  std::string head_;
  std::string_view body_;
  std::size_t at_ = 0;
  End end_ = End::none;
  int requests_ = 0;
};

}  // namespace sluice::test
