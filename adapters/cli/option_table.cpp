// See option_table.hpp. The rows. Names and meanings are curl's.
#include "adapters/cli/option_table.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/base/check.hpp"

namespace sluice::cli {

namespace {

// The short names hold for the table only.
namespace rows {

using enum OptionId;
using G = HelpGroup;

constexpr OptionSpec kTable[] = {
    {output, 'o', "output", "", "", "FILE", G::output, "write to FILE, for each URL its own; - is stdout"},
    {remote_name, 'O', "remote-name", "", "no-remote-name", "", G::output, "write to a file named as in the URL"},
    {remote_name_all, 0, "remote-name-all", "", "no-remote-name-all", "", G::output, "-O for every URL that follows"},
    {output_dir, 0, "output-dir", "", "", "DIR", G::output, "put the files of -o and -O into DIR"},
    {create_dirs, 0, "create-dirs", "", "no-create-dirs", "", G::output, "make missing directories of output files"},
    {no_clobber, 0, "no-clobber", "", "clobber", "", G::output, "a file that exists stays: write NAME.1, or NAME.2"},
    {skip_existing, 0, "skip-existing", "", "no-skip-existing", "", G::output, "no transfer where its file exists"},
    {create_file_mode, 0, "create-file-mode", "", "", "MODE", G::output, "permissions of new files, octal (0644)"},
    {max_filesize, 0, "max-filesize", "", "", "BYTES", G::output, "take no larger body: 10000, 500K, 2M, 1G"},
    {remove_on_error, 0, "remove-on-error", "", "no-remove-on-error", "", G::output,
     "keep no part of a failed download"},
    {remote_header_name, 'J', "remote-header-name", "", "no-remote-header-name", "", G::output,
     "-O by the name that the response gives"},
    {remote_time, 'R', "remote-time", "", "no-remote-time", "", G::output, "give the file the time of the server's"},
    {xattr, 0, "xattr", "", "no-xattr", "", G::output, "keep URL and Content-Type in the file's attributes"},
    {include, 'i', "include", "", "no-include", "", G::output, "write the response head before the body"},
    {head, 'I', "head", "", "no-head", "", G::output, "ask for the head only (HEAD) and write it"},
    {dump_header, 'D', "dump-header", "", "", "FILE", G::output, "write response heads to FILE; - is stdout, % stderr"},
    {write_out, 'w', "write-out", "", "", "FORMAT", G::output, "after a transfer, write FORMAT with its %{variables}"},
    {fail, 'f', "fail", "", "no-fail", "", G::output, "status 400 and above: no body, exit code 22"},
    {fail_with_body, 0, "fail-with-body", "", "no-fail-with-body", "", G::output, "the same, but write the body"},
    {silent, 's', "silent", "", "no-silent", "", G::output, "neither progress nor error messages"},
    {show_error, 'S', "show-error", "", "no-show-error", "", G::output, "with -s: error messages even so"},
    {verbose, 'v', "verbose", "", "no-verbose", "", G::output, "tell on stderr what is sent and received"},
    {trace, 0, "trace", "", "", "FILE", G::output, "all that is sent and received; - stdout, % stderr"},
    {trace_ascii, 0, "trace-ascii", "", "", "FILE", G::output, "the same, without hexadecimal digits"},
    {trace_time, 0, "trace-time", "", "no-trace-time", "", G::output, "with the time, in a trace and with -v"},
    {trace_ids, 0, "trace-ids", "", "no-trace-ids", "", G::output, "with numbers of transfer and connection"},
    {trace_secrets, 0, "trace-secrets", "", "no-trace-secrets", "", G::output,
     "a trace with credentials and cookies in its heads"},
    {har, 0, "har", "", "", "FILE", G::output, "write a HAR 1.2 of all requests, without secrets"},
    {har_secrets, 0, "har-secrets", "", "no-har-secrets", "", G::output, "with credentials and cookies in it"},
    {progress_meter, 0, "no-progress-meter", "", "progress-meter", "", G::output, "no progress; messages as usual"},
    {messages_to, 0, "stderr", "", "", "FILE", G::output, "write messages to FILE, not to stderr; - is stdout"},
    {no_buffer, 'N', "no-buffer", "", "buffer", "", G::output, "write what comes at once (always so)"},

    {request, 'X', "request", "", "", "METHOD", G::request, "use this method"},
    {header, 'H', "header", "", "", "LINE", G::request, "add 'Name: value', 'Name:' removes; @FILE: many"},
    {data, 'd', "data", "data-ascii", "", "DATA", G::request, "send DATA (POST); @FILE without line ends, @- stdin"},
    {data_raw, 0, "data-raw", "", "", "DATA", G::request, "the same, with no meaning for @"},
    {data_binary, 0, "data-binary", "", "", "DATA", G::request, "send DATA or @FILE as it is"},
    {data_urlencode, 0, "data-urlencode", "", "", "DATA", G::request, "send [NAME=]CONTENT or [NAME]@FILE, encoded"},
    {json, 0, "json", "", "", "DATA", G::request, "send DATA or @FILE as JSON"},
    {form, 'F', "form", "", "", "NAME=CONTENT", G::request, "send a form; @FILE is a file, <FILE its text"},
    {form_string, 0, "form-string", "", "", "NAME=TEXT", G::request, "the same, with no meaning for @, < and ;"},
    {form_escape, 0, "form-escape", "", "no-form-escape", "", G::request, "in a form, quotes in names get a backslash"},
    {url_query, 0, "url-query", "", "", "DATA", G::request, "add to the URL's query; +DATA: as it is"},
    {get, 'G', "get", "", "no-get", "", G::request, "put the data into the URL's query and GET"},
    {upload_file, 'T', "upload-file", "", "", "FILE", G::request, "PUT the file, for each URL its own; - is stdin"},
    {range, 'r', "range", "", "", "RANGE", G::request, "ask for these bytes only: 0-99, 500-, -200"},
    {continue_at, 'C', "continue-at", "", "", "OFFSET", G::request,
     "go on with a download, or -T; -: where its file ends"},
    {segments, 0, "segments", "", "", "N", G::request, "fetch a large file over up to N connections"},
    {user, 'u', "user", "", "", "USER:PASS", G::request, "user and password; without PASS it is empty"},
    {basic, 0, "basic", "", "no-basic", "", G::request, "authenticate by Basic (as without any of these)"},
    {digest, 0, "digest", "", "no-digest", "", G::request, "by Digest, when the server asks for it"},
    {ntlm, 0, "ntlm", "", "no-ntlm", "", G::request, "by NTLMv2; USER may be DOMAIN/USER"},
    {negotiate, 0, "negotiate", "", "no-negotiate", "", G::request, "by the tickets of Kerberos (kinit), without -u"},
    {delegation, 0, "delegation", "", "", "LEVEL", G::request, "give the server tickets: none, policy or always"},
    {anyauth, 0, "anyauth", "", "", "", G::request, "by the strongest scheme that the server asks for"},
    {oauth2_bearer, 0, "oauth2-bearer", "", "", "TOKEN", G::request, "by this Bearer token"},
    {aws_sigv4, 0, "aws-sigv4", "", "", "P[:P[:REGION[:SERVICE]]]", G::request, "sign with -u by AWS Signature V4"},
    {netrc, 'n', "netrc", "", "no-netrc", "", G::request, "user and password by host, from ~/.netrc"},
    {netrc_optional, 0, "netrc-optional", "", "no-netrc-optional", "", G::request,
     "the same, but those of the URL count"},
    {netrc_file, 0, "netrc-file", "", "", "FILE", G::request, "-n with this file"},
    {user_agent, 'A', "user-agent", "", "", "NAME", G::request, "User-Agent; empty: none"},
    {referer, 'e', "referer", "", "", "URL", G::request, "Referer; with ;auto the last URL after a redirect"},
    {location, 'L', "location", "", "no-location", "", G::request, "follow redirects; -X is for all of them"},
    {follow, 0, "follow", "", "no-follow", "", G::request, "the same; -X until a redirect makes it GET"},
    {max_redirs, 0, "max-redirs", "", "", "N", G::request, "follow at most N redirects (50); -1: all"},
    {location_trusted, 0, "location-trusted", "", "no-location-trusted", "", G::request,
     "-L, with credentials for every host"},
    {post301, 0, "post301", "", "no-post301", "", G::request, "a POST stays a POST after 301"},
    {post302, 0, "post302", "", "no-post302", "", G::request, "the same after 302"},
    {post303, 0, "post303", "", "no-post303", "", G::request, "the same after 303"},
    {proto, 0, "proto", "", "", "LIST", G::request, "allow these schemes: =https, or -http"},
    {proto_redir, 0, "proto-redir", "", "", "LIST", G::request, "the same for redirects"},
    {compressed, 0, "compressed", "", "no-compressed", "", G::request, "ask for a coded body (gzip, br) and decode it"},
    {tr_encoding, 0, "tr-encoding", "", "no-tr-encoding", "", G::request, "the same with a coded transfer (TE: gzip)"},
    {raw, 0, "raw", "", "no-raw", "", G::request, "the body as it comes, with codings and chunk sizes"},
    {expect100_timeout, 0, "expect100-timeout", "", "", "SECONDS", G::request,
     "wait so long for 100 Continue before a large body"},
    {retry, 0, "retry", "", "", "N", G::request, "after a transient failure try again, up to N times"},
    {retry_delay, 0, "retry-delay", "", "", "SECONDS", G::request, "wait so long before (1, 2, 4, ... up to 600)"},
    {retry_max_time, 0, "retry-max-time", "", "", "SECONDS", G::request, "begin no retry later than this"},
    {retry_connrefused, 0, "retry-connrefused", "", "no-retry-connrefused", "", G::request,
     "a refused connection is transient"},
    {retry_all_errors, 0, "retry-all-errors", "", "no-retry-all-errors", "", G::request, "every failure is transient"},
    {hsts, 0, "hsts", "", "", "FILE", G::request, "https for hosts that asked for it, kept in FILE"},
    {alt_svc, 0, "alt-svc", "", "", "FILE", G::request, "remember alternative services in FILE (unused yet)"},
    {etag_compare, 0, "etag-compare", "", "", "FILE", G::request, "no body if its ETag is still the one in FILE"},
    {etag_save, 0, "etag-save", "", "", "FILE", G::request, "write the ETag of the response to FILE"},
    {time_cond, 'z', "time-cond", "", "", "DATE|FILE", G::request, "no body unless it is newer; -DATE: unless older"},
    {cookie, 'b', "cookie", "", "", "DATA|FILE", G::request, "send 'name=value', or the cookies of FILE"},
    {cookie_jar, 'c', "cookie-jar", "", "", "FILE", G::request, "write all cookies to FILE at the end; - is stdout"},
    {junk_session_cookies, 'j', "junk-session-cookies", "", "no-junk-session-cookies", "", G::request,
     "do not take session cookies from -b FILE"},

    {insecure, 'k', "insecure", "", "no-insecure", "", G::tls, "do not verify the server's certificate"},
    {cacert, 0, "cacert", "", "", "FILE", G::tls, "trust these CA certificates (PEM)"},
    {capath, 0, "capath", "", "", "DIR", G::tls, "trust the CA certificates in this directory"},
    {ca_native, 0, "ca-native", "", "no-ca-native", "", G::tls, "trust the system's besides (as without these two)"},
    {cert, 'E', "cert", "", "", "FILE[:PASS]", G::tls, "client certificate"},
    {cert_type, 0, "cert-type", "", "", "TYPE", G::tls, "its form: PEM, DER or P12, which has the key too"},
    {key, 0, "key", "", "", "FILE", G::tls, "its private key"},
    {key_type, 0, "key-type", "", "", "TYPE", G::tls, "the key's form: PEM or DER"},
    {pass, 0, "pass", "", "", "PHRASE", G::tls, "the password of the key"},
    {pinnedpubkey, 0, "pinnedpubkey", "", "", "FILE|HASHES", G::tls,
     "accept this key alone; sha256//BASE64;sha256//..."},
    {crlfile, 0, "crlfile", "", "", "FILE", G::tls, "lists of revoked certificates (PEM), of all issuers"},
    {cert_status, 0, "cert-status", "", "no-cert-status", "", G::tls, "the server must staple a good OCSP response"},
    {ciphers, 0, "ciphers", "", "", "LIST", G::tls, "of TLS 1.2: ECDHE-RSA-AES128-GCM-SHA256:..."},
    {tls13_ciphers, 0, "tls13-ciphers", "", "", "LIST", G::tls, "of TLS 1.3; if the server chooses others: error"},
    {curves, 0, "curves", "", "", "LIST", G::tls, "of the key exchange: X25519:P-256:P-384:P-521"},
    {sigalgs, 0, "sigalgs", "", "", "LIST", G::tls, "signatures: rsa_pss_rsae_sha256:ECDSA+SHA256:..."},
    {ech, 0, "ech", "", "", "CONFIG", G::tls, "hide the host's name: true, hard, grease, ecl:BASE64"},
    {sessionid, 0, "no-sessionid", "", "sessionid", "", G::tls, "resume no TLS session"},
    {ssl_sessions, 0, "ssl-sessions", "", "", "FILE", G::tls, "keep TLS sessions in FILE, for the next run; secret"},
    {tls_earlydata, 0, "tls-earlydata", "", "no-tls-earlydata", "", G::tls,
     "send GET and HEAD along with a resumed handshake"},
    {tlsv1, '1', "tlsv1", "tlsv1.0", "", "", G::tls, "as --tlsv1.2: nothing older is spoken"},
    {tlsv1_1, 0, "tlsv1.1", "", "", "", G::tls, "the same"},
    {tlsv1_2, 0, "tlsv1.2", "", "", "", G::tls, "TLS 1.2 or later (always so)"},
    {tlsv1_3, 0, "tlsv1.3", "", "", "", G::tls, "TLS 1.3 or later"},
    {tls_max, 0, "tls-max", "", "", "VERSION", G::tls, "at most this one: 1.2, 1.3 or default"},
    {tls_truncation_ok, 0, "tls-truncation-ok", "", "no-tls-truncation-ok", "", G::tls,
     "a body that a close ends may lack a close_notify"},

    {max_time, 'm', "max-time", "", "", "SECONDS", G::connection, "give a transfer this long in all"},
    {connect_timeout, 0, "connect-timeout", "", "", "SECONDS", G::connection, "give the connection this long"},
    {limit_rate, 0, "limit-rate", "", "", "BYTES", G::connection, "move no more body a second: 10000, 500K, 2M"},
    {speed_limit, 'Y', "speed-limit", "", "", "BYTES", G::connection, "end a transfer that is slower a second (1)"},
    {speed_time, 'y', "speed-time", "", "", "SECONDS", G::connection, "the same, over so long (30)"},
    {resolve, 0, "resolve", "", "", "HOST:PORT:ADDR[,ADDR]", G::connection,
     "take these addresses; HOST may be *; +HOST expires"},
    {dns_ttl, 0, "dns-ttl", "", "", "SECONDS", G::connection, "keep looked-up addresses this long"},
    {doh_url, 0, "doh-url", "", "", "URL", G::connection, "look names up by DNS over HTTPS"},
    {doh_insecure, 0, "doh-insecure", "", "no-doh-insecure", "", G::connection, "take any certificate of --doh-url"},
    {doh_cert_status, 0, "doh-cert-status", "", "no-doh-cert-status", "", G::connection, "--cert-status for --doh-url"},
    {https_records, 0, "https-records", "", "no-https-records", "", G::connection,
     "connect where the host's HTTPS records say"},
    {no_private_addresses, 0, "no-private-addresses", "", "private-addresses", "", G::connection,
     "public addresses only; a proxy's look-ups are unseen"},
    {connect_to, 0, "connect-to", "", "", "HOST:PORT:HOST2:PORT2", G::connection, "connect there instead"},
    {unix_socket, 0, "unix-socket", "", "", "PATH", G::connection,
     "Unix-domain socket instead of TCP and proxies; @NAME"},
    {abstract_unix_socket, 0, "abstract-unix-socket", "", "", "NAME", G::connection, "the same, by its abstract name"},
    {interface, 0, "interface", "", "", "NAME", G::connection, "from this interface, address or host of this machine"},
    {local_port, 0, "local-port", "", "", "PORT[-PORT]", G::connection,
     "from this port, or the first free one of these"},
    {no_keepalive, 0, "no-keepalive", "", "keepalive", "", G::connection, "no probes of silent connections"},
    {keepalive_time, 0, "keepalive-time", "", "", "SECONDS", G::connection,
     "silence before a probe or PING, between probes (60)"},
    {keepalive_cnt, 0, "keepalive-cnt", "", "", "N", G::connection, "close after N probes without an answer (9)"},
    {tcp_nodelay, 0, "tcp-nodelay", "", "no-tcp-nodelay", "", G::connection, "send small pieces at once (the default)"},
    {tcp_fastopen, 0, "tcp-fastopen", "", "no-tcp-fastopen", "", G::connection, "send the first bytes with the SYN"},
    {ip_tos, 0, "ip-tos", "", "", "NAME|N", G::connection, "type of service: EF, AF21, CS5, 0 to 255"},
    {vlan_priority, 0, "vlan-priority", "", "", "N", G::connection, "priority of what is sent, 0 to 7"},
    {mptcp, 0, "mptcp", "", "no-mptcp", "", G::connection, "Multipath TCP, where the server has it"},
    {dns_servers, 0, "dns-servers", "", "", "ADDR[:PORT],...", G::connection, "ask these name servers, for all URLs"},
    {dns_interface, 0, "dns-interface", "", "", "NAME", G::connection, "ask name servers through this interface"},
    {dns_ipv4_addr, 0, "dns-ipv4-addr", "", "", "ADDR", G::connection, "ask name servers from this address"},
    {dns_ipv6_addr, 0, "dns-ipv6-addr", "", "", "ADDR", G::connection, "the same for servers with IPv6 addresses"},
    {ipv4, '4', "ipv4", "", "", "", G::connection, "IPv4 addresses only"},
    {ipv6, '6', "ipv6", "", "", "", G::connection, "IPv6 addresses only"},
    {http1_0, '0', "http1.0", "", "", "", G::connection, "HTTP/1.0 requests, each on a connection of its own"},
    {http1_1, 0, "http1.1", "", "", "", G::connection, "HTTP/1.1 alone"},
    {http2, 0, "http2", "", "", "", G::connection, "https: HTTP/2 or HTTP/1.1; http: HTTP/1.1 (default)"},
    {http2_prior_knowledge, 0, "http2-prior-knowledge", "", "", "", G::connection, "HTTP/2 alone, over http at once"},
    {http0_9, 0, "http0.9", "", "no-http0.9", "", G::connection, "take a response without a head: all of it is body"},
    {strict, 0, "strict", "", "no-strict", "", G::connection, "responses that break HTTP's rules are errors"},

    {proxy, 'x', "proxy", "", "", "[SCHEME://][USER:PASS@]HOST[:PORT]", G::proxy, "go through this proxy; empty: none"},
    {proxy_user, 'U', "proxy-user", "", "", "USER:PASS", G::proxy, "user and password for it"},
    {no_proxy, 0, "noproxy", "", "", "LIST", G::proxy, "hosts without one: x.org,10.0.0.0/8; *: all"},
    {preproxy, 0, "preproxy", "", "", "[SCHEME://]HOST[:PORT]", G::proxy, "reach the proxy through this SOCKS proxy"},
    {proxy1_0, 0, "proxy1.0", "", "", "HOST[:PORT]", G::proxy, "as -x; CONNECT says HTTP/1.0"},
    {proxy_tunnel, 'p', "proxytunnel", "", "no-proxytunnel", "", G::proxy, "a tunnel (CONNECT) for http URLs as well"},
    {proxy_http2, 0, "proxy-http2", "", "no-proxy-http2", "", G::proxy, "HTTP/2 with an https proxy, if it takes it"},
    {socks4, 0, "socks4", "", "", "HOST[:PORT]", G::proxy, "as -x with socks4://"},
    {socks4a, 0, "socks4a", "", "", "HOST[:PORT]", G::proxy, "as -x with socks4a://: the proxy looks names up"},
    {socks5, 0, "socks5", "", "", "HOST[:PORT]", G::proxy, "as -x with socks5://"},
    {socks5_hostname, 0, "socks5-hostname", "", "", "HOST[:PORT]", G::proxy,
     "as -x with socks5h://: the proxy looks names up"},
    {proxy_header, 0, "proxy-header", "", "", "LINE", G::proxy, "as -H, for an HTTP proxy alone; @FILE: many"},
    {proxy_basic, 0, "proxy-basic", "", "no-proxy-basic", "", G::proxy,
     "authenticate by Basic (as without any of these)"},
    {proxy_digest, 0, "proxy-digest", "", "no-proxy-digest", "", G::proxy, "by Digest, when the proxy asks for it"},
    {proxy_ntlm, 0, "proxy-ntlm", "", "no-proxy-ntlm", "", G::proxy, "by NTLMv2"},
    {proxy_negotiate, 0, "proxy-negotiate", "", "no-proxy-negotiate", "", G::proxy,
     "by the tickets of Kerberos (kinit), without -U"},
    {proxy_service_name, 0, "proxy-service-name", "", "", "NAME", G::proxy, "the service of its tickets (HTTP)"},
    {proxy_anyauth, 0, "proxy-anyauth", "", "", "", G::proxy, "by the strongest scheme that the proxy asks for"},
    {proxy_insecure, 0, "proxy-insecure", "", "no-proxy-insecure", "", G::proxy,
     "do not verify an https proxy's certificate"},
    {proxy_cacert, 0, "proxy-cacert", "", "", "FILE", G::proxy, "trust these CA certificates for it (PEM)"},
    {proxy_capath, 0, "proxy-capath", "", "", "DIR", G::proxy, "trust the CA certificates in this directory"},
    {proxy_ca_native, 0, "proxy-ca-native", "", "no-proxy-ca-native", "", G::proxy, "trust the system's besides"},
    {proxy_cert, 0, "proxy-cert", "", "", "FILE[:PASS]", G::proxy, "client certificate for it"},
    {proxy_cert_type, 0, "proxy-cert-type", "", "", "TYPE", G::proxy, "its form: PEM, DER or P12"},
    {proxy_key, 0, "proxy-key", "", "", "FILE", G::proxy, "its private key"},
    {proxy_key_type, 0, "proxy-key-type", "", "", "TYPE", G::proxy, "the key's form: PEM or DER"},
    {proxy_pass, 0, "proxy-pass", "", "", "PHRASE", G::proxy, "the password of the key"},
    {proxy_pinnedpubkey, 0, "proxy-pinnedpubkey", "", "", "FILE|HASHES", G::proxy, "accept this key of it alone"},
    {proxy_crlfile, 0, "proxy-crlfile", "", "", "FILE", G::proxy, "lists of revoked certificates (PEM)"},
    {proxy_ciphers, 0, "proxy-ciphers", "", "", "LIST", G::proxy, "of TLS 1.2, as --ciphers"},
    {proxy_tls13_ciphers, 0, "proxy-tls13-ciphers", "", "", "LIST", G::proxy, "of TLS 1.3, as --tls13-ciphers"},
    {proxy_tlsv1, 0, "proxy-tlsv1", "", "", "", G::proxy, "TLS 1.2 or later (always so)"},
    {suppress_connect_headers, 0, "suppress-connect-headers", "", "no-suppress-connect-headers", "", G::proxy,
     "no heads of responses to CONNECT in -i and -D"},
    {haproxy_protocol, 0, "haproxy-protocol", "", "no-haproxy-protocol", "", G::proxy,
     "begin with the line of the PROXY protocol"},
    {haproxy_clientip, 0, "haproxy-clientip", "", "", "ADDRESS", G::proxy, "the same, with this address of the client"},

    {url, 0, "url", "", "", "URL", G::many, "one more URL; @FILE: one on each line"},
    {next, ':', "next", "", "", "", G::many, "what follows has options of its own"},
    {parallel, 'Z', "parallel", "", "no-parallel", "", G::many, "at the same time, even to stdout"},
    {parallel_immediate, 0, "parallel-immediate", "", "no-parallel-immediate", "", G::many,
     "open connections rather than wait to share one"},
    {parallel_max, 0, "parallel-max", "", "", "N", G::many, "at most N at the same time (50)"},
    {rate, 0, "rate", "", "", "N[/U]", G::many, "begin at most N in an hour, in order; /s, /m, /10s"},
    {fail_early, 0, "fail-early", "", "no-fail-early", "", G::many, "stop everything at the first transfer that fails"},
    {fail_all, 0, "fail-all", "", "no-fail-all", "", G::many, "exit code of the last that failed, not of the last"},
    {globoff, 'g', "globoff", "", "no-globoff", "", G::many, "{a,b} and [1-9] in URLs and -T mean nothing"},

    {config, 'K', "config", "", "", "FILE", G::command, "read options from FILE, - is stdin"},
    {variable, 0, "variable", "", "", "[%]NAME[N-M][=TEXT|@FILE]", G::command,
     "for {{NAME}} in --expand-OPTION; %: environment"},
    {disable, 'q', "disable", "", "", "", G::command, "as the first option: do not read ~/.sluicerc"},
    {loop, 0, "loop", "", "", "NAME", G::command, "wait for events by select, poll, epoll or libuv"},
    {demo, 0, "demo", "", "", "", G::command, "show the main job offline, with servers of its own"},
    {help, 'h', "help", "", "", "", G::command, "this text"},
    {version, 'V', "version", "", "", "", G::command, "the versions of the command and what it is built on"},
};

}  // namespace rows

using rows::kTable;

}  // namespace

std::string_view to_string(HelpGroup group) {
  switch (group) {
    case HelpGroup::output:
      return "Output";
    case HelpGroup::request:
      return "Request";
    case HelpGroup::tls:
      return "TLS";
    case HelpGroup::connection:
      return "Connection";
    case HelpGroup::proxy:
      return "Proxies";
    case HelpGroup::many:
      return "Several URLs";
    case HelpGroup::command:
      return "The command";
  }
  SLUICE_CHECK(false);
  return {};
}

std::span<const OptionSpec> option_table() { return kTable; }

const OptionSpec* find_long_option(std::string_view name) {
  if (name.starts_with(kExpandPrefix)) name.remove_prefix(kExpandPrefix.size());
  const auto has_name = [name](const OptionSpec& row) {
    return name == row.long_name || (!row.alias.empty() && name == row.alias);
  };
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), has_name);
  return found == std::end(kTable) ? nullptr : found;
}

const OptionSpec* find_short_option(char letter) {
  const auto has_letter = [letter](const OptionSpec& row) { return row.short_name != 0 && row.short_name == letter; };
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), has_letter);
  return found == std::end(kTable) ? nullptr : found;
}

const OptionSpec& option_spec(OptionId id) {
  const auto has_id = [id](const OptionSpec& row) { return row.id == id; };
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable), has_id);
  SLUICE_CHECK(found != std::end(kTable));
  return *found;
}

}  // namespace sluice::cli
