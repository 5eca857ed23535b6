// See http2_server.hpp. The only file of the simulated world that includes libnghttp2's header.
#include "adapters/sim/http2_server.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

std::uint32_t unsigned_id(std::int32_t stream) { return static_cast<std::uint32_t>(stream); }
std::int32_t library_id(std::uint32_t stream) { return static_cast<std::int32_t>(stream); }

// The fields of a response as the library wants them. It copies them.
std::vector<nghttp2_nv> as_library_fields(std::string_view status, const FieldPairs& fields) {
  std::vector<nghttp2_nv> all;
  const auto add = [&](std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    all.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  };
  if (!status.empty()) add(":status", status);
  for (const auto& [name, value] : fields) add(name, value);
  return all;
}

void succeed(int code) { SLUICE_CHECK(code == 0); }

struct OptionsDeleter {
  void operator()(nghttp2_option* options) const { nghttp2_option_del(options); }
};
struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

}  // namespace

struct Http2Server::Hooks {
  static Http2Server& of(void* self) { return *static_cast<Http2Server*>(self); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) of(self).request_ = {};
    of(self).trailers_.clear();
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_bytes,
                    const std::uint8_t* value, std::size_t value_bytes, std::uint8_t, void* self) {
    HttpRequest& request = of(self).request_;
    const bool trailer = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
    const std::string_view key = as_text({name, name_bytes}), text = as_text({value, value_bytes});
    if (trailer) {
      of(self).trailers_.emplace_back(key, text);
    } else if (key == ":method") {
      request.method = text;
    } else if (key == ":path") {
      request.target = text;
    } else {
      request.fields.emplace_back(key, text);
    }
    return 0;
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Http2Server& server = of(self);
    const std::uint32_t stream = unsigned_id(frame->hd.stream_id);
    const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      server.events_.head_came(stream, std::exchange(server.request_, {}), last);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && last)
      server.events_.request_ended(stream, std::exchange(server.trailers_, {}));
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) server.events_.ping_answered();
    if (frame->hd.type == NGHTTP2_PRIORITY_UPDATE) server.priority_update_came();
    return 0;
  }
  static int extension_chunk_recv(nghttp2_session*, const nghttp2_frame_hd*, const std::uint8_t* data,
                                  std::size_t bytes, void* self) {
    of(self).extension_ += as_text({data, bytes});
    return 0;
  }
  static int unpack_extension(nghttp2_session*, void** payload, const nghttp2_frame_hd*, void*) {
    *payload = nullptr;
    return 0;
  }
  // A request beyond a limit that the client does not know yet is no fault of the client's.
  static int invalid_frame_recv(nghttp2_session*, const nghttp2_frame* frame, int error, void* self) {
    if (error == NGHTTP2_ERR_REFUSED_STREAM) {
      of(self).own_resets_.insert(unsigned_id(frame->hd.stream_id));
      of(self).events_.refused_by_limit();
    } else {
      of(self).events_.client_broke_rule(std::string("frame ") + std::to_string(frame->hd.type) + ": " +
                                         nghttp2_strerror(error));
    }
    return 0;
  }
  static int data_chunk_recv(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                             std::size_t bytes, void* self) {
    of(self).events_.body_came(unsigned_id(stream), Bytes{data, bytes});
    return 0;
  }
  static int stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* self) {
    of(self).events_.stream_closed(unsigned_id(stream), code);
    return 0;
  }
  // The library resets a stream, or ends the connection, only if the client broke a rule.
  static int frame_send(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Http2Server& server = of(self);
    const std::uint32_t stream = unsigned_id(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_RST_STREAM && server.own_resets_.erase(stream) == 0)
      server.events_.client_broke_rule("an exchange: error " + std::to_string(frame->rst_stream.error_code));
    if (frame->hd.type == NGHTTP2_GOAWAY && !server.own_goaway_ && frame->goaway.error_code != NGHTTP2_NO_ERROR)
      server.events_.client_broke_rule("error " + std::to_string(frame->goaway.error_code));
    return 0;
  }
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* space, std::size_t bytes,
                      std::uint32_t* flags, nghttp2_data_source*, void* self) {
    const Events::Part part = of(self).events_.next_part(unsigned_id(stream), bytes);
    std::ranges::copy(part.bytes, space);
    if (part.last) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (part.trailers && !part.trailers->empty()) {
        const std::vector<nghttp2_nv> fields = as_library_fields({}, *part.trailers);
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        succeed(nghttp2_submit_trailer(session, stream, fields.data(), fields.size()));
      }
    }
    if (part.bytes.empty() && !part.last) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(part.bytes.size());
  }
  static ssize_t select_padding(nghttp2_session*, const nghttp2_frame* frame, std::size_t most, void* self) {
    const std::size_t size = frame->hd.length;
    if (frame->hd.type != NGHTTP2_DATA) return static_cast<ssize_t>(size);
    return static_cast<ssize_t>(std::min(most, size + of(self).events_.padding(unsigned_id(frame->hd.stream_id))));
  }

  static void set(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, invalid_frame_recv);
    nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(callbacks, extension_chunk_recv);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, unpack_extension);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_send);
    nghttp2_session_callbacks_set_select_padding_callback(callbacks, select_padding);
  }
};

Http2Server::Http2Server(Events& events, const Settings& settings) : events_(events) {
  nghttp2_option* made_options = nullptr;
  nghttp2_session_callbacks* made_callbacks = nullptr;
  succeed(nghttp2_option_new(&made_options));
  const std::unique_ptr<nghttp2_option, OptionsDeleter> options(made_options);
  succeed(nghttp2_session_callbacks_new(&made_callbacks));
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(made_callbacks);
  nghttp2_option_set_no_auto_window_update(options.get(), 1);
  // The library itself passes over some.
  nghttp2_option_set_user_recv_extension_type(options.get(), NGHTTP2_PRIORITY_UPDATE);
  Hooks::set(callbacks.get());
  succeed(nghttp2_session_server_new2(&session_, callbacks.get(), this, options.get()));
  change(settings);
}

Http2Server::~Http2Server() { nghttp2_session_del(session_); }

// RFC 9218 7.1: the stream, and the value of a Priority field.
void Http2Server::priority_update_came() {
  constexpr std::size_t kStreamBytes = 4;
  const std::string all = std::exchange(extension_, {});
  if (all.size() < kStreamBytes) return events_.client_broke_rule("a PRIORITY_UPDATE without a stream");
  std::uint32_t stream = 0;
  for (const std::uint8_t byte : as_bytes(all).first(kStreamBytes)) stream = stream << 8 | byte;
  events_.reprioritized(stream, std::string_view(all).substr(kStreamBytes));
}

void Http2Server::feed(Bytes bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return events_.client_broke_rule("no connection preface");
  SLUICE_CHECK(taken >= 0);
}

std::string Http2Server::take_output() {
  std::string all;
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    SLUICE_CHECK(size >= 0);
    if (size == 0) return all;
    all += as_text({data, static_cast<std::size_t>(size)});
  }
}

std::int64_t Http2Server::window(std::uint32_t stream) const {
  return nghttp2_session_get_stream_remote_window_size(session_, library_id(stream));
}
std::int64_t Http2Server::window() const { return nghttp2_session_get_remote_window_size(session_); }

void Http2Server::change(const Settings& settings) {
  std::vector<nghttp2_settings_entry> entries;
  if (settings.max_streams) entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, *settings.max_streams});
  if (settings.window) entries.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, *settings.window});
  if (settings.takes_priorities) entries.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  succeed(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()));
}

void Http2Server::interim(std::uint32_t stream, int status, const FieldPairs& fields) {
  const std::string text = std::to_string(status);
  const std::vector<nghttp2_nv> all = as_library_fields(text, fields);
  const std::int32_t submitted =
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, library_id(stream), nullptr, all.data(), all.size(), nullptr);
  SLUICE_CHECK(submitted == 0);
}

void Http2Server::respond(std::uint32_t stream, int status, const FieldPairs& fields, bool has_body) {
  const std::string text = std::to_string(status);
  const std::vector<nghttp2_nv> all = as_library_fields(text, fields);
  nghttp2_data_provider body = {};
  body.read_callback = Hooks::read;
  succeed(nghttp2_submit_response(session_, library_id(stream), all.data(), all.size(), has_body ? &body : nullptr));
}

// It may be that the library waits for a window, and not for more.
void Http2Server::go_on(std::uint32_t stream) {
  const int resumed = nghttp2_session_resume_data(session_, library_id(stream));
  SLUICE_CHECK(resumed == 0 || resumed == NGHTTP2_ERR_INVALID_ARGUMENT);
}

void Http2Server::reset(std::uint32_t stream, std::uint32_t code) {
  own_resets_.insert(stream);
  succeed(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, library_id(stream), code));
}

void Http2Server::open_window(std::uint32_t stream, std::size_t bytes) {
  succeed(
      nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, library_id(stream), static_cast<std::int32_t>(bytes)));
}

std::size_t Http2Server::unopened() const {
  return static_cast<std::size_t>(std::max(nghttp2_session_get_effective_recv_data_length(session_), 0));
}

void Http2Server::announce_goaway() { succeed(nghttp2_submit_shutdown_notice(session_)); }

void Http2Server::goaway(std::uint32_t last, std::uint32_t code) {
  own_goaway_ = true;
  succeed(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, library_id(last), code, nullptr, 0));
}

void Http2Server::ping() { succeed(nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr)); }

}  // namespace sluice::sim
