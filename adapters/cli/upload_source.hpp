// The source of -T: a file, or the standard input ("-"), read in pieces. A pipe or terminal is read only when it is
// readable; its first bytes are kept, because a server may refuse the head of a request before it wants the body (417,
// 401), and the body is then sent with the next request. Leaves framing to others.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "adapters/cli/body_source.hpp"

namespace sluice::cli {

class UploadSource final : public BodySource {
 public:
  // Error: one line with the system's reason.
  static std::expected<std::unique_ptr<UploadSource>, std::string> open(const std::string& path);
  ~UploadSource() override;

  // The length of a regular file in bytes; nullopt for others.
  std::optional<std::uint64_t> length() const override { return length_; }
  int fd() const override { return fd_; }
  // Of a pipe: unless more than kKeptBytes were read.
  bool rewindable() const override { return true; }
  bool rewind() override;  // to the position at open()
  // The first byte is this one, from the position at open() on; before any read(). False: it is not a regular file, or
  // it has no more bytes.
  bool begin_at(std::uint64_t position);
  // Never more than length() bytes in all, also if the file grows.
  std::expected<Piece, std::string> read(MutableBytes space) override;

 private:
  // As many as the core takes before the first one is sent.
  static constexpr std::size_t kKeptBytes = 64 * 1024;
  UploadSource(int fd, std::string name, std::optional<std::uint64_t> length, std::int64_t start)
      : fd_(fd), name_(std::move(name)), length_(length), start_(start) {}
  int fd_;
  std::string name_;
  std::optional<std::uint64_t> length_;
  std::int64_t start_ = 0;  // for a regular file: the standard input may not be at its beginning
  std::uint64_t sent_ = 0;  // given by read() since the last rewind()
  std::string kept_;        // of a pipe: its first bytes
  std::uint64_t read_ = 0;  // of a pipe
};

}  // namespace sluice::cli
