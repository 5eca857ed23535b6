// See connection.hpp. Passes each public call to Connection::Impl (core/engine/connection_impl.hpp) and catches
// std::bad_alloc that was not handled inside; the connection is then given up with all its requests.
#include "core/connection.hpp"

#include <utility>

#include "core/base/memory.hpp"
#include "core/engine/connection_impl.hpp"
#include "core/engine/guarded.hpp"
#include "core/engine/sessions.hpp"
#include "core/http2/session.hpp"

namespace sluice {

using engine::guarded;
using engine::guarded_call;

Result<Connection> Connection::create(ConnectionOptions options) {
  return or_out_of_memory([&]() -> Result<Connection> {
    if (options.origin.host().empty()) {
      return std::unexpected(make_error(Code::invalid_option, "a connection needs the origin of its requests"));
    }
    if (options.idle_connection_timeout && *options.idle_connection_timeout < Duration::zero()) {
      return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
    }
    if (options.http_versions >= HttpVersions::http2_prior_knowledge && !http2::has_http2()) {
      return std::unexpected(make_error(Code::invalid_option, "HTTP/2: this sluice was built without libnghttp2"));
    }
    if (options.origin.is_tls() && !options.tls && !options.security) {
      return std::unexpected(
          make_error(Code::tls_config,
                     options.origin.origin() + ": no TLS configuration was given " + "(ConnectionOptions::tls)"));
    }
    return Connection(std::make_unique<Impl>(std::move(options), std::make_unique<engine::Sessions>()));
  });
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

// ---- for the application ----

Result<TransferId> Connection::add(Request request, TransferOptions options, Now now) {
  Result<TransferId> added = std::unexpected(make_error(Code::out_of_memory, {}));
  guarded(*impl_, [&](auto& impl) { impl.add(request, options, now, added); });
  return added;
}
void Connection::cancel(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.cancel(transfer, at); });
}
void Connection::remove(TransferId transfer, Now now) {
  cancel(transfer, now);
  impl_->calls().release(transfer);
}
void Connection::close(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.close(now); });
}
bool Connection::contains(TransferId transfer) const { return impl_->calls().contains(transfer); }
bool Connection::is_done(TransferId transfer) const { return impl_->calls().is_done(transfer); }

const Request& Connection::request(TransferId transfer) const { return impl_->calls().request(transfer); }
const ResponseHead& Connection::head(TransferId transfer) const { return impl_->calls().head(transfer); }
const Fields& Connection::trailers(TransferId transfer) const { return impl_->calls().trailers(transfer); }
const Progress& Connection::progress(TransferId transfer) const { return impl_->calls().progress(transfer); }
TransferInfo Connection::info(TransferId transfer) const { return impl_->calls().info(transfer); }
Bytes Connection::body(TransferId transfer) const { return impl_->calls().body(transfer); }
void Connection::consume_body(TransferId transfer, std::size_t bytes, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.consume_body(transfer, bytes, at); });
}
MutableBytes Connection::upload_space(TransferId transfer) { return impl_->calls().upload_space(transfer); }
void Connection::commit_upload(TransferId transfer, std::size_t bytes, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.commit_upload(transfer, bytes, at); });
}
void Connection::finish_upload(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.finish_upload(transfer, at); });
}
void Connection::finish_upload(TransferId transfer, Fields trailers, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.finish_upload(transfer, std::move(trailers), at); });
}
void Connection::rewind_upload(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.rewind_upload(transfer, at); });
}
void Connection::fail_upload(TransferId transfer, std::string why, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.fail_upload(transfer, std::move(why), at); });
}
void Connection::set_priority(TransferId transfer, Priority priority, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.set_priority(transfer, priority, at); });
}
std::size_t Connection::running() const { return impl_->running(); }

// ---- for the driver: facts about the stream ----

MutableBytes Connection::receive_space() {
  MutableBytes space;
  guarded(*impl_, [&](auto& impl) { space = impl.receive_space(); });
  return space;
}
void Connection::handle_received(std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_received(bytes, now); });
}
void Connection::handle_eof(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_eof(now); });
}
void Connection::handle_io_error(Error error, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_io_error(std::move(error), now); });
}
OutputView Connection::transmit() const { return impl_->transmit(); }
void Connection::handle_sent(std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_sent(bytes, now); });
}
void Connection::handle_timeout(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_timeout(now); });
}

// ---- for the driver: what to do next ----

std::optional<ConnectionOutput> Connection::poll_output() { return impl_->poll_output(); }
Interest Connection::interest() const { return impl_->interest(); }
std::optional<Deadline> Connection::deadline() const { return impl_->deadline(); }
bool Connection::is_over() const { return impl_->is_over(); }
void Connection::check_invariants() const { impl_->check_invariants(); }

}  // namespace sluice
