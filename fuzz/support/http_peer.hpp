// A far end for the multi target: an HTTP server over bytes that answers every request, correctly or incorrectly as the
// input says, and always comes to an end. It answers /N with letters that only N has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/sim/tls_server.hpp"
#include "fuzz/support/certificates.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {

// What a success must have brought.
struct Answer {
  std::size_t bytes = 0;
  bool at_most = false;  // the end of the stream frames it, so a shorter body looks complete too
  bool bad = false;      // must not be taken for complete
};
using Answers = std::map<std::size_t, Answer>;

inline char letter_of(std::size_t number) { return static_cast<char>('a' + number % 26); }

class HttpPeer {
 public:
  HttpPeer(Input& input, Answers& answers, bool tls) : input_(input), answers_(answers) {
    static const sim::TlsServerContext context = make_server_context(TlsVersion::tls1_3);
    if (tls) tls_.emplace(context);
  }

  void hear(std::string_view bytes) {
    if (tls_) {
      tls_->feed(as_bytes(bytes));
      asked_ += std::exchange(tls_->plain(), {});
    } else {
      asked_ += bytes;
    }
    while (!ends_ && answer_next()) {
    }
    if (!tls_) return;
    if (!plain_.empty() && tls_->handshake_done()) {
      FUZZ_CHECK(tls_->write(as_bytes(plain_)));
      plain_.clear();
    }
    if (ends_ && !std::exchange(said_goodbye_, true)) tls_->close_notify();
    to_say_ += as_text(Bytes(tls_->output()));
    tls_->output().clear();
  }

  // The bytes to send next; the caller removes them.
  std::string& to_say() { return to_say_; }
  // Nothing follows these bytes.
  bool ends() const { return ends_; }

 private:
  // The end of the first request's body in the received bytes; npos: it is incomplete.
  std::size_t request_end() const {
    const std::size_t head = asked_.find("\r\n\r\n");
    if (head == std::string::npos) return head;
    std::size_t at = head + 4;
    const std::string_view fields = std::string_view(asked_).substr(0, at);
    if (const std::size_t length = fields.find("\r\nContent-Length: "); length != std::string_view::npos) {
      at += std::stoul(std::string(fields.substr(length + 18, 10)));
      return at <= asked_.size() ? at : std::string::npos;
    }
    if (fields.find("\r\nTransfer-Encoding: chunked") == std::string_view::npos) return at;
    for (;;) {
      const std::size_t line = asked_.find("\r\n", at);
      if (line == std::string::npos) return line;
      const std::size_t size = std::stoul(asked_.substr(at, line - at), nullptr, 16);
      at = line + 2 + size + 2;
      if (at > asked_.size()) return std::string::npos;
      if (size == 0) return at;
    }
  }

  bool answer_next() {
    const std::size_t end = request_end();
    if (end == std::string::npos) return false;
    const std::size_t number = std::stoul(asked_.substr(asked_.find('/') + 1));
    const bool head = asked_.starts_with("HEAD");
    asked_.erase(0, end);
    (tls_ ? plain_ : to_say_) += answer(number, head);
    return true;
  }

  std::string answer(std::size_t number, bool head) {
    static constexpr std::size_t kSizes[] = {3, 0, 700, 40'000, 200'000};
    const std::string body(head ? 0 : kSizes[input_.below(5)], letter_of(number));
    Answer& wanted = answers_[number];
    wanted = {body.size(), false, false};
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    switch (input_.below(8)) {
      case 1:
        ends_ = true;
        return "HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + "\r\n" + body;
      case 2: {
        char size[24];
        std::snprintf(size, sizeof size, "%zx\r\n", body.size());
        const std::string chunk = body.empty() ? "" : size + body + "\r\n";
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (head ? "" : chunk + "0\r\n\r\n");
      }
      case 3:
        ends_ = wanted.at_most = true;
        return "HTTP/1.1 200 OK\r\n\r\n" + body;
      case 4:
        ends_ = true;
        wanted.bad = !head;
        return "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body;
      case 5:
        ends_ = wanted.bad = true;
        // No response begins like this.
        return '!' + std::string(input_.take(1 + input_.below(20))) + "\n\r\n\r\n";
      case 6:
        return "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n" + length + "\r\n" + body;
      default:
        return "HTTP/1.1 200 OK\r\n" + length + "\r\n" + body;
    }
  }

  Input& input_;
  Answers& answers_;
  std::optional<sim::TlsServer> tls_;
  std::string asked_, plain_, to_say_;
  bool ends_ = false, said_goodbye_ = false;
};

}  // namespace sluice::fuzz
