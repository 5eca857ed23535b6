// The body of one request on its way out: either the caller's bytes, or a bounded buffer that the application fills.
// Knows how much there is and how much has gone; framing belongs to the HTTP version.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/request.hpp"
#include "core/types.hpp"

namespace sluice::http {

class UploadBody {
 public:
  UploadBody() = default;
  // `body` must outlive this object's use of it (BodyView, BodyOwned are not copied).
  explicit UploadBody(const RequestBody& body);

  bool present() const { return kind_ != Kind::none; }
  bool streamed() const { return kind_ == Kind::stream; }
  // The length that is known before the first byte, for Content-Length; nullopt: chunked.
  std::optional<std::uint64_t> declared_length() const { return length_; }

  // The sending side: what is ready to go, then how much went.
  Bytes pending() const;
  void advance(std::size_t bytes);  // bytes <= pending().size()
  std::uint64_t sent() const { return sent_; }
  // Nothing is pending and nothing will come.
  bool exhausted() const { return finished_ && pending().empty(); }
  bool finished() const { return finished_; }

  // The application's side, for streamed bodies only. Empty space: the buffer is full, or the body is finished, or the
  // declared length has been committed.
  MutableBytes space();
  bool has_room() const;           // space() is not empty, if there is memory for it
  void commit(std::size_t bytes);  // bytes <= the last space().size()
  Result<void> finish();           // Error upload_failed: fewer bytes than declared
  std::uint64_t committed() const { return committed_; }

  // Whether it can be sent again from the start: all but a stream that the application cannot give again, once it gave
  // bytes of it.
  bool replayable() const { return rewindable_ || committed_ == 0; }
  bool rewindable() const { return rewindable_; }  // it will be replayable whatever goes
  void rewind();                                   // replayable()
  // The application is to give it again from its first byte, and has not said that it does. There is no space until
  // then.
  bool awaits_rewind() const { return awaits_rewind_; }
  void rewound() { awaits_rewind_ = false; }
  std::size_t capacity_bytes() const { return buffer_ ? limits::kUploadBufferBytes : 0; }

 private:
  enum class Kind : std::uint8_t { none, fixed, stream };
  Kind kind_ = Kind::none;
  bool finished_ = true;
  bool rewindable_ = true;
  bool awaits_rewind_ = false;
  std::optional<std::uint64_t> length_;
  Bytes fixed_;
  std::unique_ptr<std::uint8_t[]> buffer_;  // streamed only, from the first space() to the end
  std::size_t begin_ = 0, end_ = 0;         // pending bytes within buffer_
  std::uint64_t sent_ = 0, committed_ = 0;
};

}  // namespace sluice::http
