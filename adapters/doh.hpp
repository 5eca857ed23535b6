// DNS over HTTPS (RFC 8484) for a Multi: an Environment whose resolver asks a server by HTTPS, and which is another one
// in everything else.
//
//   auto doh = sluice::doh_environment({.server = sluice::Url::parse("https://dns.example/dns-query").value(), .tls =
//   tls}); options.environment = doh->get();  // of MultiOptions
//
// HTTPS records are asked for beside addresses where they are wanted (output::Resolve::https_port). Each resolver has a
// Multi of its own for its queries, which resolves the server's name as usual. Names below
// localhost and onion are not asked for (RFC 6761 6.3, RFC 7686), search domains and /etc/hosts do not count. Leaves
// caching and the order of attempts to the engine, and messages to core/dns_message.hpp.
#pragma once

#include <memory>

#include "../core/error.hpp"
#include "../core/options.hpp"
#include "../core/url.hpp"
#include "environment.hpp"

namespace sluice {

struct DohOptions {
  // Queries are GET requests with "dns=..." added to the URL's query (RFC 8484 4.1). It must be https.
  Url server = {};
  std::shared_ptr<const TlsConfig> tls = {};  // for the server
  Duration query_timeout = std::chrono::seconds(15);
  std::shared_ptr<const SocketOptions> socket = {};  // of the connections to the server; null: as the system does it
  // Asked for the way to the server. The names of proxies are looked up as usual. Null: no proxy.
  std::shared_ptr<const ProxyChooser> proxies = {};
};

// `base` must outlive what is returned. Errors: unsupported_scheme (the server is not https), tls_config (tls is null),
// out_of_memory.
Result<std::unique_ptr<Environment>> doh_environment(DohOptions options, Environment& base = system_environment());

}  // namespace sluice
