// core/rules/ntlm: the worked example of MS-NLMP 4.2.4, messages that are cut short or changed, and what a server that
// asks for a MIC gets. The values of the cases beyond the example were made by Python's hashlib and hmac, and Samba's
// ntlm_auth takes such messages (tests/integration/cli_ntlm_test.cpp).
#include "core/rules/ntlm.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/ascii.hpp"
#include "core/base/random.hpp"

using namespace sluice;
using rules::NtlmChallenge;
using rules::NtlmUse;
using rules::parse_ntlm_challenge;

namespace {

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(hex_value(digits[i]) * 16 + hex_value(digits[i + 1]));
  }
  return bytes;
}
std::string hex(std::string_view bytes) { return hash::to_hex(as_bytes(bytes)); }

// MS-NLMP 4.2.4.3, the CHALLENGE_MESSAGE.
const std::string kExample = from_hex(
    "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef"
    "00000000000000002400240044000000060070170000000f"
    "530065007200760065007200"
    "02000c0044006f006d00610069006e0001000c005300650072007600650072000000"
    "0000");
constexpr std::string_view kExampleInfo = "02000c0044006f006d00610069006e0001000c00530065007200760065007200";

constexpr NtlmUse kUser = {.user = "Domain\\User",
                           .password = "Password",
                           .filetime = 0,
                           .client_challenge = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}};

NtlmChallenge ntlm_in(std::string_view message) {
  const auto challenge = parse_ntlm_challenge(message);
  REQUIRE(challenge);
  return *challenge;
}

// The example with other AV_PAIRs, the last one included.
std::string with_info(std::string_view list) {
  std::string message = kExample.substr(0, 68) + std::string(list);
  message[40] = message[42] = static_cast<char>(list.size());
  return message;
}

std::string flaw(std::string_view message) {
  const auto challenge = parse_ntlm_challenge(message);
  return challenge ? "" : std::string(challenge.error());
}

std::string nt_response(std::string_view user, std::string_view password) {
  NtlmUse use = kUser;
  use.user = user;
  use.password = password;
  const auto proof = rules::ntlm_proof(ntlm_in(kExample), use);
  return proof ? hex(proof->nt_response.substr(0, 16)) : proof.error().message();
}

// A field of an AUTHENTICATE_MESSAGE.
std::string field(std::string_view message, std::size_t at) {
  const auto number = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(message[i])}; };
  const std::size_t size = number(at) + 256 * number(at + 1), offset = number(at + 4) + 256 * number(at + 5);
  return std::string(message.substr(offset, size));
}

}  // namespace

TEST_CASE("ntlm: the first message is the same for everybody") {
  CHECK(hex(rules::ntlm_negotiate()) ==
        "4e544c4d535350000100000005828800"
        "00000000200000000000000020000000");
}

TEST_CASE("ntlm: the example of MS-NLMP 4.2.4") {
  const NtlmChallenge challenge = ntlm_in(kExample);
  CHECK(challenge.flags == 0xe28a8233);
  CHECK(hash::to_hex(challenge.server_challenge) == "0123456789abcdef");
  CHECK(hex(challenge.target_info) == kExampleInfo);
  CHECK_FALSE(challenge.timestamp);
  const auto proof = rules::ntlm_proof(challenge, kUser);
  REQUIRE(proof);
  CHECK(hash::to_hex(proof->session_base_key) == "8de40ccadbc14a82f15cb0ad0de95ca3");
  CHECK(hex(proof->lm_response) == "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  CHECK(hex(proof->nt_response) ==
        "68cd0ab851e51c96aabc927bebef6a1c"
        "01010000000000000000000000000000"
        "aaaaaaaaaaaaaaaa"
        "00000000" +
            std::string(kExampleInfo) +
            "00000000"
            "00000000");
}

TEST_CASE("ntlm: the answer says who it is, and has what the example has") {
  const auto message = rules::ntlm_authenticate(ntlm_in(kExample), kUser);
  REQUIRE(message);
  CHECK(hex(message->substr(0, 12)) == "4e544c4d5353500003000000");
  const auto proof = rules::ntlm_proof(ntlm_in(kExample), kUser);
  CHECK(field(*message, 12) == proof->lm_response);
  CHECK(field(*message, 20) == proof->nt_response);
  CHECK(hex(field(*message, 28)) == "44006f006d00610069006e00");
  CHECK(hex(field(*message, 36)) == "5500730065007200");
  CHECK(hex(field(*message, 44)) == "57004f0052004b00530054004100540049004f004e00");
  CHECK(field(*message, 52).empty());
  CHECK(hex(message->substr(60, 4)) == "01828800");  // what both can, and without a key exchange
  CHECK(hex(message->substr(64, 8)) == "0000000000000000");
  CHECK(message->size() == 72 + 24 + 84 + 12 + 8 + 22);
}

TEST_CASE("ntlm: a challenge with a timestamp gets that time, a MIC, and no LM response") {
  const std::string time = from_hex("0700080000c0a1b2c3d4e501");
  for (const auto& [flags, rest] : {std::pair("",
                                              "06000400"
                                              "02000000"),
                                    std::pair("0600040001000000", "")}) {
    const std::string flags_bytes = from_hex(flags);
    const std::string list = from_hex(kExampleInfo) + flags_bytes + time;
    const std::string challenge = with_info(list + from_hex("00000000"));
    NtlmUse use = kUser;
    use.filetime = 17;  // not used
    const auto message = rules::ntlm_authenticate(ntlm_in(challenge), use);
    REQUIRE(message);
    CHECK(field(*message, 12) == std::string(24, '\0'));
    std::string answered = hex(list + from_hex(rest));
    if (!flags_bytes.empty()) answered.replace(answered.find("0600040001"), 10, "0600040003");
    const std::string response = field(*message, 20);
    CHECK(hex(response.substr(16)) ==
          "010100000000000000c0a1b2c3d4e501"
          "aaaaaaaaaaaaaaaa"
          "00000000" +
              answered + "0000000000000000");
    std::string without_mic = *message;
    without_mic.replace(72, 16, 16, '\0');
    const auto key = rules::ntlm_proof(ntlm_in(challenge), use)->session_base_key;
    const auto mic = hash::hmac_md5(key, rules::ntlm_negotiate() + challenge + without_mic);
    CHECK(message->substr(72, 16) == as_text(mic));
    CHECK(field(*message, 36).size() == 8);
  }
}

TEST_CASE("ntlm: users with and without a domain, and characters beyond ASCII") {
  const std::string example = "68cd0ab851e51c96aabc927bebef6a1c";
  CHECK(nt_response("Domain\\User", "Password") == example);
  CHECK(nt_response("Domain/User", "Password") == example);
  CHECK(nt_response("Domain\\uSER", "Password") == example);  // the user's case does not count
  CHECK(nt_response("DOMAIN\\User", "Password") != example);  // the domain's does
  CHECK(nt_response("Domain\\User", "password") != example);
  CHECK(nt_response("User", "Password") == "3931ef309dd2eeab04a6200c242d1759");
  CHECK(nt_response("user@Domain", "Password") == "7fc50b66384a3a116672921f2455aa3d");
  CHECK(nt_response("D\\J\xc3\xbcrgen", "p\xc3\xa4ss\xf0\x9f\x94\x91") == "9e68c2ab9ffce0e5acac971dee448a8d");
  CHECK(nt_response("D\\J\xc3\x9cRGEN", "p\xc3\xa4ss\xf0\x9f\x94\x91") == "9e68c2ab9ffce0e5acac971dee448a8d");
  CHECK(nt_response("D\\\xd0\xb6\xd1\x91\xce\xac\xc4\x8d\xc3\xbf", "x") ==
        nt_response("D\\\xd0\x96\xd0\x81\xce\x86\xc4\x8c\xc5\xb8", "x"));
  CHECK(nt_response("D\\\xc3\xb7\xc3\x9f", "x") != nt_response("D\\\xc3\x97\xc3\x9f", "x"));  // no letters
}

TEST_CASE("ntlm: what cannot be sent is an error without the text") {
  CHECK(nt_response("D\\\xff", "x") == "NTLM: the user is not valid UTF-8");
  CHECK(nt_response("D\xc3\\u", "x") == "NTLM: the domain is not valid UTF-8");
  CHECK(nt_response("u", "secret\xc3") == "NTLM: the password is not valid UTF-8");
  CHECK(nt_response("u", std::string(1025, 'x')) == "NTLM: the password has more than 1024 characters");
  CHECK(nt_response(std::string(1024, 'x'), std::string(1024, 'x')).size() == 32);
  NtlmUse use = kUser;
  use.user = "\xff";
  CHECK(rules::ntlm_authenticate(ntlm_in(kExample), use).error().code == Code::invalid_request);
}

TEST_CASE("ntlm: challenges that are cut short, at each length") {
  for (std::size_t size = 0; size < kExample.size(); ++size) {
    CAPTURE(size);
    const std::string why = flaw(std::string_view(kExample).substr(0, size));
    CHECK(why == (size < 48 ? "is too short" : "has target information beyond its end"));
  }
  CHECK(flaw(kExample).empty());
  CHECK(flaw(kExample + "more").empty());
  const std::string list = from_hex(std::string(kExampleInfo) + "00000000");
  for (std::size_t size = 1; size < list.size(); ++size) {
    CAPTURE(size);
    CHECK(flaw(with_info(list.substr(0, size))) == "has target information that cannot be read");
  }
}

TEST_CASE("ntlm: challenges that say something else") {
  const auto changed = [](std::size_t at, std::string_view bytes) {
    std::string message = kExample;
    return message.replace(at, bytes.size(), bytes);
  };
  CHECK(flaw(changed(0, "X")) == "is none");
  CHECK(flaw(changed(8, "\1")) == "is none");
  CHECK(flaw(changed(8, "\3")) == "is none");
  CHECK(flaw(changed(20, "\x32")) == "does not take Unicode");
  CHECK(flaw(changed(44, "\xff\xff\xff\xff")) == "has target information beyond its end");
  CHECK(flaw(changed(44, std::string_view("\x45\0\0\0", 4))) == "has target information beyond its end");
  CHECK(flaw(changed(40, "\xff\xff")) == "has target information beyond its end");
  CHECK(flaw(with_info(from_hex("0700040000000000"
                                "00000000"))) == "has target information that cannot be read");
  CHECK(flaw(with_info(from_hex("06000200"
                                "0000"
                                "00000000"))) == "has target information that cannot be read");
  CHECK(flaw(with_info(from_hex("0100ffff"
                                "00000000"))) == "has target information that cannot be read");
  CHECK(flaw(std::string(rules::kMaxNtlmMessage + 1, 'x')) == "is too long");
  CHECK(flaw(kExample + std::string(rules::kMaxNtlmMessage - kExample.size(), 'x')).empty());
  // Without the flag there is no target information, and the message may end before it.
  std::string old = kExample.substr(0, 32);
  old[22] = '\x0a';
  CHECK(ntlm_in(old).target_info.empty());
  const auto proof = rules::ntlm_proof(ntlm_in(old), kUser);
  CHECK(hex(proof->nt_response.substr(16)) ==
        "01010000000000000000000000000000"
        "aaaaaaaaaaaaaaaa"
        "00000000"
        "00000000"
        "00000000");
  CHECK(ntlm_in(with_info("")).target_info.empty());
}

TEST_CASE("ntlm: times") {
  CHECK(rules::filetime_of(0) == 116'444'736'000'000'000);
  CHECK(rules::filetime_of(1) == 116'444'736'010'000'000);
  CHECK(rules::filetime_of(-11'644'473'600) == 0);
  CHECK(rules::filetime_of(-11'644'473'601) == 0);
  CHECK(rules::filetime_of(INT64_MAX) == 10'116'444'736'000'000'000U);
}

TEST_CASE("ntlm: random challenges are read or refused, and those that are read can be answered") {
  Random random(Seed{});
  const std::string rich = with_info(from_hex(std::string(kExampleInfo) + "0700080000c0a1b2c3d4e501"
                                                                          "060004000100000000000000"));
  std::size_t read = 0;
  for (int run = 0; run < 20'000; ++run) {
    std::string message = random.below(2) == 0 ? kExample : rich;
    for (std::uint64_t changes = random.below(6); changes > 0; --changes) {
      message[random.below(message.size())] = static_cast<char>(random.below(random.below(2) == 0 ? 8 : 256));
    }
    if (random.below(4) == 0) message.resize(random.below(message.size() + 8));
    const auto challenge = parse_ntlm_challenge(message);
    if (!challenge) continue;
    ++read;
    CHECK(challenge->target_info.size() < message.size());
    const auto answer = rules::ntlm_authenticate(*challenge, kUser);
    REQUIRE(answer);
    CHECK(field(*answer, 36).size() == 8);
    CHECK(field(*answer, 20).size() >= 16 + 28 + 8);
  }
  CHECK(read > 2'000);
}
