// See segmented_download.hpp.
#include "adapters/cli/segmented_download.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "adapters/cli/error_text.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/surroundings.hpp"
#include "adapters/cli/verbose.hpp"

namespace sluice::cli {
namespace {

// The journal is saved after so many bytes, or after this time. What has come since then is fetched again if the
// process is killed.
constexpr std::uint64_t kUnsavedBytes = 4 * 1024 * 1024;
constexpr Duration kUnsavedTime = std::chrono::seconds(1);

}  // namespace

SegmentedDownload::~SegmentedDownload() {
  if (multi_ != nullptr) drop_all(*multi_);
  if (earlier_.fd >= 0) ::close(earlier_.fd);
}

SegmentedDownload::Run* SegmentedDownload::find(TransferId id) {
  const auto found = std::ranges::find_if(runs_, [&](const Run& run) { return !run.again_at && run.id == id; });
  return found == runs_.end() ? nullptr : &*found;
}

std::string SegmentedDownload::range_text(const Run& run) const {
  const Segment& of = parts_.segments[run.segment];
  return " (bytes " + std::to_string(of.first) + "-" + std::to_string(of.end - 1) + " of " +
         std::to_string(parts_.size) + ")";
}

// ---- the first transfer ----

std::expected<void, Failure> SegmentedDownload::ask(Fields& fields) {
  // The name of the file is not known yet.
  if (settings().remote_header_name) return {};
  auto found = find_segments(output_.path(), operation_.url.text_without_secrets());
  if (!found) return std::unexpected(Failure{kExitWrite, found.error()});
  if (!found->warning.empty()) surroundings_.console.warning(found->warning);
  if (found->fd < 0) return {};
  earlier_ = *std::move(found);
  SegmentedParts& parts = earlier_.parts;
  // Nothing is missing: the last byte proves the version.
  if (parts.whole()) --parts.segments.back().done;
  if (settings().max_filesize && parts.size > *settings().max_filesize) {
    return std::unexpected(Failure{kExitFileSize, "the body has " + std::to_string(parts.size) + " bytes, more than " +
                                                      std::to_string(*settings().max_filesize) + " (--max-filesize)"});
  }
  const auto missing = std::ranges::find_if(parts.segments, [](const Segment& part) { return part.left() > 0; });
  auto set = fields.set("Range", segment_range(*missing));
  if (set) set = fields.set("If-Range", parts.if_range);
  if (!set) return std::unexpected(Failure{exit_code(set.error()), set.error().message()});
  return {};
}

bool SegmentedDownload::take_head(Multi& multi, TransferId first, const ResponseHead& head) {
  return earlier_.fd >= 0 ? take_earlier(multi, first, head) : take_new(multi, first, head);
}

// What is there becomes this file's part.
void SegmentedDownload::take_earlier_part() {
  output_.adopt_part(std::exchange(earlier_.fd, -1), earlier_.part);
  parts_ = std::move(earlier_.parts);
}

bool SegmentedDownload::take_earlier(Multi& multi, TransferId first, const ResponseHead& head) {
  const std::vector<Segment>& segments = earlier_.parts.segments;
  const auto missing = std::ranges::find_if(segments, [](const Segment& part) { return part.left() > 0; });
  const auto index = static_cast<std::size_t>(missing - segments.begin());
  SegmentAnswer answer = judge_segment(earlier_.parts, *missing, head.status, head.fields);
  const std::string name = request_name(multi.request(first));
  if (answer.step == SegmentStep::refused) {
    owner_.segments_ended(multi, {kExitHttpError, name + ": " + answer.why + "; " + earlier_.part + " stays"});
    return false;
  }
  take_earlier_part();
  if (answer.step == SegmentStep::append) {
    begin(multi, first, index, false);
    return true;
  }
  alone_ = answer.step == SegmentStep::whole;
  if (head.status != 200) {
    keep_request(multi, first);
    make_void(multi, answer.why);
    return false;
  }
  surroundings_.console.warning(name + ": " + answer.why + ": it is fetched anew");
  return take_new(multi, first, head);
}

bool SegmentedDownload::take_new(Multi& multi, TransferId first, const ResponseHead& head) {
  const SegmentsWanted wanted{.count = alone_ ? 1 : settings().segments};
  auto parts = divide(operation_.url.text_without_secrets(), head.status, head.fields, wanted, surroundings_.started);
  FileResult<void> opened;
  if (output_.is_open()) {  // with the void bytes of another version
    remove_journal(output_.part());
    opened = output_.restart_whole();
  } else if (parts) {
    output_.set_part_suffix(kSegmentsSuffix);
    opened = output_.open();
  }
  if (!opened) {
    owner_.segments_ended(multi, {kExitWrite, opened.error()});
    return false;
  }
  if (!parts && surroundings_.verbose) {
    surroundings_.console.note("* one connection is used (--segments): of the response, " + std::string(parts.error()) +
                               "\n");
  }
  // What is written in place, or to a device, cannot be written in any order.
  if (!parts || output_.part().empty()) return true;
  parts_ = *std::move(parts);
  begin(multi, first, 0, true);
  return true;
}

void SegmentedDownload::begin(Multi& multi, TransferId first, std::size_t segment, bool of_whole) {
  active_ = true;
  multi_ = &multi;
  begun_ = multi.progress(first).queued;
  keep_request(multi, first);
  runs_.push_back({.segment = segment, .id = first, .is_first = true, .of_whole = of_whole, .has_head = true});
  for (std::size_t i = 0; i < parts_.segments.size(); ++i) {
    if (i != segment && parts_.segments[i].left() > 0) runs_.push_back({.segment = i, .again_at = multi.now()});
  }
  save(multi.now(), true);
  ask_again(multi);
}

// After redirects the segments are asked for at the last URL, and the credentials stay with the origin that they are
// for.
void SegmentedDownload::keep_request(const Multi& multi, TransferId first) {
  const Request& last = multi.request(first);
  const bool trusted = last.url.origin() == operation_.url.origin() ||
                       (settings().redirects && settings().redirects->trust_other_origins);
  request_ = Request("GET", last.url);
  request_.fields = trusted ? operation_.fields : last.fields;
  if (!trusted) request_.fields.remove("Authorization");
  if (!trusted && operation_.credentials) {
    options_.credentials.reset();
    if (settings().netrc) {
      options_.credentials = std::make_shared<const Credentials>(
          Credentials{.schemes = operation_.credentials->schemes, .netrc = settings().netrc});
    }
  }
  // The conditions were met by the first response.
  for (const char* name : {"If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since"}) {
    request_.fields.remove(name);
  }
  options_.redirects.reset();
  options_.decoding.reset();
}

// ---- the transfers of segments ----

bool SegmentedDownload::start(Multi& multi, Run& run) {
  const Segment& missing = segment(run);
  Request request = request_;
  auto set = request.fields.set("Range", segment_range(missing));
  if (set) set = request.fields.set("If-Range", parts_.if_range);
  TransferOptions options = options_;
  options.max_body_bytes = missing.left();
  if (options.total_timeout) {  // -m counts from the first transfer on
    options.total_timeout = std::max<Duration>(*options.total_timeout - (multi.now() - begun_), Duration(1));
  }
  if (options.retries) {
    const std::uint32_t most = options.retries->max_retries;
    options.retries->max_retries = most - std::min(most, run.retries);
    options.retries->after_head = true;
  }
  run.again_at.reset();
  run.is_first = run.of_whole = run.has_head = run.got = false;
  run.har = {};
  run.error.clear();
  auto id = set ? multi.add(std::move(request), std::move(options), this) : Result<TransferId>();
  if (!set) id = std::unexpected(set.error());
  if (id) {
    run.id = *id;
    run.trace = surroundings_.trace.begin(number_);
    return true;
  }
  end(multi, {exit_code(id.error()), id.error().message()});
  return false;
}

std::optional<Instant> SegmentedDownload::due() const {
  std::optional<Instant> first;
  for (const Run& run : runs_) {
    if (run.again_at && (!first || *run.again_at < *first)) first = run.again_at;
  }
  return first;
}

void SegmentedDownload::ask_again(Multi& multi) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    if (runs_[i].again_at && *runs_[i].again_at <= multi.now() && !start(multi, runs_[i])) return;
  }
}

// Its transfer ends; what it was is counted.
void SegmentedDownload::drop(Multi& multi, Run& run) {
  if (run.again_at) return;
  if (run.is_first) {
    owner_.note_first(multi);
  } else {
    const TransferInfo info = multi.info(run.id);
    connects_ += static_cast<std::uint64_t>(info.connections);
    if (surroundings_.har) note_ended(multi, run);
  }
  multi.remove(run.id);
}

void SegmentedDownload::note_ended(const Multi& multi, Run& run) {
  Ended ended{std::move(run.har), multi.hops(run.id), multi.head(run.id), run.error};
  const bool waits = ended.hops.size() > 1 && ended.hops.back().reason == HopReason::retry && !run.has_head;
  if (waits && !ended.hops.back().progress.connected) ended.hops.pop_back();  // its request was not sent
  if (ended.hops.empty()) return;
  if (!ended.hops.back().progress.done) ended.hops.back().progress.done = multi.now();
  ended_.push_back(std::move(ended));
}

void SegmentedDownload::add_to(HarLog& log) const {
  for (const Ended& ended : ended_) log.add(ended.har, ended.hops, ended.head, ended.error);
}

// All but the first, which is its owner's.
void SegmentedDownload::drop_all(Multi& multi) {
  for (Run& run : runs_) {
    if (!run.is_first) drop(multi, run);
  }
  runs_.clear();
}

void SegmentedDownload::finish(Multi& multi, Run& run) {
  drop(multi, run);
  runs_.erase(runs_.begin() + (&run - runs_.data()));
  if (parts_.whole()) return end(multi, {});
  save(multi.now(), false);
}

// The server does not serve ranges, though it said so. The first transfer has the whole, if it still runs.
void SegmentedDownload::go_on_alone(Multi& multi, const std::string& why) {
  alone_ = true;
  const auto first = std::ranges::find_if(runs_, [](const Run& run) { return run.of_whole; });
  if (first == runs_.end()) return make_void(multi, why);
  Run run = *first;
  runs_.erase(first);
  drop_all(multi);
  parts_.segments = {{0, parts_.size, segment(run).done}};
  run.segment = 0;
  runs_.push_back(run);
  save(multi.now(), true);
}

void SegmentedDownload::make_void(Multi& multi, const std::string& why) {
  drop_all(multi);
  active_ = false;
  alone_ = alone_ || ++voids_ > 1;
  owner_.segments_void(multi, request_name(request_) + ": " + why);
}

void SegmentedDownload::end(Multi& multi, Failure failure) {
  if (failure.exit_code != 0) save(multi.now(), true);
  drop_all(multi);
  owner_.segments_ended(multi, std::move(failure));
}

// ---- their callbacks ----

void SegmentedDownload::on_head(Multi& multi, TransferId id, const ResponseHead& head) {
  Run* run = find(id);
  if (run == nullptr) return;
  if (!run->is_first && surroundings_.verbose) {
    surroundings_.console.note(prefix_lines(trace_prefix(multi, id), verbose_response(head)));
  }
  run->has_head = true;
  const SegmentAnswer answer = judge_segment(parts_, segment(*run), head.status, head.fields);
  switch (answer.step) {
    case SegmentStep::append:
      return;
    case SegmentStep::whole:
      if (!run->of_whole) go_on_alone(multi, answer.why);
      return;
    case SegmentStep::changed:
      return make_void(multi, answer.why);
    case SegmentStep::refused:
      return end(multi, {kExitHttpError, request_name(multi.request(id)) + ": " + answer.why + range_text(*run)});
  }
}

std::size_t SegmentedDownload::on_body(Multi& multi, TransferId id, Bytes bytes) {
  Run* run = find(id);
  const std::size_t taken = bytes.size();  // a removal ends the view
  if (run == nullptr) return taken;
  if (run->trace) run->trace->body_received(bytes);
  Segment& part = segment(*run);
  bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), part.left())));
  if (auto written = output_.write_at(part.next(), bytes); !written) {
    end(multi, {kExitWrite, written.error()});
    return taken;
  }
  part.done += bytes.size();
  received_ += bytes.size();
  run->got = run->got || !bytes.empty();
  // The rest of the whole is that of other segments.
  if (run->of_whole && part.left() == 0 && part.end < parts_.size)
    finish(multi, *run);
  else
    save(multi.now(), false);
  return taken;
}

// What has come stays: the rest is asked for, by another request, when the engine would have sent this one again.
void SegmentedDownload::on_hop_done(Multi& multi, TransferId id, const output::HopDone& hop) {
  Run* run = find(id);
  if (run == nullptr) return;
  if (run->trace) run->trace->hop_done(multi, hop);
  if (surroundings_.har && !run->is_first) run->har.hop_done(hop);
  if (hop.next != HopReason::retry) return;
  ++run->retries;
  run->has_head = false;
  const std::uint32_t most = settings().retries->max_retries;
  surroundings_.console.warning(retry_text(multi.request(id), hop, most - std::min(most, run->retries)) +
                                range_text(*run));
  if (!run->got) return;
  if (hop.failure) run->error = request_name(multi.request(id)) + ": " + hop.failure->message();
  drop(multi, *run);
  run->is_first = false;
  run->again_at = multi.now() + hop.wait;
}

void SegmentedDownload::on_done(Multi& multi, TransferId id, const Result<void>& result) {
  Run* run = find(id);
  if (run == nullptr) return;
  if (run->trace) run->trace->done(multi, id, result);
  if (segment(*run).left() == 0) return finish(multi, *run);
  if (result && run->got) {  // the server has sent less than was asked for (RFC 9110 15.3.7)
    drop(multi, *run);
    run->again_at = multi.now();
    return ask_again(multi);
  }
  if (!result) {
    run->error = result.error().message();
    return end(multi, {exit_code(result.error(), run->has_head), result.error().message() + range_text(*run)});
  }
  end(multi,
      {kExitPartialFile, request_name(multi.request(id)) + ": the response ended without a byte" + range_text(*run)});
}

std::string SegmentedDownload::trace_prefix(const Multi& multi, TransferId id) {
  return surroundings_.trace.prefix(number_, multi.info(id).conn);
}

void SegmentedDownload::on_head_sent(Multi& multi, TransferId id, std::string_view head) {
  if (surroundings_.verbose) {
    const std::string text = verbose_connection(multi.request(id).url, multi.info(id)) + verbose_request(head);
    surroundings_.console.note(prefix_lines(trace_prefix(multi, id), text));
  }
  Run* run = find(id);
  if (run != nullptr && surroundings_.har) run->har.head_sent(head, multi.info(id));
  if (run != nullptr && run->trace) run->trace->head_sent(multi, id, head);
}

void SegmentedDownload::on_connect_head(Multi& multi, TransferId id, const output::ConnectHead& head) {
  if (surroundings_.verbose) {
    surroundings_.console.note(prefix_lines(surroundings_.trace.prefix(number_, head.conn), verbose_connect(head)));
  }
  Run* run = find(id);
  if (run != nullptr && run->trace) run->trace->connect_head(multi, head);
}

void SegmentedDownload::on_head_received(Multi& multi, TransferId id, std::string_view head) {
  Run* run = find(id);
  if (run != nullptr && run->trace) run->trace->head_received(multi, id, head);
}

// ---- the files ----

void SegmentedDownload::save(Instant now, bool always) {
  const std::uint64_t done = parts_.done();
  if (!always && done - std::min(saved_, done) < kUnsavedBytes && now - saved_at_ < kUnsavedTime) return;
  saved_ = done;
  saved_at_ = now;
  auto saved = save_journal(output_.part(), parts_);
  if (!saved && !std::exchange(save_failed_, true)) {
    surroundings_.console.warning("option --segments: " + saved.error() + ": the download cannot go on after an end");
  }
}

std::string SegmentedDownload::abandon(bool remove) {
  const std::string part = output_.part();
  const bool kept = active_ && output_.is_open();
  if (kept) save(saved_at_, true);
  std::string left = output_.abandon(remove);
  if (kept && left.empty()) remove_journal(part);
  return left;
}

void SegmentedDownload::forget_journal() const {
  if (active_) remove_journal(output_.part());
}

}  // namespace sluice::cli
