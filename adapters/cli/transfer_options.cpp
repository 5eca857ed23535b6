// See transfer_options.hpp.
#include "adapters/cli/transfer_options.hpp"

#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/transport.hpp"

namespace sluice::cli {
namespace {

// As in curl: a body of this size has "Expect: 100-continue".
constexpr std::uint64_t kExpectFrom = 1024 * 1024 + 1;

}  // namespace

std::expected<TransferOptions, Failure> transfer_options(const Operation& operation, Surroundings& surroundings) {
  const Settings& settings = *operation.settings;
  TransferOptions options;
  options.redirects = settings.redirects;
  if (operation.url.is_tls() || options.redirects || settings.hsts) {
    auto tls = surroundings.tls.for_origin(settings);
    // Without one a redirect from http to https fails, if it comes.
    if (!tls && operation.url.is_tls()) return std::unexpected(tls.error());
    if (tls) options.tls = *std::move(tls);
  }
  auto proxies = surroundings.proxies.for_operation(operation);
  if (!proxies) return std::unexpected(proxies.error());
  options.proxies = *std::move(proxies);
  if (operation.credentials) {
    Credentials credentials = *operation.credentials;
    credentials.netrc = settings.netrc;
    if (const AuthSchemes& schemes = credentials.schemes; schemes.negotiate) {
      // Where another scheme may serve, only who wants to know all is told that there is no ticket.
      const bool told = schemes == AuthSchemes{.basic = false, .negotiate = true} || surroundings.verbose;
      credentials.negotiate = surroundings.negotiate.get(settings.delegation, told);
    }
    options.credentials = std::make_shared<const Credentials>(std::move(credentials));
  }
  options.retries = settings.retries;
  if (options.retries) options.retries->after_head = !operation.output.to_stdout;
  if (operation.expects_continue) options.expect_continue_from = kExpectFrom;
  options.continue_timeout = settings.continue_timeout;
  options.max_body_bytes = settings.max_filesize;
  // Positions are those of the coded content, so a decoded one cannot be continued.
  const bool in_parts = settings.continue_at || settings.segments > 1;
  const bool decodes_content = settings.compressed && !in_parts;
  if (decodes_content || (settings.transfer_codings && settings.segments == 1)) {
    options.decoding = DecodingOptions{
        .content = decodes_content, .transfer = settings.transfer_codings, .ask = settings.asks_for_codings};
  }
  options.raw_body = settings.raw;
  if (settings.cookies) options.cookies = surroundings.cookies;
  options.connect_to = operation.connect_to;
  options.family = settings.family;
  options.http_versions = settings.http_versions;
  options.pipewait = surroundings.pipewait;
  if (!settings.unix_socket.empty()) {
    auto route = unix_socket(settings.unix_socket);
    if (!route) return std::unexpected(Failure{exit_code(route.error()), route.error().message()});
    options.route = *std::move(route);
  } else {
    auto socket = surroundings.sockets.for_settings(settings);
    if (!socket) return std::unexpected(socket.error());
    options.socket = *std::move(socket);
  }
  if (const SocketSettings& own = settings.sockets; own.proxy_line || own.line_client != IpAddress{}) {
    options.proxy_protocol = std::make_shared<const ProxyProtocol>(ProxyProtocol{own.line_client});
  }
  if (settings.connect_timeout) options.connect_timeout = settings.connect_timeout;
  if (settings.limits != TransferLimits{}) options.limits = std::make_shared<const TransferLimits>(settings.limits);
  // As in curl, -m is for each attempt.
  (options.retries ? options.attempts_timeout : options.total_timeout) = settings.max_time;
  options.http1 = settings.strict ? Http1::strict : Http1::tolerant;
  options.allow_http0_9 = settings.http0_9;
  options.tls_truncation_ok = settings.tls_truncation_ok;
  const bool shows_heads = settings.include_head || !settings.dump_header.empty();
  options.report_heads = surroundings.verbose || surroundings.har || surroundings.trace.wanted() ||
                         (options.proxies && shows_heads && settings.proxies.shows_heads);
  options.keep_raw_head = surroundings.verbose || shows_heads;
  return options;
}

}  // namespace sluice::cli
