// The place where what the allocator throws ends at the latest: around each function of a boundary (core/engine.cpp,
// core/connection.cpp). What could not be helped on the way ends everything there.
#pragma once

#include "core/base/memory.hpp"
#include "core/types.hpp"

namespace sluice::engine {

template <class Impl, class Entry>
void guarded(Impl& impl, Entry entry) noexcept {
  if (!has_memory_for([&] { entry(impl); })) impl.give_up();
}

// A call of the application's about a transfer: call(Calls&, Now).
template <class Impl, class Call>
void guarded_call(Impl& impl, Now now, Call call) noexcept {
  guarded(impl, [&](auto& inside) { inside.entry(now, [&](Now at) { call(inside.calls(), at); }); });
}

}  // namespace sluice::engine
