// See streams.hpp. Here: streams are opened, watched and closed, and wait for their turns.
#include "adapters/multi/streams.hpp"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "adapters/multi/guarded.hpp"
#include "adapters/transport/later.hpp"

namespace sluice::multi {

void Streams::close_all() {
  if (signals_) signals_->close();
  for (Connection& connection : connections_.all()) {
    forget(connection);
    connection = {};
  }
}

void Streams::make_room() {
  constexpr std::size_t kMostOfAStep = 4;
  facts_.make_room(kMostOfAStep);
  sends_.make_room(kMostOfAStep);
  reads_.make_room(kMostOfAStep);
}

void Streams::begin_drive(Look look) {
  ++drive_;
  look_ = look;
  in_drive_ = true;
  if (signals_) signals_->attend();
}

void Streams::end_drive() {
  in_drive_ = false;
  if (signals_) signals_->leave();
}

void Streams::looked() {
  if (look_ == Look::asks) look_ = Look::done;
}

// ---- opened ----

Result<std::unique_ptr<Transport>> Streams::make_stream(output::Connect& what) {
  if (!what.route) {
    if (!what.socket && !socket_calls_) return environment_.tcp(what.address);
    return environment_.tcp_with(what.address, {.socket = std::move(what.socket), .calls = socket_calls_});
  }
  if (!signals_) {
    signals_ = std::make_shared<Signals>(waiter_);
    if (in_drive_) signals_->attend();
  }
  // add() accepts no other route, but a proxy may have one.
  auto* const dialer = dynamic_cast<Dialer*>(what.route.get());
  if (!dialer) {
    return std::unexpected(
        make_error(Code::invalid_option, "connect: the route " + what.route->name() + " is no sluice::Dialer"));
  }
  return dial(*dialer, {std::move(what.host), what.port}, Signals::make(signals_, what.conn));
}

void Streams::connect(output::Connect& what) {
  const transport::Later later;
  const ConnId conn = what.conn;
  try {
    begin_stream(what);
  } catch (const std::bad_alloc&) {
    facts_.push({conn, make_error(Code::out_of_memory, {})});
  }
}

void Streams::begin_stream(output::Connect& what) {
  auto made = make_stream(what);
  pace_.look_at_clock();  // connecting takes time
  if (!made) {
    facts_.push({what.conn, std::move(made.error())});
    return;
  }
  Connection& connection = connections_.open(what.conn, std::move(*made));
  connection.address = std::move(what.address);
  connection.route = std::move(what.route);
  connection.wants_local = what.wants_local;
  connection.opening = true;
  open(connection);
}

void Streams::open(Connection& connection) {
  const transport::Later later;
  Result<Opening> opening = open_stream(connection);
  if (connection.route) ask_deadline(connection);
  if (!opening) {
    facts_.push({connection.id, std::move(opening.error())});
    return;
  }
  std::uint8_t events = kEventNone;
  switch (*opening) {
    case Opening::done:
      connection.opening = false;
      // open() of a route may have read more than it needed; TCP does not.
      connection.may_read = connection.route != nullptr;
      connection.read_in = drive_;
      facts_.push({connection.id, std::nullopt});
      // The engine's interest decides what to watch next; if the same descriptor is watched already, the watch is kept.
      if (connection.fd == descriptor_of(*connection.stream)) {
        connections_.set_waits_for_signal(connection, connection.fd < 0);
        return;
      }
      break;
    case Opening::wait_read:
      events = kEventRead;
      break;
    case Opening::wait_write:
      events = kEventWrite;
      break;
    case Opening::wait_signal:
      break;
  }
  watch(connection, events);
  connections_.set_waits_for_signal(connection, connection.fd < 0 || *opening == Opening::wait_signal);
}

// Of routes only: TCP has none. Without memory for it the connection ends, as nothing might ever try it again.
void Streams::ask_deadline(const Connection& connection) {
  try {
    deadlines_.set(connection.id, deadline_of(*connection.stream));
  } catch (const std::bad_alloc&) {
    facts_.push({connection.id, make_error(Code::out_of_memory, {})});
  }
}

// ---- watched ----

void Streams::watch(Connection& connection, std::uint8_t events) {
  const int fd = descriptor_of(*connection.stream);
  const int write_fd = write_descriptor_of(*connection.stream);
  const bool two = fd >= 0 && write_fd >= 0 && write_fd != fd;
  const int before = std::exchange(connection.fd, fd);
  const int write_before = std::exchange(connection.write_fd, two ? write_fd : -1);
  connections_.set_waits_for_signal(connection, fd < 0);
  watch_one(connection, before, fd, two ? events & kEventRead : events);
  if (two || write_before >= 0) watch_one(connection, write_before, connection.write_fd, events & kEventWrite);
}

// `before`: the descriptor that was watched for this purpose until now, or -1.
void Streams::watch_one(const Connection& connection, int before, int fd, int events) {
  if (fd != before && before >= 0) watches_.set(before, kEventNone, connection.id);
  if (fd < 0) return;
  if (const int error = watches_.set(fd, static_cast<std::uint8_t>(events), connection.id); error != 0) {
    const Code code = error == ENOMEM      ? Code::out_of_memory
                      : connection.opening ? Code::connect_failed
                                           : Code::receive_failed;
    facts_.push({connection.id, in_words(code, error, [&] {
                   return "connection to " + connection.peer() + ": cannot be watched: " +
                          (error == EEXIST ? "its descriptor carries another stream"
                                           : std::generic_category().message(error));
                 })});
  }
}

void Streams::watch_nothing(const Connection& connection) {
  for (const int fd : {connection.fd, connection.write_fd}) {
    if (fd >= 0) watches_.set(fd, kEventNone, connection.id);
  }
}

void Streams::forget(const Connection& connection) {
  watches_.forget(connection.fd, connection.id);
  watches_.forget(connection.write_fd, connection.id);
}

void Streams::refresh(ConnId conn) {
  Connection* connection = connections_.find(conn);
  if (!connection || connection->opening) return;
  const Interest interest = engine_.interest(conn);
  if (interest.write && !connection->write_blocked) queue_send(*connection);
  if (!interest.write) connection->sending = false;
  if (interest.read && (connection->may_read || connection->send_error != 0)) queue_read(*connection);
  int events = kEventNone;
  if (interest.read) events |= connection->receive_waits_to_write ? kEventWrite : kEventRead;
  if (interest.write && connection->write_blocked) events |= connection->send_waits_to_read ? kEventRead : kEventWrite;
  watch(*connection, static_cast<std::uint8_t>(events));
}

bool Streams::refresh_next() {
  if (!to_refresh_) return false;
  refresh(*std::exchange(to_refresh_, std::nullopt));
  return true;
}

Streams::Then Streams::advance(ConnId conn, std::uint8_t events) {
  Connection* connection = connections_.find(conn);
  if (!connection) return Then::nothing;
  if (connection->opening) {
    open(*connection);
    return Then::settle;
  }
  const bool readable = (events & (kEventRead | kEventError)) != 0;
  const bool writable = (events & (kEventWrite | kEventError)) != 0;
  const bool may_send = connection->send_waits_to_read ? readable : writable;
  const bool may_read = connection->receive_waits_to_write ? writable : readable;
  if (may_read) connection->may_read = true;
  if (may_send && connection->write_blocked) {
    connection->write_blocked = false;
    queue_send(*connection);
  }
  return may_read ? Then::read : Then::nothing;
}

// ---- closed ----

void Streams::close(ConnId conn) {
  const transport::Later later;
  Connection* connection = connections_.find(conn);
  if (!connection) return;
  if (!connection->opening && !connection->write_blocked) {
    // A close_notify, if one send takes it; the result does not matter.
    const OutputView view = engine_.transmit(conn);
    if (!view.empty()) send_to(*connection, std::span(view.spans).first(view.count));
  }
  // The owner of the route may hold a duplicate of the descriptor; then closing it does not end the system's watch.
  if (connection->route) watch_nothing(*connection);
  forget(*connection);
  deadlines_.forget(conn);
  connections_.close(conn);
}

// ---- turns ----

void Streams::queue_send(Connection& connection) {
  if (!std::exchange(connection.send_queued, true)) sends_.push(connection.id);
}
void Streams::queue_read(Connection& connection) {
  if (!std::exchange(connection.read_queued, true)) reads_.push(connection.id);
}
void Streams::queue_send(ConnId conn) {
  if (Connection* const connection = connections_.find(conn)) queue_send(*connection);
}
void Streams::queue_read(ConnId conn) {
  if (Connection* const connection = connections_.find(conn)) queue_read(*connection);
}

void Streams::gather_signals() {
  if (signals_ && !signals_->take(given_)) try_all_ = true;
  signaled_.make_room(given_.size());
  while (!given_.empty()) queue_signaled(given_.pop());
  while (const auto conn = deadlines_.take_due(pace_.now().steady)) {
    signaled_.make_room(1);
    queue_signaled(*conn);
  }
  if (try_all_) queue_all();
}

void Streams::queue_signaled(ConnId conn) {
  Connection* const connection = connections_.find(conn);
  if (connection && !std::exchange(connection->signal_queued, true)) signaled_.push(conn);
}

void Streams::queue_all() {
  signaled_.make_room(connections_.all().size());
  for (Connection& connection : connections_.all()) {
    if (!connection.id) continue;
    connection.send_queued = connection.read_queued = false;
    connection.write_blocked = !connection.opening;  // so that it gets a turn to send too
    if (!std::exchange(connection.signal_queued, true)) signaled_.push(connection.id);
  }
  try_all_ = false;
}

std::optional<ConnId> Streams::next_signaled() {
  while (!signaled_.empty()) {
    const ConnId conn = signaled_.pop();
    Connection* const connection = connections_.find(conn);
    if (!connection) continue;
    connection->signal_queued = false;
    return conn;
  }
  return std::nullopt;
}

ConnId Streams::next_read() {
  const ConnId conn = reads_.pop();
  if (Connection* const connection = connections_.find(conn)) connection->read_queued = false;
  return conn;
}

void Streams::tell_fact() {
  Fact fact = facts_.pop();
  to_refresh_ = fact.conn;
  if (fact.error) {
    engine_.handle_io_error(fact.conn, std::move(*fact.error), pace_.now());
  } else {
    const Connection* const connection = connections_.find(fact.conn);
    const bool asks = connection && (local_addresses_ || connection->wants_local);
    const Address local = asks ? local_address_of(*connection->stream) : Address{};
    const bool is_secure = connection && connection->route && connection->route->is_secure();
    engine_.handle_connected(fact.conn, pace_.now(), local, is_secure ? security_of(*connection->stream) : nullptr);
  }
}

bool Streams::has_work() const {
  return try_all_ || to_refresh_ || !facts_.empty() || !sends_.empty() || !reads_.empty() || !given_.empty() ||
         !signaled_.empty() || (signals_ && signals_->waiting());
}

}  // namespace sluice::multi
