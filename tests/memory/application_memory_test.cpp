// As engine_memory_test.cpp, for an application's other calls on an engine: cancel(), changed limits, credentials from
// a URL, reported heads.
#include "tests/memory/every_allocation.hpp"
#include "tests/memory/memory_world.hpp"
#include "tests/support/pattern.hpp"

namespace sluice::test {
namespace {

Wish get(std::string url, std::string expected) {
  Wish wish;
  wish.url = std::move(url);
  wish.expected = std::move(expected);
  return wish;
}

TEST_CASE("memory: credentials, told heads, a cancellation and other limits") {
  with_every_allocation_failing("plain, application's calls", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::canceled};
    Wish told = get("http://user:secret%20word@192.0.2.9/3000/1", std::string(pattern(3000, 1)));
    told.options.report_heads = true;
    std::vector<std::optional<TransferId>> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(world.add(told));
    const auto gone = world.add(get("http://192.0.2.9/900/1?hold", ""));
    for (int i = 0; i < 3; ++i) world.step();
    if (gone) world.cancel(*gone);
    world.set_limits({2, 1, std::chrono::seconds(5)});
    world.run();
    world.set_limits({0, 0, std::chrono::seconds(50)});
    for (const auto& id : ids) {
      if (!ran_short() && !(id && world.succeeded(*id)))
        world.fault("a transfer of the story failed with memory there");
    }
    relieve();
    const auto fresh = world.add(told);
    world.run();
    if (world.engine && !(fresh && world.succeeded(*fresh))) world.fault("with memory back, a transfer fails");
    world.finish();
    return world.faults();
  });
}

}  // namespace
}  // namespace sluice::test
