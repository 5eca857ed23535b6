// The table of the command's options: names, value, and the text for --help; one row for each option. Parsing, config
// files and help use this table. Leaves to others: what an option does (command_builder).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

enum class OptionId : std::uint8_t {
  operand,  // a URL without --url; never in the table
  // output
  output,
  remote_name,
  remote_name_all,
  output_dir,
  create_dirs,
  no_clobber,
  skip_existing,
  create_file_mode,
  max_filesize,
  remove_on_error,
  remote_header_name,
  remote_time,
  xattr,
  include,
  head,
  dump_header,
  write_out,
  fail,
  fail_with_body,
  silent,
  show_error,
  verbose,
  trace,
  trace_ascii,
  trace_time,
  trace_ids,
  trace_secrets,
  har,
  har_secrets,
  progress_meter,
  messages_to,
  no_buffer,
  // request
  request,
  header,
  data,
  data_raw,
  data_binary,
  data_urlencode,
  json,
  form,
  form_string,
  form_escape,
  url_query,
  get,
  upload_file,
  range,
  continue_at,
  segments,
  user,
  basic,
  digest,
  ntlm,
  negotiate,
  delegation,
  anyauth,
  oauth2_bearer,
  aws_sigv4,
  netrc,
  netrc_optional,
  netrc_file,
  user_agent,
  referer,
  location,
  follow,
  max_redirs,
  location_trusted,
  post301,
  post302,
  post303,
  proto,
  proto_redir,
  compressed,
  tr_encoding,
  raw,
  expect100_timeout,
  retry,
  retry_delay,
  retry_max_time,
  retry_connrefused,
  retry_all_errors,
  hsts,
  alt_svc,
  etag_compare,
  etag_save,
  time_cond,
  cookie,
  cookie_jar,
  junk_session_cookies,
  // TLS
  insecure,
  cacert,
  capath,
  ca_native,
  cert,
  cert_type,
  key,
  key_type,
  pass,
  pinnedpubkey,
  crlfile,
  cert_status,
  ciphers,
  tls13_ciphers,
  curves,
  sigalgs,
  ech,
  sessionid,
  tls_earlydata,
  ssl_sessions,
  tlsv1,
  tlsv1_1,
  tlsv1_2,
  tlsv1_3,
  tls_max,
  tls_truncation_ok,
  // connection
  max_time,
  connect_timeout,
  limit_rate,
  speed_limit,
  speed_time,
  resolve,
  dns_ttl,
  doh_url,
  doh_insecure,
  doh_cert_status,
  https_records,
  no_private_addresses,
  connect_to,
  unix_socket,
  abstract_unix_socket,
  interface,
  local_port,
  no_keepalive,
  keepalive_time,
  keepalive_cnt,
  tcp_nodelay,
  tcp_fastopen,
  ip_tos,
  vlan_priority,
  mptcp,
  dns_servers,
  dns_interface,
  dns_ipv4_addr,
  dns_ipv6_addr,
  ipv4,
  ipv6,
  http1_0,
  http1_1,
  http2,
  http2_prior_knowledge,
  http0_9,
  strict,
  // proxies
  proxy,
  proxy_user,
  no_proxy,
  preproxy,
  proxy1_0,
  proxy_tunnel,
  proxy_http2,
  socks4,
  socks4a,
  socks5,
  socks5_hostname,
  proxy_header,
  proxy_basic,
  proxy_digest,
  proxy_ntlm,
  proxy_negotiate,
  proxy_service_name,
  proxy_anyauth,
  proxy_insecure,
  proxy_cacert,
  proxy_capath,
  proxy_ca_native,
  proxy_cert,
  proxy_cert_type,
  proxy_key,
  proxy_key_type,
  proxy_pass,
  proxy_pinnedpubkey,
  proxy_crlfile,
  proxy_ciphers,
  proxy_tls13_ciphers,
  proxy_tlsv1,
  suppress_connect_headers,
  haproxy_protocol,
  haproxy_clientip,
  // many
  url,
  next,
  parallel,
  parallel_max,
  parallel_immediate,
  rate,
  fail_early,
  fail_all,
  globoff,
  // the command
  config,
  variable,
  disable,
  loop,
  demo,
  help,
  version,
};

enum class HelpGroup : std::uint8_t { output, request, tls, connection, proxy, many, command };
std::string_view to_string(HelpGroup group);

struct OptionSpec {
  OptionId id;
  char short_name;              // 0: none
  std::string_view long_name;   // without dashes
  std::string_view alias;       // a second long name; "": none
  std::string_view off_name;    // for a flag: the long name that switches it off; "": none
  std::string_view value_name;  // "": a flag
  HelpGroup group;
  std::string_view help;

  bool takes_value() const { return !value_name.empty(); }
  std::string dashed() const { return "--" + std::string(long_name); }
};

std::span<const OptionSpec> option_table();  // in the order of --help
const OptionSpec& option_spec(OptionId id);  // `id` must not be operand
// The option of that name without dashes, also in its form "expand-NAME"; not of a name that switches it off. Null:
// there is none.
const OptionSpec* find_long_option(std::string_view name);
const OptionSpec* find_short_option(char letter);

inline constexpr std::string_view kExpandPrefix = "expand-";  // of a long name: its value has variables in it

}  // namespace sluice::cli
