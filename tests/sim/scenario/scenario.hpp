// One scenario: everything that a run will do, as plain values drawn from one 64-bit seed. What the network does is
// drawn later, in the world.
//
// Swarm testing: each feature (features.hpp) is on or off for the whole scenario. Some scenarios have no fault, many
// have few. Each transfer is drawn from a seed of its own, so that leaving others out, or turning a feature off,
// changes it little or not at all. Knows no engine. Leaves running it to run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sim.hpp"
#include "core/hash/hash.hpp"
#include "core/options.hpp"
#include "tests/sim/scenario/features.hpp"

namespace sluice::simtest {

struct UploadPlan {
  enum class Kind : std::uint8_t { none, owned, view, stream, stream_with_length };
  Kind kind = Kind::none;
  std::size_t bytes = 0;
  bool expects_continue = false;
  // Of the streams:
  std::size_t most = SIZE_MAX;           // bytes at a time ...
  Duration every = {};                   // ... and then a pause of this length
  std::optional<std::size_t> breaks_at;  // the source fails after this many bytes
  bool rewindable = false;               // it can begin again
  bool is_stream() const { return kind == Kind::stream || kind == Kind::stream_with_length; }
};

struct ReplyPlan {
  int status = 200;
  std::size_t bytes = 0;
  sim::HttpReply::Framing framing = sim::HttpReply::Framing::length;
  std::size_t chunk_bytes = 4096;
  bool trailers = false;
  std::vector<int> interims = {};
  Duration delay = {};
  bool early = false;
  bool begins_early = false;
  bool close = false;
  bool http10 = false, keep_alive = false;  // keep_alive only with http10
  bool one_write = false;
  sim::OriginFault origin_fault = sim::OriginFault::none;
  sim::Oddity oddity = sim::Oddity::none;
};

// A response that leads to another URL of the scenario.
struct RedirectPlan {
  enum class Form : std::uint8_t { absolute, with_userinfo, without_scheme, path, relative };
  Form form = Form::absolute;  // of its Location
  std::size_t to = 0;          // the origin ...
  bool literal = false;        // ... and whether its address is in the URL
  bool fragment = false;
  ReplyPlan reply;  // status 301, 302, 303, 307 or 308
};

struct RetryPlan {
  struct First {
    ReplyPlan reply;
    std::string retry_after;  // "": no such field
  };
  RetryOptions options;
  std::vector<First> first;  // what the last URL answers to the first requests, before its own response
  bool resends = true;       // TransferOptions::resend
};

// What an origin demands before it answers some requests (RFC 9110 11). Its user and password follow from its number.
struct GuardPlan {
  bool basic = false, digest = false;
  hash::Algorithm algorithm = hash::Algorithm::md5;
  bool qop = true;                    // false: the form of RFC 2069, without a count
  std::size_t nonce_uses = SIZE_MAX;  // a nonce is stale after so many requests ...
  std::size_t stale_every = 0;        // ... and each so-manieth at once; 0: none
  bool next_nonces = false;           // each response to Digest has the next nonce
};

// The credentials of a transfer: those of its first origin, or wrong ones.
struct LoginPlan {
  bool is_right = true;
  bool in_url = false;
  AuthSchemes schemes;
};

struct ReadPlan {
  std::size_t most = SIZE_MAX;           // bytes consumed at a time ...
  Duration every = {};                   // ... and then a pause of this length
  std::optional<std::size_t> pauses_at;  // when this many bytes were consumed, or wait to be
  std::optional<Duration> pause;         // nullopt: for ever
};

struct CancelPlan {
  enum class When : std::uint8_t { never, time, interim, head, body, upload, done };
  When when = When::never;
  Duration after = {};       // for `time`: after it was added
  std::uint32_t victim = 0;  // the transfer that is removed; usually itself
};

// What a peer that multiplexes does with one exchange.
struct MuxReplyPlan {
  enum class End : std::uint8_t { whole, reset_at_head, reset_in_body, never };
  int refusals = 0;  // how many times it is refused before it is processed
  End end = End::whole;
};

struct TransferPlan {
  std::uint32_t number = 0;
  std::size_t origin = 0;
  std::string method = "GET";
  std::size_t filler = 0;  // bytes of a field that makes the request head longer
  UploadPlan upload;
  ReplyPlan reply;
  MuxReplyPlan mux_reply;  // if its origin multiplexes
  ReadPlan read;
  CancelPlan cancel;
  Duration start = {};
  std::optional<std::uint32_t> behind;  // added only when that transfer is done
  bool literal = false;                 // an address in the URL
  bool connect_to = false;              // with another name of the same origin ...
  bool own_name = false;                // ... which no other transfer has
  std::optional<std::size_t> route;     // index in Scenario::routes
  bool other_tls = false;               // with a second TLS configuration
  AddressFamily family = AddressFamily::any;
  std::optional<Duration> connect_timeout, total_timeout, idle_timeout;
  std::optional<std::uint64_t> max_body_bytes;
  bool fresh = false, no_reuse = false;
  // The body of its response is coded by gzip, and asked for decoded (not with a build that lacks zlib).
  bool coded = false;
  bool cookies = false;  // shares the jar of the scenario; its origin sets one cookie with each response
  std::optional<RedirectOptions> follows;  // nullopt: the first of its redirects is its response
  std::vector<RedirectPlan> redirects;     // what its URLs answer; the one after them answers `reply`
  bool secrets = false;                    // its request has fields that only its own origin may get
  std::optional<RetryPlan> retries;
  std::optional<LoginPlan> login;
  bool guarded = false;             // its URLs at its first origin are those that a guard is for ...
  bool guarded_everywhere = false;  // ... and those at all others
  ReplyPlan denial;                 // the response of a guard: status 401
  bool kept = false;                // not removed until the end
  bool stale_calls = false;         // calls after it was removed, as from a careless application
  // It may have several hops, or fields and responses that only such transfers have.
  bool has_hops() const { return follows || !redirects.empty() || retries || login || guarded; }
};

// How a peer that multiplexes treats its connections. The *_after members count requests of one connection; default:
// never.
struct MuxPlan {
  std::size_t capacity = 100;              // exchanges at once
  std::size_t frame_bytes = 4096;          // the most bytes of a body in one frame
  std::size_t lowers_after = SIZE_MAX;     // the capacity becomes `lowered` ...
  std::size_t lowered = 1;                 // ... and with twice as many requests its old value
  std::size_t goes_away_after = SIZE_MAX;  // takes no more requests, and refuses those in the network
  std::size_t closes_after = SIZE_MAX;     // in the middle of a frame
  std::size_t nonsense_after = SIZE_MAX;   // sends an invalid frame
};

struct OriginPlan {
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;
  bool tls12 = false;  // TLS 1.2 only
  sim::Certificate certificate = sim::Certificate::good;
  std::vector<IpAddress> addresses;
  sim::NameSpec name;
  sim::HttpOriginOptions options;
  std::optional<MuxPlan> mux;  // nullopt: HTTP/1
  std::optional<GuardPlan> guard;
};

struct RoutePlan {
  std::string identity;
  std::size_t max_connections = 0;
};

struct Scenario {
  std::uint64_t seed = 0;
  FeatureSet on;
  sim::Weather weather;
  std::size_t max_connections = 0, max_connections_per_origin = 0;
  Duration idle_connection_timeout = std::chrono::seconds(60);
  // For sessions that multiplex: the exchanges that one takes before its peer has sent a number, and how many a
  // connection is expected to carry while it is being made.
  std::size_t mux_capacity = 100, mux_expected = 1;
  std::vector<OriginPlan> origins;
  std::vector<RoutePlan> routes;
  std::vector<TransferPlan> transfers;  // in the order of their numbers, which have gaps when some were left out
  std::vector<Duration> close_idle;     // when the application closes what is idle
  std::size_t drawn = 0;                // how many transfers the seed has

  bool reports_events() const { return seed % 4 == 1; }
  bool sends_early_data() const { return seed % 4 == 3; }
};

// What to leave out of the scenario of a seed.
struct Reduction {
  std::optional<std::vector<std::uint32_t>> keep = {};  // transfers by number, ascending; nullopt: all
  FeatureSet off = {};
  std::optional<FeatureSet> only = {};  // nullopt: all
  friend bool operator==(const Reduction&, const Reduction&) = default;
};

Scenario make_scenario(std::uint64_t seed, const Reduction& reduction = {});

// The bytes that transfer `number` of `seed` must receive or send: no two transfers have eight bytes in common.
enum class Direction : std::uint8_t { reply, upload };
std::string body_of(std::uint64_t seed, std::uint32_t number, Direction direction, std::size_t bytes);
// Whether a transfer of this family may use the address; and whether the origin has such an address.
bool is_of(AddressFamily family, const IpAddress& address);
bool has_family(const OriginPlan& origin, AddressFamily family);
// The other name with which a transfer connects.
std::string alias_of(const OriginPlan& origin, const TransferPlan& transfer);
bool reply_has_body(const TransferPlan& transfer);
// The host in its URL.
std::string host_of(const OriginPlan& origin, const TransferPlan& transfer);
bool is_surplus(sim::OriginFault origin_fault);  // the fault is after a complete response
// It announces a close, or its end is not certain, so it is the last on its connection.
bool reply_closes(const ReplyPlan& reply);

// Some lines of text, one for each transfer.
std::string describe(const Scenario& scenario);

}  // namespace sluice::simtest
