// The oracles of a run: what must be true after every step, at every output, at every request that reaches an origin,
// and at the end. Each oracle has a name, and the first one that fails ends the run.
//
// Knows the scenario, the world and the engine's boundary, and keeps its own record of each transfer, independent of
// the engine's. Leaves actions to run.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sim.hpp"
#include "core/features.hpp"
#include "tests/sim/oracles/chain.hpp"
#include "tests/sim/oracles/story.hpp"
#include "tests/sim/scenario/scenario.hpp"
#include "tests/support/mux_session.hpp"

namespace sluice::simtest {

struct Finding {
  std::string oracle;   // a short name: "bytes", "two ends"
  std::string message;  // what was seen, with the transfer's number
};

// What the application and the origins have seen of one transfer.
// The number of a session and the number of an exchange, of all that were opened.
struct Place {
  std::uint64_t session = 0, exchange = 0;
};

struct Seen {
  const TransferPlan* plan = nullptr;  // of the current hop
  std::unique_ptr<Chain> chain;        // null: it has one hop
  std::size_t kind =
      0;  // index in Oracles::kinds_: transfers of different kinds share no connection; of the current hop
  std::string reply, upload;  // the expected bytes
  std::size_t received = 0;   // the size of the response's body as it is received
  bool has_cookie = false;    // when it was added, its jar had a cookie for its host
  TransferId id;
  ConnId last_conn;  // when it was removed
  ConnId rides_on;   // its connection when last checked
  bool added = false, done = false, removed = false;
  std::size_t order = 0;  // the order in which they were added
  bool succeeded = false;
  std::optional<Code> failure;
  Instant added_at;
  Instant queued_at;  // when it was added, or its current hop began
  Instant tried_at;   // then, or when it was last sent again
  int retries = 0;
  bool head = false;
  std::vector<int> interims;
  std::size_t taken = 0;                                         // bytes of the body that were consumed
  std::size_t held = 0;                                          // of the body: bytes not consumed, when last checked
  std::size_t committed = 0;                                     // of a streamed upload
  std::uint64_t sent_at_head = 0;                                // request bytes, when the head came
  bool reads_later = false, paused = false, has_paused = false;  // the state of the application
  bool gives_later = false, source_failed = false;
  Instant busy_until;  // the last time at which its idle time may have started again
  // At its origin
  std::uint32_t arrivals = 0;  // requests whose head came
  std::uint64_t place = 0;     // the number of the last one on its connection
  bool upload_arrived = false;
  bool was_sent = false;  // completely, as the engine says
  // With multiplexing
  int refusals = 0;                     // how often it was refused
  Instant refused_at;                   // at its peer, the last time
  std::optional<Instant> rested_since;  // since then it waits, or is in line again
  bool is_open = false;                 // its exchange is open, as far as its session knows
  bool silenced = false;                // it gets no response
  bool reset_by_peer = false;
  Instant ended_at;
  Instant opened_at;      // its exchange
  Place place_before;     // where that was opened
  bool was_lost = false;  // with its connection, before its end
  Instant heard_at;       // when the last frame of its response came
};

// What an origin has to answer.
struct Served {
  const Seen* seen = nullptr;        // null: the request is of no transfer
  const Answered* answer = nullptr;  // null: as the transfer's plan says
};

class Oracles : public test::MuxObserver {
 public:
  explicit Oracles(const Scenario& scenario);
  void watch(sim::World& world) { world_ = &world; }

  static bool is_coded(const TransferPlan& plan) { return plan.coded && features().zlib; }
  // The size of its response's body as it is received.
  static std::size_t received_bytes(const TransferPlan& plan);
  std::vector<Seen>& transfers() { return transfers_; }
  Seen* find(std::uint32_t number);
  const std::optional<Finding>& finding() const { return finding_; }
  void report(std::string oracle, std::string message);  // only the first one is kept

  // ---- what the application does ----
  void added(Seen& seen, TransferId id);
  void removing(Seen& seen);                                            // call it right before the removal
  void take(Seen& seen, Bytes bytes);                                   // call it right before consuming
  void look(const Seen& seen, Bytes bytes);                             // checks a part of its body, or the rest
  void took(Seen& seen) { seen.held = engine().body(seen.id).size(); }  // call it after consuming
  void acted(Seen& seen) { seen.busy_until = now(); }  // the application has called the engine about it
  void idle_closed();                                  // the application has closed idle connections
  // Call it before the application acts on the output. Null: it is not about a transfer.
  Seen* on_output(const Output& output);

  // ---- what reaches an origin ----
  Served on_request(std::size_t origin, const sim::HttpRequest& request);

  // ---- what multiplexes ----
  void made(const test::MuxSession& session, bool over_tls);
  bool newest_multiplexes();  // whether the origin of the newest connection without a session multiplexes
  void refused(Seen& seen);
  void given_up(const Seen& seen);                           // the engine has aborted its exchange
  void window_opened(const Seen& seen, std::size_t in_all);  // the engine has opened the window
  void opened(const test::MuxSession& session, const Request& request, bool had_room) override;
  void heard(const Request& request, bool is_end) override;
  void aborted(const Request& request) override;
  void gone(const test::MuxSession& session) override;

  // ---- levels ----
  void after_step();
  void at_idle();  // nothing more will happen, and the kept transfers were not removed yet
  void at_end();   // everything was removed, and nothing more will happen

 private:
  const OriginPlan& origin_of(const Seen& seen) const { return scenario_.origins[seen.plan->origin]; }
  Engine& engine() const { return world_->engine(); }
  Instant now() const { return world_->now().steady; }
  std::string name(const Seen& seen) const { return "transfer " + std::to_string(seen.plan->number); }

  // outputs.cpp
  Seen* owner(TransferId id, std::string_view what);
  void on_interim(Seen& seen, const ResponseHead& head);
  void judge_head(const Seen& seen, const ResponseHead& head);
  void on_head(Seen& seen);
  void on_done(Seen& seen, const Result<void>& result);
  void judge_end(const Seen& seen, const Result<void>& result);
  void judge_success(Seen& seen);
  void judge_body(const Seen& seen);
  void judge_trailers(const Seen& seen);
  void judge_figures(const Seen& seen);
  void judge_sizes(const Seen& seen);
  void judge_cookies(const Seen& seen, const TransferPlan& plan, const sim::HttpRequest& request);
  static std::string own_cookie_of(const Seen& seen, const TransferPlan& plan);
  void judge_times(const Seen& seen);
  void judge_info(const Seen& seen);
  bool may_be_cut(const Seen& seen) const;
  bool upload_may_stop(const Seen& seen) const;
  void judge_connection(const Seen& seen);
  void judge_interims(const Seen& seen, const TransferPlan& plan);
  void judge_request(const Seen& seen, const TransferPlan& plan, const sim::HttpRequest& request);
  void judge_order(std::size_t origin, const sim::HttpRequest& request, const Seen& seen);

  // hops.cpp
  void make_chain(Seen& seen);
  static bool is_present(const Seen& seen, const TransferPlan& plan);
  Answered* answer(Seen& seen, std::size_t stage, const sim::HttpRequest& request);
  static std::size_t arrivals_at(const Seen& seen, std::size_t stage);
  void judge_own_fields(const Seen& seen, const Stage& stage, const sim::HttpRequest& request);
  const Answered* shown_by(const Seen& seen, const ResponseHead& head);
  void on_head_of_chain(Seen& seen, const ResponseHead& head);
  void on_rewind(Seen& seen);
  void on_hop_done(Seen& seen, const output::HopDone& hop);
  void judge_record(const Seen& seen, const Hop& hop);
  void judge_untold_head(Seen& seen, const ResponseHead& head);
  void judge_passing_head(Seen& seen, const ResponseHead& head);
  void judge_following(Seen& seen, const output::HopDone& told);
  void judge_left(const Seen& seen, const Hop& hop, bool failed);
  void begin_hop(Seen& seen, const output::HopDone& told, const Hop& next);
  void judge_last_hop(Seen& seen, const Result<void>& result);
  void check_hops();
  void check_rest(Seen& seen);
  void note_rest(Seen& seen, Instant queued);
  // It was refused again when it had been sent again, so it waits before it is sent once more. For how long is drawn by
  // the engine: until the longest wait has passed it may rest, or be in line already.
  bool was_refused_again(const Seen& seen) const;
  bool may_rest_refused(const Seen& seen) const;
  void note_refused_rest(Seen& seen);
  bool is_resting(const Seen& seen) const { return seen.chain && seen.chain->rests_until; }
  std::optional<Code> error_of_chain(const Seen& seen) const;

  // challenges.cpp
  void make_guards();
  void judge_login(const Seen& seen, const Stage& stage, const sim::HttpRequest& request);
  bool is_denied(const Seen& seen, const Stage& stage, const sim::HttpRequest& request, Answered& made);
  std::optional<Following> after_denial(const Seen& seen, const Answered& answer) const;

  // following.cpp
  static bool can_give_again(const Seen& seen);
  Following after_response(const Seen& seen, const Answered& answer, Instant decided) const;
  Following after_failure(const Seen& seen, const Error& error) const;
  Following another_try(const Seen& seen, Instant decided, Duration asked) const;

  // explain.cpp
  ConnId conn_of(const Seen& seen) const;
  void judge_failure(const Seen& seen, const Error& error);
  void judge_retry(const Seen& seen, const Error& error);
  void judge_idleness(const Seen& seen, const Error& error);
  bool is_explained(const Seen& seen, const Error& error) const;
  bool end_was_told(const Seen& seen, ConnId conn) const;
  bool has_usable_address(const Seen& seen) const;
  std::uint64_t times(std::string_view fault) const;
  bool happened(std::string_view fault) const { return times(fault) > 0; }
  std::size_t addresses_to_try(const Seen& seen) const;
  bool struck(ConnId conn, std::initializer_list<std::string_view> faults) const;
  bool may_wait_for_ever(const Seen& seen) const;
  bool waits_for_room(const Seen& seen) const;
  bool is_unlimited(const Seen& seen) const;
  bool has_connected(const Seen& seen) const;
  bool is_stuck_in_the_making(const Seen& seen) const;

  // connections.cpp
  void list_kinds();
  void carried_by(const Seen& seen);
  bool is_riding(const Seen& seen) const;
  bool may_be_used_again(const Seen& seen, ConnId conn, bool sent) const;
  bool is_waiting(const Seen& seen) const {
    return seen.added && !seen.done && !seen.head && !is_riding(seen) && !is_resting(seen) && !may_rest_refused(seen);
  }
  bool is_served_by(const Seen& seen, const std::vector<ConnId>& spare) const;
  std::vector<ConnId> unridden() const;
  void check_yield();
  void check_goodbyes();
  void check_kept();
  bool is_wary(const Seen& seen) const;
  void check_queue();
  void judge_turn(const Seen& seen);
  std::vector<std::size_t> places_taken() const;
  std::size_t open_for(const TransferPlan& plan) const;
  void check_limits();
  void check_limits_by_kind();

  // dials.cpp
  static std::vector<IpAddress> addresses_in_order(const OriginPlan& origin, const TransferPlan& plan);
  std::string asked_host(const TransferPlan& plan) const;
  bool is_asked_for(const std::string& host) const;
  bool is_any_name_asked_for() const;
  void check_names();
  void check_name(const std::string& host);
  void check_answers_used(std::size_t origin);
  const std::vector<IpAddress>* one_order(std::size_t origin) const;
  bool has_turned(const std::vector<IpAddress>& order) const;
  void check_turns();
  void check_turns(std::size_t origin, const std::vector<IpAddress>& order);
  void check_races();
  void check_parts();
  bool is_its(const sim::ConnectRecord& record, const TransferPlan& plan) const;
  bool was_in_the_making(const Seen& seen, Instant since) const;
  bool look_up_failed_now(const Seen& seen) const;
  bool connect_failed_now(const Seen& seen) const;

  // multiplexing.cpp
  bool multiplexes(const Seen& seen) const { return origin_of(seen).mux.has_value(); }
  Seen* seen_of(const Request& request);
  bool is_held_up(const Seen& seen) const;
  void check_rooms();
  void check_shared_dials();
  void check_doomed();
  bool is_ridden(ConnId conn) const;
  bool is_mux_failure(const Seen& seen, const Error& error, ConnId conn) const;

  // figures.cpp
  void judge_first_byte(const Seen& seen);
  void judge_arrival(const Seen& seen);
  void judge_tries(const Seen& seen);
  void check_sent(Seen& seen);
  bool somebody(const std::function<bool(const Seen&)>& what) const;
  bool is_wanted(const Deadline& deadline) const;
  void check_wake_ups();

  // levels.cpp
  void check_counts();
  void check_idle();
  void check_closed();
  void check_deadlines();
  void check_idle_time(Seen& seen);
  void check_continues();
  void check_buffers();
  void check_spaces();
  bool waits_for_application(const Seen& seen) const;

  const Scenario& scenario_;
  sim::World* world_ = nullptr;
  std::vector<Seen> transfers_;
  std::map<TransferId, std::uint32_t> numbers_;
  std::size_t running_ = 0;
  struct Kind {
    const TransferPlan* plan;               // one of them
    std::size_t most = 0;                   // the most connections at once; 0: no limit
    std::vector<IpAddress> addresses = {};  // in the order in which they are tried; none with a route
  };
  std::vector<Kind> kinds_;
  std::vector<std::size_t> most_connections_;  // for each origin, over all kinds; 0: no limit
  std::size_t least_limit_ = SIZE_MAX;         // over all kinds
  std::map<ConnId, std::size_t> kind_of_;      // connections that have carried a transfer
  bool looks_at_spaces_ = false, has_deadlines_ = false, expects_ = false, has_chains_ = false;
  std::size_t added_ = 0;
  struct Visit {
    std::uint32_t number;
    std::uint64_t request;
    std::size_t kind;
    const TransferPlan* plan;
    Answered* answer;  // null: it has one hop
  };
  std::map<std::pair<std::size_t, std::uint64_t>, std::vector<Visit>> visits_;  // by origin and connection
  std::map<std::size_t, Guard> guards_;                                         // by origin
  std::vector<ConnId> must_be_closed_, must_stand_;
  // Connections with a transfer that has failed, was removed, or was answered early.
  std::set<ConnId> cut_short_;
  std::map<ConnId, std::size_t> rides_;  // how many transfers each has carried
  // Kinds without a connection in the last step because of the total limit.
  std::vector<std::size_t> starved_;
  struct Carried {
    std::uint32_t number;
    std::size_t kind;
  };
  std::map<ConnId, Carried> carried_;   // a transfer that ended there
  std::set<std::string> cookie_hosts_;  // whose cookie the jar has
  struct Riding {
    ConnId conn;  // stale: not known, over TLS
    std::optional<std::size_t> kind = {};
    bool is_last = false;  // an exchange that must be the last one was opened there
    std::uint64_t number = 0;
    std::vector<Place> again = {};  // where those had been before that were sent again here
  };
  void judge_retry_order(const Seen& seen, Riding& riding);
  std::map<const test::MuxSession*, Riding> sessions_;  // those that multiplex
  Place newest_place_;                                  // how many sessions and exchanges there were
  ConnId newest_;
  std::set<ConnId> with_session_;    // connections that were asked about by newest_multiplexes()
  std::set<ConnId> doomed_;          // to be closed when their exchanges have ended
  std::vector<std::size_t> waited_;  // for each kind: the most that waited at once since no connection was being made
  std::size_t connects_seen_ = 0;
  bool has_mux_ = false, has_unrepeatable_ = false;
  Story story_;
  std::optional<Finding> finding_;
};

}  // namespace sluice::simtest
