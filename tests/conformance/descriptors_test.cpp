// Descriptors: numbers that are reused immediately, and more descriptors than fit in an fd_set.
#include <sys/resource.h>
#include <sys/select.h>

#include <deque>
#include <set>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

void raise_descriptor_limit() {
  rlimit limit = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(limit.rlim_cur >= 4096);
}

// The application's own descriptors, which are opened and closed all the time: each contains one byte, and is reported
// once.
class Churn {
 public:
  explicit Churn(Loop& loop, const Multi& multi) : loop_(loop), multi_(multi) {}
  ~Churn() {
    while (!pipes_.empty()) close_oldest();
  }
  int heard = 0, wrong = 0;
  int taken_again = 0;  // numbers that the Multi has watched before

  void turn() {
    fd_set read, write, except;
    int highest = -1;
    for (fd_set* set : {&read, &write, &except}) FD_ZERO(set);
    REQUIRE(multi_.fdset(&read, &write, &except, &highest));
    for (int fd = 0; fd <= highest; ++fd) {
      if (FD_ISSET(fd, &read) || FD_ISSET(fd, &write)) watched_.insert(fd);
    }
    if (pipes_.size() >= 6) close_oldest();
    auto& pipe = pipes_.emplace_back(std::make_unique<Pipe>());
    if (watched_.contains(pipe->read_end)) ++taken_again;
    const char byte = static_cast<char>('a' + ++opened_ % 26);
    if (opened_ % 3 != 0) pipe->put(byte);  // the others must not be reported
    loop_.watch(pipe->read_end, [this, own = pipe.get(), byte] {
      ++heard;
      if (own->take() != byte) ++wrong;
    });
    if (opened_ % 4 == 0) const Pipe unwatched;
  }

 private:
  void close_oldest() {
    loop_.unwatch(pipes_.front()->read_end);
    pipes_.pop_front();
  }
  Loop& loop_;
  const Multi& multi_;
  std::set<int> watched_;
  std::deque<std::unique_ptr<Pipe>> pipes_;
  int opened_ = 0;
};

}  // namespace

TEST_CASE_FIXTURE(World,
                  "numbers of closed descriptors, taken again by sockets and by the application, are never mixed up") {
  struct Link : Get {
    std::function<void()> then;
    using Get::Get;
    void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
      Get::on_done(multi, id, end);
      then();
    }
  };
  const auto count = static_cast<std::size_t>(scaled(500));
  Churn churn(loop(), multi());
  std::deque<Link> all;
  std::function<void()> next = [&] {
    if (all.size() == count) return;
    const std::size_t i = all.size();
    all.emplace_back(i % 7 * 3000, i, "close");
    all.back().then = [&] { next(), churn.turn(); };
    get(all.back(), i % 4 == 0 ? Scheme::tls : Scheme::plain);
  };
  const int timer = loop().every(1ms, [&] { churn.turn(); });
  for (int i = 0; i < 20; ++i) next();
  REQUIRE(run());
  loop().cancel(timer);
  CHECK(all.size() == count);
  for (const Link& one : all) CHECK_MESSAGE(one.complete(), one.path);
  CHECK(churn.heard > 0);
  CHECK(churn.wrong == 0);
  CHECK(churn.taken_again > 0);
}

TEST_CASE_FIXTURE(World, "1,500 descriptors at once, or a clean error where they cannot be held") {
  raise_descriptor_limit();
  const auto count = static_cast<std::size_t>(kThreadSanitizer ? 600 : 1500);
  std::deque<Get> all;
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < count; ++i) {
    // Some are held before their head, others in the middle of their body.
    all.emplace_back(2000 + i, i, i % 2 == 0 ? "hold" : "half");
    ids.push_back(get(all.back(), i % 20 == 0 ? Scheme::tls : Scheme::plain));
  }
  const auto all_wait = [&] { return server().held() == static_cast<int>(count); };
  if (holds_many_descriptors()) {
    REQUIRE(until(all_wait));
    CHECK(multi().connections() == count);
    CHECK(multi().running() == count);
    server().release();
    REQUIRE(run());
    for (const Get& one : all) CHECK_MESSAGE(one.complete(), one.path);
    return;
  }
  REQUIRE(count * 2 > FD_SETSIZE);  // the server has as many as the client
  CHECK_FALSE(loop().run_until(all_wait, kLong));
  const auto failure = loop().take_failure();
  REQUIRE(failure.has_value());
  CHECK(failure->code == Code::descriptor_too_large);
  // All transfers are unaffected and continue once there are fewer. Closing so many takes more than one drive.
  for (std::size_t i = 50; i < count; ++i) multi().remove(ids[i]);
  const auto few_wait = [&] { return server().held() == 50; };
  for (int i = 0; i < 1000 && !few_wait(); ++i) {
    loop().run_until(few_wait, 20ms);
    loop().take_failure();
  }
  REQUIRE(few_wait());
  server().release();
  REQUIRE(run());
  for (std::size_t i = 0; i < 50; ++i) CHECK_MESSAGE(all[i].complete(), all[i].path);
}
