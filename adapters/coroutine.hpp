// C++20 coroutines: `co_await multi.fetch(request)` over a Multi that any loop drives, and a small coroutine type, Task, for
// those who have none. Knows how to wait for one transfer and collect it whole; leaves driving to the loop, and all else to
// Multi. Header only.
//
// Example: fetches all the URLs of its command line at once, one task each.
//   #include <algorithm>
//   #include <iostream>
//   #include <vector>
//
//   #include "adapters/coroutine.hpp"
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

#include "adapters/multi.hpp"

namespace sluice {

// What Multi::fetch() answers: a transfer that has started, to be awaited once, by one coroutine. Destroying it, as destroying a
// coroutine that waits for it does, removes the transfer; so both must go before the Multi does.
//
// A coroutine goes on from inside the drive in which its transfer ended, in the Multi's thread: everything but driving is legal
// there; destroying the Multi or the driver of its loop is not. Its transfer has left the Multi by then, and info_read() never
// tells of it. Wait for what you started, not for running() to be 0: a transfer that failed before it began does not count.
class [[nodiscard]] PendingResponse final : private TransferHandler {
 public:
  PendingResponse(Multi& multi, Request request, TransferOptions options) : multi_(multi) {
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
  ~PendingResponse() override {
    if (transfer_) multi_.remove(transfer_);
  }
  PendingResponse(const PendingResponse&) = delete;
  PendingResponse& operator=(const PendingResponse&) = delete;

  bool await_ready() const noexcept { return !transfer_; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  Result<Response> await_resume() { return std::move(result_); }

 private:
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    const std::size_t size = bytes.size();
    try {
      result_->body += as_text(bytes);
    } catch (const std::bad_alloc&) {
      result_ = std::unexpected(make_error(Code::out_of_memory, {}));
      go_on();
    }
    return size;
  }
  void on_done(Multi&, TransferId transfer, const Result<void>& end) override {
    try {
      collect(transfer, end);
    } catch (const std::bad_alloc&) {
      result_ = std::unexpected(make_error(Code::out_of_memory, {}));
    }
    go_on();
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
  void go_on() {
    multi_.remove(std::exchange(transfer_, {}));
    if (waiting_) waiting_.resume();  // which may destroy this
  }

  Multi& multi_;
  TransferId transfer_;  // none: it has ended
  std::coroutine_handle<> waiting_;
  Result<Response> result_;
};

PendingResponse Multi::fetch(Request request, TransferOptions options) {
  return PendingResponse(*this, std::move(request), std::move(options));
}

// What a Task's coroutine leaves behind.
template <class T>
struct TaskResult {
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};
template <>
struct TaskResult<void> {
  void return_void() noexcept {}
  void take() noexcept {}
};

// A coroutine and the result it ends with. Runs from the moment it is called until it first has to wait, so tasks that are
// started one after the other run at once. Another coroutine may await it, once, or whoever drives the loop may take() its
// result when it is done(). Owns its coroutine: destroying the Task ends that where it waits, which removes the transfer it waits
// for; not to be done from inside itself, or while another coroutine awaits it. An exception that leaves the coroutine ends the
// process (std::terminate): there is nobody above to catch it. As with every coroutine, what parameters and a lambda's captures
// refer to must live as long as it does.
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
  // Its result, once. Only when done(): before that there is none, and the process ends.
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
  // The one who waits goes on from in here. It has suspended by then, and a task that need not wait never comes here with one
  // who waits: so the stack grows with how deep tasks nest, not with how many there are, whether or not the compiler makes this
  // a jump.
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
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> waiting;
};

}  // namespace sluice
