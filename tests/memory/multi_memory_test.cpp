// As engine_memory_test.cpp, for Multi: over streams in memory, over TCP on loopback, and its resolver with c-ares. A
// drive that runs out of memory may return Drive::failed; the next one continues, and no transfer is lost or waits for
// ever.
#include <ares.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "adapters/multi.hpp"
#include "adapters/net/clock.hpp"
#include "adapters/resolver/resolver.hpp"
#include "adapters/transport.hpp"
#include "adapters/transport/children.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/memory/memory_world.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/support/origin_server.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

// A stream to an origin in memory. Signals when there is more to read.
class Pipe final : public Transport {
 public:
  Pipe(const sim::TlsServerContext* tls, TransportSignal signal, int& alive)
      : signal_(std::move(signal)), peer_(tls), alive_(alive) {
    ++alive_;
  }
  ~Pipe() override { --alive_; }

  Result<Opening> open() override {
    if (std::exchange(asked_, true)) return Opening::done;
    signal_();
    return Opening::wait_signal;
  }
  Transferred receive(MutableBytes space) override {
    const Unwatched own;
    const std::size_t count = std::min({space.size(), peer_.output().size(), std::size_t{800}});
    if (count == 0 && peer_.closes()) return {.bytes = 0, .would_block = false, .eof = true, .error = 0};
    std::memcpy(space.data(), peer_.output().data(), count);
    peer_.output().erase(0, count);
    blocked_ = count == 0;
    return {.bytes = count, .would_block = blocked_, .eof = false, .error = 0};
  }
  Transferred send(std::span<const Bytes> pieces) override {
    std::size_t bytes = 0;
    {
      const Unwatched own;
      for (const Bytes piece : pieces) peer_.feed(piece), bytes += piece.size();
    }
    if (std::exchange(blocked_, false)) signal_();
    return {.bytes = bytes, .would_block = false, .eof = false, .error = 0};
  }

 private:
  const TransportSignal signal_;
  Peer peer_;
  int& alive_;
  bool asked_ = false, blocked_ = false;
};

struct Pipes final : Dialer {
  explicit Pipes(const sim::TlsServerContext* server) : Dialer("pipes", "a pipe to the origin", 2), tls(server) {}
  Result<std::unique_ptr<Transport>> dial(const DialTarget&, TransportSignal signal) override {
    const Unwatched own;
    return std::make_unique<Pipe>(tls, std::move(signal), alive);
  }
  const sim::TlsServerContext* tls;
  int alive = 0;
};

struct Teller final : TransferHandler {
  std::string expected, upload, body;
  std::size_t supplied = 0;
  int dones = 0, messages = 0;
  bool pauses = false, succeeded = false;
  std::optional<TransferId> paused;

  std::size_t on_body(Multi&, TransferId id, Bytes bytes) override {
    const Unwatched own;
    if (std::exchange(pauses, false)) return paused = id, 0;
    body += as_text(bytes);
    return bytes.size();
  }
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    const std::size_t count = std::min({space.size(), upload.size() - supplied, std::size_t{700}});
    std::memcpy(space.data(), upload.data() + supplied, count);
    supplied += count;
    if (supplied == upload.size()) multi.finish_upload(id);
    return count;
  }
  void on_done(Multi&, TransferId, const Result<void>& result) override { ++dones, succeeded = result.has_value(); }
};

// A Multi and its transfers, driven to the end.
struct Drives {
  explicit Drives(MultiOptions options) {
    options.max_drive_time = std::chrono::seconds(10);
    auto made = watched([&] { return Multi::create(std::move(options)); });
    if (made) {
      multi = std::move(*made);
    } else if (!ran_short() || made.error().code != Code::out_of_memory) {
      fault("create: " + made.error().message());
    }
  }
  // The transfers' handlers are outlived by nothing of the Multi's.
  ~Drives() {
    watched([&] { multi.reset(); });
  }

  Teller* add(const std::string& url, std::string expected, std::shared_ptr<Route> route, std::string upload = "") {
    if (!multi) return nullptr;
    tellers.push_back(std::make_unique<Teller>());
    Teller& teller = *tellers.back();
    teller.expected = std::move(expected);
    teller.upload = std::move(upload);
    Request request;
    request.url = *Url::parse(url);
    if (!teller.upload.empty()) {
      request.method = "PUT";
      request.body = BodyStream{};
    }
    TransferOptions options;
    options.route = std::move(route);
    const std::size_t before = multi->running();
    auto added = watched([&] { return multi->add(std::move(request), std::move(options), &teller); });
    if (added) {
      by_id[*added] = &teller;
      return &teller;
    }
    if (!ran_short() || added.error().code != Code::out_of_memory) fault("add: " + added.error().message());
    if (multi->running() != before) fault("add failed and added something");
    tellers.pop_back();
    return nullptr;
  }

  // `waits`: what moves may come from the system, so a pause is no standstill.
  void run(bool waits) {
    int failed = 0, turns = 0, running = 1;
    while (multi && running > 0) {
      const Drive drive = watched([&] { return multi->perform(&running); });
      if (drive == Drive::recursive_call || (drive == Drive::failed && !ran_short())) return fault("a drive failed");
      // It may fail as long as there is no memory; with it, never again.
      if (drive == Drive::failed && ++failed > 3) relieve();
      if (failed > 6) return fault("drives fail with the memory back");
      if (++turns > 20'000) return fault("it never ends");
      resume();
      if (running == 0 && drive != Drive::failed) break;
      const auto wait = watched([&] { return multi->timeout(); });
      if (running > 0 && !waits && wait != milliseconds(0)) return fault("nothing moves, and transfers wait");
      const Instant before = multi->now();
      auto polled = watched([&] { return multi->poll({}, milliseconds(waits ? 2000 : 0)); });
      if (multi->now() - before > milliseconds(1900)) return fault("nothing came for two seconds");
      if (!polled && (!ran_short() || polled.error().code != Code::out_of_memory))
        fault("poll: " + polled.error().message());
    }
    while (multi) {
      const auto message = watched([&] { return multi->info_read(); });
      if (!message) break;
      note(*message);
    }
  }

  void resume() {
    for (const auto& teller : tellers) {
      if (teller->paused) watched([&] { multi->resume(*std::exchange(teller->paused, std::nullopt)); });
    }
  }

  void note(const Message& message) {
    Teller& teller = *by_id.at(message.transfer);
    if (++teller.messages > 1 || teller.dones != 1) fault("a transfer with two ends");
    if (message.result && teller.body != teller.expected) fault("wrong bytes");
    if (!message.result) last_error = message.result.error().message();
    const Code code = message.result ? Code::out_of_memory : message.result.error().code;
    if (code != Code::out_of_memory && !legal.contains(code)) fault(message.result.error().message());
  }

  void finish(const std::string& url, const std::shared_ptr<Route>& route, bool waits) {
    relieve();
    Teller* fresh = add(url, std::string(pattern(500, 1)), route);
    run(waits);
    if (multi && !(fresh && fresh->succeeded)) fault("with memory back, a transfer fails: " + last_error);
    for (const auto& teller : tellers) {
      if (teller->messages != 1) fault("a transfer without an end");
    }
    for (const auto& [id, teller] : by_id) watched([&] { multi->remove(id); });
  }
  void fault(std::string text) { faults.push_back(std::move(text)); }

  std::vector<std::string> faults;
  std::string last_error;
  std::set<Code> legal;
  std::vector<std::unique_ptr<Teller>> tellers;
  std::map<TransferId, Teller*> by_id;
  std::unique_ptr<Multi> multi;
};

std::vector<std::string> tell_pipes(const std::string& origin, const MultiOptions& options,
                                    const sim::TlsServerContext* tls) {
  const auto pipes = std::make_shared<Pipes>(tls);
  std::vector<std::string> faults;
  {
    Drives drives(options);
    if (tls) drives.legal = {Code::tls_handshake, Code::tls_certificate, Code::tls_failed};
    const std::string upload(pattern(2500, 9));
    std::vector<Teller*> all = {drives.add(origin + "/3000/1", std::string(pattern(3000, 1)), pipes),
                                drives.add(origin + "/0/0?echo", upload, pipes, upload),
                                drives.add(origin + "/9000/2?chunked&early", std::string(pattern(9000, 2)), pipes),
                                drives.add(origin + "/200/3?close", std::string(pattern(200, 3)), pipes)};
    if (all[2]) all[2]->pauses = true;
    drives.run(false);
    if (!ran_short() && tls && allocations_of_boringssl() == 0) drives.fault("BoringSSL has asked another allocator");
    for (const Teller* teller : all) {
      if (!ran_short() && !(teller && teller->succeeded))
        drives.fault("a transfer of the story failed with memory there");
    }
    drives.finish(origin + "/500/1", pipes, false);
    faults = drives.faults;
  }
  if (pipes->alive != 0) faults.push_back("streams are left");
  return faults;
}

TEST_CASE("memory: Multi over streams in memory") {
  with_every_allocation_failing("Multi, plain", [] { return tell_pipes("http://a.test", {}, nullptr); });
}

TEST_CASE("memory: Multi over streams in memory, with TLS") {
  const sim::TlsServerContext server = make_context(server_for({"a.test"}));
  MultiOptions options;
  TlsOptions tls = trusting_options();
  tls.verify_peer = false;  // the time is the system's
  options.engine.default_tls = make_config(tls);
  with_every_allocation_failing("Multi, TLS 1.3", [&] { return tell_pipes("https://a.test", options, &server); });
}

TEST_CASE("memory: Multi over TCP") {
  const OriginServer server;
  with_every_allocation_failing("Multi, TCP", [&] {
    Drives drives({});
    const Teller* first = drives.add(server.http("/3000/1"), std::string(pattern(3000, 1)), nullptr);
    const Teller* second = drives.add(server.http("/9000/1?chunked"), std::string(pattern(9000, 1)), nullptr);
    drives.run(true);
    if (!ran_short() && !(first && first->succeeded && second && second->succeeded))
      drives.fault("it failed with memory there");
    drives.finish(server.http("/500/1"), nullptr, true);
    return drives.faults;
  });
}

// ---- processes ----

TEST_CASE("memory: a process is started whole or not at all, and none is lost") {
  with_every_allocation_failing("child process", [] {
    std::vector<std::string> faults;
    std::unique_ptr<Transport> stream;
    try {
      const Watched scope;
      if (auto dialer = child_process({"cat", "%h"})) {
        if (auto made = (*dialer)->dial({"host", 80}, [] {})) stream = std::move(*made);
      }
    } catch (const std::bad_alloc&) {  // which Multi must catch
    }
    if (!stream && !ran_short()) faults.push_back("no stream");
    watched([&] { stream.reset(), transport::finish_children(); });
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) faults.push_back("a process is left");
    return faults;
  });
}

// ---- names ----

std::vector<std::string> tell_names(const std::string& servers) {
  std::vector<std::string> faults;
  std::map<int, short> watches;
  net::ResolverOptions options;
  options.servers = servers;
  options.resolv_conf.clear();
  options.watch = [&](int fd, bool read, bool write) {
    const Unwatched own;
    watches[fd] = static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0));
    if (watches[fd] == 0) watches.erase(fd);
  };
  net::Resolver resolver(std::move(options));
  for (std::uint32_t index = 0; index < 2; ++index) {
    const output::Resolve question = {{index, 1}, index == 0 ? "both.test" : "nowhere.test", AddressFamily::any};
    try {
      const Watched scope;
      resolver.make_room();
      resolver.start(question);
    } catch (const std::bad_alloc&) {
      continue;
    }
    std::optional<net::Answer> answer;
    for (int turn = 0; !answer && turn < 100; ++turn) {
      if ((answer = watched([&] { return resolver.next_answer(); })) && !(answer->found && answer->found->more_to_come))
        break;
      answer.reset();
      std::vector<pollfd> set;
      for (const auto& [fd, events] : watches) set.push_back({fd, events, 0});
      const auto deadline = resolver.deadline(net::read_steady());
      const auto wait = deadline ? std::chrono::ceil<milliseconds>(*deadline - net::read_steady()).count() : 0;
      ::poll(set.data(), set.size(), static_cast<int>(std::clamp<std::int64_t>(wait, 0, 3000)));
      for (const pollfd& one : set) {
        if (one.revents != 0)
          watched([&] { resolver.process(one.fd, (one.revents & POLLIN) != 0, (one.revents & POLLOUT) != 0); });
      }
      watched([&] { resolver.process_timeouts(); });
    }
    if (!answer) faults.push_back("no answer");
    if (answer && !ran_short() && answer->found.has_value() != (index == 0)) faults.push_back("the wrong answer");
    if (answer && answer->found && answer->found->addresses.empty()) faults.push_back("an empty answer");
  }
  return faults;
}

TEST_CASE("memory: names by c-ares") {
  REQUIRE(ares_library_init_mem(ARES_LIB_INIT_ALL, shortage_malloc, shortage_free, shortage_realloc) == ARES_SUCCESS);
  const DnsServer dns({{"both.test", {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")}}});
  // Not with all after it: what c-ares then drops it asks for again seconds later, by the clock.
  with_every_allocation_failing("c-ares", [&] { return tell_names(dns.address()); }, {Shortage::once});
  ares_library_cleanup();
}

}  // namespace
}  // namespace sluice::test
