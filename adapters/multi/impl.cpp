// See impl.hpp.
#include "adapters/multi/impl.hpp"

#include <new>
#include <utility>
#include <variant>

namespace sluice {
namespace {

// Throws std::bad_alloc.
Error no_source(const Request& request) {
  return make_error(Code::invalid_option, "add " + request.url.text_without_secrets() +
                                              ": a streamed request body needs a handler to come from");
}

}  // namespace

Multi::Impl::Impl(std::unique_ptr<multi::Parts> parts, Multi& owner)
    : parts_(std::move(parts)), driver_(*parts_), transfers_(parts_->transfers), engine_(parts_->engine) {
  parts_->callbacks.set_multi(owner);
}

Result<TransferId> Multi::Impl::add_dropping(Request request, TransferOptions options) try {
  if (std::holds_alternative<BodyStream>(request.body)) return std::unexpected(no_source(request));
  return add(std::move(request), std::move(options), &dropping_);
} catch (const std::bad_alloc&) {  // thrown while an error's text is made
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

Result<TransferId> Multi::Impl::add(Request request, TransferOptions options, TransferHandler* handler) try {
  if (!handler && std::holds_alternative<BodyStream>(request.body)) return std::unexpected(no_source(request));
  if (options.route && !dynamic_cast<const Dialer*>(options.route.get())) {
    return std::unexpected(make_error(Code::invalid_option, "add " + request.url.text_without_secrets() +
                                                                ": the route " + options.route->name() +
                                                                " is no sluice::Dialer"));
  }
  const bool limited = options.total_timeout || options.attempts_timeout;
  std::shared_ptr<Route> route = options.route;
  void* const user_data = options.user_data;
  const bool report_heads = options.report_heads;
  auto added = engine_.add(std::move(request), std::move(options), driver_.now());
  if (added) {
    try {
      multi::TransferEntry& transfer = transfers_.add(*added, handler, limited);
      transfer.route = std::move(route);
      transfer.user_data = user_data;
      transfer.report_heads = report_heads;
    } catch (const std::bad_alloc&) {
      engine_.remove(*added, driver_.now());  // nothing reads its Done
      added = std::unexpected(make_error(Code::out_of_memory, {}));
    }
  }
  driver_.after_application_call();
  return added;
} catch (const std::bad_alloc&) {  // thrown while an error's text is made
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

void Multi::Impl::remove(TransferId transfer) {
  multi::TransferEntry* const found = transfers_.find(transfer);
  const std::shared_ptr<Route> route = found ? std::move(found->route) : nullptr;  // kept until everything else is done
  // Before the engine's remove(): no output of the engine is for this transfer any more.
  transfers_.erase(transfer);
  engine_.remove(transfer, driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::cancel(TransferId transfer) {
  engine_.cancel(transfer, driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::close_idle_connections() {
  engine_.close_idle_connections(driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::network_changed() {
  engine_.network_changed(driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::set_limits(EngineLimits limits) {
  engine_.set_limits(limits, driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::resume(TransferId transfer) {
  transfers_.queue_resume(transfer);
  driver_.after_application_call();
}

void Multi::Impl::finish_upload(TransferId transfer, Fields trailers) {
  multi::TransferEntry* found = transfers_.find(transfer);
  if (!found) return;
  if (found->in_upload) {
    if (std::exchange(found->finish_upload, true)) return;  // as in the engine, the first call counts
    found->trailers = std::move(trailers);                  // after the bytes that on_upload() has written
  } else {
    engine_.finish_upload(transfer, std::move(trailers), driver_.now());
  }
  driver_.after_application_call();
}

void Multi::Impl::fail_upload(TransferId transfer, std::string why) {
  engine_.fail_upload(transfer, std::move(why), driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::set_priority(TransferId transfer, Priority priority) {
  engine_.set_priority(transfer, priority, driver_.now());
  driver_.after_application_call();
}

void Multi::Impl::consume_body(TransferId transfer, std::size_t bytes) {
  engine_.consume_body(transfer, bytes, driver_.now());
  driver_.after_application_call();
}

bool Multi::Impl::all_paused() const {
  return transfers_.all_paused([this](TransferId unhandled) { return !engine_.body(unhandled).empty(); });
}

std::optional<Message> Multi::Impl::info_read(int* left) {
  const auto transfer = transfers_.pop_message();
  if (left) *left = transfers_.messages();
  if (!transfer) return std::nullopt;
  multi::TransferEntry& ended = *transfers_.find(*transfer);
  return Message{*transfer,
                 ended.user_data,
                 std::move(ended.result),
                 engine_.head(*transfer).status,
                 engine_.progress(*transfer),
                 engine_.info(*transfer)};
}

}  // namespace sluice
