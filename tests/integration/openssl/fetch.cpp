// See fetch.hpp.
#include "tests/integration/openssl/fetch.hpp"

#include <chrono>
#include <cstdio>
#include <utility>

#include "adapters/multi.hpp"
#include "adapters/select.hpp"

namespace {

struct Counter final : sluice::TransferHandler {
  long bytes = 0;
  std::size_t on_body(sluice::Multi&, sluice::TransferId, sluice::Bytes part) override {
    bytes += static_cast<long>(part.size());
    return part.size();
  }
};

long failed(const sluice::Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message().c_str());
  return -1;
}

}  // namespace

long fetch_by_sluice(const char* url, const char* pem) {
  sluice::TlsOptions tls;
  tls.trust_anchors_pem = pem;
  auto config = sluice::TlsConfig::create(tls);
  if (!config) return failed(config.error());
  auto multi = sluice::Multi::create();
  if (!multi) return failed(multi.error());
  auto parsed = sluice::Url::parse(url);
  if (!parsed) return failed(parsed.error());
  sluice::Request request;
  request.url = *parsed;
  sluice::TransferOptions options;
  options.tls = *config;
  options.total_timeout = std::chrono::seconds(30);
  Counter counter;
  if (auto added = (*multi)->add(std::move(request), options, &counter); !added) return failed(added.error());
  if (auto ran = sluice::run(**multi); !ran) return failed(ran.error());
  const auto message = (*multi)->info_read();
  if (!message) return -1;
  if (!message->result) return failed(message->result.error());
  return counter.bytes;
}
