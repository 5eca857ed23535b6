// Handshake, records, the end of a stream and errors. Certificates: client_verify_test.cpp; resumption:
// client_session_test.cpp; what is offered, and renegotiation: client_offer_test.cpp.
#include "core/tls/client.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string>
#include <thread>

#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::TlsPair;

namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return text;
}

TlsOptions only(TlsVersion version) {
  TlsOptions options = test::trusting_options();
  options.min_version = options.max_version = version;
  return options;
}

const TlsVersion kVersions[] = {TlsVersion::tls1_2, TlsVersion::tls1_3};

}  // namespace

TEST_CASE("a handshake and bytes both ways, whole, byte by byte and at odd splits") {
  const auto context = test::make_context(test::example_server());
  for (const TlsVersion version : kVersions) {
    for (const std::size_t step :
         {std::size_t{SIZE_MAX}, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1'000}}) {
      CAPTURE(step);
      TlsPair pair(context, test::example_params(only(version)));
      CHECK_FALSE(pair.client->established());
      CHECK(pair.client->version().empty());
      CHECK_FALSE(pair.client->peer_certificate().has_value());
      pair.run(step);
      REQUIRE(pair.client->established());
      CHECK(pair.client->verified());
      CHECK_FALSE(pair.client->resumed());
      CHECK(pair.client->version() == (version == TlsVersion::tls1_2 ? "TLSv1.2" : "TLSv1.3"));
      CHECK(pair.client->cipher().starts_with("TLS_"));
      pair.send("GET / HTTP/1.1\r\n\r\n");
      CHECK(pair.server.write(as_bytes("HTTP/1.1 200 OK\r\n\r\n")));
      pair.run(step);
      CHECK(pair.server.plain() == "GET / HTTP/1.1\r\n\r\n");
      CHECK(pair.received == "HTTP/1.1 200 OK\r\n\r\n");
      CHECK(pair.last == Pump::need_input);
      CHECK_FALSE(pair.client->eof_is_clean());
    }
  }
}

TEST_CASE("SNI carries names and never addresses; a trailing dot is left out") {
  const auto sent = [](const char* host, HostKind kind) {
    TlsOptions options;
    options.verify_peer = false;
    auto params = test::example_params(options);
    params.host = host;
    params.host_kind = kind;
    TlsPair pair(test::make_context(test::example_server()), params);
    pair.run();
    CHECK(pair.client->established());
    return pair.server.server_name();
  };
  CHECK(sent("example.org", HostKind::name) == "example.org");
  CHECK(sent("example.org.", HostKind::name) == "example.org");
  CHECK(sent("127.0.0.1", HostKind::ipv4) == "");
  CHECK(sent("::1", HostKind::ipv6) == "");
}

TEST_CASE("a host that cannot be one is refused before anything is sent") {
  for (const auto& [host, kind] : {std::pair{std::string(), HostKind::name},
                                   {std::string("."), HostKind::name},
                                   {std::string("a\0b", 3), HostKind::name},
                                   {std::string("a b"), HostKind::name},
                                   {std::string(256, 'a'), HostKind::name},
                                   {std::string("::1"), HostKind::ipv4},
                                   {std::string("1.2.3"), HostKind::ipv4},
                                   {std::string("127.0.0.1"), HostKind::ipv6}}) {
    CAPTURE(host);
    auto params = test::example_params();
    params.host = host;
    params.host_kind = kind;
    const auto client = tls::make_client(params);
    REQUIRE_FALSE(client.has_value());
    CHECK(client.error().code == Code::invalid_url);
  }
}

TEST_CASE("ALPN: the server's choice is told, and none is none") {
  sim::TlsServerOptions server = test::example_server();
  TlsOptions options = test::trusting_options();
  const auto chosen = [&] {
    TlsPair pair(test::make_context(server), test::example_params(options));
    pair.run();
    CHECK(pair.client->established());
    return std::string(pair.client->alpn());
  };
  CHECK(chosen() == "http/1.1");
  options.alpn = {"h2", "http/1.1"};
  CHECK(chosen() == "http/1.1");
  server.alpn = {"h2"};
  CHECK(chosen() == "h2");
  server.alpn = {};
  CHECK(chosen() == "");
  server.alpn = {"h2"};
  options.alpn = {};
  CHECK(chosen() == "");
}

TEST_CASE("a client certificate is shown when it is asked for") {
  sim::TlsServerOptions server = test::example_server();
  server.client_anchors_pem = test::authority().certificate_pem();
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.common_name = "client number one";
  spec.for_client = true;
  const auto own = test::authority().issue(spec);
  for (const TlsVersion version : kVersions) {
    TlsOptions options = only(version);
    options.certificate_pem = own.certificate_pem + own.key_pem;
    TlsPair pair(test::make_context(server), test::example_params(options));
    pair.run();
    pair.send("hello");
    pair.run();
    CHECK(pair.server.plain() == "hello");
    CHECK(pair.server.client_subject() == "client number one");

    TlsPair without(test::make_context(server), test::example_params(only(version)));
    without.run();
    REQUIRE(without.last == Pump::failed);
    // In TLS 1.3 the client is done before the server has seen its certificate.
    CHECK(without.client->error().code == (version == TlsVersion::tls1_2 ? Code::tls_handshake : Code::tls_failed));
    CHECK(without.client->error().context.contains("peer sent alert"));
  }
}

TEST_CASE("large bodies both ways, in small rooms and under a cap for the wire") {
  const std::string big = pattern(3'000'000);
  for (const TlsVersion version : kVersions) {
    TlsPair pair(test::make_context(test::example_server()), test::example_params(only(version)));
    pair.run();
    Bytes left = as_bytes(big);
    while (!left.empty()) {
      const Pump pump = pair.client->encode(left, pair.wire, 64 * 1024, pair.now);
      CHECK(pump == (left.empty() ? Pump::progressed : Pump::need_space));
      REQUIRE(pair.wire.size() < 64 * 1024 + 17 * 1024);  // one record past the cap at most
      pair.server.feed(pair.wire);
      pair.wire.clear();
    }
    CHECK(pair.server.plain() == big);
    CHECK(pair.server.write(as_bytes(big)));
    std::vector<std::uint8_t> wire;
    wire.swap(pair.server.output());
    pair.deliver(wire, 1'000);
    CHECK(pair.received == big);
    CHECK(pair.last == Pump::need_input);
  }
}

TEST_CASE("a full cap takes nothing, and nothing to send is no work") {
  TlsPair pair(test::make_context(test::example_server()), test::example_params());
  pair.run();
  Bytes plain = as_bytes("x");
  pair.wire.assign(10, 0);
  CHECK(pair.client->encode(plain, pair.wire, 10, pair.now) == Pump::need_space);
  CHECK(plain.size() == 1);
  CHECK(pair.wire.size() == 10);
  plain = {};
  CHECK(pair.client->encode(plain, pair.wire, 10, pair.now) == Pump::progressed);
  CHECK(pair.wire.size() == 10);
}

TEST_CASE("without room nothing is lost, and need_space comes only if something waits") {
  TlsPair pair(test::make_context(test::example_server()), test::example_params());
  pair.run();
  CHECK(pair.deliver({}, 0) == Pump::need_input);
  CHECK(pair.server.write(as_bytes("waiting")));
  std::vector<std::uint8_t> wire;
  wire.swap(pair.server.output());
  CHECK(pair.deliver(wire, 0) == Pump::need_space);
  CHECK(pair.received.empty());
  // All of it went in with the first call, so only the plain bytes are still to come.
  CHECK(pair.deliver({}, 7) == Pump::need_input);
  CHECK(pair.received == "waiting");
}

TEST_CASE("SB-16 a close_notify is a clean end, a bare EOF is not; what comes after it is ignored") {
  for (const TlsVersion version : kVersions) {
    TlsPair pair(test::make_context(test::example_server()), test::example_params(only(version)));
    pair.run();
    CHECK(pair.server.write(as_bytes("last words")));
    pair.run();
    CHECK_FALSE(pair.client->eof_is_clean());
    pair.server.close_notify();
    std::vector<std::uint8_t> wire;
    wire.swap(pair.server.output());
    wire.insert(wire.end(), {1, 2, 3});
    CHECK(pair.deliver(wire) == Pump::closed);
    CHECK(pair.client->eof_is_clean());
    CHECK(pair.received == "last words");
    Bytes rest = wire;
    MutableBytes no_room;
    CHECK(pair.client->decode(rest, no_room, pair.wire, pair.now) == Pump::closed);
    CHECK(rest.empty());
    pair.send("half-closed still sends");
    pair.client->close(pair.wire);
    pair.run();
    CHECK(pair.server.plain() == "half-closed still sends");
    CHECK(pair.server.peer_closed());
  }
}

TEST_CASE("SB-16 an end between two records is a bare one; within a record, or a handshake, it is a cut") {
  for (const TlsVersion version : kVersions) {
    TlsPair handshake(test::make_context(test::example_server()), test::example_params(only(version)));
    CHECK(handshake.client->stream_end() == StreamEnd::cut);
    TlsPair pair(test::make_context(test::example_server()), test::example_params(only(version)));
    pair.run();
    CHECK(pair.client->stream_end() == StreamEnd::bare);
    CHECK(pair.server.write(as_bytes("zero ")));  // TLS 1.3: its tickets, a record of their own, go out with it
    pair.run();
    CHECK(pair.client->stream_end() == StreamEnd::bare);
    CHECK(pair.server.write(as_bytes("one")));
    const std::size_t first = pair.server.output().size();
    CHECK(pair.server.write(as_bytes(std::string(300, 'b'))));
    std::vector<std::uint8_t> wire;
    wire.swap(pair.server.output());
    for (std::size_t taken = 0; taken < wire.size(); ++taken) {
      CHECK(pair.client->stream_end() == (taken == 0 || taken == first ? StreamEnd::bare : StreamEnd::cut));
      CHECK(pair.deliver(Bytes(wire).subspan(taken, 1)) == Pump::need_input);
    }
    CHECK(pair.client->stream_end() == StreamEnd::bare);
    CHECK(pair.received == "zero one" + std::string(300, 'b'));
    // Records that end within a piece, and several in one.
    CHECK(pair.server.write(as_bytes("three")));
    CHECK(pair.server.write(as_bytes("four")));
    wire.clear();
    wire.swap(pair.server.output());
    CHECK(pair.deliver(Bytes(wire).first(wire.size() - 1)) == Pump::need_input);
    CHECK(pair.client->stream_end() == StreamEnd::cut);
    CHECK(pair.deliver(Bytes(wire).last(1)) == Pump::need_input);
    CHECK(pair.client->stream_end() == StreamEnd::bare);
    pair.server.close_notify();
    pair.run();
    CHECK(pair.client->stream_end() == StreamEnd::clean);
  }
}

TEST_CASE("bytes and the close_notify in one go, and without room for the last of them") {
  TlsPair pair(test::make_context(test::example_server()), test::example_params());
  pair.run();
  CHECK(pair.server.write(as_bytes("body")));
  pair.server.close_notify();
  std::vector<std::uint8_t> wire;
  wire.swap(pair.server.output());
  CHECK(pair.deliver(wire, 4) == Pump::closed);
  CHECK(pair.received == "body");
}

TEST_CASE("close says goodbye once, and nothing before there is a connection") {
  TlsPair pair(test::make_context(test::example_server()), test::example_params());
  const std::size_t hello = pair.wire.size();
  pair.client->close(pair.wire);
  CHECK(pair.wire.size() == hello);
  pair.run();
  pair.client->close(pair.wire);
  const std::size_t once = pair.wire.size();
  CHECK(once > 0);
  pair.client->close(pair.wire);
  CHECK(pair.wire.size() == once);
  Bytes plain = as_bytes("x");
  CHECK(pair.client->encode(plain, pair.wire, SIZE_MAX, pair.now) == Pump::closed);
  CHECK(pair.wire.size() == once);
  pair.run();
  CHECK(pair.server.peer_closed());
}

TEST_CASE("a corrupted record is tls_failed, sticky, and bytes before it count") {
  for (const TlsVersion version : kVersions) {
    TlsPair pair(test::make_context(test::example_server()), test::example_params(only(version)));
    pair.run();
    CHECK(pair.server.write(as_bytes("good")));
    const std::size_t good = pair.server.output().size();
    CHECK(pair.server.write(as_bytes("bad")));
    std::vector<std::uint8_t> wire;
    wire.swap(pair.server.output());
    wire[good + 12] ^= 1;
    CHECK(pair.deliver(wire) == Pump::failed);
    CHECK(pair.received == "good");
    CHECK(pair.client->error().code == Code::tls_failed);
    CHECK(pair.client->error().context == "TLS connection with example.org: decryption failed or bad record mac");
    CHECK_FALSE(pair.client->established());
    CHECK(pair.client->stream_end() == StreamEnd::cut);
    CHECK_FALSE(pair.wire.empty());  // the alert
    CHECK(pair.deliver({}) == Pump::failed);
    Bytes plain = as_bytes("x");
    CHECK(pair.client->encode(plain, pair.wire, SIZE_MAX, pair.now) == Pump::failed);
  }
}

TEST_CASE("every byte of a handshake flipped: an error or an intact connection, never anything between") {
  const auto context = test::make_context(test::example_server());
  auto params = test::example_params();
  TlsPair model(context, params);
  model.server.feed(model.wire);
  const std::size_t size = model.server.output().size();
  for (std::size_t at = 0; at < size; at += 5) {
    TlsPair pair(context, params);
    pair.server.feed(pair.wire);
    pair.wire.clear();
    std::vector<std::uint8_t> wire;
    wire.swap(pair.server.output());
    wire[at % wire.size()] ^= 0x10;
    pair.deliver(wire);
    if (pair.last == Pump::failed) {
      CHECK(pair.client->error().code == Code::tls_handshake);
      CHECK_FALSE(pair.client->established());
    }
  }
}

TEST_CASE("an alert of the peer is named") {
  TlsPair pair(test::make_context(test::example_server()), test::example_params());
  CHECK(pair.deliver(test::plain_alert(40)) == Pump::failed);
  CHECK(pair.client->error() == make_error(Code::tls_handshake,
                                           "TLS handshake with example.org:443: peer sent alert handshake_failure (40)",
                                           40));
}

TEST_CASE("versions that do not meet are an error, either way round") {
  sim::TlsServerOptions server = test::example_server();
  server.max_version = TlsVersion::tls1_2;
  TlsPair old_server(test::make_context(server), test::example_params(only(TlsVersion::tls1_3)));
  old_server.run();
  REQUIRE(old_server.last == Pump::failed);
  CHECK(old_server.client->error().context.contains("protocol_version (70)"));
  server.min_version = server.max_version = TlsVersion::tls1_3;
  TlsPair new_server(test::make_context(server), test::example_params(only(TlsVersion::tls1_2)));
  new_server.run();
  REQUIRE(new_server.last == Pump::failed);
  CHECK(new_server.client->error().code == Code::tls_handshake);
}

TEST_CASE("a server without TLS is told apart") {
  const auto error = [](std::string_view answer) {
    TlsPair pair(test::make_context(test::example_server()), test::example_params());
    CHECK(pair.deliver(as_bytes(answer)) == Pump::failed);
    CHECK(pair.client->error().code == Code::tls_handshake);
    return pair.client->error().context;
  };
  CHECK(error("HTTP/1.1 400 Bad Request\r\n\r\n") ==
        "TLS handshake with example.org:443: peer answered in plain HTTP, this is not TLS");
  CHECK(error("220 mail.example.org ESMTP\r\n").contains("not TLS"));
  CHECK(error(std::string(64, '\0')).contains("not TLS"));
}

TEST_CASE("key log lines come out only where they were asked for") {
  std::vector<std::string> lines;
  auto params = test::example_params();
  params.key_log = &lines;
  TlsPair quiet(test::make_context(test::example_server()), params);
  quiet.run();
  CHECK(lines.empty());
  for (const TlsVersion version : kVersions) {
    TlsOptions options = only(version);
    options.key_log = true;
    params.config = test::make_config(options);
    lines.clear();
    TlsPair pair(test::make_context(test::example_server()), params);
    pair.run();
    REQUIRE_FALSE(lines.empty());
    const auto has = [&](std::string_view label) {
      return std::ranges::any_of(lines, [&](const std::string& line) { return line.starts_with(label); });
    };
    CHECK(has("CLIENT_RANDOM ") == (version == TlsVersion::tls1_2));
    CHECK(has("CLIENT_TRAFFIC_SECRET_0 ") == (version == TlsVersion::tls1_3));
    CHECK(has("SERVER_TRAFFIC_SECRET_0 ") == (version == TlsVersion::tls1_3));
  }
}

TEST_CASE("errors of one connection do not show in another of the same thread") {
  const auto context = test::make_context(test::example_server());
  TlsPair good(context, test::example_params());
  TlsPair bad(context, test::example_params());
  good.run();
  CHECK(bad.deliver(test::plain_alert(40)) == Pump::failed);
  CHECK(good.server.write(as_bytes("fine")));
  good.run();
  CHECK(good.received == "fine");
  CHECK(good.last == Pump::need_input);
}

TEST_CASE("SB-51 two configurations, each in a thread of its own, and one in both") {
  TlsOptions strict = only(TlsVersion::tls1_3);
  const auto shared = test::make_config(strict);
  const auto context_options = test::example_server();
  const auto work = [&](bool verify, TlsVersion version, int& good) {
    TlsOptions own = only(version);
    own.verify_peer = verify;
    const auto context = test::make_context(context_options);
    for (int i = 0; i < 20; ++i) {
      auto params = test::example_params(own);
      if (i % 2 == 0) params.config = shared;
      TlsPair pair(context, params);
      pair.run();
      const bool expect_verified = i % 2 == 0 || verify;
      const bool expect_1_3 = i % 2 == 0 || version == TlsVersion::tls1_3;
      if (pair.client->verified() == expect_verified && (pair.client->version() == "TLSv1.3") == expect_1_3) ++good;
    }
  };
  test::authority();
  int first = 0, second = 0;
  std::thread one([&] { work(true, TlsVersion::tls1_3, first); });
  std::thread two([&] { work(false, TlsVersion::tls1_2, second); });
  one.join();
  two.join();
  CHECK(first == 20);
  CHECK(second == 20);
}
