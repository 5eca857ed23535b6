// What a command line asks for, as plain values: one Operation for each URL, in order, with everything that applies to
// it. Leaves to others: making it from options (parse_command_line), and running it (command).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/form_body.hpp"
#include "adapters/cli/glob.hpp"
#include "adapters/cli/usage_error.hpp"
#include "adapters/gssapi.hpp"
#include "core/address.hpp"
#include "core/fields.hpp"
#include "core/options.hpp"
#include "core/proxy_rules.hpp"
#include "core/socket_options.hpp"
#include "core/trace.hpp"
#include "core/transfer_limits.hpp"
#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice::cli {

// --resolve: these addresses for this host and port.
struct ResolveEntry {
  std::string host;  // lower case, without brackets; "*": each host without an entry of its own for the port
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses;
  bool expires = false;  // after '+': as an answer to a look-up
  friend bool operator==(const ResolveEntry&, const ResolveEntry&) = default;
};

// --proto: which schemes may be used.
struct Schemes {
  bool http = true;
  bool https = true;
};

// -b with a file, read already.
struct CookieFile {
  std::string name;
  std::string text;
  bool without_session = false;  // -j: its session cookies do not count
};

// A file with state of earlier runs, read already.
struct StateFile {
  std::string name;  // "": none; the state lives as long as the run
  std::string text;
};

// --cert-type, --key-type
enum class FileForm : std::uint8_t { pem, der, pkcs12 };

// How one end of TLS is verified, and what it is shown: -k, --cacert and so on, or those of --proxy-NAME.
struct TlsSettings {
  bool insecure = false;   // -k
  std::string cacert;      // file; empty: the system's
  std::string capath;      // directory; empty: none
  bool ca_native = false;  // --ca-native: the system's besides these two
  std::string cert;        // file with the client's certificate
  FileForm cert_form = FileForm::pem;
  std::string password;  // --pass, or what follows the colon in --cert; whichever comes later
  std::string key;       // file with its key; empty: in `cert`
  FileForm key_form = FileForm::pem;
  std::string pinned;                                   // --pinnedpubkey
  std::string ciphers, tls13_ciphers, curves, sigalgs;  // empty: those of the library
  std::string crlfile;                                  // empty: none
  std::string ech_list;                                 // --ech ecl:, decoded; empty: none
  EncryptedHello ech = EncryptedHello::none;            // --ech true, hard, grease
  bool cert_status = false;                             // --cert-status
  bool early_data = false;                              // --tls-earlydata
  bool resumption = true;                               // false: --no-sessionid
  TlsVersion min = TlsVersion::tls1_2;
  TlsVersion max = TlsVersion::tls1_3;
};

// Which proxies are used, as given.
struct ProxySettings {
  // The text of -x, --socks5 and so on; "": none, whatever the environment says. nullopt: the environment decides.
  std::optional<std::string> proxy;
  ProxyKind kind = ProxyKind::http;     // of `proxy` if it has no scheme
  bool http1_0 = false;                 // --proxy1.0
  bool http2 = false;                   // --proxy-http2; a proxy without a scheme is an https one then
  std::optional<std::string> preproxy;  // --preproxy
  std::optional<std::string> no_proxy;  // --noproxy; nullopt: the environment's
  std::optional<std::string> user;      // -U
  AuthSchemes schemes;                  // --proxy-basic, --proxy-digest, --proxy-ntlm, --proxy-negotiate
  std::string service = "HTTP";         // --proxy-service-name
  bool tunnel = false;                  // -p
  bool shows_heads = true;              // false: --suppress-connect-headers
  Fields fields;                        // --proxy-header
  std::string user_agent;               // what CONNECT has besides; "": none
  bool agent_in_requests = true;        // false: -H takes User-Agent away, so a request that a proxy passes on has none
  TlsSettings tls;                      // of https proxies: --proxy-cacert and so on
  ProxyEnvironment environment;         // its variables
};

// How sockets are made, as given.
struct SocketSettings {
  std::string interface;    // --interface; "": any
  bool proxy_line = false;  // --haproxy-protocol
  IpAddress line_client;    // --haproxy-clientip, which asks for the line too; Kind::none: the own one
  SocketOptions options;    // the rest, without keep_alive
  bool keeps_alive = true;  // --no-keepalive: false
  bool pings = false;       // --keepalive-time was given: over HTTP/2 PINGs too
  KeepAlive keep_alive;     // --keepalive-time, --keepalive-cnt
};

// How name servers are asked: --dns-servers, --dns-interface, --dns-ipv4-addr, --dns-ipv6-addr.
struct NameSettings {
  std::string servers;                     // "": those of the system
  std::string interface;                   // "": any
  std::vector<IpAddress> local_addresses;  // one of a family at most
};

// The settings that all URLs of one --next group share.
struct Settings {
  bool include_head = false;  // -i, and also with -I: the response head goes to the output, before the body
  std::string dump_header;    // -D: file, "-" for standard output, "%" for standard error; empty: none. Shared by the
                              // URLs of the group: the first one truncates it, the others append.
  bool remove_on_error = false;  // --remove-on-error: a failed download leaves no part file
  // --clobber: true, a file that exists is replaced; --no-clobber: false, it stays and another name is written.
  // nullopt: true for names from the command line, and an error for names from the server.
  std::optional<bool> clobber;
  bool remote_header_name = false;                // -J: with -O, the name is that of Content-Disposition
  bool skip_existing = false;                     // --skip-existing: an operation whose file exists is done
  bool remote_time = false;                       // -R: the file gets the time of Last-Modified
  bool xattr = false;                             // --xattr: the file's attributes say where it is from
  std::optional<std::uint32_t> create_file_mode;  // --create-file-mode: permissions of a file that did not exist
  std::optional<std::uint64_t> max_filesize;      // --max-filesize
  bool create_dirs = false;                 // --create-dirs: make the directories in Output::path (and of dump_header)
  bool fail = false;                        // -f: status >= 400 is an error (22) and no body is written
  bool fail_with_body = false;              // as -f, but the body is written
  std::string write_out;                    // -w: the format, already read from @file; empty: nothing to write
  std::optional<Duration> max_time;         // -m
  std::optional<Duration> connect_timeout;  // --connect-timeout
  TransferLimits limits;                    // --limit-rate, -Y, -y
  AddressFamily family = AddressFamily::any;       // -4, -6
  HttpVersions http_versions = HttpVersions::any;  // --http1.0 to --http2-prior-knowledge
  std::vector<ResolveEntry> resolve;  // --resolve, in order; of two for the same host and port the later one counts
  std::optional<RedirectOptions> redirects = {};        // -L and what belongs to it
  std::optional<RetryOptions> retries = {};             // --retry and what belongs to it
  Duration continue_timeout = std::chrono::seconds(1);  // --expect100-timeout
  struct ContinueAt {
    std::optional<std::uint64_t> bytes;  // nullopt: as many as the file has
  };
  std::optional<ContinueAt> continue_at;   // -C
  std::size_t segments = 1;                // --segments: connections for one file at most
  std::optional<StateFile> hsts, alt_svc;  // --hsts, --alt-svc
  std::string etag_save;                   // --etag-save: a file; "": none
  // -z: the body is wanted only if it was changed after this time; `not_newer`: only if it was not.
  struct TimeCondition {
    UnixSeconds time = 0;
    bool not_newer = false;
  };
  std::optional<TimeCondition> time_condition;
  GssapiDelegation delegation = GssapiDelegation::none;  // --delegation
  std::shared_ptr<const std::string> netrc;              // the text of the file of -n; null: none
  bool compressed = false;                               // --compressed
  bool transfer_codings = false;                         // --tr-encoding
  bool raw = false;                                      // --raw
  bool asks_for_codings = true;                          // false: -H "Accept-Encoding:" takes the field away
  bool cookies = false;                                  // -b FILE, -c: cookies are kept, and sent
  std::string cookie_jar;                                // -c: file, "-" for standard output; empty: none
  // --unix-socket: a path, or "@" and an abstract name; --abstract-unix-socket: the latter. Empty: TCP
  std::string unix_socket;
  bool http0_9 = false;  // --http0.9: a response may have no head
  bool strict = false;   // --strict: TransferOptions::http1

  SocketSettings sockets;
  ProxySettings proxies;
  TlsSettings tls;
  bool tls_truncation_ok = false;  // --tls-truncation-ok
};

struct Output {
  bool to_stdout = true;
  std::string path;          // if !to_stdout; begins with --output-dir
  bool remote_name = false;  // -O: the name is the URL's
};

struct Upload {
  bool from_stdin = false;  // -T -: streamed in chunks, the length is unknown
  std::string path;         // otherwise
};

struct GlobbedUrls;

// One URL.
struct Operation {
  // If set: this operation is not started and fails with that exit code and message; the others run (as in curl).
  std::optional<UsageError> refused;

  std::string given_url;  // as given, without userinfo: for %{url} and messages
  Url url;                // parsed; userinfo became an Authorization field; with -G data and -T name
  std::string method;     // final: -X, else HEAD, PUT, POST or GET
  Fields fields;          // final and in order, with User-Agent and Accept; the core adds Host and lengths
  // The body of -d and related options, all parts joined; null: none. Shared by the URLs of a group, never changed.
  std::shared_ptr<const std::string> body;
  std::shared_ptr<const FormBody> form;  // of -F; null: none. Never together with `body` or `upload`
  // Where they are more than an Authorization field in `fields`: another scheme than Basic, or a netrc file.
  std::optional<Credentials> credentials;
  std::optional<Upload> upload;  // -T; never together with `body`
  // The user set "Transfer-Encoding: chunked": the body or upload is sent as a stream without a length.
  bool chunked = false;
  bool expects_continue = false;  // a large body waits for 100 Continue: no -H names Expect
  bool head_only = false;         // -I: no body is wanted, whatever -X says
  Output output;
  std::optional<ConnectTo> connect_to;       // --connect-to, already matched against this URL
  std::shared_ptr<const Settings> settings;  // never null
  std::size_t url_number = 0;                // from 0, in the whole command line: %{urlnum}
  std::uint64_t glob_number = 0;             // of those with this url_number, from 0 in their order
  // With a glob in the URL or in -T: all of its operations. This one is the first of them. Null: it is the only one.
  std::shared_ptr<const GlobbedUrls> globbed;
};

struct GlobbedUrls {
  Glob glob;                    // before its first URL
  std::optional<Glob> uploads;  // of -T, before its first file: each is sent to every URL before the next one is sent
  // Of a URL that the glob has just given, and a file of `uploads`.
  std::function<Operation(const std::string& url, const Glob& at, const std::string& upload)> make;

  // Saturates.
  std::uint64_t count() const {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t files = uploads ? uploads->count() : 1;  // a count is at least one
    return glob.count() > kMost / files ? kMost : glob.count() * files;
  }
};

enum class ParallelMode : std::uint8_t {
  unset,  // parallel if every transfer writes to a file, else in order
  on,     // -Z
  off,    // --no-parallel
};

// --loop: the loop of the command.
enum class LoopKind : std::uint8_t { select, poll, epoll, libuv };

// --trace, --trace-ascii and what belongs to them.
struct TraceOptions {
  std::string path = {};  // a file, "-" for the standard output, "%" for the standard error; "": none
  TraceForm form = TraceForm::hex;
  bool time = false;     // --trace-time, also for -v
  bool ids = false;      // --trace-ids, also for -v
  bool secrets = false;  // --trace-secrets
};

// DNS over HTTPS, for all groups.
struct DohSettings {
  std::string url;           // --doh-url; "": the system's DNS
  bool insecure = false;     // --doh-insecure
  bool cert_status = false;  // --doh-cert-status
};

struct CommandLine {
  bool help = false;               // --help was asked for: print help_text(), exit 0; operations may be empty
  bool version = false;            // --version: print version_text(), exit 0
  bool demo = false;               // --demo: run the demonstration; operations may be empty
  bool silent = false;             // -s: neither progress nor errors
  bool show_error = false;         // -S: errors even with -s
  bool verbose = false;            // -v
  std::string messages_to;         // --stderr: file, "-" for standard output; empty: standard error
  std::string har;                 // --har: a file, "-" for the standard output; "": none
  bool har_secrets = false;        // --har-secrets
  TraceOptions trace;              // its path is empty if -v comes later
  bool no_progress_meter = false;  // no progress, errors and warnings as usual
  ParallelMode parallel = ParallelMode::unset;
  std::size_t parallel_max = 50;
  bool parallel_immediate = false;  // transfers do not wait for a connection that they may share (HTTP/2)
  // --rate: from the start of a transfer to that of the next; zero: none. No effect with -Z; else they run in order.
  Duration start_interval = Duration::zero();
  bool fail_early = false;  // --fail-early: the first transfer that fails ends the run
  bool fail_all = false;    // --fail-all: the exit code is that of the last transfer that failed, not of the last one
  LoopKind loop = LoopKind::poll;
  std::optional<StateFile> ssl_sessions;  // --ssl-sessions
  NameSettings names;                     // of all groups: there is one resolver for all
  std::optional<Duration> dns_ttl;        // --dns-ttl; nullopt: as the answers say
  bool no_private_addresses = false;      // --no-private-addresses
  bool https_records = false;             // --https-records
  DohSettings doh;
  std::vector<std::string> warnings;     // one line each: print "sluice: warning: <line>" unless silent
  std::vector<CookieFile> cookie_files;  // of all groups, in order: there is one jar for all
  std::vector<Operation> operations;     // in order; never empty unless help, version or demo
};

}  // namespace sluice::cli
