// A TlsWorld whose names have HTTPS records (RFC 9460); the test gives the answers to its questions.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/ech_key.hpp"
#include "tests/support/engine_tls_world.hpp"

namespace sluice::test {

inline EngineOptions wanting_records() {
  EngineOptions options;
  options.https_records = true;
  return options;
}

inline std::vector<IpAddress> of_texts(std::initializer_list<const char*> literals) {
  std::vector<IpAddress> all;
  for (const char* literal : literals) all.push_back(*IpAddress::parse(literal));
  return all;
}

inline NameAnswer with_records(std::initializer_list<const char*> addresses, std::vector<HttpsRecord> records,
                               std::optional<Duration> ttl = {}) {
  NameAnswer answer(of_texts(addresses), ttl);
  answer.https = std::make_shared<const HttpsRecords>(HttpsRecords{.records = std::move(records), .ttl = ttl});
  return answer;
}

inline NameAnswer waiting_for_records(std::initializer_list<const char*> addresses) {
  NameAnswer answer(of_texts(addresses), {}, true);
  answer.https_to_come = true;
  return answer;
}

struct RecordWorld : TlsWorld {
  explicit RecordWorld(EncryptedHello ech = EncryptedHello::none, EngineOptions engine_options = wanting_records())
      : TlsWorld(with_mode(ech), example_server(), std::move(engine_options)) {
    options.http_versions = HttpVersions::http1_1;  // else others wait for the connection that is being made
  }
  static TlsOptions with_mode(EncryptedHello ech) {
    TlsOptions tls = trusting_options();
    tls.ech = ech;
    return tls;
  }
  void answer_name(NameAnswer found, std::size_t question = SIZE_MAX) {
    const ResolveId id = resolves.at(std::min(question, resolves.size() - 1)).id;
    engine.handle_resolved(id, std::move(found), now);
    drain();
  }
  void fail_name() {
    Error error = make_error(Code::resolve_failed, "resolve: no such name");
    error.name_absent = true;
    engine.handle_resolved(resolves.back().id, std::unexpected(std::move(error)), now);
    drain();
  }
  void refuse(std::size_t index) {
    io_error(connects.at(index).conn, Code::connect_failed,
             "connect to " + connects.at(index).address.to_string() + ": connection refused");
  }
  std::string to(std::size_t index) const { return connects.at(index).address.to_string(); }
  // Opens the newest connection with a server that has these keys.
  ConnId serve(const EchKey* keys = nullptr) {
    const ConnId conn = newest(*this);
    servers.emplace(conn, sim::TlsServer(context));
    SSL_CTX* const its = SSL_get_SSL_CTX(server(conn).native());
    if (keys) REQUIRE(SSL_CTX_set1_ech_keys(its, keys->keys.get()));
    connected(conn);
    carry(conn);
    return conn;
  }
};

}  // namespace sluice::test
