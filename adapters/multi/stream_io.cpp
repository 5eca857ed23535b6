// See streams.hpp. Here: one send or one receive, and its report to the engine.
#include <cerrno>
#include <utility>

#include "adapters/multi/guarded.hpp"
#include "adapters/multi/streams.hpp"
#include "adapters/transport/later.hpp"

namespace sluice::multi {

std::optional<Streams::Send> Streams::next_send() {
  const ConnId conn = sends_.pop();
  Connection* const connection = connections_.find(conn);
  if (!connection) return std::nullopt;
  connection->send_queued = false;
  const bool look = must_look(*connection);
  if (look) connection->may_read = true;
  return Send{conn, look};
}

// Before the first bytes of a request are sent, everything that has come on the connection is read (its end, or bytes
// that belong to no request), so that no request is sent on a connection that the peer has closed already.
bool Streams::must_look(const Connection& connection) const {
  if (connection.opening || connection.write_blocked || connection.sending) return false;
  if (engine_.must_look_first(connection.id)) return true;
  if (connection.fd >= 0) return connection.read_in != drive_ && look_ != Look::done;
  return connection.may_read || !signaled_.empty() || (signals_ && signals_->waiting());
}

void Streams::send(ConnId conn) {
  const transport::Later later;
  Connection* connection = connections_.find(conn);
  if (!connection) return;
  connection->send_queued = false;
  if (connection->opening || connection->write_blocked) return;
  to_refresh_ = conn;
  pace_.progress();
  const OutputView view = engine_.transmit(conn);
  if (view.empty()) return;
  pace_.sent();
  Transferred sent = send_to(*connection, std::span(view.spans).first(view.count));
  if (connection->route) ask_deadline(*connection);
  const std::size_t given = view.size_bytes();
  if (sent.bytes > given) sent.error = EOVERFLOW;  // impossible result
  if (sent.error != 0) {
    connection->send_error = sent.error;
    engine_.handle_io_error(conn, describe(*connection, Code::send_failed, sent.error), pace_.now());
    queue_read(*connection);
    return;
  }
  connection->sending = true;
  connection->write_blocked = sent.bytes == 0 || (sent.would_block && sent.bytes < given);
  connection->send_waits_to_read = connection->write_blocked && sent.other_direction;
  if (sent.bytes > 0) engine_.handle_sent(conn, sent.bytes, pace_.now());
}

Streams::Received Streams::receive(ConnId conn) {
  Connection* const connection = connections_.find(conn);
  if (!connection || connection->opening) return Received::nothing;
  // It was read since it was queued.
  if (!connection->may_read && connection->send_error == 0) return Received::nothing;
  const MutableBytes space = engine_.receive_space(conn);
  if (space.empty()) return Received::nothing;  // backpressure
  if (!pace_.take_read()) {
    queue_read(*connection);
    return Received::no_budget;
  }
  return take(*connection, space);
}

Streams::Received Streams::take(Connection& connection, MutableBytes space) {
  const transport::Later later;
  pace_.progress();
  const ConnId conn = connection.id;
  Transferred got = receive_from(connection, space);
  if (connection.route) ask_deadline(connection);
  // An impossible result.
  if (got.bytes > space.size()) got = {.bytes = 0, .would_block = false, .eof = false, .error = EOVERFLOW};
  const bool nothing = got.bytes == 0 && !got.eof && got.error == 0;
  // If an end or an error comes with bytes, the next read, which follows at once, reports it again.
  const bool drained = nothing || (got.would_block && !got.eof && got.error == 0 && connection.send_error == 0);
  if (drained) {
    connection.may_read = false;
    connection.read_in = drive_;
  }
  const bool waits_to_write = drained && got.other_direction;
  if (std::exchange(connection.receive_waits_to_write, waits_to_write) != waits_to_write) to_refresh_ = conn;
  if (nothing && connection.send_error == 0) return Received::all;
  to_refresh_ = conn;
  if (got.bytes > 0) {
    engine_.handle_received(conn, got.bytes, pace_.now());
  } else if (got.error != 0) {
    engine_.handle_io_error(conn, describe(connection, Code::receive_failed, got.error), pace_.now());
  } else if (got.eof) {
    connection.may_read = false;
    engine_.handle_eof(conn, pace_.now(), end_reason_of(connection));
  } else {
    engine_.handle_io_error(conn, describe(connection, Code::send_failed, connection.send_error), pace_.now());
  }
  return got.bytes > 0 && !drained ? Received::more : Received::all;
}

}  // namespace sluice::multi
