// The application's calls on the engine, and a transfer's one end.
// Leaves who gets which connection to scheduler.cpp and what a response means to exchange.cpp.
#include <algorithm>
#include <utility>

#include "core/engine/impl.hpp"

namespace sluice {

using engine::TransferPhase;

namespace {
Result<void> check_options(const TransferOptions& options) {
  const std::optional<Duration>* timeouts[] = {&options.connect_timeout, &options.total_timeout, &options.attempts_timeout,
                                               &options.idle_timeout};
  for (const auto* timeout : timeouts) {
    if (*timeout && **timeout < Duration::zero()) {
      return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
    }
  }
  if (options.idle_timeout == Duration::zero()) {  // nothing can be that busy
    return std::unexpected(make_error(Code::invalid_option, "an idle timeout must be more than zero"));
  }
  if (options.connect_to && (options.connect_to->host.empty() || options.connect_to->port == 0)) {
    return std::unexpected(make_error(Code::invalid_option, "connect_to needs a host and a port"));
  }
  return {};
}

// The URL's own place is no other: such a transfer shares its connections.
bool leads_elsewhere(const ConnectTo& to, const Url& url) {
  return to.port != url.port() || !url.zone().empty() || !equals_ignoring_case(to.host, url.host());
}

Error canceled() {
  try {
    return make_error(Code::canceled, "canceled by the application");
  } catch (const std::bad_alloc&) {
    return make_error(Code::canceled, {});
  }
}

// RFC 7617: the URL's user and password as the request's credentials. An application that has its own keeps them.
Result<void> take_url_credentials(Request& request, const TransferOptions& options) {
  const Url& url = request.url;
  if (!options.send_url_credentials || !url.has_userinfo() || request.fields.contains("Authorization")) return {};
  const auto value = url_credentials(url);
  if (!value) return std::unexpected(value.error());
  return request.fields.add("Authorization", *value);
}

bool is_received(const engine::Transfer& transfer) {
  return transfer.phase() == TransferPhase::delivering || transfer.phase() == TransferPhase::done;
}
}  // namespace

void Engine::Impl::add(Request& request, TransferOptions& options, Now now, Result<TransferId>& added) {
  now = clamp(now);
  added = enlist(request, options, now);
  if (added) finish_entry(now);
}

// What needs memory comes first, so that nothing was added where there is none.
Result<TransferId> Engine::Impl::enlist(Request& request, TransferOptions& options, Now now) try {
  if (auto taken = take_url_credentials(request, options); !taken) return std::unexpected(std::move(taken.error()));
  if (auto valid = validate_without_credentials(request); !valid) return std::unexpected(std::move(valid.error()));
  if (auto valid = check_options(options); !valid) return std::unexpected(std::move(valid.error()));
  if (options.connect_to && !leads_elsewhere(*options.connect_to, request.url)) options.connect_to.reset();
  std::shared_ptr<const TlsConfig> tls;
  if (request.url.is_tls()) {
    tls = options.tls ? options.tls : options_.default_tls;
    if (!tls) {
      return std::unexpected(make_error(Code::tls_config, request.url.text_without_secrets() + ": no TLS configuration was given " +
                                                              "(TransferOptions::tls or EngineOptions::default_tls)"));
    }
  }
  TransferId id;
  Transfer* transfer = transfers_.emplace(id);
  if (!transfer) throw std::bad_alloc();
  Origin* origin = nullptr;
  try {
    if (options.total_timeout) {
      set_timer(transfer->total_timer, *options.total_timeout, TimerKind::total_timeout, id, now);
    }
    origin = origin_for(request, options, std::move(tls));
  } catch (const std::bad_alloc&) {
    timers_.cancel(transfer->total_timer);
    transfers_.release(id);
    throw;
  }
  transfer->id = id;
  transfer->request = std::move(request);
  if (transfer->request.method.empty()) transfer->request.method = effective_method(transfer->request);
  transfer->options = std::move(options);
  transfer->upload = http::UploadBody(transfer->request.body);
  transfer->origin = origin->id;
  transfer->fresh_only = transfer->options.fresh_connection;
  transfer->progress.queued = now.steady;
  ++running_;
  ++origin->transfers;
  origin->queue.push_back(*transfer);
  make_pending(*origin);
  return id;
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
}

void Engine::Impl::cancel(TransferId id, Now now) {
  now = clamp(now);
  Transfer* transfer = transfers_.find(id);
  if (!transfer) return;
  if (transfer->phase() != TransferPhase::done) fail(*transfer, canceled(), now);
  finish_entry(now);
}

void Engine::Impl::consume_body(TransferId id, std::size_t bytes, Now now) {
  now = clamp(now);
  Transfer* transfer = transfers_.find(id);
  if (!transfer || bytes == 0) return;
  Socket* socket = sockets_.find(transfer->conn);
  const bool was_blocked = socket && readable_bytes(*socket) == 0;
  // What an ended transfer still held may be gone; who counted on it did nothing wrong.
  if (transfer->phase() == TransferPhase::done || transfer->body_lost) bytes = std::min(bytes, transfer->unconsumed());
  transfer->consume(bytes);
  if (transfer->phase() == TransferPhase::delivering) {
    finish_if_delivered(*transfer, now);
    finish_entry(now);
  } else if (was_blocked && readable_bytes(*socket) != 0) {
    or_lose(id, now, [&] { note_activity(*transfer, now); });
    interest_changed(*socket);
  }
}

MutableBytes Engine::Impl::upload_space(TransferId id) {
  Transfer* transfer = transfers_.find(id);
  if (!transfer || transfer->phase() != TransferPhase::active || !transfer->upload.streamed()) return {};
  return transfer->upload.space();
}

void Engine::Impl::upload_changed(Transfer& transfer, Now now) {
  Socket* socket = sockets_.find(transfer.conn);
  if (!socket || transfer.phase() != TransferPhase::active) return;
  note_activity(transfer, now);
  socket->stack.session()->upload_changed(transfer.stream);
  pump(*socket, now);
  interest_changed(*socket);
}

void Engine::Impl::commit_upload(TransferId id, std::size_t bytes, Now now) {
  now = clamp(now);
  Transfer* transfer = transfers_.find(id);
  if (!transfer || transfer->phase() != TransferPhase::active || bytes == 0) return;
  transfer->upload.commit(bytes);
  transfer->upload_announced = false;
  or_lose(id, now, [&] {
    upload_changed(*transfer, now);
    announce_upload(*transfer);
  });
  finish_entry(now);
}

void Engine::Impl::finish_upload(TransferId id, Now now) {
  now = clamp(now);
  Transfer* transfer = transfers_.find(id);
  // Where the response is whole the upload is of no interest any more (a 413 in the middle of it).
  if (!transfer || is_received(*transfer) || !transfer->upload.streamed()) return;
  or_lose(id, now, [&] {
    if (auto finished = transfer->upload.finish(); !finished) {
      fail(*transfer, std::move(finished.error()), now);
    } else {
      upload_changed(*transfer, now);
    }
  });
  finish_entry(now);
}

void Engine::Impl::fail_upload(TransferId id, std::string why, Now now) {
  now = clamp(now);
  Transfer* transfer = transfers_.find(id);
  if (!transfer || is_received(*transfer)) return;
  fail(*transfer, make_error(Code::upload_failed, std::move(why)), now);
  finish_entry(now);
}

void Engine::Impl::announce_upload(Transfer& transfer) {
  if (!transfer.upload.streamed() || transfer.upload_announced || transfer.upload.finished()) return;
  if (transfer.phase() != TransferPhase::active) return;
  if (transfer.upload.space().empty()) {
    if (transfer.upload.capacity_bytes() == 0) throw std::bad_alloc();  // it is full, or it could not be made
    return;
  }
  outbox_.put(output::UploadReady{transfer.id});
  transfer.upload_announced = true;
}

TransferInfo Engine::Impl::info(TransferId id) const {
  const Transfer* transfer = transfers_.find(id);
  if (!transfer) return {};
  TransferInfo info;
  info.conn = transfer->info.conn;
  info.reused = transfer->info.reused;
  info.retries = transfer->info.retries;
  info.tls_truncated = transfer->info.tls_truncated;
  try {
    info.address = transfer->info.address;
    info.route = transfer->info.route;
    if (!transfer->tls) return info;
    info.tls_resumed = transfer->tls->resumed;
    info.tls_version = transfer->tls->version;
    info.tls_cipher = transfer->tls->cipher;
    info.alpn = transfer->tls->alpn;
    info.tls_subject = transfer->tls->subject;
    info.tls_issuer = transfer->tls->issuer;
  } catch (const std::bad_alloc&) {  // as much of it as there was room for
  }
  return info;
}

// Adds the request to the error. If memory runs out the error stays as it was.
void Engine::Impl::describe(const Transfer& transfer, Error& error) const noexcept {
  try {
    error.context = transfer.request.method + ' ' + transfer.request.url.text_without_secrets() + ": " + error.message();
  } catch (const std::bad_alloc&) {
  }
}

void Engine::Impl::end(Transfer& transfer, Result<void> result, Now now) {
  disarm(transfer);
  transfer.enter(TransferPhase::done);
  transfer.progress.done = now.steady;
  SLUICE_CHECK(running_ > 0);
  --running_;
  if (Origin* origin = origins_.find(transfer.origin)) {
    SLUICE_CHECK(origin->transfers > 0);
    --origin->transfers;
    if (origin->unused()) make_pending(*origin);
  }
  engine::Transfer::OwedDone done;
  if (!result) {
    describe(transfer, result.error());
    done = {false, result.error().retry_safe, result.error().code};
  }
  done.owed = !try_put(output::Done{transfer.id, std::move(result)});
  transfer.owed_done = done;
}

void Engine::Impl::finish_if_delivered(Transfer& transfer, Now now) {
  if (transfer.phase() == TransferPhase::delivering && transfer.unconsumed() == 0) end(transfer, {}, now);
}

void Engine::Impl::fail(Transfer& transfer, Error error, Now now) {
  switch (transfer.phase()) {
    case TransferPhase::queued:
      leave_queue(*origins_.find(transfer.origin), transfer);
      end(transfer, std::unexpected(std::move(error)), now);
      break;
    case TransferPhase::dialing:
      origins_.find(transfer.origin)->dialing.remove(transfer);
      end(transfer, std::unexpected(std::move(error)), now);
      if (Dial* dial = dials_.find(transfer.dial)) adopt(*dial, true, now);
      break;
    case TransferPhase::active:
      abort_exchange(transfer, std::move(error), now);
      break;
    case TransferPhase::delivering:
      end(transfer, std::unexpected(std::move(error)), now);
      break;
    case TransferPhase::done:
      SLUICE_CHECK(false);
  }
}

void Engine::Impl::abort_exchange(Transfer& transfer, Error error, Now now) {
  Socket& socket = *sockets_.find(transfer.conn);
  http::Session& session = *socket.stack.session();
  session.abort(transfer.stream);
  detach(socket, transfer);
  end(transfer, std::unexpected(std::move(error)), now);
  if (!session.reusable() && socket.exchanges.empty()) close_socket(socket, true);
}

}  // namespace sluice
