// The far end of one HTTP/2 connection: reads requests, asks the Responder, and answers many at once, each with the
// faults and the pace that its reply wants; changes settings, sends GOAWAY and falls silent as the origin's options
// say. Leaves frames to http2_server, and those that are wrong on purpose to http2_misdeeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/sim/http2_server.hpp"
#include "adapters/sim_origin.hpp"

namespace sluice::sim {

// What the connections of an origin share.
struct Http2Site {
  Responder responder;
  Http2OriginOptions options;
};

class Http2Peer final : public Peer, private Http2Server::Events {
 public:
  Http2Peer(std::shared_ptr<const Http2Site> site, std::uint64_t nth);

  void on_open(Line& line) override;
  void on_bytes(Line& line, Bytes bytes) override;
  void on_end(Line& line) override;
  void on_wake(Line& line) override;

 private:
  struct Exchange {
    HttpRequest request = {};
    HttpReply reply = {};
    std::optional<Instant> due = {};   // when the response begins; nullopt: it is not decided
    std::optional<Instant> next = {};  // when the next part of the body is sent
    std::size_t owed = 0;              // bytes of the upload for which its window was not opened again
    std::size_t sent = 0;              // bytes of the body
    bool whole = false;                // the request is complete
    bool headed = false;               // the response has begun, or what takes its place
    bool ended = false;                // all of it was given to the server
    bool breaks_off = false;           // as its fault wants, once all before was sent
    bool lost = false;                 // nothing more follows on purpose
  };

  // Http2Server::Events
  void head_came(std::uint32_t stream, HttpRequest request, bool last) override;
  void body_came(std::uint32_t stream, Bytes bytes) override;
  void request_ended(std::uint32_t stream, FieldPairs trailers) override;
  void reprioritized(std::uint32_t stream, std::string_view value) override;
  void stream_closed(std::uint32_t stream, std::uint32_t code) override;
  void refused_by_limit() override { admit("refused by limit"); }
  void ping_answered() override { --pings_; }
  void client_broke_rule(std::string_view what) override;
  Part next_part(std::uint32_t stream, std::size_t most) override;
  std::size_t padding(std::uint32_t stream) override;

  void admit(std::string_view fault);
  Exchange* find(std::uint32_t stream);
  void decide(Exchange& exchange, HttpReply reply);
  void pay(std::uint32_t stream, std::size_t& owed, std::size_t enough);
  void work(Line& line);
  void begin_due(Line& line);
  void begin(Line& line, std::uint32_t stream);
  void respond(std::uint32_t stream, Exchange& exchange);
  void break_off(Line& line, std::uint32_t stream, Exchange& exchange);
  void after_output(Line& line);
  void count_request();
  void go_away();
  void refuse_http2(std::uint32_t stream);
  void follow_plan(Line& line);
  void ping();
  void flush(Line& line);
  void watch_windows();
  void plan_wake(Line& line);
  std::size_t most_of(const Exchange& exchange) const;

  const std::shared_ptr<const Http2Site> site_;
  const std::uint64_t nth_;
  Http2Server server_;
  Line* line_ = nullptr;                         // during a call
  std::map<std::uint32_t, Exchange> exchanges_;  // the open ones
  std::size_t upload_window_;                    // SETTINGS_INITIAL_WINDOW_SIZE
  std::uint32_t last_ = 0;                       // the greatest id of a request
  std::size_t requests_ = 0;
  std::size_t changes_done_ = 0;
  Instant opened_ = {};
  std::optional<Instant> idle_since_, goaway_due_, ping_due_;
  int pings_ = 0;  // that were not answered
  Instant pinged_ = {};
  bool unwatched_ = false;   // the windows are not known
  bool flooded_ = false;     // the client answers SETTINGS that the library has not sent
  bool admitted_ = false;    // a fault
  bool going_away_ = false;  // its last GOAWAY was sent ...
  bool to_http1_ = false;    // ... with HTTP_1_1_REQUIRED
  bool over_ = false;        // nothing is read or sent any more
};

}  // namespace sluice::sim
