// TLS sessions as bytes, for a later process: SessionCache::export_sessions() and import_sessions(). Leaves files to
// the caller. The form: a line with its version; for each session the SHA-256 of its key, two times (8 bytes each),
// whether it is for one use (1), and its size (4) with what BoringSSL makes of it; at the end the SHA-256 of all that.
// Numbers are in network order. Sessions of the key that was not used for the longest time come first.
#include <openssl/bytestring.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/hash/hash.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/session_cache.hpp"

namespace sluice::tls {
namespace {

constexpr std::string_view kFormat = "sluice TLS sessions 1\n";
constexpr std::size_t kMaxSessionBytes = 64 * 1024;  // with the certificates of its server

void append_number(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::unexpected<Error> unreadable(const char* why) {
  if (take_memory_failure()) return std::unexpected(make_error(Code::out_of_memory, {}));
  return std::unexpected(make_error(Code::invalid_option, std::string("TLS sessions: ") + why));
}

}  // namespace

std::string SessionCache::export_sessions(UnixSeconds wall) const {
  std::string out(kFormat);
  for (const Origin& origin : origins_) {
    for (const StoredSession& one : origin.sessions) {
      if (!one.portable || wall > one.usable_until) continue;
      std::uint8_t* bytes = nullptr;
      std::size_t size = 0;
      const bool made = SSL_SESSION_to_bytes(one.session.get(), &bytes, &size) != 0;
      const bssl::UniquePtr<std::uint8_t> owner(bytes);
      if (!made || size > kMaxSessionBytes) continue;
      out.append(as_text(Bytes(origin.key)));
      append_number(out, static_cast<std::uint64_t>(one.created), 8);
      append_number(out, static_cast<std::uint64_t>(one.usable_until), 8);
      append_number(out, one.single_use, 1);
      append_number(out, size, 4);
      out.append(as_text({bytes, size}));
    }
  }
  clear_errors();
  const hash::Sha256 sum = hash::sha256(out);
  return out.append(as_text(Bytes(sum)));
}

Result<std::size_t> SessionCache::import_sessions(std::string_view bytes, UnixSeconds wall) {
  return or_out_of_memory([&]() -> Result<std::size_t> {
    if (!bytes.starts_with(kFormat)) return unreadable("not in the form that this version writes");
    constexpr std::size_t kSumBytes = sizeof(hash::Sha256);
    if (bytes.size() < kFormat.size() + kSumBytes) return unreadable("cut short");
    const std::string_view body = bytes.substr(0, bytes.size() - kSumBytes);
    if (bytes.substr(body.size()) != as_text(Bytes(hash::sha256(body)))) return unreadable("changed, or cut short");
    const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
    if (!context) return std::unexpected(make_error(Code::out_of_memory, {}));
    CBS rest;
    CBS_init(&rest, as_bytes(body).data(), body.size());
    CBS_skip(&rest, kFormat.size());
    std::vector<std::pair<Key, StoredSession>> read;
    while (CBS_len(&rest) != 0) {
      Key key;
      std::uint64_t created = 0, until = 0;
      std::uint8_t single_use = 0;
      std::uint32_t size = 0;
      CBS session;
      if (!CBS_copy_bytes(&rest, key.data(), key.size()) || !CBS_get_u64(&rest, &created) ||
          !CBS_get_u64(&rest, &until) || !CBS_get_u8(&rest, &single_use) || !CBS_get_u32(&rest, &size) ||
          single_use > 1 || size > kMaxSessionBytes || !CBS_get_bytes(&rest, &session, size) || created > INT64_MAX ||
          until > INT64_MAX || read.size() >= limits::kMaxTlsSessions) {
        return unreadable("malformed");
      }
      SessionRef made(SSL_SESSION_from_bytes(CBS_data(&session), CBS_len(&session), context.get()));
      if (!made) return unreadable("malformed");
      const auto usable_until = static_cast<UnixSeconds>(until);
      if (wall > usable_until) continue;
      read.emplace_back(key, StoredSession{std::move(made), static_cast<UnixSeconds>(created), usable_until,
                                           single_use == 1, true, nullptr});
    }
    for (auto& [key, session] : read) put(key, std::move(session));
    return read.size();
  });
}

}  // namespace sluice::tls
