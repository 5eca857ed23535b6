// -x and what belongs to it through real proxies: tinyproxy, squid, microsocks and nginx with TLS, alone and in chains.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/features.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/nginx.hpp"
#include "tests/support/proxy_servers.hpp"
#include "tests/support/socks4_server.hpp"

using namespace sluice::test;

namespace {

Nginx& origin() {
  static Nginx server;
  return server;
}

// Runs with the origin's authority in ca.pem, another one in other.pem, and that of an https proxy in proxy.pem.
struct Trust {
  explicit Trust(const Site* proxy = nullptr) {
    write_file(folder.path() / "ca.pem", origin().site().root_pem);
    write_file(folder.path() / "other.pem", origin().site().other_root_pem);
    if (proxy == nullptr) return;
    write_file(folder.path() / "proxy.pem", proxy->root_pem);
    write_file(folder.path() / "client.pem", proxy->client_certificate_pem + proxy->client_key_pem);
  }
  CommandResult run(std::vector<std::string> arguments) const {
    CommandOptions options;
    options.directory = folder.path();
    return run_command(std::move(arguments), options);
  }
  TempFolder folder;
};

std::string origin_port(const std::string& url) { return url.substr(url.rfind(':') + 1); }

void check_failure(const CommandResult& result, int code) {
  CAPTURE(result.err);
  CHECK(result.exit_code == code);
  CHECK(std::ranges::count(result.err, '\n') == 1);
}

}  // namespace

TEST_CASE("tinyproxy: http URLs in absolute form, https URLs through a tunnel that changes nothing of TLS") {
  const Tinyproxy proxy(false);
  const Trust trust;
  CHECK(trust.run({"-x", proxy.place(), origin().plain() + "/1024"}).out == content_of(1024));
  const auto secure = trust.run({"-x", proxy.place(), "--cacert", "ca.pem", "-w", "%{http_connect} %{proxy_used}", "-o",
                                 "out", origin().tls() + "/1048576"});
  CHECK(secure.out == "200 1");
  CHECK(read_file(trust.folder.path() / "out") == content_of(1048576));
  check_failure(trust.run({"-x", proxy.place(), "--cacert", "other.pem", origin().tls() + "/1"}), 60);
  CHECK(proxy.log().contains("GET " + origin().plain() + "/1024 HTTP/1.1"));
  CHECK(proxy.log().contains("CONNECT 127.0.0.1:" + origin_port(origin().tls()) + " HTTP/1.1"));
  // One tunnel serves all URLs of an origin.
  const std::string url = origin().tls() + "/1";
  CHECK(trust
            .run({"-s", "-x", proxy.place(), "--cacert", "ca.pem", "-w", "%{num_connects} ", "-o", "a", url, "-o", "b",
                  url, "--parallel-max", "1"})
            .out == "1 0 ");
}

TEST_CASE("tinyproxy: -U, good and bad") {
  const Tinyproxy proxy(true);
  const Trust trust;
  const std::string http = origin().plain() + "/1", https = origin().tls() + "/1";
  const auto code = [&](const std::string& url, const std::string& login) {
    return trust.run({"-s", "-k", "-x", proxy.place(), "-U", login, "-o", "out", "-w", "%{exitcode} %{http_code}", url})
        .out;
  };
  CHECK(code(http, kProxyLogin) == "0 200");
  CHECK(code(https, kProxyLogin) == "0 200");
  CHECK(code(http, "me:wrong") == "0 401");  // what tinyproxy says of wrong credentials
  CHECK(code(https, "me:wrong") == "56 000");
  const auto refused = trust.run({"-k", "-x", proxy.place(), https});
  check_failure(refused, 56);
  CHECK(refused.err.contains("status 407"));
}

TEST_CASE("squid: Basic and Digest, in absolute form and for tunnels") {
  const Squid proxy;
  const Trust trust;
  for (const std::string scheme : {"--proxy-basic", "--proxy-digest", "--proxy-anyauth"}) {
    for (const std::string& url : {origin().plain() + "/1024", origin().tls() + "/1024"}) {
      CAPTURE(scheme);
      CAPTURE(url);
      const auto good =
          trust.run({"--cacert", "ca.pem", scheme, "-x", proxy.place(), "-U", kProxyLogin, url, "-o", "a", url});
      CHECK(good.out == content_of(1024));
      CHECK(good.err == "");
    }
  }
  const auto bad = trust.run({"-s", "--proxy-digest", "-x", proxy.place(), "-U", "me:wrong", "-o", "out", "-w",
                              "%{http_code}", origin().plain() + "/1"});
  CHECK(bad.out == "407");
  check_failure(trust.run({"--proxy-digest", "-k", "-x", proxy.place(), "-U", "me:wrong", origin().tls() + "/1"}), 56);
}

TEST_CASE("microsocks: SOCKS5 with and without a login, and names that the proxy looks up") {
  const Microsocks open(false), closed(true);
  const Trust trust;
  const std::string url = origin().plain() + "/1024";
  CHECK(trust.run({"--socks5", open.place(), url}).out == content_of(1024));
  CHECK(trust
            .run({"-x", "socks5h://" + open.place(), "--cacert", "ca.pem", "-w", "%{proxy_used} %{http_connect}", "-o",
                  "out", origin().tls() + "/1024"})
            .out == "1 000");
  CHECK(trust.run({"--socks5-hostname", open.place(), "http://localhost:" + origin_port(origin().plain()) + "/1024"})
            .out == content_of(1024));
  CHECK(trust.run({"--socks5", closed.place(), "-U", kProxyLogin, url}).out == content_of(1024));
  CHECK(trust.run({"-x", "socks5h://me:secret@" + closed.place(), url}).out == content_of(1024));
  check_failure(trust.run({"--socks5", closed.place(), "-U", "me:wrong", url}), 97);
  check_failure(trust.run({"--socks5", closed.place(), url}), 97);
  // It says that the host cannot be reached; SOCKS5 with an address would not have asked it.
  check_failure(trust.run({"--socks5-hostname", open.place(), "http://no-such-name.onion/"}), 97);
  check_failure(trust.run({"--socks5", open.place(), "http://no-such-name.onion/"}), 6);
}

TEST_CASE("SOCKS4 and SOCKS4a: addresses, names, a user, and a refusal") {
  const Socks4Server proxy, refusing(91);
  const Trust trust;
  const std::string port = origin_port(origin().plain());
  CHECK(trust.run({"--socks4", proxy.place(), "-U", "me:unused", "http://localhost:" + port + "/1"}).out ==
        content_of(1));
  CHECK(proxy.last_request() == "127.0.0.1:" + port + " me");
  CHECK(trust.run({"--socks4a", proxy.place(), "http://name.test:" + port + "/1"}).out == content_of(1));
  CHECK(proxy.last_request() == "name.test:" + port + " ");
  check_failure(trust.run({"--socks4", refusing.place(), "http://127.0.0.1:" + port + "/1"}), 97);
  check_failure(trust.run({"--socks4", proxy.place(), "http://[::1]:1/"}), 97);
}

TEST_CASE("a SOCKS proxy on a Unix-domain socket") {
  const Trust trust;
  const std::string path = (trust.folder.path() / "socks").string();
  const Socks4Server proxy(90, path);
  CHECK(trust.run({"-x", "socks4a://localhost" + path, "--cacert", "ca.pem", origin().tls() + "/1024"}).out ==
        content_of(1024));
  CHECK(proxy.last_request().starts_with("127.0.0.1:"));
  const auto nobody = trust.run({"-x", "socks4a://localhost" + path + "x", origin().plain()});
  check_failure(nobody, 7);
  CHECK(nobody.err.contains(path + "x"));
}

TEST_CASE("--preproxy: an HTTP proxy that is reached through a SOCKS proxy") {
  const Microsocks socks(true);
  const Tinyproxy http(true);
  const Socks4Server other;
  const Trust trust;
  const std::string first = "socks5://me:secret@" + socks.place();
  for (const std::string& url : {origin().plain() + "/1024", origin().tls() + "/1024"}) {
    CAPTURE(url);
    CHECK(trust.run({"--preproxy", first, "-x", http.place(), "-U", kProxyLogin, "--cacert", "ca.pem", url}).out ==
          content_of(1024));
  }
  check_failure(trust.run({"--preproxy", "socks5://me:wrong@" + socks.place(), "-x", http.place(), origin().plain()}),
                97);
  CHECK(trust.run({"--preproxy", other.place(), "-x", http.place(), "-U", kProxyLogin, origin().plain() + "/1"}).out ==
        content_of(1));
  CHECK(other.last_request() == http.place() + " ");
}

TEST_CASE("SB-10 an https proxy and the origin are verified each for itself, by options of its own") {
  const Tinyproxy inner(false);
  const TlsFront proxy(inner.port());
  const Trust trust(&proxy.site());
  const auto result = [&](std::vector<std::string> options, const std::string& url = origin().tls() + "/1") {
    options.insert(options.end(), {"-s", "-x", proxy.url(), "-o", "out", "-w",
                                   "%{exitcode} %{proxy_ssl_verify_result}%{ssl_verify_result}", url});
    return trust.run(options).out;
  };
  CHECK(result({"--proxy-cacert", "proxy.pem", "--cacert", "ca.pem"}) == "0 00");
  CHECK(result({"--proxy-cacert", "ca.pem", "--cacert", "proxy.pem"}) == "60 10");
  CHECK(result({"--proxy-cacert", "proxy.pem", "--cacert", "proxy.pem"}) == "60 01");
  CHECK(result({"--proxy-insecure", "--cacert", "proxy.pem"}) == "60 01");
  CHECK(result({"-k", "--proxy-cacert", "ca.pem"}) == "60 10");
  CHECK(result({"-k"}) == "60 10");
  CHECK(result({"-k", "--proxy-insecure"}) == "0 00");
  CHECK(result({"--cacert", "proxy.pem"}, origin().plain() + "/1") == "60 10");
  CHECK(result({"--proxy-cacert", "proxy.pem"}, origin().plain() + "/1") == "0 00");
}

TEST_CASE(
    "an https proxy: -v has its TLS and certificate beside the origin's, once, and a refused one is called its own") {
  const Tinyproxy inner(false);
  const TlsFront proxy(inner.port());
  const Trust trust(&proxy.site());
  const std::string tls = origin().tls() + "/1", plain = origin().plain() + "/1";
  const auto verbose = [&](const std::string& url) {
    return trust
        .run({"-sv", "-x", proxy.url(), "--proxy-cacert", "proxy.pem", "--cacert", "ca.pem", "-o", "a", url, "-o", "b",
              url, "--parallel-max", "1"})
        .err;
  };
  const auto count = [](const std::string& text, std::string_view what) {
    int times = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
    return times;
  };
  const std::string tunnel = verbose(tls), forwarded = verbose(plain);
  CAPTURE(tunnel);
  for (const std::string& text : {tunnel, forwarded}) {
    CHECK(count(text, "* Proxy TLS: TLSv1.") == count(text, "* Connected to "));
    CHECK(count(text, "* Proxy certificate:\n*  subject: ") == count(text, "* Connected to "));
  }
  CHECK(count(tunnel, "* Connected to ") == 1);
  CHECK(count(tunnel, "* Re-using existing connection with proxy " + proxy.url() + " (") == 1);
  CHECK(count(tunnel, "* Server certificate:\n*  subject: ") == 1);
  CHECK(count(tunnel, "*  expire date: ") == 2);
  CHECK(count(tunnel, "*  SSL certificate verify ok.\n") == 2);
  CHECK_FALSE(forwarded.contains("Server certificate"));
  const CommandResult refused = trust.run({"-sS", "-x", proxy.url(), "--proxy-cacert", "ca.pem", "-k", tls});
  CHECK(refused.exit_code == 60);
  CHECK(refused.err.starts_with("sluice: (60) GET " + tls + ": TLS handshake with the proxy " +
                                proxy.url().substr(std::string_view("https://").size()) + ": "));
}

TEST_CASE("an https proxy: a client certificate, and a peer that speaks no TLS") {
  const Tinyproxy inner(false);
  const TlsFront proxy(inner.port());
  const Trust trust(&proxy.site());
  const std::string url = origin().plain() + "/1";
  CHECK(trust.run({"-x", proxy.mutual(), "--proxy-cacert", "proxy.pem", "--proxy-cert", "client.pem", url}).out ==
        content_of(1));
  CHECK(trust.run({"-x", proxy.mutual(), "--proxy-cacert", "proxy.pem", "--cert", "client.pem", url}).exit_code != 0);
  check_failure(
      trust.run({"-x", "https://127.0.0.1:" + origin_port(origin().plain()), "--proxy-insecure", "-m", "5", url}), 35);
}

TEST_CASE("nghttpx: --proxy-http2: forwarded requests share a connection, and CONNECT is a stream with TLS in it") {
  if (!sluice::features().http2) return;
  const Tinyproxy inner(false);
  const Http2Front proxy(inner.port());
  const Trust trust(&proxy.site());
  const auto result = [&](std::vector<std::string> options, const std::string& url, const std::string& text) {
    options.insert(options.end(), {"-s", "-S", "-x", proxy.url(), "--proxy-cacert", "proxy.pem", "--cacert", "ca.pem",
                                   "-w", text, "-o", "out", url});
    const CommandResult done = trust.run(options);
    CHECK(done.err == "");
    return done.out;
  };
  const std::string plain = origin().plain(), tls = origin().tls(), both = origin().http2();
  CHECK(result({"--proxy-http2", "-o", "a", plain + "/1024"}, plain + "/1048576", "%{http_version} %{num_connects};") ==
        "2 1;2 0;");
  CHECK(read_file(trust.folder.path() / "out") == content_of(1048576));
  CHECK(read_file(trust.folder.path() / "a") == content_of(1024));
  CHECK(proxy.log().contains("/1024 HTTP/2 200"));
  CHECK(result({}, plain + "/1", "%{http_version}") == "1.1");
  for (const std::string& url : {tls, both}) {
    CAPTURE(url);
    const std::string version = url == tls ? "1.1" : "2";
    CHECK(result({"--proxy-http2"}, url + "/1048576", "%{http_version} %{http_connect}") == version + " 200");
    CHECK(read_file(trust.folder.path() / "out") == content_of(1048576));
    // An upload that is larger than any window.
    write_file(trust.folder.path() / "in", content_of(3'000'000));
    CHECK(result({"--proxy-http2", "-T", "in"}, url + "/upload/by-proxy", "%{response_code} %{num_connects}") ==
          "201 1");
    CHECK(read_file(origin().site().www() / "upload/by-proxy") == content_of(3'000'000));
    std::filesystem::remove(origin().site().www() / "upload/by-proxy");
  }
  CHECK(proxy.log().contains("CONNECT 127.0.0.1:" + origin_port(tls) + " HTTP/2 200"));
  check_failure(trust.run({"--proxy-http2", "-x", proxy.url(), "--proxy-insecure", "https://127.0.0.1:1/"}), 56);
}

TEST_CASE("nghttpx: --proxy-http2 with a login, which the proxy behind it asks for") {
  if (!sluice::features().http2) return;
  const Tinyproxy inner(true);
  const Http2Front proxy(inner.port());
  const Trust trust;
  const auto code = [&](const std::string& url, const std::string& login) {
    return trust
        .run({"-s", "-k", "--proxy-http2", "--proxy-insecure", "-x", proxy.url(), "-U", login, "-o", "out", "-w",
              "%{exitcode} %{http_code}", url})
        .out;
  };
  CHECK(code(origin().plain() + "/1", kProxyLogin) == "0 200");
  CHECK(code(origin().tls() + "/1", kProxyLogin) == "0 200");
  CHECK(code(origin().tls() + "/1", "me:wrong") == "56 000");
}
