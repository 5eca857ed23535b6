// Checks that must pass with every real server that speaks HTTP/2. Each fails the current test case with doctest's
// checks. `get` says the version of HTTP and the TLS that reach the server at `base`.
#pragma once

#include <string>

#include "tests/support/fetch.hpp"
#include "tests/support/http2_servers.hpp"

namespace sluice::test {

// How a server is reached: over TLS, where ALPN chooses the version, or without, by prior knowledge.
struct Http2Way {
  std::string base;
  Get get;
};
Http2Way over_tls(const Http2Server& server);
Http2Way by_prior_knowledge(const Http2Server& server);

// Files of all sizes of Site::sizes(), several of each at the same time, on one connection.
void check_http2_sizes(const Http2Way& way);
// 1,000 transfers that are added at once, over four connections at most.
void check_http2_thousand(const Http2Way& way);
// HEAD, 404 and GET on one connection; and a redirect, if the server has one.
void check_http2_small_answers(const Http2Server& server, const Http2Way& way);
// Bodies of several sizes, with and without a length, with pauses; side by side on one connection.
void check_http2_uploads(const Http2Server& server, const Http2Way& way);
// Transfers that are canceled in their bodies leave the others and the connection alone.
void check_http2_cancels(const Http2Way& way);
// A paused download does not stop its neighbors on the connection, and is complete after it goes on.
void check_http2_pauses(const Http2Way& way);
// The server is replaced while bodies are on their way: those arrive, and new transfers are served. Nothing fails.
void check_http2_reload(Http2Server& server, const Http2Way& way);
// The server is killed in the bodies: these transfers fail, and after it has begun again new ones are served.
void check_http2_killed(Http2Server& server, const Http2Way& way);

}  // namespace sluice::test
