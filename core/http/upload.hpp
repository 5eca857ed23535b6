// The body of one request while it is sent: the caller's bytes, or a buffer of limited size that the application fills.
// Knows how many bytes there are and how many were sent. Leaves framing to the HTTP version.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/request.hpp"
#include "core/types.hpp"

namespace sluice::http {

class UploadBody {
 public:
  UploadBody() = default;
  // Does not copy the bytes of a BodyView or BodyOwned: `body` must stay valid while this object is used.
  explicit UploadBody(const RequestBody& body);

  bool present() const { return kind_ != Kind::none; }
  bool streamed() const { return kind_ == Kind::stream; }
  // The length for Content-Length; nullopt: unknown, so the body is chunked.
  std::optional<std::uint64_t> declared_length() const { return length_; }

  // For the sender: the bytes that can be sent, and how many were sent. No more than the allowance.
  Bytes pending() const;
  // Takes the bytes from the allowance too. `bytes` may be more than pending() if the allowance was lowered since they
  // were taken from there.
  void advance(std::size_t bytes);
  // The allowance is used up; and: it holds back bytes that could be sent.
  bool used_up() const { return allowance_ == 0; }
  bool holds_back() const { return pending().size() < rest().size(); }
  std::uint64_t sent() const { return sent_; }
  // Nothing is pending and nothing will follow.
  bool exhausted() const { return finished_ && rest().empty(); }
  bool finished() const { return finished_; }

  // For the application; streamed bodies only. space() is empty if the buffer is full, if the body is finished, while
  // awaits_rewind() is true, or if memory ran out.
  MutableBytes space();
  bool has_room() const;           // space() is not empty, unless memory runs out
  void commit(std::size_t bytes);  // bytes <= the last space().size()
  Result<void> finish();           // error upload_failed: fewer bytes than declared
  // With trailers (RFC 9110 6.5), at least one. Errors: invalid_request (the length was declared, a field is none or
  // may not be a trailer, or they are larger than a request head may be), out_of_memory.
  Result<void> finish(Fields trailers);
  const Fields* trailers() const { return trailers_ ? &trailers_->fields : nullptr; }  // null: none
  // The end of the chunk before them, the last chunk, and the trailers (RFC 9112 7.1). Needs trailers().
  std::string_view trailer_text() const { return trailers_->text; }
  std::uint64_t committed() const { return committed_; }

  // Whether the body can be sent again from its start. False only for a stream that is not rewindable, after bytes of
  // it were committed.
  bool replayable() const { return rewindable_ || committed_ == 0; }
  bool rewindable() const { return rewindable_; }  // replayable() stays true whatever is sent
  // Back to the start, to be sent again. Needs replayable().
  void rewind();
  // The application must give the body again from its first byte and has not agreed yet (rewound()). There is no space
  // until then.
  bool awaits_rewind() const { return awaits_rewind_; }
  void rewound() { awaits_rewind_ = false; }
  // How many bytes may be sent until the next call; at first there is no limit. What was framed already must stay
  // within it, because a chunk is sent whole (Jobs::allow_upload).
  void allow(std::size_t bytes);
  bool empty() const { return rest().empty(); }  // of what the application has given, nothing is left to send
  std::size_t capacity_bytes() const { return buffer_ ? limits::kUploadBufferBytes : 0; }

 private:
  static constexpr std::uint32_t kUnlimited = 0xffff'ffff;
  Bytes rest() const;

  enum class Kind : std::uint8_t { none, fixed, stream };
  Kind kind_ = Kind::none;
  bool finished_ = true;
  bool rewindable_ = true;
  bool awaits_rewind_ = false;
  std::uint32_t allowance_ = kUnlimited;
  std::optional<std::uint64_t> length_;
  Bytes fixed_;
  struct Trailers {
    Fields fields;
    std::string text;
  };
  std::unique_ptr<Trailers> trailers_;
  std::unique_ptr<std::uint8_t[]> buffer_;  // streamed only: from the first space() to the end of the body
  std::size_t begin_ = 0, end_ = 0;         // pending bytes within buffer_
  std::uint64_t sent_ = 0, committed_ = 0;
};

}  // namespace sluice::http
