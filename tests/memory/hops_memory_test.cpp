// Each allocation fails in turn while transfers have several hops: over another connection, after a wait, with a body
// that is sent again; and while they have cookies, and bodies whose coding is undone. See engine_memory_test.cpp.
#include <vector>

#include "core/cookies.hpp"
#include "core/features.hpp"
#include "core/hsts.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/memory/memory_world.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/proxies.hpp"

namespace sluice::test {
namespace {

std::string body(std::size_t size, std::size_t start) { return std::string(pattern(size, start)); }

std::vector<std::string> tell_hops() {
  MemoryWorld world({}, nullptr, true);
  Wish get;
  get.url = "http://192.0.2.9/leads/leads/3000/1";
  get.expected = body(3000, 1);
  Wish put;
  put.method = "PUT";
  put.url = "http://192.0.2.9/leads/0/0?echo";
  put.upload = put.expected = body(200, 11);
  put.rewindable = true;
  const auto first = world.add(get);
  const auto second = world.add(put);
  world.run();
  for (const auto& id : {first, second}) {
    if (!ran_short() && !(id && world.succeeded(*id))) world.fault("a transfer failed with memory there");
  }
  relieve();
  Wish fresh;
  fresh.url = "http://192.0.2.9/2000/3";
  fresh.expected = body(2000, 3);
  const auto last = world.add(fresh);
  world.run();
  if (world.engine && !(last && world.succeeded(*last))) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

// Two coded bodies, of which one waits, and whose cookies the second request has.
std::vector<std::string> tell_coded() {
  const auto jar = CookieJar::create();
  MemoryWorld world({}, nullptr);
  Wish coded;
  coded.url = "http://192.0.2.9/coded/";
  coded.expected = body(40'000, 7);
  coded.options.decoding.emplace();
  coded.options.cookies = jar;
  const auto first = world.add(coded);
  world.run();
  coded.pause = true;
  const auto second = world.add(coded);
  world.run();
  for (const auto& id : {first, second}) {
    if (!ran_short() && !(id && world.succeeded(*id))) world.fault("a transfer failed with memory there");
  }
  if (!ran_short() && jar->size() != 1) world.fault("there is no cookie");
  relieve();
  const auto last = world.add(coded);
  world.run();
  if (world.engine && !(last && world.succeeded(*last))) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

// A challenge that is answered, a retry, and the same again with what is remembered of both.
std::vector<std::string> tell_answers() {
  EngineOptions shared;
  shared.hsts = std::make_shared<HstsStore>();
  shared.report_events = true;
  MemoryWorld world(shared, nullptr);
  Wish guarded;
  guarded.url = "http://192.0.2.9/guarded/";
  guarded.expected = "well";
  guarded.options.credentials = std::make_shared<const Credentials>(
      Credentials{.user = std::string(50, 'u'),
                  .password = "secret",
                  .schemes = {.basic = true, .digest = true},
                  .netrc = std::make_shared<const std::string>("machine other.test login you password word")});
  guarded.options.retries = RetryOptions{.max_retries = 3, .delay = std::chrono::milliseconds(10)};
  const auto first = world.add(guarded);
  world.run();
  const auto second = world.add(guarded);
  world.run();
  for (const auto& id : {first, second}) {
    if (!ran_short() && !(id && world.succeeded(*id))) world.fault("a transfer failed with memory there");
  }
  relieve();
  const auto last = world.add(guarded);
  world.run();
  if (world.engine && !(last && world.succeeded(*last))) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

// Logins of two tokens, all of which need memory.
class Tokens final : public NegotiateProvider {
 public:
  std::unique_ptr<NegotiateLogin> begin(std::string_view) override { return std::make_unique<Two>(); }
  std::string identity() const override { return std::string(50, 'i'); }

 private:
  class Two final : public NegotiateLogin {
    Result<std::string> next(std::string_view received) override {
      const std::string copy = std::string(50, ' ') + std::string(received);
      return std::string(received.empty() ? "first" : copy.ends_with("more") ? "second" : "");
    }
  };
};

// A connection is logged in, with a body (of NTLM it goes with the answer, so it is given once), and used again.
std::vector<std::string> tell_login(Credentials credentials) {
  MemoryWorld world({}, nullptr);
  Wish put;
  put.url = "http://192.0.2.9/login/";
  if (credentials.schemes.ntlm) {
    put.method = "PUT";
    put.upload = body(200, 11);
  }
  put.expected = "well";
  put.options.credentials = std::make_shared<const Credentials>(std::move(credentials));
  for (int i = 0; i < 2; ++i) {
    const auto id = world.add(put);
    world.run();
    if (!ran_short() && !(id && world.succeeded(*id))) world.fault("a transfer failed with memory there");
  }
  relieve();
  const auto last = world.add(put);
  world.run();
  if (world.engine && !(last && world.succeeded(*last))) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

// By a proxy that forwards, and by a tunnel; the way before it fails, and a name is looked up for SOCKS.
std::vector<std::string> tell_proxied(bool tunnel) {
  MemoryWorld world({}, nullptr);
  Proxy proxy = proxy_at(ProxyKind::http, "192.0.2.9");
  proxy.user = std::string(50, 'u');
  proxy.password = "secret";
  proxy.schemes = {.basic = false, .digest = true};
  proxy.tunnel = tunnel;
  const Ways ways = {std::make_shared<const ProxyChain>(ProxyChain{proxy_at(ProxyKind::socks4, "nowhere.test")}),
                     std::make_shared<const ProxyChain>(ProxyChain{proxy})};
  Wish get;
  get.url = "http://192.0.2.9/2000/3";
  get.expected = body(2000, 3);
  get.options.proxies = std::make_shared<Chooser>([ways](const Url&) { return ways; });
  get.options.report_heads = tunnel;
  const auto first = world.add(get);
  world.run();
  if (!ran_short() && !(first && world.succeeded(*first))) world.fault("a transfer failed with memory there");
  relieve();
  const auto last = world.add(get);
  world.run();
  if (world.engine && !(last && world.succeeded(*last))) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

TEST_CASE("memory: a request that a proxy forwards, after its challenge and another way") {
  with_every_allocation_failing("forwarded", [] { return tell_proxied(false); },
                                {Shortage::once, Shortage::from_then_on}, {1, 5});
}

TEST_CASE("memory: a tunnel, after its challenge and another way") {
  with_every_allocation_failing("tunnel", [] { return tell_proxied(true); }, {Shortage::once, Shortage::from_then_on},
                                {1, 5});
}

TEST_CASE("memory: a login by NTLM") {
  const auto tell = [] {
    return tell_login(
        {.user = "DOMAIN\\" + std::string(50, 'u'), .password = "secret", .schemes = {.basic = false, .ntlm = true}});
  };
  with_every_allocation_failing("login", tell, {Shortage::once, Shortage::from_then_on}, {1, 5});
}

TEST_CASE("memory: a login by Negotiate") {
  const auto tell = [] {
    return tell_login({.schemes = {.basic = false, .negotiate = true}, .negotiate = std::make_shared<Tokens>()});
  };
  with_every_allocation_failing("negotiate", tell, {Shortage::once, Shortage::from_then_on}, {1, 5});
}

TEST_CASE("memory: challenges that are answered, and retries") {
  with_every_allocation_failing("answers", tell_answers, {Shortage::once, Shortage::from_then_on}, {1, 5});
}

TEST_CASE("memory: cookies, and bodies that are decoded as they are consumed") {
  if (!features().zlib) return;
  with_every_allocation_failing("coded", tell_coded, {Shortage::once, Shortage::from_then_on}, {1, 5});
}

TEST_CASE("memory: three hops, after waits and over other connections, and a body that is asked for again") {
  with_every_allocation_failing("hops", tell_hops, {Shortage::once, Shortage::from_then_on}, {1, 5});
}

}  // namespace
}  // namespace sluice::test
