// One transfer, a chain of hops: what was asked for, how far it is, and the body bytes that wait for the application.
// Knows its own phases only; who gives it a connection and what ends it is decided elsewhere (core/engine/), what
// follows a hop by rules (hop_rule.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/layer.hpp"
#include "core/base/timers.hpp"
#include "core/base/transitions.hpp"
#include "core/flow/body_buffer.hpp"
#include "core/flow/hop_rule.hpp"
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
  waiting,     // for the time at which its next hop begins
  delivering,  // all was received; the application has not consumed it all
  done,
};
inline constexpr std::size_t kTransferPhases = 6;
extern const Transitions<TransferPhase, kTransferPhases> kTransferMoves;

class Transfer {
 public:
  void recycle();  // back to the first state, memory kept where it is small
  TransferPhase phase() const { return phase_; }
  void enter(TransferPhase next);
  bool is_received() const { return phase_ == TransferPhase::delivering || phase_ == TransferPhase::done; }
  // After bytes of it may have reached a peer (RFC 9110 9.2.2), and with all of its body still there.
  bool may_be_repeated() const { return is_idempotent(request.method) && upload.rewindable(); }
  TransferInfo details() const;  // as much of it as there is memory for
  // Back to where no byte of it had gone anywhere, to be tried on another connection. upload.replayable()
  void rewind();
  // What has ended, for hops(). Both may throw std::bad_alloc.
  Hop present_hop(std::optional<Code> failure) const;
  // The next hop takes the place of the present one, all of which is over. Error rewind_failed: it needs a body that
  // cannot be given again. The head is left in `ended_head`. An error, as std::bad_alloc, leaves all as it was.
  Result<void> begin_hop(NextHop& following, std::optional<Code> failure, ResponseHead& ended_head, Now now);

  TransferId id;
  std::vector<Hop> past_hops;
  std::unique_ptr<NextHop> next_hop;  // decided by the head of a response that is still being read
  // The request, and all down to `stream`, is the present hop's.
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
  struct End {
    bool owed = false;  // its Done found no room among the outputs (engine/jobs.hpp), and its words are lost
    bool retry_safe = false;
    std::optional<Code> failure;  // none: it succeeded
  };
  End end;
  bool removed = false;                      // by the application while its Done was owed: it goes with that
  std::optional<ConnectTo> held_connect_to;  // of the first hop's place, while a hop leads to another
  Timers::Handle total_timer, attempts_timer, idle_timer, continue_timer, backoff_timer;
  Timers::Handle connect_timer;  // while it waits for a dial that was begun for others

 private:
  TransferPhase phase_ = TransferPhase::queued;
};

}  // namespace sluice::flow
