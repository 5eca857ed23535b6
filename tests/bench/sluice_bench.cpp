// sluice as an application uses it: Multi with perform and poll, a handler that counts, and a new transfer for each
// finished one.
#include <optional>

#include "adapters/multi.hpp"
#include "adapters/trust.hpp"
#include "tests/bench/figures.hpp"

namespace {

class Counter final : public sluice::TransferHandler {
 public:
  std::uint64_t bytes = 0;

 private:
  std::size_t on_body(sluice::Multi&, sluice::TransferId, sluice::Bytes got) override {
    bytes += got.size();
    return got.size();
  }
};

template <class T>
T taken(sluice::Result<T> result) {
  if (!result) bench::die(result.error().message().c_str());
  return std::move(*result);
}

}  // namespace

int main(int count, char** words) {
  const bench::Job job = bench::Job::from(count, words);
  sluice::MultiOptions options;
  if (job.ca_file != nullptr) {
    sluice::TlsOptions tls;
    tls.trust_anchors_pem = taken(sluice::trust_pem_from_file(job.ca_file));
    options.engine.default_tls = taken(sluice::TlsConfig::create(std::move(tls)));
  }
  if (job.shares_one) options.engine.max_connections_per_origin = 1;
  const sluice::Url url = taken(sluice::Url::parse(job.url));
  Counter counter;
  bench::Figures figures;
  auto multi = taken(sluice::Multi::create(std::move(options)));
  const auto add = [&] {
    sluice::Request request;
    request.url = url;
    sluice::TransferOptions wanted;
    wanted.forbid_reuse = job.each_its_own;
    if (job.shares_one) wanted.http_versions = sluice::HttpVersions::at_least_http2;
    taken(multi->add(std::move(request), std::move(wanted), &counter));
  };

  const std::uint64_t warm_up = job.requests == 1 ? 0 : job.at_once;
  std::uint64_t done = 0, asked = job.at_once;
  std::optional<sluice::ConnId> conn;
  if (warm_up == 0) figures.begin();
  for (std::size_t i = 0; i < job.at_once; ++i) add();
  while (done < warm_up + job.requests) {
    if (multi->perform() == sluice::Drive::failed) bench::die("perform failed");
    while (auto message = multi->info_read()) {
      if (!message->result) bench::die(message->result.error().message().c_str());
      if (job.shares_one) {
        const auto info = multi->info(message->transfer);
        if (conn && info.conn != *conn) bench::die("sluice: more than one connection");
        conn = info.conn;
      }
      multi->remove(message->transfer);
      if (++done == warm_up) {
        figures.begin();
        counter.bytes = 0;
      }
      if (asked < warm_up + job.requests) {
        add();
        ++asked;
      }
    }
    if (done < warm_up + job.requests) taken(multi->poll({}, std::chrono::seconds(30)));
  }
  figures.end();
  figures.print(job.requests, counter.bytes);
}
