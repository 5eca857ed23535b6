// See server_connection.hpp.
#include "adapters/cli/demo/server_connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>

namespace sluice::demo {
namespace {

constexpr auto kPace = std::chrono::milliseconds(20);
constexpr std::size_t kUnpacedPiece = 256 * 1024;

}  // namespace

ServerConnection::ServerConnection(int socket, const std::vector<File>& files, const sim::TlsServerContext* tls,
                                   std::uint64_t bytes_per_second)
    : socket_(socket), responder_(files), bytes_per_second_(bytes_per_second) {
  if (tls != nullptr) tls_.emplace(*tls);
}

ServerConnection::~ServerConnection() { ::close(socket_); }

short ServerConnection::events() const {
  const int read = responder_.closing() ? 0 : POLLIN;
  return static_cast<short>(read | (wire_empty() ? 0 : POLLOUT));
}

std::optional<ServerConnection::Clock::time_point> ServerConnection::due() const {
  if (!wire_empty() || !responder_.has_output()) return std::nullopt;
  return next_;
}

bool ServerConnection::drive(short happened, Clock::time_point now) {
  if ((happened & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive()) return false;
  if (tls_ && !tls_->output().empty()) {  // handshake messages, alerts
    wire_.insert(wire_.end(), tls_->output().begin(), tls_->output().end());
    tls_->output().clear();
  }
  produce(now);
  if (!flush()) return false;
  return !(said_goodbye_ && wire_empty());
}

bool ServerConnection::receive() {
  std::array<std::uint8_t, 16 * 1024> buffer;
  const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  const Bytes bytes = Bytes(buffer).first(static_cast<std::size_t>(count));
  if (!tls_) {
    responder_.receive(bytes);
    return true;
  }
  const bool sound = tls_->feed(bytes);
  responder_.receive(as_bytes(tls_->plain()));
  tls_->plain().clear();
  if (!sound || tls_->peer_closed()) said_goodbye_ = true;
  return true;
}

void ServerConnection::produce(Clock::time_point now) {
  if (said_goodbye_ || !wire_empty() || now < next_) return;
  wire_.clear();
  sent_ = 0;
  if (responder_.has_output()) {
    const std::uint64_t paced = bytes_per_second_ / (std::chrono::seconds(1) / kPace);
    plain_.clear();
    responder_.produce(
        plain_, bytes_per_second_ == 0 ? kUnpacedPiece : static_cast<std::size_t>(std::max<std::uint64_t>(paced, 1)));
    if (bytes_per_second_ != 0) next_ = std::max(next_ + kPace, now);
    if (tls_) {
      if (!tls_->write(plain_)) said_goodbye_ = true;
      wire_.swap(tls_->output());
    } else {
      wire_.swap(plain_);
    }
  }
  if (responder_.closing() && !responder_.has_output() && !said_goodbye_) {
    said_goodbye_ = true;
    if (tls_) {
      tls_->close_notify();
      wire_.insert(wire_.end(), tls_->output().begin(), tls_->output().end());
      tls_->output().clear();
    }
  }
}

bool ServerConnection::flush() {
  while (!wire_empty()) {
    const ssize_t count = ::send(socket_, wire_.data() + sent_, wire_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(count);
  }
  wire_.clear();
  sent_ = 0;
  return true;
}

}  // namespace sluice::demo
