// One transfer, a chain of hops: its request, its progress, and the body bytes that wait for the application. Knows
// only its own phases. Leaves to others: giving it a connection and ending it (core/engine/), and what follows a hop
// (hop_rule.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/layer.hpp"
#include "core/base/timers.hpp"
#include "core/base/transitions.hpp"
#include "core/flow/body_buffer.hpp"
#include "core/flow/decoded_body.hpp"
#include "core/flow/hop_rule.hpp"
#include "core/flow/proxy_use.hpp"
#include "core/http/session.hpp"
#include "core/http/upload.hpp"
#include "core/options.hpp"
#include "core/progress.hpp"
#include "core/request.hpp"
#include "core/response.hpp"

namespace sluice::flow {

// The part of TransferInfo that does not come from StreamFacts.
struct ConnectionDetails {
  ConnId conn;
  Address address;
  std::string route;
  std::uint32_t early_bytes = 0;
  int connect_status = 0;  // of a tunnel that failed
  std::uint8_t retries = 0;
  std::uint8_t connections = 0;
  std::uint8_t addresses_tried = 0;
  bool reused = false;
  bool tls_truncated = false;
  bool early_accepted = false;
  bool multiplexed = false;  // it carries several exchanges at once
  bool extended_connect = false;
};

enum class TransferPhase : std::uint8_t {
  queued,      // waits for a connection that another transfer will free, or for a limit
  dialing,     // waits, and a connection is being made for it
  active,      // has an exchange on a connection
  waiting,     // waits for the time at which its next hop begins
  delivering,  // the response was received completely; the application has not consumed all of it
  done,
};
inline constexpr std::size_t kTransferPhases = 6;
extern const Transitions<TransferPhase, kTransferPhases> kTransferMoves;

class Transfer {
 public:
  void recycle();  // back to the first state; small memory is kept
  TransferPhase phase() const { return phase_; }
  // Changes the phase; kTransferMoves must allow it.
  void enter(TransferPhase next);
  bool is_received() const { return phase_ == TransferPhase::delivering || phase_ == TransferPhase::done; }
  // Whether the request may be sent again even if bytes of it reached a peer (RFC 9110 9.2.2), and its body can be
  // given again.
  bool may_be_repeated() const { return is_idempotent(request.method) && upload.rewindable(); }
  TransferInfo details() const;  // incomplete if memory runs out
  // Back to the state before any byte was sent, to send the request on another connection. Needs upload.replayable().
  void rewind();
  // The body's bytes that wait for the application; see BodyBuffer::front().
  Bytes body_front() const { return decoded ? decoded->front() : body.front(); }
  bool all_consumed() const { return body.empty() && (!decoded || decoded->needs_input()); }
  // Call it before the first byte of a body: if options.decoding is set and the body has codings, sets `decoded`.
  // Errors: unsupported_coding, out_of_memory.
  Result<void> begin_decoding();
  // The current hop, for hops(). May throw std::bad_alloc.
  Hop present_hop(std::optional<Code> failure) const;
  // Replaces the current hop, which is over, by the next one. The head of the old hop is moved to `ended_head`. Error:
  // rewind_failed (the next hop needs a body that cannot be given again). May throw std::bad_alloc. After an error or
  // an exception nothing has changed.
  Result<void> begin_hop(NextHop& following, std::optional<Code> failure, ResponseHead& ended_head, Now now);

  TransferId id;
  std::vector<Hop> past_hops;
  HopCounts counts;
  std::unique_ptr<NextHop> next_hop;  // set while the rest of a response is read that another hop follows
  // The members from here to `stream` belong to the current hop.
  HopReason reason = HopReason::first;
  bool at_first_origin = true;                 // no hop so far was at another origin than the first
  std::unique_ptr<rules::DigestState> digest;  // what the request's Authorization field was made of, if it is Digest
  std::unique_ptr<Login> login;                // null: the credentials need none
  std::unique_ptr<ProxyUse> proxies;           // null: the options have none
  Request request;
  TransferOptions options;
  http::UploadBody upload;
  ResponseHead head;
  Fields trailers;
  BodyBuffer body;                       // bytes as received
  std::unique_ptr<DecodedBody> decoded;  // null: the body has no coding to undo, or no byte of it has come
  Progress progress;
  ConnectionDetails info;
  std::shared_ptr<const StreamFacts> facts;  // of its connection; null: none are known
  ConnId conn;                               // while active
  http::StreamId stream = 0;                 // of the latest exchange
  Instant last_activity;                     // when the last byte came or was sent, for the idle timeout
  bool upload_announced = false;             // an UploadReady was given, and nothing was committed since
  bool body_lost = false;                    // there was no memory to copy the body
  struct End {
    bool deferred = false;  // there was no memory to queue its Done (engine/jobs.hpp), and the error's text is lost
    bool retry_safe = false;
    std::optional<Code> failure;  // nullopt: it succeeded
  };
  End end;
  bool removed = false;  // the application called remove() before the Done was queued: it is released with that
  // Options.connect_to, kept here while a hop has another place than the first.
  std::unique_ptr<ConnectTo> held_connect_to;
  Timers::Handle total_timer, attempts_timer, idle_timer, continue_timer;
  // In the phase `waiting` until its next hop; before it has a connection, the connect timeout where it counts on a
  // dial that was begun for others.
  Timers::Handle wait_timer;

 private:
  void forget_credentials();
  void forget_hops();

  TransferPhase phase_ = TransferPhase::queued;
};

}  // namespace sluice::flow
