// See file_io.hpp.
#include "adapters/transport/file_io.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "adapters/transport/quiet_write.hpp"

namespace sluice::transport {
namespace {

Transferred moved_by(ssize_t size) {
  Transferred moved;
  if (size >= 0) {
    moved.bytes = static_cast<std::size_t>(size);
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    moved.would_block = true;
  } else {
    moved.error = errno;
  }
  return moved;
}

}  // namespace

std::size_t total_size(std::span<const Bytes> pieces) {
  std::size_t total = 0;
  for (const Bytes piece : pieces) total += piece.size();
  return total;
}

Transferred read_file(int fd, MutableBytes space) {
  ssize_t size = 0;
  do size = ::read(fd, space.data(), space.size());
  while (size < 0 && errno == EINTR);
  Transferred moved = moved_by(size);
  moved.eof = size == 0;
  return moved;
}

Transferred write_file(int fd, std::span<const Bytes> pieces) {
  std::array<iovec, 16> vectors = {};
  const std::size_t count = std::min(pieces.size(), vectors.size());
  // writev only reads, but its type is shared with readv.
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  Transferred moved = moved_by(write_quietly(fd, std::span(vectors).first(count)));
  if (moved.error == 0 && moved.bytes < total_size(pieces.first(count))) moved.would_block = true;
  return moved;
}

}  // namespace sluice::transport
