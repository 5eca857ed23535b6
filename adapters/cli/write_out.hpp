// The text of -w: a format with curl's variables, filled with the facts of a transfer. Where versions of curl differ,
// the latest counts. Pure. Leaves writing the text to the caller.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "core/types.hpp"

namespace sluice::cli {

// The facts of one finished transfer. Times count from the begin of the transfer; zero: that point was never reached.
struct WriteOutFacts {
  int status = 0;            // of the last response head; 0: none came
  std::string http_version;  // "1.1"; empty: no response
  std::string method;
  // As given, and normalised. Both come without userinfo, so %{url.user}, %{url.password} and those of urle are empty.
  std::string url;
  std::string url_effective;
  std::string scheme;                // "http", "https"; empty: nothing was connected
  std::string referer;               // as sent
  std::string redirect_url;          // the absolute URL of Location; empty: none
  const Fields* fields = nullptr;    // of the last response; null: none; must live as long as this object
  std::uint64_t size_download = 0;   // as received
  std::uint64_t size_delivered = 0;  // without content coding
  std::uint64_t size_upload = 0;
  std::uint64_t size_header = 0;   // all response heads
  std::uint64_t size_request = 0;  // the request's head
  Duration time_namelookup{}, time_connect{}, time_appconnect{}, time_pretransfer{}, time_posttransfer{},
      time_starttransfer{}, time_total{};
  Duration time_redirect{};  // of all hops before the last
  std::uint64_t num_connects = 0;
  std::uint64_t num_redirects = 0;
  std::uint64_t num_retries = 0;   // --retry
  std::int64_t tls_earlydata = 0;  // bytes of the request that were sent early; negative: refused
  std::string remote_ip;
  std::uint16_t remote_port = 0;
  std::string local_ip;
  std::uint16_t local_port = 0;
  std::vector<std::string> certificates;  // of the server, in DER
  int exit_code = 0;
  std::string error_message;
  std::string filename_effective;  // empty: standard output
  int ssl_verify_result = 0;
  int http_connect = 0;  // the status of the last response to CONNECT; 0: none
  bool proxy_used = false;
  int proxy_ssl_verify_result = 0;
  std::uint64_t url_number = 0;

  // The numbers of the transfer and of its last connection in this run of the command, from 0. -1: it was not started;
  // it had no connection. Set by the caller that starts the transfers, which can count them and their connections.
  std::int64_t xfer_id = -1;
  std::int64_t conn_id = -1;
  // The time at which -w is written, since 1970-01-01 00:00 UTC: for %time{}. Set by the caller, which has a clock.
  std::chrono::microseconds now{};
};

// The text after an %output{}.
struct WriteOutFile {
  std::string path;     // as given
  bool append = false;  // %output{>>path}; false: what is in the file is removed
  std::string text;     // if empty, the file is made all the same
};

struct WriteOutText {
  std::string to_stdout;
  std::string to_stderr;            // the text after %{stderr}, and a line for each unknown variable
  std::vector<WriteOutFile> files;  // to be written in this order; two may have one path
};

// Whether %{variable} or %{json}, which has all variables, may be in the format: so that what costs something is asked
// for only then. It may also say so of one that is not a variable there, such as in "%%{json}".
bool write_out_names(std::string_view format, std::string_view variable);

WriteOutText write_out(std::string_view format, const WriteOutFacts& facts);

}  // namespace sluice::cli
