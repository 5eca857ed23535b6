// A transport without a descriptor: each binding handles its signals from another thread.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "adapters/transport.hpp"
#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// The far end of a memory_pair in a thread of its own: reads a request, then sends a body by and by.
class FarEnd {
 public:
  FarEnd(std::unique_ptr<MemoryStream> stream, std::string_view body) : stream_(std::move(stream)), body_(body) {
    stream_->on_ready([this] {
      const std::lock_guard lock(mutex_);
      ready_ = true;
      changed_.notify_one();
    });
    thread_ = std::thread([this] { serve(); });
  }
  ~FarEnd() {
    over_ = true;
    thread_.join();
  }
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20ms, [this] { return ready_; });
    ready_ = false;
  }
  void serve() {
    std::string request;
    std::uint8_t bytes[4096];
    while (!over_ && !request.ends_with("\r\n\r\n")) {
      const Transferred got = stream_->receive(bytes);
      if (got.bytes == 0) wait();
      request.append(reinterpret_cast<const char*>(bytes), got.bytes);
    }
    send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body_.size()) + "\r\n\r\n");
    for (std::size_t at = 0; at < body_.size(); at += kPiece) {
      send(std::string(body_.substr(at, kPiece)));
      if (at % (5 * kPiece) == 0) std::this_thread::sleep_for(1ms);  // so that the loop falls asleep in between
    }
  }
  void send(const std::string& text) {
    for (std::size_t at = 0; !over_ && at < text.size();) {
      const Transferred sent = stream_->send(as_bytes(text).subspan(at));
      if (sent.bytes == 0) wait();
      at += sent.bytes;
    }
  }

  static constexpr std::size_t kPiece = 7'000;
  std::unique_ptr<MemoryStream> stream_;
  std::string_view body_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE_FIXTURE(World, "streams in memory, written to by other threads, arrive byte for byte and wake the loop") {
  if (!server().real()) return;  // other threads have no part in virtual time
  std::deque<Get> all;
  std::deque<FarEnd> ends;
  for (std::size_t i = 0; i < 4; ++i) {
    Get& one = all.emplace_back(200'000, i);
    MemoryPair pair = memory_pair(i % 2 == 0 ? 16 * 1024 : 1000);
    ends.emplace_back(std::move(pair.far_end), one.expected);
    TransferOptions options;
    options.route = pair.dialer;
    get(one, Scheme::plain, std::move(options));
  }
  Get other(300'000, 9);
  get(other, Scheme::tls);
  REQUIRE(run());
  for (const Get& one : all) CHECK_MESSAGE(one.complete(), (one.result ? "" : one.result.error().message()));
  CHECK(other.complete());
}
