// Where the bytes of a request body come from, when they are not in memory. Leaves framing to others.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "core/types.hpp"

namespace sluice::cli {

class BodySource {
 public:
  struct Piece {
    std::size_t bytes = 0;
    bool end = false;
    bool later = false;  // nothing has come yet: wait until fd() is readable
  };
  virtual ~BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;

  virtual std::optional<std::uint64_t> length() const = 0;  // in bytes; nullopt: not known
  virtual int fd() const = 0;                               // after Piece::later
  virtual bool rewindable() const = 0;                      // rewind() may be possible
  virtual bool rewind() = 0;                                // back to the first byte; false: not possible
  // Never more than length() bytes in all. Error: one line with the system's reason.
  virtual std::expected<Piece, std::string> read(MutableBytes space) = 0;

 protected:
  BodySource() = default;
};

}  // namespace sluice::cli
