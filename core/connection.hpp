// One HTTP connection over one byte stream that the caller brings: requests one after another, or with HTTP/2 side by
// side; with TLS where the origin is https. It looks up no names, has no pool and opens no other connection.
//
// For callers that have a stream already and want only HTTP on it. Limits, timeouts, backpressure and error messages
// are those of an Engine (core/engine.hpp), because both are made of the same parts. It owns no socket, clock or
// thread. The loop of its caller (the driver):
//
//   while (open) {
//     while (auto out = connection.poll_output()) ...            // HeadReady, BodyReady, Done, ..., Closed
//     wait until the stream can be read, if interest().read, or written, if interest().write, or until deadline()
//     readable: read into receive_space(), then handle_received(), or handle_eof() or handle_io_error()
//     writable: write transmit(), then handle_sent()
//     late:     handle_timeout()
//   }
//
// tests/examples/connection_alone.cpp is a whole program.
//
// Rules
//  - One thread at a time. No callbacks, so no re-entrancy.
//  - Every call is legal at any moment, also while outputs wait. After any call the answers of interest(), deadline(),
//    transmit() and poll_output() may have changed.
//  - A stale id is never an error: a call that would change something does nothing, a getter returns an empty value.
//    handle_* calls do nothing after the end of the connection.
//  - Views (Bytes, references) live until the next non-const call on the connection.
//  - Time does not go back: a `now` that is before an earlier `now` counts as the earlier one.
//  - When memory runs out, the rules of Engine apply; create() returns out_of_memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "error.hpp"
#include "language.hpp"
#include "options.hpp"
#include "outputs.hpp"
#include "progress.hpp"
#include "request.hpp"
#include "response.hpp"
#include "stream_security.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

namespace output {
// The connection is over. Given once. No request can be sent any more; each request that has no complete response gets
// a Done with the reason. If transmit() still holds bytes (a close_notify), they may be sent where one write takes
// them. Then the caller can close the stream.
struct Closed {};
}  // namespace output

// What poll_output() returns; the types are described in outputs.hpp.
using ConnectionOutput =
    std::variant<output::InterimReady, output::HeadReady, output::BodyReady, output::UploadReady, output::UploadRewind,
                 output::Done, output::KeyLog, output::HeadSent, output::Closed>;

struct ConnectionOptions {
  // Every request must have this scheme, host and port. The rest of the URL is ignored.
  Url origin = {};
  // Needed for https without `security`; the certificate must be valid for the origin's host.
  std::shared_ptr<const TlsConfig> tls = {};
  // Not null: the stream is protected already, as Route::is_secure() describes it, and `tls` is not used. What is not
  // known may be left empty.
  std::shared_ptr<const StreamSecurity> security = {};
  // Of TransferOptions::http_versions only http1_0 counts, and http1_0 here is as http1_1.
  HttpVersions http_versions = HttpVersions::any;
  std::string name = {};  // the stream's name in messages: "/dev/ttyS0"; empty: the origin's host[:port]
  // The connection is closed when it was unused for this time after a response. nullopt: it is kept.
  std::optional<Duration> idle_connection_timeout = {};
};

class Connection {
 public:
  // The caller has opened the stream already. Nothing is sent before the first add(): the TLS handshake begins then,
  // and the connect_timeout of the first waiting request limits it. Errors: invalid_option (no origin, or a negative
  // timeout), tls_config (an https origin without `tls` and `security`), out_of_memory.
  static Result<Connection> create(ConnectionOptions options);
  ~Connection();
  // A connection that was moved from may only be destroyed or assigned to.
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // ---- for the application; what is not described here is as in Engine ----

  // Queues a request. It is sent after the responses to the requests before it are complete. Errors: as Engine::add;
  // invalid_request (the URL has another origin); invalid_option (tls, connect_to, family, route or fresh_connection is
  // set: one stream leaves no choice); connection_closed (the connection is over, or close() was called). After an
  // error nothing was added.
  Result<TransferId> add(Request request, TransferOptions options, Now now);
  // Ends a request and forgets it. If it had no Done yet, it gets one with Code::canceled. A request that waits in the
  // queue only leaves the queue. Ending a request that is being sent or answered closes the connection, because HTTP/1
  // has no other way to stop it. Ending the only request during the TLS handshake closes the connection too.
  void remove(TransferId transfer, Now now);
  // Ends a request with Done (Code::canceled) and keeps it for the getters until remove(). The effect on the connection
  // is that of remove().
  void cancel(TransferId transfer, Now now);
  // Accepts no more requests. The connection is closed when all requests that were added before have ended.
  void close(Now now);
  bool contains(TransferId transfer) const;
  bool is_done(TransferId transfer) const;

  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;  // `route` is the stream's name (ConnectionOptions::name)

  // body() and consume_body() are as in Engine, and so are the calls about uploads.
  Bytes body(TransferId transfer) const;
  void consume_body(TransferId transfer, std::size_t bytes, Now now);

  MutableBytes upload_space(TransferId transfer);
  void commit_upload(TransferId transfer, std::size_t bytes, Now now);
  void finish_upload(TransferId transfer, Now now);
  void finish_upload(TransferId transfer, Fields trailers, Now now);
  void rewind_upload(TransferId transfer, Now now);
  void fail_upload(TransferId transfer, std::string why, Now now);
  void set_priority(TransferId transfer, Priority priority, Now now);  // as in Engine

  std::size_t running() const;  // requests that were added and have not ended

  // ---- for the driver: facts about the stream ----

  // The buffer to read into. Call it right before the read. Empty: interest().read is false.
  MutableBytes receive_space();
  void handle_received(std::size_t bytes, Now now);  // bytes <= receive_space().size()
  void handle_eof(Now now);
  void handle_io_error(Error error, Now now);  // code: send_failed or receive_failed
  // The bytes to write now. Empty: nothing.
  OutputView transmit() const;
  void handle_sent(std::size_t bytes, Now now);  // bytes <= what transmit() held
  void handle_timeout(Now now);                  // early, late and unneeded calls do no harm

  // ---- for the driver: what to do next ----

  // The oldest output that was not taken yet; nullopt: there is none.
  std::optional<ConnectionOutput> poll_output();
  // interest() and deadline() are as in Engine. After Closed interest().write stays true while transmit() has bytes.
  // Before the first request both interests are false: an end of the stream in that time is noticed with the first
  // request, unless handle_eof() reports it.
  Interest interest() const;
  std::optional<Deadline> deadline() const;
  bool is_over() const;  // the output Closed was taken, or waits to be taken

  // Stops the process if an internal rule is broken. For tests.
  void check_invariants() const;

 private:
  friend struct ConnectionParts;  // for tests
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
