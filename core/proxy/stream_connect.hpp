// The CONNECT handshake with an HTTP proxy that speaks HTTP/2 (RFC 9113 8.5), and the tunnel: one stream, whose DATA
// frames carry the bytes of the layers above. Answers challenges on the same connection, each on a stream of its own.
// Leaves framing and windows to core/http2, and the choice of this layer to chosen_connect.hpp. One tunnel for each
// connection.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/layer.hpp"
#include "core/http/session.hpp"
#include "core/http/upload.hpp"
#include "core/proxy/connect.hpp"
#include "core/proxy/login.hpp"
#include "core/request.hpp"
#include "core/response.hpp"

namespace sluice::proxy {

class StreamConnect final : public Layer {
 public:
  // As Connect; `http1_0` and `http1` of the parameters have no meaning here, and neither has a Host field. `login`
  // null: without credentials. It must not be one that logs a connection in (without_logins()).
  explicit StreamConnect(ConnectParams params, std::unique_ptr<Login> login = {});

  std::string_view task() const override { return "CONNECT"; }
  Code failure() const override { return Code::tunnel_failed; }
  void describe(StreamFacts& facts) const override { facts.connect_status = head_.status; }
  Pump start(std::vector<std::uint8_t>& wire_out, Now now) override;
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) override;
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) override;
  bool holds_plain() const override { return !upload_.empty(); }
  void drop_memory() noexcept override;
  bool established() const override { return state_ == State::open || state_ == State::ended; }
  // Only the end of the stream is one that the target has made.
  StreamEnd stream_end() const override { return state_ == State::ended ? StreamEnd::clean : StreamEnd::cut; }
  // With ConnectParams::ping_interval, while the tunnel is open: a proxy that does not answer a PING is a failure
  // (http2_error), as that of a connection without a tunnel.
  std::optional<Instant> deadline() const override;
  Pump handle_timeout(std::vector<std::uint8_t>& wire_out, bool sends, Now now) override;
  void close(std::vector<std::uint8_t>&) noexcept override {}
  const Error& error() const override { return error_; }

 private:
  enum class State : std::uint8_t { talking, open, ended, failed };

  rules::AuthRequest facts() const { return {.method = "CONNECT", .target = authority_, .body = ""}; }
  void ask();
  void take(MutableBytes input, MutableBytes& plain_out, Now now);
  void on_event(http::Event& event, MutableBytes& plain_out, Now now);
  void judge(Now now);
  void note_head(std::size_t bytes);
  void flush(std::vector<std::uint8_t>& wire_out);
  void take_late(Now now);
  void fail(std::string_view why, int detail = 0);
  void fail_with(const Error& error);
  bool is_running() const { return state_ == State::talking || state_ == State::open; }

  ConnectParams params_;
  const std::string authority_;
  std::unique_ptr<Login> login_;
  std::string authorization_;
  std::unique_ptr<http::Session> session_;
  Request request_;
  http::UploadBody upload_;
  ResponseHead head_;  // of the proxy's last answer; status 0 before
  http::StreamId stream_ = 0;
  std::size_t head_bytes_ = 0;
  Instant postponed_;  // no PING, and no end of a wait, before this time
  State state_ = State::talking;
  Error error_;
  std::vector<http::Event> events_;
  std::vector<http::StreamId> moved_;
};

// The same proxy without the schemes that log a connection in (NTLM, Negotiate): they are for one request at a time.
// Throws std::bad_alloc.
Proxy without_logins(Proxy proxy);

}  // namespace sluice::proxy
