// Bodies in pieces for C++20 coroutines: StreamedFetch reads a response body as it comes and sends a request body as it
// is produced, with backpressure in both directions. Works with a Multi that any loop drives and with any coroutine
// type, for example Task (coroutine.hpp). Leaves driving to the loop. Header only.
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

// One transfer, started by the constructor. head(), read() and write() can each be awaited by one coroutine at a time,
// and by different coroutines at the same time. While nothing reads, the response body stays in the buffers and then at
// the peer. While the peer takes nothing, write() waits. A peer may send its response before it has received the whole
// request: then a coroutine that only writes may wait for ever, so let a second coroutine read.
//
// The destructor removes the transfer. The object must outlive the coroutines that wait for it, and be destroyed before
// the Multi. A coroutine is resumed inside a drive, in the Multi's thread: everything except driving is legal there,
// also destroying this object. info_read() does not return its transfer.
class [[nodiscard]] StreamedFetch final : private TransferHandler {
  struct Waiter;

 public:
  // With a BodyStream the body is what write() is given until finish(). Any other body is sent as it is. What
  // Multi::add() refuses is the error of head(), read() and write().
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
  // co_await gives Result<ResponseHead>: the head of the final response, or why there is none.
  Head head();
  // co_await gives Result<std::string>: the bytes that have come, at most what the buffers hold. Empty: the body is
  // complete. Error: why it is not complete. If out_of_memory is only for this copy, the bytes are still there for
  // another read().
  Read read();
  // co_await gives Result<void> when all bytes of `piece` were taken; they must stay valid and unchanged until then.
  // Error: why the transfer has ended before. upload_failed: the response is complete without the rest of the request
  // body; head() and read() give the response.
  Write write(std::string_view piece);
  // The request body is complete; trailers as in Engine::finish_upload().
  void finish(Fields trailers = {}) { multi_.finish_upload(transfer_, std::move(trailers)); }
  // The source of the request body has failed: the transfer ends.
  void fail(std::string why) { multi_.fail_upload(transfer_, std::move(why)); }

  // Complete after read() or head() has reported the end.
  const Fields& trailers() const { return transfer_ ? multi_.trailers(transfer_) : trailers_; }
  Progress progress() const { return transfer_ ? multi_.progress(transfer_) : progress_; }
  TransferInfo info() const { return transfer_ ? multi_.info(transfer_) : info_; }

 private:
  // Part of the waiting coroutine's frame. `place` points to it until the coroutine is resumed or destroyed.
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
    std::string_view left;  // for a write: the bytes not taken yet
  };
  static void wake(Waiter*& place) {
    Waiter* const waiter = std::exchange(place, nullptr);
    if (waiter) std::exchange(waiter->waiting, nullptr).resume();  // this may destroy the StreamedFetch
  }

  void on_head(Multi&, TransferId, const ResponseHead&) override {
    has_head_ = true;
    wake(head_waiter_);
  }
  // Takes nothing: read() consumes the bytes and calls resume().
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
  // There is no memory for a copy.
  template <class Value>
  static Result<Value> shortage() {
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }

  Multi& multi_;
  TransferId transfer_;  // default: the transfer has ended
  Waiter* head_waiter_ = nullptr;
  Waiter* reader_ = nullptr;
  Waiter* writer_ = nullptr;
  bool* destroyed_ = nullptr;
  bool has_head_ = false;
  // Set at the end of the transfer.
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
