// A Talk with or without TLS below it: bytes of the wire in, bytes of the wire out. Leaves the sockets, and when
// a connection ends, to its owner.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/origin_talk.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::test {

class TalkOnWire {
 public:
  // `tls` null: without TLS.
  explicit TalkOnWire(const sim::TlsServerContext* tls, std::unique_ptr<Talk> talk = std::make_unique<OriginTalk>())
      : talk_(std::move(talk)) {
    if (tls != nullptr) tls_.emplace(*tls);
  }

  const Talk& http() const { return *talk_; }
  void release() { talk_->release(); }
  std::size_t said() const { return said_; }  // bytes of responses so far, before TLS

  bool has_output() const { return may_talk() && talk_->has_output(); }

  // False: the connection is over.
  bool receive(Bytes bytes) {
    if (!tls_) {
      talk_->receive(as_text(bytes));
      return true;
    }
    const bool sound = tls_->feed(bytes);
    talk_->receive(tls_->plain());
    tls_->plain().clear();
    return sound && !tls_->peer_closed();
  }

  // Replaces `wire` by what is to be sent next: about `piece` bytes of responses, and what TLS has to send. With `cut`,
  // all that follows so many bytes of responses is dropped.
  void produce(std::vector<std::uint8_t>& wire, std::size_t piece, std::optional<std::size_t> cut = {}) {
    plain_.clear();
    if (may_talk()) talk_->produce(plain_, piece);
    if (cut) plain_.resize(std::min(plain_.size(), *cut - said_));
    said_ += plain_.size();
    if (!tls_) {
      wire.assign(plain_.begin(), plain_.end());
      return;
    }
    if (!plain_.empty()) tls_->write(as_bytes(plain_));
    if (talk_->end() == Talk::End::close && !std::exchange(said_goodbye_, true)) tls_->close_notify();
    wire.swap(tls_->output());  // handshake messages and alerts too
    tls_->output().clear();
  }

 private:
  bool may_talk() const { return !tls_ || tls_->handshake_done(); }

  std::optional<sim::TlsServer> tls_;
  std::unique_ptr<Talk> talk_;
  std::string plain_;
  std::size_t said_ = 0;
  bool said_goodbye_ = false;
};

}  // namespace sluice::test
