// One running operation of the command line: its request, its output or upload, and its result. Knows one transfer.
// Leaves starting it and the display to command.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/console.hpp"
#include "adapters/cli/har_log.hpp"
#include "adapters/cli/header_dump.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/progress.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/cli/trace_log.hpp"
#include "adapters/cli/transfer_facts.hpp"
#include "adapters/cli/upload_source.hpp"
#include "adapters/multi.hpp"
#include "core/trace.hpp"

namespace sluice::cli {

class RunningOperation;

// What all transfers of a run share. Must outlive them.
struct Surroundings {
  Console& console;
  HeaderDumps& dumps;
  TlsConfigs& tls;
  TraceLog& trace;
  std::shared_ptr<CookieJar> cookies = {};  // null: no operation keeps cookies
  bool verbose = false;
  bool har = false;                // --har: what is seen of each transfer is kept
  UnixSeconds started = 0;         // when the run began
  Random random = Random(Seed{});  // for the boundaries of forms
  // Operations that removed their transfer themselves, before a Message.
  std::vector<RunningOperation*> ended_early = {};
};

class RunningOperation final : public TransferHandler {
 public:
  // `surroundings` must outlive this object.
  RunningOperation(std::shared_ptr<const Operation> operation, Surroundings& surroundings, std::int64_t number);

  // Adds the transfer to the Multi. A failure is final.
  std::expected<TransferId, Failure> start(Multi& multi);
  // Call it after the Message was read: closes the output and returns the result. exit_code 0: success.
  Failure finish(const Result<void>& result);
  // For an interrupted run: closes what is open. Returns the name of the file that is left; "": none.
  std::string abandon() { return output_.abandon(settings().remove_on_error); }

  // Set after it was put into Surroundings::ended_early.
  const std::optional<Message>& early_end() const { return early_end_; }
  const ResponseHead& early_head() const { return early_head_; }

  const HopChain& chain() const { return chain_; }
  // Null without --har.
  const HarTransfer* har() const { return har_ ? &*har_ : nullptr; }
  // For an interrupted run: notes the chain of a transfer that is removed next.
  void cut_off(Multi& multi) {
    if (!early_end_) note_chain(multi, id_);
  }
  // The file that was written, after finish(); "" for the standard output.
  std::string output_path() const { return operation_.output.to_stdout ? "" : output_.path(); }

  const Operation& operation() const { return operation_; }
  TransferId id() const { return id_; }
  std::int64_t number() const { return number_; }  // of the transfers of the run, from 0
  // The descriptor to wait for before resume(); -1: none.
  int waits_for() const { return waits_for_; }
  void waiting_is_over() { waits_for_ = -1; }
  // Set while the rest of an unwanted body is read: after this time call stop_discarding().
  const std::optional<Instant>& discards_until() const { return discards_until_; }
  void stop_discarding(Multi& multi);
  // For the display, at `now`.
  TransferFigures figures(const Multi& multi, Instant now);

  void on_head_sent(Multi& multi, TransferId id, std::string_view head) override;
  void on_head_received(Multi& multi, TransferId id, std::string_view head) override;
  void on_hop_done(Multi& multi, TransferId id, const output::HopDone& hop) override;
  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override;
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override;
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override;
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override;
  bool on_rewind(Multi& multi, TransferId id) override;
  void on_done(Multi& multi, TransferId id, const Result<void>& result) override;

 private:
  const Settings& settings() const { return *operation_.settings; }
  std::string display_name() const;
  std::expected<RequestBody, Failure> make_body(Fields& fields);
  std::expected<RequestBody, Failure> make_form(Fields& fields);
  std::expected<void, Failure> ask_for_rest(Fields& fields);
  void note_version(const ResponseHead& head, std::optional<std::uint64_t> length);
  bool take_rest(Multi& multi, const ResponseHead& head);
  bool is_unwanted(const ResponseHead& head) const;
  bool take_head(Multi& multi, const ResponseHead& head);
  void note_chain(Multi& multi, TransferId id);
  void note_verbose(const std::string& text);
  void warn_of_retry(const Multi& multi, const output::HopDone& hop);
  void note_file(const ResponseHead& head);
  void keep_origin();
  void judge_status(const Request& request, const ResponseHead& head);
  // Ends the transfer at once with this result; no callback follows.
  void end(Multi& multi, TransferId id, Failure verdict);

  const std::shared_ptr<const Operation> kept_;
  const Operation& operation_;  // *kept_
  Surroundings& surroundings_;
  TransferId id_;
  const std::int64_t number_;
  OutputFile output_;
  std::unique_ptr<BodySource> source_;
  std::size_t body_sent_ = 0;  // bytes of Operation::body that were sent, if it is streamed
  int waits_for_ = -1;
  std::uint32_t retries_ = 0;
  std::optional<UnixSeconds> modified_;  // -R
  // -C: what is there of the file, and from which byte on the rest was asked for; 0: the whole.
  std::optional<OutputFile::Partial> partial_;
  std::uint64_t continues_at_ = 0;
  std::string content_type_;
  std::string etag_;                // for --etag-save, once the body is saved
  std::optional<Failure> verdict_;  // decided before the end: a status that counts as an error
  bool discard_ = false;            // the body is not wanted
  std::uint64_t discarded_ = 0;
  std::optional<Instant> discards_until_;
  bool head_received_ = false;
  std::optional<Message> early_end_;
  ResponseHead early_head_;
  HopChain chain_;
  std::optional<HarTransfer> har_;
  std::optional<TransferTrace> trace_;  // --trace
  ConnId conn_;                         // of the present hop, for --trace-ids
  SpeedMeter meter_;
};

}  // namespace sluice::cli
