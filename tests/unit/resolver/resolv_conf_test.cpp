// resolv.conf(5) as text, and which names are queried under it.
#include "adapters/resolver/resolv_conf.hpp"

#include <doctest/doctest.h>

using namespace sluice::net;
using namespace std::chrono_literals;

using Words = std::vector<std::string>;

TEST_CASE("resolv.conf: servers, domains and options") {
  const ResolvConf conf = parse_resolv_conf(
      "# a comment\n; another\nnameserver 192.0.2.53\n\tnameserver   2001:db8::53  \nnameserver fe80::1%eth0\nnameserver nonsense\n"
      "domain one.test\nsearch a.test b.test.\t.\r\noptions ndots:3 timeout:1 attempts:2 rotate use-vc edns0 trust-ad\nsortlist 1.2.3.4\n"
      "nameserver 127.0.0.1");
  CHECK(conf.servers == Words{"192.0.2.53", "[2001:db8::53]", "127.0.0.1"});
  CHECK(conf.search == Words{"a.test", "b.test", ""});
  CHECK(conf.ndots == 3);
  CHECK(conf.timeout == 1s);
  CHECK(conf.attempts == 2);
  CHECK(conf.rotate);
  CHECK(conf.tcp);
}

TEST_CASE("resolv.conf: nothing, and what nobody could mean") {
  for (const char* text : {"", "\n\n", "nameserver", "search", "options",
                           "options timeout: attempts:x ndots:-1 timeout:1s", "garbage \x01\xff"}) {
    CAPTURE(text);
    const ResolvConf conf = parse_resolv_conf(text);
    CHECK(conf.servers.empty());
    CHECK(conf.search.empty());
    CHECK(conf.ndots == 1);
    CHECK(conf.timeout == 2s);
    CHECK(conf.attempts == 3);
    CHECK_FALSE(conf.rotate);
    CHECK_FALSE(conf.tcp);
  }
}

TEST_CASE("resolv.conf: numbers are held to the C library's bounds") {
  const ResolvConf most = parse_resolv_conf("options ndots:99 timeout:99999999999999999999 attempts:100\n");
  CHECK(most.ndots == 15);
  CHECK(most.timeout == 30s);
  CHECK(most.attempts == 5);
  const ResolvConf least = parse_resolv_conf("options ndots:0 timeout:0 attempts:0\n");
  CHECK(least.ndots == 0);
  CHECK(least.timeout == 1s);
  CHECK(least.attempts == 1);
}

TEST_CASE("resolv.conf: many servers and domains are cut") {
  std::string text = "search";
  for (int i = 0; i < 100; ++i) text += " d" + std::to_string(i) + ".test";
  text += '\n';
  for (int i = 0; i < 100; ++i) text += "nameserver 192.0.2." + std::to_string(i) + '\n';
  const ResolvConf conf = parse_resolv_conf(text);
  CHECK(conf.servers.size() == 6);
  CHECK(conf.search.size() == 32);
}

TEST_CASE("resolv.conf: the last of search and domain counts, and the environment comes before both") {
  CHECK(parse_resolv_conf("search a.test b.test\ndomain c.test d.test\n").search == Words{"c.test"});
  const ResolvConf conf =
      parse_resolv_conf("search a.test\noptions timeout:5 rotate\n", "env.test other.test", "timeout:3 ndots:2");
  CHECK(conf.search == Words{"env.test", "other.test"});
  CHECK(conf.timeout == 3s);
  CHECK(conf.ndots == 2);
  CHECK(conf.rotate);
}

TEST_CASE("SB-85 resolv.conf: a name with a final dot is asked for as it is, whatever there is to add") {
  ResolvConf conf;
  conf.search = {"corp.test", ""};
  for (const std::size_t ndots : {0U, 1U, 5U, 15U}) {
    conf.ndots = ndots;
    CHECK(names_to_ask("www.example.test.", conf) == Words{"www.example.test."});
    CHECK(names_to_ask("host.", conf) == Words{"host."});
  }
}

TEST_CASE("resolv.conf: domains are added to names of few dots first, to others last") {
  ResolvConf conf;
  conf.search = {"a.test", "b.test"};
  CHECK(names_to_ask("host", conf) == Words{"host.a.test", "host.b.test", "host"});
  CHECK(names_to_ask("x.host", conf) == Words{"x.host", "x.host.a.test", "x.host.b.test"});
  conf.ndots = 2;
  CHECK(names_to_ask("x.host", conf) == Words{"x.host.a.test", "x.host.b.test", "x.host"});
  conf.ndots = 0;
  CHECK(names_to_ask("host", conf) == Words{"host", "host.a.test", "host.b.test"});
  conf.search.clear();
  CHECK(names_to_ask("host", conf) == Words{"host"});
}

TEST_CASE("resolv.conf: the root among the domains adds nothing, and no name is asked for twice") {
  ResolvConf conf = parse_resolv_conf("search .\n");
  CHECK(names_to_ask("intranet", conf) == Words{"intranet"});
  CHECK(names_to_ask("a.b", conf) == Words{"a.b"});
  conf = parse_resolv_conf("search . a.test a.test\n");
  CHECK(names_to_ask("intranet", conf) == Words{"intranet", "intranet.a.test"});
}
