// Fuzzes the client of core/tls with records of a real server that are changed on the way. Input: switches, then an
// edit script, one operation for each record (see Line::carry); with one of the switches, the server's bytes
// themselves.
// Oracles: the client gives out a prefix of what the server sent, and all of it if the client says that the stream
// ended cleanly; it accepts bytes from the server only; without changes everything succeeds; an error is permanent.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/limits.hpp"
#include "core/tls/client.hpp"
#include "core/tls/session_cache.hpp"
#include "fuzz/support/certificates.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "tests/support/tls_server.hpp"

namespace sluice::fuzz {
namespace {

using Record = std::string;
constexpr std::size_t kHeaderBytes = 5;
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

struct Switches {
  bool old_version, tickets, resume, raw, closes, small_room;
  std::size_t writes;
};

Switches read_switches(Input& input) {
  const unsigned bits = input.byte();
  return {(bits & 1U) != 0,  (bits & 2U) == 0,  (bits & 4U) != 0, (bits & 8U) != 0,
          (bits & 16U) == 0, (bits & 32U) != 0, 1 + (bits >> 6)};
}

// The client, with the checks that hold at any moment.
class Client {
 public:
  Client(tls::SessionCache* sessions, bool small_room) : room_(small_room ? 3 : 16 * 1024) {
    tls::ClientParams params;
    params.config = trusting_config();
    params.host = "example.org";
    params.sessions = sessions;
    params.session_key = "key";
    auto made = tls::make_client(std::move(params));
    FUZZ_CHECK(made.has_value());
    layer_ = std::move(*made);
    last_ = layer_->start(wire_, now_);
  }

  void deliver(std::string_view bytes, std::size_t piece) {
    while (!bytes.empty() && !over()) {
      decode(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
    }
  }

  // As soon as it may.
  void send_request() {
    if (asked_ || over() || !layer_->established()) return;
    asked_ = true;
    Bytes plain = as_bytes(kRequest);
    const Pump pump = layer_->encode(plain, wire_, limits::kWireOutBytes, now_);
    FUZZ_CHECK(pump == Pump::failed || plain.empty());
    if (pump == Pump::failed) last_ = pump;
  }

  void check_end() {
    if (last_ == Pump::failed) {
      const Error error = layer_->error();
      FUZZ_CHECK_SAYING(
          error.code == Code::tls_handshake || error.code == Code::tls_certificate || error.code == Code::tls_failed,
          error.message());
      FUZZ_CHECK(error.blame == Blame::peer && error.message().find('\n') == std::string::npos);
      FUZZ_CHECK(!layer_->eof_is_clean());
      const std::size_t before = received_.size();
      decode("again");
      FUZZ_CHECK(last_ == Pump::failed && layer_->error() == error && received_.size() == before);
    }
    layer_->close(wire_);
    const std::size_t before = wire_.size();
    layer_->close(wire_);
    FUZZ_CHECK(wire_.size() == before);
  }

  bool over() const { return last_ == Pump::failed || last_ == Pump::closed; }
  Pump last() const { return last_; }
  bool asked() const { return asked_; }
  const std::string& received() const { return received_; }
  std::vector<std::uint8_t>& wire() { return wire_; }
  const tls::ClientLayer& layer() const { return *layer_; }

 private:
  void decode(std::string_view bytes) {
    const std::vector<std::uint8_t> memory(bytes.begin(), bytes.end());
    Bytes in(memory);
    do {
      std::vector<std::uint8_t> space(room_);
      MutableBytes out(space);
      const std::size_t before = in.size();
      last_ = layer_->decode(in, out, wire_, now_);
      FUZZ_CHECK(in.size() <= before && (in.empty() || in.data() + in.size() == memory.data() + memory.size()));
      FUZZ_CHECK(out.size() <= room_ && (out.empty() || out.data() + out.size() == space.data() + room_));
      received_ += as_text(Bytes(space).first(room_ - out.size()));
      FUZZ_CHECK(last_ != Pump::progressed && (last_ != Pump::need_space || out.size() < room_));
      FUZZ_CHECK(last_ != Pump::need_input || in.empty());
      FUZZ_CHECK(wire_.size() < limits::kWireOutBytes);
      FUZZ_CHECK(received_.empty() || layer_->verified());
      FUZZ_CHECK(!layer_->established() || (layer_->verified() && !layer_->version().empty()));
    } while (last_ == Pump::need_space);
  }

  std::unique_ptr<tls::ClientLayer> layer_;
  const std::size_t room_;
  Now now_{{}, kNoon};
  Pump last_ = Pump::need_input;
  bool asked_ = false;
  std::vector<std::uint8_t> wire_;
  std::string received_;
};

std::string pattern(std::size_t size) {
  std::string text(size, 'x');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
  return text;
}

// The line between the two, with the attacker on it.
class Line {
 public:
  Line(Input& input, const Switches& switches, Client& client, const sim::TlsServerContext& context)
      : input_(input), switches_(switches), client_(client), server_(context) {}

  void run() {
    for (int round = 0; round < 200; ++round) {
      client_.send_request();
      const std::string up(as_text(Bytes(client_.wire())));
      client_.wire().clear();
      if (!up.empty()) server_.feed(as_bytes(up));
      FUZZ_CHECK(kRequest.starts_with(server_.plain()));
      answer();
      cut_records();
      if (queue_.empty() && up.empty()) break;
      while (!queue_.empty() && !client_.over() && !ended_) carry();
      FUZZ_CHECK(sent_.starts_with(client_.received()));
      if (client_.over() || ended_) break;
    }
    check();
  }

  bool tampered() const { return tampered_; }

 private:
  void answer() {
    if (answered_ || server_.plain() != kRequest) return;
    answered_ = true;
    for (std::size_t i = 0; i < switches_.writes; ++i) {
      const std::string text = pattern(i == 1 ? 20'000 : 100 + i);
      FUZZ_CHECK(server_.write(as_bytes(text)));
      sent_ += text;
    }
    if (switches_.closes) server_.close_notify();
  }

  void cut_records() {
    std::string bytes(as_text(Bytes(server_.output())));
    server_.output().clear();
    while (bytes.size() >= kHeaderBytes) {
      const std::size_t body =
          static_cast<std::size_t>(static_cast<unsigned char>(bytes[3])) << 8 | static_cast<unsigned char>(bytes[4]);
      FUZZ_CHECK(bytes.size() >= kHeaderBytes + body);
      queue_.push_back(bytes.substr(0, kHeaderBytes + body));
      bytes.erase(0, kHeaderBytes + body);
    }
    FUZZ_CHECK(bytes.empty());
  }

  void deliver(std::string_view bytes, std::size_t piece = SIZE_MAX) { client_.deliver(bytes, piece); }
  void tampered_with(std::string_view bytes) {
    tampered_ = true;
    deliver(bytes);
  }

  void carry() {
    Record record = std::move(queue_.front());
    queue_.pop_front();
    switch (input_.below(16)) {
      case 1:
        return deliver(record, 1 + input_.below(64));
      case 2: {
        char& byte = record[input_.below(record.size())];
        byte = static_cast<char>(byte ^ (1 + static_cast<int>(input_.below(255))));
        return tampered_with(record);
      }
      case 3:
        tampered_ = true;
        return;
      case 4:
        deliver(record);
        return tampered_with(record);
      case 5:
        if (queue_.empty()) return deliver(record);
        std::swap(record, queue_.front());
        return tampered_with(record);
      case 6:
        record.resize(input_.below(record.size()));
        return tampered_with(record);
      case 7:
        record[0] = static_cast<char>(20 + input_.below(6));
        return tampered_with(record);
      case 8:
        return split(record);
      case 9:
        return insert(record);
      case 10:
        tampered_with(input_.take(1 + input_.below(40)));
        return deliver(record);
      case 11:
        ended_ = true;
        return;
      case 12:
        record.append(input_.below(300), 'z');
        return tampered_with(record);
      case 13:
        renegotiate();
        return deliver(record);
      default:
        return deliver(record);
    }
  }

  // After all bytes of the server, which can send nothing valid afterwards.
  void renegotiate() {
    if (!switches_.old_version || !server_.handshake_done() || renegotiates_) return;
    renegotiates_ = tampered_ = true;
    const auto record = test::hello_request_record(server_);
    queue_.emplace_back(record.begin(), record.end());
  }
  // Splits one record into two, which is valid while nothing is encrypted.
  void split(const Record& record) {
    const std::size_t size = record.size() - kHeaderBytes;
    const std::size_t first = size == 0 ? 0 : input_.below(size);
    tampered_with(framed(record.substr(0, 3), record.substr(kHeaderBytes, first)));
    deliver(framed(record.substr(0, 3), record.substr(kHeaderBytes + first)));
  }
  // Inserts a record of the input before it.
  void insert(const Record& record) {
    const std::string head = {static_cast<char>(20 + input_.below(6)), 3, static_cast<char>(3)};
    tampered_with(framed(head, std::string(input_.take(input_.below(64)))));
    deliver(record);
  }
  static std::string framed(std::string head, const std::string& body) {
    head += static_cast<char>(body.size() >> 8);
    head += static_cast<char>(body.size() & 0xff);
    return head + body;
  }

  void check() {
    FUZZ_CHECK(sent_.starts_with(client_.received()));
    // A clean end proves that everything before it came.
    if (client_.layer().eof_is_clean()) FUZZ_CHECK(switches_.closes && client_.received() == sent_ && !sent_.empty());
    FUZZ_CHECK((client_.last() == Pump::closed) <= client_.layer().eof_is_clean());
    if (tampered_) return;
    FUZZ_CHECK_SAYING(client_.last() != Pump::failed, client_.layer().error().message());
    if (ended_) return;
    FUZZ_CHECK(client_.asked() && client_.received() == sent_ && answered_);
    FUZZ_CHECK((client_.last() == Pump::closed) == switches_.closes);
    FUZZ_CHECK(client_.layer().version() == (switches_.old_version ? "TLSv1.2" : "TLSv1.3"));
  }

  Input& input_;
  const Switches switches_;
  Client& client_;
  sim::TlsServer server_;
  std::deque<Record> queue_;
  std::string sent_;
  bool answered_ = false, tampered_ = false, renegotiates_ = false, ended_ = false;
};

const sim::TlsServerContext& context_of(const Switches& switches) {
  static const sim::TlsServerContext contexts[] = {
      make_server_context(TlsVersion::tls1_3, true), make_server_context(TlsVersion::tls1_2, true),
      make_server_context(TlsVersion::tls1_3, false), make_server_context(TlsVersion::tls1_2, false)};
  return contexts[(switches.old_version ? 1U : 0U) + (switches.tickets ? 0U : 2U)];
}

// Bytes that do not come from a server are never accepted.
void run_raw(Input& input, Client& client) {
  for (int pieces = 0; pieces < 100 && !input.spent(); ++pieces)
    client.deliver(input.take(1 + input.below(200)), SIZE_MAX);
  FUZZ_CHECK(client.received().empty() && !client.layer().established() && !client.layer().verified());
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  const Switches switches = read_switches(input);
  sluice::tls::SessionCache sessions;
  if (switches.resume) {
    Input nothing({});
    Switches plain = switches;
    plain.small_room = false;
    Client first(&sessions, false);
    Line(nothing, plain, first, context_of(switches)).run();
    FUZZ_CHECK((sessions.size() > 0) == switches.tickets);
  }
  Client client(&sessions, switches.small_room);
  if (switches.raw) {
    run_raw(input, client);
  } else {
    Line line(input, switches, client, context_of(switches));
    line.run();
    if (!line.tampered() && switches.resume && client.last() == sluice::Pump::closed) {
      FUZZ_CHECK(client.layer().resumed() == switches.tickets);
    }
  }
  client.check_end();
  last_verdict = client.last() == sluice::Pump::failed   ? verdict_of("failed", client.layer().error().code)
                 : client.last() == sluice::Pump::closed ? "closed"
                                                         : "open";
  return 0;
}
