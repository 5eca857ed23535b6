// Bodies piece by piece in C++20 coroutines: StreamedFetch reads a response body as it comes and sends a request body
// as it is made, with backpressure in both directions. Over a Multi that any loop drives; any coroutine type will do,
// Task (coroutine.hpp) for one. Header only.
//
// Example: fetches all the URLs of its command line at once, and counts each body without ever holding one whole.
//   #include <algorithm>
//   #include <iostream>
//   #include <vector>
//
//   #include <sluice/coroutine.hpp>
//   #include <sluice/streamed_fetch.hpp>
//
//   sluice::Task<bool> show(sluice::Multi& multi, std::string text) {
//     const auto url = sluice::Url::parse(text);
//     if (!url) co_return std::cerr << url.error().message() << '\n', false;
//     sluice::StreamedFetch fetch(multi, *url);
//     std::size_t total = 0;
//     for (;;) {
//       const auto piece = co_await fetch.read();
//       if (!piece) co_return std::cerr << piece.error().message() << '\n', false;
//       if (piece->empty()) break;
//       total += piece->size();
//     }
//     const auto head = co_await fetch.head();
//     std::cout << head->status << ' ' << total << ' ' << text << '\n';
//     co_return true;
//   }
//
//   int main(int argc, char** argv) {
//     const auto multi = sluice::Multi::create().value();
//     std::vector<sluice::Task<bool>> tasks;  // destroyed before the Multi
//     for (int i = 1; i < argc; ++i) tasks.push_back(show(*multi, argv[i]));
//     while (!std::ranges::all_of(tasks, &sluice::Task<bool>::done)) {
//       if (!multi->poll({}, std::chrono::seconds(1)) || multi->perform() == sluice::Drive::failed) return 1;
//     }
//     bool succeeded = true;
//     for (auto& task : tasks) succeeded = task.take() && succeeded;
//     return succeeded ? 0 : 1;
//   }
#pragma once

#include <algorithm>
#include <coroutine>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "multi.hpp"

namespace sluice {

// One transfer, started by the constructor. head(), read() and write() are awaited, each by one coroutine at a time;
// different ones may wait at once. While nobody reads, the response body stays in the buffers and then with the peer.
// While the peer takes nothing, a write() waits. A peer may answer while it still receives: then a coroutine that only
// writes can wait for one that reads, so let a second one do that.
//
// Destroying it removes the transfer. It must outlive the coroutines that wait for it, and go before the Multi does. A
// coroutine goes on from inside a drive, in the Multi's thread: everything but driving is legal there, also destroying
// this. info_read() never tells of its transfer.
class [[nodiscard]] StreamedFetch final : private TransferHandler {
  struct Waiter;

 public:
  // With a BodyStream as its body the request gets what write() is given, up to finish(); any other body is sent as it
  // is.
  StreamedFetch(Multi& multi, Request request, TransferOptions options = {}) : multi_(multi) {
    const auto added = multi_.add(std::move(request), std::move(options), this);
    if (added) {
      transfer_ = *added;
    } else {
      end_ = std::unexpected(added.error());
    }
  }
  ~StreamedFetch() override {
    if (destroyed_) *destroyed_ = true;
    if (transfer_) multi_.remove(transfer_);
  }
  StreamedFetch(const StreamedFetch&) = delete;
  StreamedFetch& operator=(const StreamedFetch&) = delete;

  class [[nodiscard]] Head;
  class [[nodiscard]] Read;
  class [[nodiscard]] Write;
  // co_await: Result<ResponseHead>, of the final response. The error: why there is none.
  Head head();
  // co_await: Result<std::string>, the bytes that have come, at most what the buffers hold. Empty: the body is whole.
  // The error: why it is not; out_of_memory may be for this copy alone, and then the bytes are still there for another
  // read().
  Read read();
  // co_await: Result<void>, when all of `piece` has been taken; it must stay as it is until then. The error: why the
  // transfer ended before. upload_failed: it was answered without the rest of its body, and head() and read() have the
  // answer.
  Write write(std::string_view piece);
  void finish() { multi_.finish_upload(transfer_); }                             // the request body is whole
  void fail(std::string why) { multi_.fail_upload(transfer_, std::move(why)); }  // its source broke: the transfer fails

  // Complete once read() or head() has told the end.
  const Fields& trailers() const { return transfer_ ? multi_.trailers(transfer_) : trailers_; }
  Progress progress() const { return transfer_ ? multi_.progress(transfer_) : progress_; }
  TransferInfo info() const { return transfer_ ? multi_.info(transfer_) : info_; }

 private:
  // In the frame of the coroutine that waits; `place` is where it is found, until it goes on or is destroyed.
  struct Waiter {
    Waiter(StreamedFetch& owner, Waiter*& at) : fetch(owner), place(at) {}
    ~Waiter() {
      if (waiting) place = nullptr;
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    void wait(std::coroutine_handle<> coroutine) {
      waiting = coroutine;
      place = this;
    }
    StreamedFetch& fetch;
    Waiter*& place;
    std::coroutine_handle<> waiting;
    std::string_view left;  // of a write
  };
  static void wake(Waiter*& place) {
    Waiter* const waiter = std::exchange(place, nullptr);
    if (waiter) std::exchange(waiter->waiting, nullptr).resume();  // which may destroy the StreamedFetch
  }

  void on_head(Multi&, TransferId, const ResponseHead&) override {
    has_head_ = true;
    wake(head_waiter_);
  }
  // Takes nothing: read() does, when it wants to, and resumes.
  std::size_t on_body(Multi&, TransferId, Bytes) override {
    wake(reader_);
    return 0;
  }
  std::size_t on_upload(Multi&, TransferId, MutableBytes space) override {
    if (!writer_) return 0;
    std::string_view& left = writer_->left;
    const std::size_t size = std::min(space.size(), left.size());
    std::copy_n(as_bytes(left).begin(), size, space.begin());
    left.remove_prefix(size);
    if (left.empty()) wake(writer_);
    return size;
  }
  void on_done(Multi&, TransferId transfer, const Result<void>& end) override {
    try {
      if (has_head_) head_ = multi_.head(transfer);
      trailers_ = multi_.trailers(transfer);
      progress_ = multi_.progress(transfer);
      info_ = multi_.info(transfer);
      const Request& request = multi_.request(transfer);
      upload_failed_ = make_error(Code::upload_failed, request.method + " " + request.url.text_without_secrets() +
                                                           ": answered without the rest of the request body");
      end_ = end;
    } catch (const std::bad_alloc&) {
      end_ = std::unexpected(make_error(Code::out_of_memory, {}));
    }
    multi_.remove(std::exchange(transfer_, {}));
    bool destroyed = false;
    destroyed_ = &destroyed;
    const struct Forget {
      bool& destroyed;
      StreamedFetch& fetch;
      ~Forget() {
        if (!destroyed) fetch.destroyed_ = nullptr;
      }
    } forget{destroyed, *this};
    wake(writer_);
    if (!destroyed) wake(head_waiter_);
    if (!destroyed) wake(reader_);
  }
  bool has_bytes() const { return transfer_ && !multi_.body(transfer_).empty(); }
  // Without memory for a copy.
  template <class Value>
  static Result<Value> shortage() {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }

  Multi& multi_;
  TransferId transfer_;  // none: it has ended
  Waiter* head_waiter_ = nullptr;
  Waiter* reader_ = nullptr;
  Waiter* writer_ = nullptr;
  bool* destroyed_ = nullptr;
  bool has_head_ = false;
  // After the end.
  std::optional<Result<void>> end_;
  Error upload_failed_;
  ResponseHead head_;
  Fields trailers_;
  Progress progress_;
  TransferInfo info_;
};

class StreamedFetch::Head : private Waiter {
 public:
  explicit Head(StreamedFetch& owner) : Waiter(owner, owner.head_waiter_) {}
  bool await_ready() const noexcept { return fetch.has_head_ || fetch.end_; }
  void await_suspend(std::coroutine_handle<> coroutine) noexcept { wait(coroutine); }
  Result<ResponseHead> await_resume() try {
    if (fetch.has_head_) return fetch.transfer_ ? fetch.multi_.head(fetch.transfer_) : fetch.head_;
    return std::unexpected(fetch.end_->error());
  } catch (const std::bad_alloc&) {
    return shortage<ResponseHead>();
  }
};

class StreamedFetch::Read : private Waiter {
 public:
  explicit Read(StreamedFetch& owner) : Waiter(owner, owner.reader_) {}
  bool await_ready() const noexcept { return fetch.end_ || fetch.has_bytes(); }
  void await_suspend(std::coroutine_handle<> coroutine) {
    wait(coroutine);
    fetch.multi_.resume(fetch.transfer_);
  }
  Result<std::string> await_resume() try {
    if (fetch.has_bytes()) {
      const Bytes bytes = fetch.multi_.body(fetch.transfer_);
      std::string piece(as_text(bytes));
      fetch.multi_.consume_body(fetch.transfer_, bytes.size());
      return piece;
    }
    if (!*fetch.end_) return std::unexpected(fetch.end_->error());
    return std::string();
  } catch (const std::bad_alloc&) {
    return shortage<std::string>();
  }
};

class StreamedFetch::Write : private Waiter {
 public:
  Write(StreamedFetch& owner, std::string_view piece) : Waiter(owner, owner.writer_) { left = piece; }
  bool await_ready() const noexcept { return left.empty() || fetch.end_; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    wait(coroutine);
    fetch.multi_.resume(fetch.transfer_);
  }
  Result<void> await_resume() try {
    if (left.empty()) return {};
    return std::unexpected(*fetch.end_ ? fetch.upload_failed_ : fetch.end_->error());
  } catch (const std::bad_alloc&) {
    return shortage<void>();
  }
};

inline StreamedFetch::Head StreamedFetch::head() { return Head(*this); }
inline StreamedFetch::Read StreamedFetch::read() { return Read(*this); }
inline StreamedFetch::Write StreamedFetch::write(std::string_view piece) { return Write(*this, piece); }

}  // namespace sluice
