// The peers of a simulated world: what answers a connection. A script (any bytes at any moment), an origin of HTTP/1.1
// or HTTP/2 that is correct unless it is told to make a fault, or a Peer of the user.
//
//   sim::Script script;
//   script.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").wait(2s).send("lo").close();
//
// Knows bytes and virtual time, but no names, addresses or engine. A Peer handles plain bytes; the world adds TLS below
// it if the origin has it (sim.hpp). Everything runs in the world's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/base/random.hpp"
#include "../core/types.hpp"

namespace sluice::sim {

// A Peer's end of a connection. Calls after close() or reset() do nothing.
class Line {
 public:
  // Queues bytes without a limit; they move as the weather says.
  virtual void send(Bytes bytes) = 0;
  void send(std::string_view text) { send(as_bytes(text)); }
  virtual void finish() = 0;  // sends the end; this end still reads (a half close)
  // What was sent still arrives, then the end. Bytes that the engine sends afterwards cause a reset.
  virtual void close() = 0;
  virtual void reset() = 0;                     // at once; bytes that have not arrived are lost
  virtual void read(bool on) = 0;               // off: bytes wait in the line; when it is full, the engine cannot send
  virtual void wake_after(Duration delay) = 0;  // calls Peer::on_wake() once; a later call replaces an earlier one
  // Records a fault that this end makes on purpose, for the trace and for World::faults() under this name.
  virtual void admit(std::string_view fault) = 0;
  // The TLS server on this line has read the end of the stream without a close_notify before it: for World::record().
  virtual void note_cut_off() {}
  // The first bytes that the TLS server on this line has read came as early data.
  virtual bool has_early_data() const { return false; }
  // The protocol that the TLS server on this line has agreed to (ALPN); "": none, or there is no TLS.
  virtual std::string_view alpn() const { return {}; }
  // The host that the client has named to the TLS server on this line (SNI); "": none, or there is no TLS.
  virtual std::string server_name() const { return {}; }
  virtual Now now() const = 0;
  virtual Random& random() = 0;

 protected:
  ~Line() = default;
};

// The far end of one connection. Destroyed when both ends have closed it.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_open(Line& line) { static_cast<void>(line); }
  virtual void on_bytes(Line& line, Bytes bytes) = 0;
  virtual void on_end(Line& line) { line.close(); }  // the engine has closed its end
  virtual void on_wake(Line& line) { static_cast<void>(line); }
};
// Called for each connection that an origin accepts; `nth` counts them from 0.
using Accept = std::function<std::unique_ptr<Peer>(std::uint64_t nth)>;

// ---- scripts ----

// Steps that are done one after another; after the last one the peer does nothing more. Bytes that come while no step
// awaits them are kept for the next step that does.
class Script {
 public:
  Script& await(std::string text);         // waits until the received bytes hold this text; removes them up to its end
  Script& await_bytes(std::size_t count);  // waits until this many bytes have come, and removes them
  Script& send(std::string bytes);
  Script& wait(Duration delay);
  Script& finish();
  Script& close();
  Script& reset();
  Script& again();  // begins again with the first step

 private:
  friend std::unique_ptr<Peer> play(Script script);
  struct Step {
    enum class Kind : std::uint8_t { await_text, await_bytes, send, wait, finish, close, reset, again };
    Kind kind;
    std::string bytes = {};
    std::size_t count = 0;
    Duration delay = {};
  };
  friend class ScriptPeer;
  std::vector<Step> steps_;
};
std::unique_ptr<Peer> play(Script script);
// Each connection plays the same script.
Accept script_origin(Script script);

// ---- an HTTP/1.1 origin ----

struct HttpRequest {
  std::string method = {};
  std::string target = {};
  std::vector<std::pair<std::string, std::string>> fields = {};  // names in lower case
  // Without transfer coding; empty if the reply is `early`.
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> trailers = {};  // the same; known when the request is complete
  bool http2 = false;                                     // over HTTP/2: pseudo-fields are fields, such as ":authority"
  std::string server_name = {};                           // Line::server_name()
  std::uint64_t connection = 0;                           // the `nth` of Accept
  std::uint64_t number = 0;                               // number of the request on this connection, from 0
  bool early_data = false;                                // it came as early data of TLS, or its beginning
  const std::string* field(std::string_view name) const;  // the first field of that name in lower case; null: none
};

// A fault that an origin can be told to make. Each is reported by Line::admit() with the name from to_string().
enum class OriginFault : std::uint8_t {
  none,
  short_body,         // closes before the end that the framing announces
  reset_in_body,      // resets the connection in the body
  stall_in_body,      // stops in the body and does not close
  surplus,            // bytes after the end of the response
  second_response,    // a complete second response, without a request
  garbage,            // bytes that are not HTTP
  two_lengths,        // Content-Length: 1, 2
  bad_chunk,          // an invalid chunk size
  huge_head,          // a head above every limit
  too_many_interims,  // 1xx responses without end
  silent_close,       // closes without a byte
  unasked_upgrade,    // 101
  // Closes right after the response without announcing it, even if the request has not come completely.
  abrupt_close,
  never,  // reads the request and never answers
};
std::string_view to_string(OriginFault origin_fault);

// A deviation from RFC 9112 with which a tolerant client still gets the correct response.
enum class Oddity : std::uint8_t {
  none,
  bare_lf,             // LF ends every line
  mixed_line_ends,     // one LF among CRLF
  folds,               // a field value over three lines
  folded_framing,      // Content-Length or Transfer-Encoding over two lines
  equal_lengths,       // Content-Length twice, and as a list
  both_lengths,        // a wrong Content-Length together with chunked
  empty_elements,      // Transfer-Encoding: , chunked ,
  identity,            // Transfer-Encoding: identity, if not chunked
  padded_chunks,       // blanks after a chunk size
  odd_fields,          // a name that is not a token, and control bytes in a value
  blank_before_colon,  // a space before the colon of a field that does not frame
};
std::string_view to_string(Oddity oddity);

// A fault that an HTTP/2 origin can be told to make in place of a response, or in it. Each is reported by Line::admit()
// with the name from to_string().
enum class Http2Fault : std::uint8_t {
  none,
  // Only this exchange ends:
  refused,          // RST_STREAM(REFUSED_STREAM), when the head of the request has come
  calm,             // the same with ENHANCE_YOUR_CALM
  needs_http1,      // the same with HTTP_1_1_REQUIRED
  goaway_http1,     // GOAWAY(HTTP_1_1_REQUIRED) below it; the same as needs_http1 if a later one has a response already
  reset_at_head,    // RST_STREAM(INTERNAL_ERROR) in place of the response
  reset_in_body,    // RST_STREAM(CANCEL) in its body
  two_statuses,     // :status twice
  upper_case_name,  // a field name with a capital letter
  connection_field,  // the field Connection
  long_body,         // more bytes than content-length says
  short_body,        // fewer
  late_head,         // a second head after the body
  no_status,         // a head without :status
  interim_flood,     // interim responses without end
  // The connection has to end:
  zero_update,  // a WINDOW_UPDATE that opens nothing
  push_promise,
  continuations,   // CONTINUATION frames without end
  pings,           // more PING frames at once than anybody answers
  settings_flood,  // the same with SETTINGS
  update_flood,    // WINDOW_UPDATE frames in great number
  priority_flood,  // PRIORITY frames in great number
  empty_frames,    // DATA frames without data, in great number
  hpack_bomb,      // few bytes that mean a head of megabytes; the connection ends after it
  huge_frame,      // longer than the client allows
  bad_setting,     // a window above 2^31 - 1
  idle_stream,     // DATA of a stream that was never opened
  stray_data,      // DATA of stream 0
  goaway_calm,     // GOAWAY(ENHANCE_YOUR_CALM), and the end
  closes_in_body,  // the end of the connection
  resets_in_body,  // a reset of the connection
  // What a client may take, or not:
  data_after_end,  // the response, and DATA after its end
  overrun,         // the response, all at once, whatever the windows are
};
std::string_view to_string(Http2Fault fault);

// What of a response is HTTP/2's alone.
struct Http2Reply {
  Http2Fault fault = Http2Fault::none;
  std::size_t frame_bytes = 16'384;  // most bytes of the body in a frame
  std::size_t padding = 0;           // bytes added to each DATA frame, at most 255
  Duration pause = {};               // between two frames of the body
  bool noise = false;                // frames of unknown types, and others that mean nothing, come before the response
  // With `early`: RST_STREAM(NO_ERROR) after the response, if the request is not complete then.
  bool stops_upload = false;
};

// What an origin answers.
struct HttpReply {
  enum class Framing : std::uint8_t { length, chunked, until_close };
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::string body = {};
  Framing framing = Framing::length;
  std::size_t chunk_bytes = 4096;                                        // bytes in each chunk
  std::vector<std::pair<std::string, std::string>> trailers = {};        // chunked only
  std::vector<int> interims = {};                                        // interim statuses sent first, such as 103
  std::vector<std::pair<std::string, std::string>> interim_fields = {};  // fields of each interim response
  Duration delay = {};                                                   // before the first byte of the reply
  // Sent when the request's head has come, before its body; the body is read and dropped.
  bool early = false;
  // The head and half of the body are sent when the request's head has come, the rest after its last byte. Not with a
  // fault, without a body, or if the request waits for a 100 that the origin does not send.
  bool begins_early = false;
  bool close = false;  // sends Connection: close and closes after the response
  // An HTTP/1.0 response, without chunks and interim responses; closes without announcing it.
  bool http10 = false;
  bool keep_alive = false;  // with http10: sends Connection: keep-alive and does not close
  // Interim responses, the response and what follows it are sent in one write, so one read may get them all.
  bool one_write = false;
  OriginFault origin_fault = OriginFault::none;
  Oddity oddity = Oddity::none;
  Http2Reply http2 = {};  // over HTTP/2, where `origin_fault` and `oddity` have no effect
};
// Whether a client cannot be certain where this response ends: then it must not use the connection again.
bool leaves_doubt(Oddity oddity, int status, HttpReply::Framing framing);
// Called when a request is complete. If it has a body, also called when its head has come, to learn whether the reply
// is `early`; if not, that reply is dropped. The reply should depend on the request only.
using Responder = std::function<HttpReply(const HttpRequest&)>;

struct HttpOriginOptions {
  std::size_t max_requests = SIZE_MAX;      // requests on one connection; the last response has Connection: close
  std::optional<Duration> keep_alive = {};  // closes a connection that was idle for this time, without announcing it
  bool answers_continue = true;             // sends 100 for Expect: 100-continue
};
// An HTTP/1.1 origin. HEAD, 204 and 304 get no body, whatever the reply says. Pipelined requests are accepted. A
// request that is not strictly HTTP/1.1 (RFC 9112) is answered with 400 and a close, and reported as the fault "bad
// request"; sluice must never cause it.
Accept http_origin(Responder responder, HttpOriginOptions options = {});

// ---- an HTTP/2 origin ----

// New settings of a connection's server.
struct Http2Change {
  Duration at = {};  // since the connection was opened
  std::optional<std::uint32_t> max_streams = {};
  std::optional<std::uint32_t> upload_window =
      {};  // SETTINGS_INITIAL_WINDOW_SIZE; a lower one may make windows negative
};

// Is told what a client cannot know, or what a test cannot see from the client's end. Must outlive the world.
class Http2Watcher {
 public:
  // This request was not processed: it was refused, or is above the last one of a GOAWAY.
  virtual void unprocessed(const HttpRequest&) {}
  // This request was not processed, and the client was told that it has to use HTTP/1.1 for it.
  virtual void needs_http1(const HttpRequest&) {}
  virtual void reprioritized(const HttpRequest&, std::string_view value) { static_cast<void>(value); }
  virtual void answers(const HttpRequest&, Instant now) { static_cast<void>(now); }           // the response begins
  virtual void given_up(const HttpRequest&, std::uint32_t code) { static_cast<void>(code); }  // reset by the client
  virtual void upload_came(const HttpRequest&) {}                                             // the request is complete
  // How much the client takes now of this exchange, of which so much was sent, and of all.
  virtual void windows(std::int64_t stream, std::size_t sent, std::int64_t connection) {
    static_cast<void>(stream), static_cast<void>(sent), static_cast<void>(connection);
  }
  // The client has closed a connection on which this exchange was open, and no fault was made there.
  virtual void left_open(const HttpRequest&, Instant now) { static_cast<void>(now); }
  // The same where a PING was not answered; the last one was sent so long ago.
  virtual void unanswered(Duration ago) { static_cast<void>(ago); }

 protected:
  ~Http2Watcher() = default;
};

struct Http2OriginOptions {
  HttpOriginOptions http1 = {};  // for connections that speak HTTP/1.1
  std::uint32_t max_streams = 100;
  std::uint32_t upload_window = 65'535;     // of each request's body
  std::size_t connection_window = 65'535;   // of all of them
  bool takes_priorities = false;            // its SETTINGS say so (RFC 9218 2.1)
  std::size_t window_step = SIZE_MAX;       // windows are opened by at most so much in a WINDOW_UPDATE
  std::vector<Http2Change> changes = {};    // in the order of time
  std::optional<Duration> keep_alive = {};  // closes a connection that was idle for this time, after a GOAWAY
  std::optional<Duration> ping_every = {};  // sends PING while there are requests, and with each response
  // After so many requests of a connection: GOAWAY. In one step the last `unprocessed` ones, if they have no response
  // yet, are above its last id; in two steps all requests before the second are answered.
  std::optional<std::size_t> goes_away_after = {};
  std::size_t unprocessed = 0;
  bool two_steps = false;
  std::optional<std::size_t> silent_after = {};  // from then on nothing is read or sent; the connection stays open
  Http2Watcher* watcher = nullptr;               // not owned; null: none
};
bool has_http2_origin();  // false: a build without libnghttp2
// An origin of HTTP/2 (RFC 9113) on connections where ALPN says so, or that begin with the connection preface; of
// HTTP/1.1 on others. A client that breaks a rule of HTTP/2 is reported as the fault "bad request"; sluice must never
// cause it. Without libnghttp2 it speaks HTTP/1.1 alone.
Accept http2_origin(Responder responder, Http2OriginOptions options = {});

}  // namespace sluice::sim
