// The source of -T: a file, or the standard input ("-"), read in pieces.
// A pipe or terminal is read only when it is readable. Leaves framing to others.
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
  bool rewindable() const override { return length_.has_value(); }
  bool rewind() override;  // to the position at open()
  // Never more than length() bytes in all, also if the file grows.
  std::expected<Piece, std::string> read(MutableBytes space) override;

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
