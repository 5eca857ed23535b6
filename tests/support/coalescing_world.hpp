// A world where hosts may share HTTP/2 connections (EngineOptions::coalesce_connections), and whose servers have a
// certificate for some of them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/engine_tls_world.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::test {

inline sim::TlsServerOptions two_hosts(std::vector<std::string> alpn = {"h2", "http/1.1"}) {
  static const sim::TlsServerOptions made =
      server_for({"a.example", "b.example", "*.c.example"}, {std::string("\xc0\x00\x02\x01", 4)});
  sim::TlsServerOptions options = made;
  options.alpn = std::move(alpn);
  return options;
}

inline EngineOptions sharing(std::size_t most = 0) {
  EngineOptions options;
  options.coalesce_connections = true;
  options.max_connections = most;
  return options;
}

inline std::string status(std::uint32_t stream, std::string_view code, std::string_view body = "x") {
  return h2::headers(stream, {{":status", code}}) + h2::data(stream, body, h2::kEndStream);
}

// A connection of a.example at 192.0.2.1 is open, and idle.
struct SharedWorld : TlsWorld {
  explicit SharedWorld(EngineOptions engine_options = sharing(), const TlsOptions& tls = trusting_options(),
                       const sim::TlsServerOptions& server_options = two_hosts())
      : TlsWorld(tls, server_options, std::move(engine_options)) {}

  ConnId visit_a() {
    const TransferId id = ask("https://a.example/");
    const ConnId conn = connect();
    reply(conn, h2::settings() + status(1, "200"));
    REQUIRE(succeeded(id));
    return conn;
  }
  // The transfer's look-up gives these addresses.
  TransferId visit(std::string_view url, std::string_view first = "192.0.2.1", std::vector<std::string> more = {}) {
    const TransferId id = ask(url);
    REQUIRE(resolves.size() == 1);
    resolved(first, std::move(more));
    return id;
  }
  // The server reads all that has come, and then says this.
  void reply(ConnId conn, std::string_view frames) {
    carry(conn);
    readers[conn].read(server(conn).plain());
    for (const h2::Frame& frame : readers[conn].take()) fields[conn] += frame.fields;
    answer_with(conn, frames);
  }
  std::map<ConnId, h2::ClientReader> readers;
  std::map<ConnId, std::string> fields;  // of all requests
};

}  // namespace sluice::test
