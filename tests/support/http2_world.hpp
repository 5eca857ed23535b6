// A world whose peers speak HTTP/2 without TLS, by prior knowledge.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/engine_steps.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::test {

struct Http2World : EngineWorld {
  explicit Http2World(EngineOptions options = {}) : Http2World(Engine(std::move(options))) {}
  explicit Http2World(Engine made) : EngineWorld(std::move(made)) {
    known.http_versions = HttpVersions::http2_prior_knowledge;
  }
  // The newest connection is open, and its requests are read, those that go before the server's SETTINGS if it is not
  // `heard`.
  ConnId connect(bool heard = true) {
    client = std::make_unique<h2::ClientReader>();
    const ConnId conn = newest(*this);
    connected(conn);
    if (heard) receive(conn, h2::settings({{9, 1}}));
    read(conn);
    return conn;
  }
  // What was sent since the last call; requests are collected too.
  std::vector<h2::Frame> read(ConnId conn) {
    client->read(sent(conn));
    auto frames = client->take();
    for (const h2::Frame& frame : frames) {
      if (frame.type == h2::kHeaders) requests.push_back(frame);
    }
    return frames;
  }
  static std::string ok(std::uint32_t stream, std::string_view body) {
    return h2::headers(stream, {{":status", "200"}}) + h2::data(stream, body, h2::kEndStream);
  }

  TransferOptions known;
  std::unique_ptr<h2::ClientReader> client;
  std::vector<h2::Frame> requests;
};

}  // namespace sluice::test
