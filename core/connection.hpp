// One HTTP connection over one byte stream of the caller's: requests one after another, TLS where the origin is https.
// No names, no pool, no second connection.
//
// For callers who bring a stream and want nothing but HTTP on it. Limits, timeouts, backpressure and messages are an
// Engine's (core/engine.hpp), as it is made of the same parts. Owns no socket, clock or thread. To drive it:
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
// Rules of the road
//  - One thread at a time. No callbacks, so no re-entrancy.
//  - Every call is legal at any moment, also with outputs waiting. After any of them interest(), deadline(), transmit()
//    and poll_output() may answer anew.
//  - A stale id is never an error: setters do nothing, getters answer with an empty value. Facts about a stream that is
//    over do nothing either.
//  - Views (Bytes, references) live until the next non-const call on the connection.
//  - Time is clamped: a `now` before an earlier one counts as that earlier one.
//  - Memory may run out: as with Engine, and create() answers out_of_memory.
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
#include "types.hpp"
#include "url.hpp"

namespace sluice {

namespace output {
// The connection is over, said once: no request can be sent any more, and those without an answer end in a Done that
// says why. What transmit() still holds may be sent if it fits at once (a close_notify); then the stream can be given
// up.
struct Closed {};
}  // namespace output

using ConnectionOutput =
    std::variant<output::InterimReady, output::HeadReady, output::BodyReady, output::UploadReady, output::UploadRewind,
                 output::Done, output::KeyLog, output::HeadSent, output::Closed>;

struct ConnectionOptions {
  // Scheme, host and port are those of every request; the rest of it does not count.
  Url origin = {};
  std::shared_ptr<const TlsConfig> tls = {};  // for https; the server's certificate is checked for the origin's host
  std::string name = {};  // of the stream, for messages: "/dev/ttyS0". Empty: the origin's host, and port
  std::optional<Duration> idle_connection_timeout = {};  // closed when unused this long after a request; none: kept
};

class Connection {
 public:
  // The stream is open already. Nothing is sent before the first add(): the TLS handshake begins with it, and the
  // connect_timeout of that request covers it. Errors: invalid_option (no origin, or a negative timeout), tls_config
  // (https without one).
  static Result<Connection> create(ConnectionOptions options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // ---- the application's side; see Engine for what is not said here ----

  // Queues a request: it is sent when those before it have their answers. Errors: as Engine::add; invalid_request (it
  // is not of this origin); invalid_option (tls, connect_to, family, route or fresh_connection is set, where there is
  // nothing to choose); connection_closed (it is over, or close() was called). Nothing was added then.
  Result<TransferId> add(Request request, TransferOptions options, Now now);
  // Ends a request and forgets it, with a Done (canceled) if it had none. One that waits in line just leaves it. One
  // that is under way takes the connection with it, as HTTP/1 has no other way to stop it; so does the only one during
  // the TLS handshake.
  void remove(TransferId transfer, Now now);
  // Ends a request with Done (canceled) and keeps it for the getters, as Engine::cancel; else as remove().
  void cancel(TransferId transfer, Now now);
  // Takes no more requests, and ends the connection as soon as those that there are have ended.
  void close(Now now);
  bool contains(TransferId transfer) const;
  bool is_done(TransferId transfer) const;

  const Request& request(TransferId transfer) const;
  const ResponseHead& head(TransferId transfer) const;
  const Fields& trailers(TransferId transfer) const;
  const Progress& progress(TransferId transfer) const;
  TransferInfo info(TransferId transfer) const;  // its `route` is the stream's name

  // Both as Engine's.
  Bytes body(TransferId transfer) const;
  void consume_body(TransferId transfer, std::size_t bytes, Now now);

  MutableBytes upload_space(TransferId transfer);
  void commit_upload(TransferId transfer, std::size_t bytes, Now now);
  void finish_upload(TransferId transfer, Now now);
  void rewind_upload(TransferId transfer, Now now);
  void fail_upload(TransferId transfer, std::string why, Now now);

  std::size_t running() const;  // requests that were added and are not done

  // ---- the stream's side ----

  // Where to read to, right before the read. Empty: interest().read is off.
  MutableBytes receive_space();
  void handle_received(std::size_t bytes, Now now);  // bytes <= receive_space().size()
  void handle_eof(Now now);
  void handle_io_error(Error error, Now now);  // send_failed or receive_failed
  OutputView transmit() const;
  void handle_sent(std::size_t bytes, Now now);  // bytes <= what transmit() held
  void handle_timeout(Now now);                  // early, late and needless calls are harmless

  // ---- what comes next ----

  std::optional<ConnectionOutput> poll_output();
  // Both as Engine's. Nothing is read before the first request: an end of the stream that is not told by handle_eof()
  // shows with it.
  Interest interest() const;
  std::optional<Deadline> deadline() const;
  bool is_over() const;  // Closed is, or was, among the outputs

  // Stops the process if an internal rule is broken; for tests.
  void check_invariants() const;

 private:
  friend struct ConnectionParts;  // for tests
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
