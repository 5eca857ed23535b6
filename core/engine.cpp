// See engine.hpp. Passes each public call to Engine::Impl (core/engine/impl.hpp) and catches std::bad_alloc that was
// not handled inside; everything is then given up (Engine::Impl::give_up).
#include "core/engine.hpp"

#include <utility>

#include "core/engine/guarded.hpp"
#include "core/engine/impl.hpp"

namespace sluice {

using engine::guarded;
using engine::guarded_call;

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options), nullptr, nullptr)) {}
Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Result<TransferId> Engine::add(Request request, TransferOptions options, Now now) {
  Result<TransferId> added;
  guarded(*impl_, [&](auto& impl) { impl.add(request, options, now, added); });
  return added;
}
void Engine::cancel(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.cancel(transfer, at); });
}
void Engine::remove(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.cancel(transfer, at); });
  impl_->calls().release(transfer);
}
bool Engine::contains(TransferId transfer) const { return impl_->calls().contains(transfer); }
bool Engine::is_done(TransferId transfer) const { return impl_->calls().is_done(transfer); }

const Request& Engine::request(TransferId transfer) const { return impl_->calls().request(transfer); }
const ResponseHead& Engine::head(TransferId transfer) const { return impl_->calls().head(transfer); }
const Fields& Engine::trailers(TransferId transfer) const { return impl_->calls().trailers(transfer); }
const Progress& Engine::progress(TransferId transfer) const { return impl_->calls().progress(transfer); }
TransferInfo Engine::info(TransferId transfer) const { return impl_->calls().info(transfer); }
std::vector<Hop> Engine::hops(TransferId transfer) const { return impl_->calls().hops(transfer); }
Bytes Engine::body(TransferId transfer) const { return impl_->calls().body(transfer); }
void Engine::consume_body(TransferId transfer, std::size_t bytes, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.consume_body(transfer, bytes, at); });
}
MutableBytes Engine::upload_space(TransferId transfer) { return impl_->calls().upload_space(transfer); }
void Engine::commit_upload(TransferId transfer, std::size_t bytes, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.commit_upload(transfer, bytes, at); });
}
void Engine::finish_upload(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.finish_upload(transfer, at); });
}
void Engine::finish_upload(TransferId transfer, Fields trailers, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.finish_upload(transfer, std::move(trailers), at); });
}
void Engine::rewind_upload(TransferId transfer, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.rewind_upload(transfer, at); });
}
void Engine::fail_upload(TransferId transfer, std::string why, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.fail_upload(transfer, std::move(why), at); });
}
void Engine::set_priority(TransferId transfer, Priority priority, Now now) {
  guarded_call(*impl_, now, [&](auto& calls, Now at) { calls.set_priority(transfer, priority, at); });
}
std::size_t Engine::running() const { return impl_->running(); }

void Engine::handle_resolved(ResolveId resolve, Result<NameAnswer> answer, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_resolved(resolve, std::move(answer), now); });
}
void Engine::handle_connected(ConnId conn, Now now, const Address& local,
                              std::shared_ptr<const StreamSecurity> security) {
  guarded(*impl_, [&](auto& impl) { impl.handle_connected(conn, now, local, std::move(security)); });
}
MutableBytes Engine::receive_space(ConnId conn) {
  MutableBytes space;
  guarded(*impl_, [&](auto& impl) { space = impl.receive_space(conn); });
  return space;
}
void Engine::handle_received(ConnId conn, std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_received(conn, bytes, now); });
}
void Engine::handle_eof(ConnId conn, Now now, std::string_view why) {
  guarded(*impl_, [&](auto& impl) { impl.handle_eof(conn, why, now); });
}
void Engine::handle_io_error(ConnId conn, Error error, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_io_error(conn, std::move(error), now); });
}
bool Engine::must_look_first(ConnId conn) const { return impl_->must_look_first(conn); }
OutputView Engine::transmit(ConnId conn) const { return impl_->transmit(conn); }
void Engine::handle_sent(ConnId conn, std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_sent(conn, bytes, now); });
}
void Engine::handle_timeout(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_timeout(now); });
}

std::optional<Output> Engine::poll_output() { return impl_->poll_output(); }
bool Engine::has_output() const { return impl_->has_output(); }
Interest Engine::interest(ConnId conn) const { return impl_->interest(conn); }
std::optional<Deadline> Engine::deadline() const { return impl_->deadline(); }
std::size_t Engine::connections() const { return impl_->connections(); }
std::size_t Engine::idle_connections() const { return impl_->idle_connections(); }
Counters Engine::counters() const { return impl_->counters(); }
void Engine::close_idle_connections(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.close_idle_connections(now); });
}
void Engine::network_changed(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.network_changed(now); });
}
EngineLimits Engine::limits() const { return impl_->limits(); }
void Engine::set_limits(EngineLimits limits, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.set_limits(limits, now); });
}
void Engine::check_invariants() const { impl_->check_invariants(); }

}  // namespace sluice
