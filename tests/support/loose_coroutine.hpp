// A coroutine type of an application's own, which lets exceptions out to the caller that resumed it.
#pragma once

#include <coroutine>

namespace sluice::test {

struct Loose {
  struct promise_type {
    Loose get_return_object() { return Loose(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }
  };
  explicit Loose(std::coroutine_handle<> made) : coroutine(made) {}
  ~Loose() { coroutine.destroy(); }
  Loose(const Loose&) = delete;
  Loose& operator=(const Loose&) = delete;
  std::coroutine_handle<> coroutine;
};

}  // namespace sluice::test
