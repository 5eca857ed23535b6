// One running operation of the command line: its request, its output or upload, and its result. Knows one transfer.
// Leaves starting it and the display to command.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/continued_download.hpp"
#include "adapters/cli/har_log.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/progress.hpp"
#include "adapters/cli/segmented_download.hpp"
#include "adapters/cli/surroundings.hpp"
#include "adapters/cli/transfer_facts.hpp"
#include "adapters/cli/upload_source.hpp"
#include "adapters/multi.hpp"
#include "core/trace.hpp"

namespace sluice::cli {

class RunningOperation final : public TransferHandler, private SegmentedDownload::Owner {
 public:
  // `surroundings` must outlive this object.
  RunningOperation(std::shared_ptr<const Operation> operation, Surroundings& surroundings, std::int64_t number);

  // Adds the transfer to the Multi. A failure is final.
  std::expected<TransferId, Failure> start(Multi& multi);
  // Call it after the Message was read: closes the output and returns the result. exit_code 0: success.
  Failure finish(const Result<void>& result);
  // For an interrupted run: closes what is open. Returns the name of the file that is left; "": none.
  std::string abandon() {
    const bool remove = settings().remove_on_error;
    return segments_ ? segments_->abandon(remove) : output_.abandon(remove);
  }

  // Set after it was put into Surroundings::ended_early.
  const std::optional<Message>& early_end() const { return early_end_; }
  const ResponseHead& early_head() const { return early_head_; }

  const HopChain& chain() const { return chain_; }
  // Null without --har.
  const HarTransfer* har() const { return har_ ? &*har_ : nullptr; }
  void add_segments_to(HarLog& log) const {
    if (segments_) segments_->add_to(log);
  }
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
  // When on_due() is to be called: the rest of an unwanted body is read until then, or a segment waits for its retry.
  std::optional<Instant> due() const;
  void on_due(Multi& multi);
  // Connections of --segments but the first; -w counts them.
  std::uint64_t more_connects() const { return segments_ ? segments_->connects() : 0; }
  // For the display, at `now`.
  TransferFigures figures(const Multi& multi, Instant now);

  void on_head_sent(Multi& multi, TransferId id, std::string_view head) override;
  void on_connect_head(Multi& multi, TransferId id, const output::ConnectHead& head) override;
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
  std::expected<void, Failure> begin_upload_at(UploadSource& source, Fields& fields) const;
  std::expected<void, Failure> ask_for_rest(Fields& fields);
  void note_version(const ResponseHead& head, std::optional<std::uint64_t> length);
  bool take_rest(Multi& multi, const ResponseHead& head);
  bool is_unwanted(const ResponseHead& head) const;
  bool write_head(Multi& multi, const std::string& text);
  bool take_head(Multi& multi, const ResponseHead& head);
  void note_chain(Multi& multi, TransferId id);
  void note_verbose(const std::string& text);
  void note_file(const ResponseHead& head);
  bool claim_name(Multi& multi);
  void keep_origin();
  void judge_status(const Request& request, const ResponseHead& head);
  void note_first(Multi& multi) override;
  void segments_ended(Multi& multi, Failure failure) override;
  void segments_void(Multi& multi, const std::string& why) override;
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
  std::optional<UnixSeconds> modified_;        // -R
  ContinuedDownload continued_;                // -C
  std::optional<SegmentedDownload> segments_;  // --segments
  bool begins_again_ = false;                  // the whole is asked for, as what was there is of another version
  std::vector<Hop> earlier_hops_;              // of the transfers before
  std::string claimed_;                        // the name that is this operation's, of -J
  std::string content_type_;
  std::string etag_;                // for --etag-save, once the body is saved
  std::optional<Failure> verdict_;  // decided before the end: a status that counts as an error
  bool discard_ = false;            // the body is not wanted
  std::uint64_t discarded_ = 0;
  std::optional<Instant> discards_until_;
  bool head_received_ = false;
  std::optional<Message> early_end_, noted_;
  ResponseHead early_head_;
  HopChain chain_;
  std::optional<HarTransfer> har_;
  std::optional<TransferTrace> trace_;  // --trace
  ConnId conn_;                         // of the present hop, for --trace-ids
  SpeedMeter meter_;
};

}  // namespace sluice::cli
