// See run.hpp. The downloader: keeps what has come, asks for the rest, and joins both where core/resume.hpp says so.
#include "tests/sim/resumes/run.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.hpp"
#include "core/resume.hpp"
#include "core/validators.hpp"
#include "tests/sim/mode_run.hpp"
#include "tests/sim/resumes/origin.hpp"
#include "tests/sim/resumes/plan.hpp"

namespace sluice::simtest {
namespace resumes {
namespace {

using std::chrono::seconds;

constexpr int kMaxAttempts = 400;  // of a download; with more it would never end

// A download, and what it knows of the version that its bytes are of.
struct Download {
  const DownloadPlan* plan = nullptr;
  std::size_t number = 0;
  std::string kept;
  std::string etag, last_modified, if_range;
  std::optional<std::uint64_t> size;  // of the whole
  bool complete = false;
  int attempts = 0;
  // Of the present attempt:
  TransferId id;
  std::string sent_if_range;
  bool asked_for_part = false;
  bool takes = false;         // its body belongs to the file
  bool refused = false;       // the response does not continue what is kept
  std::uint64_t to_come = 0;  // of a part: bytes that its Content-Range promises
};

class Run final : public ModeRun {
 public:
  Run(std::uint64_t seed, const std::function<void(const std::string&)>& each_line)
      : ModeRun(each_line), plan_(draw_plan(seed)), origin_(plan_), world_(world_options()) {
    sim::OriginSpec spec{.host = "files.test", .port = static_cast<std::uint16_t>(plan_.tls ? 443 : 80)};
    spec.tls = plan_.tls;
    spec.accept = sim::http_origin(
        [this](const sim::HttpRequest& request) { return origin_.respond(request, world_.now().steady - began_); });
    world_.add_origin(std::move(spec));
    downloads_.resize(plan_.downloads.size());
    for (std::size_t i = 0; i < downloads_.size(); ++i) {
      downloads_[i].plan = &plan_.downloads[i];
      downloads_[i].number = i;
      world_.after(plan_.downloads[i].start, [this, i] { ask(downloads_[i]); });
    }
    world_.after(plan_.calm_from, [this] { world_.set_weather({}); });
  }

  void on_output(sim::World&, const Output& output) override {
    if (const auto* head = std::get_if<output::HeadReady>(&output)) on_head(*by_id_.at(head->transfer));
    if (const auto* body = std::get_if<output::BodyReady>(&output)) take(*by_id_.at(body->transfer));
    if (const auto* done = std::get_if<output::Done>(&output)) on_done(*by_id_.at(done->transfer), done->result);
  }

 private:
  sim::WorldOptions world_options() {
    sim::WorldOptions made = options(plan_.seed);
    made.weather = plan_.weather;
    made.wall = kStart;
    return made;
  }
  sim::World& world() override { return world_; }
  void check_end() override {
    for (const Download& download : downloads_) {
      if (!download.complete) report("unfinished", name(download) + " has not ended");
    }
  }
  static std::string name(const Download& download) { return "download " + std::to_string(download.number); }

  // ---- one attempt ----

  void ask(Download& download) {
    if (++download.attempts > kMaxAttempts) return report("endless", name(download) + " does not end");
    // Without a validator nobody could tell that the rest is of another version.
    if (download.if_range.empty()) forget(download);
    Request request;
    const std::string scheme = plan_.tls ? "https" : "http";
    request.url = Url::parse(scheme + "://files.test/" + std::to_string(download.plan->file)).value();
    download.asked_for_part = !download.kept.empty();
    download.sent_if_range = download.if_range;
    if (download.asked_for_part) {
      const bool fits = request.fields.add("Range", range_value(download.kept.size())) &&
                        request.fields.add("If-Range", download.if_range);
      SLUICE_CHECK(fits);
    }
    TransferOptions options;
    options.http_versions = HttpVersions::http1_1;  // no origin here speaks HTTP/2 yet
    if (plan_.tls) options.tls = world_.tls();
    options.idle_timeout = seconds(5);
    options.connect_timeout = seconds(3);
    download.takes = download.refused = false;
    world_.note(name(download) + " asks from " + std::to_string(download.kept.size()) + " on");
    auto id = world_.engine().add(std::move(request), options, world_.now());
    SLUICE_CHECK(id.has_value());
    download.id = *id;
    by_id_[*id] = &download;
  }

  void forget(Download& download) {
    download.kept.clear();
    download.etag.clear();
    download.last_modified.clear();
    download.if_range.clear();
    download.size.reset();
  }

  // What the response says of the version that it is of.
  void learn(Download& download, const Fields& fields) {
    download.etag = fields.find("ETag").value_or("");
    download.last_modified = fields.find("Last-Modified").value_or("");
    download.if_range = if_range_value(fields, world_.now().wall).value_or("");
    const std::string_view length = fields.find("Content-Length").value_or("");
    std::uint64_t bytes = 0;
    if (!length.empty() && std::from_chars(length.data(), length.data() + length.size(), bytes).ec == std::errc())
      download.size = bytes;
  }

  // Nothing speaks against this part: its place, its validators, and the size of the whole.
  static bool is_the_rest(const Download& download, const ResponseHead& head) {
    const std::string_view range = head.fields.find("Content-Range").value_or("");
    const std::string_view size = range.substr(std::min(range.find('/'), range.size()));
    return head.status == 206 && range.starts_with("bytes " + std::to_string(download.kept.size()) + '-') &&
           (!download.size || size == '/' + std::to_string(*download.size)) &&
           head.fields.find("ETag").value_or("") == download.etag &&
           head.fields.find("Last-Modified").value_or("") == download.last_modified;
  }

  void on_head(Download& download) {
    const ResponseHead& head = world_.engine().head(download.id);
    if (!download.asked_for_part) {
      download.takes = head.status == 200;
      download.to_come = UINT64_MAX;
      if (download.takes) learn(download, head.fields);
      return;
    }
    const EarlierPart part{download.kept.size(), download.size, download.etag, download.last_modified,
                           download.sent_if_range};
    const Result<Resume> next = resume(part, head.status, head.fields);
    const bool is_used = next && next->step == ResumeStep::append;
    if (!is_used && is_the_rest(download, head)) report("the rest is used", name(download) + " drops it");
    if (next && next->step == ResumeStep::changed) {
      download.refused = true;
      return world_.note(name(download) + ": another version: " + next->why);
    }
    if (!next) {
      // After a passing fault the part is kept; else the origin has no rest that belongs to it.
      download.refused = head.status != 503;
      return world_.note(name(download) + ": " + next.error().message());
    }
    download.takes = next->step != ResumeStep::complete;
    download.to_come = next->step == ResumeStep::append ? next->bytes : UINT64_MAX;
    if (next->step == ResumeStep::restart) {
      forget(download);
      learn(download, head.fields);
    }
    if (next->size) download.size = next->size;
    if (next->step == ResumeStep::complete) download.size = download.kept.size();
  }

  void take(Download& download) {
    const Bytes body = world_.engine().body(download.id);
    if (download.takes) {
      if (body.size() > download.to_come) report("a part is as long as it says", name(download));
      if (download.to_come != UINT64_MAX) download.to_come -= body.size();
      download.kept += as_text(body);
    }
    world_.engine().consume_body(download.id, body.size(), world_.now());
  }

  void on_done(Download& download, const Result<void>& result) {
    const int status = world_.engine().head(download.id).status;
    by_id_.erase(download.id);
    world_.engine().remove(download.id, world_.now());
    if (download.refused) forget(download);
    if (result && download.takes && status == 200) download.size = download.kept.size();
    const bool is_whole = result && download.size == download.kept.size() && !download.refused && status != 503;
    if (is_whole) return finish(download);
    world_.after(download.plan->wait, [this, &download] { ask(download); });
  }

  void finish(Download& download) {
    download.complete = true;
    world_.note(name(download) + " is complete");
    if (!origin_.is_whole(download.plan->file, download.kept)) {
      report("resumed file", name(download) + " is complete with " + std::to_string(download.kept.size()) +
                                 " bytes, which are no version of its file");
    }
  }

  const Plan plan_;
  Origin origin_;
  std::vector<Download> downloads_;
  std::map<TransferId, Download*> by_id_;
  sim::World world_;
  const Instant began_ = world_.now().steady;
};

}  // namespace
}  // namespace resumes

RunResult run_resumes_seed(std::uint64_t seed, const std::function<void(const std::string&)>& each_line) {
  return resumes::Run(seed, each_line).go();
}

std::string describe_resumes_seed(std::uint64_t seed) { return resumes::describe(resumes::draw_plan(seed)); }

}  // namespace sluice::simtest
