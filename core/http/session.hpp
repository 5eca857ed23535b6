// The interface that every HTTP version implements: exchanges over one byte stream; HTTP/1 has one at a time. Knows
// framing only. Bytes come from and go to the layer below (TLS, a proxy's tunnel, the transport). Leaves to the engine:
// which transfer gets an exchange, and the time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/stream_end.hpp"
#include "core/error.hpp"
#include "core/http/upload.hpp"
#include "core/options.hpp"
#include "core/priority.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::http {

// The number of an exchange within its session; later exchanges have greater numbers. HTTP/2 uses its stream ids.
using StreamId = std::uint32_t;

// What an HTTP/1 body may be, and what is given of it.
enum class BodyForm : std::uint8_t {
  plain,  // no transfer coding but chunked, whose framing is removed
  coded,  // other transfer codings before it too; only the framing is removed
  raw,    // the same, and nothing is removed: size lines of chunks and trailers are body bytes
};

// How the response of one exchange is read: the parts of TransferOptions that matter for it.
struct ResponseRules {
  Http1 http1 = Http1::tolerant;
  bool allow_http0_9 = false;
  bool truncation_ok = false;  // StreamEnd::bare completes a body that only the end of the stream can end
  bool keep_raw_head = false;
};

// A request that a proxy forwards has an absolute request-target (RFC 9112 3.2.2), and what is meant for the proxy
// alone. Views.
struct ForwardedBy {
  const Fields* fields = nullptr;       // but for those that the request has, and those that frame it
  std::string_view authorization = {};  // the value of Proxy-Authorization; "": none
};
// "http://example.org/path?query"; the request's own target if it has one. Throws std::bad_alloc.
std::string absolute_target(const Request& request);

// What an exchange reads from and writes to. The caller of open() owns all of it. It must not move or go away before
// the exchange is complete, has failed or was aborted.
struct Exchange {
  const Request* request = nullptr;
  UploadBody* upload = nullptr;  // null: no body
  ResponseHead* head = nullptr;  // filled before Event::Kind::head
  // Null: not wanted; filled before Event::Kind::complete, never merged into `head` (SB-57).
  Fields* trailers = nullptr;
  ResponseRules rules = {};
  BodyForm body = BodyForm::plain;
  bool valid = false;    // the request has passed validate() and was not changed since
  bool http1_0 = false;  // the request is HTTP/1.0, if the session is HTTP/1. Its body has a length then
  // For the Cookie field, before the value of the request's own; "": only that one. Used during open() only.
  std::string_view cookies = {};
  const ForwardedBy* forwarded = nullptr;     // null: the request goes to its origin. Used during open() only
  std::uint8_t urgency = Priority{}.urgency;  // of its body, among those on the connection
};

// What has happened to one exchange.
struct Event {
  enum class Kind : std::uint8_t {
    interim,   // a 1xx: it is in the exchange's `head` until the next call of receive()
    head,      // the final head is complete
    body,      // `body` has bytes without framing: a view into the input of receive(), or constant memory
    complete,  // the response is complete; no event of this exchange follows
    failed,    // only this exchange has failed (an HTTP/2 stream error); the session goes on
    // The peer has not processed this exchange, so it may be sent again, whatever its method. `error` says why.
    refused,
  };
  Kind kind;
  StreamId stream = 0;
  Bytes body = {};
  std::optional<std::uint64_t> body_length = {};  // with head: the body's length, if known
  std::size_t head_bytes = 0;                     // with interim and head: size as received
  bool needs_http1 = false;  // with refused: the peer takes this request over HTTP/1.1 only (RFC 9113 7)
  bool truncated = false;    // with complete: the end was not clean, but ResponseRules::truncation_ok accepts it
  Error error = {};
};

// What the peer has said about the end of the connection, while it was open.
enum class Farewell : std::uint8_t {
  none,         // also where it has said that we broke a rule
  announced,    // it takes no more requests (GOAWAY)
  wants_less,   // the same, because there were too many (ENHANCE_YOUR_CALM)
  needs_http1,  // it takes requests over HTTP/1.1 only (HTTP_1_1_REQUIRED)
};

// One session on one stream. One thread at a time.
class Session {
 public:
  virtual ~Session() = default;

  // True: exchanges run at the same time, each with a window that consumed() opens, so one of them never stops the
  // reading of the others; the events tell which exchange the bytes were for. False: one exchange at a time, and if its
  // body is not consumed, the connection is not read.
  virtual bool multiplexes() const = 0;

  // How many more exchanges may be opened now. Always 0 when reusable() is false. If it was 0 because the peer takes
  // too few of the bytes of output(), deadline() is Instant{} once when there is room again.
  virtual std::size_t open_capacity() const = 0;
  // False when no exchange can be opened any more: a close was announced, bytes came that belong to no exchange, or a
  // body was not sent completely. Never becomes true again.
  virtual bool reusable() const = 0;
  // How many exchanges at once the peer says that it takes; nullopt: it has not said it yet. Until then no more than
  // assume_capacity() says are opened, at least one. Only if multiplexes().
  virtual std::optional<std::size_t> told_capacity() const { return std::nullopt; }
  virtual void assume_capacity(std::size_t) {}
  // The peer has not said it yet, and will with its first bytes.
  virtual bool will_tell_capacity() const { return false; }
  virtual Farewell farewell() const { return Farewell::none; }
  // The peer takes extended CONNECT (RFC 8441 3). Nothing here sends it; it is for WebSocket.
  virtual bool takes_extended_connect() const { return false; }
  // True while an exchange is open.
  virtual bool busy() const = 0;

  // Starts an exchange: its request head is in output() at once. Needs open_capacity() > 0. Errors: invalid_request
  // (the request fails validate()), out_of_memory. After an error nothing has changed.
  virtual Result<StreamId> open(const Exchange& exchange) = 0;
  // Ends an exchange that the caller does not want any more: no event of it follows, and its pointers are not used
  // again.
  // An HTTP/1 connection can then only be closed: reusable() becomes false.
  virtual void abort(StreamId stream) = 0;
  // The exchange's UploadBody got more bytes, or was finished: output() may have grown.
  virtual void upload_changed(StreamId stream) = 0;
  // The wait for 100 (Continue) is over (RFC 9110 10.1.1): the body is sent now. No effect if the exchange does not
  // wait.
  virtual void stop_waiting_for_continue(StreamId stream) = 0;
  virtual bool waiting_for_continue(StreamId stream) const = 0;
  // The exchange's priority is another one now. Only if multiplexes().
  virtual void set_priority(StreamId, Priority) {}
  // More of the body can be sent: it was neither sent completely nor stopped by the response.
  virtual bool wants_upload(StreamId stream) const = 0;
  // The application consumed this many bytes of the exchange's body: the peer may send more, and output() may have
  // grown. Only if multiplexes().
  virtual void consumed(StreamId stream, std::size_t bytes) = 0;
  // The time of the next calls of consumed(), receive() and on_wire(). Only for sessions that multiplex: the sizes of
  // their windows depend on it, and how long they wait for the answer to a PING.
  virtual void set_time(Instant) {}

  // Reads `input`, decodes it in place (it may be overwritten) and appends events. Returns how many bytes were taken:
  // all of them, or fewer after an interim event, so that the caller can look at its head; then call again with the
  // rest. An error is permanent and ends every open exchange; events appended before it are valid. Bytes that belong to
  // no exchange are such an error (SB-12).
  virtual Result<std::size_t> receive(MutableBytes input, std::vector<Event>& events) = 0;
  // The stream below ended. If the end of the stream ends the body of an exchange, and is clean, or bare with
  // truncation_ok, the exchange is complete. Errors: truncated, or connection_closed if no byte of a response had come.
  virtual Result<void> receive_eof(StreamEnd how, std::vector<Event>& events) = 0;

  // The bytes to send now: views that live until the next non-const call. Empty: nothing.
  virtual OutputView output() const = 0;
  virtual void advance_output(std::size_t bytes) = 0;  // bytes <= output().size_bytes()
  // The stream took some of the bytes that advance_output() took. The layers still hold the last `held` bytes of these.
  // Appends to `moved`, each once, the exchanges whose request bytes may be among those that were taken.
  virtual void on_wire(std::uint64_t held, std::vector<StreamId>& moved) = 0;
  // How many of the bytes that the last call of on_wire() has told of are of this exchange's request, and whether
  // output() or a layer has some that the stream has not taken. Only if multiplexes(): else all are of one exchange.
  virtual std::size_t bytes_on_wire(StreamId) const { return 0; }
  virtual bool has_unsent(StreamId) const { return false; }

  // To decide whether a request may be sent again (RFC 9110 9.2.2), for an open exchange: whether the stream may have
  // taken any byte of the request, whether it has taken the whole request, and whether any byte of the response has
  // come.
  virtual bool request_begun(StreamId stream) const = 0;
  virtual bool request_sent(StreamId stream) const = 0;
  virtual bool response_started(StreamId stream) const = 0;
  // The bytes of the request head, valid until the next non-const call. Only right after open().
  virtual Bytes request_head(StreamId stream) const = 0;

  // When handle_timeout() has something to do for the HTTP version itself (a ping without an answer); nullopt: nothing.
  // An error of handle_timeout() is permanent and ends every open exchange.
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
  virtual Result<void> handle_timeout(Now, std::vector<Event>&) { return {}; }
};

// What is known of a connection's version before it is made.
enum class Protocol : std::uint8_t {
  http1,
  negotiated,     // HTTP/2 is offered by ALPN
  http2_assumed,  // HTTP/2, unless ALPN chooses another one
  http2,          // HTTP/2, and ALPN must choose it
};

// Chooses the version of HTTP for a connection.
class SessionFactory {
 public:
  virtual ~SessionFactory() = default;
  // `alpn`: the protocol that TLS agreed on, "h2" for HTTP/2; it is that too if HTTP/2 is assumed. "": none, or no TLS.
  // Null: not enough memory.
  virtual std::unique_ptr<Session> make(std::string_view alpn) = 0;
  // How many exchanges at once a connection may be expected to carry while it is being made and its version is not
  // known. 1: only the transfer that it is made for waits for it.
  virtual std::size_t expected_exchanges(bool tls, Protocol protocol) const = 0;
};

}  // namespace sluice::http
