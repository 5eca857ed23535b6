// Reads the headers of the frames that a server sends (RFC 9113 4.1), before the library sees them: finds where each
// frame ends, and refuses floods and frames that are never allowed, whatever the library does about them. Leaves to the
// library and the session: what a frame means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/error.hpp"
#include "core/types.hpp"

namespace sluice::http2 {

class FrameGuard {
 public:
  // What the library gets: `header`, then `rest`. The header of a frame comes in one piece: libnghttp2 (1.52 with
  // Debian's patches, 1.61) counts each part of the header of a CONTINUATION as one more frame.
  struct Piece {
    std::size_t taken = 0;  // bytes of the input, at least 1, of no more than one frame
    Bytes header = {};      // whole; it began in an earlier input. Lives until the next call
    Bytes rest = {};        // of the input
  };
  // `input` is not empty. Errors: http2_error. Throws std::bad_alloc.
  Result<Piece> next(Bytes input);

  // What makes up for frames that carry no data: bytes of bodies in either direction, and requests.
  void moved(std::size_t body_bytes);
  void read(std::size_t body_bytes);  // the same, for bytes of the current frame
  // The same, for a DATA frame of ours. A server may open two windows for each long after all were sent, so that many
  // WINDOW_UPDATE frames are saved up, less than limits::kMaxIdleFrames in all.
  void sent(std::size_t body_bytes);
  void opened();
  // An exchange was given up, whose window allows so many bytes of a body: they may be on their way.
  void gave_up(std::size_t window_bytes);
  // The peer has taken all our answers.
  void answered() { unanswered_ = 0; }

 private:
  static constexpr std::size_t kHeaderBytes = 9;
  std::size_t payload_bytes() const;
  Result<void> check();
  Result<void> check_first() const;
  bool was_on_its_way(std::uint8_t type);
  bool is_answer(std::uint8_t type);

  std::array<std::uint8_t, kHeaderBytes> header_ = {};
  std::size_t header_bytes_ = 0;  // of the current frame; 0: between two frames
  std::size_t payload_left_ = 0;
  bool begun_ = false;  // the first frame's header has come
  std::size_t continuations_ = 0, unanswered_ = 0, idle_ = 0;
  std::size_t updates_ = 0;     // WINDOW_UPDATE frames that are answers to DATA of ours
  std::size_t on_its_way_ = 0;  // bytes of bodies that were given up, which the library will pass over
  std::size_t used_ = 0;        // of them, by the current frame
};

}  // namespace sluice::http2
