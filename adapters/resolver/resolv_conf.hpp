// The system's resolver configuration, resolv.conf(5), as values, and the names that are asked for under it. Reads no
// file: the text is given. c-ares reads the same file, but neither timeout: nor attempts:, and takes "search ." for a
// name that cannot be.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

struct ResolvConf {
  std::vector<std::string> servers;          // IP literals, IPv6 in brackets; empty: one on this machine
  std::vector<std::string> search;           // domains without a final dot; "" is the root, which adds nothing
  std::size_t ndots = 1;                     // with so many dots a name is tried as it is before any domain is added
  std::chrono::milliseconds timeout{2'000};  // of the first try of a server
  int attempts = 3;                          // of each server
  bool rotate = false;
  bool tcp = false;  // use-vc
};

// Never fails: what it does not understand is skipped, as the C library does. The values of LOCALDOMAIN and RES_OPTIONS
// (environ(7)) override the text's; empty: not set.
ResolvConf parse_resolv_conf(std::string_view text, std::string_view local_domain = {},
                             std::string_view res_options = {});

// What is asked for to find `host`, in this order, until one has addresses. A host with a final dot is a whole name: no
// domain is ever added (SB-85).
std::vector<std::string> names_to_ask(std::string_view host, const ResolvConf& conf);

}  // namespace sluice::net
