// See transfer_facts.hpp.
#include "adapters/cli/transfer_facts.hpp"

#include "adapters/cli/error_text.hpp"
#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/verbose.hpp"
#include "core/base/ascii.hpp"

namespace sluice::cli {
namespace {

Duration since(const Progress& progress, const std::optional<Instant>& at) {
  return at ? *at - progress.queued : Duration::zero();
}

// As in curl: sizes of heads and times count all hops, the size of the body the last one alone.
void add_hop(WriteOutFacts& facts, const Hop& hop) {
  const Progress& progress = hop.progress;
  facts.num_connects += static_cast<std::uint64_t>(hop.connections);
  facts.size_header += progress.received_head_bytes;
  facts.size_request += progress.sent_head_bytes;
  facts.time_namelookup += since(progress, progress.resolved);
  facts.time_connect += since(progress, progress.connected);
  if (hop.url.is_tls()) facts.time_appconnect += since(progress, progress.secured);
  facts.time_pretransfer += since(progress, progress.secured ? progress.secured : progress.connected);
  facts.time_posttransfer += since(progress, progress.sent);
  facts.time_starttransfer += since(progress, progress.first_byte);
  facts.time_redirect += since(progress, progress.done);
  facts.time_total += since(progress, progress.done);
}

// -w tells of the last attempt: the hops after the last retry.
std::size_t count_hops(WriteOutFacts& facts, const std::vector<Hop>& hops) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (hops[i].reason == HopReason::redirect) ++facts.num_redirects;
    if (hops[i].reason != HopReason::retry) continue;
    first = i;
    ++facts.num_retries;
    facts.num_redirects = 0;
  }
  return first;
}

// The first Location field, as in curl; unchanged if it is not an http or https URL.
std::string redirect_url(const Url& url, const ResponseHead& head) {
  if (head.status < 300 || head.status >= 400) return "";
  const auto location = head.fields.find("location");
  if (!location) return "";
  const auto target = url.resolve(encode_spaces(*location));  // as a redirect is followed
  if (target) return target->text_without_secrets();
  return location->find("//") == std::string_view::npos ? std::string(*location) : typed_without_userinfo(*location);
}

}  // namespace

WriteOutFacts transfer_facts(const Operation& operation, const Message& message, const ResponseHead* head,
                             const Failure& end, const HopChain& chain) {
  const Progress& progress = message.progress;
  const TransferInfo& info = message.info;
  WriteOutFacts facts;
  const Url& url = chain.hops.empty() ? operation.url : chain.hops.back().url;
  facts.method = chain.hops.empty() ? operation.method : chain.hops.back().method;
  facts.url = operation.given_url;
  facts.url_effective = url.text_without_secrets();
  facts.referer = chain.hops.empty() ? operation.fields.find("referer").value_or("") : chain.referer;
  facts.exit_code = end.exit_code;
  facts.error_message = end.message;
  facts.filename_effective = operation.output.to_stdout ? "" : operation.output.path;
  facts.http_connect = info.connect_status;
  facts.proxy_used = !info.proxy.empty();
  if (end.exit_code == kExitPeerCertificate)
    (is_of_proxy(end.message) ? facts.proxy_ssl_verify_result : facts.ssl_verify_result) = 1;
  facts.url_number = operation.url_number;

  if (head != nullptr && head->status != 0) {
    facts.status = head->status;
    facts.http_version = version_number(head->version);
    facts.fields = &head->fields;
    facts.redirect_url = redirect_url(url, *head);
  }
  const std::size_t first = count_hops(facts, chain.hops);
  // As in curl: where the last hop has no response, the status of the one before it stays.
  for (std::size_t i = chain.hops.size(); facts.status == 0 && i > first; --i) facts.status = chain.hops[i - 1].status;
  if (info.conn) {
    facts.scheme = url.scheme();
    facts.certificates = info.certificates;
    facts.tls_earlydata = info.early_accepted ? std::int64_t{info.early_bytes} : -std::int64_t{info.early_bytes};
    if (info.route.empty()) {
      facts.remote_ip = info.address.ip.to_string();
      facts.remote_port = info.address.port;
      facts.local_ip = info.local.ip.to_string();
      facts.local_port = info.local.port;
    }
    facts.num_connects = static_cast<std::uint64_t>(info.connections);
  }
  facts.size_download = progress.received_body_bytes;
  facts.size_delivered = progress.decoded_body_bytes != 0 ? progress.decoded_body_bytes : progress.received_body_bytes;
  facts.size_upload = progress.sent_body_bytes;
  facts.size_header = progress.received_head_bytes;
  facts.size_request = progress.sent_head_bytes;
  facts.time_namelookup = since(progress, progress.resolved);
  facts.time_connect = since(progress, progress.connected);
  facts.time_appconnect = url.is_tls() ? since(progress, progress.secured) : Duration::zero();
  facts.time_pretransfer = since(progress, progress.secured ? progress.secured : progress.connected);
  facts.time_posttransfer = since(progress, progress.sent);
  facts.time_starttransfer = since(progress, progress.first_byte);
  facts.time_total = since(progress, progress.done);
  for (std::size_t i = first; i + 1 < chain.hops.size(); ++i) add_hop(facts, chain.hops[i]);
  return facts;
}

}  // namespace sluice::cli
