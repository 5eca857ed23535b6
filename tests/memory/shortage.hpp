// Failing allocations on request: the Nth allocation of the code under test fails, whichever allocator it uses (all
// forms of operator new, and BoringSSL's through its hooks). Counts only inside a `Watched` scope, so allocations of
// the test and the peer are not affected. Global for the executable it is linked into; only scopes of the calling
// thread count, and only one thread may use it at a time.
#pragma once

#include <cstddef>

namespace sluice::test {

enum class Shortage {
  once,         // the Nth allocation fails, the next one succeeds again
  from_then_on  // it and all later ones fail, until relieve()
};

// Counting starts at 1 with this call. `again` > 0: one more allocation fails, `again` after the Nth.
void run_short(std::size_t nth, Shortage kind, std::size_t again = 0);
void relieve();
bool ran_short();                        // an allocation has failed since run_short()
std::size_t refused();                   // the number of failed ones
std::size_t allocations();               // the number of watched ones since run_short()
std::size_t allocations_of_boringssl();  // among them

class Watched {
 public:
  Watched();
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
};

// Excludes a part of a watched scope, such as a callback of the application.
class Unwatched {
 public:
  Unwatched();
  ~Unwatched();
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;

 private:
  int depth_;
};

// Runs a call into the code under test.
template <class Call>
decltype(auto) watched(Call call) {
  const Watched scope;
  return call();
}

// An allocator for C code that takes one: fails as the others do.
void* shortage_malloc(std::size_t bytes);
void* shortage_realloc(void* old, std::size_t bytes);
void shortage_free(void* memory);

}  // namespace sluice::test
