// As engine_memory_test.cpp, for an application's other calls on an engine: cancel(), changed limits, credentials from
// a URL, reported heads, limits of phases and rates.
#include "core/transfer_limits.hpp"
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
    world.set_limits({.max_connections = 2,
                      .max_connections_per_origin = 1,
                      .max_connections_per_proxy = 1,
                      .idle_connection_timeout = std::chrono::seconds(5)});
    world.run();
    world.set_limits({.idle_connection_timeout = std::chrono::seconds(50)});
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

TEST_CASE("memory: limits of phases and of speed, rates of one transfer and of all, and another network") {
  with_every_allocation_failing("plain, limits", [] {
    EngineOptions options;
    options.max_connections = 2;
    options.max_receive_rate = 50'000;
    options.report_events = true;
    MemoryWorld world(std::move(options), nullptr);
    Wish limited = get("http://limits.test/6000/1", std::string(pattern(6000, 1)));
    limited.options.limits = std::make_shared<const TransferLimits>(TransferLimits{
        .queue_timeout = std::chrono::hours(1),
        .resolve_timeout = std::chrono::hours(1),
        .response_timeout = std::chrono::hours(1),
        .low_rate = 1,
        .max_receive_rate = 20'000,
        .max_send_rate = 20'000,
    });
    Wish upload = limited;
    upload.method = "PUT";
    upload.url = "http://limits.test/0/0?echo";
    upload.upload = upload.expected = std::string(pattern(6000, 11));
    const Wish other = get("http://192.0.2.9/3000/1", std::string(pattern(3000, 1)));
    std::vector<std::optional<TransferId>> ids;
    for (const Wish& wish : {limited, upload, other, limited}) ids.push_back(world.add(wish));
    for (int i = 0; i < 5; ++i) world.step();
    world.network_changed();
    world.run();
    for (const auto& id : ids) {
      if (!ran_short() && !(id && world.succeeded(*id)))
        world.fault("a transfer of the story failed with memory there");
    }
    relieve();
    const auto fresh = world.add(limited);
    world.run();
    if (world.engine && !(fresh && world.succeeded(*fresh))) world.fault("with memory back, a transfer fails");
    world.finish();
    return world.faults();
  });
}

}  // namespace
}  // namespace sluice::test
