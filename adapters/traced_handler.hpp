// A TransferHandler that traces its transfer, as curl's CURLOPT_DEBUGFUNCTION does, and passes each call on to the
// application's own handler. Leaves what is told of, the format and hiding credentials to core/trace.hpp. Header only.
// A transfer without it pays nothing.
//
// Example: writes to the standard output what `curl --trace-ascii -` would of the transfer of its URL.
//   #include <cstdio>
//
//   #include <sluice/traced_handler.hpp>
//
//   int main(int argc, char** argv) {
//     const auto url = sluice::Url::parse(argc == 2 ? argv[1] : "");
//     if (!url) return std::fprintf(stderr, "%s\n", url.error().message().c_str()), 1;
//     sluice::TracedHandler traced([](const sluice::TracePiece& piece) {
//       std::fputs(sluice::trace_text(piece.part, piece.bytes, sluice::TraceForm::ascii).c_str(), stdout);
//     });
//     sluice::TransferOptions options;
//     options.report_heads = true;  // without it only bodies and failures are told of
//     const auto multi = sluice::Multi::create().value();
//     if (!multi->add(*url, options, &traced)) return 1;
//     int running = 0;
//     do {
//       if (multi->perform(&running) == sluice::Drive::failed) return 1;
//       if (running > 0 && !multi->poll({}, std::chrono::seconds(1))) return 1;
//     } while (running > 0);
//     const auto message = multi->info_read();
//     return message && message->result ? 0 : 1;
//   }
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "../core/trace.hpp"
#include "multi.hpp"

namespace sluice {

class TracedHandler final : public TransferHandler {
 public:
  // For one transfer, which has TransferOptions::report_heads. `handler` (null: none, and the body is dropped) must
  // live as this object does: until on_done() was called or the transfer was removed. Inside a callback this object
  // must not be destroyed, but for the handler's on_done(). The sink must not change the transfer; what it throws ends
  // it as what a handler throws.
  explicit TracedHandler(TransferTrace::Sink sink, TransferHandler* handler = nullptr,
                         TraceSecrets secrets = TraceSecrets::hidden)
      : trace_(std::move(sink), secrets), handler_(handler ? *handler : none_) {}
  TracedHandler(const TracedHandler&) = delete;
  TracedHandler& operator=(const TracedHandler&) = delete;

  void on_head_sent(Multi& multi, TransferId transfer, std::string_view head) override {
    trace_.head_sent(multi, transfer, head);
    handler_.on_head_sent(multi, transfer, head);
  }
  void on_connect_head(Multi& multi, TransferId transfer, const output::ConnectHead& head) override {
    trace_.connect_head(multi, head);
    handler_.on_connect_head(multi, transfer, head);
  }
  void on_head_received(Multi& multi, TransferId transfer, std::string_view head) override {
    trace_.head_received(multi, transfer, head);
    handler_.on_head_received(multi, transfer, head);
  }
  void on_interim(Multi& multi, TransferId transfer, const ResponseHead& head) override {
    handler_.on_interim(multi, transfer, head);
  }
  void on_head(Multi& multi, TransferId transfer, const ResponseHead& head) override {
    handler_.on_head(multi, transfer, head);
  }
  // Tells of the bytes that the handler takes here, not of those that it takes by Multi::consume_body().
  std::size_t on_body(Multi& multi, TransferId transfer, Bytes bytes) override {
    const std::string kept(as_text(bytes));  // the handler may remove the transfer
    const std::size_t taken = handler_.on_body(multi, transfer, bytes);
    trace_.body_received(as_bytes(kept).first(std::min(taken, kept.size())));
    return taken;
  }
  std::size_t on_upload(Multi& multi, TransferId transfer, MutableBytes space) override {
    const std::size_t given = handler_.on_upload(multi, transfer, space);
    // After an end in there the space is not readable.
    const bool ended = multi.hops(transfer).empty() || multi.progress(transfer).done;
    if (!ended) trace_.body_sent(space.first(std::min(given, space.size())));
    return given;
  }
  bool on_rewind(Multi& multi, TransferId transfer) override { return handler_.on_rewind(multi, transfer); }
  void on_hop_done(Multi& multi, TransferId transfer, const output::HopDone& hop) override {
    trace_.hop_done(multi, hop);
    handler_.on_hop_done(multi, transfer, hop);
  }
  void on_done(Multi& multi, TransferId transfer, const Result<void>& result) override {
    trace_.done(multi, transfer, result);
    handler_.on_done(multi, transfer, result);  // the last statement: it may destroy this object
  }

 private:
  TransferHandler none_;
  TransferTrace trace_;
  TransferHandler& handler_;
};

}  // namespace sluice
