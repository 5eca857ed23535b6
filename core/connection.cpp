// See connection.hpp: an engine whose first wish to connect is granted by the stream that is there, and any other denied.
// Leaves all of HTTP, TLS and time to it.
#include "core/connection.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/base/check.hpp"

namespace sluice {

namespace {

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

template <class What, class... Kinds>
constexpr bool is_one_of(std::variant<Kinds...>*) {
  return (std::is_same_v<What, Kinds> || ...);
}

bool same_origin(const Url& a, const Url& b) {
  return a.scheme() == b.scheme() && a.host() == b.host() && a.port() == b.port() && a.zone() == b.zone();
}

}  // namespace

Result<Connection> Connection::create(ConnectionOptions options, Seed seed) {
  if (options.origin.host().empty()) {
    return std::unexpected(make_error(Code::invalid_option, "a connection needs the origin of its requests"));
  }
  if (options.idle_connection_timeout && *options.idle_connection_timeout < Duration::zero()) {
    return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
  }
  if (options.origin.is_tls() && !options.tls) {
    return std::unexpected(make_error(Code::tls_config, options.origin.origin() + ": no TLS configuration was given"));
  }
  return Connection(std::move(options), seed);
}

Connection::Connection(ConnectionOptions options, Seed seed)
    : origin_(std::move(options.origin)),
      stream_(std::make_shared<Stream>(options.name.empty() ? origin_.authority() : std::move(options.name))),
      engine_(engine_options(options), seed) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

// ---- the application's side ----

Result<TransferId> Connection::add(Request request, TransferOptions options, Now now) {
  if (!same_origin(request.url, origin_)) {
    return std::unexpected(make_error(Code::invalid_request, request.url.text_without_secrets() + ": the connection is for " +
                                                                 origin_.origin() + " alone"));
  }
  if (options.tls || options.connect_to || options.route || options.family != AddressFamily::any || options.fresh_connection) {
    return std::unexpected(make_error(
        Code::invalid_option, "on one connection there is no choice of tls, connect_to, family, route or fresh_connection"));
  }
  if (is_over() || closing_) return std::unexpected(over());
  options.route = stream_;
  auto added = engine_.add(std::move(request), std::move(options), now);
  settle(now);
  return added;
}

void Connection::remove(TransferId transfer, Now now) {
  engine_.remove(transfer, now);
  settle(now);
}

void Connection::close(Now now) {
  if (why_.empty()) why_ = "closed by the application";
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

MutableBytes Connection::receive_space() { return engine_.receive_space(conn_); }

void Connection::handle_received(std::size_t bytes, Now now) {
  engine_.handle_received(conn_, bytes, now);
  settle(now);
}

void Connection::handle_eof(Now now) {
  if (is_over()) return;
  why_ = "the other end closed it";
  if (stage_ == Stage::unused) end();
  engine_.handle_eof(conn_, now);
  settle(now);
}

void Connection::handle_io_error(Error error, Now now) {
  if (is_over()) return;
  why_ = error.message();
  if (stage_ == Stage::unused) end();
  engine_.handle_io_error(conn_, std::move(error), now);
  settle(now);
}

OutputView Connection::transmit() const {
  if (!is_over()) return engine_.transmit(conn_);
  OutputView view;
  if (goodbye_sent_ < goodbye_.size()) {
    view.spans[0] = Bytes{goodbye_}.subspan(goodbye_sent_);
    view.count = 1;
  }
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
  engine_.handle_timeout(now);
  settle(now);
}

// ---- what comes next ----

// Carries the engine's outputs over at once, so that it never has any when the next fact comes (its drain rule).
void Connection::settle(Now now) {
  while (true) {
    std::optional<ConnId> asked;
    while (auto out = engine_.poll_output()) note(std::move(*out), asked);
    if (asked && stage_ == Stage::unused) {
      stage_ = Stage::open;
      conn_ = *asked;
      engine_.handle_connected(conn_, now);
    } else if (asked) {  // who waits in line, or would try again: each asks by itself and is told the same
      engine_.handle_io_error(*asked, over(), now);
    } else if (closing_ && !is_over() && engine_.running() == 0) {
      if (stage_ == Stage::unused) end();
      SLUICE_CHECK(engine_.connections() == engine_.idle_connections());
      engine_.close_idle_connections(now);
    } else {
      return;
    }
  }
}

void Connection::note(Output out, std::optional<ConnId>& asked) {
  std::visit(
      [&](auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, output::Connect>) {
          SLUICE_CHECK(!asked && stage_ != Stage::open);
          asked = what.conn;
        } else if constexpr (std::is_same_v<What, output::Close>) {
          if (stage_ == Stage::open && what.conn == conn_) end();
        } else if constexpr (is_one_of<What>(static_cast<ConnectionOutput*>(nullptr))) {
          outputs_.emplace_back(std::in_place_type<What>, std::move(what));
        }
      },
      out);
}

void Connection::end() {
  const OutputView left = engine_.transmit(conn_);
  for (std::size_t i = 0; i < left.count; ++i) goodbye_.insert(goodbye_.end(), left.spans[i].begin(), left.spans[i].end());
  stage_ = Stage::over;
  conn_ = {};
  outputs_.emplace_back(output::Closed{});
}

Error Connection::over() const {
  std::string context = stream_->name() + ": the connection is over";
  if (!why_.empty()) context += ": " + why_;
  return make_error(Code::connection_closed, std::move(context));
}

std::optional<ConnectionOutput> Connection::poll_output() {
  while (!outputs_.empty()) {
    ConnectionOutput out = std::move(outputs_.front());
    outputs_.pop_front();
    // Consumed or removed meanwhile: nothing to look at any more.
    if (const auto* ready = std::get_if<output::BodyReady>(&out); ready && body(ready->transfer).empty()) continue;
    return out;
  }
  return std::nullopt;
}

Interest Connection::interest() const {
  if (is_over()) return {false, goodbye_sent_ < goodbye_.size()};
  return engine_.interest(conn_);
}

std::optional<Deadline> Connection::deadline() const {
  auto next = engine_.deadline();
  if (next && next->at == Instant::max()) next.reset();  // an idle connection that may stay so
  return next;
}

void Connection::check_invariants() const {
  engine_.check_invariants();
  SLUICE_CHECK(!engine_.has_output());
  SLUICE_CHECK((stage_ == Stage::open) == (engine_.connections() == 1));
}

}  // namespace sluice
