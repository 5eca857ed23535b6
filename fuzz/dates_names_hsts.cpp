// Fuzzes core/http_date.hpp, content_disposition.hpp and hsts.hpp. Input: the time, as a number in a line of its own;
// then lines whose first character says what follows: 'd' a date, 'n' a Content-Disposition, 'u' a URL, 's' a
// Strict-Transport-Security from there, 'f' a line of a file of hosts. Oracles: a date that is printed parses to
// itself, also as a cookie's, and two digits mean a year near to now; a file name is one, and safe, and suggests
// itself; what was noted applies; a store that is loaded from what another has saved answers as that one, at any later
// time.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/content_disposition.hpp"
#include "core/hsts.hpp"
#include "core/http_date.hpp"
#include "core/rules/cookie_date.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

const bool kSights = must_be_seen({"a date", "no date", "two digits", "a name", "no name", "a name of 255 bytes",
                                   "a policy", "no policy", "a host of a file", "a parent", "an end"});

constexpr UnixSeconds kDay = 86'400;

void check_date(std::string_view text, UnixSeconds now) {
  const auto time = parse_http_date(text, now);
  saw(time ? "a date" : "no date");
  if (!time || *time > kLastCalendarTime) return;  // a leap second after the last time
  FUZZ_CHECK(unix_seconds(calendar_time(*time)) == time);
  const std::string printed = format_http_date(*time);
  FUZZ_CHECK_SAYING(printed.size() == 29 && parse_http_date(printed, now) == time, printed);
  // 1970 began on a Thursday.
  const auto weekday = static_cast<std::size_t>((*time / kDay - (*time % kDay < 0 ? 1 : 0) + 7'000'000) % 7);
  FUZZ_CHECK_SAYING(printed.starts_with(std::string_view("ThuFriSatSunMonTueWed").substr(3 * weekday, 3)), printed);
  if (calendar_time(*time).year >= 1601) FUZZ_CHECK_SAYING(rules::parse_cookie_date(printed) == time, printed);
  const CalendarTime date = calendar_time(*time);
  const std::string with_two = std::string(printed).erase(12, 2);
  const auto near = parse_http_date(with_two, now);
  CalendarTime latest = calendar_time(now), earliest = latest;
  latest.year += 50;
  earliest.year -= 50;
  if (!near) return;
  saw("two digits");
  const CalendarTime got = calendar_time(*near);
  FUZZ_CHECK_SAYING(got.year % 100 == date.year % 100 && got <= latest && got > earliest, with_two);
}

// Whether the text is UTF-8 without what a name may not hold.
bool is_safe(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const std::size_t size = byte(i) < 0x80 ? 1 : byte(i) < 0xe0 ? 2 : byte(i) < 0xf0 ? 3 : 4;
    char32_t c = size == 1 ? byte(i) : byte(i) & (0x7fu >> size);
    for (std::size_t k = 1; k < size; ++k) {
      if ((byte(i + k) & 0xc0u) != 0x80) return false;
      c = c << 6 | (byte(i + k) & 0x3fu);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_good = (size == 1 || byte(i) >= 0xc0) && c >= kLeast[size] && c <= 0x10ffff &&
                         (c < 0xd800 || c > 0xdfff) && byte(i) < 0xf8;
    const bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    if (!is_good || is_control || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) return false;
    i += size;
  }
  return true;
}

void check_name(std::string_view field) {
  const auto name = suggested_file_name(field);
  saw(name ? "a name" : "no name");
  if (!name) return;
  FUZZ_CHECK_SAYING(!name->empty() && name->size() <= kMaxFileNameBytes && *name != "." && *name != "..", shown(*name));
  FUZZ_CHECK_SAYING(is_safe(*name) && name->find_first_of("/\\") == std::string::npos, shown(*name));
  FUZZ_CHECK_SAYING(name->front() != ' ' && name->back() != ' ', shown(*name));
  const auto again = suggested_file_name("attachment; filename=x; filename*=utf-8''" + percent_encode(*name));
  FUZZ_CHECK_SAYING(again == name, shown(*name));
  if (name->size() == kMaxFileNameBytes) saw("a name of 255 bytes");
}

class Hosts {
 public:
  explicit Hosts(UnixSeconds now) : now_(now) {}

  void go_to(std::string_view text) {
    if (auto url = Url::parse(text)) urls_.push_back(*std::move(url));
  }
  void note(std::string_view value) {
    Fields fields;
    if (!fields.add_received("Strict-Transport-Security", value)) return;
    const Url& url = urls_.back();
    const auto child = Url::parse("http://a." + url.authority());
    const bool before = store_.applies(url, now_), child_before = child && store_.applies(*child, now_);
    store_.note(url, fields, now_);
    const auto policy = parse_hsts(fields.at(0).value);
    saw(policy ? "a policy" : "no policy");
    const bool counts = policy && url.is_tls() && url.host_kind() == HostKind::name;
    if (!counts) FUZZ_CHECK(store_.applies(url, now_) == before);
    if (!counts || policy->max_age == 0) return;
    FUZZ_CHECK(store_.applies(url, now_ + std::min<UnixSeconds>(policy->max_age, kLastCalendarTime) - 1));
    const bool child_after = child && store_.applies(*child, now_);
    FUZZ_CHECK_SAYING(!child || child_after == policy->include_subdomains || (child_before && child_after), url.text());
  }
  void load(std::string_view line) {
    const std::size_t before = store_.size(), skipped = store_.load(line, now_);
    FUZZ_CHECK(skipped <= 1 && store_.size() <= before + 1 - skipped);
    if (store_.size() > before) saw("a host of a file");
    go_to("https://" + std::string(line.substr(line.starts_with('.') ? 1 : 0, line.find(' '))));
  }

  void save() const {
    HstsStore other;
    const std::string text = store_.save(now_);
    FUZZ_CHECK_SAYING(other.load(text, now_) == 0 && other.save(now_) == text, shown(text));
    for (const Url& url : urls_) {
      const auto child = Url::parse("http://a." + url.authority());
      if (child && store_.applies(*child, now_)) saw("a parent");
      for (UnixSeconds later = 0; later < kLastCalendarTime; later = later * 4 + 1) {
        FUZZ_CHECK_SAYING(store_.applies(url, now_ + later) == other.applies(url, now_ + later), shown(text));
        if (child) FUZZ_CHECK(store_.applies(*child, now_ + later) == other.applies(*child, now_ + later));
        if (store_.applies(url, now_) && !store_.applies(url, now_ + later)) saw("an end");
      }
    }
  }

 private:
  UnixSeconds now_;
  HstsStore store_;
  std::vector<Url> urls_ = {Url::parse("https://example.org/").value()};
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string_view number = input.up_to('\n');
  UnixSeconds now = 0;
  std::from_chars(number.data(), number.data() + number.size(), now);
  now %= kLastCalendarTime + 1;
  fuzz::Hosts hosts(now);
  for (int lines = 0; lines < 50 && !input.spent(); ++lines) {
    std::string_view line = input.up_to('\n');
    const char kind = line.empty() ? '\0' : line.front();
    line.remove_prefix(line.empty() ? 0 : 1);
    if (kind == 'd') fuzz::check_date(line, now);
    if (kind == 'n') fuzz::check_name(line);
    if (kind == 'u') hosts.go_to(line);
    if (kind == 's') hosts.note(line);
    if (kind == 'f') hosts.load(line);
  }
  hosts.save();
  return 0;
}
