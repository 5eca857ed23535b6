// Early data of a client on its own: when it is sent, and what becomes of it.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>

#include "core/hash/hash.hpp"
#include "tests/support/ech_key.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;
using tls::EarlyData;
using tls::SessionCache;

namespace {

using Fate = EarlyData::Fate;

struct EarlyVisits {
  explicit EarlyVisits(TlsOptions tls = test::trusting_options(), sim::TlsServerOptions server = early_server())
      : context(test::make_context(server)), options(std::move(tls)) {
    options.early_data = true;
    params = test::example_params(options);
    params.sessions = &cache;
    params.session_key = "key";
  }
  static sim::TlsServerOptions early_server() {
    sim::TlsServerOptions options = test::example_server();
    options.early_data = true;
    return options;
  }
  // A whole connection without early data, which leaves two tickets.
  void learn() {
    TlsPair pair(context, params);
    pair.run();
    REQUIRE(pair.client->established());
    pair.send("request");
    pair.run();
    REQUIRE(pair.server.write(as_bytes("answer")));
    pair.run();
    REQUIRE(cache.size() == 2);
  }
  std::shared_ptr<EarlyData> early(std::string bytes = "GET / HTTP/1.1\r\n\r\n") {
    auto made = std::make_shared<EarlyData>();
    made->bytes = std::move(bytes);
    made->protocol = "http/1.";
    params.early = made;
    return made;
  }

  sim::TlsServerContext context;
  TlsOptions options;
  tls::ClientParams params;
  SessionCache cache;
};

}  // namespace

TEST_CASE("early data goes with the ClientHello of a resumed session, and is accepted") {
  for (const std::size_t step : {SIZE_MAX, std::size_t{1}}) {
    EarlyVisits visits;
    visits.learn();
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    CHECK(data->fate == Fate::sent);
    CHECK(data->sent_with_hello == data->bytes.size());
    CHECK_FALSE(pair.client->established());  // nothing else may be encoded, and nothing is read
    pair.server.feed(std::exchange(pair.wire, {}));
    CHECK(pair.server.plain() == data->bytes);
    CHECK_FALSE(pair.server.handshake_done());
    REQUIRE(pair.server.write(as_bytes("answer")));  // before it knows that the client is there
    pair.run(step);
    CHECK(data->fate == Fate::accepted);
    CHECK(pair.client->established());
    CHECK(pair.client->verified());
    CHECK(pair.client->resumed());
    CHECK(pair.received == "answer");
    pair.send("more");
    pair.run(step);
    CHECK(pair.server.plain() == data->bytes + "more");
    CHECK(pair.server.early_bytes() == data->bytes.size());
  }
}

TEST_CASE("no byte of the answer is given before the server has proved itself") {
  EarlyVisits visits;
  visits.learn();
  visits.early();
  TlsPair pair(visits.context, visits.params);
  pair.server.feed(std::exchange(pair.wire, {}));
  REQUIRE(pair.server.write(as_bytes("answer")));
  std::vector<std::uint8_t> flight = std::exchange(pair.server.output(), {});
  // The Finished is one of the records before the last; the answer is in the last.
  flight[flight.size() - 60] ^= 1;
  for (std::size_t at = 0; at < flight.size(); ++at) {
    pair.deliver(Bytes(flight).subspan(at, 1));
    CHECK((pair.received.empty() || pair.client->established()));
  }
  CHECK(pair.last == Pump::failed);
  CHECK(pair.received.empty());
}

TEST_CASE("refused early data is dropped: the connection is whole, and the peer was looked at anew") {
  EarlyVisits visits;
  visits.learn();
  for (const bool has_ticket_keys : {true, false}) {
    visits.cache.forget("key");
    visits.params.early = nullptr;
    visits.learn();
    const auto data = visits.early();
    const auto other = test::make_context(EarlyVisits::early_server());
    TlsPair pair(has_ticket_keys ? visits.context : other, visits.params);
    if (has_ticket_keys) pair.server.refuse_early_data();
    CHECK(data->fate == Fate::sent);
    pair.run();
    CHECK(data->fate == Fate::refused);
    CHECK(pair.client->established());
    CHECK(pair.client->verified());
    CHECK(pair.client->resumed() == has_ticket_keys);
    CHECK(pair.server.plain().empty());
    pair.send(data->bytes);
    pair.run();
    CHECK(pair.server.plain() == data->bytes);
    CHECK(pair.server.early_bytes() == 0);
  }
}

TEST_CASE("SB-53 after a refusal an impostor is an impostor") {
  EarlyVisits visits;
  visits.learn();
  const auto evil = sim::TlsAuthority::make_root("Evil", kNoon - kDay, kNoon + kDay);
  const auto made = evil.issue(test::leaf_spec({"example.org"}));
  sim::TlsServerOptions server = EarlyVisits::early_server();
  server.certificate_pem = made.certificate_pem;
  server.key_pem = made.key_pem;
  const auto data = visits.early();
  TlsPair pair(test::make_context(server), visits.params);
  pair.run();
  CHECK(pair.last == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_certificate);
  CHECK_FALSE(pair.client->verified());
  CHECK(pair.client->again() == Again::no);
  CHECK(visits.cache.size() == 0);
}

TEST_CASE("a session whose certificate is not accepted any more sends nothing early") {
  EarlyVisits visits;
  visits.learn();
  const auto data = visits.early();
  visits.params.host = "other.example";  // under the key of another name
  TlsPair pair(visits.context, visits.params);
  CHECK(pair.last == Pump::failed);
  CHECK(data->fate == Fate::unsent);
  CHECK(pair.client->error().code == Code::tls_certificate);
}

TEST_CASE("pins are asked before early data is sent") {
  EarlyVisits visits;
  visits.learn();
  const auto data = visits.early();
  visits.options.pinned_public_keys = {std::string(32, 'x')};
  visits.params.config = test::make_config(visits.options);
  TlsPair pair(visits.context, visits.params);
  CHECK(pair.last == Pump::failed);
  CHECK(data->fate == Fate::unsent);
  CHECK(pair.client->error().code == Code::tls_pin);
}

TEST_CASE("without a session, one that allows it, or a protocol that fits, nothing is sent early") {
  SUBCASE("no session") {
    EarlyVisits visits;
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    pair.run();
    CHECK(pair.client->established());
    CHECK(data->fate == Fate::unsent);
    CHECK(pair.client->again() == Again::no);
  }
  SUBCASE("the server's tickets do not allow it") {
    EarlyVisits visits(test::trusting_options(), test::example_server());
    visits.learn();
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    pair.run();
    CHECK(pair.client->resumed());
    CHECK(data->fate == Fate::unsent);
  }
  SUBCASE("TLS 1.2") {
    TlsOptions old = test::trusting_options();
    old.max_version = TlsVersion::tls1_2;
    EarlyVisits visits(old);
    TlsPair first(visits.context, visits.params);
    first.run();
    REQUIRE(visits.cache.size() == 1);
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    pair.run();
    CHECK(pair.client->resumed());
    CHECK(data->fate == Fate::unsent);
  }
  SUBCASE("another protocol") {
    sim::TlsServerOptions server = EarlyVisits::early_server();
    server.alpn = {"h2"};
    TlsOptions tls = test::trusting_options();
    tls.alpn = {"h2", "http/1.1"};
    EarlyVisits visits(tls, server);
    visits.learn();
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    pair.run();
    CHECK(pair.client->established());
    CHECK(pair.client->alpn() == "h2");
    CHECK(data->fate == Fate::unsent);
    CHECK(pair.server.plain().empty());
  }
}

TEST_CASE("early data goes after an Encrypted Client Hello too, if the server takes that") {
  for (const bool takes_it : {true, false}) {
    CAPTURE(takes_it);
    const test::EchKey ech, other;
    TlsOptions options = test::trusting_options();
    options.ech_config_list = ech.list();
    EarlyVisits visits(options);
    const auto use = [&](const test::EchKey& keys) {
      const sim::TlsServer any(visits.context);
      REQUIRE(SSL_CTX_set1_ech_keys(SSL_get_SSL_CTX(any.native()), keys.keys.get()));
    };
    use(ech);
    visits.learn();
    if (!takes_it) use(other);
    const auto data = visits.early();
    TlsPair pair(visits.context, visits.params);
    INFO(pair.client->error().message());
    CHECK(data->fate == Fate::sent);
    CHECK_FALSE(as_text(Bytes(pair.wire)).contains("example.org"));
    pair.run();
    CHECK(pair.client->established() == takes_it);
    if (takes_it) {
      CHECK(data->fate == Fate::accepted);
      CHECK(pair.client->resumed());
      CHECK(SSL_ech_accepted(pair.server.native()));
    } else {
      CHECK(data->fate == Fate::refused);
      CHECK(pair.server.plain().empty());
      CHECK(pair.client->error().message().contains("has refused Encrypted Client Hello"));
    }
  }
}

TEST_CASE("a session is used for early data once") {
  EarlyVisits visits;
  visits.learn();
  for (int i = 0; i < 3; ++i) {
    const auto data = visits.early();
    const TlsPair pair(visits.context, visits.params);  // ends at once, and leaves no new ticket
    CHECK((data->fate == Fate::sent) == (i < 2));
  }
}

TEST_CASE("what is over the session's limit follows the handshake") {
  EarlyVisits visits;
  visits.learn();
  const auto data = visits.early(std::string(40'000, 'b'));
  TlsPair pair(visits.context, visits.params);
  CHECK(data->sent_with_hello > 0);
  CHECK(data->sent_with_hello < data->bytes.size());
  pair.run();
  CHECK(data->fate == Fate::accepted);
  CHECK((pair.server.plain() == data->bytes));
  CHECK(pair.server.early_bytes() == data->sent_with_hello);
  pair.send("next");
  pair.run();
  CHECK(pair.server.plain().ends_with("bnext"));
}

TEST_CASE("a server that is of TLS 1.2 by now: another connection is to be tried, without a session") {
  EarlyVisits visits;
  visits.learn();
  sim::TlsServerOptions server = test::example_server();
  server.max_version = TlsVersion::tls1_2;
  const auto old = test::make_context(server);
  visits.early();
  TlsPair pair(old, visits.params);
  pair.run();
  CHECK(pair.last == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_handshake);
  CHECK(pair.client->again() == Again::yes);
  CHECK(visits.cache.size() == 0);
  const auto data = visits.early();
  TlsPair next(old, visits.params);
  next.run();
  CHECK(next.client->established());
  CHECK(data->fate == Fate::unsent);
}
