// An EngineWorld whose peers are real TLS servers in memory; the test moves every byte between them.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "tests/support/engine_steps.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {

struct TlsWorld : EngineWorld {
  explicit TlsWorld(const TlsOptions& tls = trusting_options(),
                    const sim::TlsServerOptions& server_options = example_server(), EngineOptions engine_options = {})
      : EngineWorld(std::move(engine_options)), context(make_context(server_options)) {
    now.wall = kNoon;
    options.tls = make_config(tls);
  }

  // Opens the newest connection, with a server of its own.
  ConnId connect() {
    if (!resolves.empty()) resolved("192.0.2.1");
    const ConnId conn = newest(*this);
    servers.emplace(conn, sim::TlsServer(context));
    connected(conn);
    return conn;
  }
  sim::TlsServer& server(ConnId conn) { return servers.at(conn); }
  void to_server(ConnId conn, std::size_t most = SIZE_MAX) { server(conn).feed(as_bytes(sent(conn, most))); }
  bool to_client(ConnId conn, std::size_t most = SIZE_MAX) {
    std::vector<std::uint8_t>& out = server(conn).output();
    const std::size_t count = receive(conn, as_text(Bytes(out).first(std::min(most, out.size()))));
    out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    return count != 0;
  }
  // Moves bytes in both directions, `step` at a time, until none are left.
  void carry(ConnId conn, std::size_t step = SIZE_MAX) {
    for (bool moved = true; moved;) {
      const std::string bytes = sent(conn, step);
      server(conn).feed(as_bytes(bytes));
      moved = to_client(conn, step) || !bytes.empty();
    }
  }
  void answer_with(ConnId conn, std::string_view response) {
    server(conn).plain().clear();
    REQUIRE(server(conn).write(as_bytes(response)));
    carry(conn);
  }
  TransferId ask(std::string_view url = "https://example.org/") { return add(get(url), options); }
  ConnId one_whole_get() {
    const TransferId id = ask();
    const ConnId conn = connect();
    carry(conn);
    answer_with(conn, answer("x"));
    REQUIRE(succeeded(id));
    return conn;
  }

  sim::TlsServerContext context;
  TransferOptions options;
  std::map<ConnId, sim::TlsServer> servers;
};

}  // namespace sluice::test
