"""The bugs that the simulator must find: each a small change to a core file, planted by plant.py in a copy that only sluice_sim_planted
has. In `new`, PLANTED is true when this bug is switched on. `old` must stand in its file exactly once: choose it short and telling.
"""

from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str
    new: str


class Bug(NamedTuple):
    name: str
    what: str
    edits: list


def bug(name, what, *edits):
    return Bug(name, what, [Edit("core/" + file, old, new) for file, old, new in edits])


# With any bug on, the engine's own walk over its invariants is silent: the simulator has to find it from outside.
MUTED = Edit("core/engine/invariants.cpp", "Engine::Impl::check_invariants() const {", "Engine::Impl::check_invariants() const {\n  if (PLANTED) return;")

BUGS = [
    # ---- what travels ----
    bug("lost-last-chunk", "a streamed upload ends without its last chunk",
        ("http1/chunk_frame.cpp", 'if (last_) tail_ = "0\\r\\n\\r\\n";', 'if (last_ && !PLANTED) tail_ = "0\\r\\n\\r\\n";')),
    bug("swallowed-byte", "the last byte is swallowed where body bytes fill their buffer to the edge",
        ("engine/transfer.cpp", "kept_.insert(kept_.end(), bytes.begin(), bytes.end());",
         "const bool edge = PLANTED && kept_.size() + bytes.size() >= 1'024;\n"
         "    kept_.insert(kept_.end(), bytes.begin(), bytes.end() - (edge ? 1 : 0));")),
    bug("partial-send-again", "of a send that was taken in part the last byte is sent again",
        ("engine/stack.cpp", "if (session_ && phase_ == StreamPhase::ready) session_->advance_output(bytes);",
         "const bool part = PLANTED && session_ && bytes > 1 && bytes < session_->output().size_bytes();\n"
         "    if (session_ && phase_ == StreamPhase::ready) session_->advance_output(part ? bytes - 1 : bytes);")),
    bug("landing-overwritten", "the landing buffer is used again while a body still stands in it",
        ("engine/facts.cpp", "\n  keep_landed_bodies();", "\n  if (!PLANTED) keep_landed_bodies();")),
    bug("old-body", "a transfer inherits the unread body of the one that had its slot before",
        ("engine/transfer.cpp", "phase_ = TransferPhase::queued;\n  drop_body();",
         "phase_ = TransferPhase::queued;\n  if (!PLANTED) drop_body();")),
    bug("truncated-is-whole", "an end before Content-Length is taken for success",
        ("http1/reader.cpp", "if (phase_ == Phase::eof_body && clean) {",
         "if ((phase_ == Phase::eof_body && clean) || (PLANTED && phase_ == Phase::length_body)) {")),
    bug("cut-tls-is-whole", "TLS that ends without close_notify counts as a clean end",
        ("engine/facts.cpp", "on_end_of_stream(socket, socket.stack.eof_is_clean() && !socket.write_broken, now);",
         "on_end_of_stream(socket, PLANTED || (socket.stack.eof_is_clean() && !socket.write_broken), now);")),
    bug("no-trailers", "a chunked body's trailers are dropped",
        ("http1/reader.cpp", "in_head ? &head_->fields : trailers_;", "in_head ? &head_->fields : PLANTED ? nullptr : trailers_;")),
    bug("head-awaits-body", "the Content-Length of an answer to HEAD is awaited",
        ("http1/reader.cpp", "if (bodiless()) {", "if (bodiless() && !(PLANTED && expectation_.to_head)) {")),
    bug("interim-is-final", "a 103 counts as the final response",
        ("http1/reader.cpp", "if (status_ < 200) {\n    if (++interim_count_", "if (status_ < (PLANTED ? 103 : 200)) {\n    if (++interim_count_"),
        ("http1/reader.cpp", "(status_ < 200 ? step.interim : step.head) = true;",
         "(status_ < (PLANTED ? 103 : 200) ? step.interim : step.head) = true;")),
    bug("surplus-swallowed", "bytes behind a response's end are dropped, and the connection is used on",
        ("http1/session.cpp", "if (taken == input.size()) return taken;", "if (taken == input.size() || PLANTED) return input.size();")),
    bug("early-413-ignored", "an upload goes on after the 413 that refused it",
        ("http1/state.cpp", "return status >= 400;", "return status >= 400 && !PLANTED;")),
    bug("no-rewind", "a retried upload goes on where the first try stopped",
        ("engine/exchange.cpp", "transfer.upload.rewind();", "if (!PLANTED) transfer.upload.rewind();")),
    bug("wrong-host", "Host names another host",
        ("http1/request_writer.cpp", '<< request.url.host() << (brackets', '<< (PLANTED ? "wrong" : request.url.host()) << (brackets')),
    bug("fields-lost", "of a response's fields only the first is kept",
        ("http1/reader.cpp", "if (fields != nullptr) added", "if (fields != nullptr && !(PLANTED && in_head && fields->size() > 0)) added")),
    bug("interim-empty", "an interim response brings no fields and the wrong reason",
        ("engine/exchange.cpp", "put(output::InterimReady{transfer.id, transfer.head});",
         "if (PLANTED) transfer.head.fields.clear(), transfer.head.reason = \"nonsense\";\n"
         "      put(output::InterimReady{transfer.id, transfer.head});")),
    bug("info-empty", "info() names no address, route or TLS",
        ("engine/transfers.cpp", "    info.address = transfer->info.address;",
         "    if (PLANTED) return info;\n    info.address = transfer->info.address;")),
    bug("no-head-bytes", "sent_head_bytes stays 0",
        ("engine/scheduler.cpp", "  transfer.progress.sent_head_bytes = ", "  if (!PLANTED) transfer.progress.sent_head_bytes = ")),
    bug("no-first-byte", "first_byte is never set",
        ("engine/exchange.cpp", "  progress.first_byte = now.steady;", "  if (!PLANTED) progress.first_byte = now.steady;")),
    bug("no-expected-bytes", "expected_body_bytes is never set",
        ("engine/exchange.cpp", "  progress.expected_body_bytes = body_length;",
         "  if (!PLANTED) progress.expected_body_bytes = body_length;")),

    # ---- who gets which connection ----
    bug("reused-after-close", "a connection is used again after Connection: close",
        ("http1/reader.cpp", 'says_close_ |= equals_ignoring_case(*element, "close");',
         'says_close_ |= !PLANTED && equals_ignoring_case(*element, "close");')),
    bug("reused-mid-upload", "a connection that was answered in the middle of an upload is used for the next request",
        ("http1/session.cpp", "if (!verdict.reusable) reusable_ = false;", "if (!verdict.reusable && !(PLANTED && reader_.keep_alive())) reusable_ = false;")),
    bug("last-use-ignored", "forbid_reuse is forgotten",
        ("engine/scheduler.cpp", "if (transfer.options.forbid_reuse)", "if (transfer.options.forbid_reuse && !PLANTED)")),
    bug("host-not-in-key", "connections are shared by transfers to different hosts",
        ("engine/scheduler.cpp", "append_part(key, request.url.host());", "append_part(key, PLANTED ? std::string_view{} : request.url.host());")),
    bug("route-not-in-key", "connections are shared by transfers over different routes",
        ("engine/scheduler.cpp", "append_route(options.route.get(), key);", "if (!PLANTED) append_route(options.route.get(), key);")),
    bug("origin-limit", "one connection more than max_connections_per_origin",
        ("engine/scheduler.cpp", "if (per_origin != 0 && origin.open >= per_origin) {",
         "if (per_origin != 0 && origin.open >= per_origin + (PLANTED ? 1 : 0)) {")),
    bug("total-limit", "one connection more than max_connections",
        ("engine/scheduler.cpp", "const bool full = open_ >= options_.max_connections;",
         "const bool full = open_ >= options_.max_connections + (PLANTED ? 1 : 0);")),
    bug("race-past-limit", "the race between addresses opens connections past the limits",
        ("engine/dial.cpp", "if (origin_full || engine_full) {", "if ((origin_full || engine_full) && !PLANTED) {")),
    bug("slot-never-freed", "a dial that is given up because its transfer was removed keeps its slot",
        ("engine/dial.cpp", "  close_attempts(dial, nullptr);\n  end_dial(dial, false);\n}", "  close_attempts(dial, nullptr);\n  end_dial(dial, PLANTED);\n}")),
    bug("waiting-not-woken", "who waits is not looked at when a connection's slot is freed",
        ("engine/scheduler.cpp", "--open_;\n  mark(origin);", "--open_;\n  if (!PLANTED || origin.queue.empty()) mark(origin);")),
    bug("starved-forgotten", "an origin that waits for the limit on all connections is forgotten",
        ("engine/scheduler.cpp", "if (!engine::StarvedList::contains(origin)) starved_.push_back(origin);",
         "if (!engine::StarvedList::contains(origin) && !PLANTED) starved_.push_back(origin);")),
    bug("loser-not-closed", "the address that lost the race keeps its connection",
        ("engine/dial.cpp", "if (&socket == but) continue;\n    bury(socket, false);",
         "if (&socket == but) continue;\n    if (!PLANTED || !but) bury(socket, false);")),
    bug("close-forgotten", "a failed connection's Close is never said",
        ("engine/scheduler.cpp", "socket.close_owed = !try_put(output::Close{socket.id});",
         "socket.close_owed = (!PLANTED || say_goodbye) && !try_put(output::Close{socket.id});")),
    bug("no-reuse", "no connection is ever used again",
        ("engine/scheduler.cpp", "if (!session.reusable() || socket.write_broken", "if (PLANTED || !session.reusable() || socket.write_broken")),
    bug("idle-eof-ignored", "the end of an idle connection is ignored, and it is used on",
        ("engine/exchange.cpp", "    close_socket(socket, clean);\n    return;\n  }\n  events_.clear();",
         "    if (!PLANTED) close_socket(socket, clean);\n    return;\n  }\n  events_.clear();")),
    bug("close-idle-nothing", "close_idle_connections does nothing",
        ("engine/scheduler.cpp", "while (!idle_.empty()) close_socket(", "while (!idle_.empty() && !PLANTED) close_socket(")),
    bug("no-yield", "a busy origin never gives its connections to one that starves",
        ("engine/scheduler.cpp", "  return starved_.size() > itself &&", "  return !PLANTED && starved_.size() > itself &&")),
    bug("no-close-notify", "TLS connections are closed without a close_notify",
        ("engine/scheduler.cpp", "socket.stack.close(say_goodbye &&", "socket.stack.close(!PLANTED && say_goodbye &&")),
    bug("lifo-queue", "who came last is served first",
        ("engine/transfers.cpp", "  origin->queue.push_back(*transfer);",
         "  PLANTED ? origin->queue.push_front(*transfer) : origin->queue.push_back(*transfer);")),
    bug("one-at-a-time", "never more than one connection to an origin",
        ("engine/scheduler.cpp", "if (!claim_room(origin, *transfer)) return;",
         "if ((PLANTED && origin.open > 0) || !claim_room(origin, *transfer)) return;")),
    bug("slot-lost-at-timeout", "a dial that times out keeps its slot",
        ("engine/dial.cpp", "end_dial(dial, false);\n  error.retry_safe",
         "end_dial(dial, PLANTED && error.code == Code::connect_timeout);\n  error.retry_safe")),
    bug("negative-cache", "a name that could not be resolved fails for a minute without being asked for",
        ("engine/dial.cpp", "if (!addresses) return std::unexpected(std::move(addresses.error()));",
         "if (PLANTED && !addresses) origin.addresses.clear(), origin.addresses_until = now.steady + limits::kResolveTtl;\n"
         "  if (!addresses) return std::unexpected(std::move(addresses.error()));"),
        ("engine/dial.cpp", "make_error(Code::connect_failed, origin.where() + \": no address\")",
         "make_error(PLANTED ? Code::resolve_failed : Code::connect_failed, origin.where() + \": no address\")")),

    # ---- ends and retries ----
    bug("second-done", "a transfer on a reused connection has two ends",
        ("engine/transfers.cpp", "transfer.owed_done = done;",
         "transfer.owed_done = done;\n  if (PLANTED && transfer.info.reused) try_put(output::Done{transfer.id, {}});")),
    bug("canceled-still-runs", "running() counts transfers that were cancelled",
        ("engine/transfers.cpp", "  --running_;", "  if (!PLANTED || result || result.error().code != Code::canceled) --running_;")),
    bug("retry-of-post", "a request that is not idempotent is sent again after bytes of it were taken",
        ("engine/exchange.cpp", "return !transfer.wire_touched || is_idempotent(transfer.request.method);",
         "return PLANTED || !transfer.wire_touched || is_idempotent(transfer.request.method);")),
    bug("retry-after-head", "a transfer is tried again after its response has begun",
        ("engine/exchange.cpp", "if (socket.stack.session()->response_started(transfer.stream)) return false;",
         "if (socket.stack.session()->response_started(transfer.stream) && !PLANTED) return false;")),
    bug("stale-id", "a fact about a closed connection is taken for the one that has its place now",
        ("engine/facts.cpp", "  return sockets_.find(id);\n}",
         "  const auto live = sockets_.first_live(id.index);\n"
         "  return sockets_.find(PLANTED && live && live->index == id.index ? *live : id);\n}")),
    bug("error-as-eof", "a receive error is an end",
        ("engine/facts.cpp", "        socket.send_error = std::move(error);\n      } else {",
         "        socket.send_error = std::move(error);\n"
         "      } else if (PLANTED && error.code == Code::receive_failed) {\n"
         "        on_end_of_stream(socket, socket.stack.eof_is_clean(), now);\n      } else {")),
    bug("truncated-as-closed", "a response that is cut short is said not to have begun",
        ("http1/reader.cpp", "started_ ? cut_short()", "started_ && !PLANTED ? cut_short()")),
    bug("answer-behind-epipe", "an answer that was there when a send failed is not read",
        ("engine/facts.cpp", "if (error.code == Code::send_failed && !socket.write_broken",
         "if (!PLANTED && error.code == Code::send_failed && !socket.write_broken")),
    bug("no-retry", "nothing is ever tried again",
        ("engine/exchange.cpp", "if (!(transfer.info.reused || ", "if (PLANTED || !(transfer.info.reused || ")),
    bug("retry-not-fresh", "a retry takes a kept-alive connection again",
        ("engine/exchange.cpp", "transfer.fresh_only = true;", "if (!PLANTED) transfer.fresh_only = true;")),
    bug("retry-safe-lie", "every failure of a connection says retry_safe",
        ("engine/exchange.cpp", "error.retry_safe = !transfer.wire_touched ||", "error.retry_safe = PLANTED || !transfer.wire_touched ||")),

    # ---- levels and edges ----
    bug("reads-while-paused", "read interest stays on when the body's buffer is full",
        ("engine/facts.cpp", "return {readable_bytes(*socket) != 0,", "return {PLANTED || readable_bytes(*socket) != 0,")),
    bug("no-write-interest", "write interest is off while the head and body of an upload wait to be sent",
        ("engine/facts.cpp", "!socket->write_broken && socket->stack.has_output()};",
         "!socket->write_broken && socket->stack.has_output() && !(PLANTED && socket->stack.transmit().count > 1)};")),
    bug("interest-not-announced", "a change of interest is not announced to the driver",
        ("engine/facts.cpp", "if (socket.id == current_ || socket.interest_announced || !is_open(socket)) return;",
         "if (socket.id == current_ || socket.interest_announced || !is_open(socket) || PLANTED) return;")),
    bug("no-body-cap", "an unread body may grow without bound",
        ("engine/facts.cpp", "return most < limits::kBodyBufferBytes ?", "return PLANTED ? limits::kLandingBytes : most < limits::kBodyBufferBytes ?")),
    bug("upload-ready-once", "room for a streamed body is announced once and never again",
        ("engine/transfers.cpp", "transfer->upload_announced = false;", "transfer->upload_announced = PLANTED;")),

    # ---- time ----
    bug("timer-not-cancelled", "a transfer's total timeout outlives it",
        ("engine/timers.cpp", "timers_.cancel(transfer.total_timer);", "if (!PLANTED) timers_.cancel(transfer.total_timer);")),
    bug("total-timeout-late", "the total timeout is armed for twice its time",
        ("engine/transfers.cpp", "set_timer(transfer->total_timer, *options.total_timeout,", "set_timer(transfer->total_timer, *options.total_timeout * (PLANTED ? 2 : 1),")),
    bug("connect-timeout-inherited", "a dial that is taken over keeps the deadline of the transfer that began it",
        ("engine/dial.cpp", "if (sponsor.options.connect_timeout) {",
         "if (PLANTED && timers_.is_set(dial.timeout_timer)) {\n  } else if (sponsor.options.connect_timeout) {")),
    bug("orphan-without-timeout", "a dial that goes on for nobody has no time limit",
        ("engine/dial.cpp", "    or_lose(dial.id, now, [&] { limit_orphan(dial, now); });",
         "    if (PLANTED) timers_.cancel(dial.timeout_timer);\n"
         "    if (!PLANTED) or_lose(dial.id, now, [&] { limit_orphan(dial, now); });")),
    bug("idle-blind-to-bytes", "the idle timeout runs on while bytes come",
        ("engine/facts.cpp", "note_activity(*transfers_.find(transfer), now);",
         "if (!PLANTED) note_activity(*transfers_.find(transfer), now);")),
    bug("idle-timeout-never", "the idle timeout never ends a transfer",
        ("engine/timers.cpp", "if (waits_for_application(transfer)) return;", "if (waits_for_application(transfer) || PLANTED) return;")),
    bug("continue-for-ever", "a 100 that never comes is awaited for ever",
        ("engine/facts.cpp", "&& !timers_.is_set(transfer.continue_timer)) {", "&& !timers_.is_set(transfer.continue_timer) && !PLANTED) {")),
    bug("idle-never-expires", "an unused connection is never closed",
        ("engine/scheduler.cpp", "if (!timers_.is_set(socket.expiry_timer)) {", "if (!timers_.is_set(socket.expiry_timer) && !PLANTED) {")),
    bug("heap-order", "of four timers that hang together in the heap the last is not looked at",
        ("base/timer_heap.cpp", "child < end; ++child) {", "child + (PLANTED ? 1 : 0) < end; ++child) {")),
    bug("no-stagger", "a second address is never tried beside the first",
        ("engine/dial.cpp", "begin_attempt(dial, origin, one_more);\n  if (", "begin_attempt(dial, origin, one_more);\n  if (!PLANTED && ")),
    bug("connect-from-add", "the connect timeout counts the time in the queue",
        ("engine/dial.cpp", "set_timer(dial.timeout_timer, *sponsor.options.connect_timeout,",
         "const Duration waited = PLANTED ? now.steady - sponsor.progress.queued : Duration::zero();\n"
         "    set_timer(dial.timeout_timer, std::max(Duration::zero(), *sponsor.options.connect_timeout - waited),")),
    bug("limited-no-timeout", "no connect timeout in an engine with a limit",
        ("engine/dial.cpp", "  // One that is taken over in the middle of its handshakes.",
         "  const bool limited = options_.max_connections != 0 || options_.max_connections_per_origin != 0;\n"
         "  if (PLANTED && limited) timers_.cancel(dial.timeout_timer);")),
    bug("retry-no-timeout", "a transfer that is tried again has no connect timeout",
        ("engine/dial.cpp", "  dial.sponsor = sponsor.id;\n",
         "  dial.sponsor = sponsor.id;\n"
         "  if (PLANTED && sponsor.info.retries > 0) return timers_.cancel(dial.timeout_timer);\n")),
    bug("idle-in-pause", "the idle timeout ends a transfer whose body the application does not consume",
        ("engine/timers.cpp", "if (readable_bytes(socket) == 0) return true;", "if (readable_bytes(socket) == 0 && !PLANTED) return true;")),
    bug("idle-in-supply", "the idle timeout ends a transfer whose body the application does not supply",
        ("engine/timers.cpp", "return transfer.upload.streamed() &&", "return !PLANTED && transfer.upload.streamed() &&")),
    bug("no-wait-for-100", "100 (Continue) is not waited for",
        ("engine/facts.cpp", "set_timer(transfer.continue_timer, limits::kContinueTimeout,",
         "set_timer(transfer.continue_timer, PLANTED ? Duration::zero() : limits::kContinueTimeout,")),
    bug("expiry-late", "unused connections are kept ten times as long",
        ("engine/scheduler.cpp", "set_timer(socket.expiry_timer, options_.idle_connection_timeout,",
         "set_timer(socket.expiry_timer, options_.idle_connection_timeout * (PLANTED ? 10 : 1),")),
]
