// The text of -w: a format with curl's variables, filled with the facts of a transfer. Pure. Leaves writing it to the
// caller.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/fields.hpp"
#include "core/types.hpp"

namespace sluice::cli {

// The facts of one finished transfer. Times count from the begin of the transfer; zero: that point was never reached.
struct WriteOutFacts {
  int status = 0;            // of the last response head; 0: none came
  std::string http_version;  // "1.1"; empty: no response
  std::string method;
  std::string url;                 // as given, without userinfo
  std::string url_effective;       // normalised, without userinfo
  std::string scheme;              // "http", "https"; empty: nothing was connected
  std::string referer;             // as sent
  std::string redirect_url;        // the absolute URL of Location; empty: none
  const Fields* fields = nullptr;  // of the last response; null: none; must live as long as this object
  std::uint64_t size_download = 0;
  std::uint64_t size_upload = 0;
  std::uint64_t size_header = 0;   // all response heads
  std::uint64_t size_request = 0;  // the request's head
  Duration time_namelookup{}, time_connect{}, time_appconnect{}, time_pretransfer{}, time_starttransfer{}, time_total{};
  Duration time_redirect{};  // of all hops before the last
  std::uint64_t num_connects = 0;
  std::uint64_t num_redirects = 0;
  std::string remote_ip;
  std::uint16_t remote_port = 0;
  int exit_code = 0;
  std::string error_message;
  std::string filename_effective;  // empty: standard output
  int ssl_verify_result = 0;
  std::uint64_t url_number = 0;
};

struct WriteOutText {
  std::string to_stdout;
  std::string to_stderr;  // the text after %{stderr}, and a line for each unknown variable
};

WriteOutText write_out(std::string_view format, const WriteOutFacts& facts);

}  // namespace sluice::cli
