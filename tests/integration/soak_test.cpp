// Many transfers through a pool of 100 connections, while the server closes one connection in fifty at a random moment:
// before, in and after a response, by FIN and by RST. Directly, through a proxy that forwards, and through tunnels of
// CONNECT and SOCKS. Every transfer must have its whole body in the end, after retries where a failure was no fault of
// sluice's, and descriptors and memory must be where they were.
//
// SLUICE_SOAK=100000 is the size of the night (tests/night soak): that many transfers for each way.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/proxies.hpp"
#include "tests/support/proxy_servers.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::size_t kConnections = 100;
constexpr std::size_t kAtOnce = 150;
constexpr std::uint64_t kOneIn = 50;
constexpr std::size_t kMostGrowth = 4 * 1024;  // KiB of resident memory, from a quarter of the transfers on

std::size_t soak_size() {
  const char* const text = std::getenv("SLUICE_SOAK");
  return text ? std::strtoul(text, nullptr, 10) : 500;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoul(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

std::string_view body_of(std::size_t number) { return pattern(number * 37 % 6'000, number % 1'000); }

// Answers GET and POST of /NUMBER, in origin form and absolute form, and opens every tunnel, whose other end it is
// itself. One thread calls it.
class Moody {
 public:
  explicit Moody(std::uint64_t seed) : random_(Seed{seed}) {}

  Reply answer(const std::string& request) {
    Reply reply{.bytes = "HTTP/1.1 200 OK\r\n\r\n"};
    if (!request.starts_with("CONNECT ")) {
      const std::size_t end = request.find(" HTTP/1.1\r\n");
      reply = ok(std::string(body_of(std::stoul(request.substr(request.rfind('/', end) + 1)))));
    }
    if (random_.below(kOneIn) != 0) return reply;
    reply.bytes.resize(random_.below(reply.bytes.size() + 1));
    (random_.below(2) == 0 ? reply.close : reply.reset) = true;
    return reply;
  }

 private:
  Random random_;
};

struct Soak {
  std::string base;  // of the URLs
  TransferOptions options;
  std::size_t total = 0, next = 0, whole = 0, wrong = 0, retries = 0, resident = 0;
  std::string first_failure = {};
};

// One transfer after the other.
class Swimmer final : public TransferHandler {
 public:
  explicit Swimmer(Soak& soak) : soak_(soak) {}

  void start(Multi& multi) {
    if (soak_.next == soak_.total) return;
    if (soak_.next == soak_.total / 4) soak_.resident = resident_kib();
    number_ = soak_.next++;
    body_.clear();
    Request request = get(soak_.base + std::to_string(number_));
    if (number_ % 10 == 0) {
      request.method = "POST";
      request.body = BodyOwned{std::string(pattern(100, number_ % 1'000))};
    }
    REQUIRE(multi.add(std::move(request), soak_.options, this).has_value());
  }
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    body_ += as_text(bytes);
    return bytes.size();
  }
  void on_hop_done(Multi&, TransferId, const output::HopDone& hop) override {
    CHECK(hop.next == HopReason::retry);
    ++soak_.retries;
    body_.clear();
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& result) override {
    const bool is_whole = result && multi.head(id).status == 200 && body_ == body_of(number_);
    is_whole ? ++soak_.whole : ++soak_.wrong;
    if (!is_whole && soak_.first_failure.empty()) {
      soak_.first_failure = std::to_string(number_) + ": " + (result ? "a wrong body" : result.error().message());
    }
    multi.remove(id);
    start(multi);
  }

 private:
  Soak& soak_;
  std::size_t number_ = 0;
  std::string body_;
};

void soak(const std::string& way, Soak state) {
  state.total = soak_size();
  state.options.retries =
      RetryOptions{.max_retries = 20, .delay = std::chrono::milliseconds(1), .all_errors = true, .after_head = true};
  const auto begun = std::chrono::steady_clock::now();
  {
    MultiOptions options;
    options.engine.max_connections = kConnections;
    const auto multi = make_multi(options);
    REQUIRE(multi != nullptr);
    std::vector<Swimmer> swimmers(std::min(kAtOnce, state.total), Swimmer(state));
    for (Swimmer& swimmer : swimmers) swimmer.start(*multi);
    CHECK(finish(*multi, std::chrono::minutes(30)));
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  const std::size_t resident = resident_kib();
  CHECK_MESSAGE(state.wrong == 0, state.first_failure);
  CHECK(state.whole == state.total);
  CHECK(state.retries > 0);
  // In a short run under ASan, freed memory does not come back yet.
  if (!std::getenv("SLUICE_SOAK")) return;
  CHECK(resident <= state.resident + kMostGrowth);
  std::printf("%s: %zu transfers in %.1f s, %zu retried, resident %zu KiB after a quarter, %zu KiB at the end\n",
              way.c_str(), state.whole, taken.count(), state.retries, state.resident, resident);
}

}  // namespace

TEST_CASE("soak: a server that closes connections at random moments, with and without a proxy") {
  pattern(1, 0);  // its memory is made once
  const Microsocks socks(false);
  const std::size_t descriptors = open_descriptors();
  {
    Moody moody(1);
    const LoopbackServer server([&](const std::string& request) { return moody.answer(request); });
    soak("directly", {.base = server.url("/"), .options = {}});
    const Proxy proxy = proxy_at(ProxyKind::http, "127.0.0.1", server.port());
    soak("forwarded", {.base = "http://origin.test/", .options = through(proxy)});
    Proxy tunnel = proxy;
    tunnel.tunnel = true;
    soak("CONNECT", {.base = "http://origin.test/", .options = through(tunnel)});
    const std::string place = socks.place();
    const auto port = static_cast<std::uint16_t>(std::stoul(place.substr(place.rfind(':') + 1)));
    soak("SOCKS5", {.base = server.url("/"), .options = through(proxy_at(ProxyKind::socks5h, "127.0.0.1", port))});
  }
  CHECK(open_descriptors() == descriptors);
}
