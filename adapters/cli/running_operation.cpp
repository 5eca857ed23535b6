// See running_operation.hpp.
#include "adapters/cli/running_operation.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "adapters/cli/error_text.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/verbose.hpp"
#include "adapters/transport.hpp"
#include "core/base/ascii.hpp"
#include "core/content_disposition.hpp"
#include "core/http_date.hpp"
#include "core/resume.hpp"
#include "core/validators.hpp"

namespace sluice::cli {
namespace {

// An unwanted body up to this size is read to its end, which costs less than a new connection for the next transfer.
constexpr std::uint64_t kMaxDiscarded = 64 * 1024;
// As in curl: a body of this size has "Expect: 100-continue".
constexpr std::uint64_t kExpectFrom = 1024 * 1024 + 1;
// But not longer than this.
constexpr Duration kDiscardTime = std::chrono::seconds(1);

OutputFile::Existing existing(const Settings& settings, OutputFile::Existing otherwise) {
  if (!settings.clobber) return otherwise;
  return *settings.clobber ? OutputFile::Existing::replace : OutputFile::Existing::number;
}

std::string status_text(const ResponseHead& head) {
  return std::to_string(head.status) + (head.reason.empty() ? "" : " " + head.reason);
}

// After redirects this is not what the command line says.
std::string named(const Request& request) { return request.method + " " + request.url.text_without_secrets(); }

}  // namespace

RunningOperation::RunningOperation(std::shared_ptr<const Operation> operation, Surroundings& surroundings,
                                   std::int64_t number)
    : kept_(std::move(operation)),
      operation_(*kept_),
      surroundings_(surroundings),
      number_(number),
      output_(operation_.output.to_stdout ? "-" : operation_.output.path,
              {.create_directories = settings().create_dirs,
               .existing = existing(settings(), OutputFile::Existing::replace),
               .mode = settings().create_file_mode}) {
  if (surroundings.har) har_.emplace();
  if (!surroundings.trace.wanted()) return;
  trace_.emplace([&log = surroundings.trace, number](const TracePiece& piece) { log.write(number, piece); },
                 surroundings.trace.secrets());
}

std::string RunningOperation::display_name() const {
  if (operation_.upload && !operation_.upload->from_stdin) return operation_.upload->path;
  if (operation_.output.to_stdout) return shown_url(operation_);
  return operation_.output.path.substr(operation_.output.path.rfind('/') + 1);
}

TransferFigures RunningOperation::figures(const Multi& multi, Instant now) {
  const Progress& progress = multi.progress(id_);
  TransferFigures figures;
  figures.name = display_name();
  figures.bytes = progress.sent_body_bytes + progress.received_body_bytes;
  // Until the size of the response is known, only the size of the upload can be shown.
  std::optional<std::uint64_t> upload = 0;
  if (source_) upload = source_->length();
  if (operation_.body) upload = operation_.body->size();
  const bool sends = source_ || operation_.body;
  if (progress.expected_body_bytes && upload) {
    figures.expected = *progress.expected_body_bytes + *upload;
  } else if (sends && !progress.first_byte) {
    figures.expected = upload;
  }
  figures.bytes_per_second = meter_.update(figures.bytes, now);
  return figures;
}

std::expected<RequestBody, Failure> RunningOperation::make_form(Fields& fields) {
  const auto given = fields.find("Content-Type");
  auto form = FormSource::open(*operation_.form, std::string(given.value_or(kFormData)), surroundings_.random);
  if (!form) return std::unexpected(Failure{kExitRead, form.error()});
  if (auto set = fields.set("Content-Type", (*form)->content_type()); !set) {
    return std::unexpected(Failure{exit_code(set.error()), set.error().message()});
  }
  source_ = *std::move(form);
  return BodyStream{operation_.chunked ? std::nullopt : source_->length(), source_->rewindable()};
}

std::expected<RequestBody, Failure> RunningOperation::make_body(Fields& fields) {
  if (operation_.form) return make_form(fields);
  if (operation_.upload) {
    auto source = UploadSource::open(operation_.upload->from_stdin ? "-" : operation_.upload->path);
    if (!source) return std::unexpected(Failure{kExitRead, source.error()});
    source_ = *std::move(source);
    const bool counted = !operation_.upload->from_stdin && !operation_.chunked;
    return BodyStream{counted ? source_->length() : std::nullopt, source_->rewindable()};
  }
  if (!operation_.body) return std::monostate{};
  if (operation_.chunked) return BodyStream{std::nullopt, true};
  return BodyView{as_bytes(*operation_.body)};
}

std::expected<TransferId, Failure> RunningOperation::start(Multi& multi) {
  Request request;
  request.method = operation_.method;
  request.url = operation_.url;
  request.fields = operation_.fields;
  auto body = make_body(request.fields);
  if (!body) return std::unexpected(body.error());
  request.body = *std::move(body);
  if (auto asked = ask_for_rest(request.fields); !asked) return std::unexpected(asked.error());

  TransferOptions options;
  options.redirects = settings().redirects;
  if (operation_.url.is_tls() || options.redirects || settings().hsts) {
    auto tls = surroundings_.tls.for_settings(settings());
    // Without one a redirect from http to https fails, if it comes.
    if (!tls && operation_.url.is_tls()) return std::unexpected(tls.error());
    if (tls) options.tls = *std::move(tls);
  }
  if (operation_.credentials) {
    Credentials credentials = *operation_.credentials;
    credentials.netrc = settings().netrc;
    options.credentials = std::make_shared<const Credentials>(std::move(credentials));
  }
  options.retries = settings().retries;
  if (options.retries) options.retries->after_head = !operation_.output.to_stdout;
  if (operation_.expects_continue) options.expect_continue_from = kExpectFrom;
  options.continue_timeout = settings().continue_timeout;
  options.max_body_bytes = settings().max_filesize;
  // Positions are those of the coded content, so a decoded one cannot be continued.
  const bool decodes_content = settings().compressed && !settings().continue_at;
  if (decodes_content || settings().transfer_codings) {
    options.decoding = DecodingOptions{
        .content = decodes_content, .transfer = settings().transfer_codings, .ask = settings().asks_for_codings};
  }
  options.raw_body = settings().raw;
  if (settings().cookies) options.cookies = surroundings_.cookies;
  options.connect_to = operation_.connect_to;
  options.family = settings().family;
  if (!settings().unix_socket.empty()) {
    auto route = unix_socket(settings().unix_socket);
    if (!route) return std::unexpected(Failure{exit_code(route.error()), route.error().message()});
    options.route = *std::move(route);
  }
  if (settings().connect_timeout) options.connect_timeout = settings().connect_timeout;
  // As in curl, -m is for each attempt.
  (options.retries ? options.attempts_timeout : options.total_timeout) = settings().max_time;
  options.http1 = settings().strict ? Http1::strict : Http1::tolerant;
  options.allow_http0_9 = settings().http0_9;
  options.tls_truncation_ok = settings().tls_truncation_ok;
  options.report_heads = surroundings_.verbose || surroundings_.har || surroundings_.trace.wanted();
  options.keep_raw_head = surroundings_.verbose || settings().include_head || !settings().dump_header.empty();

  if (auto opened = surroundings_.dumps.open(settings()); !opened) {
    return std::unexpected(Failure{kExitWrite, opened.error()});
  }
  auto id = multi.add(std::move(request), std::move(options), this);
  if (!id) return std::unexpected(Failure{exit_code(id.error()), id.error().message()});
  id_ = *id;
  return id_;
}

// -C
std::expected<void, Failure> RunningOperation::ask_for_rest(Fields& fields) {
  const auto& at = settings().continue_at;
  if (!at) return {};
  if (!operation_.output.to_stdout) partial_ = output_.find_partial();
  continues_at_ = at->bytes.value_or(partial_ ? partial_->bytes : 0);
  if (partial_ && partial_->bytes < continues_at_) {
    return std::unexpected(Failure{kExitBadResume, "continue at byte " + std::to_string(continues_at_) + ": " +
                                                       partial_->path + " has " + std::to_string(partial_->bytes) +
                                                       " bytes"});
  }
  if (continues_at_ == 0) return {};
  auto set = fields.set("Range", range_value(continues_at_));
  if (set && partial_ && !partial_->version.if_range.empty()) set = fields.set("If-Range", partial_->version.if_range);
  if (!set) return std::unexpected(Failure{exit_code(set.error()), set.error().message()});
  return {};
}

// Opens the output for the rest of a file. False: the transfer has ended.
bool RunningOperation::take_rest(Multi& multi, const ResponseHead& head) {
  const OutputFile::Version known = partial_ ? partial_->version : OutputFile::Version();
  const auto decided = resume({.bytes = continues_at_,
                               .size = known.size,
                               .etag = known.etag,
                               .last_modified = known.last_modified,
                               .if_range = known.if_range},
                              head.status, head.fields);
  if (!decided) {
    end(multi, id_, {kExitRange, named(multi.request(id_)) + ": " + decided.error().message()});
    return false;
  }
  const bool whole = decided->step == ResumeStep::restart;
  if (whole && operation_.output.to_stdout) {
    end(multi, id_,
        {kExitRange, named(multi.request(id_)) + ": the server sends the whole, not the rest from byte " +
                         std::to_string(continues_at_)});
    return false;
  }
  FileResult<void> opened;
  if (output_.is_open()) {
    if (whole) opened = output_.restart_whole();
  } else {
    opened = whole || !partial_ ? output_.open() : output_.open_partial(*partial_, continues_at_);
  }
  if (!opened) {
    end(multi, id_, {kExitWrite, opened.error()});
    return false;
  }
  if (decided->step != ResumeStep::complete) return true;
  end(multi, id_, Failure{});
  return false;
}

void RunningOperation::on_head_sent(Multi& multi, TransferId id, std::string_view head) {
  const TransferInfo info = multi.info(id);
  if (har_) har_->head_sent(head, info);
  conn_ = info.conn;
  if (surroundings_.verbose) note_verbose(verbose_connection(multi.request(id).url, info) + verbose_request(head));
  if (trace_) trace_->head_sent(multi, id, head);
}

void RunningOperation::note_verbose(const std::string& text) {
  surroundings_.console.note(prefix_lines(surroundings_.trace.prefix(number_, conn_), text));
}

void RunningOperation::on_head_received(Multi& multi, TransferId id, std::string_view head) {
  if (trace_) trace_->head_received(multi, id, head);
}

bool RunningOperation::take_head(Multi& multi, const ResponseHead& head) {
  if (surroundings_.verbose) note_verbose(verbose_response(head));
  if (auto dumped = surroundings_.dumps.write(settings(), head_text(head)); !dumped) {
    end(multi, id_, {kExitWrite, dumped.error()});
    return false;
  }
  if (!settings().include_head) return true;
  auto written = output_.is_open() ? FileResult<void>() : output_.open();
  if (written) written = output_.write(as_bytes(head_text(head)));
  if (!written) end(multi, id_, {kExitWrite, written.error()});
  return written.has_value();
}

void RunningOperation::on_interim(Multi& multi, TransferId, const ResponseHead& head) { take_head(multi, head); }

// -i and -D show the heads of all hops. The body of a hop that another follows is never seen, unless the hop has failed
// in the middle of it.
void RunningOperation::on_hop_done(Multi& multi, TransferId, const output::HopDone& hop) {
  if (har_) har_->hop_done(hop);
  if (trace_) trace_->hop_done(multi, hop);
  conn_ = {};
  if (hop.head.status != 0 && !head_received_ && !take_head(multi, hop.head)) return;
  if (hop.next != HopReason::retry) return;
  warn_of_retry(multi, hop);
  head_received_ = false;
  verdict_.reset();
  discard_ = false;
  discarded_ = 0;
  discards_until_.reset();
  if (operation_.output.to_stdout) return;
  if (auto restarted = output_.restart(); !restarted) end(multi, id_, {kExitWrite, restarted.error()});
}

void RunningOperation::warn_of_retry(const Multi& multi, const output::HopDone& hop) {
  ++retries_;
  char wait[32];
  std::snprintf(wait, sizeof wait, "%.1f", std::chrono::duration<double>(hop.wait).count());
  const std::string what = hop.failure ? hop.failure->message() : "the server answered " + status_text(hop.head);
  surroundings_.console.warning(named(multi.request(id_)) + ": " + what + ": tried again in " + wait + " s (" +
                                std::to_string(settings().retries->max_retries - retries_) + " retries left)");
}

void RunningOperation::judge_status(const Request& request, const ResponseHead& head) {
  if (head.status < 400 || (!settings().fail && !settings().fail_with_body)) return;
  verdict_ = Failure{kExitHttpError, named(request) + ": the server answered " + status_text(head)};
  discard_ = !settings().fail_with_body;
}

void RunningOperation::on_head(Multi& multi, TransferId id, const ResponseHead& head) {
  head_received_ = true;
  if (!take_head(multi, head)) return;
  judge_status(multi.request(id), head);
  note_file(head);
  if (head.status < 300) etag_ = head.fields.find("ETag").value_or("");
  if (is_unwanted(head)) return end(multi, id, Failure{});
  // A 304 means that the existing file is current: it is kept.
  const bool wants_body = !discard_ && head.status != 304;
  if (wants_body && continues_at_ > 0 && !take_rest(multi, head)) return;
  if (wants_body && !output_.is_open()) {
    if (auto opened = output_.open(); !opened) return end(multi, id, {kExitWrite, opened.error()});
  }
  if (wants_body) note_version(head, multi.progress(id).expected_body_bytes);
  if (discard_) {
    discards_until_ = multi.now() + kDiscardTime;
    if (multi.progress(id).expected_body_bytes.value_or(0) > kMaxDiscarded) end(multi, id, *verdict_);
    return;
  }
  // -I with another method (-X): only the head is wanted, whatever follows it.
  if (operation_.head_only && operation_.method != "HEAD") end(multi, id, verdict_.value_or(Failure{}));
}

// -z, where the server has not looked at the condition: as in curl.
bool RunningOperation::is_unwanted(const ResponseHead& head) const {
  const auto& condition = settings().time_condition;
  const auto field = head.fields.find("Last-Modified");
  if (!condition || !field || head.status != 200) return false;
  const auto modified = parse_http_date(*field, surroundings_.started);
  return modified && (*modified > condition->time) == condition->not_newer;
}

// For a later -C.
void RunningOperation::note_version(const ResponseHead& head, std::optional<std::uint64_t> length) {
  if (operation_.output.to_stdout || (head.status != 200 && head.status != 206)) return;
  if (head.fields.contains("Content-Encoding")) return;  // the file may hold what was decoded
  if (length && head.status == 206) *length += continues_at_;
  output_.note_version({.if_range = std::string(if_range_value(head.fields, surroundings_.started).value_or("")),
                        .etag = std::string(head.fields.find("ETag").value_or("")),
                        .last_modified = std::string(head.fields.find("Last-Modified").value_or("")),
                        .size = length});
}

// What the head says about the file: its name (-J) and its time (-R).
void RunningOperation::note_file(const ResponseHead& head) {
  const auto modified = head.fields.find("Last-Modified");
  modified_.reset();
  content_type_ = head.fields.find("Content-Type").value_or("");
  if (settings().remote_time && modified) modified_ = parse_http_date(*modified, surroundings_.started);
  const auto disposition = head.fields.find("Content-Disposition");
  if (!settings().remote_header_name || !operation_.output.remote_name || !disposition || output_.is_open()) return;
  const auto name = suggested_file_name(*disposition);
  if (!name) return;
  const std::string& path = operation_.output.path;
  output_.set_path(path.substr(0, path.rfind('/') + 1) + *name, existing(settings(), OutputFile::Existing::refuse));
}

// --xattr: the names are those of freedesktop.org, the values curl's.
void RunningOperation::keep_origin() {
  if (!settings().xattr || operation_.output.to_stdout || !output_.is_open()) return;
  std::vector<std::pair<std::string, std::string>> attributes = {{"user.creator", "sluice"}};
  if (!chain_.referer.empty()) {
    attributes.emplace_back("user.xdg.referrer.url", typed_without_userinfo(chain_.referer));
  }
  if (!content_type_.empty()) attributes.emplace_back("user.mime_type", content_type_);
  attributes.emplace_back("user.xdg.origin.url", operation_.url.text());
  if (auto set = output_.set_attributes(std::move(attributes)); !set) {
    surroundings_.console.warning("option --xattr: " + set.error());
  }
}

std::size_t RunningOperation::on_body(Multi& multi, TransferId id, Bytes bytes) {
  if (trace_) trace_->body_received(bytes);
  if (discard_) {
    discarded_ += bytes.size();
    if (discarded_ > kMaxDiscarded) end(multi, id, *verdict_);
    return bytes.size();
  }
  const std::size_t taken = bytes.size();  // a removal ends the view
  if (auto written = output_.write(bytes); !written) end(multi, id, {kExitWrite, written.error()});
  return taken;
}

std::size_t RunningOperation::on_upload(Multi& multi, TransferId id, MutableBytes space) {
  if (!source_) {
    const std::size_t count = std::min(space.size(), operation_.body->size() - body_sent_);
    if (count == 0) multi.finish_upload(id);
    if (count > 0) std::memcpy(space.data(), operation_.body->data() + body_sent_, count);
    body_sent_ += count;
    if (trace_) trace_->body_sent(space.first(count));
    return count;
  }
  const auto piece = source_->read(space);
  if (!piece) {
    multi.fail_upload(id, piece.error());
    return 0;
  }
  if (piece->later) waits_for_ = source_->fd();
  if (piece->end && piece->bytes == 0) multi.finish_upload(id);
  if (trace_) trace_->body_sent(space.first(piece->bytes));
  return piece->bytes;
}

bool RunningOperation::on_rewind(Multi&, TransferId) {
  body_sent_ = 0;
  return !source_ || source_->rewind();
}

void RunningOperation::note_chain(Multi& multi, TransferId id) {
  chain_.hops = multi.hops(id);
  // The engine does not know the end of a transfer that is removed.
  if (!chain_.hops.empty() && !chain_.hops.back().progress.done) chain_.hops.back().progress.done = multi.now();
  chain_.referer = multi.request(id).fields.find("Referer").value_or("");
}

void RunningOperation::on_done(Multi& multi, TransferId id, const Result<void>& result) {
  note_chain(multi, id);
  if (trace_) trace_->done(multi, id, result);
  if (result && multi.info(id).tls_truncated) {
    surroundings_.console.doubt(named(multi.request(id)) +
                                ": TLS ended without a close_notify: the body may be cut short");
  }
  if (!result || multi.trailers(id).empty()) return;
  if (discard_) return;
  const std::string text = fields_text(multi.trailers(id));
  auto written = surroundings_.dumps.write(settings(), text);
  if (written && settings().include_head) written = output_.write(as_bytes(text));
  if (!written) verdict_ = Failure{kExitWrite, written.error()};
}

void RunningOperation::stop_discarding(Multi& multi) { end(multi, id_, *verdict_); }

void RunningOperation::end(Multi& multi, TransferId id, Failure verdict) {
  verdict_ = std::move(verdict);
  early_end_ = Message{.transfer = id,
                       .result = {},
                       .status = multi.head(id).status,
                       .progress = multi.progress(id),
                       .info = multi.info(id)};
  early_end_->progress.done = multi.now();  // which the engine does not know
  early_head_ = multi.head(id);
  note_chain(multi, id);
  if (trace_) trace_->sent_so_far(multi);
  surroundings_.ended_early.push_back(this);
  multi.remove(id);
}

Failure RunningOperation::finish(const Result<void>& result) {
  Failure end = verdict_.value_or(Failure{});
  // How the rest of an unwanted body ends does not matter.
  const bool ended_well = result.has_value() || discard_;
  if (!ended_well) {
    end = Failure{exit_code(result.error(), head_received_), result.error().message()};
    // The option does not accept other versions of HTTP.
    const bool other_protocol =
        result.error().code == Code::not_http && end.message.find(" at \"HTTP/") == std::string::npos;
    if (other_protocol && !settings().http0_9) end.message += " (--http0.9 takes it as a body)";
  }
  // With an error status the file is still complete: it has the body (--fail-with-body) or the head (-i).
  const bool counts_as_error = end.exit_code != 0 && (end.exit_code != kExitHttpError || settings().remove_on_error);
  const bool whole = ended_well && !counts_as_error;
  if (whole) {
    const bool written = output_.is_open();
    if (end.exit_code == 0) keep_origin();
    auto committed = output_.commit(modified_);
    if (!committed) end = Failure{kExitWrite, committed.error()};
    if (committed && !etag_.empty() && !settings().etag_save.empty()) {
      committed = replace_file(settings().etag_save, etag_ + "\n");
      if (!committed) end = Failure{kExitWrite, committed.error()};
    }
    if (committed && written && partial_ && !partial_->is_target) ::unlink(partial_->path.c_str());  // a stale part
  }
  if (const std::string part = abandon(); !part.empty()) end.message += "; what came is in " + part;
  source_.reset();
  return end;
}

}  // namespace sluice::cli
