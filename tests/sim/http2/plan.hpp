// What a seed decides about transfers over HTTP/2: origins, what each does on its connections and in each exchange, and
// what the application wants and does. Plain values. Leaves running it to run.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sim.hpp"
#include "adapters/sim_origin.hpp"
#include "core/options.hpp"

namespace sluice::simtest::http2 {

struct HostPlan {
  bool is_apart = false;  // with a certificate of its own
  // Its requests that come on another host's connection are answered with 421.
  bool refuses_guests = false;
};

struct OriginPlan {
  bool tls = false;
  sim::PerMille http2 = 1000;            // of its TLS connections; without TLS it is what the client begins with
  sim::Http2OriginOptions options = {};  // the watcher is added when it runs
  std::vector<HostPlan> others = {};     // of the same server; with TLS only
};

struct UploadPlan {
  enum class Kind : std::uint8_t { none, owned, streamed };
  Kind kind = Kind::none;
  std::size_t bytes = 0;
  bool says_length = true;  // of a streamed one
  bool rewindable = true;
  std::size_t trailers = 0;  // how many, of a streamed one without a length
  Duration pause = {};       // the application waits in the middle
  bool expects_continue = false;
};

struct ReplyPlan {
  int status = 200;
  std::size_t bytes = 0;
  bool says_length = true;
  std::size_t trailers = 0, interims = 0;  // how many
  Duration delay = {};
  bool early = false;  // it does not wait for the request's body
  bool begins_early = false;
  sim::Http2Reply http2 = {};
  std::size_t faulty_tries = SIZE_MAX;  // its fault is made in the first ones only
  bool never = false;
  std::optional<std::size_t> redirect = {};  // a redirect with so many bytes leads to it
};

// What its request says besides.
struct FieldsPlan {
  std::vector<std::string> cookies = {};  // of its own Cookie field
  bool has_jar = false;                   // those of the jar come before them
  std::optional<Priority> priority = {};
  std::optional<Priority> later = {};  // another one ...
  Duration later_at = {};              // ... after its start
};

struct TransferPlan {
  std::size_t origin = 0;
  std::size_t host = 0;    // of the origin; 0: the first one, which is not among `others`
  bool is_modern = false;  // its TLS options are not those of the others
  Duration start = {};
  std::string method = "GET";
  HttpVersions versions = HttpVersions::any;
  FieldsPlan fields = {};
  UploadPlan upload = {};
  ReplyPlan reply = {};
  std::optional<std::size_t> pauses_at = {};  // the application consumes no more after so many bytes ...
  Duration pause = {};                        // ... for so long
  std::optional<Duration> cancel = {};        // after its start
};

struct Plan {
  std::uint64_t seed = 0;
  bool calm = true;       // nothing goes wrong in the network
  bool faultless = true;  // nor at the origins, and no application cancels: all succeeds
  sim::Weather weather = {};
  std::size_t max_connections_per_origin = 0, max_connection_uses = 0;
  std::optional<Duration> ping_interval = {};
  bool coalesces = false;
  std::vector<OriginPlan> origins;
  std::vector<TransferPlan> transfers;
};

// Of every transfer, so that each ends.
inline constexpr Duration kTotalTimeout = std::chrono::seconds(600);

Plan draw_plan(std::uint64_t seed);
std::string describe(const Plan& plan);
std::string host_of(std::size_t origin, std::size_t host);
inline std::string host_of(const TransferPlan& transfer) { return host_of(transfer.origin, transfer.host); }
// A connection of the first host may carry requests of the other one.
bool may_share(const OriginPlan& origin, std::size_t host, std::size_t other);
// Nothing ends a connection with this origin before what was sent has come.
bool keeps_connections(const Plan& plan, std::size_t origin);
// How long a frame of the client's may wait after all requests, where a send takes few bytes.
Duration longest_wait(const Plan& plan);

}  // namespace sluice::simtest::http2
