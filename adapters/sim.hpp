// A world to try transfers in: a virtual clock, names, a network and origins around an Engine, all from one seed. No
// socket, no thread, no sleep: a minute of timeouts takes microseconds, and the same seed gives the same run, byte for
// byte, on every machine.
//
//   sim::WorldOptions options;
//   options.seed = Seed{7};
//   options.weather.max_piece = 3;                       // bytes arrive one to three at a time
//   sim::World world(options);
//   world.add_origin({.host = "example.org", .accept = sim::script_origin(script)});   // sim_origin.hpp
//   const TransferId id = world.get("http://example.org/").value();
//   world.run_until_idle();
//   world.outcome(id).result, .head, .body               // what became of it
//   world.trace()                                        // and how: a line for everything that happened
//
// A program with a Multi runs in it too, and does not know: `multi_options.environment = &world.environment()`. Then
// its poll() moves the clock:
//
//   sluice::MultiOptions options;
//   options.environment = &world.environment();
//   const auto multi = sluice::Multi::create(options).value();   // destroyed before the world
//   world.after(10s, [&] { multi->cancel(id); });                // a timer of the application's, run by poll()
//   while (multi->running() > 0) {
//     multi->perform();
//     if (!multi->poll({}, 1s)) break;                           // past WorldOptions::longest_run it answers an error
//   }
//
// Knows the engine's boundary, and drives it as a Multi does over sockets. Leaves to sim_origin.hpp what origins say,
// and to the application (a class of the user's, or the one built in, which takes every body and counts) what to do
// with outputs. One thread. Every object that is handed over lives until the World's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/base/random.hpp"
#include "../core/engine.hpp"
#include "environment.hpp"
#include "sim_origin.hpp"

namespace sluice::sim {

using PerMille = std::uint16_t;  // a chance in a thousand: 0 never, 1000 always

// How the network treats connections and bytes. The default harms nothing. Drawn anew for each connection, piece and
// send.
struct Weather {
  // Bytes, both ways
  Duration delay = std::chrono::milliseconds(1);  // of each piece; order is kept
  Duration jitter = {};                           // up to so much more
  std::size_t max_piece = SIZE_MAX;               // they arrive in pieces of one to so many; 1: byte by byte
  std::size_t max_send = SIZE_MAX;                // a send takes one to so many
  // Bytes a second, each way; they arrive in pieces of a twentieth of that, or smaller ones.
  std::size_t bandwidth = SIZE_MAX;
  // Sent by the engine and not yet read by the peer; when it is full a send takes nothing.
  std::size_t window = 64 * 1024;
  // Connects
  PerMille refused = 0;
  PerMille hangs = 0;      // neither accepted nor refused, ever
  PerMille half_open = 0;  // accepted, but nobody is there: what is sent vanishes, nothing comes
  // Connections that were open, after so many bytes either way (drawn up to fault_within)
  PerMille resets = 0;
  PerMille closes_early = 0;  // the peer's end closes both ways
  PerMille half_closes = 0;   // the peer's end says its last byte, and reads on
  PerMille stalls = 0;        // nothing moves any more, either way
  std::size_t fault_within = 32 * 1024;
  // Facts that a careless driver would say
  PerMille stale_facts = 0;        // for each Close: facts about the dead id, later
  PerMille needless_timeouts = 0;  // for each step: handle_timeout early, or twice
  // For each arrival at the engine's end: it is read up to late_by later, and what can be sent then is sent first
  PerMille late_reads = 0;
  Duration late_by = std::chrono::milliseconds(20);
  // For each step: the clock leaps by up to max_leap
  PerMille leaps = 0;
  Duration max_leap = std::chrono::minutes(2);
};

// How a name resolves.
struct NameSpec {
  // The right answer, in this order; IPv4 and IPv6 are given by the family that is asked for.
  std::vector<IpAddress> addresses = {};
  Duration delay = std::chrono::milliseconds(5);
  Duration jitter = {};
  PerMille fails = 0;  // no such name
  PerMille never = 0;  // no answer
  PerMille wrong = 0;  // addresses without a listener come before the right ones, or (half of the time) in their place
  // Where both families are asked for and there, IPv6's answer comes so much after IPv4's, or before it (negative);
  // nullopt: together.
  std::optional<Duration> ipv6_later = {};
  PerMille rest_never = 0;           // the later one of them does not come
  std::optional<Duration> ttl = {};  // of the answer, as NameAnswer::ttl
};

enum class Certificate : std::uint8_t {
  good,        // for the origin's host, by an authority that World::tls() trusts
  wrong_name,  // ... for another host
  expired,     // ... long before the world's clock
  untrusted,   // by another authority, of the same name
};

struct OriginSpec {
  std::string host = {};
  std::uint16_t port = 80;
  Accept accept = {};
  bool tls = false;
  Certificate certificate = Certificate::good;
  TlsVersion newest_tls = TlsVersion::tls1_3;  // that it speaks
  // Where it listens. Empty: one IPv4 address that the world picks (192.0.2.0/24 and on). Two origins may share
  // addresses, not ports there.
  std::vector<IpAddress> addresses = {};
  std::optional<NameSpec> name = {};  // null: resolves to `addresses` by NameSpec's defaults
};
using OriginNumber = std::size_t;  // from 0 in the order of add_origin

class World;

// Takes what the engine tells an application. May call anything of the world's but step() and run_until_idle().
class Application {
 public:
  virtual ~Application() = default;
  // HeadSent, InterimReady, HeadReady, BodyReady, UploadReady, UploadRewind, HopDone, Done or KeyLog, right when
  // poll_output gave it.
  virtual void on_output(World& world, const Output& output) = 0;
};

struct WorldOptions {
  Seed seed = {};
  EngineOptions engine = {};
  Weather weather = {};
  Instant start = Instant(std::chrono::seconds(1'000));
  UnixSeconds wall = 1'800'000'000;
  Application* application = nullptr;  // not owned; null: the one built in
  // Makes the world's engine from `engine`. Null: Engine(engine).
  std::function<Engine(EngineOptions)> make_engine = {};
  bool keep_trace = true;  // false: only its hash is kept
  // Of virtual time. A program's wait that would pass it answers an error: nothing else ends one that waits for what
  // never comes.
  Duration longest_run = std::chrono::hours(24);
  // Called after everything that was told to the engine, with its outputs taken, and after every step in which only the
  // application has acted. For oracles.
  std::function<void(World&)> after_step = {};
};

// One output::Resolve, and what became of it.
struct ResolveRecord {
  std::string host = {};
  Instant asked = {};
  std::optional<Instant> over = {};   // answered, or called off
  bool failed = false;                // answered by an error
  std::optional<Instant> first = {};  // a part of the answer came
  bool first_is_ipv4 = false;         // and it was IPv4's
  std::optional<Duration> ttl = {};   // as it was said
};
// One output::Connect, and what became of it.
struct ConnectRecord {
  ConnId conn = {};
  std::optional<OriginNumber> origin = {};  // who listens there; null: nobody
  Address address = {};                     // kind none with a route
  Instant began = {};
  std::optional<Instant> connected = {};
  std::optional<Instant> over = {};  // the engine has given it up, or knows that it failed
  bool refused = false;
  bool end_told = false;  // the engine was told of the peer's end: by what is no error
  bool cut_off = false;   // a peer that speaks TLS has read the engine's end, and no close_notify before it
};

// What became of a transfer, as the application that is built in saw it.
struct Outcome {
  int dones = 0;
  Result<void> result = {};  // meaningful once dones > 0
  ResponseHead head = {};
  Fields trailers = {};
  std::string body = {};
  std::vector<int> interims = {};
};

enum class RunEnd : std::uint8_t {
  idle,        // nothing will happen any more
  step_limit,  // something still would
  time_limit,
};
struct RunLimits {
  std::uint64_t steps = 10'000'000;
  Duration time = std::chrono::hours(24);  // virtual
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Engine& engine();
  Now now() const;
  // What MultiOptions::environment takes. The descriptors of such a Multi (fd(), wakeup_fd(), those that a WatchSink
  // hears of) are this world's: Waiters of this environment know them, the system does not. Time passes while a program
  // waits (Multi::poll(), Waiter::wait()); each turn of its loop takes 100 microseconds, and what it computes takes
  // none. Waiting runs what at() and after() have; what a drive looks at on the way does not. There everything is legal
  // but destroying the Multi that waits. Late reads, stale facts and needless timeouts of the weather are the world's
  // own engine's alone. Several Multis may share a world. Every one is destroyed before it.
  Environment& environment();
  // The application's own draws; independent of what the network draws, so that one more here moves nothing there.
  Random& random();
  void set_weather(const Weather& weather);  // for what begins from now on

  // ---- who is there ----
  OriginNumber add_origin(OriginSpec spec);
  // A name of its own, or what an origin's name resolves to from now on.
  void set_name(std::string host, NameSpec spec);
  // A client's configuration that trusts this world's authority. Made at the first call (an RSA key or two: some 100 ms
  // a process).
  std::shared_ptr<const TlsConfig> tls();

  // ---- the application's calls; `engine()` itself may be called too, followed by settle() ----
  Result<TransferId> get(std::string_view url, TransferOptions options = {});
  Result<TransferId> add(Request request, TransferOptions options = {});
  void remove(TransferId transfer);
  // For a BodyStream: given to the engine as it has room, then finished. For the application that is built in.
  void supply(TransferId transfer, std::string bytes);
  // The application that is built in leaves the transfer's body alone; off: takes it again.
  void pause(TransferId transfer, bool on);
  // At or after a virtual time, as a step of its own. In order of time, then of the call.
  void at(Instant when, std::function<void()> what);
  void after(Duration delay, std::function<void()> what) { at(now().steady + delay, std::move(what)); }
  // After calls made directly on engine() from outside a step: takes outputs and moves what can move.
  void settle();

  // ---- running ----
  // The next thing that happens, at its time. False: nothing will.
  bool step();
  RunEnd run_until_idle(RunLimits limits = {});

  // ---- what happened ----
  // Of the application that is built in, also after remove(). An id it never saw: an Outcome with dones == 0.
  const Outcome& outcome(TransferId transfer) const;
  std::uint64_t steps() const;
  // Every fact, output and fault in order, one line each, without line ends, times in virtual nanoseconds since the
  // start:
  //   "12000000 c0.1 received 120 9f3b..."  (count and FNV-1a of the plain bytes; over TLS the count alone)
  const std::vector<std::string>& trace() const;
  std::uint64_t trace_hash() const;  // FNV-1a, 64 bits, over those lines, whether they are kept or not
  void note(std::string_view line);  // a line of the application's own
  // How often each fault has truly happened so far, by name: "refused", "hangs", "half open", "reset", "closed early",
  // "half close", "stall", "name fails", "name never", "name wrong", "name rest never", "stale fact", "leap", and what
  // origins admit.
  const std::map<std::string, std::uint64_t, std::less<>>& faults() const;
  // The same for one connection, also after its end; of names and leaps nothing.
  const std::map<std::string, std::uint64_t, std::less<>>& faults(ConnId conn) const;

  // As the network sees it, between output::Connect and output::Close.
  std::size_t open_connections() const;
  std::size_t open_connections(OriginNumber origin) const;
  std::vector<ConnId> connections() const;  // those open ones, the oldest first
  // All that the engine has asked for so far, the oldest first; and one connection's, null for one that never was.
  const std::vector<ResolveRecord>& resolves() const;
  const std::vector<ConnectRecord>& connects() const;
  const ConnectRecord* record(ConnId conn) const;
  // Bytes that have arrived for the engine and wait for receive_space, and what the network holds on its way to it.
  std::size_t arrived_bytes(ConnId conn) const;
  // When bytes last went to or from the engine. Of one that is not open, or where none have: the beginning of time.
  Instant last_moved(ConnId conn) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::sim
