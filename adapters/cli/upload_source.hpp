// The source of -T: a file, or the standard input ("-"), read in pieces.
// A pipe or terminal is read only when it is readable. Leaves framing to others.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "core/types.hpp"

namespace sluice::cli {

class UploadSource {
 public:
  // Error: one line with the system's reason.
  static std::expected<std::unique_ptr<UploadSource>, std::string> open(const std::string& path);
  ~UploadSource();
  UploadSource(const UploadSource&) = delete;
  UploadSource& operator=(const UploadSource&) = delete;

  // The length of a regular file in bytes; nullopt for others.
  std::optional<std::uint64_t> length() const { return length_; }
  int fd() const { return fd_; }

  struct Piece {
    std::size_t bytes = 0;
    bool end = false;
    bool later = false;  // nothing has come yet: wait until fd() is readable
  };
  bool rewindable() const { return length_.has_value(); }
  bool rewind();  // back to the position at open(); false: not possible
  // Never more than length() bytes in all, also if the file grows.
  std::expected<Piece, std::string> read(MutableBytes space);

 private:
  UploadSource(int fd, std::string name, std::optional<std::uint64_t> length, std::int64_t start)
      : fd_(fd), name_(std::move(name)), length_(length), start_(start) {}
  int fd_;
  std::string name_;
  std::optional<std::uint64_t> length_;
  std::int64_t start_ = 0;  // for a regular file: the standard input may not be at its beginning
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::cli
