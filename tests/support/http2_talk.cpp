// See http2_talk.hpp.
#include "tests/support/http2_talk.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "core/types.hpp"
#include "tests/support/must.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::test {
namespace {

constexpr std::uint32_t kMostStreams = 100;

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // the library copies them
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

class Http2Talk final : public Talk {
 public:
  Http2Talk();
  ~Http2Talk() override { nghttp2_session_del(session_); }
  Http2Talk(const Http2Talk&) = delete;
  Http2Talk& operator=(const Http2Talk&) = delete;

  void receive(std::string_view bytes) override;
  void produce(std::string& out, std::size_t limit) override;
  bool has_output() const override {
    return !blocked_ && end_ == End::none && nghttp2_session_want_write(session_) != 0;
  }
  bool wants_input() const override { return end_ == End::none; }  // what is echoed has a window
  int held() const override;
  void release() override;
  End end() const override { return end_; }
  int requests() const override { return requests_; }

 private:
  struct Stream {
    OriginPath asked;
    bool body_done = false, answering = false, answered = false, waiting = false;
    std::size_t body_read = 0;
    std::string echo;
    std::string_view body;
    std::size_t at = 0;

    bool holds_back() const { return waiting && (asked.hold || at >= body.size() / 2); }
  };

  static nghttp2_session_callbacks* callbacks();
  static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t space,
                           std::uint32_t* flags, nghttp2_data_source*, void* self);
  void begin_answer(std::int32_t id, Stream& stream);
  void send_head(std::int32_t id, Stream& stream);
  void reset(std::int32_t id);
  void take_body(std::int32_t id, Bytes bytes);
  void end_body(std::int32_t id);
  ssize_t give_body(std::int32_t id, MutableBytes space, std::uint32_t& flags);

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Stream> streams_;
  bool blocked_ = false;  // the library had something to send and no window
  End end_ = End::none;
  int requests_ = 0;
};

Http2Talk& talk_of(void* self) { return *static_cast<Http2Talk*>(self); }

nghttp2_session_callbacks* Http2Talk::callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  must(nghttp2_session_callbacks_new(&made) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made,
                                                          [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                            if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
                                                              talk_of(self).streams_[frame->hd.stream_id];
                                                            return 0;
                                                          });
  nghttp2_session_callbacks_set_on_header_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
               const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        if (as_text({name, name_size}) == ":path")
          talk_of(self).streams_[frame->hd.stream_id].asked = OriginPath(as_text({value, value_size}));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      made,
      [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* self) {
        talk_of(self).take_body(id, {bytes, size});
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        Http2Talk& talk = talk_of(self);
        const std::int32_t id = frame->hd.stream_id;
        const auto stream = talk.streams_.find(id);
        if (stream == talk.streams_.end()) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
          ++talk.requests_;
          if (stream->second.asked.echo) talk.begin_answer(id, stream->second);
        }
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) talk.end_body(id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      made, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
        talk_of(self).streams_.erase(id);
        return 0;
      });
  return made;
}

Http2Talk::Http2Talk() {
  nghttp2_session_callbacks* const all = callbacks();
  nghttp2_option* options = nullptr;
  must(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  must(nghttp2_session_server_new2(&session_, all, this, options) == 0);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(all);
  const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMostStreams};
  must(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &streams, 1) == 0);
}

void Http2Talk::receive(std::string_view bytes) {
  blocked_ = false;
  const Bytes input = as_bytes(bytes);
  if (end_ == End::none && nghttp2_session_mem_recv(session_, input.data(), input.size()) < 0) end_ = End::reset;
}

void Http2Talk::produce(std::string& out, std::size_t limit) {
  const std::size_t before = out.size();
  while (out.size() < limit) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    must(size >= 0);
    if (size == 0) break;
    out += as_text({bytes, static_cast<std::size_t>(size)});
  }
  blocked_ = out.size() == before;
}

int Http2Talk::held() const {
  return static_cast<int>(std::ranges::count_if(
      streams_, [](const auto& each) { return each.second.answering && each.second.holds_back(); }));
}

void Http2Talk::release() {
  blocked_ = false;
  for (auto& [id, stream] : streams_) {
    if (!stream.waiting || !stream.answering) continue;
    stream.waiting = false;
    if (!stream.answered) {
      send_head(id, stream);
    } else {
      nghttp2_session_resume_data(session_, id);
    }
  }
}

void Http2Talk::take_body(std::int32_t id, Bytes bytes) {
  nghttp2_session_consume_connection(session_, bytes.size());
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.body_read += bytes.size();
  if (stream.asked.reset_upload && stream.body_read >= kResetUploadAt) return reset(id);
  if (!stream.asked.echo) {
    nghttp2_session_consume_stream(session_, id, bytes.size());
    return;
  }
  stream.echo += as_text(bytes);
  nghttp2_session_resume_data(session_, id);
}

void Http2Talk::end_body(std::int32_t id) {
  Stream& stream = streams_[id];
  stream.body_done = true;
  if (!stream.answering) return begin_answer(id, stream);
  nghttp2_session_resume_data(session_, id);
}

void Http2Talk::begin_answer(std::int32_t id, Stream& stream) {
  stream.answering = true;
  if (!stream.asked.echo) stream.body = pattern(stream.asked.size, stream.asked.start);
  stream.waiting = stream.asked.hold || stream.asked.half;
  if (!stream.asked.hold) send_head(id, stream);
}

void Http2Talk::send_head(std::int32_t id, Stream& stream) {
  stream.answered = true;
  if (stream.asked.reset_head) return reset(id);
  if (stream.asked.early) {
    const nghttp2_nv early[] = {field(":status", "103"), field("link", "</style.css>")};
    must(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, early, std::size(early), nullptr) == 0);
  }
  const std::string length = std::to_string(stream.body.size());
  const nghttp2_nv head[] = {field(":status", "200"), field("content-length", length)};
  const std::size_t count = stream.asked.echo || stream.asked.chunked ? 1 : 2;
  nghttp2_data_provider source = {};
  source.read_callback = read_body;
  must(nghttp2_submit_response(session_, id, head, count, &source) == 0);
}

void Http2Talk::reset(std::int32_t id) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
}

ssize_t Http2Talk::read_body(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t space,
                             std::uint32_t* flags, nghttp2_data_source*, void* self) {
  return talk_of(self).give_body(id, {out, space}, *flags);
}

ssize_t Http2Talk::give_body(std::int32_t id, MutableBytes space, std::uint32_t& flags) {
  Stream& stream = streams_[id];
  const bool stops_at_half = stream.waiting || stream.asked.reset_body;
  std::string_view left = stream.asked.echo ? std::string_view(stream.echo) : stream.body.substr(stream.at);
  if (stops_at_half) left = left.substr(0, stream.body.size() / 2 - std::min(stream.at, stream.body.size() / 2));
  if (left.empty() && stream.asked.reset_body) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
  if (left.empty() && (stops_at_half || (stream.asked.echo && !stream.body_done))) return NGHTTP2_ERR_DEFERRED;
  const std::size_t size = std::min(left.size(), space.size());
  if (size > 0) std::memcpy(space.data(), left.data(), size);
  if (stream.asked.echo) {
    stream.echo.erase(0, size);
    nghttp2_session_consume_stream(session_, id, size);
  } else {
    stream.at += size;
  }
  const bool ended = stream.asked.echo ? stream.body_done && stream.echo.empty() : stream.at == stream.body.size();
  if (ended) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.asked.close)
      nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                            NGHTTP2_NO_ERROR, nullptr, 0);
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

bool has_http2_talk() { return true; }
std::unique_ptr<Talk> make_http2_talk() { return std::make_unique<Http2Talk>(); }

}  // namespace sluice::test
