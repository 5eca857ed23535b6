// One transfer: what was asked for, how far it is, and the body bytes that wait for the application.
// Knows its own phases only; who gives it a connection and what ends it is decided elsewhere (core/engine/).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/layer.hpp"
#include "core/base/timers.hpp"
#include "core/base/transitions.hpp"
#include "core/flow/body_buffer.hpp"
#include "core/http/session.hpp"
#include "core/http/upload.hpp"
#include "core/options.hpp"
#include "core/progress.hpp"
#include "core/request.hpp"
#include "core/response.hpp"

namespace sluice::flow {

// What TransferInfo says of the connection, but for its layers.
struct ConnectionDetails {
  ConnId conn;
  Address address;
  std::string route;
  bool reused = false;
  int retries = 0;
  bool tls_truncated = false;
};

enum class TransferPhase : std::uint8_t {
  queued,      // waits for a connection that somebody else will free, or for a limit
  dialing,     // waits too, and a connection is being made on its behalf
  active,      // has an exchange on a connection
  delivering,  // all was received; the application has not consumed it all
  done,
};
inline constexpr std::size_t kTransferPhases = 5;
extern const Transitions<TransferPhase, kTransferPhases> kTransferMoves;

class Transfer {
 public:
  void recycle();  // back to the first state, memory kept where it is small
  TransferPhase phase() const { return phase_; }
  void enter(TransferPhase next);
  bool is_received() const { return phase_ == TransferPhase::delivering || phase_ == TransferPhase::done; }
  // After bytes of it may have reached a peer (RFC 9110 9.2.2), and with all of its body still there.
  bool may_be_repeated() const { return is_idempotent(request.method) && !upload.streamed(); }
  TransferInfo details() const;  // as much of it as there is memory for
  // Back to where no byte of it had gone anywhere, to be tried on another connection. upload.replayable()
  void rewind();

  TransferId id;
  Request request;
  TransferOptions options;
  http::UploadBody upload;
  ResponseHead head;
  Fields trailers;
  BodyBuffer body;
  Progress progress;
  ConnectionDetails info;
  std::shared_ptr<const LayerFacts> layers;
  ConnId conn;                    // while active
  http::StreamId stream = 0;      // while active
  Instant last_activity;          // of either direction, for the idle timeout
  bool upload_announced = false;  // an UploadReady was said and not answered yet
  bool body_lost = false;         // there was no memory to keep it
  // Of a Done that found no room among the outputs (engine/jobs.hpp); its words are lost.
  struct OwedDone {
    bool owed = false;
    bool retry_safe = false;
    std::optional<Code> failure;  // none: it succeeded
  };
  OwedDone owed_done;
  bool removed = false;  // by the application while its Done was owed: it goes with that
  Timers::Handle total_timer, attempts_timer, idle_timer, continue_timer;

 private:
  TransferPhase phase_ = TransferPhase::queued;
};

}  // namespace sluice::flow
