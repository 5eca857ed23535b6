// See library.hpp. The only file that includes libnghttp2's header.
#include "core/http2/library.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "core/base/check.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"

namespace sluice::http2 {
namespace {

// ---- memory ----

LibraryMemory& memory_of(void* self) { return *static_cast<LibraryMemory*>(self); }

void* allocate(std::size_t bytes, void* self) { return memory_of(self).allocate(bytes); }

void release(void* block, void* self) { memory_of(self).release(block); }

void* allocate_array(std::size_t count, std::size_t bytes, void* self) {
  const bool excessive = bytes != 0 && count > SIZE_MAX / bytes;
  const std::size_t all = excessive ? SIZE_MAX : count * bytes;
  void* const block = memory_of(self).allocate(all);
  if (block != nullptr) std::memset(block, 0, all);
  return block;
}

void* reallocate(void* block, std::size_t bytes, void* self) { return memory_of(self).reallocate(block, bytes); }

// ---- the listener ----

constexpr std::uint8_t kMeasured = 'm';  // begins a PING whose answer is measured

std::string_view text(const std::uint8_t* bytes, std::size_t size) { return as_text(Bytes{bytes, size}); }

std::uint32_t number(std::int32_t stream) { return static_cast<std::uint32_t>(stream); }

// A step of the listener; what the library is told.
template <class Step>
int told(Step step) {
  return has_memory_for(step) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

// RFC 9113 5.4 says which code is sent for what; the library keeps its own table to itself.
std::uint32_t code_of(int error) {
  if (error == NGHTTP2_ERR_FLOW_CONTROL) return NGHTTP2_FLOW_CONTROL_ERROR;
  if (error == NGHTTP2_ERR_STREAM_CLOSED) return NGHTTP2_STREAM_CLOSED;
  if (error == NGHTTP2_ERR_FRAME_SIZE_ERROR) return NGHTTP2_FRAME_SIZE_ERROR;
  return NGHTTP2_PROTOCOL_ERROR;
}

nghttp2_nv pair_of(std::string_view name, std::string_view value, bool is_secret) {
  const auto bytes = [](std::string_view part) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(part.data()));
  };
  const int flags = is_secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  return {bytes(name), bytes(value), name.size(), value.size(), static_cast<std::uint8_t>(flags)};
}

void submit_trailers(nghttp2_session* session, std::int32_t stream, const Fields& trailers) {
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(trailers.size());
  for (const Field field : trailers) pairs.push_back(pair_of(field.name, field.value, false));
  if (nghttp2_submit_trailer(session, stream, pairs.data(), pairs.size()) != 0) throw std::bad_alloc();
}

struct OptionsDeleter {
  void operator()(nghttp2_option* options) const { nghttp2_option_del(options); }
};
struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

}  // namespace

struct Library::Hooks {
  static Listener& of(void* self) { return static_cast<Library*>(self)->listener_; }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    return told([&] { of(self).section_begins(number(frame->hd.stream_id)); });
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_bytes,
                    const std::uint8_t* value, std::size_t value_bytes, std::uint8_t, void* self) {
    return told(
        [&] { of(self).field_read(number(frame->hd.stream_id), text(name, name_bytes), text(value, value_bytes)); });
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const std::uint32_t stream = number(frame->hd.stream_id);
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    return told([&] {
      if (frame->hd.type == NGHTTP2_HEADERS) of(self).section_ended(stream, last);
      if (frame->hd.type == NGHTTP2_DATA && last) of(self).data_ended(stream);
      if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        of(self).ping_answered(frame->ping.opaque_data[0] == kMeasured);
      }
      if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) of(self).settings_read();
      if (frame->hd.type == NGHTTP2_GOAWAY) {
        of(self).goaway_read(frame->goaway.error_code, Bytes{frame->goaway.opaque_data, frame->goaway.opaque_data_len});
      }
    });
  }
  static int invalid_frame_recv(nghttp2_session*, const nghttp2_frame* frame, int error, void* self) {
    return told([&] { of(self).frame_refused(number(frame->hd.stream_id), code_of(error)); });
  }
  static int data_chunk_recv(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                             std::size_t bytes, void* self) {
    return told([&] { of(self).data_read(number(stream), Bytes{data, bytes}); });
  }
  static int stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* self) {
    return told([&] { of(self).stream_closed(number(stream), code); });
  }
  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    return told([&] {
      if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        of(self).request_frame_made(number(frame->hd.stream_id), last);
      } else if (frame->hd.type == NGHTTP2_GOAWAY) {  // sluice itself sends none
        of(self).connection_ended(frame->goaway.error_code,
                                  text(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
      }
    });
  }
  static int frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    return told([&] { of(self).request_not_sent(number(frame->hd.stream_id)); });
  }
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* space, std::size_t bytes,
                      std::uint32_t* flags, nghttp2_data_source*, void* self) {
    Listener::Filled filled;
    if (told([&] { filled = of(self).fill(number(stream), {space, bytes}); }) != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (filled.last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (filled.last && filled.trailers) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (told([&] { submit_trailers(session, stream, *filled.trailers); }) != 0) return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (filled.bytes == 0 && !filled.last) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(filled.bytes);
  }

  static void set(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, invalid_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frame_not_send);
  }
};

std::string_view Library::version() { return nghttp2_version(0)->version_str; }

Library::~Library() {
  if (!memory_.refused()) nghttp2_session_del(session_);
}

bool Library::start(std::uint32_t first_stream, FrameBuffer* buffer) {
  if (buffer != nullptr) memory_.lend(*buffer);
  nghttp2_option* made_options = nullptr;
  nghttp2_session_callbacks* made_callbacks = nullptr;
  if (nghttp2_option_new(&made_options) != 0) return false;
  const std::unique_ptr<nghttp2_option, OptionsDeleter> options(made_options);
  if (nghttp2_session_callbacks_new(&made_callbacks) != 0) return false;
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(made_callbacks);
  nghttp2_option_set_no_auto_window_update(options.get(), 1);
  nghttp2_option_set_no_http_messaging(options.get(), 1);
  nghttp2_option_set_no_closed_streams(options.get(), 1);
  // Its own limit is 64 KiB, and counts more than the fields have.
  nghttp2_option_set_max_send_header_block_length(options.get(), 4 * limits::kMaxRequestHeadBytes);
  Hooks::set(callbacks.get());
  nghttp2_mem memory = {&memory_, allocate, release, allocate_array, reallocate};
  nghttp2_session* made = nullptr;  // after a failure it may be a pointer to what was freed
  if (nghttp2_session_client_new3(&made, callbacks.get(), this, options.get(), &memory) != 0) return false;
  session_ = made;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits::kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits::kMaxHeadBytes},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, limits::kConnectionWindowBytes) == 0 &&
         (first_stream == 1 ||
          nghttp2_session_set_next_stream_id(session_, static_cast<std::int32_t>(first_stream)) == 0);
}

Result<void> Library::result(std::ptrdiff_t code) const {
  if (memory_.refused()) return std::unexpected(make_error(Code::out_of_memory, {}));
  if (code >= 0) return {};
  if (code == NGHTTP2_ERR_NOMEM || code == NGHTTP2_ERR_CALLBACK_FAILURE) {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  return or_out_of_memory([&]() -> Result<void> {
    const int number = static_cast<int>(code);
    if (number == NGHTTP2_ERR_FLOODED) {
      return std::unexpected(make_error(Code::http2_error, "HTTP/2: too much is waiting to be sent to the peer"));
    }
    return std::unexpected(make_error(Code::internal, "HTTP/2: " + std::string(nghttp2_strerror(number)), number));
  });
}

Result<void> Library::feed(Bytes input) {
  const ssize_t taken = nghttp2_session_mem_recv(session_, input.data(), input.size());
  SLUICE_CHECK(taken < 0 || static_cast<std::size_t>(taken) == input.size());
  return result(taken);
}

bool Library::has_output() const { return nghttp2_session_want_write(session_) != 0; }

Result<Bytes> Library::next_output() {
  const std::uint8_t* data = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_, &data);
  if (auto made = result(size); !made) return std::unexpected(std::move(made.error()));
  return Bytes{data, static_cast<std::size_t>(size)};
}

bool Library::takes_requests() const { return nghttp2_session_check_request_allowed(session_) != 0; }

std::size_t Library::max_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Library::takes_extended_connect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

Result<std::uint32_t> Library::submit_request(const RequestFields& fields, bool has_body) {
  return or_out_of_memory([&]() -> Result<std::uint32_t> {
    // The library copies them, and changes names to lower case.
    std::array<nghttp2_nv, 128> few;  // each cookie is one
    std::vector<nghttp2_nv> many(fields.size() > few.size() ? fields.size() : 0);
    const std::span<nghttp2_nv> pairs = many.empty() ? std::span(few).first(fields.size()) : std::span(many);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const RequestFields::View field = fields.at(i);
      pairs[i] = pair_of(field.name, field.value, field.is_secret);
    }
    nghttp2_data_provider body = {};
    body.read_callback = Hooks::read;
    const std::int32_t stream =
        nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(), has_body ? &body : nullptr, nullptr);
    if (auto submitted = result(stream); !submitted) return std::unexpected(std::move(submitted.error()));
    return number(stream);
  });
}

Result<void> Library::reset(std::uint32_t stream, std::uint32_t code) {
  return result(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream), code));
}

// It may be that the library does not wait for more, for example because of a window.
Result<void> Library::resume(std::uint32_t stream) {
  const int resumed = nghttp2_session_resume_data(session_, static_cast<std::int32_t>(stream));
  return result(resumed == NGHTTP2_ERR_INVALID_ARGUMENT ? 0 : resumed);
}

bool Library::has_window() const { return nghttp2_session_get_remote_window_size(session_) > 0; }

bool Library::has_window(std::uint32_t stream) const {
  return has_window() && nghttp2_session_get_stream_remote_window_size(session_, static_cast<std::int32_t>(stream)) > 0;
}

Result<void> Library::end_with_trailers(std::uint32_t stream, const Fields& trailers) {
  return or_out_of_memory([&]() -> Result<void> {
    submit_trailers(session_, static_cast<std::int32_t>(stream), trailers);
    return {};
  });
}

Result<void> Library::consumed(std::uint32_t stream, std::size_t bytes) {
  return result(nghttp2_session_consume_stream(session_, static_cast<std::int32_t>(stream), bytes));
}

Result<void> Library::consumed_of_connection(std::size_t bytes) {
  return result(nghttp2_session_consume_connection(session_, bytes));
}

Result<void> Library::enlarge_window(std::uint32_t stream, std::size_t bytes) {
  return result(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream),
                                                      static_cast<std::int32_t>(bytes)));
}

Result<void> Library::update_priority(std::uint32_t stream, Priority priority) {
  return or_out_of_memory([&] {
    const std::string value = priority_field(priority);
    return result(nghttp2_submit_priority_update(session_, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream),
                                                 reinterpret_cast<const std::uint8_t*>(value.data()), value.size()));
  });
}

Result<void> Library::ping(bool measured) {
  const std::uint8_t opaque[8] = {measured ? kMeasured : std::uint8_t{0}};
  return result(nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, opaque));
}

}  // namespace sluice::http2
