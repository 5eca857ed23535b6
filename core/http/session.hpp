// What every HTTP version offers a connection: many exchanges over one byte stream. HTTP/1 has one at a time.
// Knows framing only. Bytes arrive from, and leave to, whatever stands below (TLS, a proxy's tunnel, the transport);
// which transfer gets an exchange, and all time, belong to the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/stream_end.hpp"
#include "core/error.hpp"
#include "core/http/upload.hpp"
#include "core/options.hpp"
#include "core/request.hpp"
#include "core/response.hpp"
#include "core/types.hpp"

namespace sluice::http {

// Names one exchange within its session; HTTP/1 numbers them upwards, HTTP/2 will use its stream ids.
using StreamId = std::uint32_t;

// How the response to one exchange is read: the parts of TransferOptions that bear on it.
struct ResponseRules {
  Http1 http1 = Http1::tolerant;
  bool allow_http0_9 = false;
  bool truncation_ok = false;  // a bare end ends a body that only the end can end
  bool keep_raw_head = false;
};

// What an exchange reads from and writes to. All of it belongs to the caller of open() and must stay where it is until
// the exchange completed, failed or was aborted.
struct Exchange {
  const Request* request = nullptr;
  UploadBody* upload = nullptr;  // null: no body
  ResponseHead* head = nullptr;  // filled before Event::head
  Fields* trailers = nullptr;    // filled before Event::complete; never merged into head (SB-57)
  ResponseRules rules = {};
  bool valid = false;  // the request has passed validate() and is as it was then
};

struct Event {
  enum class Kind : std::uint8_t {
    interim,   // a 1xx: `head` of the exchange holds it until the next event is made; see Session::receive
    head,      // the final head is complete
    body,      // `body` bytes, decoded: a view into the input given to receive(), or constant memory
    complete,  // the response is whole; nothing more comes for this exchange
    failed,    // this exchange alone failed (HTTP/2 stream errors); the session goes on
    // The peer has not looked at this exchange: it may be tried elsewhere, whatever its method. `error` says why.
    refused,
  };
  Kind kind;
  StreamId stream = 0;
  Bytes body = {};
  std::optional<std::uint64_t> body_length = {};  // with head: of the body that comes, where it says so beforehand
  std::size_t head_bytes = 0;                     // with interim and head: as the wire had it
  bool truncated = false;  // with complete: the end was not clean, and ResponseRules::truncation_ok let it pass
  Error error = {};
};

class Session {
 public:
  virtual ~Session() = default;

  // True: exchanges run side by side, each with a window of its own that consumed() opens, so reading never stops for
  // one of them; and what comes for an exchange shows in its events. False: one exchange, whose unread body stops the
  // reading.
  virtual bool multiplexes() const = 0;

  // How many more exchanges may be opened now. 0 for good once !reusable().
  virtual std::size_t open_capacity() const = 0;
  // False once no further exchange can ever be opened here: close announced, surplus bytes, a body left unsent.
  virtual bool reusable() const = 0;
  // True while an exchange is open.
  virtual bool busy() const = 0;

  // Starts an exchange; its head stands in output() at once. Error invalid_request (validate() refused) changes
  // nothing.
  virtual Result<StreamId> open(const Exchange& exchange) = 0;
  // The caller no longer wants it; no event for it follows and none of its pointers is used again.
  // HTTP/1 can only close the connection then: reusable() becomes false.
  virtual void abort(StreamId stream) = 0;
  // More of a streamed body was put into the exchange's UploadBody, or it was finished: output() may have grown.
  virtual void upload_changed(StreamId stream) = 0;
  // The wait for 100 (Continue) is over: send the body now. No-op when there is none waiting.
  virtual void stop_waiting_for_continue(StreamId stream) = 0;
  virtual bool waiting_for_continue(StreamId stream) const = 0;
  // More of the body can still be sent: it is neither whole nor cut short by its response.
  virtual bool wants_upload(StreamId stream) const = 0;
  // The application took so many bytes of the exchange's body: more may come, and output() may have grown. Only where
  // it multiplexes.
  virtual void consumed(StreamId stream, std::size_t bytes) = 0;

  // Takes all of `input` (decoding in place, so it may be overwritten) and appends events. An error is the session's,
  // sticky, and ends every open exchange; events made before it still count. Bytes for no exchange make !reusable()
  // and are an error when none is open (SB-12). receive() stops early only after an interim event, so that its head can
  // be looked at: it returns how much of `input` it took; call again with the rest.
  virtual Result<std::size_t> receive(MutableBytes input, std::vector<Event>& events) = 0;
  // The stream below ended. Completes an exchange whose body is framed by the end, if that is clean, or bare with
  // truncation_ok; else Error truncated, or connection_closed where no byte of a response had come.
  virtual Result<void> receive_eof(StreamEnd how, std::vector<Event>& events) = 0;

  // What to send now: views that live until the next non-const call. Empty: nothing.
  virtual OutputView output() const = 0;
  virtual void advance_output(std::size_t bytes) = 0;  // bytes <= output().size_bytes()
  // The wire took some of what advance_output() took. Of that the last `held` bytes have not been taken whole: the
  // layers hold them. Appends the exchanges whose requests may be concerned, each once.
  virtual void on_wire(std::uint64_t held, std::vector<StreamId>& moved) = 0;

  // For deciding about a retry (RFC 9110 9.2.2), of an open exchange: may the wire have taken any of its request; has
  // it taken all of it; has any byte of its response been seen.
  virtual bool request_begun(StreamId stream) const = 0;
  virtual bool request_sent(StreamId stream) const = 0;
  virtual bool response_started(StreamId stream) const = 0;
  // The request's head as it goes out, until the next non-const call. Right after open() only.
  virtual Bytes request_head(StreamId stream) const = 0;

  // When handle_timeout() has something to do of HTTP's own (a ping that is not answered); nullopt: nothing. An error
  // is the session's.
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
  virtual Result<void> handle_timeout(Now, std::vector<Event>&) { return {}; }
};

// Chooses the version of HTTP for a connection.
class SessionFactory {
 public:
  virtual ~SessionFactory() = default;
  // `alpn`: what TLS agreed on; "": nothing, or no TLS. Null when memory is short.
  virtual std::unique_ptr<Session> make(std::string_view alpn) = 0;
  // On how many exchanges at once a connection that is still being made may be counted for, before its kind is known.
  // 1: no more wait for it than the one that it is made for.
  virtual std::size_t expected_exchanges(bool tls) const = 0;
};

}  // namespace sluice::http
