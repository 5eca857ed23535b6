// The server side of one HTTP/2 connection in memory (RFC 9113), over libnghttp2: bytes go in with feed(), bytes for
// the client come out of take_output(). libnghttp2 checks the client strictly. Its source is the only file of the
// simulated world that includes the library's header. Leaves to http2_peer: what is answered, and every fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim_origin.hpp"
#include "core/types.hpp"

struct nghttp2_session;

namespace sluice::sim {

using FieldPairs = std::vector<std::pair<std::string, std::string>>;

class Http2Server {
 public:
  // What the server tells while it is fed, or asked for output.
  class Events {
   public:
    virtual void head_came(std::uint32_t stream, HttpRequest request, bool last) = 0;
    virtual void body_came(std::uint32_t stream, Bytes bytes) = 0;
    virtual void request_ended(std::uint32_t stream, FieldPairs trailers) = 0;
    virtual void reprioritized(std::uint32_t stream, std::string_view value) = 0;  // PRIORITY_UPDATE (RFC 9218 7.1)
    // By either side, or because all was sent. `code`: that of RST_STREAM; 0: it has ended well.
    virtual void stream_closed(std::uint32_t stream, std::uint32_t code) = 0;
    virtual void refused_by_limit() = 0;  // a request came before the client knew of a lowered limit
    virtual void ping_answered() = 0;
    virtual void client_broke_rule(std::string_view what) = 0;
    // The next bytes of a body, at most `most`. Empty and not `last`: none before go_on().
    struct Part {
      std::string_view bytes = {};  // lives until the next call
      bool last = false;
      const FieldPairs* trailers = nullptr;  // with `last`; null or empty: none
    };
    virtual Part next_part(std::uint32_t stream, std::size_t most) = 0;
    virtual std::size_t padding(std::uint32_t stream) = 0;  // of a DATA frame

   protected:
    ~Events() = default;
  };

  struct Settings {
    std::optional<std::uint32_t> max_streams = {};
    std::optional<std::uint32_t> window = {};  // SETTINGS_INITIAL_WINDOW_SIZE: of each upload
    bool takes_priorities = false;             // SETTINGS_NO_RFC7540_PRIORITIES; only the first ones may say it
  };

  Http2Server(Events& events, const Settings& settings);
  ~Http2Server();
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  void feed(Bytes bytes);
  std::string take_output();
  // What the client takes at most in a body now, of this exchange and of all; may be negative.
  std::int64_t window(std::uint32_t stream) const;
  std::int64_t window() const;

  void change(const Settings& settings);
  void interim(std::uint32_t stream, int status, const FieldPairs& fields);
  // `has_body`: next_part() gives it.
  void respond(std::uint32_t stream, int status, const FieldPairs& fields, bool has_body);
  void go_on(std::uint32_t stream);
  void reset(std::uint32_t stream, std::uint32_t code);
  void open_window(std::uint32_t stream, std::size_t bytes);  // 0: that of the connection
  // Bytes that have come, also of exchanges that are over, and for which the connection's window was not opened again.
  std::size_t unopened() const;
  void announce_goaway();  // the first step of two: no stream is refused yet
  void goaway(std::uint32_t last, std::uint32_t code);
  void ping();

 private:
  struct Hooks;
  void priority_update_came();
  void submit(std::uint32_t stream, int status, const FieldPairs& fields, bool interim, bool has_body);

  Events& events_;
  ::nghttp2_session* session_ = nullptr;
  HttpRequest request_;    // whose head is being read
  FieldPairs trailers_;    // that are being read
  std::string extension_;  // the payload of a PRIORITY_UPDATE that is being read
  std::set<std::uint32_t> own_resets_;
  bool own_goaway_ = false;
};

}  // namespace sluice::sim
