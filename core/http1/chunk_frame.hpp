// One chunk on its way out (RFC 9112 7.1): size line, data straight out of the upload, line end. Its size is fixed when
// it is prepared, so that what has been shown for sending never changes.
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
  // Nothing of it is left to send.
  bool empty() const { return line_sent_ == line_bytes_ && data_left_ == 0 && tail_.empty(); }
  // The chunk that ends the body was prepared and is out.
  bool last_sent() const { return last_ && empty(); }

  // Frames what is pending, and the end of the body with it where it is known. No-op without either. empty() only.
  void prepare(const http::UploadBody& upload);
  void push(const http::UploadBody& upload, OutputView& out) const;
  void advance(http::UploadBody& upload, std::size_t bytes);

 private:
  std::array<std::uint8_t, 18> line_ = {};  // 16 digits and the line end
  std::size_t line_bytes_ = 0, line_sent_ = 0;
  std::size_t data_left_ = 0;
  std::string_view tail_;
  bool last_ = false;
};

}  // namespace sluice::http1
