// HTTP/2 with real servers of four makers, over TLS and by prior knowledge: nghttpd, Apache, HAProxy and nginx. What is
// special about nginx, and the command, are in http2_test.cpp and cli_http2_test.cpp.
#include <doctest/doctest.h>

#include "tests/support/http2_checks.hpp"

using namespace sluice::test;

TYPE_TO_STRING_AS("nghttpd", Nghttpd);
TYPE_TO_STRING_AS("Apache", Http2Apache);
TYPE_TO_STRING_AS("HAProxy", Haproxy);
TYPE_TO_STRING_AS("nginx", Http2Nginx);

namespace {

// One server of each kind for all cases; ended with the process.
template <class Server>
Server& running() {
  static Server server;
  return server;
}

template <class Server, class Check>
void both_ways(Check check) {
  Server& server = running<Server>();
  check(server, over_tls(server));
  check(server, by_prior_knowledge(server));
}

}  // namespace

#define SLUICE_PEERS Nghttpd, Http2Apache, Haproxy, Http2Nginx

TEST_CASE_TEMPLATE("http2 peers: files of every size, each byte right", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto&, const Http2Way& way) { check_http2_sizes(way); });
}

TEST_CASE_TEMPLATE("http2 peers: 1,000 transfers over four connections", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto&, const Http2Way& way) { check_http2_thousand(way); });
}

TEST_CASE_TEMPLATE("http2 peers: HEAD, 404 and a redirect", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto& server, const Http2Way& way) { check_http2_small_answers(server, way); });
}

TEST_CASE_TEMPLATE("http2 peers: uploads of known and unknown length, with pauses", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto& server, const Http2Way& way) { check_http2_uploads(server, way); });
}

// HAProxy (2.6.12) now and then ends other bodies of the connection too early, with END_STREAM.
TEST_CASE_TEMPLATE("http2 peers: canceled transfers leave the others and their connection alone", Server, Nghttpd,
                   Http2Apache, Http2Nginx) {
  both_ways<Server>([](auto&, const Http2Way& way) { check_http2_cancels(way); });
}

TEST_CASE_TEMPLATE("http2 peers: paused downloads do not stop their neighbors", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto&, const Http2Way& way) { check_http2_pauses(way); });
}

TEST_CASE_TEMPLATE("http2 peers: a server that is replaced in the bodies loses none of them", Server, Http2Apache,
                   Haproxy, Http2Nginx) {
  both_ways<Server>([](auto& server, const Http2Way& way) { check_http2_reload(server, way); });
}

TEST_CASE_TEMPLATE("http2 peers: a server that is killed in the bodies, and begins again", Server, SLUICE_PEERS) {
  both_ways<Server>([](auto& server, const Http2Way& way) { check_http2_killed(server, way); });
}
