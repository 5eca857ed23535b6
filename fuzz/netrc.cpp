// Fuzzes core/netrc.hpp. Input: a line with a host, one with a login ("": any), then the text of the file. Oracles: a
// password that comes out is a token of the text, and of the login that was wanted; an entry of another host before the
// text changes nothing, nor does one after the entry that was found; an entry written in quotes is found as it was
// written; no error shows the text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/netrc.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"found", "not found", "an error", "a login alone", "a password alone"});

using Found = Result<std::optional<NetrcEntry>>;

bool are_same(const Found& a, const Found& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  if (!*a || !*b) return a->has_value() == b->has_value();
  return (*a)->login == (*b)->login && (*a)->password == (*b)->password;
}

std::string quoted(std::string_view token) {
  std::string out = "\"";
  for (const char c : token) {
    const std::size_t at = std::string_view("\"\\\n\r\t").find(c);
    out += at == std::string_view::npos ? std::string(1, c) : std::string("\\") + "\"\\nrt"[at];
  }
  return out + '"';
}

// With what does not count.
std::string entry(std::string_view host, std::string_view login, std::string_view password) {
  return "machine " + quoted(host) + " # login x\n login " + quoted(login) + " account x password " + quoted(password) +
         " password x\n";
}

// Whether it stands between blanks.
bool is_token_of(std::string_view text, std::string_view token) {
  const auto is_blank = [&](std::size_t at) {
    return at >= text.size() || std::string_view(" \t\r\n").find(text[at]) != text.npos;
  };
  for (auto at = text.find(token); at != text.npos; at = text.find(token, at + 1)) {
    if (is_blank(at - 1) && is_blank(at + token.size())) return true;
  }
  return false;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string host(input.up_to('\n')), login(input.up_to('\n')), text(input.rest());
  if (host.size() + login.size() >= kMaxNetrcTokenBytes || text.size() > kMaxNetrcBytes / 2) return 0;
  const auto wanted = login.empty() ? std::nullopt : std::optional<std::string_view>(login);
  const auto found = find_in_netrc(text, host, wanted);

  const std::string secret = text.substr(0, kMaxNetrcTokenBytes);
  const auto own = find_in_netrc(fuzz::entry(host, login, secret) + "machine " + text, host, wanted);
  FUZZ_CHECK_SAYING(own && *own && (*own)->login == login && (*own)->password == secret, fuzz::shown(secret));
  const auto after_other = find_in_netrc(fuzz::entry(host + "x", login, secret) + text, host, wanted);
  FUZZ_CHECK_SAYING(fuzz::are_same(found, after_other), fuzz::shown(text));
  if (!found) {
    const std::string message = found.error().message();
    FUZZ_CHECK_SAYING(found.error().code == Code::invalid_option && message.size() < 100, fuzz::shown(message));
    fuzz::saw("an error");
    fuzz::last_verdict = "refused";
    return 0;
  }
  fuzz::saw(*found ? "found" : "not found");
  fuzz::last_verdict = *found ? "found" : "not-found";
  if (!*found) return 0;
  const auto& [user, password] = **found;
  if (user.empty()) fuzz::saw("a password alone");
  if (password.empty()) fuzz::saw("a login alone");
  FUZZ_CHECK(user.size() <= kMaxNetrcTokenBytes && password.size() <= kMaxNetrcTokenBytes);
  FUZZ_CHECK_SAYING(!wanted || user == *wanted, fuzz::shown(user));
  if (text.find('"') == text.npos) {
    for (const std::string& token : {user, password})
      FUZZ_CHECK_SAYING(token.empty() || fuzz::is_token_of(text, token), fuzz::shown(token));
  }
  const auto before_other = find_in_netrc(text + "\n" + fuzz::entry(host, login, "x"), host, wanted);
  FUZZ_CHECK_SAYING(fuzz::are_same(found, before_other), fuzz::shown(text));
  return 0;
}
