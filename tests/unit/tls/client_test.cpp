// Handshake, records, the end of a stream and errors. Certificates: client_verify_test.cpp; resumption:
// client_session_test.cpp.
#include "core/tls/client.hpp"

#include <doctest/doctest.h>
#include <openssl/bytestring.h>
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

// Lists of a ClientHello (RFC 8446 4.1.2), without the values that stand for nothing (RFC 8701).
struct Offer {
  std::vector<std::uint16_t> ciphers, groups, signatures;
};

std::vector<std::uint16_t> numbers(CBS list) {
  std::vector<std::uint16_t> found;
  for (std::uint16_t one = 0; CBS_get_u16(&list, &one);) {
    if ((one & 0x0f0f) != 0x0a0a) found.push_back(one);
  }
  return found;
}

Offer offer_of(TlsVersion version) {
  const TlsPair pair(test::make_context(test::example_server()), test::example_params(only(version)));
  CBS hello, session, ciphers, compressions, extensions, body, list;
  CBS_init(&hello, pair.wire.data(), pair.wire.size());
  Offer offer;
  // A record's head, a message's, version and random.
  REQUIRE(CBS_skip(&hello, 5 + 4 + 2 + 32));
  REQUIRE(CBS_get_u8_length_prefixed(&hello, &session));
  REQUIRE(CBS_get_u16_length_prefixed(&hello, &ciphers));
  REQUIRE(CBS_get_u8_length_prefixed(&hello, &compressions));
  REQUIRE(CBS_get_u16_length_prefixed(&hello, &extensions));
  CHECK(CBS_len(&hello) == 0);
  offer.ciphers = numbers(ciphers);
  for (std::uint16_t type = 0; CBS_get_u16(&extensions, &type) && CBS_get_u16_length_prefixed(&extensions, &body);) {
    if (type != TLSEXT_TYPE_supported_groups && type != TLSEXT_TYPE_signature_algorithms) continue;
    REQUIRE(CBS_get_u16_length_prefixed(&body, &list));
    (type == TLSEXT_TYPE_supported_groups ? offer.groups : offer.signatures) = numbers(list);
  }
  return offer;
}

// A pair over TLS 1.2 whose server can be made to ask for a renegotiation, with the handshake done.
TlsPair pair_to_renegotiate(const TlsOptions& options) {
  sim::TlsServerOptions server = test::example_server();
  server.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  TlsPair pair(test::make_context(server), test::example_params(options));
  pair.run();
  REQUIRE(pair.client->established());
  return pair;
}

void check_renegotiation_refused(TlsPair& pair) {
  CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_failed);
  CHECK(pair.client->error().context == "TLS connection with example.org: no renegotiation");
  CHECK_FALSE(pair.wire.empty());  // an alert
}

TlsOptions with_client_certificate() {
  TlsOptions options = only(TlsVersion::tls1_2);
  sim::CertificateSpec spec = test::leaf_spec({});
  spec.for_client = true;
  const auto made = test::authority().issue(spec);
  options.certificate_pem = made.certificate_pem;
  options.private_key_pem = made.key_pem;
  return options;
}

}  // namespace

TEST_CASE("ciphers, groups and signatures that are offered: all of them, in this order") {
  const std::vector<std::uint16_t> kNew = {0x1301, 0x1302, 0x1303};
  const std::vector<std::uint16_t> kOld = {0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009,
                                           0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  for (const TlsVersion version : kVersions) {
    const Offer offer = offer_of(version);
    auto ciphers = offer.ciphers;
    if (version == TlsVersion::tls1_3) std::ranges::sort(ciphers);  // their order depends on the machine
    CHECK(ciphers == (version == TlsVersion::tls1_3 ? kNew : kOld));
    CHECK(offer.groups == std::vector<std::uint16_t>{0x001d, 0x0017, 0x0018, 0x0019});
    // SB-83: no SHA-1 (0x0201, 0x0203).
    CHECK(offer.signatures ==
          std::vector<std::uint16_t>{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0807, 0x0603});
  }
}

TEST_CASE("SB-83 a server that can sign the handshake with SHA-1 only fails it") {
  const auto root = sim::TlsAuthority::make_root("RSA Root", test::kNoon - test::kDay, test::kNoon + 100 * test::kDay,
                                                 sim::KeyKind::rsa_2048);
  sim::CertificateSpec spec = test::leaf_spec({"example.org"});
  spec.key = sim::KeyKind::rsa_2048;
  const auto made = root.issue(spec);
  sim::TlsServerOptions server;
  server.certificate_pem = made.certificate_pem;
  server.key_pem = made.key_pem;
  server.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  TlsOptions options = only(TlsVersion::tls1_2);
  options.trust_anchors_pem = root.certificate_pem();
  const std::uint16_t signatures[] = {SSL_SIGN_RSA_PKCS1_SHA1, SSL_SIGN_RSA_PKCS1_SHA256};
  for (const std::uint16_t signature : signatures) {
    TlsPair pair(test::make_context(server), test::example_params(options));
    REQUIRE(SSL_set_signing_algorithm_prefs(pair.server.native(), &signature, 1));
    pair.run();
    CHECK(pair.client->established() == (signature == SSL_SIGN_RSA_PKCS1_SHA256));
    if (!pair.client->established()) CHECK(pair.client->error().code == Code::tls_handshake);
  }
}

TEST_CASE("servers with keys of each strong kind are accepted, in both versions") {
  for (const sim::KeyKind key :
       {sim::KeyKind::rsa_2048, sim::KeyKind::ec_p384, sim::KeyKind::ec_p521, sim::KeyKind::ed25519}) {
    sim::CertificateSpec spec = test::leaf_spec({"example.org"});
    spec.key = key;
    const auto made = test::authority().issue(spec);
    sim::TlsServerOptions server;
    server.certificate_pem = made.certificate_pem;
    server.key_pem = made.key_pem;
    for (const TlsVersion version : kVersions) {
      CAPTURE(static_cast<int>(key));
      TlsPair pair(test::make_context(server), test::example_params(only(version)));
      // Its own lists are shorter than what it can do.
      const int groups[] = {NID_X25519, NID_secp384r1, NID_secp521r1};
      const std::uint16_t signatures[] = {SSL_SIGN_ED25519, SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_SIGN_ECDSA_SECP384R1_SHA384,
                                          SSL_SIGN_RSA_PSS_RSAE_SHA256};
      REQUIRE(SSL_set1_curves(pair.server.native(), groups, std::size(groups)));
      REQUIRE(SSL_set_signing_algorithm_prefs(pair.server.native(), signatures, std::size(signatures)));
      pair.run();
      CHECK(pair.client->verified());
      CHECK(pair.client->established());
    }
  }
}

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
    CHECK_FALSE(pair.client->eof_is_clean());
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
  CHECK(pair.client->error() == Error{Code::tls_handshake, Blame::peer, 40, false,
                                      "TLS handshake with example.org:443: peer sent alert handshake_failure (40)"});
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

TEST_CASE("SB-54 renegotiation is a clean error") {
  sim::TlsServerOptions server = test::example_server();
  server.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  TlsPair pair(test::make_context(server), test::example_params(only(TlsVersion::tls1_2)));
  pair.run();
  CHECK(pair.client->cipher() == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::failed);
  CHECK(pair.client->error().code == Code::tls_failed);
  CHECK(pair.client->error().context == "TLS connection with example.org: no renegotiation");
}

TEST_CASE("SB-54 renegotiation is refused without a client certificate, where the option says never, and within a response") {
  TlsPair plain = pair_to_renegotiate(only(TlsVersion::tls1_2));
  check_renegotiation_refused(plain);
  TlsOptions options = with_client_certificate();
  options.renegotiation = TlsRenegotiation::never;
  TlsPair never = pair_to_renegotiate(options);
  check_renegotiation_refused(never);
  options.renegotiation = TlsRenegotiation::with_certificate;
  TlsPair within = pair_to_renegotiate(options);
  within.send("request");
  CHECK(within.server.write(as_bytes("HTTP/1.1 200 O")));
  within.run();
  check_renegotiation_refused(within);
  CHECK(within.received == "HTTP/1.1 200 O");
}

TEST_CASE("SB-54 renegotiation is begun where it is allowed: after the handshake, after a request, after another response") {
  for (int when = 0; when < 3; ++when) {
    TlsOptions options = when == 1 ? only(TlsVersion::tls1_2) : with_client_certificate();
    if (when == 1) options.renegotiation = TlsRenegotiation::once;
    TlsPair pair = pair_to_renegotiate(options);
    if (when > 0) pair.send("request");
    if (when == 2) {
      CHECK(pair.server.write(as_bytes("response")));
      pair.run();
      pair.send("request");
    }
    pair.run();
    CHECK(pair.deliver(test::hello_request_record(pair.server)) == Pump::need_input);
    CHECK_FALSE(pair.wire.empty());  // a ClientHello
    CHECK(pair.client->established());
    // Until it is over nothing of the request's is sent, and nothing is lost.
    Bytes more = as_bytes("more of the request");
    pair.wire.clear();
    CHECK(pair.client->encode(more, pair.wire, SIZE_MAX, pair.now) == Pump::need_input);
    CHECK(as_text(more) == "more of the request");
    CHECK(pair.wire.empty());
    // A peer that does not go on with it, but asks anew or sends what is no handshake, gets an error.
    CHECK(pair.deliver(std::vector<std::uint8_t>{23, 3, 3, 0, 1, 0}) == Pump::failed);
    CHECK(pair.client->error().code == Code::tls_failed);
    pair.client->close(pair.wire);
  }
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
