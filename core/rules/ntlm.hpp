// The messages of NTLM (MS-NLMP), as a client sends and reads them: NTLMv2 alone, in Unicode, without a session key of
// its own. Pure functions over bytes. Leaves to others: base64 and the fields of HTTP (MS-NTHT; core/flow), the
// connection that the messages must share, time and random numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/hash/hash.hpp"
#include "core/types.hpp"

namespace sluice::rules {

// Of a challenge, in bytes. Those of Windows have some hundred.
inline constexpr std::size_t kMaxNtlmMessage = 16 * 1024;
// Of user, domain and password each, in UTF-16 code units.
inline constexpr std::size_t kMaxNtlmText = 1024;

// The NEGOTIATE_MESSAGE (type 1; MS-NLMP 2.2.1.1): the same for everybody. Throws std::bad_alloc.
std::string ntlm_negotiate();

// The CHALLENGE_MESSAGE (type 2; MS-NLMP 2.2.1.2), as far as it is needed. Owns its bytes.
struct NtlmChallenge {
  std::string message = {};  // all of it: the MIC covers it
  std::uint32_t flags = 0;
  std::array<std::uint8_t, 8> server_challenge = {};
  std::string target_info = {};                 // AV_PAIRs (2.2.2.1) without the last one, MsvAvEOL
  std::optional<std::uint64_t> timestamp = {};  // MsvAvTimestamp, as filetime_of()

  friend bool operator==(const NtlmChallenge&, const NtlmChallenge&) = default;
};

// Error: why the message cannot be answered, as the end of a sentence that begins with "an NTLM challenge": "is too
// short". Static text. Throws std::bad_alloc.
std::expected<NtlmChallenge, std::string_view> parse_ntlm_challenge(std::string_view message);

// 100-nanosecond units since 1601 (MS-DTYP 2.3.3).
std::uint64_t filetime_of(UnixSeconds time);

// What a challenge is answered with. Views, which must live during the call.
struct NtlmUse {
  std::string_view user = {};  // UTF-8: "user", "DOMAIN\user", "DOMAIN/user", or "user@realm", which has no domain
  std::string_view password = {};
  std::uint64_t filetime = 0;                         // now; used if the challenge has no timestamp
  std::array<std::uint8_t, 8> client_challenge = {};  // random
};

// What the AUTHENTICATE_MESSAGE proves (MS-NLMP 3.3.2). For tests.
struct NtlmProof {
  std::string lm_response = {};
  std::string nt_response = {};
  hash::Md5 session_base_key = {};
};
// Errors: as ntlm_authenticate(). Throws std::bad_alloc.
Result<NtlmProof> ntlm_proof(const NtlmChallenge& challenge, const NtlmUse& use);

// The AUTHENTICATE_MESSAGE (type 3; MS-NLMP 2.2.1.3). With a timestamp in the challenge it has a MIC, and no LM
// response (3.1.5.1.2). Errors: invalid_request (user or password is not UTF-8, or too long). No error shows them.
// Throws std::bad_alloc.
Result<std::string> ntlm_authenticate(const NtlmChallenge& challenge, const NtlmUse& use);

}  // namespace sluice::rules
