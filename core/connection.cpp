// See connection.hpp: an engine whose first wish to connect is granted by the stream that is there, and any other
// denied. Leaves all of HTTP, TLS and time to it.
#include "core/connection.hpp"

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

#include "core/base/check.hpp"

namespace sluice {

namespace {

constexpr std::size_t kFirstOutputs = 16;

// Without an identity, so that it is equal to itself only; and there is one of it.
struct Stream : Route {
  explicit Stream(std::string name) : Route("", std::move(name), 1) {}
};

EngineOptions engine_options(const ConnectionOptions& options) {
  EngineOptions made;
  made.default_tls = options.tls;
  made.idle_connection_timeout = options.idle_connection_timeout.value_or(Duration::max());
  return made;
}

template <class What, class Variant>
constexpr bool kIsOneOf = false;
template <class What, class... Kinds>
constexpr bool kIsOneOf<What, std::variant<Kinds...>> = (std::is_same_v<What, Kinds> || ...);

bool same_origin(const Url& a, const Url& b) {
  return a.scheme() == b.scheme() && a.host() == b.host() && a.port() == b.port() && a.zone() == b.zone();
}

}  // namespace

Result<Connection> Connection::create(ConnectionOptions options) try {
  if (options.origin.host().empty()) {
    return std::unexpected(make_error(Code::invalid_option, "a connection needs the origin of its requests"));
  }
  if (options.idle_connection_timeout && *options.idle_connection_timeout < Duration::zero()) {
    return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
  }
  if (options.origin.is_tls() && !options.tls) {
    return std::unexpected(make_error(
        Code::tls_config, options.origin.origin() + ": no TLS configuration was given " + "(ConnectionOptions::tls)"));
  }
  return Connection(std::move(options));
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

Connection::Connection(ConnectionOptions options)
    : origin_(std::move(options.origin)),
      stream_(std::make_shared<Stream>(options.name.empty() ? origin_.authority() : std::move(options.name))),
      engine_(engine_options(options)) {
  outputs_.reserve(kFirstOutputs);  // never less: with it all the others can be carried over, some at a time
}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

// ---- the application's side ----

Result<TransferId> Connection::add(Request request, TransferOptions options, Now now) try {
  if (!same_origin(request.url, origin_)) {
    return std::unexpected(
        make_error(Code::invalid_request,
                   request.url.text_without_secrets() + ": the connection is for " + origin_.origin() + " alone"));
  }
  if (options.tls || options.connect_to || options.route || options.family != AddressFamily::any ||
      options.fresh_connection) {
    return std::unexpected(
        make_error(Code::invalid_option,
                   "on one connection there is no choice of tls, connect_to, family, route or fresh_connection"));
  }
  if (is_over() || closing_) return std::unexpected(over());
  options.route = stream_;
  auto added = engine_.add(std::move(request), std::move(options), now);
  settle(now);
  return added;
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

void Connection::remove(TransferId transfer, Now now) {
  engine_.remove(transfer, now);
  settle(now);
}

void Connection::cancel(TransferId transfer, Now now) {
  engine_.cancel(transfer, now);
  settle(now);
}

void Connection::close(Now now) {
  if (why_.empty()) remember("closed by the application");
  closing_ = true;
  settle(now);
}

bool Connection::contains(TransferId transfer) const { return engine_.contains(transfer); }
bool Connection::is_done(TransferId transfer) const { return engine_.is_done(transfer); }
const Request& Connection::request(TransferId transfer) const { return engine_.request(transfer); }
const ResponseHead& Connection::head(TransferId transfer) const { return engine_.head(transfer); }
const Fields& Connection::trailers(TransferId transfer) const { return engine_.trailers(transfer); }
const Progress& Connection::progress(TransferId transfer) const { return engine_.progress(transfer); }
TransferInfo Connection::info(TransferId transfer) const { return engine_.info(transfer); }
Bytes Connection::body(TransferId transfer) const { return engine_.body(transfer); }
void Connection::consume_body(TransferId transfer, std::size_t bytes, Now now) {
  engine_.consume_body(transfer, bytes, now);
  settle(now);
}
MutableBytes Connection::upload_space(TransferId transfer) { return engine_.upload_space(transfer); }
void Connection::commit_upload(TransferId transfer, std::size_t bytes, Now now) {
  engine_.commit_upload(transfer, bytes, now);
  settle(now);
}
void Connection::finish_upload(TransferId transfer, Now now) {
  engine_.finish_upload(transfer, now);
  settle(now);
}
void Connection::fail_upload(TransferId transfer, std::string why, Now now) {
  engine_.fail_upload(transfer, std::move(why), now);
  settle(now);
}
std::size_t Connection::running() const { return engine_.running(); }

// ---- the stream's side ----

MutableBytes Connection::receive_space() { return held_up_ ? MutableBytes{} : engine_.receive_space(conn_); }

void Connection::handle_received(std::size_t bytes, Now now) {
  engine_.handle_received(conn_, bytes, now);
  settle(now);
}

void Connection::handle_eof(Now now) {
  if (is_over()) return;
  eof_ = true;
  settle(now);
}

void Connection::handle_io_error(Error error, Now now) {
  if (is_over()) return;
  error_ = std::move(error);
  settle(now);
}

OutputView Connection::transmit() const {
  OutputView view;
  if (!is_over()) return held_up_ ? view : engine_.transmit(conn_);
  view.push(Bytes{goodbye_}.subspan(goodbye_sent_));
  return view;
}

void Connection::handle_sent(std::size_t bytes, Now now) {
  if (is_over()) {
    goodbye_sent_ = std::min(goodbye_.size(), goodbye_sent_ + bytes);
    return;
  }
  engine_.handle_sent(conn_, bytes, now);
  settle(now);
}

void Connection::handle_timeout(Now now) {
  if (!held_up_) engine_.handle_timeout(now);  // else it stays due
  settle(now);
}

// ---- what comes next ----

// Carries the engine's outputs over at once, so that it never has any when the next fact comes (its drain rule).
void Connection::settle(Now now) noexcept {
  latest_ = now;
  do {
    held_up_ = !make_room();
  } while (!held_up_ && take_next(now));
}

// Room for the two outputs that one of the engine's, or an end, can become.
bool Connection::make_room() noexcept {
  if (next_output_ == outputs_.size()) {
    outputs_.clear();
    next_output_ = 0;
  }
  if (outputs_.capacity() - outputs_.size() >= 2) return true;
  try {
    outputs_.reserve(2 * outputs_.capacity());
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// False: there is nothing more to do.
bool Connection::take_next(Now now) noexcept {
  if (engine_.has_output()) {
    if (auto out = engine_.poll_output()) note(std::move(*out));
  } else if (asked_ && stage_ == Stage::unused) {
    stage_ = Stage::open;
    conn_ = *std::exchange(asked_, std::nullopt);
    engine_.handle_connected(conn_, now);
  } else if (asked_) {  // who waits in line, or would try again: each asks by itself and is told the same
    engine_.handle_io_error(*std::exchange(asked_, std::nullopt), over(), now);
  } else if (error_ || eof_) {
    take_end(now);
  } else if (closing_ && !is_over() && engine_.running() == 0) {
    if (stage_ == Stage::unused) end();
    SLUICE_CHECK(engine_.connections() == engine_.idle_connections());
    engine_.close_idle_connections(now);
  } else {
    return false;
  }
  return true;
}

// What the stream's side said last.
void Connection::take_end(Now now) noexcept {
  auto error = std::exchange(error_, std::nullopt);
  eof_ = false;
  if (is_over()) return;
  if (error) {
    remember(error->context.empty() ? to_string(error->code) : std::string_view(error->context));
  } else {
    remember("the other end closed it");
  }
  if (stage_ == Stage::unused) end();
  if (error) {
    engine_.handle_io_error(conn_, std::move(*error), now);
  } else {
    engine_.handle_eof(conn_, now);
  }
}

void Connection::note(Output out) noexcept {
  std::visit(
      [&](auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, output::Connect>) {
          SLUICE_CHECK(!asked_ && stage_ != Stage::open);
          asked_ = what.conn;
        } else if constexpr (std::is_same_v<What, output::Close>) {
          if (asked_ == what.conn) asked_.reset();  // taken back at once
          if (stage_ == Stage::open && what.conn == conn_) end();
        } else if constexpr (kIsOneOf<What, ConnectionOutput>) {
          outputs_.emplace_back(std::in_place_type<What>, std::move(what));
        }
      },
      out);
}

void Connection::end() noexcept {
  const OutputView left = engine_.transmit(conn_);
  try {
    for (std::size_t i = 0; i < left.count; ++i)
      goodbye_.insert(goodbye_.end(), left.spans[i].begin(), left.spans[i].end());
  } catch (const std::bad_alloc&) {
    goodbye_.clear();  // then it ends without one
  }
  stage_ = Stage::over;
  conn_ = {};
  outputs_.emplace_back(output::Closed{});
}

void Connection::remember(std::string_view why) noexcept {
  try {
    why_ = why;
  } catch (const std::bad_alloc&) {
    why_.clear();
  }
}

Error Connection::over() const noexcept {
  try {
    std::string context = stream_->name() + ": the connection is over";
    if (!why_.empty()) context += ": " + why_;
    return make_error(Code::connection_closed, std::move(context));
  } catch (const std::bad_alloc&) {
    return make_error(Code::connection_closed, {});
  }
}

std::optional<ConnectionOutput> Connection::poll_output() {
  for (;;) {
    while (next_output_ < outputs_.size()) {
      ConnectionOutput out = std::move(outputs_[next_output_++]);
      // Consumed or removed meanwhile: nothing to look at any more.
      if (const auto* ready = std::get_if<output::BodyReady>(&out); ready && body(ready->transfer).empty()) continue;
      return out;
    }
    if (!held_up_) return std::nullopt;
    settle(latest_);  // there is room now
  }
}

Interest Connection::interest() const {
  if (is_over()) return {false, goodbye_sent_ < goodbye_.size()};
  return held_up_ ? Interest{} : engine_.interest(conn_);
}

std::optional<Deadline> Connection::deadline() const {
  auto next = engine_.deadline();
  if (next && next->at == Instant::max()) next.reset();  // an idle connection that may stay so
  return next;
}

void Connection::check_invariants() const {
  engine_.check_invariants();
  if (held_up_) return;
  SLUICE_CHECK(!engine_.has_output());
  SLUICE_CHECK((stage_ == Stage::open) == (engine_.connections() == 1));
}

}  // namespace sluice
