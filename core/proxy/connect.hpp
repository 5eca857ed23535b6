// The CONNECT handshake of HTTP proxies (RFC 9110 9.3.6): asks for a tunnel, answers challenges on the same connection,
// and reads the responses. Leaves the tunnel's bytes to the layers above, and another connection, where a challenge can
// only be answered on one, to the caller.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/http1/reader.hpp"
#include "core/proxy/login.hpp"
#include "core/proxy/passage.hpp"
#include "core/response.hpp"

namespace sluice::proxy {

// A head of the handshake, as bytes.
struct SeenHead {
  bool received = false;  // false: it is sent
  std::string bytes;
};

struct ConnectParams {
  std::string proxy = {};  // its name for messages
  Target target = {};
  // Sent after Host, or instead of it if there is a Host among them: what is meant for the proxy alone (SB-03, SB-04).
  // Names and values must be valid.
  Fields fields = {};
  bool http1_0 = false;     // the request says HTTP/1.0
  Again asked = Again::no;  // what an earlier connection has learned of the proxy
  Http1 http1 = Http1::tolerant;
  std::optional<Duration> ping_interval = {};  // over HTTP/2: as http2::SessionOptions
  std::vector<SeenHead>* seen = nullptr;  // gets the heads of both sides; must outlive the handshake. Null: not wanted
};

class Connect final : public Passage {
 public:
  // `login` null: without credentials.
  explicit Connect(ConnectParams params, std::unique_ptr<Login> login = {});

  std::string_view task() const override { return "CONNECT"; }
  Code failure() const override { return Code::tunnel_failed; }
  void describe(StreamFacts& facts) const override { facts.connect_status = head_.status; }
  Again again() const override;
  // Of the proxy, from its final head on; status 0 before. It is valid after a refusal too.
  const ResponseHead& response() const { return head_; }

 private:
  bool begin(std::vector<std::uint8_t>& out, Now now) override;
  // Errors: tunnel_failed with the status as its detail for any but 2xx; any error of the response's syntax, as a
  // failure of the proxy's.
  void answer(Bytes& in, std::vector<std::uint8_t>& out, Now now) override;
  rules::AuthRequest facts() const;
  void ask(std::vector<std::uint8_t>& out);
  bool read_head(Bytes& in);
  bool judge(Now now);
  bool skip(Bytes& in);
  bool end_skipping();
  bool is_kept() const;
  bool go_elsewhere();                 // false, as refused()
  bool fail_with(const Error& error);  // false
  bool refused();

  ConnectParams params_;
  const std::string authority_;
  std::unique_ptr<Login> login_;
  std::string authorization_;
  ResponseHead head_;
  http1::Reader reader_;
  std::vector<std::uint8_t> head_text_;  // of the present head, as received
  std::size_t head_bytes_ = 0;           // of all heads of this response
  // Set while the content of a challenge is skipped.
  struct Skipped {
    ResponseHead head;
    http1::Reader reader;
    std::size_t bytes = 0;
  };
  std::unique_ptr<Skipped> skipped_;
  bool goes_elsewhere_ = false;  // the answer to a challenge must go on another connection
};

}  // namespace sluice::proxy
