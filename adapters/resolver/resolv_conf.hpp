// Parses the resolver configuration (resolv.conf(5)), and gives the names to ask for under it. Reads no file: the
// caller gives the text. c-ares could read the same file, but ignores timeout: and attempts:, and does not accept
// "search .".
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

// The values of a resolv.conf(5) file.
struct ResolvConf {
  std::vector<std::string> servers;          // IP literals, IPv6 in brackets; empty: the server on this machine
  std::vector<std::string> search;           // domains without a final dot; "" is the root domain
  std::size_t ndots = 1;                     // a name with at least this many dots is first tried unchanged
  std::chrono::milliseconds timeout{2'000};  // for the first try of each server
  int attempts = 3;                          // of each server
  bool rotate = false;
  bool tcp = false;  // use-vc
};

// Never fails: unknown lines are skipped, as the C library does. The values of the environment variables LOCALDOMAIN
// and RES_OPTIONS override the text; empty: not set. May throw std::bad_alloc.
ResolvConf parse_resolv_conf(std::string_view text, std::string_view local_domain = {},
                             std::string_view res_options = {});

// The names to ask for to find `host`, in this order, until one has addresses. A host with a final dot is complete: no
// domain is added (SB-85).
std::vector<std::string> names_to_ask(std::string_view host, const ResolvConf& conf);

}  // namespace sluice::net
