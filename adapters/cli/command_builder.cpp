// See command_builder.hpp. Which action each option has, and the end of a group.
#include "adapters/cli/command_builder.hpp"

#include <algorithm>
#include <iterator>

#include "adapters/cli/operations.hpp"
#include "adapters/cli/option_values.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/tls_options.hpp"

namespace sluice::cli {

CommandBuilder::Status CommandBuilder::apply(const Argument& argument) {
  Settings& settings = group_.settings;
  const std::string& value = argument.value;
  const bool on = argument.on;
  switch (argument.id) {
    case OptionId::operand:
      group_.add_url(value);
      break;
    case OptionId::url:
      return add_url(value);
    case OptionId::output:
      return add_output(value);
    case OptionId::remote_name:
      // As curl: it has no effect on a URL that would not use its remote name.
      if (on || group_.remote_name_all) group_.add_output(std::nullopt, on);
      break;
    case OptionId::remote_name_all:
      group_.remote_name_all = on;
      break;
    case OptionId::output_dir:
      group_.output_dir = value;
      break;
    case OptionId::create_dirs:
      settings.create_dirs = on;
      break;
    case OptionId::no_clobber:
      settings.clobber = !on;
      break;
    case OptionId::skip_existing:
      settings.skip_existing = on;
      break;
    case OptionId::create_file_mode:
      return set_create_file_mode(value);
    case OptionId::max_filesize:
      return set_max_filesize(value);
    case OptionId::remote_header_name:
      settings.remote_header_name = on;
      break;
    case OptionId::remote_time:
      settings.remote_time = on;
      break;
    case OptionId::xattr:
      settings.xattr = on;
      break;
    case OptionId::remove_on_error:
      settings.remove_on_error = on;
      break;
    case OptionId::include:
      settings.include_head = on;
      break;
    case OptionId::head:
      group_.head = on;
      break;
    case OptionId::dump_header:
      settings.dump_header = value;
      break;
    case OptionId::write_out:
      return set_write_out(value);
    case OptionId::fail:
      settings.fail = on;
      break;
    case OptionId::fail_with_body:
      settings.fail_with_body = on;
      break;
    case OptionId::silent:
      command_.silent = on;
      break;
    case OptionId::show_error:
      command_.show_error = on;
      break;
    case OptionId::verbose:
      set_verbose(on);
      break;
    case OptionId::trace:
      set_trace(TraceForm::hex, value);
      break;
    case OptionId::trace_ascii:
      set_trace(TraceForm::ascii, value);
      break;
    case OptionId::trace_time:
      command_.trace.time = on;
      break;
    case OptionId::trace_ids:
      command_.trace.ids = on;
      break;
    case OptionId::trace_secrets:
      command_.trace.secrets = on;
      break;
    case OptionId::har:
      command_.har = value;
      break;
    case OptionId::har_secrets:
      command_.har_secrets = on;
      break;
    case OptionId::progress_meter:
      command_.no_progress_meter = on;
      break;
    case OptionId::messages_to:
      command_.messages_to = value;
      break;
    case OptionId::request:
      group_.method = value;
      break;
    case OptionId::header:
    case OptionId::proxy_header:
      return add_header(argument);
    case OptionId::data:
    case OptionId::data_raw:
    case OptionId::data_binary:
    case OptionId::json:
      return add_data(argument);
    case OptionId::data_urlencode:
      return add_encoded(value);
    case OptionId::form:
    case OptionId::form_string:
      return add_form(argument);
    case OptionId::form_escape:
      group_.form_escape = on;
      break;
    case OptionId::url_query:
      return add_url_query(value);
    case OptionId::get:
      group_.get = on;
      break;
    case OptionId::upload_file:
      group_.add_upload(value);
      break;
    case OptionId::range:
      return set_range(value);
    case OptionId::continue_at:
      return set_continue_at(value);
    case OptionId::segments:
      return set_segments(value);
    case OptionId::user:
      group_.user = value;
      break;
    case OptionId::basic:
      group_.schemes_asked.basic = on;
      break;
    case OptionId::digest:
      group_.schemes_asked.digest = on;
      break;
    case OptionId::ntlm:
      group_.schemes_asked.ntlm = on;
      break;
    case OptionId::negotiate:
      return set_negotiate(OptionId::negotiate, on, group_.schemes_asked);
    case OptionId::delegation:
      set_delegation(value);
      break;
    case OptionId::anyauth:
      group_.schemes_asked = {.basic = true, .digest = true, .bearer = true, .ntlm = true, .negotiate = has_gssapi()};
      break;
    case OptionId::oauth2_bearer:
      group_.bearer = value;
      group_.schemes_asked.bearer = true;
      break;
    case OptionId::aws_sigv4:
      group_.aws_sigv4 = value;
      break;
    case OptionId::netrc:
      group_.netrc = on;
      break;
    case OptionId::netrc_optional:
      group_.netrc_optional = on;
      break;
    case OptionId::netrc_file:
      group_.netrc_file = value;
      break;
    case OptionId::user_agent:
      group_.user_agent = value;
      break;
    case OptionId::referer:
      group_.referer = value;
      break;
    case OptionId::location:
      group_.follows = on ? OptionGroup::Follow::location : OptionGroup::Follow::no;
      break;
    case OptionId::follow:
      group_.follows = on ? OptionGroup::Follow::follow : OptionGroup::Follow::no;
      break;
    case OptionId::max_redirs:
    case OptionId::proto:
    case OptionId::proto_redir:
      return set_redirects(argument);
    case OptionId::location_trusted:
      group_.redirects.trust_other_origins = on;
      group_.follows = on ? OptionGroup::Follow::location : OptionGroup::Follow::no;
      break;
    case OptionId::post301:
      group_.redirects.keep_post_301 = on;
      break;
    case OptionId::post302:
      group_.redirects.keep_post_302 = on;
      break;
    case OptionId::post303:
      group_.redirects.keep_post_303 = on;
      break;
    case OptionId::compressed:
    case OptionId::tr_encoding:
      return set_codings(argument.id, on);
    case OptionId::raw:
      group_.settings.raw = on;
      break;
    case OptionId::expect100_timeout:
    case OptionId::retry:
    case OptionId::retry_delay:
    case OptionId::retry_max_time:
      return set_retries(argument);
    case OptionId::retry_connrefused:
      group_.retries.connection_refused = on;
      break;
    case OptionId::retry_all_errors:
      group_.retries.all_errors = on;
      break;
    case OptionId::hsts:
      return set_state_file(argument, settings.hsts);
    case OptionId::alt_svc:
      return set_state_file(argument, settings.alt_svc);
    case OptionId::etag_compare:
      return set_etag(value);
    case OptionId::etag_save:
      settings.etag_save = value;
      break;
    case OptionId::time_cond:
      return set_time_condition(value);
    case OptionId::cookie:
      return add_cookies(value);
    case OptionId::cookie_jar:
      settings.cookie_jar = value;
      settings.cookies = true;
      break;
    case OptionId::junk_session_cookies:
      group_.junk_session_cookies = on;
      break;
    case OptionId::insecure:
    case OptionId::cacert:
    case OptionId::capath:
    case OptionId::ca_native:
    case OptionId::cert:
    case OptionId::cert_type:
    case OptionId::key:
    case OptionId::key_type:
    case OptionId::pass:
    case OptionId::pinnedpubkey:
    case OptionId::crlfile:
    case OptionId::cert_status:
    case OptionId::ciphers:
    case OptionId::tls13_ciphers:
    case OptionId::curves:
    case OptionId::sigalgs:
    case OptionId::ech:
    case OptionId::tlsv1:
    case OptionId::tlsv1_1:
    case OptionId::tlsv1_2:
    case OptionId::tlsv1_3:
    case OptionId::tls_max:
    case OptionId::sessionid:
    case OptionId::tls_earlydata:
    case OptionId::proxy_insecure:
    case OptionId::proxy_cacert:
    case OptionId::proxy_capath:
    case OptionId::proxy_ca_native:
    case OptionId::proxy_cert:
    case OptionId::proxy_cert_type:
    case OptionId::proxy_key:
    case OptionId::proxy_key_type:
    case OptionId::proxy_pass:
    case OptionId::proxy_pinnedpubkey:
    case OptionId::proxy_crlfile:
    case OptionId::proxy_ciphers:
    case OptionId::proxy_tls13_ciphers:
      return set_tls_option(argument.id, value, on, settings);
    case OptionId::ssl_sessions:
      return set_state_file(argument, command_.ssl_sessions);
    case OptionId::max_time:
      return set_seconds(argument.id, value, settings.max_time);
    case OptionId::connect_timeout:
      return set_seconds(argument.id, value, settings.connect_timeout);
    case OptionId::limit_rate:
      return set_limit_rate(value);
    case OptionId::speed_limit:
      return set_speed_limit(value);
    case OptionId::speed_time:
      return set_speed_time(value);
    case OptionId::resolve:
      return add_resolve(value);
    case OptionId::dns_ttl:
      return set_dns_ttl(value);
    case OptionId::doh_url:
      command_.doh.url = value;
      break;
    case OptionId::doh_insecure:
      command_.doh.insecure = on;
      break;
    case OptionId::doh_cert_status:
      command_.doh.cert_status = on;
      break;
    case OptionId::https_records:
      command_.https_records = on;
      return {};
    case OptionId::no_private_addresses:
      command_.no_private_addresses = on;
      break;
    case OptionId::connect_to:
      return add_connect_to(value);
    case OptionId::unix_socket:
    case OptionId::abstract_unix_socket:
      return set_unix_socket(argument);
    case OptionId::interface:
    case OptionId::local_port:
    case OptionId::no_keepalive:
    case OptionId::keepalive_time:
    case OptionId::keepalive_cnt:
    case OptionId::tcp_nodelay:
    case OptionId::tcp_fastopen:
    case OptionId::ip_tos:
    case OptionId::vlan_priority:
    case OptionId::mptcp:
    case OptionId::dns_servers:
    case OptionId::dns_interface:
    case OptionId::dns_ipv4_addr:
    case OptionId::dns_ipv6_addr:
    case OptionId::haproxy_protocol:
    case OptionId::haproxy_clientip:
      return set_socket(argument);
    case OptionId::ipv4:
      settings.family = AddressFamily::ipv4;
      break;
    case OptionId::ipv6:
      settings.family = AddressFamily::ipv6;
      break;
    case OptionId::http1_0:
    case OptionId::http1_1:
    case OptionId::http2:
    case OptionId::http2_prior_knowledge:
      return set_http_versions(argument.id);
    case OptionId::http0_9:
      settings.http0_9 = on;
      break;
    case OptionId::strict:
      settings.strict = on;
      break;
    case OptionId::tls_truncation_ok:
      settings.tls_truncation_ok = on;
      break;
    case OptionId::proxy:
    case OptionId::proxy1_0:
    case OptionId::socks4:
    case OptionId::socks4a:
    case OptionId::socks5:
    case OptionId::socks5_hostname:
      set_proxy(argument);
      break;
    case OptionId::preproxy:
      settings.proxies.preproxy = value;
      break;
    case OptionId::proxy_user:
      settings.proxies.user = value;
      break;
    case OptionId::no_proxy:
      settings.proxies.no_proxy = value;
      break;
    case OptionId::proxy_tunnel:
      settings.proxies.tunnel = on;
      break;
    case OptionId::proxy_http2:
      return set_proxy_http2(on);
    case OptionId::suppress_connect_headers:
      settings.proxies.shows_heads = !on;
      break;
    case OptionId::proxy_basic:
      group_.proxy_schemes_asked.basic = on;
      break;
    case OptionId::proxy_digest:
      group_.proxy_schemes_asked.digest = on;
      break;
    case OptionId::proxy_ntlm:
      group_.proxy_schemes_asked.ntlm = on;
      break;
    case OptionId::proxy_negotiate:
      return set_negotiate(OptionId::proxy_negotiate, on, group_.proxy_schemes_asked);
    case OptionId::proxy_service_name:
      settings.proxies.service = value;
      break;
    case OptionId::proxy_anyauth:
      group_.proxy_schemes_asked = {.basic = true, .digest = true, .ntlm = true, .negotiate = has_gssapi()};
      break;
    case OptionId::globoff:
      group_.globoff = on;
      break;
    case OptionId::next:
      return finish_group();
    case OptionId::parallel:
      command_.parallel = on ? ParallelMode::on : ParallelMode::off;
      break;
    case OptionId::parallel_immediate:
      command_.parallel_immediate = on;
      break;
    case OptionId::parallel_max:
      return set_parallel_max(value);
    case OptionId::rate:
      return set_rate(value);
    case OptionId::fail_early:
      command_.fail_early = on;
      break;
    case OptionId::fail_all:
      command_.fail_all = on;
      break;
    case OptionId::loop:
      return set_loop(value);
    case OptionId::demo:
      command_.demo = true;
      break;
    case OptionId::help:
      command_.help = true;
      break;
    case OptionId::version:
      command_.version = true;
      break;
    // Nothing to do: the command always behaves so, and parse_command_line has done the rest.
    case OptionId::no_buffer:
    case OptionId::proxy_tlsv1:
    case OptionId::config:
    case OptionId::variable:
    case OptionId::disable:
      break;
  }
  return {};
}

CommandBuilder::Status CommandBuilder::finish_group() {
  // As in curl: a --next before any URL has no effect.
  if (group_.urls == 0) return {};
  const bool surplus = group_.outputs > group_.urls;
  for (CookieFile& file : group_.cookie_files) {
    file.without_session = group_.junk_session_cookies;
    command_.cookie_files.push_back(std::move(file));
  }
  if (Status ok = read_netrc(); !ok) return ok;
  if (Status ok = finish_form(); !ok) return ok;
  if (inputs_.environment) group_.settings.proxies.environment = ProxyEnvironment::read(inputs_.environment);
  auto operations = make_operations(std::exchange(group_, {}), command_.operations.size());
  if (!operations) return std::unexpected(operations.error());
  if (surplus) command_.warnings.emplace_back("more output options than URLs");
  if (command_.operations.empty()) {
    command_.operations = *std::move(operations);  // there may be many: they are not held twice
  } else {
    std::move(operations->begin(), operations->end(), std::back_inserter(command_.operations));
  }
  return {};
}

std::expected<CommandLine, UsageError> CommandBuilder::finish() {
  if (asks_for_text()) return std::move(command_);
  if (group_.urls == 0) return std::unexpected(UsageError{2, std::string(kNoUrl)});
  if (const Status ok = finish_group(); !ok) return std::unexpected(ok.error());
  return std::move(command_);
}

}  // namespace sluice::cli
