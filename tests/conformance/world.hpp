// The fixture of every test of the suite: an environment with its server, the binding's loop, a Multi attached to it,
// and the check at the end that nothing is left of them.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/conformance/loop.hpp"
#include "tests/conformance/surroundings.hpp"
#include "tests/support/http2_talk.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::conformance {

using namespace std::chrono_literals;
using test::pattern;

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool kThreadSanitizer = false;
#endif
// Under ThreadSanitizer every memory access costs many times as much, and fewer repetitions suffice.
constexpr int scaled(int count) { return kThreadSanitizer ? count / 5 : count; }

// A time that is only exceeded by something that never ends.
inline constexpr Milliseconds kLong = 30s;

// Compares a body with the expected one as it arrives, and counts callbacks.
struct Download : TransferHandler {
  std::string_view expected;
  std::size_t received = 0;
  bool as_expected = true;  // every byte so far
  int interims = 0, heads = 0, dones = 0, status = 0;
  Result<void> result;

  Download() = default;
  explicit Download(std::string_view bytes) : expected(bytes) {}
  bool complete() const {
    return dones == 1 && result.has_value() && status == 200 && as_expected && received == expected.size();
  }
  void take(Bytes bytes);

  void on_interim(Multi&, TransferId, const ResponseHead&) override { ++interims; }
  void on_head(Multi&, TransferId, const ResponseHead& head) override { ++heads, status = head.status; }
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override { return take(bytes), bytes.size(); }
  void on_done(Multi&, TransferId, const Result<void>& end) override { ++dones, result = end; }
};

// A Download of "/SIZE/START?WORDS", with its path.
struct Get : Download {
  std::string path;
  Get(std::size_t size, std::size_t start, const std::string& words = "");
};

// Sends `sent` as a streamed body and expects the same bytes in the response.
struct Echo : Download {
  std::size_t given = 0;
  explicit Echo(std::string_view bytes) : Download(bytes) {}
  std::size_t give(Multi& multi, TransferId id, MutableBytes space);
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override { return give(multi, id, space); }
};

enum class Scheme : std::uint8_t { plain, tls };

class World {
 public:
  explicit World(Version version = Version::http1);
  ~World();  // checks that no transfer and no descriptor is left
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Replaces the current Multi, which must be idle.
  void use(MultiOptions options);

  Request request(const std::string& path, Scheme scheme = Scheme::plain) const;
  TransferId add(Request request, TransferHandler& handler, TransferOptions options = {});
  TransferId get(const std::string& path, TransferHandler& handler, TransferOptions options = {});
  TransferId get(Get& one, Scheme scheme = Scheme::plain, TransferOptions options = {});
  // A streamed upload that is sent back; `declared`: with a Content-Length.
  TransferId echo(Echo& one, Scheme scheme, bool declared);

  // Runs until no transfer is running.
  bool run(Milliseconds limit = kLong);
  // Runs until `condition` holds, which is checked at least every few milliseconds: for actions of another thread.
  bool until(const std::function<bool()>& condition, Milliseconds limit = kLong);
  // Runs the loop for this time; returns the number of wakeups.
  std::size_t turns_within(Milliseconds time);

  // Transfers share connections then.
  bool over_http2() const { return version_ == Version::http2; }
  Surroundings& server() { return *server_; }
  Loop& loop() { return *loop_; }
  Multi& multi() { return *multi_; }

  std::map<TransferId, Message> messages;  // read after each drive
  std::function<void(Multi&)> after;       // called after that
  std::size_t drives = 0;                  // number of drives so far

  void attach();
  void detach() { loop_->detach(); }
  // Destroys the Multi with its transfers, after detach().
  void end_multi() { multi_.reset(); }

 private:
  const Version version_;
  std::size_t descriptors_;  // open before all this
  std::unique_ptr<Surroundings> server_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Multi> multi_;
};

// TEST_CASE_FIXTURE(World, name), and the same over HTTP/2 as a case of its own.
#define SLUICE_VERSIONS(Case, name)                              \
  namespace {                                                    \
  struct Case : World {                                          \
    using World::World;                                          \
    void run_case();                                             \
  };                                                             \
  }                                                              \
  TEST_CASE(name) { Case(Version::http1).run_case(); }           \
  TEST_CASE(name ", over HTTP/2") {                              \
    if (test::has_http2_talk()) Case(Version::http2).run_case(); \
  }                                                              \
  void Case::run_case()
#define TEST_CASE_VERSIONS(name) SLUICE_VERSIONS(DOCTEST_ANONYMOUS(versions_case_), name)

// A non-blocking pipe.
struct Pipe {
  int read_end = -1, write_end = -1;
  Pipe();
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void put(char byte) const;
  int take() const;  // -1: empty
};

std::size_t open_descriptors();

}  // namespace sluice::conformance
