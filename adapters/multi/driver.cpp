// See driver.hpp. settle() keeps the engine's drain rule: a fact goes in only when no output is left, and the
// connection it was about is looked at again right after its outputs were taken.
#include "adapters/multi/driver.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "adapters/net/socket.hpp"

namespace sluice {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// So many whole reads in a row before other connections get their turn.
constexpr int kReadsPerTurn = 4;

// Where an application's max_reads_per_perform ends, so that what is derived from it cannot overflow.
constexpr std::size_t kMostReads = 1'000'000;

std::size_t size_bytes(const OutputView& view) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < view.count; ++i) total += view.spans[i].size();
  return total;
}

std::vector<net::Override> to_overrides(std::vector<ResolveOverride>& given) {
  std::vector<net::Override> overrides;
  overrides.reserve(given.size());
  for (ResolveOverride& one : given) overrides.push_back({std::move(one.host), one.port, std::move(one.addresses)});
  return overrides;
}

net::ResolverOptions resolver_options(std::vector<ResolveOverride>& overrides, multi::Watches& watches) {
  net::ResolverOptions options;
  options.overrides = to_overrides(overrides);
  // One that cannot be watched makes its question time out, which is its error.
  options.watch = [&watches](int fd, bool read, bool write) {
    watches.set(fd, static_cast<std::uint8_t>((read ? kEventRead : 0) | (write ? kEventWrite : 0)), {});
  };
  return options;
}

}  // namespace

Multi::Impl::Impl(MultiOptions options, Seed seed, net::Poller poller)
    : max_reads_(std::clamp<std::size_t>(options.max_reads_per_perform, 1, kMostReads)),
      poller_(std::move(poller)),
      watches_(poller_),
      resolver_(resolver_options(options.resolve_overrides, watches_)),
      engine_(std::move(options.engine), seed) {}

Multi::Impl::~Impl() {
  busy_ = true;  // the sink still hears of every removal
  for (multi::Connection& connection : connections_.all()) {
    if (!connection.socket) continue;
    watches_.forget(connection.socket.get());
    connection.socket.reset();
  }
}

bool Multi::Impl::settle() {
  for (;;) {
    if (!drain()) return false;
    if (touched_) {
      refresh(*std::exchange(touched_, std::nullopt));
    } else if (auto answer = resolver_.next_answer()) {
      engine_.handle_resolved(answer->id, std::move(answer->addresses), now_);
    } else if (!facts_.empty()) {
      Fact fact = facts_.pop();
      touched_ = fact.conn;
      if (fact.error) {
        engine_.handle_io_error(fact.conn, std::move(*fact.error), now_);
      } else {
        engine_.handle_connected(fact.conn, now_);
      }
    } else if (!sends_.empty()) {
      if (sends_left_ == 0) return false;
      send(sends_.pop());
    } else {
      return true;
    }
  }
}

bool Multi::Impl::drain() {
  while (engine_.has_output()) {
    if (outputs_left_ == 0) return false;
    --outputs_left_;
    if (auto output = engine_.poll_output()) take(std::move(*output));
  }
  return true;
}

void Multi::Impl::take(Output output) {
  std::visit(Overloaded{
                 [&](output::Resolve& what) { resolver_.start(what); },
                 [&](output::CancelResolve& what) { resolver_.cancel(what.id); },
                 [&](output::Connect& what) { connect(what); },
                 [&](output::Close& what) { close(what.conn); },
                 [&](output::InterestChanged& what) { refresh(what.conn); },
                 [&](output::InterimReady& what) { deliver_interim(what); },
                 [&](output::HeadReady& what) { deliver_head(what.transfer); },
                 [&](output::BodyReady& what) { deliver_body(what.transfer); },
                 [&](output::UploadReady& what) { pump_upload(what.transfer); },
                 [&](output::Done& what) { deliver_done(what); },
                 [&](output::KeyLog& what) { key_log_.push_back(std::move(what.line)); },
             },
             output);
}

void Multi::Impl::connect(const output::Connect& what) {
  auto started = net::start_connect(what.address);
  if (!started) {
    facts_.push({what.conn, std::move(started.error())});
    return;
  }
  multi::Connection& connection = connections_.open(what.conn, std::move(started->socket), what.address);
  if (started->connected) {
    facts_.push({what.conn, std::nullopt});
    return;
  }
  connection.connecting = true;
  if (const int error = watches_.set(connection.socket.get(), kEventWrite, what.conn); error != 0) {
    facts_.push({what.conn, make_error(Code::connect_failed,
                                       "connect to " + what.address.to_string() +
                                           ": cannot be watched: " + net::describe_errno(error),
                                       error)});
  }
}

void Multi::Impl::close(ConnId conn) {
  multi::Connection* connection = connections_.find(conn);
  if (!connection) return;
  if (!connection->connecting && !connection->write_blocked) {
    // A close_notify, if it fits: nobody waits for what becomes of it.
    const OutputView view = engine_.transmit(conn);
    if (!view.empty()) net::send(connection->socket.get(), std::span(view.spans).first(view.count));
  }
  watches_.forget(connection->socket.get());
  connections_.close(conn);
}

// Brings what is watched and what is queued in line with the engine's interest. In the steady state it finds nothing to
// change.
void Multi::Impl::refresh(ConnId conn) {
  multi::Connection* connection = connections_.find(conn);
  if (!connection || connection->connecting) return;
  const Interest interest = engine_.interest(conn);
  if (interest.write && !connection->write_blocked) queue_send(*connection);
  const bool wait_for_write = interest.write && connection->write_blocked;
  const auto events = static_cast<std::uint8_t>((interest.read ? kEventRead : 0) | (wait_for_write ? kEventWrite : 0));
  if (const int error = watches_.set(connection->socket.get(), events, conn); error != 0) {
    facts_.push({conn, net::receive_error(connection->address, error)});
  }
}

void Multi::Impl::queue_send(multi::Connection& connection) {
  if (!std::exchange(connection.send_queued, true)) sends_.push(connection.id);
}

void Multi::Impl::queue_read(multi::Connection& connection) {
  if (!std::exchange(connection.read_queued, true)) reads_.push(connection.id);
}

// One send; if there is more to go after it, the connection queues up again behind the others.
void Multi::Impl::send(ConnId conn) {
  multi::Connection* connection = connections_.find(conn);
  if (!connection) return;
  connection->send_queued = false;
  if (connection->connecting || connection->write_blocked) return;
  touched_ = conn;
  const OutputView view = engine_.transmit(conn);
  if (view.empty()) return;
  --sends_left_;
  const net::Transferred sent = net::send(connection->socket.get(), std::span(view.spans).first(view.count));
  if (sent.error != 0) {
    engine_.handle_io_error(conn, net::send_error(connection->address, sent.error), now_);
    return;
  }
  connection->write_blocked = sent.bytes < size_bytes(view);
  if (sent.bytes > 0) engine_.handle_sent(conn, sent.bytes, now_);
}

bool Multi::Impl::read(ConnId conn) {
  for (int turn = 0; turn < kReadsPerTurn; ++turn) {
    multi::Connection* connection = connections_.find(conn);
    if (!connection || connection->connecting) return true;
    if (reads_left_ == 0) {
      queue_read(*connection);
      return false;
    }
    const MutableBytes space = engine_.receive_space(conn);
    if (space.empty()) return true;  // backpressure
    --reads_left_;
    const net::Transferred got = net::receive(connection->socket.get(), space);
    if (got.would_block) return true;
    touched_ = conn;
    if (got.error != 0) {
      engine_.handle_io_error(conn, net::receive_error(connection->address, got.error), now_);
    } else if (got.eof) {
      engine_.handle_eof(conn, now_);
    } else {
      engine_.handle_received(conn, got.bytes, now_);
    }
    const bool drained = got.error != 0 || got.eof || got.bytes < space.size();
    if (!settle()) {
      connection = connections_.find(conn);
      if (connection && !drained) queue_read(*connection);
      return false;
    }
    if (drained) return true;
  }
  if (multi::Connection* connection = connections_.find(conn)) queue_read(*connection);
  return true;
}

void Multi::Impl::finish_connect(multi::Connection& connection) {
  connection.connecting = false;
  touched_ = connection.id;
  if (auto result = net::connect_result(connection.socket.get(), connection.address); !result) {
    engine_.handle_io_error(connection.id, std::move(result.error()), now_);
  } else {
    engine_.handle_connected(connection.id, now_);
  }
}

bool Multi::Impl::dispatch(int fd, std::uint8_t events, ConnId owner) {
  now_ = net::read_clock();
  if (!owner) {
    resolver_.process(fd, (events & (kEventRead | kEventError)) != 0, (events & kEventWrite) != 0);
    return settle();
  }
  multi::Connection* connection = connections_.find(owner);
  if (!connection) return true;
  if (connection->connecting) {
    if ((events & (kEventWrite | kEventError)) == 0) return true;
    finish_connect(*connection);
    return settle();
  }
  if ((events & (kEventWrite | kEventError)) != 0 && connection->write_blocked) {
    connection->write_blocked = false;
    queue_send(*connection);
    if (!settle()) {
      connection = connections_.find(owner);
      if (connection && (events & (kEventRead | kEventError)) != 0) queue_read(*connection);
      return false;
    }
  }
  if ((events & (kEventRead | kEventError)) != 0) return read(owner);
  return true;
}

}  // namespace sluice
