// Encrypted Client Hello: the name that a path sees, servers that refuse, and lists that cannot be used.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/ech_key.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::EchKey;
using test::TlsPair;

namespace {

TlsOptions with_list(std::string list) {
  TlsOptions options = test::trusting_options();
  options.ech_config_list = std::move(list);
  return options;
}

std::string unusable_list(std::string list, TlsVersion version = TlsVersion::tls1_3) {
  TlsOptions options = with_list(std::move(list));
  options.max_version = version;
  const auto config = TlsConfig::create(options);
  if (config) return "";
  CHECK(config.error().code == Code::tls_config);
  return config.error().message();
}

}  // namespace

TEST_CASE("Encrypted Client Hello: the server has the name, and the path sees the public one; also when resuming") {
  const EchKey ech;
  auto context = test::make_context(test::example_server());
  tls::SessionCache sessions;
  auto params = test::example_params(with_list(ech.list()));
  params.sessions = &sessions;
  params.session_key = "k";
  for (const bool resumes : {false, true}) {
    TlsPair pair(context, params);
    REQUIRE(SSL_CTX_set1_ech_keys(SSL_get_SSL_CTX(pair.server.native()), ech.keys.get()));
    const std::string seen(as_text(Bytes(pair.wire)));
    CHECK(seen.contains("public.example"));
    CHECK_FALSE(seen.contains("example.org"));
    pair.run();
    INFO(pair.client->error().message());
    REQUIRE(pair.client->established());
    CHECK(pair.client->verified());
    CHECK(pair.server.server_name() == "example.org");
    CHECK(SSL_ech_accepted(pair.server.native()));
    CHECK(pair.client->resumed() == resumes);
    REQUIRE(pair.server.write(as_bytes("x")));
    pair.run();
  }
}

TEST_CASE("Encrypted Client Hello: a server that does not take it is refused, whatever certificate it has") {
  const EchKey ech, other;
  for (const bool verifies : {true, false}) {
    for (const std::string name : {"example.org", "public.example"}) {
      for (const auto version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
        for (const bool other_key : {true, false}) {
          auto server = test::server_for({name});
          server.max_version = version;
          TlsOptions options = with_list(ech.list());
          options.verify_peer = verifies;
          TlsPair pair(test::make_context(server), test::example_params(options));
          if (other_key) SSL_CTX_set1_ech_keys(SSL_get_SSL_CTX(pair.server.native()), other.keys.get());
          pair.run();
          CHECK_FALSE(pair.client->established());
          CHECK(pair.client->error().code == Code::tls_handshake);
          INFO(pair.client->error().message());
          CHECK(pair.client->error().message().contains("the server has refused Encrypted Client Hello"));
        }
      }
    }
  }
}

TEST_CASE("Encrypted Client Hello: a list that cannot be used is an error, and no name goes out in clear") {
  const EchKey ech;
  CHECK(unusable_list(ech.list()) == "");
  CHECK(unusable_list(ech.list(), TlsVersion::tls1_2) == "Encrypted Client Hello: it needs TLS 1.3");
  for (const std::string& list : {std::string("x"), ech.config, ech.list() + "x", ech.list().substr(0, 20)}) {
    CHECK(unusable_list(list) == "Encrypted Client Hello: the list is malformed");
  }
  const std::string none = "Encrypted Client Hello: none of the list's configurations can be used";
  // Each changes one field: version, KEM, KDF of the first cipher suite, AEADs.
  const auto changed = [&](std::size_t at, char value) {
    std::string config = ech.config;
    config[at] = value;
    return EchKey::list_of(config);
  };
  CHECK(unusable_list(changed(1, 0x0a)) == none);
  CHECK(unusable_list(changed(6, 0x10)) == none);
  // With such a public name the library would pass over the configuration, and say nothing.
  const std::string name = "public.example";
  REQUIRE(ech.config.find(name) != std::string::npos);
  for (const char* other : {"my_ech.example", "-ublic.example", "public-.exampl", "public.exampl.", "public..exampl",
                            ".ublic.example", "192.168.100.20", "public.exa.0x1"}) {
    CAPTURE(other);
    std::string config = ech.config;
    config.replace(config.find(name), name.size(), other);
    CHECK(unusable_list(EchKey::list_of(config)) == none);
  }
  // One that can be used, after one that cannot.
  CHECK(unusable_list(EchKey::list_of(changed(1, 0x0a).substr(2) + ech.config)) == "");
}

TEST_CASE("Encrypted Client Hello: a list in place of the configuration's own, and none in its place") {
  const EchKey ech;
  const auto hello = [&](EncryptedHello mode, std::optional<std::string> list) {
    TlsOptions options = test::trusting_options();
    options.ech = mode;
    auto params = test::example_params(options);
    params.ech_list = std::move(list);
    TlsPair pair(test::make_context(test::example_server()), params);
    return std::string(as_text(Bytes(pair.wire)));
  };
  const std::string extension("\xfe\x0d", 2);
  CHECK(hello(EncryptedHello::if_known, ech.list()).contains("public.example"));
  CHECK(hello(EncryptedHello::if_known, "").contains("example.org"));
  CHECK(hello(EncryptedHello::if_known, std::nullopt).contains("example.org"));
  CHECK(hello(EncryptedHello::if_known, "broken").contains("example.org"));
  CHECK_FALSE(hello(EncryptedHello::if_known, "").contains(extension));
  CHECK(hello(EncryptedHello::grease, "").contains(extension));
  CHECK(hello(EncryptedHello::grease, "").contains("example.org"));
  CHECK(hello(EncryptedHello::none, ech.list()).contains("public.example"));
  TlsOptions options = test::trusting_options();
  options.ech = EncryptedHello::required;
  for (const std::string& list : {std::string(), std::string("broken")}) {
    auto params = test::example_params(options);
    params.ech_list = list;
    const auto made = tls::make_client(std::move(params));
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Code::tls_handshake);
    CHECK(made.error().message() ==
          "Encrypted Client Hello: it is required, and there are no keys of the host that can be used");
  }
  options.max_version = TlsVersion::tls1_2;
  CHECK(TlsConfig::create(options).error().message() == "Encrypted Client Hello: it needs TLS 1.3");
}

TEST_CASE("Encrypted Client Hello: what a refusing server says of its keys counts if it has the public name") {
  const EchKey ech, other;
  for (const std::string name : {"public.example", "other.example"}) {
    for (const bool verifies : {true, false}) {
      for (const bool has_keys : {true, false}) {
        for (const auto mode : {EncryptedHello::if_known, EncryptedHello::required}) {
          CAPTURE(name);
          CAPTURE(verifies);
          CAPTURE(has_keys);
          TlsOptions options = test::trusting_options();
          options.ech = mode;
          options.verify_peer = verifies;
          auto params = test::example_params(options);
          params.ech_list = ech.list();
          TlsPair pair(test::make_context(test::server_for({name})), params);
          if (has_keys) SSL_CTX_set1_ech_keys(SSL_get_SSL_CTX(pair.server.native()), other.keys.get());
          pair.run();
          CHECK_FALSE(pair.client->established());
          const bool proves = name == "public.example" && verifies;
          const bool again = proves && (has_keys || mode == EncryptedHello::if_known);
          CHECK(pair.client->again() == (again ? Again::with_keys : Again::no));
          CHECK(pair.client->keys_to_retry() == (proves && has_keys ? other.list() : ""));
        }
      }
    }
  }
}
