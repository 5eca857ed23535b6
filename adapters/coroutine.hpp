// C++20 coroutines: `co_await multi.fetch(request)` over a Multi that any loop drives, and a small coroutine type,
// Task, for those who have none. Knows how to wait for one transfer and collect it whole; leaves driving to the loop,
// and all else to Multi. Header only.
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

// Starts one transfer and collects its response: what fetch() and async_fetch() (asio.hpp) are made of. Destroying it
// removes the transfer, so it must go before the Multi does.
class ResponseCollector : private TransferHandler {
 public:
  ~ResponseCollector() override {
    if (transfer_) multi_.remove(transfer_);
  }
  ResponseCollector(const ResponseCollector&) = delete;
  ResponseCollector& operator=(const ResponseCollector&) = delete;

 protected:
  explicit ResponseCollector(Multi& multi) : multi_(multi) {}
  // Once. What add() refuses is in result_ right after, and ended() is not called.
  void start(Request request, TransferOptions options) {
    if (std::holds_alternative<BodyStream>(request.body)) {
      result_ = std::unexpected(make_error(Code::invalid_option, "fetch " + request.url.text_without_secrets() +
                                                                     ": nothing feeds a streamed request body here"));
      return;
    }
    const auto added = multi_.add(std::move(request), std::move(options), this);
    if (added) {
      transfer_ = *added;
    } else {
      result_ = std::unexpected(added.error());
    }
  }
  // From inside the drive in which the transfer ended, which has left the Multi by then; result_ is complete. May
  // destroy this.
  virtual void ended() = 0;
  bool running() const noexcept { return static_cast<bool>(transfer_); }
  // Ends it without ended(): `why` is its result.
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
  TransferId transfer_;  // none: it has ended
};

// What Multi::fetch() answers: a transfer that has started, to be awaited once, by one coroutine. Destroying it, as
// destroying a coroutine that waits for it does, removes the transfer; so both must go before the Multi does.
//
// A coroutine goes on from inside the drive in which its transfer ended, in the Multi's thread: everything but driving
// is legal there; destroying the Multi or the driver of its loop is not. Its transfer has left the Multi by then, and
// info_read() never tells of it. Wait for what you started, not for running() to be 0: a transfer that failed before it
// began does not count. An exception that leaves a coroutine of a type that lets it out leaves the drive, as a
// handler's does (multi.hpp).
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
    if (waiting_) waiting_.resume();  // which may destroy this
  }

  std::coroutine_handle<> waiting_;
};

PendingResponse Multi::fetch(Request request, TransferOptions options) {
  return PendingResponse(*this, std::move(request), std::move(options));
}

// What a Task's coroutine leaves behind.
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

// A coroutine and the result it ends with. Runs from the moment it is called until it first has to wait, so tasks that
// are started one after the other run at once. Another coroutine may await it, once, or the caller that drives the
// loop may take() its result when it is done(). Owns its coroutine: destroying the Task ends that where it waits, which
// removes the transfer it waits for; not to be done from inside itself, or while another coroutine awaits it. An
// exception that leaves the coroutine is thrown again by take(), or where another coroutine awaits it. If the result of
// a Task is never taken, its exception is lost. As with every coroutine, what parameters and a lambda's captures refer
// to must live as long as it does.
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
  // Its result, once, or the exception it ended with. Only when done(): before that there is none, and the process
  // ends.
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
  // The one who waits goes on from in here. It has suspended by then, and a task that need not wait never comes here
  // with one who waits: so the stack grows with how deep tasks nest, not with how many there are, whether or not the
  // compiler makes this a jump.
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
