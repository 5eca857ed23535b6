// Fuzzes SessionCache::import_sessions. Input: a letter, then
//   r   the bytes themselves
//   s   what is between the first line and the sum, which are added
//   e   edits of a real store with sessions of TLS 1.2 and of TLS 1.3, in three bytes each: two for where (from the
//       end of the first line on), and what is put there. The sum is made after them. Then a client offers the
//       sessions.
// Oracles: an error is invalid_option and adds nothing; what was read is written and read again as the same bytes, none
// of it expired; a session of any content ends in a connection whose peer was verified, or in an error.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/hash/hash.hpp"
#include "core/tls/client.hpp"
#include "core/tls/session_cache.hpp"
#include "fuzz/support/certificates.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"an error", "sessions", "no session", "resumed", "not resumed", "expired"});

constexpr std::string_view kLine = "sluice TLS sessions 1\n";
constexpr std::size_t kRealSessions = 3;  // one of TLS 1.2, two of TLS 1.3
constexpr TlsVersion kVersions[] = {TlsVersion::tls1_2, TlsVersion::tls1_3};

sim::TlsServerContext& server_of(TlsVersion version) {
  static sim::TlsServerContext old = make_server_context(TlsVersion::tls1_2);
  static sim::TlsServerContext current = make_server_context(TlsVersion::tls1_3);
  return version == TlsVersion::tls1_2 ? old : current;
}

// A whole connection. Whether a session was resumed.
bool visit(TlsVersion version, tls::SessionCache& sessions) {
  tls::ClientParams params;
  params.config = trusting_config();
  params.host = "example.org";
  params.sessions = &sessions;
  params.session_key = version == TlsVersion::tls1_2 ? "old" : "current";
  auto made = tls::make_client(std::move(params));
  FUZZ_CHECK(made.has_value());
  tls::ClientLayer& client = **made;
  sim::TlsServer server(server_of(version));
  const Now now{{}, kNoon};
  std::vector<std::uint8_t> wire, space(64 * 1024);
  Pump pump = client.start(wire, now);
  bool answered = false;
  while (pump != Pump::failed) {
    server.feed(std::exchange(wire, {}));
    if (server.handshake_done() && !std::exchange(answered, true)) FUZZ_CHECK(server.write(as_bytes("x")));
    const std::vector<std::uint8_t> flight = std::exchange(server.output(), {});
    if (flight.empty()) break;
    Bytes in(flight);
    MutableBytes out(space);
    pump = client.decode(in, out, wire, now);
  }
  FUZZ_CHECK(pump != Pump::failed || client.error().code == Code::tls_handshake ||
             client.error().code == Code::tls_certificate);
  FUZZ_CHECK(client.established() == client.verified() || pump == Pump::failed);
  FUZZ_CHECK(client.established() || pump == Pump::failed);
  return client.resumed();
}

const std::string& real_store() {
  static const std::string bytes = [] {
    tls::SessionCache sessions;
    for (const TlsVersion version : kVersions) visit(version, sessions);
    FUZZ_CHECK(sessions.size() == kRealSessions);
    return sessions.export_sessions(kNoon);
  }();
  return bytes;
}

std::string with_sum(std::string bytes) {
  const hash::Sha256 sum = hash::sha256(bytes);
  return bytes.append(as_text(Bytes(sum)));
}

void check(const std::string& bytes, bool offers) {
  tls::SessionCache sessions;
  const auto added = sessions.import_sessions(bytes, kNoon);
  if (!added) {
    FUZZ_CHECK(added.error().code == Code::invalid_option && sessions.size() == 0);
    FUZZ_CHECK(added.error().context.size() < 100);
    saw("an error");
    last_verdict = verdict_of("refused", added.error().code);
    return;
  }
  FUZZ_CHECK(sessions.size() <= *added && *added <= limits::kMaxTlsSessions);
  saw(*added == 0 ? "no session" : "sessions");
  if (offers && *added < kRealSessions) saw("expired");
  last_verdict = *added == 0 ? "none" : "read";
  const std::string again = sessions.export_sessions(kNoon);
  tls::SessionCache second;
  FUZZ_CHECK(second.import_sessions(again, kNoon) == sessions.size() && second.size() == sessions.size());
  FUZZ_CHECK(second.export_sessions(kNoon) == again);
  if (!offers) return;
  for (const TlsVersion version : kVersions) saw(visit(version, sessions) ? "resumed" : "not resumed");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  const char kind = static_cast<char>(input.byte());
  if (kind == 'r') {
    check(std::string(input.rest()), false);
  } else if (kind == 's') {
    check(with_sum(std::string(kLine).append(input.rest())), false);
  } else if (kind == 'e') {
    std::string bytes = real_store().substr(0, real_store().size() - sizeof(sluice::hash::Sha256));
    while (!input.spent()) {
      const std::size_t where = kLine.size() + input.below(std::size_t{1} << 16) % (bytes.size() - kLine.size());
      bytes[where] = static_cast<char>(input.byte());
    }
    check(with_sum(std::move(bytes)), true);
  }
  return 0;
}
