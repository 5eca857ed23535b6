// See early.hpp.
#include "core/engine/early.hpp"

#include <new>

#include "core/base/limits.hpp"
#include "core/cookies.hpp"

namespace sluice::engine {

namespace {

// RFC 8470 2.1: only a request that may be processed twice. One that was sent before goes the safe way.
bool may_go_early(const Job& job, const pool::Endpoint& endpoint) {
  const bool may_be_http1 =
      endpoint.protocol == http::Protocol::http1 || endpoint.protocol == http::Protocol::negotiated;
  if (!may_be_http1) return false;
  const auto& tls = endpoint.peer.tls;
  if (!tls || !tls->options().early_data || !tls->options().session_resumption) return false;
  if (job.info.retries != 0 || job.counts.retries != 0) return false;
  return is_safe(job.request.method) && !job.upload.present() && !job.login;
}

}  // namespace

std::shared_ptr<pool::EarlyRequest> early_request(const Job& job, const pool::Endpoint& endpoint,
                                                  http::SessionFactory& sessions, Now now) {
  if (!may_go_early(job, endpoint)) return nullptr;
  constexpr std::string_view kProtocol = "http/1.";
  const auto session = sessions.make("http/1.1");
  if (!session) throw std::bad_alloc();
  if (session->multiplexes()) return nullptr;
  auto early = std::make_shared<pool::EarlyRequest>();
  if (job.options.cookies) early->cookies = job.options.cookies->header_for(job.request.url, now);
  ResponseHead unused;
  const auto stream = session->open({.request = &job.request,
                                     .head = &unused,
                                     .http1_0 = job.options.http_versions == HttpVersions::http1_0,
                                     .cookies = early->cookies});
  if (!stream) return nullptr;  // the transfer gets the error when it has its connection
  const OutputView output = session->output();
  for (std::size_t i = 0; i < output.count; ++i) early->data.bytes += as_text(output.spans[i]);
  early->data.protocol = kProtocol;
  session->abort(*stream);
  return early;
}

bool is_too_early(const Job& job) {
  constexpr int kTooEarly = 425;
  return job.info.early_accepted && job.head.status == kTooEarly && job.info.retries < limits::kMaxRetries;
}

}  // namespace sluice::engine
