// What -T sends: a file, or the standard input ("-"), read in pieces.
// Knows files; leaves to others how it is framed. A pipe or terminal is only read when something is there.
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
  // Error: one line with what the system said.
  static std::expected<std::unique_ptr<UploadSource>, std::string> open(const std::string& path);
  ~UploadSource();
  UploadSource(const UploadSource&) = delete;
  UploadSource& operator=(const UploadSource&) = delete;

  // Of a regular file; unknown else.
  std::optional<std::uint64_t> length() const { return length_; }
  int fd() const { return fd_; }

  struct Piece {
    std::size_t bytes = 0;
    bool end = false;
    bool later = false;  // nothing there yet: wait until fd() is readable
  };
  bool rewindable() const { return length_.has_value(); }
  bool rewind();  // to where it was opened; false: the system cannot
  // Never more than length() in all, should the file grow meanwhile.
  std::expected<Piece, std::string> read(MutableBytes space);

 private:
  UploadSource(int fd, std::string name, std::optional<std::uint64_t> length, std::int64_t start)
      : fd_(fd), name_(std::move(name)), length_(length), start_(start) {}
  int fd_;
  std::string name_;
  std::optional<std::uint64_t> length_;
  std::int64_t start_ = 0;  // of a regular file: the standard input may be somewhere in the middle of it
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::cli
