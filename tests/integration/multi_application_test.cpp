// An application's other calls on a Multi: its own pointer, cancel(), the pool and its limits, reported heads.
#include <doctest/doctest.h>

#include <deque>

#include "adapters/multi.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/multi_tools.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Heads : Recorder {
  std::vector<std::string> sent, received;
  void on_head_sent(Multi&, TransferId, std::string_view head) override { sent.emplace_back(head), order += '>'; }
  void on_head_received(Multi&, TransferId, std::string_view head) override {
    received.emplace_back(head), order += '<';
  }
};

LoopbackServer::Script echo() {
  return [](const std::string& request) { return ok(request); };
}

}  // namespace

TEST_CASE("multi: a message carries the application's own pointer") {
  LoopbackServer server(echo());
  const auto multi = make_multi();
  Recorder handler;
  int jobs[2] = {};
  std::map<TransferId, int*> expected;
  for (int& job : jobs) {
    TransferOptions options;
    options.user_data = &job;
    expected[multi->add(get(server.url()), options, &handler).value()] = &job;
  }
  expected[multi->add(get(server.url()), {}, &handler).value()] = nullptr;
  REQUIRE(finish(*multi));
  for (const auto& [id, message] : take_messages(*multi)) CHECK(message.user_data == expected.at(id));
}

TEST_CASE("multi: a name server that is none is an error of create(), which names it") {
  for (const char* good : {"", "192.0.2.53", "127.0.0.1:5353", "192.0.2.53,127.0.0.1:1", "2001:db8::53",
                           "[2001:db8::53]", "[::1]:65535,192.0.2.53"}) {
    CAPTURE(good);
    MultiOptions options;
    options.dns_servers = good;
    CHECK(Multi::create(std::move(options)).has_value());
  }
  struct Case {
    const char* servers;
    const char* named;
  };
  for (const auto& [servers, named] :
       {Case{"nonsense", "\"nonsense\""}, Case{"192.0.2.53,dns.test", "\"dns.test\""},
        Case{"192.0.2.53, 192.0.2.54", "\" 192.0.2.54\""}, Case{"192.0.2.53,,192.0.2.54", "\"\""},
        Case{"192.0.2.53,", "\"\""}, Case{",", "\"\""}, Case{"192.0.2.53:", "\"192.0.2.53:\""},
        Case{"192.0.2.53:0", "\"192.0.2.53:0\""}, Case{"192.0.2.53:65536", "\"192.0.2.53:65536\""},
        Case{"192.0.2.53:5x", "\"192.0.2.53:5x\""}, Case{"192.0.2", "\"192.0.2\""}, Case{"[::1", "\"[::1\""},
        Case{"[::1]5", "\"[::1]5\""}, Case{"[::1]:", "\"[::1]:\""}, Case{"[192.0.2.53]:53", "\"[192.0.2.53]:53\""}}) {
    CAPTURE(servers);
    MultiOptions options;
    options.dns_servers = servers;
    const auto refused = Multi::create(std::move(options));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
    CHECK(refused.error().message() ==
          "dns_servers: " + std::string(named) + " is no address of a name server, with or without a port");
  }
}

TEST_CASE("multi: an override's host may be written in any case; one that is no host is refused") {
  LoopbackServer server(echo());
  MultiOptions options;
  const std::string at = server.url();
  const auto port = Url::parse(at).value().port();
  options.resolve_overrides = {{"WWW.Over.TEST", port, {*IpAddress::parse("127.0.0.1")}},
                               {"dotted.test.", port, {*IpAddress::parse("127.0.0.1")}}};
  const auto multi = make_multi(options);
  Recorder handler, shout, dotted;
  TransferOptions elsewhere;
  elsewhere.connect_to = ConnectTo{"www.OVER.test", port};
  REQUIRE(multi->add(get("http://wWw.over.test:" + std::to_string(port) + "/"), {}, &handler));
  REQUIRE(multi->add(get("http://else.test/"), elsewhere, &shout));
  REQUIRE(multi->add(get("http://Dotted.test:" + std::to_string(port) + "/"), {}, &dotted));
  REQUIRE(finish(*multi));
  CHECK(handler.body.find("Host: www.over.test") != std::string::npos);
  CHECK(shout.body.find("Host: else.test") != std::string::npos);
  CHECK(dotted.body.find("Host: dotted.test") != std::string::npos);
  for (const char* host : {"", "a b", "a/b", "user@a", "a:80", "a..b", "%00"}) {
    CAPTURE(host);
    options.resolve_overrides[1].host = host;
    const auto refused = Multi::create(options);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::invalid_option);
    CHECK(refused.error().message() ==
          "resolve_overrides: \"" + std::string(host) + "\" is no host that a URL can have");
  }
}

TEST_CASE("multi: cancel() is told, remove() is not") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", .hold = false};
  });
  const auto multi = make_multi();
  Recorder canceled, removed, from_inside;
  const TransferId first = multi->add(get(server.url()), {}, &canceled).value();
  const TransferId second = multi->add(get(server.url()), {}, &removed).value();
  REQUIRE(drive_until(*multi, [&] { return canceled.body == "ab" && removed.body == "ab"; }));
  multi->cancel(first);
  CHECK(canceled.dones == 0);  // from the next drive
  CHECK(multi->timeout() == 0ms);
  multi->remove(second);
  REQUIRE(finish(*multi));
  CHECK(canceled.dones == 1);
  CHECK(removed.dones == 0);
  auto messages = take_messages(*multi);
  REQUIRE(messages.size() == 1);
  CHECK(messages.at(first).result.error().code == Code::canceled);
  CHECK(messages.at(first).status == 200);
  multi->cancel(first);  // ended, and gone: without effect
  multi->remove(first);
  multi->cancel(first);
  REQUIRE(finish(*multi));
  CHECK(take_messages(*multi).empty());
}

TEST_CASE("multi: cancel() from inside a callback ends it in the same drive") {
  struct Canceler : Recorder {
    std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
      multi.cancel(id);
      return Recorder::on_body(multi, id, bytes);
    }
  };
  LoopbackServer server(echo());
  const auto multi = make_multi();
  Canceler handler;
  const TransferId id = multi->add(get(server.url()), {}, &handler).value();
  REQUIRE(finish(*multi));
  CHECK(handler.order == "hbd");
  CHECK(handler.result.error().code == Code::canceled);
  CHECK(take_messages(*multi).at(id).result.error().code == Code::canceled);
}

TEST_CASE("multi: the pool is closed on demand, and its limits change while it runs") {
  LoopbackServer server(echo());
  const auto multi = make_multi();
  std::deque<Recorder> handlers;
  const auto burst = [&](int count) {
    for (int i = 0; i < count; ++i) REQUIRE(multi->add(get(server.url()), {}, &handlers.emplace_back()));
    REQUIRE(finish(*multi));
    for (const auto& [id, message] : take_messages(*multi)) {
      CHECK(message.result);
      multi->remove(id);
    }
  };
  burst(4);
  CHECK(multi->connections() == 4);
  CHECK(multi->idle_connections() == 4);
  EngineLimits limits = multi->limits();
  CHECK(limits == EngineLimits{});
  limits.max_connections_per_origin = 2;
  multi->set_limits(limits);
  REQUIRE(finish(*multi));
  CHECK(multi->connections() == 2);
  CHECK(server.wait_for_open(2));
  burst(6);
  CHECK(multi->connections() == 2);
  CHECK(server.accepted() == 4);
  multi->close_idle_connections();
  REQUIRE(finish(*multi));
  CHECK(multi->connections() == 0);
  CHECK(server.wait_for_open(0));
}

TEST_CASE("multi: a request's head is shown where it is asked for") {
  LoopbackServer server(echo());
  const auto multi = make_multi();
  Heads shown, silent;
  TransferOptions options;
  options.report_heads = true;
  auto request = get("http://user:pass@127.0.0.1:" + std::to_string(server.port()) + "/x");
  REQUIRE(multi->add(std::move(request), options, &shown));
  REQUIRE(multi->add(get(server.url()), {}, &silent));
  REQUIRE(finish(*multi));
  REQUIRE(shown.sent.size() == 1);
  CHECK(shown.sent[0] == shown.body);  // the server answers with what it received
  CHECK(shown.sent[0].contains("Authorization: Basic dXNlcjpwYXNz\r\n"));
  CHECK(silent.sent.empty());
}

TEST_CASE("multi: response heads are shown byte for byte, interim ones too, before they are told") {
  const std::string early = "HTTP/1.1 103 Early Hints\r\nLink:  </a>\r\n\r\n",
                    head = "HTTP/1.1 200 Fine\r\nCONTENT-length:2\r\n\r\n";
  LoopbackServer server([&](const std::string&) { return Reply{.bytes = early + head + "ok"}; });
  const auto multi = make_multi();
  Heads shown, silent;
  TransferOptions options;
  options.report_heads = true;
  REQUIRE(multi->add(get(server.url()), options, &shown));
  REQUIRE(multi->add(get(server.url()), {}, &silent));
  REQUIRE(finish(*multi));
  CHECK(shown.order == "><i<hbd");
  CHECK(shown.received == std::vector<std::string>{early, head});
  CHECK(silent.order == "ihbd");
}

TEST_CASE("SB-25 multi: a transfer that is removed while its heads are shown hears of nothing more") {
  struct Remover : Heads {
    void on_head_received(Multi& multi, TransferId id, std::string_view) override { multi.remove(id), order += 'x'; }
  };
  LoopbackServer server(echo());
  const auto multi = make_multi();
  Remover handler;
  TransferOptions options;
  options.report_heads = true;
  REQUIRE(multi->add(get(server.url()), options, &handler));
  REQUIRE(finish(*multi));
  CHECK(handler.order == ">x");
}
