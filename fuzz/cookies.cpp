// Fuzzes core/cookies.hpp. Input: a program, one operation in each line; its first character is the operation (see
// Program::step). Oracles: no cookie reaches a foreign host, a plain request or another path; nothing breaks out of a
// Cookie field or a line of a file; the limits hold; a jar that is loaded from what another has saved holds the same;
// what an operation has stored is what a request carries.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/cookies.hpp"
#include "core/rules/cookie_date.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

[[maybe_unused]] const bool kMustBeSeen =
    must_be_seen({"taken", "refused", "removed", "sent", "sent below its domain", "sent to an address", "loaded",
                  "loaded with a URL", "not in a file", "left out of a field", "replaced", "expired", "added",
                  "50 of a response", "180 of a domain", "too long for a file"});

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return lowered(a) == lowered(b); });
}

// What is true of every cookie in a jar, at any time `now`.
void check_cookie(const Cookie& cookie, UnixSeconds now) {
  const std::string line = cookie.name + "=" + cookie.value;
  FUZZ_CHECK(!cookie.name.empty() || !cookie.value.empty());
  FUZZ_CHECK(cookie.name.size() + cookie.value.size() <= limits::kMaxCookieBytes);
  for (const char c : line + cookie.path) {
    const auto byte = static_cast<unsigned char>(c);
    FUZZ_CHECK_SAYING((byte >= 0x20 && byte != 0x7f) || byte == '\t', shown(line));
  }
  FUZZ_CHECK_SAYING(line.find(';') == std::string::npos && cookie.name.find('=') == std::string::npos, shown(line));
  FUZZ_CHECK(cookie.path.starts_with('/') && cookie.path.size() <= limits::kMaxCookieAttributeBytes);
  FUZZ_CHECK_SAYING(!cookie.domain.empty() && cookie.domain.find_first_of("/?#@[] \t") == std::string::npos,
                    shown(cookie.domain));
  FUZZ_CHECK(!cookie.domain.starts_with('.') && !cookie.domain.ends_with('.'));
  if (cookie.expires) FUZZ_CHECK(*cookie.expires > now && *cookie.expires <= now + limits::kMaxCookieAge);
  const bool is_top = cookie.domain.find_first_of(".:") == std::string::npos;
  FUZZ_CHECK_SAYING(cookie.host_only || !is_top, shown(cookie.domain));
  if (begins_with(cookie.name, "__Secure-")) FUZZ_CHECK(cookie.secure);
  if (begins_with(cookie.name, "__Host-")) FUZZ_CHECK(cookie.secure && cookie.host_only && cookie.path == "/");
  if (cookie.name.empty()) FUZZ_CHECK(!begins_with(cookie.value, "__Secure-") && !begins_with(cookie.value, "__Host-"));
  if (cookie.same_site == SameSite::none) FUZZ_CHECK(cookie.secure);
}

std::string host_of(const Url& url) {
  std::string host(url.host());
  if (host.ends_with('.')) host.pop_back();
  if (!url.zone().empty()) host.append("%").append(url.zone());
  return host;
}

// Whether a request may carry the cookie, straight from RFC 6265bis 5.8.
bool may_carry(const Url& url, const Cookie& cookie) {
  const std::string host = host_of(url), path(url.path());
  const bool below = url.host_kind() == HostKind::name && host.ends_with("." + cookie.domain);
  if (host != cookie.domain && (cookie.host_only || !below)) return false;
  if (cookie.secure && !url.is_tls()) return false;
  return path == cookie.path || path.starts_with(cookie.path.ends_with('/') ? cookie.path : cookie.path + "/");
}

std::string sent_form(const Cookie& cookie) {
  return cookie.name.empty() ? cookie.value : cookie.name + "=" + cookie.value;
}

class Program {
 public:
  void step(std::string_view line) {
    if (line.empty()) return;
    const char operation = line.front();
    line.remove_prefix(1);
    if (operation == '@') go_to(line);
    if (operation == '<') count_ += fields_.add_received("Set-Cookie", line).has_value() ? 1u : 0u;
    if (operation == '*') add_many(line);
    if (operation == '.') receive();
    if (operation == '>') send();
    if (operation == '+') add(line);
    if (operation == '-') remove(line);
    if (operation == 'f') file_.append(line).append("\n");
    if (operation == 'l') file_.append(line).append(limits::kMaxCookieLineBytes, 'x').append("\n");
    if (operation == 'F') load();
    if (operation == 't') pass(line);
    if (operation == 'x') end(line);
    if (std::string_view(".+-Ftx").find(operation) != std::string_view::npos) check();
  }
  void finish() {
    receive();
    send();
    load();
    check();
    save();
  }
  bool took() const { return took_; }
  bool refused() const { return refused_; }

 private:
  Now now() const { return {.steady = {}, .wall = wall_}; }
  void go_to(std::string_view text) {
    if (auto url = Url::parse(text)) url_ = *url;
  }
  void receive() {
    const std::vector<Cookie> before = jar_->cookies();
    const std::size_t taken = jar_->receive(url_, fields_, now());
    FUZZ_CHECK(taken <= count_ && taken <= limits::kMaxCookiesPerResponse);
    took(taken > 0);
    if (taken < count_) saw("refused");
    refused_ |= taken < count_;
    const std::vector<Cookie> after = jar_->cookies();
    if (after.size() < before.size()) saw("removed");
    if (taken > 0 && after.size() == before.size() && after != before) saw("replaced");
    for (const Cookie& cookie : after) {
      if (std::find(before.begin(), before.end(), cookie) != before.end()) continue;
      // It is new, so it is for this host or a parent of it.
      const std::string host = host_of(url_);
      FUZZ_CHECK_SAYING(host == cookie.domain || (!cookie.host_only && url_.host_kind() == HostKind::name &&
                                                  host.ends_with("." + cookie.domain)),
                        cookie.domain);
      FUZZ_CHECK(url_.is_tls() || !cookie.secure);
    }
    // No Secure cookie changes over http, unless there are too many.
    for (const Cookie& cookie : before) {
      if (url_.is_tls() || !cookie.secure || (cookie.expires && *cookie.expires <= wall_)) continue;
      if (before.size() < limits::kMaxCookiesPerDomain / 2)
        FUZZ_CHECK(std::find(after.begin(), after.end(), cookie) != after.end());
    }
    if (taken == limits::kMaxCookiesPerResponse) saw("50 of a response");
    if (after.size() >= limits::kMaxCookiesPerDomain)
      FUZZ_CHECK(most_of_a_domain(after) <= limits::kMaxCookiesPerDomain);
    fields_.clear();
    count_ = 0;
  }
  // Fields that set cookies of different names: as many as the first byte says.
  void add_many(std::string_view line) {
    if (line.empty()) return;
    for (int i = static_cast<unsigned char>(line.front()); i > 0; --i) {
      std::string name = std::to_string(i) + "n=";
      count_ += fields_.add_received("Set-Cookie", name.append(line.substr(1))).has_value() ? 1u : 0u;
    }
  }
  static std::size_t most_of_a_domain(const std::vector<Cookie>& cookies) {
    std::map<std::string_view, std::size_t> counts;
    std::size_t most = 0;
    for (const Cookie& cookie : cookies) most = std::max(most, ++counts[cookie.domain]);
    if (most == limits::kMaxCookiesPerDomain) saw("180 of a domain");
    return most;
  }

  void send() {
    jar_->remove_expired(now());
    const std::string field = jar_->header_for(url_, now());
    FUZZ_CHECK(field.size() + 8 <= limits::kMaxCookieFieldBytes);
    FUZZ_CHECK(is_field_value(field) || field.empty());
    std::vector<Cookie> wanted;
    for (const Cookie& cookie : jar_->cookies()) {
      if (may_carry(url_, cookie)) wanted.push_back(cookie);
    }
    // Of the same length in the order of creation, in which they are listed.
    std::vector<std::size_t> sizes;
    for (const Cookie& cookie : wanted) sizes.push_back(cookie.path.size());
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    std::string built;
    for (const std::size_t size : sizes) {
      for (const Cookie& cookie : wanted) {
        if (cookie.path.size() != size) continue;
        const std::string next = (built.empty() ? "" : "; ") + sent_form(cookie);
        if (built.size() + next.size() + 8 > limits::kMaxCookieFieldBytes) {
          saw("left out of a field");
          continue;
        }
        built += next;
        saw("sent");
        if (!cookie.host_only && cookie.domain != host_of(url_)) saw("sent below its domain");
        if (url_.host_kind() != HostKind::name) saw("sent to an address");
      }
    }
    FUZZ_CHECK_SAYING(built == field, shown(built) + " is not " + shown(field));
  }

  // Fields between commas, as many as there are.
  void add(std::string_view line) {
    Cookie cookie;
    const auto next = [&] {
      const std::size_t end = std::min(line.find(','), line.size());
      const std::string_view part = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      return std::string(part);
    };
    cookie.domain = next();
    cookie.name = next();
    cookie.value = next();
    const std::string flags = next();
    cookie.secure = flags.find('s') != std::string::npos;
    cookie.host_only = flags.find('d') == std::string::npos;
    if (flags.find('e') != std::string::npos) cookie.expires = wall_ + static_cast<UnixSeconds>(flags.size());
    if (!line.empty()) cookie.path = line;
    const std::string value = cookie.value;
    const auto added = jar_->add(std::move(cookie), now());
    took(added.has_value());
    refused_ |= !added;
    if (added) {
      saw("added");
    } else {
      FUZZ_CHECK(added.error().code == Code::invalid_option);
      FUZZ_CHECK(value.size() < 12 || added.error().message().find(value) == std::string::npos);
    }
  }
  void remove(std::string_view line) {
    const std::size_t first = std::min(line.find(','), line.size());
    const std::size_t second = std::min(line.find(',', first + 1), line.size());
    const std::string_view domain = line.substr(0, first);
    const std::string_view path = line.substr(std::min(first + 1, second), second - std::min(first + 1, second));
    const std::string_view name = line.substr(std::min(second + 1, line.size()));
    const std::size_t before = jar_->size(), removed = jar_->remove(domain, path, name);
    FUZZ_CHECK(removed <= 2 && jar_->size() == before - removed && jar_->remove(domain, path, name) == 0);
  }

  void load() {
    if (file_.size() > limits::kMaxCookieLineBytes) saw("too long for a file");
    const auto lines = static_cast<std::size_t>(std::count(file_.begin(), file_.end(), '\n'));
    // With a URL and without one; the jar takes the first.
    const auto other = CookieJar::create();
    const CookieFileReport with_url = jar_->load(file_, now(), url_), without = other->load(file_, now());
    for (const CookieFileReport& report : {with_url, without})
      FUZZ_CHECK(report.taken + report.refused + report.unknown <= lines);
    FUZZ_CHECK(with_url.unknown == without.unknown);
    took(with_url.taken > 0);
    refused_ |= with_url.refused > 0;
    if (without.taken > 0) saw("loaded");
    if (with_url.taken > without.taken) saw("loaded with a URL");
    for (const Cookie& cookie : other->cookies()) check_cookie(cookie, wall_);
    file_.clear();
  }
  void pass(std::string_view line) {
    const std::size_t before = jar_->size();
    wall_ += static_cast<UnixSeconds>(line.size()) * 1'000;
    if (line.starts_with('d')) wall_ = std::max(wall_, rules::parse_cookie_date(line.substr(1)).value_or(wall_));
    jar_->remove_expired(now());
    if (jar_->size() < before) saw("expired");
  }
  void end(std::string_view line) {
    if (line == "all") jar_->clear();
    jar_->end_session();
    for (const Cookie& cookie : jar_->cookies()) FUZZ_CHECK(cookie.expires && line != "all");
  }

  // A file gives back all that it can hold, in its order.
  void save() {
    const std::string text = jar_->save(now());
    const auto other = CookieJar::create();
    const CookieFileReport report = other->load(text, now());
    std::vector<Cookie> wanted;
    for (Cookie cookie : jar_->cookies()) {
      const bool fits = (cookie.name + cookie.value + cookie.path).find('\t') == std::string::npos;
      if (!fits) saw("not in a file");
      cookie.same_site = SameSite::unspecified;
      if (fits) wanted.push_back(std::move(cookie));
    }
    FUZZ_CHECK_SAYING(report == (CookieFileReport{.taken = wanted.size(), .refused = 0, .unknown = 0}), shown(text));
    FUZZ_CHECK_SAYING(other->cookies() == wanted && other->save(now()) == text, shown(text));
  }
  void check() {
    jar_->remove_expired(now());
    const std::vector<Cookie> cookies = jar_->cookies();
    FUZZ_CHECK(cookies.size() == jar_->size() && cookies.size() <= limits::kMaxCookies);
    std::set<std::tuple<std::string_view, bool, std::string_view, std::string_view>> identities;
    for (const Cookie& cookie : cookies) {
      check_cookie(cookie, wall_);
      FUZZ_CHECK(identities.emplace(cookie.domain, cookie.host_only, cookie.path, cookie.name).second);
    }
  }
  void took(bool any) {
    took_ |= any;
    if (any) saw("taken");
  }

  std::shared_ptr<CookieJar> jar_ = CookieJar::create();
  Url url_ = Url::parse("http://www.example.org/a/b").value();
  Fields fields_;
  std::size_t count_ = 0;  // of them
  std::string file_;
  UnixSeconds wall_ = 1'700'000'000;
  bool took_ = false, refused_ = false;
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  Program program;
  for (int steps = 0; steps < 150 && !input.spent(); ++steps) program.step(input.up_to('\n'));
  program.finish();
  last_verdict = program.took() ? (program.refused() ? "some" : "taken") : program.refused() ? "refused" : "none";
  return 0;
}
