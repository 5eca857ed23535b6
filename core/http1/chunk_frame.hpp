// One chunk that is being sent (RFC 9112 7.1): size line, data as a view into the upload, line end. Its size is fixed
// when it is prepared, so that bytes already offered for sending do not change. Knows no head and no state of the
// exchange.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/http/session.hpp"
#include "core/http/upload.hpp"
#include "core/types.hpp"

namespace sluice::http1 {

class ChunkFrame {
 public:
  void clear() { *this = {}; }
  // Nothing is left to send.
  bool empty() const { return line_sent_ == line_bytes_ && data_left_ == 0 && tail_.empty(); }
  // The last chunk was prepared and sent completely.
  bool last_sent() const { return last_ && empty(); }

  // Frames all pending bytes, and the end of the body if the upload is finished. Does nothing if there is neither.
  // Needs empty().
  void prepare(const http::UploadBody& upload);
  // Appends what is left to `out`, as views into this object and `upload`.
  void push(const http::UploadBody& upload, OutputView& out) const;
  // The first `bytes` bytes were sent; no more than push() gave.
  void advance(http::UploadBody& upload, std::size_t bytes);

 private:
  std::array<std::uint8_t, 18> line_ = {};  // 16 digits and CRLF
  std::size_t line_bytes_ = 0, line_sent_ = 0;
  std::size_t data_left_ = 0;
  std::string_view tail_;
  bool last_ = false;
};

}  // namespace sluice::http1
