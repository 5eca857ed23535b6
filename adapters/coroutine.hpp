// C++20 coroutines: `co_await multi.fetch(request)` with a Multi that any loop drives, and Task, a small coroutine type
// for programs that have none. Waits for one transfer and collects its whole response. Leaves driving to the loop, and
// everything else to Multi. Header only.
//
// Example: fetches all the URLs of its command line at once, one task each.
//   #include <algorithm>
//   #include <iostream>
//   #include <vector>
//
//   #include <sluice/coroutine.hpp>
//
//   sluice::Task<bool> show(sluice::Multi& multi, std::string text) {
//     const auto url = sluice::Url::parse(text);
//     if (!url) co_return std::cerr << url.error().message() << '\n', false;
//     sluice::Request request;
//     request.url = *url;
//     const auto response = co_await multi.fetch(std::move(request));
//     if (!response) co_return std::cerr << response.error().message() << '\n', false;
//     std::cout << response->head.status << ' ' << response->body.size() << ' ' << text << '\n';
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

#include <coroutine>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "multi.hpp"

namespace sluice {

// Starts one transfer and collects its response. The base of fetch() and async_fetch() (asio.hpp). Its destructor
// removes the transfer, so it must be destroyed before the Multi.
class ResponseCollector : private TransferHandler {
 public:
  ~ResponseCollector() override {
    if (transfer_) multi_.remove(transfer_);
  }
  ResponseCollector(const ResponseCollector&) = delete;
  ResponseCollector& operator=(const ResponseCollector&) = delete;

 protected:
  explicit ResponseCollector(Multi& multi) : multi_(multi) {}
  // Call it once. If add() refuses the request, result_ has the error at once and ended() is not called.
  void start(Request request, TransferOptions options) {
    if (std::holds_alternative<BodyStream>(request.body)) {
      result_ = std::unexpected(
          make_error(Code::invalid_option, "fetch " + request.url.text_without_secrets() +
                                               ": a BodyStream needs a TransferHandler, which a fetch has not"));
      return;
    }
    const auto added = multi_.add(std::move(request), std::move(options), this);
    if (added) {
      transfer_ = *added;
    } else {
      result_ = std::unexpected(added.error());
    }
  }
  // Called inside the drive in which the transfer ended. The transfer was removed from the Multi already, and result_
  // is complete. May destroy this object.
  virtual void ended() = 0;
  bool running() const noexcept { return static_cast<bool>(transfer_); }
  // Removes the transfer; `why` becomes the result. ended() is not called.
  void give_up(Error why) {
    multi_.remove(std::exchange(transfer_, {}));
    result_ = std::unexpected(std::move(why));
  }

  Result<Response> result_;

 private:
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    const std::size_t size = bytes.size();
    try {
      result_->body += as_text(bytes);
    } catch (const std::bad_alloc&) {
      give_up(make_error(Code::out_of_memory, {}));
      ended();
    }
    return size;
  }
  void on_done(Multi&, TransferId transfer, const Result<void>& end) override {
    try {
      collect(transfer, end);
    } catch (const std::bad_alloc&) {
      result_ = std::unexpected(make_error(Code::out_of_memory, {}));
    }
    multi_.remove(std::exchange(transfer_, {}));
    ended();
  }
  void collect(TransferId transfer, const Result<void>& end) {
    if (end) {
      result_->head = multi_.head(transfer);
      result_->trailers = multi_.trailers(transfer);
      result_->progress = multi_.progress(transfer);
      result_->info = multi_.info(transfer);
    } else {
      result_ = std::unexpected(end.error());
    }
  }

  Multi& multi_;
  TransferId transfer_;  // default: the transfer has ended
};

// What Multi::fetch() returns: a transfer that has started, which one coroutine awaits once. Its destructor removes the
// transfer, also when a coroutine that waits for it is destroyed; so both must be destroyed before the Multi.
//
// The coroutine is resumed inside the drive in which its transfer ended, in the Multi's thread. There everything is
// legal except driving, and destroying the Multi or the driver of its loop. The transfer was removed from the Multi
// already, and info_read() does not return it. Wait for the coroutines, not until running() is 0: a transfer that add()
// refused does not count there. If the coroutine's type lets an exception out, the exception leaves the drive, as that
// of a handler does (multi.hpp).
class [[nodiscard]] PendingResponse final : private ResponseCollector {
 public:
  PendingResponse(Multi& multi, Request request, TransferOptions options) : ResponseCollector(multi) {
    start(std::move(request), std::move(options));
  }

  bool await_ready() const noexcept { return !running(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  Result<Response> await_resume() { return std::move(result_); }

 private:
  void ended() override {
    if (waiting_) waiting_.resume();  // which may destroy this object
  }

  std::coroutine_handle<> waiting_;
};

PendingResponse Multi::fetch(Request request, TransferOptions options) {
  return PendingResponse(*this, std::move(request), std::move(options));
}

// How a Task's coroutine ended: with an exception, or with a value (TaskResult).
class TaskEnd {
 public:
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

 protected:
  void rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  std::exception_ptr exception_;
};
template <class T>
struct TaskResult : TaskEnd {
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return *std::move(value_);
  }

 private:
  std::optional<T> value_ = {};
};
template <>
struct TaskResult<void> : TaskEnd {
  void return_void() noexcept {}
  void take() { rethrow(); }
};

// A coroutine and its result. It begins to run when it is called, until it must wait; so several tasks that are started
// one after another run at the same time. Another coroutine may await it once, or the program that drives the loop may
// take() its result when it is done(). A Task owns its coroutine: the destructor ends it at the point where it waits,
// which removes the transfer it waits for. A Task must not be destroyed by its own coroutine or while another coroutine
// awaits it. An exception that leaves the coroutine is thrown again by take(), or in the coroutine that awaits. If the
// result is never taken, its exception is lost. As with every coroutine, everything that its parameters and a lambda's
// captures refer to must live as long as the coroutine.
template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type;

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  bool done() const noexcept { return coroutine_.done(); }
  // Returns the result, once, or throws the exception with which the coroutine ended. Only when done(), else the
  // process ends.
  T take() {
    if (!done()) std::terminate();
    return coroutine_.promise().take();
  }

  bool await_ready() const noexcept { return done(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { coroutine_.promise().waiting = waiting; }
  T await_resume() { return take(); }

 private:
  using Handle = std::coroutine_handle<promise_type>;
  explicit Task(Handle coroutine) : coroutine_(coroutine) {}

  Handle coroutine_;
};

template <class T>
struct Task<T>::promise_type : TaskResult<T> {
  // Resumes the coroutine that awaits this one, if any; it is suspended at this point. A task that never waits ends
  // before another coroutine can await it. So the stack depth depends on how deeply tasks nest and not on their number,
  // also if the compiler does not make this a tail call.
  struct End {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle ended) const noexcept {
      const auto next = ended.promise().waiting;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  Task get_return_object() { return Task(Handle::from_promise(*this)); }
  std::suspend_never initial_suspend() const noexcept { return {}; }
  End final_suspend() const noexcept { return {}; }

  std::coroutine_handle<> waiting;
};

}  // namespace sluice
