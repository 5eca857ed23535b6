// See chunk_frame.hpp.
#include "core/http1/chunk_frame.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/check.hpp"

namespace sluice::http1 {
namespace {

// With the end of the chunk before it.
std::string_view last_chunk(const http::UploadBody& upload) {
  return upload.trailers() ? upload.trailer_text() : "\r\n0\r\n\r\n";
}

}  // namespace

void ChunkFrame::prepare(const http::UploadBody& upload) {
  SLUICE_CHECK(empty());
  if (last_) return;
  data_left_ = upload.pending().size();
  line_sent_ = line_bytes_ = 0;
  last_ = upload.finished() && !upload.holds_back();
  if (data_left_ == 0) {
    if (last_) tail_ = last_chunk(upload).substr(2);
    return;
  }
  char* const text = reinterpret_cast<char*>(line_.data());
  char* end = std::to_chars(text, text + 16, data_left_, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  line_bytes_ = static_cast<std::size_t>(end - text);
  tail_ = last_ ? last_chunk(upload) : "\r\n";
}

void ChunkFrame::push(const http::UploadBody& upload, OutputView& out) const {
  out.push(Bytes(line_).subspan(line_sent_, line_bytes_ - line_sent_));
  out.push(upload.pending().first(data_left_));
  out.push(as_bytes(tail_));
}

void ChunkFrame::advance(http::UploadBody& upload, std::size_t bytes) {
  const std::size_t of_line = std::min(bytes, line_bytes_ - line_sent_);
  line_sent_ += of_line;
  bytes -= of_line;
  const std::size_t of_data = std::min(bytes, data_left_);
  upload.advance(of_data);
  data_left_ -= of_data;
  bytes -= of_data;
  SLUICE_CHECK(bytes <= tail_.size());
  tail_.remove_prefix(bytes);
}

}  // namespace sluice::http1
