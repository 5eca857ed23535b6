// libnghttp2 as the session uses it: frames and HPACK of one client connection. Its source is the only file that
// includes the library's header, and none of the library's callbacks leaves it.
// The library's own checks of HTTP messages are off: ResponseReader has them.
// Faults of the library that our side guards against, whatever version is there: see the traps in core/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/error.hpp"
#include "core/http2/library_memory.hpp"
#include "core/http2/request_fields.hpp"
#include "core/priority.hpp"
#include "core/types.hpp"

struct nghttp2_session;

namespace sluice::http2 {

// What the library tells while it is fed, or asked for output. May throw std::bad_alloc, which ends the connection.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void section_begins(std::uint32_t stream) = 0;
  virtual void field_read(std::uint32_t stream, std::string_view name, std::string_view value) = 0;
  virtual void section_ended(std::uint32_t stream, bool last) = 0;
  // Parts of DATA frames: views into the input.
  virtual void data_read(std::uint32_t stream, Bytes data) = 0;
  virtual void data_ended(std::uint32_t stream) = 0;  // a DATA frame with END_STREAM is complete
  // By an RST_STREAM of either side, or because GOAWAY says that it was not processed (then `code` is REFUSED_STREAM).
  virtual void stream_closed(std::uint32_t stream, std::uint32_t code) = 0;
  virtual void frame_refused(std::uint32_t stream, std::uint32_t code) = 0;  // the library will reset the stream
  virtual void request_not_sent(std::uint32_t stream) = 0;                   // and will not be
  virtual void settings_read() = 0;
  virtual void goaway_read(std::uint32_t code, Bytes debug_data) = 0;
  virtual void ping_answered(bool measured) = 0;  // as ping() was called
  // The library has found that the peer broke a rule of the connection; nothing more is read.
  virtual void connection_ended(std::uint32_t code, std::string_view why) = 0;
  // A frame of a request is the end of the output so far. `last`: it ends the request.
  virtual void request_frame_made(std::uint32_t stream, bool last) = 0;
  // Fills a DATA frame. Zero bytes that are not the last: there is nothing to send before resume() is called.
  struct Filled {
    std::size_t bytes = 0;
    bool last = false;
    const Fields* trailers = nullptr;  // with `last`: these end the request
  };
  virtual Filled fill(std::uint32_t stream, MutableBytes space) = 0;
};

class Library {
 public:
  explicit Library(Listener& listener) : listener_(listener) {}
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // Of the library that runs: "1.52.0". Static text.
  static std::string_view version();

  // Makes the library's state, with our SETTINGS and the connection's window as its first output. `buffer` must outlive
  // this object; null: it has one of its own. False: no memory.
  bool start(std::uint32_t first_stream, FrameBuffer* buffer);

  // The functions below return out_of_memory, or internal for what the library should never say.
  Result<void> feed(Bytes input);
  // Whether there may be any; costs less than to ask for them.
  bool has_output() const;
  // The next bytes of output, which live until the next call; empty: none.
  Result<Bytes> next_output();
  // Whether a new stream may be opened at all; and how many at once the peer allows.
  bool takes_requests() const;
  std::size_t max_streams() const;
  bool takes_extended_connect() const;  // SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 3)
  Result<std::uint32_t> submit_request(const RequestFields& fields, bool has_body);
  Result<void> reset(std::uint32_t stream, std::uint32_t code);
  Result<void> resume(std::uint32_t stream);    // there is more of the body
  bool has_window() const;                      // the peer's for the connection
  bool has_window(std::uint32_t stream) const;  // and for the stream
  // Ends the request, whatever the windows are. For a stream whose body has nothing more to send.
  Result<void> end_with_trailers(std::uint32_t stream, const Fields& trailers);
  // Opens the windows again by as much.
  Result<void> consumed(std::uint32_t stream, std::size_t bytes);
  Result<void> consumed_of_connection(std::size_t bytes);
  // The window of a stream is larger from now on: so many bytes in all.
  Result<void> enlarge_window(std::uint32_t stream, std::size_t bytes);
  // Not sent to a server whose SETTINGS do not say that it looks at it (RFC 9218 2.1).
  Result<void> update_priority(std::uint32_t stream, Priority priority);
  Result<void> ping(bool measured = false);
  void release_spares() { memory_.release_spares(); }
  // An allocation of the library has failed: it must not be called any more.
  bool short_of_memory() const { return memory_.refused(); }

 private:
  struct Hooks;
  Result<void> result(std::ptrdiff_t code) const;

  Listener& listener_;
  LibraryMemory memory_;
  ::nghttp2_session* session_ = nullptr;
};

}  // namespace sluice::http2
