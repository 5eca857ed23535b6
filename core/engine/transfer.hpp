// One transfer: what was asked for, how far it is, and the body bytes that wait for the application.
// Knows its own phases only; who gives it a connection and what ends it is decided elsewhere (scheduler.cpp, exchange.cpp).
#pragma once

#include <string>
#include <vector>

#include "core/base/list.hpp"
#include "core/base/timer_heap.hpp"
#include "core/base/transitions.hpp"
#include "core/engine.hpp"
#include "core/http/session.hpp"
#include "core/http/upload.hpp"

namespace sluice::engine {

using OriginId = Id<struct OriginTag>;
using DialId = Id<struct DialTag>;

// What TransferInfo says of TLS; made once for each connection.
struct TlsDetails {
  std::string version, cipher, alpn, subject, issuer;
  bool resumed = false;
};

// What TransferInfo says of the connection, but for TLS.
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
  void recycle();  // for SlotMap: back to the first state, memory kept where it is small
  TransferPhase phase() const { return phase_; }
  // After bytes of it may have reached a peer (RFC 9110 9.2.2), and with all of its body still there.
  bool may_be_repeated() const { return is_idempotent(request.method) && !upload.streamed(); }
  void enter(TransferPhase next);

  // The body as the application sees it: first what was kept, then (if nothing was) the view into the landing buffer.
  Bytes body() const { return kept_begin_ < kept_.size() ? Bytes{kept_}.subspan(kept_begin_) : landed_; }
  std::size_t unconsumed() const { return body().size(); }
  void land(Bytes bytes);     // `bytes` stay valid until keep_body()
  // Copies what is landed, since the landing buffer is about to be used again. False: no memory; it stays where it is.
  bool keep_body();
  void consume(std::size_t bytes);
  void drop_body();
  std::size_t kept_bytes() const { return kept_.size(); }  // consumed ones included that are still in the way

  TransferId id;
  Request request;
  TransferOptions options;
  http::UploadBody upload;
  ResponseHead head;
  Fields trailers;
  Progress progress;
  ConnectionDetails info;
  OriginId origin;
  DialId dial;                 // while dialing
  ConnId conn;                 // while active
  http::StreamId stream = 0;   // while active
  Instant last_activity;       // of either direction, for the idle timeout
  bool fresh_only = false;     // no kept-alive connection: after a retry, by an option, or since only its own would do
  bool send_started = false;   // bytes of it may have reached the peer on its present connection
  bool upload_announced = false;  // an UploadReady was said and not answered yet
  bool body_lost = false;         // there was no memory to keep it
  // Of a Done that found no room among the outputs (shortage.cpp); its words are lost.
  struct OwedDone {
    bool owed = false;
    bool retry_safe = false;
    std::optional<Code> failure;  // none: it succeeded
  };
  OwedDone owed_done;
  bool removed = false;  // by the application while its Done was owed: it goes with that
  std::shared_ptr<const TlsDetails> tls;
  TimerHeap::Handle total_timer, attempts_timer, idle_timer, continue_timer;
  Link<Transfer> waiting;      // in the queue or the dialing list of its origin; dialing, but with fresh_only, in none

 private:
  TransferPhase phase_ = TransferPhase::queued;
  Bytes landed_;
  std::vector<std::uint8_t> kept_;
  std::size_t kept_begin_ = 0;
};

using WaitingList = List<Transfer, &Transfer::waiting>;

}  // namespace sluice::engine
