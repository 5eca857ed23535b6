// What a command line asks for, as plain values: one Operation for each URL, in order, with everything that applies to
// it. Leaves to others: how it is made of options (parse_command_line), and carrying it out (command).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/usage_error.hpp"
#include "core/address.hpp"
#include "core/fields.hpp"
#include "core/options.hpp"
#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice::cli {

// --resolve: these addresses for this host and port. "*" was replaced by the hosts of the URLs that it stands for.
struct ResolveEntry {
  std::string host;  // lower case, without brackets
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses;
  friend bool operator==(const ResolveEntry&, const ResolveEntry&) = default;
};

// What all URLs of one --next group share.
struct Settings {
  bool include_head = false;         // -i, and also with -I: the response head goes to the output, before the body
  std::string dump_header;           // -D: file, "-" for standard output; empty: none. Shared by the URLs of the group:
                                     // the first one truncates it, the others append.
  bool remove_on_error = false;      // --remove-on-error: a failed download leaves no part
  bool create_dirs = false;          // --create-dirs: make the directories in Output::path (and of dump_header)
  bool fail = false;                 // -f: status >= 400 is an error (22) and no body is written
  bool fail_with_body = false;       // the same, but the body is written
  std::string write_out;             // -w: the format, already read from @file; empty: nothing to write
  std::optional<Duration> max_time;  // -m
  std::optional<Duration> connect_timeout;    // --connect-timeout
  AddressFamily family = AddressFamily::any;  // -4, -6
  std::vector<ResolveEntry> resolve;          // --resolve, in order; a later one for the same host and port wins
  std::string unix_socket;                    // --unix-socket: a path, or "@" and an abstract name; empty: TCP
  bool http0_9 = false;                       // --http0.9: a response may have no head
  bool strict = false;                        // --strict: TransferOptions::http1

  bool insecure = false;      // -k
  std::string cacert;         // file; empty: the system's
  std::string capath;         // directory; empty: none
  std::string cert;           // file with the client's certificate
  std::string cert_password;  // the part behind the colon
  std::string key;            // file with its key; empty: in `cert`
  TlsVersion tls_min = TlsVersion::tls1_2;
  TlsVersion tls_max = TlsVersion::tls1_3;
  bool tls_truncation_ok = false;  // --tls-truncation-ok
};

struct Output {
  bool to_stdout = true;
  std::string path;  // when !to_stdout: --output-dir is already in front
};

struct Upload {
  bool from_stdin = false;  // -T -: streamed in chunks, the length is unknown
  std::string path;         // otherwise
};

// One URL.
struct Operation {
  // Set: this one fails with that exit code and message without being started; the others go on (as curl does).
  std::optional<UsageError> refused;

  std::string given_url;  // as it was given, without userinfo: for %{url} and messages
  Url url;                // parsed; userinfo was turned into an Authorization field, -G data and -T name are in it
  std::string method;     // final: -X, else HEAD, PUT, POST or GET
  Fields fields;          // final and in order, User-Agent and Accept included; Host and lengths are left to the core
  // -d and friends, all parts joined; null: no body. Shared by the URLs of a group, never changed.
  std::shared_ptr<const std::string> body;
  std::optional<Upload> upload;  // -T; never together with `body`
  bool chunked = false;  // the user set "Transfer-Encoding: chunked": send body or upload as a stream without a length
  bool head_only = false;  // -I: no body is wanted, whatever -X says
  Output output;
  std::optional<ConnectTo> connect_to;       // --connect-to, already matched against this URL
  std::shared_ptr<const Settings> settings;  // never null
  std::size_t url_number = 0;                // from 0, over the whole command line: %{urlnum}
};

enum class ParallelMode : std::uint8_t {
  unset,  // parallel where every transfer goes to a file, in order otherwise
  on,     // -Z
  off,    // --no-parallel
};

// --loop: what the command waits with.
enum class LoopKind : std::uint8_t { select, poll, epoll, libuv };

struct CommandLine {
  bool help = false;               // --help was asked for: print help_text(), exit 0; operations may be empty
  bool version = false;            // --version: print version_text(), exit 0
  bool demo = false;               // --demo: show the main job offline; operations may be empty
  bool silent = false;             // -s: neither progress nor errors
  bool show_error = false;         // -S: errors even so
  bool verbose = false;            // -v
  bool no_progress_meter = false;  // no progress, errors and warnings as usual
  ParallelMode parallel = ParallelMode::unset;
  std::size_t parallel_max = 50;
  bool fail_early = false;  // --fail-early: the first transfer that fails ends the run
  bool fail_all = false;    // --fail-all: the exit code is the last one's that failed, not the last one's
  LoopKind loop = LoopKind::poll;
  std::vector<std::string> warnings;  // one line each: print "sluice: warning: <line>" unless silent
  std::vector<Operation> operations;  // in order; never empty unless help, version or demo
};

}  // namespace sluice::cli
