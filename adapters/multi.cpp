// See multi.hpp. Each public function calls a part of multi/impl.hpp. Here: std::bad_alloc and thrown by a handler
// exceptions end a drive.
#include "adapters/multi.hpp"

#include <new>
#include <utility>
#include <variant>

#include "adapters/multi/impl.hpp"

namespace sluice {
namespace {

constexpr std::size_t kShownBytes = 100;  // the longest part of an invalid option that a message shows

// The host in the form of a URL's host, in which it is looked up; of an address, with or without brackets, in which it
// is compared.
Result<std::string> canonical_host(const std::string& host) {
  const bool has_brackets = host.starts_with('[') && host.ends_with(']');
  const auto address =
      IpAddress::parse(has_brackets ? std::string_view(host).substr(1, host.size() - 2) : std::string_view(host));
  if (address && (!has_brackets || address->kind == IpAddress::Kind::ipv6)) return address->to_string();
  const std::size_t delimiter = host.find_first_of("/?#@:");
  const auto url = Url::parse("http://" + (delimiter == std::string::npos ? host : std::string()) + "/");
  if (url) return std::string(url->host());
  if (url.error().code == Code::out_of_memory) return std::unexpected(url.error());
  return std::unexpected(make_error(Code::invalid_option, "resolve_overrides: \"" + host.substr(0, kShownBytes) +
                                                              "\" is no host that a URL can have"));
}

}  // namespace

Result<std::unique_ptr<Multi>> Multi::create(MultiOptions options) try {
  for (ResolveOverride& one : options.resolve_overrides) {
    if (one.host == "*") continue;
    auto canonical = canonical_host(one.host);
    if (!canonical) return std::unexpected(std::move(canonical.error()));
    one.host = std::move(*canonical);
  }
  auto parts = multi::Parts::create(std::move(options));
  if (!parts) return std::unexpected(std::move(parts.error()));
  std::unique_ptr<Multi> made(new Multi);
  made->impl_ = std::make_unique<Impl>(std::move(*parts), *made);
  return made;
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

Multi::Multi() = default;
Multi::~Multi() = default;

Result<TransferId> Multi::add(Request request, TransferOptions options) {
  return impl_->add_dropping(std::move(request), std::move(options));
}
Result<TransferId> Multi::add(Request request, TransferOptions options, TransferHandler* handler) {
  return impl_->add(std::move(request), std::move(options), handler);
}
void Multi::remove(TransferId transfer) { impl_->remove(transfer); }
void Multi::cancel(TransferId transfer) { impl_->cancel(transfer); }
void Multi::resume(TransferId transfer) { impl_->resume(transfer); }
void Multi::finish_upload(TransferId transfer, Fields trailers) { impl_->finish_upload(transfer, std::move(trailers)); }
void Multi::fail_upload(TransferId transfer, std::string why) { impl_->fail_upload(transfer, std::move(why)); }
void Multi::set_priority(TransferId transfer, Priority priority) { impl_->set_priority(transfer, priority); }
Bytes Multi::body(TransferId transfer) const { return impl_->engine().body(transfer); }
void Multi::consume_body(TransferId transfer, std::size_t bytes) { impl_->consume_body(transfer, bytes); }
const Request& Multi::request(TransferId transfer) const { return impl_->engine().request(transfer); }
const ResponseHead& Multi::head(TransferId transfer) const { return impl_->engine().head(transfer); }
const Fields& Multi::trailers(TransferId transfer) const { return impl_->engine().trailers(transfer); }
const Progress& Multi::progress(TransferId transfer) const { return impl_->engine().progress(transfer); }
std::vector<Hop> Multi::hops(TransferId transfer) const { return impl_->engine().hops(transfer); }
TransferInfo Multi::info(TransferId transfer) const { return impl_->engine().info(transfer); }
Instant Multi::now() const { return impl_->parts().environment.steady(); }

// A step without memory throws before it has changed anything, so a drive that ends here has left no work half done.
Drive Multi::perform(int* running) try { return impl_->driver().perform(running); } catch (const std::bad_alloc&) {
  return impl_->driver().cut_short(running);
} catch (...) {  // thrown by a handler
  impl_->driver().cut_short(running);
  throw;
}
Result<void> Multi::fdset(fd_set* read, fd_set* write, fd_set*, int* highest) const {
  return impl_->parts().watches.fdset(read, write, highest);
}
std::optional<std::chrono::milliseconds> Multi::timeout() const { return impl_->driver().timeout(); }
Result<PollResult> Multi::poll(std::span<ExtraDescriptor> extra, std::chrono::milliseconds longest) {
  return impl_->driver().poll(extra, longest);
}
void Multi::wakeup() { impl_->parts().waiter->wakeup(); }
int Multi::fd() { return impl_->driver().fd(); }
int Multi::wakeup_fd() const { return impl_->parts().waiter->wakeup_fd(); }

bool Multi::take_wakeup() { return impl_->driver().take_wakeup(); }
bool Multi::all_paused() const { return impl_->all_paused(); }
bool Multi::waits_for_signals() const { return impl_->parts().streams.waits_for_signals(); }

void Multi::set_watch_sink(WatchSink* sink) { impl_->driver().set_watch_sink(sink); }
WatchSink* Multi::watch_sink() const { return impl_->parts().watches.sink(); }
Drive Multi::socket_action(int fd, std::uint8_t events, int* running) try {
  return impl_->driver().socket_action(fd, events, running);
} catch (const std::bad_alloc&) {
  return impl_->driver().cut_short(running);
} catch (...) {  // thrown by a handler
  impl_->driver().cut_short(running);
  throw;
}
void Multi::assign(int fd, void* value) { impl_->parts().watches.assign(fd, value); }

std::optional<Message> Multi::info_read(int* left) { return impl_->info_read(left); }
std::size_t Multi::running() const { return impl_->running(); }
std::size_t Multi::connections() const { return impl_->engine().connections(); }
std::size_t Multi::idle_connections() const { return impl_->engine().idle_connections(); }
Counters Multi::counters() const { return impl_->engine().counters(); }
void Multi::close_idle_connections() { impl_->close_idle_connections(); }
void Multi::network_changed() { impl_->network_changed(); }
EngineLimits Multi::limits() const { return impl_->engine().limits(); }
void Multi::set_limits(EngineLimits limits) { impl_->set_limits(limits); }
std::vector<std::string> Multi::take_key_log() { return impl_->driver().take_key_log(); }

}  // namespace sluice
