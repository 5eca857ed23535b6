// See command.hpp.
#include "adapters/cli/command.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <set>
#include <utility>
#include <vector>

#include "adapters/cli/console.hpp"
#include "adapters/cli/cookie_files.hpp"
#include "adapters/cli/doh_setup.hpp"
#include "adapters/cli/error_text.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/file_claims.hpp"
#include "adapters/cli/har_log.hpp"
#include "adapters/cli/header_dump.hpp"
#include "adapters/cli/host_files.hpp"
#include "adapters/cli/interrupt.hpp"
#include "adapters/cli/loop.hpp"
#include "adapters/cli/operation_queue.hpp"
#include "adapters/cli/progress_display.hpp"
#include "adapters/cli/run_progress.hpp"
#include "adapters/cli/running_operation.hpp"
#include "adapters/cli/tls_session_file.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/trace_log.hpp"
#include "adapters/cli/transfer_facts.hpp"
#include "adapters/multi.hpp"
#include "core/address_rule.hpp"

namespace sluice::cli {
namespace {

constexpr std::size_t kMostTransfers = 1'000'000;
constexpr auto kLongestWait = std::chrono::hours(1);
constexpr auto kDrawInterval = std::chrono::duration_cast<std::chrono::milliseconds>(ProgressDisplay::kInterval);

std::chrono::microseconds wall_microseconds() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
}

Now wall_now(const Multi& multi) {
  return {multi.now(), std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())};
}

bool writes_to_stdout(const Operation& operation) { return operation.output.to_stdout; }

// Many transfers at once need many descriptors; the administrator sets the hard limit.
void raise_descriptor_limit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The number of transfers for which there are enough descriptors. Each may need two connections (one idle, or a second
// attempt), a file to write and a file to send; some more are for standard streams, the resolver and so on.
std::size_t transfers_that_fit() {
  constexpr rlim_t kOthers = 16;
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kMostTransfers;
  const rlim_t fit = limit.rlim_cur > kOthers ? (limit.rlim_cur - kOthers) / 4 : 0;
  return static_cast<std::size_t>(std::clamp<rlim_t>(fit, 1, kMostTransfers));
}

bool wants_progress(const CommandLine& command) {
  if (command.silent || command.no_progress_meter) return false;
  // Bodies and the progress display cannot be on one screen.
  return !(std::ranges::any_of(command.operations, writes_to_stdout) && ::isatty(STDOUT_FILENO) == 1);
}

std::size_t transfers_at_once(const CommandLine& command) {
  const bool in_order =
      command.start_interval > Duration::zero() || std::ranges::any_of(command.operations, writes_to_stdout);
  switch (command.parallel) {
    case ParallelMode::on:
      return std::max<std::size_t>(1, command.parallel_max);
    case ParallelMode::off:
      return 1;
    case ParallelMode::unset:
      break;
  }
  return in_order ? 1 : std::max<std::size_t>(1, command.parallel_max);
}

MultiOptions multi_options(const CommandLine& command, const HostStores& hosts) {
  MultiOptions options;
  options.engine.hsts = hosts.hsts;
  options.engine.alt_svc = hosts.alt_svc;
  options.engine.max_connections = 2 * transfers_that_fit();
  options.dns_servers = command.names.servers;
  options.dns_interface = command.names.interface;
  options.dns_local_addresses = command.names.local_addresses;
  options.engine.name_cache.ttl = command.dns_ttl;
  options.engine.https_records = command.https_records;
  options.engine.http2_ping_interval = ping_interval(command);
  if (command.no_private_addresses) options.engine.address_rule = forbid_private_addresses();
  std::set<const Settings*> seen;
  for (const Operation& operation : command.operations) {
    if (!seen.insert(operation.settings.get()).second) continue;
    const std::string& format = operation.settings->write_out;
    if (write_out_names(format, "local_ip") || write_out_names(format, "local_port")) options.local_addresses = true;
    for (const ResolveEntry& entry : operation.settings->resolve) {
      std::erase_if(options.resolve_overrides, [&](const ResolveOverride& other) {
        return other.host == entry.host && other.port == entry.port;  // a later entry counts
      });
      options.resolve_overrides.push_back({entry.host, entry.port, entry.addresses, entry.expires});
    }
  }
  return options;
}

// SSLKEYLOGFILE, as in browsers. For debugging only.
class KeyLogFile {
 public:
  KeyLogFile() {
    const char* path = std::getenv("SSLKEYLOGFILE");
    if (path != nullptr && *path != '\0') fd_ = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  ~KeyLogFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  KeyLogFile(const KeyLogFile&) = delete;
  KeyLogFile& operator=(const KeyLogFile&) = delete;
  bool wanted() const { return fd_ >= 0; }
  void take(Multi& multi) const {
    if (!wanted()) return;
    for (const std::string& line : multi.take_key_log()) {
      if (!write_all(fd_, as_bytes(line + "\n"), "SSLKEYLOGFILE")) return;
    }
  }

 private:
  int fd_ = -1;
};

// --skip-existing. A file that another URL of the command writes counts as one that exists.
bool exists_already(const Operation& operation, const FileClaims& claims) {
  const std::string& path = operation.output.path;
  return operation.settings->skip_existing && !operation.output.to_stdout &&
         (::access(path.c_str(), F_OK) == 0 || claims.is_claimed(path));
}

// Its name is final before a response comes. Of -J it is not, and --no-clobber takes a free one at the end.
bool has_final_name(const Operation& operation) {
  const Settings& settings = *operation.settings;
  const bool may_change = settings.remote_header_name && operation.output.remote_name && !settings.include_head;
  return !operation.output.to_stdout && !may_change && settings.clobber.value_or(true);
}

class CommandRun {
 public:
  CommandRun(const CommandLine& command, const HostStores& hosts, const TlsSessionFile& sessions, Multi& multi,
             Loop& loop)
      : command_(command),
        hosts_(hosts),
        sessions_(sessions),
        multi_(multi),
        loop_(loop),
        display_(STDERR_FILENO, wants_progress(command)),
        queue_(command),
        run_progress_(display_, queue_.total()),
        console_(display_, !command.silent || command.show_error, !command.silent),
        dumps_(console_),
        claims_(command),
        tls_(key_log_.wanted()),
        proxies_(tls_),
        trace_(command.trace, console_, numbers_),
        surroundings_{.console = console_,
                      .dumps = dumps_,
                      .claims = claims_,
                      .tls = tls_,
                      .proxies = proxies_,
                      .trace = trace_,
                      .cookies = load_cookies(command, console_, wall_now(multi)),
                      .verbose = command.verbose,
                      .pipewait = !command.parallel_immediate,
                      .har = !command.har.empty(),
                      .started = wall_now(multi).wall,
                      .random = Random(system_environment().seed())},
        at_once_(std::min(transfers_at_once(command), transfers_that_fit())),
        start_interval_(command.parallel == ParallelMode::on ? Duration::zero() : command.start_interval),
        started_(multi.now()) {
    trace_.open();
    proxies_.set_negotiate(surroundings_.negotiate, command.verbose);
    if (!command.har.empty()) har_.emplace(HarClock{started_, wall_microseconds()}, command.har_secrets);
  }

  RunSummary run();

 private:
  void start_some();
  void start(const std::shared_ptr<const Operation>& given);
  void collect();
  void end(std::vector<std::unique_ptr<RunningOperation>>::iterator transfer, const Message& message);
  void report(const Operation& operation, const Failure& end, const WriteOutFacts& facts);
  bool write_facts(const Operation& operation, WriteOutFacts facts);
  bool write_out_file(const WriteOutFile& file);
  void judge(const Operation& operation, int exit_code);
  void save_har();
  std::vector<std::unique_ptr<RunningOperation>>::iterator find(TransferId id);
  std::chrono::milliseconds until_due() const;
  bool is_too_early() const { return start_interval_ > Duration::zero() && multi_.now() < next_start_; }
  std::chrono::milliseconds until_next_start() const;
  std::optional<Failure> wait(bool at_once);
  void give_up(int exit_code, const std::string& why);
  bool finished() const { return active_.empty() && queue_.empty(); }

  const CommandLine& command_;
  const HostStores& hosts_;
  const TlsSessionFile& sessions_;
  Multi& multi_;
  Loop& loop_;
  InterruptGuard interrupt_;
  KeyLogFile key_log_;
  ProgressDisplay display_;
  OperationQueue queue_;
  RunProgress run_progress_;
  Console console_;
  HeaderDumps dumps_;
  FileClaims claims_;
  TlsConfigs tls_;
  ProxyChoosers proxies_;
  ConnectionNumbers numbers_;  // for %{conn_id} and --trace-ids
  TraceLog trace_;
  Surroundings surroundings_;
  std::optional<HarLog> har_;
  std::size_t at_once_;
  Duration start_interval_;  // --rate
  Instant next_start_;       // not before this
  Instant started_;

  std::vector<std::unique_ptr<RunningOperation>> active_;  // in the order of their start
  std::vector<ExtraDescriptor> extra_;
  std::int64_t started_transfers_ = 0;
  std::pair<std::size_t, std::uint64_t> judged_;  // url_number and glob_number of whose exit code is the command's
  std::optional<int> failed_early_;               // --fail-early: the exit code of the first that failed
  bool not_sent_ = false;                         // a file could not be read to be sent
  RunSummary summary_;
};

void CommandRun::start(const std::shared_ptr<const Operation>& given) {
  const Operation& operation = *given;
  std::optional<Failure> refused;
  if (operation.refused) {
    refused = Failure{operation.refused->exit_code, operation.refused->message};
  } else if (exists_already(operation, claims_)) {
    return report(operation, {}, transfer_facts(operation, Message{}, nullptr, {}));
  } else if (const char* other = has_final_name(operation) ? claims_.claim(operation.output.path) : nullptr) {
    refused = Failure{kExitWrite, "write to " + operation.output.path + ": " + other};
  }
  if (!refused) {
    auto transfer = std::make_unique<RunningOperation>(given, surroundings_, started_transfers_);
    const auto id = transfer->start(multi_);
    if (id) {
      ++started_transfers_;
      next_start_ = multi_.now() + start_interval_;
      active_.push_back(std::move(transfer));
      return;
    }
    refused = id.error();
    not_sent_ = not_sent_ || refused->exit_code == kExitRead;
  }
  report(operation, *refused, transfer_facts(operation, Message{}, nullptr, *refused));
}

void CommandRun::start_some() {
  while (active_.size() < at_once_ && !queue_.empty() && !is_too_early() && interrupted_by() == 0 && !failed_early_) {
    start(queue_.next());
  }
}

void CommandRun::report(const Operation& operation, const Failure& end, const WriteOutFacts& facts) {
  ++summary_.done;
  run_progress_.ended(facts.size_download + facts.size_upload, end.exit_code != 0);
  if (end.exit_code != 0) {
    ++summary_.failed;
    console_.error(end.exit_code, error_text(operation, end.message));
  }
  judge(operation, write_facts(operation, facts) ? end.exit_code : kExitWrite);
}

// Writes -w. False: it could not be written; the error was printed.
bool CommandRun::write_facts(const Operation& operation, WriteOutFacts facts) {
  if (operation.settings->write_out.empty()) return true;
  facts.now = wall_microseconds();
  WriteOutText text = write_out(operation.settings->write_out, facts);
  for (const WriteOutFile& file : text.files) {
    if (!write_out_file(file)) text.to_stdout += file.text;  // as in curl
  }
  if (!text.to_stderr.empty()) console_.note(text.to_stderr);
  if (text.to_stdout.empty()) return true;
  const auto printed = console_.print(text.to_stdout);
  if (!printed) console_.error(kExitWrite, printed.error());
  return printed.has_value();
}

// %output{}. False: it could not be written; a warning was printed.
bool CommandRun::write_out_file(const WriteOutFile& file) {
  const auto named = named_descriptor(file.path);
  const int fd = named ? ::fcntl(*named, F_DUPFD_CLOEXEC, 3)
                       : ::open(file.path.c_str(),
                                O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (file.append ? O_APPEND : O_TRUNC), 0666);
  FileResult<void> written;
  if (fd < 0) written = std::unexpected("write to " + file.path + ": " + std::strerror(errno));
  if (written) written = write_all(fd, as_bytes(file.text), file.path);
  if (fd >= 0) ::close(fd);
  if (!written) console_.warning("option --write-out: " + written.error());
  return written.has_value();
}

// The exit code of the command is that of the last operation in the given order, and never 0 if a file was not sent.
void CommandRun::judge(const Operation& operation, int exit_code) {
  if (command_.fail_early && exit_code != 0 && !failed_early_) failed_early_ = exit_code;
  const bool counts = exit_code != 0 || !command_.fail_all;
  const std::pair place(operation.url_number, operation.glob_number);
  if (!counts || place < judged_) return;
  judged_ = place;
  summary_.exit_code = exit_code;
}

void CommandRun::end(std::vector<std::unique_ptr<RunningOperation>>::iterator transfer, const Message& message) {
  const std::unique_ptr<RunningOperation> ended = std::move(*transfer);
  active_.erase(transfer);
  const Failure end = ended->finish(message.result);
  summary_.bytes += message.progress.received_body_bytes;
  if (message.info.conn) {
    ++(message.info.reused ? summary_.reused : summary_.connections);
  }
  const ResponseHead* head = ended->early_end() ? &ended->early_head() : &multi_.head(ended->id());
  WriteOutFacts facts = transfer_facts(ended->operation(), message, head, end, ended->chain());
  // An error status is no failure there: the response says it.
  if (har_) har_->add(*ended->har(), ended->chain().hops, *head, end.exit_code == kExitHttpError ? "" : end.message);
  if (har_) ended->add_segments_to(*har_);
  facts.filename_effective = ended->output_path();
  facts.xfer_id = ended->number();
  facts.num_connects += ended->more_connects();
  if (message.info.conn) facts.conn_id = numbers_.of(message.info.conn);
  report(ended->operation(), end, facts);
  multi_.remove(ended->id());
}

std::vector<std::unique_ptr<RunningOperation>>::iterator CommandRun::find(TransferId id) {
  return std::ranges::find_if(active_, [&](const auto& transfer) { return transfer->id() == id; });
}

void CommandRun::collect() {
  for (RunningOperation* transfer : std::exchange(surroundings_.ended_early, {})) {
    const auto found = std::ranges::find_if(active_, [&](const auto& other) { return other.get() == transfer; });
    if (found != active_.end()) end(found, *transfer->early_end());
  }
  while (const auto message = multi_.info_read()) {
    const auto found = find(message->transfer);
    if (found != active_.end()) end(found, *message);
  }
  key_log_.take(multi_);
}

std::chrono::milliseconds CommandRun::until_due() const {
  Duration left = kLongestWait;
  for (const auto& transfer : active_) {
    if (const auto due = transfer->due()) left = std::min(left, *due - multi_.now());
  }
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Duration::zero()));
}

std::chrono::milliseconds CommandRun::until_next_start() const {
  if (queue_.empty() || active_.size() >= at_once_ || !is_too_early()) return kLongestWait;
  return std::chrono::ceil<std::chrono::milliseconds>(next_start_ - multi_.now());
}

// A returned failure ends the run.
std::optional<Failure> CommandRun::wait(bool at_once) {
  extra_.clear();
  if (interrupt_.fd() >= 0) extra_.push_back({.fd = interrupt_.fd(), .wanted = kEventRead});
  for (const auto& transfer : active_) {
    if (transfer->waits_for() >= 0) extra_.push_back({.fd = transfer->waits_for(), .wanted = kEventRead});
  }
  std::chrono::milliseconds longest = kLongestWait;
  if (display_.enabled()) longest = kDrawInterval;
  if (at_once) longest = std::chrono::milliseconds(0);
  longest = std::min({longest, until_due(), until_next_start()});
  const auto waited = loop_.wait(extra_, longest);
  if (!waited) return Failure{exit_code(waited.error()), waited.error().message()};
  if (interrupted_by() != 0) return Failure{128 + interrupted_by(), "interrupted"};
  for (const auto& transfer : active_) {
    if (const auto due = transfer->due(); due && !transfer->early_end() && multi_.now() >= *due) {
      transfer->on_due(multi_);
      continue;
    }
    const bool ready = std::ranges::any_of(extra_, [&](const ExtraDescriptor& watched) {
      return watched.fd == transfer->waits_for() && watched.ready != 0;
    });
    if (transfer->waits_for() < 0 || !ready) continue;
    transfer->waiting_is_over();
    multi_.resume(transfer->id());
  }
  return std::nullopt;
}

void CommandRun::give_up(int exit_code, const std::string& why) {
  std::size_t parts = 0;
  std::string part;
  for (const auto& transfer : active_) {
    if (std::string left = transfer->abandon(); !left.empty()) {
      ++parts;
      part = std::move(left);
    }
    transfer->cut_off(multi_);
    if (har_) har_->add(*transfer->har(), transfer->chain().hops, multi_.head(transfer->id()), why);
    multi_.remove(transfer->id());
  }
  active_.clear();
  std::string text =
      why + ": " + std::to_string(summary_.done) + " of " + std::to_string(queue_.total()) + " transfers had ended";
  if (parts == 1) text += "; what came is in " + part;
  if (parts > 1) text += "; " + std::to_string(parts) + " files are left in part (NAME.*.part)";
  summary_.exit_code = exit_code;
  console_.error(exit_code, text);
  summary_.failed += queue_.total() - summary_.done;
}

// --har. The downloads are there already, whatever comes of it.
void CommandRun::save_har() {
  const std::string text = har_->take();
  const auto saved = command_.har == "-" ? console_.print(text) : replace_file(command_.har, text);
  if (saved) return;
  console_.error(kExitWrite, "the HAR was not saved: " + saved.error());
  if (summary_.exit_code == 0) summary_.exit_code = kExitWrite;
}

RunSummary CommandRun::run() {
  for (const std::string& warning : command_.warnings) console_.warning(warning);
  for (const std::string& warning : hosts_.warnings) console_.warning(warning);
  if (!sessions_.warning().empty()) console_.warning(sessions_.warning());
  start_some();
  std::optional<Failure> stopped;
  while (!finished() && !stopped && !failed_early_) {
    const Drive drive = loop_.perform();
    collect();
    start_some();
    if (finished() || failed_early_) break;
    if (drive == Drive::failed) stopped = Failure{kExitMemory, "the system gives no more descriptors or memory"};
    if (display_.enabled()) run_progress_.draw(multi_, active_, multi_.now());
    if (!stopped) stopped = wait(drive == Drive::call_again);
  }
  if (failed_early_) {
    summary_.exit_code = *failed_early_;
    if (!finished()) stopped = Failure{*failed_early_, "the first failure ends the others (--fail-early)"};
  }
  // A signal may also show as a write that it interrupted.
  if (interrupted_by() != 0 && (stopped || summary_.failed != 0 || summary_.exit_code != 0)) {
    stopped = Failure{128 + interrupted_by(), "interrupted"};
  }
  if (stopped) {
    give_up(stopped->exit_code, stopped->message);
  } else {
    run_progress_.finish(multi_.now() - started_);
  }
  if (not_sent_ && summary_.exit_code == 0) summary_.exit_code = kExitRead;
  save_hosts(command_, hosts_, console_, wall_now(multi_).wall);
  sessions_.save(console_, wall_now(multi_).wall);
  if (surroundings_.cookies) save_cookies(command_, *surroundings_.cookies, console_, wall_now(multi_));
  if (har_) save_har();
  summary_.elapsed = multi_.now() - started_;
  return summary_;
}

}  // namespace

RunSummary run_command(const CommandLine& command) {
  raise_descriptor_limit();
  const auto give_up = [&](const Failure& failure) -> RunSummary {
    ProgressDisplay none(STDERR_FILENO, false);
    Console(none, !command.silent || command.show_error, false).error(failure.exit_code, failure.message);
    return {.failed = command.operations.size(), .exit_code = failure.exit_code};
  };
  const HostStores hosts = load_hosts(command, std::time(nullptr));
  const TlsSessionFile sessions(command.ssl_sessions, std::time(nullptr));
  const auto doh = make_doh(command);
  if (!doh) return give_up(doh.error());
  MultiOptions options = multi_options(command, hosts);
  options.engine.tls_sessions = sessions.store();
  options.environment = doh->get();
  auto multi = Multi::create(std::move(options));
  if (!multi) return give_up({exit_code(multi.error()), multi.error().message()});
  const auto loop = make_loop(command.loop, **multi);
  if (!loop) return give_up({exit_code(loop.error()), loop.error().message()});
  return CommandRun(command, hosts, sessions, **multi, **loop).run();
}

}  // namespace sluice::cli
