// See ntlm.hpp. Numbers of sections are of MS-NLMP. All numbers in messages are little-endian.
#include "core/rules/ntlm.hpp"

#include <algorithm>
#include <utility>

#include "core/base/utf8.hpp"

namespace sluice::rules {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "NTLMSSP\0"sv;

// 2.2.2.5
constexpr std::uint32_t kUnicode = 0x1, kRequestTarget = 0x4, kNtlm = 0x200, kAlwaysSign = 0x8000,
                        kExtendedSecurity = 0x8'0000, kTargetInfo = 0x80'0000;
constexpr std::uint32_t kOurFlags = kUnicode | kRequestTarget | kNtlm | kAlwaysSign | kExtendedSecurity | kTargetInfo;

// 2.2.2.1
constexpr std::uint16_t kAvEnd = 0, kAvFlags = 6, kAvTimestamp = 7;
constexpr std::uint32_t kHasMic = 0x2;

// Instead of the computer's name, which servers do not need to know. curl sends the same.
constexpr std::string_view kWorkstation = "WORKSTATION";

// The least significant byte first. The bytes must be there.
std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i - 1]);
  return value;
}

void add_number(std::string& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::string zeros(std::size_t size) { return std::string(size, '\0'); }

void add_bytes(std::string& out, Bytes bytes) { out += as_text(bytes); }

// ---- text ----

// As Windows turns a name into upper case: Latin, Greek and Cyrillic letters whose two forms are one UTF-16 code unit.
char32_t upper_case(char32_t c) {
  struct Row {
    char32_t first, last;
    char32_t less;     // how much smaller the upper-case letter is
    bool every_other;  // only the first, the third, ...
  };
  static constexpr Row kRows[] = {
      {'a', 'z', 32, false},     {0xe0, 0xf6, 32, false},   {0xf8, 0xfe, 32, false},   {0x101, 0x12f, 1, true},
      {0x133, 0x137, 1, true},   {0x13a, 0x148, 1, true},   {0x14b, 0x177, 1, true},   {0x17a, 0x17e, 1, true},
      {0x3ac, 0x3ac, 38, false}, {0x3ad, 0x3af, 37, false}, {0x3b1, 0x3c1, 32, false}, {0x3c3, 0x3cb, 32, false},
      {0x3cc, 0x3cc, 64, false}, {0x3cd, 0x3ce, 63, false}, {0x430, 0x44f, 32, false}, {0x450, 0x45f, 80, false},
      {0x461, 0x481, 1, true},   {0x48b, 0x4bf, 1, true},
  };
  if (c == 0xff) return 0x178;
  for (const Row& row : kRows) {
    if (c >= row.first && c <= row.last && (!row.every_other || (c - row.first) % 2 == 0)) return c - row.less;
  }
  return c;
}

// UTF-16LE. `what` names the text in errors.
Result<std::string> utf16(std::string_view text, std::string_view what, bool upper = false) {
  std::string out;
  while (!text.empty()) {
    const auto taken = take_utf8(text);
    if (!taken) {
      return std::unexpected(
          make_error(Code::invalid_request, "NTLM: the " + std::string(what) + " is not valid UTF-8"));
    }
    const char32_t c = upper ? upper_case(*taken) : *taken;
    if (c < 0x1'0000) {
      add_number(out, c, 2);
    } else {  // a surrogate pair (RFC 2781 2.1)
      add_number(out, 0xd800 + ((c - 0x1'0000) >> 10), 2);
      add_number(out, 0xdc00 + ((c - 0x1'0000) & 0x3ff), 2);
    }
    if (out.size() > 2 * kMaxNtlmText) {
      return std::unexpected(make_error(Code::invalid_request, "NTLM: the " + std::string(what) + " has more than " +
                                                                   std::to_string(kMaxNtlmText) + " characters"));
    }
  }
  return out;
}

// The domain and the user of "DOMAIN\user" or "DOMAIN/user".
std::pair<std::string_view, std::string_view> domain_and_user(std::string_view text) {
  const std::size_t at = text.find_first_of("\\/");
  if (at == std::string_view::npos) return {{}, text};
  return {text.substr(0, at), text.substr(at + 1)};
}

// ---- the challenge ----

// The bytes of a field: length, greatest length and offset are at `at`, which must be there. nullopt: they are not all
// in the message.
std::optional<std::string_view> field_at(std::string_view message, std::size_t at) {
  const std::uint64_t size = number_at(message, at, 2), offset = number_at(message, at + 4, 4);
  if (size == 0) return std::string_view();
  if (offset > message.size() || size > message.size() - offset) return std::nullopt;
  return message.substr(offset, size);
}

// False: it is not a list of AV_PAIRs with an end.
bool take_target_info(NtlmChallenge& challenge, std::string_view list) {
  for (std::size_t at = 0; list.size() - at >= 4;) {
    const auto id = static_cast<std::uint16_t>(number_at(list, at, 2));
    const std::uint64_t size = number_at(list, at + 2, 2);
    if (id == kAvEnd) {
      challenge.target_info = list.substr(0, at);
      return true;
    }
    at += 4;
    if (size > list.size() - at) return false;
    if (id == kAvTimestamp && size == 8) challenge.timestamp = number_at(list, at, 8);
    if ((id == kAvTimestamp && size != 8) || (id == kAvFlags && size != 4)) return false;
    at += size;
  }
  return list.empty();
}

// The AV_PAIRs of the answer: those of the challenge, and that there is a MIC (3.1.5.1.2).
std::string answered_target_info(const NtlmChallenge& challenge) {
  std::string list = challenge.target_info;
  if (challenge.timestamp) {
    bool has_flags = false;
    for (std::size_t at = 0; at < list.size(); at += 4 + number_at(list, at + 2, 2)) {
      if (number_at(list, at, 2) != kAvFlags) continue;
      list[at + 4] = static_cast<char>(list[at + 4] | static_cast<char>(kHasMic));
      has_flags = true;
    }
    if (!has_flags) {
      add_number(list, kAvFlags, 2);
      add_number(list, 4, 2);
      add_number(list, kHasMic, 4);
    }
  }
  add_number(list, kAvEnd, 4);
  return list;
}

// ---- messages ----

// A message of fixed fields, and their bytes after these.
class Message {
 public:
  // `fixed` is the size of what comes before the fields' bytes.
  Message(std::uint32_t type, std::size_t fixed) : fixed_(fixed) {
    head_ = kSignature;
    add_number(head_, type, 4);
  }
  // The sizes have been checked: a field has at most kMaxNtlmMessage bytes and some more.
  void add_field(std::string_view bytes) {
    add_number(head_, bytes.size(), 2);
    add_number(head_, bytes.size(), 2);
    add_number(head_, fixed_ + payload_.size(), 4);
    payload_ += bytes;
  }
  void add_fixed(std::uint64_t value, std::size_t size) { add_number(head_, value, size); }
  std::string take() && {
    head_.resize(fixed_);
    return std::move(head_) + payload_;
  }

 private:
  std::size_t fixed_;
  std::string head_, payload_;
};

// In the AUTHENTICATE_MESSAGE the MIC follows the version, which is not given.
constexpr std::size_t kMicAt = 72, kMicBytes = 16;

}  // namespace

std::string ntlm_negotiate() {
  Message message(1, 32);
  message.add_fixed(kOurFlags, 4);
  message.add_field({});  // no domain
  message.add_field({});  // no workstation
  return std::move(message).take();
}

std::expected<NtlmChallenge, std::string_view> parse_ntlm_challenge(std::string_view message) {
  constexpr std::size_t kShortest = 32, kWithTargetInfo = 48;
  if (message.size() > kMaxNtlmMessage) return std::unexpected("is too long");
  if (message.size() < kShortest) return std::unexpected("is too short");
  if (!message.starts_with(kSignature) || number_at(message, 8, 4) != 2) return std::unexpected("is none");
  NtlmChallenge challenge;
  challenge.flags = static_cast<std::uint32_t>(number_at(message, 20, 4));
  if ((challenge.flags & kUnicode) == 0) return std::unexpected("does not take Unicode");
  for (std::size_t i = 0; i < challenge.server_challenge.size(); ++i) {
    challenge.server_challenge[i] = static_cast<std::uint8_t>(message[24 + i]);
  }
  if ((challenge.flags & kTargetInfo) != 0) {
    if (message.size() < kWithTargetInfo) return std::unexpected("is too short");
    const auto list = field_at(message, 40);
    if (!list) return std::unexpected("has target information beyond its end");
    if (!take_target_info(challenge, *list)) return std::unexpected("has target information that cannot be read");
  }
  challenge.message = message;
  return challenge;
}

std::uint64_t filetime_of(UnixSeconds time) {
  constexpr std::int64_t kSecondsTo1970 = 11'644'473'600;
  constexpr std::int64_t kMost = 1'000'000'000'000;  // in the year 33658
  if (time < -kSecondsTo1970) return 0;
  return static_cast<std::uint64_t>(std::min<std::int64_t>(time, kMost) + kSecondsTo1970) * 10'000'000;
}

Result<NtlmProof> ntlm_proof(const NtlmChallenge& challenge, const NtlmUse& use) {
  const auto [domain, user] = domain_and_user(use.user);
  const auto password = utf16(use.password, "password");
  if (!password) return std::unexpected(password.error());
  const auto upper_user = utf16(user, "user", true);
  if (!upper_user) return std::unexpected(upper_user.error());
  const auto realm = utf16(domain, "domain");
  if (!realm) return std::unexpected(realm.error());
  // NTOWFv2 (3.3.2)
  const hash::Md5 key = hash::hmac_md5(hash::md4(*password), *upper_user + *realm);

  std::string server;
  add_bytes(server, challenge.server_challenge);
  std::string client;
  add_bytes(client, use.client_challenge);
  std::string temp("\1\1\0\0\0\0\0\0"sv);  // NTLMv2_CLIENT_CHALLENGE (2.2.2.7)
  add_number(temp, challenge.timestamp.value_or(use.filetime), 8);
  temp += client + zeros(4) + answered_target_info(challenge) + zeros(4);

  NtlmProof proof;
  const hash::Md5 nt = hash::hmac_md5(key, server + temp);
  add_bytes(proof.nt_response, nt);
  proof.nt_response += temp;
  if (challenge.timestamp) {
    proof.lm_response = zeros(24);
  } else {
    add_bytes(proof.lm_response, hash::hmac_md5(key, server + client));
    proof.lm_response += client;
  }
  proof.session_base_key = hash::hmac_md5(key, proof.nt_response.substr(0, nt.size()));
  return proof;
}

Result<std::string> ntlm_authenticate(const NtlmChallenge& challenge, const NtlmUse& use) {
  auto proof = ntlm_proof(challenge, use);
  if (!proof) return std::unexpected(std::move(proof.error()));
  const auto [domain_text, user_text] = domain_and_user(use.user);
  const auto domain = utf16(domain_text, "domain"), user = utf16(user_text, "user");
  if (!domain) return std::unexpected(domain.error());
  if (!user) return std::unexpected(user.error());
  Message message(3, kMicAt + (challenge.timestamp ? kMicBytes : 0));
  message.add_field(proof->lm_response);
  message.add_field(proof->nt_response);
  message.add_field(*domain);
  message.add_field(*user);
  message.add_field(utf16(kWorkstation, "workstation").value_or(""));
  message.add_field({});  // no session key: there is no KEY_EXCH
  message.add_fixed(challenge.flags & kOurFlags, 4);
  std::string text = std::move(message).take();
  if (challenge.timestamp) {
    // Over all three messages, the MIC of this one being zero.
    const hash::Md5 mic = hash::hmac_md5(proof->session_base_key, ntlm_negotiate() + challenge.message + text);
    text.replace(kMicAt, kMicBytes, as_text(mic));
  }
  return text;
}

}  // namespace sluice::rules
