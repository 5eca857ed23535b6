// The engine alone over an in-memory transport: the cost of a request without a kernel. With fixed responses it
// executes the same number of instructions in every run, so the effect of a change can be measured
// (tests/bench/instructions).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/engine.hpp"
#include "core/proxy.hpp"
#include "tests/support/http2_origin.hpp"

namespace {
std::uint64_t allocations = 0;
}

// g++ inlines one of the two below, and then takes it for the wrong one.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

// Counted, since the steady state should need none.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace sluice;

// The same proxy for every URL.
class OneProxy final : public ProxyChooser {
 public:
  explicit OneProxy(ProxyKind kind) {
    Proxy proxy;
    proxy.kind = kind;
    proxy.host = "192.0.2.2";
    proxy.port = 1080;
    proxy.user = "user";
    proxy.password = "password";
    chain_ = std::make_shared<const ProxyChain>(ProxyChain{std::move(proxy)});
  }
  std::vector<std::shared_ptr<const ProxyChain>> ways_to(const Url&) const override { return {chain_}; }

 private:
  std::shared_ptr<const ProxyChain> chain_;
};

class World {
 public:
  // `how`: "", "http2" (all on one connection), or a proxy: "http", "socks5h".
  World(std::size_t at_once, std::size_t body_bytes, std::string_view how)
      : at_once_(at_once), engine_(engine_options(how)), greets_(how == "socks5h") {
    if (how == "http2") {
      http2_ = std::make_unique<test::Http2Origin>(body_bytes);
    } else if (!how.empty()) {
      proxies_ = std::make_shared<OneProxy>(greets_ ? ProxyKind::socks5h : ProxyKind::http);
    }
    auto url = Url::parse("http://192.0.2.1/file");
    if (!url) die(url.error());
    url_ = std::move(*url);
    response_ =
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 14:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: " +
        std::to_string(body_bytes) +
        "\r\nLast-Modified: Mon, 23 Nov 2026 13:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"6922f1a0-400\"\r\n"
        "Accept-Ranges: bytes\r\n\r\n" +
        std::string(body_bytes, 'x');
  }

  // Runs that many requests to their end, `at_once` of them at any time.
  void run(std::uint64_t requests) {
    const std::uint64_t target = done_ + requests;
    for (std::uint64_t i = 0; i < at_once_ && asked_ < target; ++i) add();
    drain(target);
    while (done_ < target && !writable_.empty()) {
      const ConnId conn = writable_.front();
      writable_.pop_front();
      serve(conn, target);
    }
    if (done_ != target) die(make_error(Code::internal, "the engine stopped before all was done"));
  }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  static EngineOptions engine_options(std::string_view how) {
    EngineOptions options;
    if (how == "http2") options.max_connections_per_origin = 1;
    return options;
  }
  [[noreturn]] static void die(const Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    std::exit(1);
  }
  // Each fact advances the time by a millisecond.
  Now now() { return {Instant(std::chrono::milliseconds(++ticks_)), 1'800'000'000}; }

  void add() {
    if (proxies_ || http2_) return add_with_options();
    Request request;
    request.url = url_;
    auto id = engine_.add(std::move(request), {}, now());
    if (!id) die(id.error());
    ++asked_;
  }

  // Apart, so that a request without options costs here what it costs everywhere.
  void add_with_options() {
    TransferOptions options;
    options.proxies = proxies_;
    if (http2_) options.http_versions = HttpVersions::http2_prior_knowledge;
    Request request;
    request.url = url_;
    auto id = engine_.add(std::move(request), std::move(options), now());
    if (!id) die(id.error());
    ++asked_;
  }

  // Takes every output, and reports requested connections as connected, until the engine only waits for bytes.
  void drain(std::uint64_t target) {
    for (;;) {
      while (auto output = engine_.poll_output()) take(*output, target);
      if (connecting_.empty()) return;
      const ConnId conn = connecting_.front();
      connecting_.pop_front();
      engine_.handle_connected(conn, now());
      note(conn);
    }
  }

  void take(const Output& output, std::uint64_t target) {
    if (const auto* connect = std::get_if<output::Connect>(&output)) {
      connecting_.push_back(connect->conn);
    } else if (const auto* changed = std::get_if<output::InterestChanged>(&output)) {
      note(changed->conn);
    } else if (const auto* ready = std::get_if<output::BodyReady>(&output)) {
      const std::size_t bytes = engine_.body(ready->transfer).size();
      body_bytes_ += bytes;
      engine_.consume_body(ready->transfer, bytes, now());
    } else if (const auto* over = std::get_if<output::Done>(&output)) {
      if (!over->result) die(over->result.error());
      engine_.remove(over->transfer, now());
      ++done_;
      if (asked_ < target) add();
    }
  }

  void note(ConnId conn) {
    if (engine_.interest(conn).write) writable_.push_back(conn);
  }

  // Takes the request and answers it.
  void serve(ConnId conn, std::uint64_t target) {
    const OutputView view = engine_.transmit(conn);
    std::size_t bytes = 0;
    answer_.clear();
    for (std::size_t i = 0; i < view.count; ++i) {
      bytes += view.spans[i].size();
      if (http2_) http2_->read(view.spans[i], answer_);
    }
    if (bytes == 0) return;  // reported twice
    engine_.handle_sent(conn, bytes, now());
    drain(target);
    const std::string& answer = http2_ ? answer_ : answer_for(conn);
    for (std::size_t sent = 0; sent < answer.size();) {
      const MutableBytes space = engine_.receive_space(conn);
      const std::size_t piece = std::min(space.size(), answer.size() - sent);
      if (piece == 0) die(make_error(Code::internal, "no space to receive into"));
      std::memcpy(space.data(), answer.data() + sent, piece);
      engine_.handle_received(conn, piece, now());
      sent += piece;
      drain(target);
    }
    note(conn);
  }

  // Before the first response a SOCKS5 proxy chooses the login, accepts it and opens the way.
  const std::string& answer_for(ConnId conn) {
    static const std::string kHandshake[] = {{'\5', '\2'}, {'\1', '\0'}, {'\5', 0, 0, '\1', 0, 0, 0, 0, 0, 0}};
    if (!greets_) return response_;
    std::size_t& step = steps_[conn];
    return step == std::size(kHandshake) ? response_ : kHandshake[step++];
  }

  std::size_t at_once_;
  Engine engine_;
  const bool greets_;
  std::shared_ptr<const ProxyChooser> proxies_;  // null: none
  std::map<ConnId, std::size_t> steps_;          // of the handshakes
  std::unique_ptr<test::Http2Origin> http2_;     // null: HTTP/1
  std::string answer_;                           // of that
  Url url_;
  std::string response_;
  std::deque<ConnId> connecting_, writable_;
  std::uint64_t asked_ = 0, done_ = 0, body_bytes_ = 0;
  std::int64_t ticks_ = 0;
};

}  // namespace

// PROGRAM REQUESTS AT_ONCE BODY_BYTES [http2|PROXY]
int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: %s REQUESTS AT_ONCE BODY_BYTES [http2|http|socks5h]\n", words[0]);
    return 2;
  }
  const std::uint64_t requests = std::strtoull(words[1], nullptr, 10);
  World world(std::strtoull(words[2], nullptr, 10), std::strtoull(words[3], nullptr, 10), count > 4 ? words[4] : "");
  world.run(2'000);  // opens the connections and grows every buffer to its final size
  const std::uint64_t before = allocations;
  world.run(requests);
  std::printf("requests=%llu bytes=%llu allocations=%llu\n", static_cast<unsigned long long>(requests),
              static_cast<unsigned long long>(world.body_bytes()),
              static_cast<unsigned long long>(allocations - before));
}
