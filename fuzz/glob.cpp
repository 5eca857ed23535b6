// Fuzzes adapters/cli/glob.hpp. Input: a line with a glob, one with the name of a file, then up to four lines of which
// a glob is made. Oracles: as many URLs come as count() says, and each, with its brackets escaped, is a glob of itself
// alone; a name without '#' stays; an error names a position in the text; the glob that is made has the URLs that plain
// loops give.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/cli/glob.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

using cli::Glob;

const bool kSights = must_be_seen({"one", "several", "many", "an error", "a name with a number"});

constexpr std::uint64_t kMost = 70;  // that are made

std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) out.append(special.find(c) == special.npos ? "" : "\\").append(1, c);
  return out;
}

void check_url(std::string_view url) {
  auto alone = Glob::parse(escaped(url, "{}[]"));
  FUZZ_CHECK_SAYING(alone && alone->count() == 1 && alone->next() == url && !alone->next(), shown(url));
}

// The verdict.
std::string check_glob(std::string_view text, std::string_view name) {
  auto glob = Glob::parse(text);
  if (!glob) {
    const std::string why = glob.error().message();
    const std::size_t at = why.rfind(' ');
    FUZZ_CHECK_SAYING(glob.error().code == Code::invalid_url && why.find(" in URL position ") != why.npos, shown(why));
    FUZZ_CHECK_SAYING(std::stoul(why.substr(at + 1)) - 1 <= text.size() && why.size() < 100, shown(why));
    saw("an error");
    return "refused";
  }
  const std::uint64_t count = glob->count();
  FUZZ_CHECK(count > 0 && count >> 63 == 0);
  std::uint64_t given = 0;
  for (; given < std::min(count, kMost); ++given) {
    Glob copy = *glob;
    const auto url = glob->next();
    FUZZ_CHECK(url && url == copy.next());
    if (given < 5) check_url(*url);
    const std::string file = glob->output_name(name);
    FUZZ_CHECK(file == name || name.find('#') != name.npos);
    if (file != name) saw("a name with a number");
  }
  if (given == count) FUZZ_CHECK(!glob->next() && !glob->next());
  saw(count == 1 ? "one" : given == count ? "several" : "many");
  return count == 1 ? "one" : "several";
}

// A text, a set and a range: "text-{item,item}[01-09:2]".
void check_made(std::string_view text, const std::vector<std::string_view>& items, std::size_t low, std::size_t step) {
  const auto digits = [](std::size_t value) { return std::to_string(100 + value).substr(1); };
  const std::size_t high = low + 2 * step + 1;
  std::string made = escaped(text, "{}[]") + "-{";
  for (const std::string_view item : items) made.append(escaped(item, "{}[],\\")).append(",");
  made.back() = '}';
  made += "[" + digits(low) + "-" + digits(high) + ":" + std::to_string(step) + "]";
  auto glob = Glob::parse(made);
  FUZZ_CHECK_SAYING(glob.has_value(), shown(made));
  for (const std::string_view item : items) {
    for (std::size_t value = low; value <= high; value += step) {
      const std::string wanted = std::string(text) + "-" + std::string(item) + digits(value);
      FUZZ_CHECK_SAYING(glob->next() == wanted, shown(made) + " does not give " + shown(wanted));
      FUZZ_CHECK(glob->output_name("#2#1#0#3#") == digits(value) + std::string(item) + "#0#3#");
    }
  }
  FUZZ_CHECK_SAYING(!glob->next(), shown(made));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string_view text = input.up_to('\n'), name = input.up_to('\n');
  fuzz::last_verdict = fuzz::check_glob(text, name);
  const std::size_t low = name.size() % 50, step = text.size() % 20 + 1;
  // A set cannot be "{}".
  std::vector<std::string_view> items = {"x"};
  for (int i = 0; i < 3 && !input.spent(); ++i) items.push_back(input.up_to('\n'));
  fuzz::check_made(input.rest(), items, low, step);
  return 0;
}
