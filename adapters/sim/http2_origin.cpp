// The HTTP/2 origin of sim_origin.hpp: finds out which version a connection speaks, and leaves it to a peer of that.
#include <memory>
#include <string>
#include <utility>

#include "adapters/sim/http2_peer.hpp"
#include "adapters/sim_origin.hpp"

namespace sluice::sim {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class EitherPeer final : public Peer {
 public:
  EitherPeer(std::shared_ptr<const Http2Site> site, Accept http1, std::uint64_t nth)
      : site_(std::move(site)), http1_(std::move(http1)), nth_(nth) {}

  void on_open(Line& line) override {
    if (!line.alpn().empty()) become(line, line.alpn() == "h2");
  }
  void on_bytes(Line& line, Bytes bytes) override {
    if (peer_) return peer_->on_bytes(line, bytes);
    came_ += as_text(bytes);
    const std::string_view begin = std::string_view(came_).substr(0, kPreface.size());
    if (kPreface.starts_with(begin) && begin.size() < kPreface.size()) return;
    become(line, begin == kPreface);
    peer_->on_bytes(line, as_bytes(came_));
  }
  void on_end(Line& line) override { peer_ ? peer_->on_end(line) : line.close(); }
  void on_wake(Line& line) override {
    if (peer_) peer_->on_wake(line);
  }

 private:
  void become(Line& line, bool http2) {
    peer_ = http2 ? std::make_unique<Http2Peer>(site_, nth_) : http1_(nth_);
    peer_->on_open(line);
  }

  const std::shared_ptr<const Http2Site> site_;
  const Accept http1_;
  const std::uint64_t nth_;
  std::string came_;  // before the version is known
  std::unique_ptr<Peer> peer_;
};

}  // namespace

bool has_http2_origin() { return true; }

Accept http2_origin(Responder responder, Http2OriginOptions options) {
  Accept http1 = http_origin(responder, options.http1);
  const auto site = std::make_shared<const Http2Site>(std::move(responder), std::move(options));
  return [site, http1](std::uint64_t nth) { return std::make_unique<EitherPeer>(site, http1, nth); };
}

}  // namespace sluice::sim
