// See running_operation.hpp.
#include "adapters/cli/running_operation.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

#include "adapters/cli/error_text.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/transfer_options.hpp"
#include "adapters/cli/verbose.hpp"
#include "core/base/ascii.hpp"
#include "core/content_disposition.hpp"
#include "core/http_date.hpp"
#include "core/validators.hpp"

namespace sluice::cli {
namespace {

// An unwanted body up to this size is read to its end, which costs less than a new connection for the next transfer.
constexpr std::uint64_t kMaxDiscarded = 64 * 1024;
// But not longer than this.
constexpr Duration kDiscardTime = std::chrono::seconds(1);

OutputFile::Existing existing(const Settings& settings, OutputFile::Existing otherwise) {
  if (!settings.clobber) return otherwise;
  return *settings.clobber ? OutputFile::Existing::replace : OutputFile::Existing::number;
}

// --no-clobber: one that neither another URL of the command writes, nor an option.
std::function<bool(const std::string&)> free_names(const Settings& settings, Surroundings& surroundings) {
  if (settings.clobber.value_or(true)) return nullptr;
  return [&surroundings](const std::string& path) { return surroundings.claims.claim(path) == nullptr; };
}

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
               .mode = settings().create_file_mode,
               .is_name = !operation_.output.to_stdout,
               .is_free = free_names(settings(), surroundings)}) {
  if (surroundings.har) har_.emplace();
  if (settings().segments > 1)
    segments_.emplace(operation_, surroundings_, output_, static_cast<SegmentedDownload::Owner&>(*this), number_);
  trace_ = surroundings.trace.begin(number);
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
  if (segments_ && segments_->is_active()) {
    figures.bytes = segments_->done();
    figures.expected = segments_->size();
    figures.bytes_per_second = meter_.update(figures.bytes, now);
    return figures;
  }
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
    if (auto begun = begin_upload_at(**source, fields); !begun) return std::unexpected(begun.error());
    source_ = *std::move(source);
    const bool counted = !operation_.upload->from_stdin && !operation_.chunked;
    return BodyStream{counted ? source_->length() : std::nullopt, source_->rewindable()};
  }
  if (!operation_.body) return std::monostate{};
  if (operation_.chunked) return BodyStream{std::nullopt, true};
  return BodyView{as_bytes(*operation_.body)};
}

// -C with -T: Content-Range says which part of the file is sent. As in curl, "-C -" sends all of it, because HTTP has
// no way to ask how much the server has.
std::expected<void, Failure> RunningOperation::begin_upload_at(UploadSource& source, Fields& fields) const {
  if (!settings().continue_at) return {};
  const std::uint64_t first = settings().continue_at->bytes.value_or(0);
  const auto size = source.length();
  const std::string what = "continue at byte " + std::to_string(first) + ": ";
  if (!size) return std::unexpected(Failure{kExitRead, what + "the size of what is to be sent is not known"});
  if (first > 0 && !source.begin_at(first)) {
    const std::string name = operation_.upload->from_stdin ? "standard input" : operation_.upload->path;
    return std::unexpected(
        Failure{kExitPartialFile, what + name + " has " + std::to_string(*size) + " bytes: nothing is left to send"});
  }
  const bool says_all = !settings().continue_at->bytes && *size > 0;
  if ((first == 0 && !says_all) || fields.contains("Content-Range")) return {};
  const std::string range = std::to_string(first) + "-" + std::to_string(*size - 1) + "/" + std::to_string(*size);
  if (auto set = fields.set("Content-Range", "bytes " + range); !set) {
    return std::unexpected(Failure{exit_code(set.error()), set.error().message()});
  }
  return {};
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
  auto options = transfer_options(operation_, surroundings_);
  if (!options) return std::unexpected(options.error());
  if (segments_) segments_->keep_options(*options);

  if (auto opened = surroundings_.dumps.open(settings()); !opened) {
    return std::unexpected(Failure{kExitWrite, opened.error()});
  }
  auto id = multi.add(std::move(request), *std::move(options), this);
  if (!id) return std::unexpected(Failure{exit_code(id.error()), id.error().message()});
  id_ = *id;
  return id_;
}

// -C, --segments
std::expected<void, Failure> RunningOperation::ask_for_rest(Fields& fields) {
  if (begins_again_ || operation_.upload) return {};
  if (segments_) return segments_->ask(fields);
  return settings().continue_at ? continued_.ask(*settings().continue_at, output_, fields)
                                : std::expected<void, Failure>();
}

// Opens the output for the rest of a file. False: the transfer has ended, or the operation has begun again.
bool RunningOperation::take_rest(Multi& multi, const ResponseHead& head) {
  auto [step, failure] = continued_.take(output_, head);
  switch (step) {
    case ContinuedDownload::Step::body:
      return true;
    case ContinuedDownload::Step::done:
      end(multi, id_, Failure{});
      return false;
    case ContinuedDownload::Step::anew:
      continued_.ask_for_whole();
      segments_void(multi, request_name(multi.request(id_)) + ": " + failure.message);
      return false;
    case ContinuedDownload::Step::failed:
      if (failure.exit_code != kExitWrite) failure.message.insert(0, request_name(multi.request(id_)) + ": ");
      end(multi, id_, std::move(failure));
      return false;
  }
  return false;
}

// What is there is of another version: the whole is asked for.
void RunningOperation::segments_void(Multi& multi, const std::string& why) {
  surroundings_.console.warning(why + ": it is fetched anew");
  if (!noted_) note_first(multi);
  if (har_) har_->hop_done({.head = early_head_, .failure = {}, .next = HopReason::retry});
  earlier_hops_ = chain_.hops;
  multi.remove(id_);
  begins_again_ = true;
  head_received_ = false;
  noted_.reset();
  verdict_.reset();
  if (auto started = start(multi); !started) end(multi, id_, started.error());
}

void RunningOperation::on_head_sent(Multi& multi, TransferId id, std::string_view head) {
  const TransferInfo info = multi.info(id);
  if (har_) har_->head_sent(head, info);
  conn_ = info.conn;
  if (surroundings_.verbose) note_verbose(verbose_connection(multi.request(id).url, info) + verbose_request(head));
  if (trace_) trace_->head_sent(multi, id, head);
}

void RunningOperation::on_connect_head(Multi& multi, TransferId, const output::ConnectHead& head) {
  conn_ = head.conn;
  if (surroundings_.verbose) note_verbose(verbose_connect(head));
  if (trace_) trace_->connect_head(multi, head);
  if (head.received && settings().proxies.shows_heads) write_head(multi, head.head);
}

void RunningOperation::note_verbose(const std::string& text) {
  surroundings_.console.note(prefix_lines(surroundings_.trace.prefix(number_, conn_), text));
}

void RunningOperation::on_head_received(Multi& multi, TransferId id, std::string_view head) {
  if (trace_) trace_->head_received(multi, id, head);
}

bool RunningOperation::take_head(Multi& multi, const ResponseHead& head) {
  if (surroundings_.verbose) note_verbose(verbose_response(head));
  return write_head(multi, head_text(head));
}

// -i and -D. False: the transfer has ended.
bool RunningOperation::write_head(Multi& multi, const std::string& text) {
  if (auto dumped = surroundings_.dumps.write(settings(), text); !dumped) {
    end(multi, id_, {kExitWrite, dumped.error()});
    return false;
  }
  if (!settings().include_head) return true;
  auto written = output_.is_open() ? FileResult<void>() : output_.open();
  if (written) written = output_.write(as_bytes(text));
  if (!written) end(multi, id_, {kExitWrite, written.error()});
  return written.has_value();
}

void RunningOperation::on_interim(Multi& multi, TransferId, const ResponseHead& head) { take_head(multi, head); }

// -i and -D show the heads of all hops. The body of a hop that another follows is never seen, unless the hop has failed
// in the middle of it.
void RunningOperation::on_hop_done(Multi& multi, TransferId id, const output::HopDone& hop) {
  if (har_) har_->hop_done(hop);
  if (trace_) trace_->hop_done(multi, hop);
  conn_ = {};
  if (hop.head.status != 0 && !head_received_ && !take_head(multi, hop.head)) return;
  if (hop.next != HopReason::retry) return;
  head_received_ = false;
  if (segments_ && segments_->is_active()) return segments_->on_hop_done(multi, id, hop);
  ++retries_;
  surroundings_.console.warning(retry_text(multi.request(id), hop, settings().retries->max_retries - retries_));
  verdict_.reset();
  discard_ = false;
  discarded_ = 0;
  discards_until_.reset();
  if (operation_.output.to_stdout) return;
  if (auto restarted = output_.restart(); !restarted) end(multi, id, {kExitWrite, restarted.error()});
}

void RunningOperation::judge_status(const Request& request, const ResponseHead& head) {
  if (head.status < 400 || (!settings().fail && !settings().fail_with_body)) return;
  verdict_ = Failure{kExitHttpError, request_name(request) + ": the server answered " + status_text(head)};
  discard_ = !settings().fail_with_body;
}

void RunningOperation::on_head(Multi& multi, TransferId id, const ResponseHead& head) {
  head_received_ = true;
  if (!take_head(multi, head)) return;
  if (segments_ && segments_->is_active()) return segments_->on_head(multi, id, head);
  judge_status(multi.request(id), head);
  note_file(head);
  if (head.status < 300) etag_ = head.fields.find("ETag").value_or("");
  if (is_unwanted(head)) return end(multi, id, Failure{});
  // A 304 means that the existing file is current: it is kept.
  const bool wants_body = !discard_ && head.status != 304;
  if (wants_body && !claim_name(multi)) return;
  if (wants_body && continued_.at() > 0 && !take_rest(multi, head)) return;
  if (wants_body && segments_ && !segments_->take_head(multi, id, head)) return;
  if (segments_ && segments_->is_active()) return;
  if (wants_body && (begins_again_ || !output_.is_open())) {
    auto opened = output_.is_open() ? output_.restart_whole() : output_.open();
    if (!opened) return end(multi, id, {kExitWrite, opened.error()});
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
  // The file may hold what was decoded, or heads.
  if (head.fields.contains("Content-Encoding") || settings().include_head) return;
  if (length && head.status == 206) *length += continued_.at();
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

// Of -J: the name that the response gives, or leaves. False: something else is written there, and the transfer has
// ended.
bool RunningOperation::claim_name(Multi& multi) {
  const bool is_late =
      settings().remote_header_name && operation_.output.remote_name && settings().clobber.value_or(true);
  const std::string& path = output_.path();
  if (!is_late || output_.is_open() || path == claimed_) return true;
  if (const char* other = surroundings_.claims.claim(path)) {
    end(multi, id_, {kExitWrite, "write to " + path + ": " + other});
    return false;
  }
  claimed_ = path;
  return true;
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
  if (segments_ && segments_->is_active()) return segments_->on_body(multi, id, bytes);
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

bool RunningOperation::on_rewind(Multi& multi, TransferId id) {
  body_sent_ = 0;
  if (!source_ || source_->rewind()) return true;
  multi.fail_upload(id, "the body would have to be sent again, and its source cannot be read again from its begin");
  return false;
}

void RunningOperation::note_chain(Multi& multi, TransferId id) {
  chain_.hops = earlier_hops_;
  for (Hop& hop : multi.hops(id)) chain_.hops.push_back(std::move(hop));
  // The engine does not know the end of a transfer that is removed.
  if (!chain_.hops.empty() && !chain_.hops.back().progress.done) chain_.hops.back().progress.done = multi.now();
  chain_.referer = multi.request(id).fields.find("Referer").value_or("");
}

void RunningOperation::on_done(Multi& multi, TransferId id, const Result<void>& result) {
  note_chain(multi, id);
  const bool body_has_trailers = result && settings().raw;
  if (trace_ && body_has_trailers) trace_->sent_so_far(multi);
  if (trace_ && !body_has_trailers) trace_->done(multi, id, result);
  if (segments_ && segments_->is_active()) return segments_->on_done(multi, id, result);
  if (result && multi.info(id).tls_truncated) {
    surroundings_.console.doubt(request_name(multi.request(id)) +
                                ": TLS ended without a close_notify: the body may be cut short");
  }
  if (!result || body_has_trailers || multi.trailers(id).empty()) return;
  if (discard_) return;
  const std::string text = fields_text(multi.trailers(id));
  auto written = surroundings_.dumps.write(settings(), text);
  if (written && settings().include_head) written = output_.write(as_bytes(text));
  if (!written) verdict_ = Failure{kExitWrite, written.error()};
}

void RunningOperation::on_due(Multi& multi) {
  if (discards_until_) return end(multi, id_, *verdict_);
  if (segments_) segments_->ask_again(multi);
}

std::optional<Instant> RunningOperation::due() const {
  return discards_until_ || !segments_ ? discards_until_ : segments_->due();
}

void RunningOperation::note_first(Multi& multi) {
  noted_ = Message{.transfer = id_,
                   .result = {},
                   .status = multi.head(id_).status,
                   .progress = multi.progress(id_),
                   .info = multi.info(id_)};
  early_head_ = multi.head(id_);
  note_chain(multi, id_);
  if (trace_) trace_->sent_so_far(multi);
}

void RunningOperation::segments_ended(Multi& multi, Failure failure) { end(multi, id_, std::move(failure)); }

void RunningOperation::end(Multi& multi, TransferId id, Failure verdict) {
  verdict_ = std::move(verdict);
  if (!noted_) note_first(multi);
  early_end_ = std::exchange(noted_, std::nullopt);
  early_end_->progress.done = multi.now();  // which the engine does not know
  if (segments_ && segments_->is_active()) early_end_->progress.received_body_bytes = segments_->received();
  surroundings_.ended_early.push_back(this);
  multi.remove(id);
}

Failure RunningOperation::finish(const Result<void>& result) {
  Failure end = verdict_.value_or(Failure{});
  // How the rest of an unwanted body ends does not matter.
  const bool ended_well = result.has_value() || discard_;
  if (!ended_well) {
    end = Failure{exit_code(result.error(), head_received_),
                  result.error().message() + hint_text(result.error(), settings())};
  }
  // With an error status the file is still complete: it has the body (--fail-with-body) or the head (-i).
  const bool counts_as_error = end.exit_code != 0 && (end.exit_code != kExitHttpError || settings().remove_on_error);
  const bool lacks_bytes = segments_ && segments_->lacks_bytes();
  const bool whole = ended_well && !counts_as_error && !lacks_bytes;
  if (whole) {
    const bool written = output_.is_open();
    if (end.exit_code == 0) keep_origin();
    if (modified_) {
      if (auto set = output_.set_time(*modified_); !set) {
        surroundings_.console.warning("option --remote-time: " + set.error());
      }
    }
    auto committed = output_.commit();
    if (!committed) end = Failure{kExitWrite, committed.error()};
    if (committed && !etag_.empty() && !settings().etag_save.empty()) {
      committed = replace_file(settings().etag_save, etag_ + "\n");
      if (!committed) end = Failure{kExitWrite, committed.error()};
    }
    if (committed && written) continued_.remove_stale();
    if (committed && segments_) segments_->forget_journal();
  }
  if (const std::string part = abandon(); !part.empty()) end.message += "; what came is in " + part;
  source_.reset();
  return end;
}

}  // namespace sluice::cli
