// TransferInfo: what the driver and the layers tell of a transfer's connection: its local address and the certificates
// of the peer. Times and counts: figures_test.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/certificate.hpp"
#include "tests/support/engine_tls_world.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("stream facts: the local address is the one that the driver has told for the connection") {
  EngineWorld world;
  const TransferId first = world.add("http://192.0.2.1/");
  CHECK(world.engine.info(first).local == Address{});
  const Address local{*IpAddress::parse("198.51.100.7"), 40'001};
  world.engine.handle_connected(newest(world), world.now, local);
  world.drain();
  CHECK(world.engine.info(first).local == local);
  world.sent(newest(world));
  world.receive(newest(world), answer("x"));
  const TransferId second = world.add("http://192.0.2.1/");  // on the same connection
  CHECK(world.engine.info(second).reused);
  CHECK(world.engine.info(second).local == local);
  world.eof(newest(world));
  CHECK(world.engine.info(first).local == local);  // of a connection that is closed
  const TransferId other = world.add("http://192.0.2.2/");
  go(world);
  CHECK(world.engine.info(other).local == Address{});
}

TEST_CASE("stream facts: the local address is known during the TLS handshake, and after it") {
  const Address local{*IpAddress::parse("2001:db8::7"), 40'002};
  for (const bool fails : {true, false}) {
    CAPTURE(fails);
    TlsWorld world;
    const TransferId id = world.ask();
    world.resolved("192.0.2.1");
    const ConnId conn = newest(world);
    world.servers.emplace(conn, sim::TlsServer(world.context));
    world.engine.handle_connected(conn, world.now, local);
    world.drain();
    CHECK(world.engine.info(id).local == local);
    if (fails) {
      world.eof(conn);
      CHECK(world.failure(id) == Code::tls_handshake);
    } else {
      world.carry(conn);
      world.answer_with(conn, answer("x"));
      CHECK(world.succeeded(id));
      CHECK(world.engine.info(id).tls_version == "TLSv1.3");
    }
    CHECK(world.engine.info(id).local == local);
    CHECK(world.engine.info(id).certificates.empty());
  }
}

TEST_CASE("stream facts: the certificates of the peer are kept where the configuration says so") {
  TlsOptions options = trusting_options();
  options.keep_certificates = true;
  TlsWorld world(options);
  const TransferId id = world.ask();
  CHECK(world.engine.info(id).certificates.empty());
  const ConnId conn = world.connect();
  world.carry(conn);
  world.answer_with(conn, answer("x"));
  REQUIRE(world.succeeded(id));
  const std::vector<std::string> kept = world.engine.info(id).certificates;
  REQUIRE(kept.size() == 1);
  CHECK(example_server().certificate_pem.find(certificate_pem(kept[0])) != std::string::npos);
  const TransferId again = world.ask();  // the same connection
  CHECK(world.engine.info(again).certificates == kept);
}
