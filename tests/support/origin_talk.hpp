// A test server's side of one HTTP/1.1 connection (talk.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/talk.hpp"

namespace sluice::test {

class OriginTalk final : public Talk {
 public:
  void receive(std::string_view bytes) override;
  void produce(std::string& out, std::size_t limit) override;
  bool has_output() const override { return answering_ && end_ == End::none && !holds() && !starved(); }
  bool wants_input() const override { return echo_.size() < kMostEcho && end_ == End::none; }
  int held() const override { return holds() ? 1 : 0; }
  void release() override { waiting_ = false; }
  End end() const override { return end_; }
  int requests() const override { return requests_; }

 private:
  static constexpr std::size_t kMostEcho = 256 * 1024;
  static constexpr std::size_t kPiece = 16 * 1024;  // bytes of a chunk

  bool take_head();
  void take_body();
  void take_chunks();
  void take_piece(std::string_view piece);
  void begin_answer();
  void finish_answer();
  void produce_piece(std::string& out, std::size_t limit);
  bool holds() const {
    return answering_ && waiting_ && (words_.hold || (words_.half && head_.empty() && at_ >= body_.size() / 2));
  }
  bool starved() const { return words_.echo && head_.empty() && echo_.empty() && !body_done_; }

  std::string input_;
  // The current request.
  bool in_request_ = false;
  OriginPath words_;
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
