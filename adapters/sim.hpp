// A simulated world for tests: a virtual clock, names, a network and origins around an Engine, all determined by one
// seed. There is no socket, thread or sleep: a minute of timeouts takes microseconds, and the same seed gives the same
// run, byte for byte, on every machine.
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
// A program with a Multi can run in it unchanged: `multi_options.environment = &world.environment()`. Its poll() then
// advances the clock:
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
// Drives an engine as a Multi does over sockets. Leaves to sim_origin.hpp what origins send, and to the application (a
// class of the user, or the built-in one, which consumes every body and records results) what to do with outputs. One
// thread. Objects that are not passed by value must live as long as the World.
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

using PerMille = std::uint16_t;  // a probability in thousandths: 0 never, 1000 always

// How the network treats connections and bytes. By default it has no faults. Random values are drawn again for each
// connection, piece and send.
struct Weather {
  // Bytes, in both directions
  Duration delay = std::chrono::milliseconds(1);  // of each piece; the order is kept
  Duration jitter = {};                           // added to delay, at random up to this
  std::size_t max_piece = SIZE_MAX;               // bytes arrive in pieces of 1 to this many; 1: byte by byte
  std::size_t max_send = SIZE_MAX;                // a send takes 1 to this many bytes
  // Bytes per second in each direction. Pieces are then at most a twentieth of that.
  std::size_t bandwidth = SIZE_MAX;
  // Most bytes that the engine has sent and the peer has not read; when reached, a send takes nothing.
  std::size_t window = 64 * 1024;
  // Attempts to connect
  PerMille refused = 0;
  PerMille hangs = 0;      // never accepted and never refused
  PerMille half_open = 0;  // accepted, but without a peer: what is sent is lost, and nothing comes
  // Open connections, after a number of bytes in both directions (random, up to fault_within)
  PerMille resets = 0;
  PerMille closes_early = 0;  // the peer closes both directions
  PerMille half_closes = 0;   // the peer closes its sending direction, and still reads
  PerMille stalls = 0;        // no more bytes move in either direction
  std::size_t fault_within = 32 * 1024;
  // Facts that a careless driver would report
  PerMille stale_facts = 0;        // for each Close: later facts about the stale id
  PerMille needless_timeouts = 0;  // for each step: handle_timeout() too early, or twice
  // For each arrival of bytes for the engine: they are read up to late_by later, after what can be sent was sent
  PerMille late_reads = 0;
  Duration late_by = std::chrono::milliseconds(20);
  // For each step: the clock jumps forward by up to max_leap
  PerMille leaps = 0;
  Duration max_leap = std::chrono::minutes(2);
};

// How a name resolves.
struct NameSpec {
  // The correct answer, in this order. Only addresses of the requested family are given.
  std::vector<IpAddress> addresses = {};
  Duration delay = std::chrono::milliseconds(5);
  Duration jitter = {};
  PerMille fails = 0;  // no such name
  PerMille never = 0;  // no answer
  // Addresses without a listener come before the correct ones, or (in half of the cases) instead of them.
  PerMille wrong = 0;
  // If both families are requested and exist: the IPv6 answer comes this much after the IPv4 answer, or before it
  // (negative); nullopt: together.
  std::optional<Duration> ipv6_later = {};
  PerMille rest_never = 0;           // the later of the two answers never comes
  std::optional<Duration> ttl = {};  // NameAnswer::ttl of the answer
};

enum class Certificate : std::uint8_t {
  good,        // for the origin's host, from an authority that World::tls() trusts
  wrong_name,  // for another host
  expired,     // expired long before the world's time
  untrusted,   // from another authority with the same name
};

// Another host of an origin. Its name resolves as the origin's does.
struct OtherHost {
  std::string host = {};
  bool is_apart = false;  // the server has a certificate for it alone; else the origin's is for it too
};

// An origin: where it listens and what answers there.
struct OriginSpec {
  std::string host = {};
  std::uint16_t port = 80;
  Accept accept = {};
  bool tls = false;
  Certificate certificate = Certificate::good;
  TlsVersion newest_tls = TlsVersion::tls1_3;  // the newest version that it supports
  bool early_data = false;                     // its tickets allow early data (RFC 8446 2.3)
  PerMille refuses_early_data = 0;             // of its connections
  PerMille http2 = 0;                          // how many of its TLS connections take HTTP/2 by ALPN (http2_origin())
  // Where it listens. Empty: one IPv4 address that the world chooses (from 192.0.2.0/24 on). Two origins may share an
  // address if their ports differ.
  std::vector<IpAddress> addresses = {};
  std::optional<NameSpec> name = {};  // nullopt: resolves to `addresses` with NameSpec's defaults
  std::vector<OtherHost> others = {};
};
using OriginNumber = std::size_t;  // from 0, in the order of add_origin()

class World;

// Receives the engine's outputs for an application. May call every function of the world except step() and
// run_until_idle().
class Application {
 public:
  virtual ~Application() = default;
  // Called with HeadSent, ConnectHead, InterimReady, HeadReady, BodyReady, UploadReady, UploadRewind, HopDone, Done or
  // KeyLog, right after poll_output() returned it.
  virtual void on_output(World& world, const Output& output) = 0;
};

struct WorldOptions {
  Seed seed = {};
  EngineOptions engine = {};
  Weather weather = {};
  Instant start = Instant(std::chrono::seconds(1'000));
  UnixSeconds wall = 1'800'000'000;
  Application* application = nullptr;  // not owned, must outlive the World; null: the built-in one
  // Makes the world's engine from `engine`. Null: Engine(engine).
  std::function<Engine(EngineOptions)> make_engine = {};
  bool keep_trace = true;  // false: only its hash is kept
  // In virtual time. A program's wait beyond this time returns an error, so that a program which waits for something
  // that never happens ends.
  Duration longest_run = std::chrono::hours(24);
  // Called after each fact that was reported to the engine and whose outputs were taken, and after each step in which
  // only the application acted. For test oracles.
  std::function<void(World&)> after_step = {};
};

// One output::Resolve and its result.
struct ResolveRecord {
  std::string host = {};
  Instant asked = {};
  std::optional<Instant> over = {};   // when it was answered or canceled
  bool failed = false;                // answered with an error
  std::optional<Instant> first = {};  // when the first part of the answer came
  bool first_is_ipv4 = false;         // that part was of IPv4
  std::optional<Duration> ttl = {};   // NameAnswer::ttl
};
// One output::Connect and its result.
struct ConnectRecord {
  ConnId conn = {};
  std::optional<OriginNumber> origin = {};  // the origin that listens there; nullopt: none
  Address address = {};                     // Kind::none with a route
  Instant began = {};
  std::optional<Instant> connected = {};
  std::optional<Instant> over = {};  // when the engine closed it or was told that it failed
  bool refused = false;
  bool end_told = false;  // the engine was told that the peer ended the stream, without an error
  bool cut_off = false;   // a TLS peer read the end of the engine's stream without a close_notify before it
};

// The result of a transfer, as the built-in application saw it.
struct Outcome {
  int dones = 0;
  Result<void> result = {};  // valid if dones > 0
  ResponseHead head = {};
  Fields trailers = {};
  std::string body = {};
  std::vector<int> interims = {};
};

enum class RunEnd : std::uint8_t {
  idle,        // nothing more will happen
  step_limit,  // more would happen
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
  // For MultiOptions::environment. The descriptors of such a Multi (fd(), wakeup_fd(), those reported to a WatchSink)
  // belong to this world: only Waiters of this environment know them, not the system. Virtual time passes while a
  // program waits (Multi::poll(), Waiter::wait()); each iteration of its loop takes 100 microseconds, and computing
  // takes no time. Functions given to at() and after() run while a program waits, but not inside a drive; everything is
  // legal in them except destroying the Multi that waits. late_reads, stale_facts and needless_timeouts of the weather
  // affect only the world's own engine. Several Multis may share a world. All must be destroyed before it.
  Environment& environment();
  // Random numbers for the application. They are independent of the network's, so that using one more here changes
  // nothing there.
  Random& random();
  void set_weather(const Weather& weather);  // for everything that begins from now on

  // ---- origins and names ----
  OriginNumber add_origin(OriginSpec spec);
  // Adds a name, or changes what an origin's name resolves to from now on.
  void set_name(std::string host, NameSpec spec);
  // A client configuration that trusts this world's authority. Made at the first call, which generates RSA keys: about
  // 100 ms once in a process.
  std::shared_ptr<const TlsConfig> tls();
  // The same with these options, to which the trust anchor is added. Stops the process if they are wrong.
  std::shared_ptr<const TlsConfig> tls(TlsOptions options);

  // ---- calls of the application; engine() may be called directly too, followed by settle() ----
  Result<TransferId> get(std::string_view url, TransferOptions options = {});
  Result<TransferId> add(Request request, TransferOptions options = {});
  void remove(TransferId transfer);
  // For a BodyStream with the built-in application: gives these bytes to the engine as it has room, then finishes the
  // body.
  void supply(TransferId transfer, std::string bytes);
  // on: the built-in application does not consume the transfer's body; off: it does again.
  void pause(TransferId transfer, bool on);
  // Calls `what` at a virtual time, or later, as a step of its own; in order of time, then of the calls of at().
  void at(Instant when, std::function<void()> what);
  void after(Duration delay, std::function<void()> what) { at(now().steady + delay, std::move(what)); }
  // Call it after direct calls on engine() outside a step: takes outputs and does what can be done.
  void settle();

  // ---- running ----
  // Runs the next event at its time. False: there is none.
  bool step();
  RunEnd run_until_idle(RunLimits limits = {});

  // ---- what happened ----
  // For the built-in application; also after remove(). For an unknown id: an Outcome with dones == 0.
  const Outcome& outcome(TransferId transfer) const;
  std::uint64_t steps() const;
  // Every fact, output and fault in order, one line each, without line ends. Times are virtual nanoseconds since the
  // start:
  //   "12000000 c0.1 received 120 9f3b..."  (count and FNV-1a of the plain bytes; over TLS the count alone)
  const std::vector<std::string>& trace() const;
  std::uint64_t trace_hash() const;  // FNV-1a, 64 bits, over all these lines, also if they are not kept
  void note(std::string_view line);  // adds a line of the application
  // How often each fault has happened so far, by name: "refused", "hangs", "half open", "reset", "closed early", "half
  // close", "stall", "name fails", "name never", "name wrong", "name rest never", "stale fact", "leap", and the names
  // that origins give to Line::admit().
  const std::map<std::string, std::uint64_t, std::less<>>& faults() const;
  // The same for one connection, also after its end; without faults of names and leaps.
  const std::map<std::string, std::uint64_t, std::less<>>& faults(ConnId conn) const;

  // Connections between output::Connect and output::Close.
  std::size_t open_connections() const;
  std::size_t open_connections(OriginNumber origin) const;
  std::vector<ConnId> connections() const;  // the open ones, the oldest first
  // Everything that the engine has asked for so far, the oldest first; and the record of one connection, null if it
  // never existed.
  const std::vector<ResolveRecord>& resolves() const;
  const std::vector<ConnectRecord>& connects() const;
  const ConnectRecord* record(ConnId conn) const;
  // Bytes that wait for the engine's receive_space(), and bytes that are still in the network on the way to it.
  std::size_t arrived_bytes(ConnId conn) const;
  // When bytes last moved to or from the engine. For a connection that is not open, or without bytes: Instant().
  Instant last_moved(ConnId conn) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::sim
