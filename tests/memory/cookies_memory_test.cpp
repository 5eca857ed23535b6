// As engine_memory_test.cpp, for cookies: if an allocation fails, a call says so, and the jar holds what it held before
// or a part of what was to be stored. Afterwards all works.
#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/cookies.hpp"
#include "tests/memory/every_allocation.hpp"

namespace sluice::test {
namespace {

constexpr Now kNow{.steady = {}, .wall = 1'700'000'000};

// Runs the call again without a shortage after it has thrown.
template <class Call>
auto called(Call call) {
  try {
    return watched(call);
  } catch (const std::bad_alloc&) {
    relieve();
    return call();
  }
}

std::vector<std::string> names_of(const CookieJar& jar) {
  std::vector<std::string> names;
  for (const Cookie& cookie : jar.cookies()) names.push_back(cookie.name);
  return names;
}

TEST_CASE("memory: cookies are received, sent and saved, or it is said that there is no memory") {
  const std::string long_text(100, 'x');
  const Url url = *Url::parse("https://www.example.org/a/" + long_text);
  Fields fields;
  for (const char* name : {"first", "second", "third"})
    REQUIRE(fields.add("Set-Cookie", name + ("=" + long_text + "; Domain=example.org; Path=/a/" + long_text)));
  with_every_allocation_failing("cookies", [&] {
    std::vector<std::string> faults;
    const auto jar = called([] { return CookieJar::create(); });
    const auto check = [&](bool good, const char* what) {
      if (!good) faults.emplace_back(what);
    };
    try {
      watched([&] { return jar->receive(url, fields, kNow); });
    } catch (const std::bad_alloc&) {
      // The first of them may be there, in their order.
      const std::vector<std::string> names = names_of(*jar);
      const std::vector<std::string> all = {"first", "second", "third"};
      check(names.size() < 3 && std::equal(names.begin(), names.end(), all.begin()), "a part that is none");
      relieve();
      check(jar->receive(url, fields, kNow) == 3, "not received again");
    }
    check(jar->size() == 3, "not all received");
    const std::string field = called([&] { return jar->header_for(url, kNow); });
    check(field == "first=" + long_text + "; second=" + long_text + "; third=" + long_text, "another field");
    // A cookie that is replaced is whole, before or after.
    Cookie cookie = jar->cookies().front();
    cookie.value = std::string(200, 'y');
    Cookie copy = cookie;
    const auto added = watched([&] { return jar->add(std::move(copy), kNow); });
    if (!added) check(ran_short() && added.error().code == Code::out_of_memory, "another error");
    const std::string value = jar->cookies().front().value;
    check(value == (added ? std::string(200, 'y') : long_text), "a cookie that is neither");
    cookie.domain = "a b";
    const auto refused = watched([&] { return jar->add(std::move(cookie), kNow); });
    check(!refused && (refused.error().code == Code::invalid_option ||
                       (ran_short() && refused.error().code == Code::out_of_memory)),
          "not refused");
    const std::string text = called([&] { return jar->save(kNow); });
    const auto other = called([] { return CookieJar::create(); });
    const CookieFileReport report = called([&] { return other->load(text, kNow); });
    check(report == CookieFileReport{.taken = 3, .refused = 0, .unknown = 0}, "not loaded");
    check(other->cookies() == called([&] { return jar->cookies(); }), "another jar");
    check(called([&] { return jar->remove("example.org", "/a/" + long_text, "second"); }) == 1, "not removed");
    jar->clear();
    check(jar->size() == 0 && jar->header_for(url, kNow).empty(), "not cleared");
    return faults;
  });
}

}  // namespace
}  // namespace sluice::test
