// See prepare.hpp.
#include "core/engine/prepare.hpp"

#include <string>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/content/coding.hpp"
#include "core/hsts.hpp"
#include "core/http/upload.hpp"
#include "core/http2/session.hpp"
#include "core/transfer_limits.hpp"

namespace sluice::engine {

namespace {

// RFC 7617: adds the URL's user and password as an Authorization field, unless the request has one.
Result<void> take_url_credentials(Request& request, const TransferOptions& options) {
  const Url& url = request.url;
  if (!options.send_url_credentials || request.fields.contains("Authorization")) return {};
  const auto value = url_credentials(url);
  if (!value) return std::unexpected(value.error());
  return request.fields.add("Authorization", *value);
}

Result<void> add_accept_encoding(Request& request) {
  if (request.fields.contains("Accept-Encoding")) return {};
  const std::string codings = content::accept_encoding();
  return codings.empty() ? Result<void>() : request.fields.add("Accept-Encoding", codings);
}

// RFC 9110 10.1.4: a TE field needs its name in Connection, as only the next server may see it.
Result<void> add_te(Request& request) {
  if (!request.fields.contains("TE")) {
    if (auto added = request.fields.add("TE", "gzip"); !added) return added;
  }
  std::string options;
  for (const Field field : request.fields) {
    if (!equals_ignoring_case(field.name, "Connection")) continue;
    if (lists_token(field.value, "TE")) return {};
    options.append(field.value).append(field.value.empty() ? "" : ", ");
  }
  return request.fields.set("Connection", options + "TE");
}

// RFC 6797 8.3
Result<void> upgrade(Url& url, const HstsStore* hosts, Now now) {
  if (!hosts || url.is_tls() || !hosts->applies(url, now.wall)) return {};
  auto secure = url.with_https();
  if (!secure) return std::unexpected(std::move(secure.error()));
  url = *std::move(secure);
  return {};
}

Result<void> ask_for_codings(Request& request, const DecodingOptions& options) {
  if (options.content && options.ask) {
    if (auto added = add_accept_encoding(request); !added) return added;
  }
  const bool may_ask = options.transfer && content::codings_in_build().contains(content::Coding::gzip);
  return may_ask ? add_te(request) : Result<void>();
}

// RFC 9110 10.1.1
Result<void> add_expect(Request& request, std::uint64_t from) {
  if (std::holds_alternative<std::monostate>(request.body) || request.fields.contains("Expect")) return {};
  if (known_length(request.body).value_or(from) < from) return {};
  return request.fields.add("Expect", "100-continue");
}

// RFC 1945 7.2.2: without a length it has no way to tell where the body of a request ends.
Result<void> check_http1_0(const Request& request) {
  const http::UploadBody body(request.body);
  const bool has_length = !body.present() || body.declared_length();
  if (has_length && !request.fields.contains("Transfer-Encoding")) return {};
  return std::unexpected(make_error(Code::invalid_request, "HTTP/1.0 cannot send a body of unknown length"));
}

Result<std::shared_ptr<const TlsConfig>> choose_tls(const Url& url, const TransferOptions& options,
                                                    const EngineOptions& defaults) {
  if (!url.is_tls() || (options.route && options.route->is_secure())) return nullptr;
  const auto& tls = options.tls ? options.tls : defaults.default_tls;
  if (tls) return tls;
  return std::unexpected(make_error(Code::tls_config, url.text_without_secrets() + ": no TLS configuration was given " +
                                                          "(TransferOptions::tls or EngineOptions::default_tls)"));
}

}  // namespace

Result<void> check_options(const TransferOptions& options) {
  const auto is_negative = [](const std::optional<Duration>& timeout) {
    return timeout && *timeout < Duration::zero();
  };
  if (is_negative(options.connect_timeout) || is_negative(options.total_timeout) ||
      is_negative(options.attempts_timeout) || options.continue_timeout < Duration::zero()) {
    return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
  }
  if (options.limits) {
    const TransferLimits& limits = *options.limits;
    for (const auto& timeout :
         {limits.queue_timeout, limits.resolve_timeout, limits.tls_timeout, limits.response_timeout}) {
      if (is_negative(timeout))
        return std::unexpected(make_error(Code::invalid_option, "a timeout cannot be negative"));
    }
    const bool rates = limits.low_rate.value_or(1) > 0 && limits.max_receive_rate.value_or(1) > 0 &&
                       limits.max_send_rate.value_or(1) > 0;
    if (!rates || limits.low_period <= Duration::zero()) {
      return std::unexpected(make_error(Code::invalid_option, "a rate, and the period of one, must be more than zero"));
    }
  }
  if (options.http_versions >= HttpVersions::http2_prior_knowledge && !http2::has_http2()) {
    return std::unexpected(make_error(Code::invalid_option, "HTTP/2: this sluice was built without libnghttp2"));
  }
  if (options.priority && options.priority->urgency > 7) {
    return std::unexpected(make_error(Code::invalid_option, "a priority's urgency is from 0 to 7 (RFC 9218 4.1)"));
  }
  // No connection could meet an idle timeout of zero.
  if (options.idle_timeout && *options.idle_timeout <= Duration::zero()) {
    return std::unexpected(make_error(Code::invalid_option, "an idle timeout must be more than zero"));
  }
  return {};
}

Result<void> prepare_connect_to(TransferOptions& options, const Url& url) {
  const ConnectTo& to = *options.connect_to;
  if (to.host.empty() || to.port == 0) {
    return std::unexpected(make_error(Code::invalid_option, "connect_to needs a host and a port"));
  }
  if (to.port == url.port() && url.zone().empty() && equals_ignoring_case(to.host, url.host())) {
    options.connect_to.reset();
  }
  return {};
}

Result<std::unique_ptr<flow::HopCredentials>> prepare_credentials(Request& request, TransferOptions& options,
                                                                  const EngineOptions& defaults,
                                                                  flow::HopMemory& memory, Now now) {
  if (auto upgraded = upgrade(request.url, defaults.hsts.get(), now); !upgraded) {
    return std::unexpected(std::move(upgraded.error()));
  }
  return flow::authorize_first(request, options, memory, now);
}

Result<std::shared_ptr<const TlsConfig>> prepare(Request& request, const TransferOptions& options,
                                                 const EngineOptions& defaults, Now now) {
  if (auto upgraded = upgrade(request.url, defaults.hsts.get(), now); !upgraded) {
    return std::unexpected(std::move(upgraded.error()));
  }
  if (request.url.has_userinfo() && !options.credentials) {
    if (auto taken = take_url_credentials(request, options); !taken) return std::unexpected(std::move(taken.error()));
  }
  if (options.decoding) {
    if (auto added = ask_for_codings(request, *options.decoding); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (options.priority && !request.fields.contains("Priority")) {
    if (auto added = request.fields.add("Priority", priority_field(*options.priority)); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (options.expect_continue_from) {
    if (auto added = add_expect(request, *options.expect_continue_from); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (auto valid = validate_without_credentials(request); !valid) return std::unexpected(std::move(valid.error()));
  if (options.http_versions == HttpVersions::http1_0) {
    if (auto allowed = check_http1_0(request); !allowed) return std::unexpected(std::move(allowed.error()));
  }
  return choose_tls(request.url, options, defaults);
}

}  // namespace sluice::engine
