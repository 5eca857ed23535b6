// See handshake.hpp.
#include "core/engine/handshake.hpp"

#include <memory>
#include <new>
#include <utility>

namespace sluice::engine {

using pool::PooledConnection;

Result<void> push_tls(PooledConnection& connection, tls::ClientParams params) {
  auto layer = tls::make_client(std::move(params));
  if (!layer) return std::unexpected(std::move(layer.error()));
  connection.channel.push_layer(std::move(*layer));
  return {};
}

tls::Http2Offer offer_for(http::Protocol protocol) {
  switch (protocol) {
    case http::Protocol::http1:
      return tls::Http2Offer::never;
    case http::Protocol::negotiated:
      return tls::Http2Offer::first;
    case http::Protocol::http2_assumed:
    case http::Protocol::http2:
      return tls::Http2Offer::alone;
  }
  return tls::Http2Offer::never;
}

Result<void> complete(PooledConnection& connection, http::SessionFactory& sessions, http::Protocol protocol, Now now) {
  std::string_view alpn;
  if (connection.channel.has_layers()) {
    auto facts = std::make_shared<StreamFacts>(connection.channel.facts());
    if (connection.facts) facts->local = connection.facts->local;
    connection.facts = std::move(facts);
    alpn = connection.facts->forwarder_http2 ? std::string_view("h2") : connection.facts->alpn;
    connection.channel.drop_passages();
  } else if (connection.facts) {
    alpn = connection.facts->alpn;
  }
  if (protocol == http::Protocol::http2 && alpn != "h2") {
    return std::unexpected(
        make_error(Code::http2_error, "HTTP/2 with " + connection.peer() + ": the server does not agree to it (ALPN)"));
  }
  if (protocol == http::Protocol::http2_assumed && alpn.empty()) alpn = "h2";
  auto session = sessions.make(alpn);
  if (!session) throw std::bad_alloc();
  connection.multiplexes = session->multiplexes();
  connection.channel.set_session(std::move(session));
  connection.secured = now.steady;
  connection.dial = {};
  return {};
}

Error cut_off(const PooledConnection& connection, std::string_view why) {
  const channel::Channel& channel = connection.channel;
  std::string text = std::string(channel.task()) + " with " + connection.peer() + ": the peer closed the connection";
  if (!why.empty()) text += " (" + std::string(why) + ")";
  return make_error(channel.task_failure(), std::move(text));
}

Error broken_off(const PooledConnection& connection, Error error) {
  error.code = connection.channel.task_failure();
  error.blame = blame_of(error.code);
  error.context = std::string(connection.channel.task()) + ": " + error.context;
  return error;
}

}  // namespace sluice::engine
