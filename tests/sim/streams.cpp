// See streams.hpp.
#include "tests/sim/streams.hpp"

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/engine.hpp"
#include "core/features.hpp"
#include "tests/sim/scale.hpp"

namespace sluice::simtest {
namespace {

constexpr std::size_t kAnswerBytes = 100;  // of a body
constexpr Duration kBetweenFacts = std::chrono::microseconds(1);

double used_ns() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// The frames of a server (RFC 9113 4.1), whose heads have one byte: `:status: 200` of HPACK's static table.
void append_frame(std::string& out, int type, int flags, std::uint32_t stream, std::string_view payload) {
  const std::size_t size = payload.size();
  for (const std::size_t part : {size >> 16, size >> 8, size}) out += static_cast<char>(part & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift & 0xff);
  out += payload;
}
constexpr int kDataFrame = 0, kHeadersFrame = 1, kSettingsFrame = 4, kEndStream = 1, kEndHeaders = 4;

class OneConnection {
 public:
  explicit OneConnection(std::size_t streams) : rounds_(streams / kStreamParts / kStreamsAtOnce + 1) {
    body_.assign(kAnswerBytes, 'x');
  }

  StreamFigures run() {
    connect();
    for (std::size_t part = 0; part < kStreamParts && figures_.fault.empty(); ++part) {
      const double before = used_ns();
      for (std::size_t round = 0; round < rounds_; ++round) exchange_some();
      figures_.ns[part] = (used_ns() - before) / static_cast<double>(rounds_ * kStreamsAtOnce);
      figures_.kept[part] = bytes_in_use();
    }
    check(connects_ == 1 && engine_.idle_connections() == 1, "not one connection was used for all");
    check(done_ == rounds_ * kStreamsAtOnce * kStreamParts, "a transfer is missing");
    check(body_bytes_ == done_ * kAnswerBytes, "bytes of bodies are missing");
    engine_.check_invariants();
    return figures_;
  }

 private:
  void connect() {
    add();
    engine_.handle_connected(conn_, now());
    drain();
    send();
    answer_.clear();
    append_frame(answer_, kSettingsFrame, 0, 0, "");
    receive();
    answer();
    receive();
    done_ = body_bytes_ = 0;
  }

  void exchange_some() {
    for (std::size_t i = 0; i < kStreamsAtOnce; ++i) add();
    send();
    for (std::size_t i = 0; i < kStreamsAtOnce; ++i) answer();
    receive();
  }

  void add() {
    Request request;
    request.url = url_;
    TransferOptions options;
    options.http_versions = HttpVersions::http2_prior_knowledge;
    check(engine_.add(std::move(request), std::move(options), now()).has_value(), "a transfer was not taken");
    drain();
  }
  void send() {
    while (engine_.interest(conn_).write) {
      const std::size_t bytes = engine_.transmit(conn_).size_bytes();
      engine_.handle_sent(conn_, bytes, now());
      drain();
    }
  }
  // To the next request.
  void answer() {
    append_frame(answer_, kHeadersFrame, kEndHeaders, next_, "\x88");
    append_frame(answer_, kDataFrame, kEndStream, next_, body_);
    next_ += 2;
  }
  void receive() {
    const MutableBytes space = engine_.receive_space(conn_);
    check(space.size() >= answer_.size(), "no space to receive into");
    if (space.size() >= answer_.size()) {
      std::memcpy(space.data(), answer_.data(), answer_.size());
      engine_.handle_received(conn_, answer_.size(), now());
      drain();
    }
    answer_.clear();
    send();
  }

  void drain() {
    while (auto output = engine_.poll_output()) take(*output);
  }
  void take(const Output& output) {
    if (const auto* made = std::get_if<output::Connect>(&output)) {
      ++connects_;
      conn_ = made->conn;
    } else if (const auto* ready = std::get_if<output::BodyReady>(&output)) {
      const std::size_t bytes = engine_.body(ready->transfer).size();
      body_bytes_ += bytes;
      engine_.consume_body(ready->transfer, bytes, now());
    } else if (const auto* over = std::get_if<output::Done>(&output)) {
      check(over->result.has_value(), "a transfer failed");
      engine_.remove(over->transfer, now());
      ++done_;
    }
  }

  Now now() { return {time_ += kBetweenFacts, 1'800'000'000}; }
  void check(bool holds, const char* what) {
    if (!holds && figures_.fault.empty()) figures_.fault = what;
  }

  const std::size_t rounds_;  // of a part
  Url url_ = Url::parse("http://192.0.2.1/file").value();
  std::string body_, answer_;
  std::uint32_t next_ = 1;  // the stream that is answered next
  ConnId conn_;
  Instant time_{std::chrono::seconds(1000)};
  std::size_t connects_ = 0, done_ = 0, body_bytes_ = 0;
  StreamFigures figures_;
  Engine engine_{EngineOptions{}};
};

}  // namespace

StreamFigures measure_streams(std::size_t streams) { return OneConnection(streams).run(); }

int run_streams(std::size_t streams) {
  if (streams == 0) {
    std::fprintf(stderr, "--streams wants at least one\n");
    return 2;
  }
  if (!features().http2) {
    std::printf("this build has no HTTP/2\n");
    return 0;
  }
  const StreamFigures figures = measure_streams(streams);
  std::printf("%zu exchanges on one connection, %zu at a time\n", streams, kStreamsAtOnce);
  if (!figures.fault.empty()) {
    std::printf("  FAILED: %s\n", figures.fault.c_str());
    return 1;
  }
  for (std::size_t part = 0; part < kStreamParts; ++part)
    std::printf("  tenth %2zu %11.3f us %11zu B\n", part + 1, figures.ns[part] / 1e3, figures.kept[part]);
  bool good = true;
  if (figures.ns.back() > kStreamTimeGoal * figures.ns.front()) {
    std::printf("  MISSED: the last tenth takes more than %.1f times the time of the first\n", kStreamTimeGoal);
    good = false;
  }
  if (figures.kept.back() > figures.kept.front() + kStreamKeptGoalBytes) {
    std::printf("  MISSED: more than %zu bytes more are kept after the last than after the first\n",
                kStreamKeptGoalBytes);
    good = false;
  }
  return good ? 0 : 1;
}

}  // namespace sluice::simtest
