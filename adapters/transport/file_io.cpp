// See file_io.hpp.
#include "adapters/transport/file_io.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "adapters/net/socket.hpp"
#include "adapters/transport/quiet_write.hpp"

namespace sluice::transport {

std::size_t total_size(std::span<const Bytes> pieces) {
  std::size_t total = 0;
  for (const Bytes piece : pieces) total += piece.size();
  return total;
}

Transferred read_file(int fd, MutableBytes space) {
  ssize_t size = 0;
  do size = ::read(fd, space.data(), space.size());
  while (size < 0 && errno == EINTR);
  Transferred moved = net::transferred_by(size);
  moved.eof = size == 0;
  return moved;
}

Transferred write_file(int fd, std::span<const Bytes> pieces) {
  std::array<iovec, 16> vectors = {};
  const std::size_t count = std::min(pieces.size(), vectors.size());
  // writev only reads, but its type is shared with readv.
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  Transferred moved = net::transferred_by(write_quietly(fd, std::span(vectors).first(count)));
  if (moved.error == 0 && moved.bytes < total_size(pieces.first(count))) moved.would_block = true;
  return moved;
}

}  // namespace sluice::transport
