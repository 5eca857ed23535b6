// Surrounds each public function of Engine and Connection, and catches std::bad_alloc that was not handled inside: then
// everything ends (give_up). Leaves smaller steps to Impl.
#pragma once

#include "core/base/memory.hpp"
#include "core/types.hpp"

namespace sluice::engine {

template <class Impl, class Entry>
void guarded(Impl& impl, Entry entry) noexcept {
  if (!has_memory_for([&] { entry(impl); })) impl.give_up();
}

// For an application's call about a transfer: call(Calls&, Now).
template <class Impl, class Call>
void guarded_call(Impl& impl, Now now, Call call) noexcept {
  guarded(impl, [&](auto& inside) { inside.entry(now, [&](Now at) { call(inside.calls(), at); }); });
}

}  // namespace sluice::engine
