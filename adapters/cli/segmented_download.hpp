// --segments: one file over several connections. The operation's own transfer, which asks for the whole, has the first
// segment once its response allows it (core/segments.hpp); this object adds a transfer for each of the others, writes
// each at its place, keeps the journal, and goes on where an earlier run has stopped. A failed segment is asked for
// again by --retry, from its first missing byte on. Whatever shows another version makes all of it void.
// Leaves to others: the first transfer's request, its end, and what the user is told of the operation.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/har_log.hpp"
#include "adapters/cli/output_file.hpp"
#include "adapters/cli/segment_file.hpp"
#include "adapters/cli/tls_setup.hpp"
#include "adapters/multi.hpp"
#include "core/trace.hpp"

namespace sluice::cli {

struct Surroundings;

class SegmentedDownload final : public TransferHandler {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The first transfer is removed next, while others still run.
    virtual void note_first(Multi& multi) = 0;
    // No other transfer runs any more. exit_code 0: the file is whole.
    virtual void segments_ended(Multi& multi, Failure end) = 0;
    // The same; what is there is void, and the whole is to be asked for again. `why`: what was asked for, and the
    // reason.
    virtual void segments_void(Multi& multi, const std::string& why) = 0;
  };

  // All must outlive this object. `number`: of the operation's transfer.
  SegmentedDownload(const Operation& operation, Surroundings& surroundings, OutputFile& output, Owner& owner,
                    std::int64_t number)
      : operation_(operation), surroundings_(surroundings), output_(output), owner_(owner), number_(number) {}
  ~SegmentedDownload() override;

  // Looks for what an earlier run has left; if there is something, the request asks for its first missing segment.
  std::expected<void, Failure> ask(Fields& fields);
  // The options of the first transfer, for the others.
  void keep_options(const TransferOptions& options) { options_ = options; }

  // The first transfer has a response with a body that is wanted. False: the operation was told to end or to begin
  // again. True: is_active() says whether there are segments; if not, the body is the file.
  bool take_head(Multi& multi, TransferId first, const ResponseHead& head);
  // From here on the callbacks of the first transfer are given to this object.
  bool is_active() const { return active_; }
  bool lacks_bytes() const { return active_ && !parts_.whole(); }

  // A segment is asked for again at this time: call ask_again() then. nullopt: none.
  std::optional<Instant> due() const;
  void ask_again(Multi& multi);

  std::uint64_t size() const { return parts_.size; }
  std::uint64_t done() const { return parts_.done(); }  // bytes that are there
  std::uint64_t received() const { return received_; }  // in this run
  std::uint64_t connects() const { return connects_; }  // of the other transfers

  // The requests of the other transfers that have ended.
  void add_to(HarLog& log) const;

  // Instead of OutputFile::abandon(): keeps the journal with the part.
  std::string abandon(bool remove);
  // The file has its final name.
  void forget_journal() const;

  void on_head_sent(Multi& multi, TransferId id, std::string_view head) override;
  void on_connect_head(Multi& multi, TransferId id, const output::ConnectHead& head) override;
  void on_head_received(Multi& multi, TransferId id, std::string_view head) override;
  void on_hop_done(Multi& multi, TransferId id, const output::HopDone& hop) override;
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override;
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override;
  void on_done(Multi& multi, TransferId id, const Result<void>& result) override;

 private:
  // A segment whose bytes are asked for.
  struct Run {
    std::size_t segment = 0;
    TransferId id = {};
    bool is_first = false;
    bool of_whole = false;               // its response is that of a request for the whole
    bool has_head = false, got = false;  // got: bytes of the present request
    std::uint32_t retries = 0;
    std::optional<Instant> again_at = {};     // there is no transfer until then
    std::optional<TransferTrace> trace = {};  // --trace; not of the first transfer, whose owner writes it
    HarTransfer har = {};                     // with --har, and of no first transfer
    std::string error = {};                   // why its last request failed
  };
  struct Ended {
    HarTransfer har;
    std::vector<Hop> hops;
    ResponseHead head;
    std::string error;
  };

  const Settings& settings() const { return *operation_.settings; }
  Segment& segment(const Run& run) { return parts_.segments[run.segment]; }
  Run* find(TransferId id);
  std::string range_text(const Run& run) const;
  bool take_earlier(Multi& multi, TransferId first, const ResponseHead& head);
  bool take_new(Multi& multi, TransferId first, const ResponseHead& head);
  void take_earlier_part();
  void begin(Multi& multi, TransferId first, std::size_t segment, bool of_whole);
  void keep_request(const Multi& multi, TransferId first);
  bool start(Multi& multi, Run& run);
  void drop(Multi& multi, Run& run);
  void note_ended(const Multi& multi, Run& run);
  void drop_all(Multi& multi);
  void finish(Multi& multi, Run& run);
  void go_on_alone(Multi& multi, const std::string& why);
  void make_void(Multi& multi, const std::string& why);
  void end(Multi& multi, Failure failure);
  void save(Instant now, bool always);
  std::string trace_prefix(const Multi& multi, TransferId id);  // before lines of -v

  const Operation& operation_;
  Surroundings& surroundings_;
  OutputFile& output_;
  Owner& owner_;
  const std::int64_t number_;
  TransferOptions options_;
  Request request_;         // of a segment, but for its range
  Multi* multi_ = nullptr;  // set while transfers of this object may run
  Instant begun_ = {};
  FoundSegments earlier_;
  SegmentedParts parts_;
  std::vector<Run> runs_;
  std::vector<Ended> ended_;  // with --har
  bool active_ = false;
  bool alone_ = false;  // one connection is used, whatever the response allows
  int voids_ = 0;
  std::uint64_t received_ = 0, connects_ = 0;
  std::uint64_t saved_ = 0;  // parts_.done() as the journal has it
  Instant saved_at_ = {};
  bool save_failed_ = false;
};

}  // namespace sluice::cli
