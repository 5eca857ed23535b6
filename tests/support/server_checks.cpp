// See server_checks.hpp.
#include "tests/support/server_checks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/site.hpp"

namespace sluice::test {

void check_sizes(const std::string& base, const std::shared_ptr<const TlsConfig>& tls) {
  std::map<std::size_t, std::string> contents;
  for (const std::size_t size : Site::sizes()) contents[size] = content_of(size);
  Client client;
  const Get get{.method = "GET", .fields = {}, .body = {}, .tls = tls};
  std::vector<Fetch*> all;
  for (const auto& [size, content] : contents) {
    all.push_back(&client.fetch(base + "/" + std::to_string(size), get, content));
  }
  for (const auto& [size, content] : contents)
    all.push_back(&client.add(base + "/" + std::to_string(size), get, content));
  client.run();
  for (const Fetch* fetch : all) {
    CAPTURE(fetch->expected->size());
    CHECK(fetch->status == 200);
    CHECK_MESSAGE(fetch->complete(), fetch->error(), ", ", fetch->received, " bytes");
    REQUIRE(fetch->message);
    CHECK(fetch->message->progress.received_body_bytes == fetch->expected->size());
  }
}

void check_small_answers(const std::string& base, const std::shared_ptr<const TlsConfig>& tls) {
  const std::string kibibyte = content_of(1024);
  const std::string_view middle = std::string_view(kibibyte).substr(100, 200);
  Client client;
  const auto get = [&tls](std::string method, std::vector<std::pair<std::string, std::string>> fields = {}) {
    return Get{.method = std::move(method), .fields = std::move(fields), .body = {}, .tls = tls};
  };

  const Fetch& head = client.fetch(base + "/1024", get("HEAD"), "");
  CHECK_MESSAGE(head.complete(), head.error());
  CHECK(head.status == 200);
  CHECK(head.field("Content-Length") == "1024");
  const Fetch& unchanged =
      client.fetch(base + "/1024", get("GET", {{"If-Modified-Since", head.field("Last-Modified")}}), "");
  CHECK_MESSAGE(unchanged.complete(), unchanged.error());
  CHECK(unchanged.status == 304);
  const Fetch& part = client.fetch(base + "/1024", get("GET", {{"Range", "bytes=100-299"}}), middle);
  CHECK_MESSAGE(part.complete(), part.error());
  CHECK(part.status == 206);
  CHECK(part.field("Content-Range") == "bytes 100-299/1024");
  const Fetch& missing = client.fetch(base + "/no-such-file", get("GET"));
  CHECK_MESSAGE(missing.ok(), missing.error());
  CHECK(missing.status == 404);
  CHECK(missing.received > 0);
  const Fetch& whole = client.fetch(base + "/1024", get("GET"), kibibyte);
  CHECK_MESSAGE(whole.complete(), whole.error());

  CHECK(!head.message->info.reused);
  for (const Fetch* fetch : {&unchanged, &part, &missing, &whole}) CHECK(fetch->message->info.reused);
  CHECK(client.multi().connections() == 1);
}

void check_tls(const std::string& base, const std::string& root_pem, const std::string& version) {
  const std::string kibibyte = content_of(1024);
  TlsOptions options;
  options.trust_anchors_pem = root_pem;
  Client client({.engine = {}, .resolve_overrides = {}});
  const Get get{.method = "GET", .fields = {{"Connection", "close"}}, .body = {}, .tls = tls_config(options)};
  const Fetch& first = client.fetch(base + "/1024", get, kibibyte);
  REQUIRE_MESSAGE(first.complete(), first.error());
  CHECK(first.message->info.tls_version == version);
  CHECK(!first.message->info.tls_cipher.empty());
  CHECK(!first.message->info.tls_resumed);
  const Fetch& second = client.fetch(base + "/1024", get, kibibyte);
  REQUIRE_MESSAGE(second.complete(), second.error());
  CHECK(!second.message->info.reused);
  CHECK(second.message->info.tls_resumed);

  options.session_resumption = false;
  const Get whole{.method = "GET", .fields = {{"Connection", "close"}}, .body = {}, .tls = tls_config(options)};
  for (int i = 0; i < 2; ++i) {
    const Fetch& fetch = client.fetch(base + "/1024", whole, kibibyte);
    REQUIRE_MESSAGE(fetch.complete(), fetch.error());
    CHECK(!fetch.message->info.tls_resumed);
  }
}

void check_wrong_authority(const std::string& base, const std::string& other_root_pem) {
  Client client;
  const Fetch& fetch =
      client.fetch(base + "/1024", {.method = "GET", .fields = {}, .body = {}, .tls = trusting(other_root_pem)});
  CHECK(fetch.code() == Code::tls_certificate);
  CHECK(fetch.status == 0);
  CHECK(fetch.received == 0);

  TlsOptions blind;
  blind.verify_peer = false;
  const Fetch& seen =
      client.fetch(base + "/1024", {.method = "GET", .fields = {}, .body = {}, .tls = tls_config(blind)});
  CHECK_MESSAGE(seen.ok(), seen.error());
}

void check_client_certificate(const std::string& base, const std::string& root_pem, const std::string& certificate_pem,
                              const std::string& key_pem) {
  const std::string kibibyte = content_of(1024);
  Client client;
  const Fetch& without =
      client.fetch(base + "/1024", {.method = "GET", .fields = {}, .body = {}, .tls = trusting(root_pem)});
  // nginx answers 400 after a successful handshake; other servers fail the handshake.
  CHECK((without.status == 400 || !without.ok()));
  TlsOptions options;
  options.trust_anchors_pem = root_pem;
  options.certificate_pem = certificate_pem;
  options.private_key_pem = key_pem;
  const Get get{.method = "GET", .fields = {}, .body = {}, .tls = tls_config(options)};
  const Fetch& with = client.fetch(base + "/1024", get, kibibyte);
  CHECK_MESSAGE(with.complete(), with.error());
  CHECK(with.status == 200);
}

void check_two_thousand(const std::string& base) {
  constexpr std::size_t kTransfers = 2'000;
  raise_descriptor_limit();
  const std::string kibibyte = content_of(1024);
  Client client;
  std::vector<Fetch*> all;
  for (std::size_t i = 0; i < kTransfers; ++i)
    all.push_back(&client.add(base + "/1024?" + std::to_string(i), {}, kibibyte));
  CHECK(client.multi().running() == kTransfers);
  client.multi().perform();
  CHECK(client.multi().connections() == kTransfers);
  client.run(std::chrono::seconds(120));
  std::size_t complete = 0;
  for (const Fetch* fetch : all) {
    if (fetch->complete() && fetch->status == 200) {
      ++complete;
    } else {
      CHECK_MESSAGE(fetch->complete(), fetch->error());
    }
  }
  CHECK(complete == kTransfers);
}

}  // namespace sluice::test
