// Names: each binding handles c-ares' descriptors and retry times.
#include <deque>

#include "tests/conformance/world.hpp"
#include "tests/support/dns_server.hpp"

using namespace sluice;
using namespace sluice::conformance;

TEST_CASE_FIXTURE(World,
                  "names are looked up, also when the first question is lost, and one that is not there is an error") {
  if (!server().real()) return;  // it is c-ares that is asked about
  const IpAddress here = IpAddress::parse("127.0.0.1").value();
  test::DnsServer dns({{"quick.test", {here}}, {"late.test", {here}}});
  MultiOptions options;
  options.dns_servers = dns.address();
  use(std::move(options));
  const auto named = [&](const Get& one, const std::string& name) {
    Request wanted = request(one.path);
    std::string url = server().http(one.path);
    url.replace(url.find("127.0.0.1"), std::string("127.0.0.1").size(), name);
    wanted.url = Url::parse(url).value();
    return wanted;
  };
  const Instant begin = multi().now();
  std::deque<Get> all;
  for (const char* name : {"quick.test", "late.test", "none.test", "quick.test"}) {
    Get& one = all.emplace_back(50'000, all.size());
    add(named(one, name), one);
  }
  REQUIRE(loop().run_until([&] { return multi().running() == 1; }, kLong));
  CHECK(all[1].dones == 0);
  CHECK(all[0].complete());
  CHECK(all[3].complete());
  REQUIRE(all[2].dones == 1);
  REQUIRE_FALSE(all[2].result.has_value());
  CHECK(all[2].result.error().code == Code::resolve_failed);
  // Nothing but the resolver's own time brings this one on.
  REQUIRE(run());
  CHECK(all[1].complete());
  CHECK(multi().now() < begin + 10s);
  CHECK(dns.questions() >= 4);
}
