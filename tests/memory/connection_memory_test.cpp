// As engine_memory_test.cpp, for a Connection alone: it has a second queue for the engine's outputs, and must lose
// none.
#include <algorithm>
#include <cstring>
#include <map>

#include "core/connection.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/memory/memory_world.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {
namespace {

struct Told {
  std::string expected, body;
  std::optional<Result<void>> result;
};

// A Connection with an origin in memory at the other end. Drives itself; returns what is wrong.
class Line {
 public:
  Line(const std::string& origin, std::shared_ptr<const TlsConfig> tls, const sim::TlsServerContext* server)
      : origin_(origin), peer_(server) {
    ConnectionOptions options;
    options.origin = *Url::parse(origin);
    options.tls = std::move(tls);
    options.name = "a line with a rather long name";
    auto made = watched([&] { return Connection::create(std::move(options)); });
    if (made) {
      connection.emplace(std::move(*made));
    } else if (made.error().code != Code::out_of_memory || !ran_short()) {
      faults.push_back("create: " + made.error().message());
    }
  }

  void add(const std::string& path, std::string expected) {
    if (!connection) return;
    Request request;
    request.method = "GET";
    request.url = *Url::parse(origin_ + path);
    auto added = watched([&] { return connection->add(std::move(request), {}, now_); });
    if (added) {
      told_.emplace(*added, Told{std::move(expected), {}, {}});
    } else if (!ran_short() ||
               (added.error().code != Code::out_of_memory && added.error().code != Code::connection_closed)) {
      faults.push_back("add: " + added.error().message());
    }
  }

  void run() {
    while (connection && connection->running() > 0) {
      if (turn()) continue;
      const auto deadline = connection->deadline();
      if (!deadline || ++hops_ > 100) {
        faults.push_back("nothing moves");
        return;
      }
      now_.steady = std::max(now_.steady, deadline->at);
      watched([&] { connection->handle_timeout(now_); });
    }
    while (connection && turn()) {
    }
  }

  void finish() {
    if (!connection) return;
    watched([&] { connection->close(now_); });
    while (turn()) {
    }
    if (!connection->is_over() || closed_ != 1)
      faults.push_back("Closed was said " + std::to_string(closed_) + " times");
    for (const auto& [id, told] : told_) {
      if (!told.result) faults.push_back("no Done");
    }
  }

  bool all_succeeded() const {
    return std::ranges::all_of(told_,
                               [](const auto& one) { return one.second.result && one.second.result->has_value(); });
  }

  std::optional<Connection> connection;
  std::vector<std::string> faults;

 private:
  bool drain() {
    bool any = false;
    while (auto out = watched([&] { return connection->poll_output(); })) {
      any = true;
      if (std::holds_alternative<output::Closed>(*out)) ++closed_;
      if (auto* ready = std::get_if<output::BodyReady>(&*out)) {
        const Bytes body = connection->body(ready->transfer);
        told_.at(ready->transfer).body += as_text(body);
        watched([&] { connection->consume_body(ready->transfer, body.size(), now_); });
      }
      if (auto* done = std::get_if<output::Done>(&*out)) {
        Told& told = told_.at(done->transfer);
        if (told.result) faults.push_back("a second Done");
        if (done->result && told.body != told.expected) faults.push_back("wrong bytes");
        told.result = std::move(done->result);
      }
    }
    connection->check_invariants();
    return any;
  }

  bool turn() {
    bool moved = drain();
    const Interest interest = connection->interest();
    if (interest.write) {
      const OutputView view = connection->transmit();
      std::string bytes;
      for (std::size_t i = 0; i < view.count; ++i) bytes += as_text(view.spans[i]);
      peer_.feed(as_bytes(bytes));
      watched([&] { connection->handle_sent(bytes.size(), now_); });
      moved = true;
    } else if (interest.read && !peer_.output().empty()) {
      const MutableBytes space = watched([&] { return connection->receive_space(); });
      const std::size_t count = std::min({space.size(), peer_.output().size(), std::size_t{600}});
      std::memcpy(space.data(), peer_.output().data(), count);
      peer_.output().erase(0, count);
      watched([&] { connection->handle_received(count, now_); });
      moved = true;
    } else if (interest.read && peer_.closes()) {
      watched([&] { connection->handle_eof(now_); });
      moved = true;
    }
    return drain() || moved;
  }

  const std::string origin_;
  Peer peer_;
  Now now_{Instant{std::chrono::seconds(1000)}, kNoon};
  std::map<TransferId, Told> told_;
  int closed_ = 0, hops_ = 0;
};

std::vector<std::string> tell(const std::string& origin, const std::shared_ptr<const TlsConfig>& tls,
                              const sim::TlsServerContext* server) {
  Line line(origin, tls, server);
  line.add("/3000/1", std::string(pattern(3000, 1)));
  line.add("/trailers/", "hello world");
  line.add("/9000/1?early&chunked", std::string(pattern(9000, 1)));
  line.run();
  if (!ran_short() && tls && allocations_of_boringssl() == 0)
    line.faults.push_back("BoringSSL has asked another allocator");
  if (!ran_short() && !line.all_succeeded()) line.faults.push_back("a request of the story failed with memory there");
  line.add("/10/1?close", std::string(pattern(10, 1)));
  // The connection is over before their turn, and all are told so at once.
  for (int i = 0; i < 30; ++i) line.add("/10/1", std::string(pattern(10, 1)));
  line.run();
  relieve();
  line.finish();
  return line.faults;
}

TEST_CASE("memory: one connection alone") {
  with_every_allocation_failing("Connection, plain", [] { return tell("http://a.test", nullptr, nullptr); });
}

TEST_CASE("memory: one connection alone, and a request that is not for it") {
  with_every_allocation_failing("Connection, another origin", [] {
    Line line("http://a.test", nullptr, nullptr);
    Request request;
    request.url = *Url::parse("http://b.test/a/path/of/some/length");
    const Now now{Instant{std::chrono::seconds(1000)}, kNoon};
    if (line.connection) {
      const auto added = watched([&] { return line.connection->add(std::move(request), {}, now); });
      const Code code = added ? Code::internal : added.error().code;
      if (code != Code::invalid_request && !(ran_short() && code == Code::out_of_memory))
        line.faults.push_back("it was taken");
    }
    relieve();
    line.finish();
    return line.faults;
  });
}

TEST_CASE("memory: one connection alone, with TLS") {
  const sim::TlsServerContext server = make_context(server_for({"a.test"}));
  const auto tls = make_config(trusting_options());
  with_every_allocation_failing("Connection, TLS 1.3", [&] { return tell("https://a.test", tls, &server); });
}

}  // namespace
}  // namespace sluice::test
