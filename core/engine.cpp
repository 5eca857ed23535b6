// See engine.hpp: the boundary's functions, each handed to the insides (core/engine/impl.hpp), and the place where what
// the allocator throws ends at the latest. What could not be helped on the way ends everything there
// (Engine::Impl::give_up).
#include "core/engine.hpp"

#include <new>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {
namespace {

template <class Impl, class Entry>
void guarded(Impl& impl, Entry entry) noexcept {
  try {
    entry(impl);
  } catch (const std::bad_alloc&) {
    impl.give_up();
  }
}

}  // namespace

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
  guarded(*impl_, [&](auto& impl) { impl.cancel(transfer, now); });
}
void Engine::remove(TransferId transfer, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.cancel(transfer, now); });
  impl_->release(transfer);
}
bool Engine::contains(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found && !found->removed;
}
bool Engine::is_done(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found && found->phase() == flow::TransferPhase::done;
}

const Request& Engine::request(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->request : impl_->nothing().request;
}
const ResponseHead& Engine::head(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->head : impl_->nothing().head;
}
const Fields& Engine::trailers(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->trailers : impl_->nothing().trailers;
}
const Progress& Engine::progress(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->progress : impl_->nothing().progress;
}
TransferInfo Engine::info(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->details() : TransferInfo{};
}
std::vector<Hop> Engine::hops(TransferId transfer) const {
  std::vector<Hop> all;
  const auto* found = impl_->find(transfer);
  if (!found) return all;
  try {
    all = found->past_hops;
    all.push_back(found->present_hop(found->end.failure));
  } catch (const std::bad_alloc&) {
  }
  return all;
}
Bytes Engine::body(TransferId transfer) const {
  const auto* found = impl_->find(transfer);
  return found ? found->body.front() : Bytes{};
}
void Engine::consume_body(TransferId transfer, std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.consume_body(transfer, bytes, now); });
}
MutableBytes Engine::upload_space(TransferId transfer) { return impl_->upload_space(transfer); }
void Engine::commit_upload(TransferId transfer, std::size_t bytes, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.commit_upload(transfer, bytes, now); });
}
void Engine::finish_upload(TransferId transfer, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.finish_upload(transfer, now); });
}
void Engine::rewind_upload(TransferId transfer, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.rewind_upload(transfer, now); });
}
void Engine::fail_upload(TransferId transfer, std::string why, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.fail_upload(transfer, std::move(why), now); });
}
std::size_t Engine::running() const { return impl_->running(); }

void Engine::handle_resolved(ResolveId resolve, Result<NameAnswer> answer, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_resolved(resolve, std::move(answer), now); });
}
void Engine::handle_connected(ConnId conn, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.handle_connected(conn, now); });
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
void Engine::close_idle_connections(Now now) {
  guarded(*impl_, [&](auto& impl) { impl.close_idle_connections(now); });
}
EngineLimits Engine::limits() const { return impl_->limits(); }
void Engine::set_limits(EngineLimits limits, Now now) {
  guarded(*impl_, [&](auto& impl) { impl.set_limits(limits, now); });
}
void Engine::check_invariants() const { impl_->check_invariants(); }

}  // namespace sluice
