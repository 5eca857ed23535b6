// See over_tls() in tls_material.hpp: TLS below a Peer.
#include <algorithm>
#include <optional>
#include <utility>

#include "adapters/sim/tls_material.hpp"

namespace sluice::sim {
namespace {

// A Peer for the network, and the Line of the inner Peer.
class TlsPeer final : public Peer, private Line {
 public:
  TlsPeer(std::unique_ptr<Peer> inner, std::shared_ptr<const TlsServerContext> context, PerMille refuses_early_data)
      : inner_(std::move(inner)),
        context_(std::move(context)),
        server_(*context_),
        refuses_early_data_(refuses_early_data) {}

  // ---- for the network ----
  void on_open(Line& line) override {
    outer_ = &line;
    if (refuses_early_data_ > 0 && line.random().below(1000) < refuses_early_data_) server_.refuse_early_data();
  }
  void on_bytes(Line&, Bytes wire) override {
    const bool intact = server_.feed(wire);
    flush();
    if (!std::exchange(opened_, server_.handshake_done()) && opened_) inner_->on_open(*this);
    deliver();
    if (!intact) {
      done_ = true;
      outer_->close();
    }
  }
  void on_end(Line&) override {
    ended_ = true;
    if (!opened_) return outer_->close();
    if (!server_.peer_closed()) outer_->note_cut_off();
    deliver();
  }
  void on_wake(Line&) override {
    if (inner_wake_ && *inner_wake_ <= outer_->now().steady) {
      inner_wake_.reset();
      inner_->on_wake(*this);
    }
    deliver();
    set_alarm();
  }

  // ---- for the inner Peer ----
  using Line::send;
  void send(Bytes plain) override {
    if (done_ || finished_) return;
    server_.write(plain);
    flush();
  }
  void finish() override {
    if (done_ || std::exchange(finished_, true)) return;
    server_.close_notify();
    flush();
    outer_->finish();
  }
  void close() override {
    if (std::exchange(done_, true)) return;
    if (!std::exchange(finished_, true)) server_.close_notify();
    flush();
    outer_->close();
  }
  void reset() override {
    if (!std::exchange(done_, true)) outer_->reset();
  }
  void read(bool on) override {
    reading_ = on;
    outer_->read(on);
    set_alarm();
  }
  void wake_after(Duration delay) override {
    inner_wake_ = outer_->now().steady + std::max(delay, Duration::zero());
    set_alarm();
  }
  std::string_view alpn() const override { return server_.alpn(); }
  std::string server_name() const override { return server_.server_name(); }
  bool has_early_data() const override { return server_.early_bytes() > 0; }
  void admit(std::string_view fault) override { outer_->admit(fault); }
  Now now() const override { return outer_->now(); }
  Random& random() override { return outer_->random(); }

 private:
  bool over() { return (ended_ || server_.peer_closed()) && !end_given_; }
  bool deliverable() { return opened_ && reading_ && !done_ && (!server_.plain().empty() || over()); }
  // The only alarm of the line serves two purposes: the inner Peer's own, and giving it decrypted bytes, which must not
  // happen inside one of its calls.
  void set_alarm() {
    if (deliverable()) {
      outer_->wake_after(Duration::zero());
    } else if (inner_wake_) {
      outer_->wake_after(*inner_wake_ - outer_->now().steady);
    }
  }
  void deliver() {
    if (!opened_ || !reading_ || done_) return;
    if (!server_.plain().empty()) {
      const std::string plain = std::exchange(server_.plain(), {});
      inner_->on_bytes(*this, as_bytes(plain));
    }
    if (reading_ && !done_ && over()) {
      end_given_ = true;
      inner_->on_end(*this);
    }
  }
  void flush() {
    if (server_.output().empty()) return;
    outer_->send(Bytes(server_.output()));
    server_.output().clear();
  }

  std::unique_ptr<Peer> inner_;
  std::shared_ptr<const TlsServerContext> context_;
  TlsServer server_;
  const PerMille refuses_early_data_;
  Line* outer_ = nullptr;
  std::optional<Instant> inner_wake_;
  bool opened_ = false;
  bool reading_ = true;
  bool finished_ = false;
  bool done_ = false;
  bool ended_ = false;
  bool end_given_ = false;
};

}  // namespace

std::unique_ptr<Peer> over_tls(std::unique_ptr<Peer> inner, std::shared_ptr<const TlsServerContext> context,
                               PerMille refuses_early_data) {
  return std::make_unique<TlsPeer>(std::move(inner), std::move(context), refuses_early_data);
}

}  // namespace sluice::sim
