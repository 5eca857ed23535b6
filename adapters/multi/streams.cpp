// The streams under the engine's connections: opened, watched, read, written, closed. See driver.hpp.
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "adapters/multi/driver.hpp"
#include "adapters/multi/thrown.hpp"
#include "adapters/net/socket.hpp"
#include "adapters/transport/later.hpp"

namespace sluice {
namespace {

// So many whole reads in a row before other connections get their turn.
constexpr int kReadsPerTurn = 4;

// Without memory for its words an error goes without them.
template <class Words>
Error in_words(Code code, int detail, Words words) {
  try {
    return make_error(code, words(), detail);
  } catch (const std::bad_alloc&) {
    return make_error(code, {}, detail);
  }
}

// No errno, and not likely a transport's own.
constexpr int kThrown = std::numeric_limits<int>::min();

// Dialers and transports must not throw. What one throws, but for a lack of memory, is the error of the connection it was for, and of no other.
Result<std::unique_ptr<Transport>> dial(Dialer& dialer, const DialTarget& target, TransportSignal signal) {
  try {
    auto made = dialer.dial(target, std::move(signal));
    if (!made || *made) return made;
    return std::unexpected(make_error(Code::connect_failed, "connect to " + dialer.name() + ": its dialer made no stream"));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return std::unexpected(make_error(Code::connect_failed, "connect to " + dialer.name() + ": its dialer" + multi::what_was_thrown()));
  }
}

Result<Opening> open_stream(multi::Connection& connection) try {
  return connection.stream->open();
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
} catch (...) {
  return std::unexpected(in_words(Code::connect_failed, 0, [&] {
    return "connect to " + connection.peer() + ": its transport" + multi::what_was_thrown();
  }));
}

template <class Call>
Transferred attempt(multi::Connection& connection, Call call) {
  Transferred failed;
  try {
    return call(*connection.stream);
  } catch (const std::bad_alloc&) {
    failed.error = ENOMEM;
  } catch (...) {
    failed.error = kThrown;
    try {
      connection.thrown = multi::what_was_thrown();
    } catch (const std::bad_alloc&) {  // then without its words
    }
  }
  return failed;
}

// -1 as well from one that throws: it is not heard of again, and its transfer ends in time.
int descriptor_of(const Transport& stream) {
  try {
    return stream.fd();
  } catch (...) {
    return -1;
  }
}
int write_descriptor_of(const Transport& stream) {
  try {
    return stream.write_fd();
  } catch (...) {
    return -1;
  }
}

std::string words_of(const multi::Connection& connection, int error) {
  if (error == kThrown) return "its transport" + (connection.thrown.empty() ? " threw an exception" : connection.thrown);
  try {
    return connection.stream->describe(error);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return "error " + std::to_string(error) + ", for which it has no words";
  }
}

// For the end of a stream of a route. Nothing from one that throws.
std::string end_reason_of(const multi::Connection& connection) {
  if (!connection.route) return {};
  try {
    return connection.stream->end_reason();
  } catch (...) {
    return {};
  }
}

}  // namespace

Result<std::unique_ptr<Transport>> Multi::Impl::make_stream(output::Connect& what) {
  if (!what.route) return environment_.tcp(what.address);
  if (!signals_) {
    signals_ = std::make_shared<multi::Signals>(*waiter_);
    if (driving_) signals_->attend();
  }
  auto& dialer = dynamic_cast<Dialer&>(*what.route);  // add() lets in nothing else
  return dial(dialer, {std::move(what.host), what.port}, multi::Signals::make(signals_, what.conn));
}

void Multi::Impl::connect(output::Connect& what) {
  const transport::Later later;
  const ConnId conn = what.conn;
  try {
    begin_stream(what);
  } catch (const std::bad_alloc&) {
    facts_.push({conn, make_error(Code::out_of_memory, {})});
  }
}

void Multi::Impl::begin_stream(output::Connect& what) {
  auto made = make_stream(what);
  now_ = environment_.now();  // this is what takes time in a drive
  if (!made) {
    facts_.push({what.conn, std::move(made.error())});
    return;
  }
  multi::Connection& connection = connections_.open(what.conn, std::move(*made));
  connection.address = std::move(what.address);
  connection.route = std::move(what.route);
  connection.opening = true;
  open(connection);
}

void Multi::Impl::open(multi::Connection& connection) {
  const transport::Later later;
  Result<Opening> opening = open_stream(connection);
  if (!opening) {
    facts_.push({connection.id, std::move(opening.error())});
    return;
  }
  std::uint8_t events = kEventNone;
  switch (*opening) {
    case Opening::done:
      connection.opening = false;
      connection.may_read = connection.route != nullptr;  // what opens may have received more than it wanted; TCP does not
      connection.read_in = drive_;
      facts_.push({connection.id, std::nullopt});
      // The engine's interest decides what comes next; a descriptor that is watched for it already stays as it is.
      if (connection.fd == descriptor_of(*connection.stream)) {
        connections_.set_waits_for_signal(connection, connection.fd < 0);
        return;
      }
      break;
    case Opening::wait_read: events = kEventRead; break;
    case Opening::wait_write: events = kEventWrite; break;
    case Opening::wait_signal: break;
  }
  watch(connection, events);
  connections_.set_waits_for_signal(connection, connection.fd < 0 || *opening == Opening::wait_signal);
}

void Multi::Impl::watch(multi::Connection& connection, std::uint8_t events) {
  const int fd = descriptor_of(*connection.stream);
  const int write_fd = write_descriptor_of(*connection.stream);
  const bool two = fd >= 0 && write_fd >= 0 && write_fd != fd;
  const int before = std::exchange(connection.fd, fd);
  const int write_before = std::exchange(connection.write_fd, two ? write_fd : -1);
  connections_.set_waits_for_signal(connection, fd < 0);
  watch_one(connection, before, fd, two ? events & kEventRead : events);
  if (two || write_before >= 0) watch_one(connection, write_before, connection.write_fd, events & kEventWrite);
}

// `before`: what was watched in its place, or -1.
void Multi::Impl::watch_one(const multi::Connection& connection, int before, int fd, int events) {
  if (fd != before && before >= 0) watches_.set(before, kEventNone, connection.id);
  if (fd < 0) return;
  if (const int error = watches_.set(fd, static_cast<std::uint8_t>(events), connection.id); error != 0) {
    const Code code = error == ENOMEM         ? Code::out_of_memory
                      : connection.opening ? Code::connect_failed
                                           : Code::receive_failed;
    facts_.push({connection.id, in_words(code, error, [&] {
                   return "connection to " + connection.peer() + ": cannot be watched: " +
                          (error == EEXIST ? "its descriptor carries another stream" : net::describe_errno(error));
                 })});
  }
}

Error Multi::Impl::describe(const multi::Connection& connection, Code code, int error) const {
  const char* const what = code == Code::send_failed ? "send to " : "receive from ";
  return in_words(code, error == kThrown ? 0 : error,
                  [&] {
                    const std::string why = end_reason_of(connection);
                    return what + connection.peer() + ": " + words_of(connection, error) + (why.empty() ? "" : " (" + why + ")");
                  });
}

void Multi::Impl::close(ConnId conn) {
  const transport::Later later;
  multi::Connection* connection = connections_.find(conn);
  if (!connection) return;
  if (!connection->opening && !connection->write_blocked) {
    // A close_notify, if it fits: nobody waits for what becomes of it.
    const OutputView view = engine_.transmit(conn);
    const auto pieces = std::span(view.spans).first(view.count);
    if (!view.empty()) attempt(*connection, [&](Transport& stream) { return stream.send(pieces); });
  }
  // Whoever made the route may hold a duplicate of its descriptor, and then closing it does not take it out of epoll.
  if (connection->route) watch_nothing(*connection);
  forget(*connection);
  connections_.close(conn);
}

void Multi::Impl::watch_nothing(const multi::Connection& connection) {
  for (const int fd : {connection.fd, connection.write_fd}) {
    if (fd >= 0) watches_.set(fd, kEventNone, connection.id);
  }
}

void Multi::Impl::forget(const multi::Connection& connection) {
  watches_.forget(connection.fd, connection.id);
  watches_.forget(connection.write_fd, connection.id);
}

// Brings what is watched and what is queued in line with the engine's interest. In the steady state it finds nothing to
// change.
void Multi::Impl::refresh(ConnId conn) {
  multi::Connection* connection = connections_.find(conn);
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

void Multi::Impl::queue_send(multi::Connection& connection) {
  if (!std::exchange(connection.send_queued, true)) sends_.push(connection.id);
}

void Multi::Impl::queue_read(multi::Connection& connection) {
  if (!std::exchange(connection.read_queued, true)) reads_.push(connection.id);
}

// One send; if there is more to go after it, the connection queues up again behind the others.
void Multi::Impl::send(ConnId conn) {
  const transport::Later later;
  multi::Connection* connection = connections_.find(conn);
  if (!connection) return;
  connection->send_queued = false;
  if (connection->opening || connection->write_blocked) return;
  to_refresh_ = conn;
  progressed_ = true;
  const OutputView view = engine_.transmit(conn);
  if (view.empty()) return;
  --sends_left_;
  const auto pieces = std::span(view.spans).first(view.count);
  Transferred sent = attempt(*connection, [&](Transport& stream) { return stream.send(pieces); });
  const std::size_t given = view.size_bytes();
  if (sent.bytes > given) sent.error = EOVERFLOW;  // it cannot be
  if (sent.error != 0) {
    connection->send_error = sent.error;
    engine_.handle_io_error(conn, describe(*connection, Code::send_failed, sent.error), now_);
    queue_read(*connection);
    return;
  }
  connection->sending = true;
  connection->write_blocked = sent.bytes == 0 || (sent.would_block && sent.bytes < given);
  connection->send_waits_to_read = connection->write_blocked && sent.other_direction;
  if (sent.bytes > 0) engine_.handle_sent(conn, sent.bytes, now_);
}

// One receive, and its fact. False: there is nothing more for now.
bool Multi::Impl::receive(multi::Connection& connection, MutableBytes space) {
  const transport::Later later;
  progressed_ = true;
  const ConnId conn = connection.id;
  Transferred got = attempt(connection, [&](Transport& stream) { return stream.receive(space); });
  if (got.bytes > space.size()) got = {.bytes = 0, .would_block = false, .eof = false, .error = EOVERFLOW};  // it cannot be
  const bool nothing = got.bytes == 0 && !got.eof && got.error == 0;
  // An end or an error that comes with bytes is said again by the next read, which follows at once.
  const bool drained = nothing || (got.would_block && !got.eof && got.error == 0 && connection.send_error == 0);
  if (drained) {
    connection.may_read = false;
    connection.read_in = drive_;
  }
  const bool waits_to_write = drained && got.other_direction;
  if (std::exchange(connection.receive_waits_to_write, waits_to_write) != waits_to_write) to_refresh_ = conn;
  if (nothing && connection.send_error == 0) return false;
  to_refresh_ = conn;
  if (got.bytes > 0) {
    engine_.handle_received(conn, got.bytes, now_);
  } else if (got.error != 0) {
    engine_.handle_io_error(conn, describe(connection, Code::receive_failed, got.error), now_);
  } else if (got.eof) {
    connection.may_read = false;
    engine_.handle_eof(conn, now_, end_reason_of(connection));
  } else {
    engine_.handle_io_error(conn, describe(connection, Code::send_failed, connection.send_error), now_);
  }
  return got.bytes > 0 && !drained;
}

// Before the first bytes of a request: what has come since the connection was last read (its end, or bytes that nobody asked for) is
// taken first, so that no request goes out on a connection that is known, or could be known, to be of no use.
bool Multi::Impl::must_look(const multi::Connection& connection) const {
  if (connection.opening || connection.write_blocked || connection.sending) return false;
  if (engine_.must_look_first(connection.id)) return true;
  if (connection.fd >= 0) return connection.read_in != drive_ && !looked_;
  return connection.may_read || !signaled_.empty() || (signals_ && signals_->waiting());
}

bool Multi::Impl::read(ConnId conn) {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    make_room();
    multi::Connection* connection = connections_.find(conn);
    if (!connection || connection->opening) return true;
    if (!connection->may_read && connection->send_error == 0) return true;  // since it was queued it was read
    if (reads_left_ == 0) {
      queue_read(*connection);
      return false;
    }
    const MutableBytes space = engine_.receive_space(conn);
    if (space.empty()) return true;  // backpressure
    --reads_left_;
    const bool more = receive(*connection, space);
    if (!settle()) {
      connection = connections_.find(conn);
      if (connection && more) queue_read(*connection);
      return false;
    }
    if (!more) return true;
    now_ = environment_.now();
    if (late()) break;
  }
  if (multi::Connection* connection = connections_.find(conn)) queue_read(*connection);
  return true;
}

bool Multi::Impl::dispatch(int fd, std::uint8_t events, ConnId owner) {
  now_ = environment_.now();
  progressed_ = true;
  make_room();
  if (!owner) {
    if (fd == waiter_->wakeup_fd()) {
      waiter_->take_event();
      waiter_->take_woken();  // the loop that saw it needs no poll() to tell
    } else {
      resolver_->process(fd, (events & (kEventRead | kEventError)) != 0, (events & kEventWrite) != 0);
    }
    return settle();
  }
  return advance(owner, events);
}

// Something may go on: by an event on its descriptor, or by a signal, which says nothing more.
bool Multi::Impl::advance(ConnId conn, std::uint8_t events) {
  multi::Connection* connection = connections_.find(conn);
  if (!connection) return true;
  if (connection->opening) {
    open(*connection);
    return settle();
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
  return may_read ? read(conn) : true;
}

}  // namespace sluice
