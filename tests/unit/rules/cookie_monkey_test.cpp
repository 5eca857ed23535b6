// A slow jar that is written straight from RFC 6265bis 5.7 and 5.8 over a plain list, compared with the real one over
// random operations from seeds.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "core/base/random.hpp"
#include "tests/unit/rules/jar_tools.hpp"

using namespace sluice;

namespace {

// What a response sets, and the text that says so.
struct Wish {
  std::string name, value, domain, path;
  std::optional<int> max_age;
  bool secure = false;
  std::string text() const {
    std::string text = name + "=" + value;
    if (!domain.empty()) text += "; Domain=" + domain;
    if (!path.empty()) text += "; Path=" + path;
    if (max_age) text += "; Max-Age=" + std::to_string(*max_age);
    if (secure) text += "; Secure";
    return text;
  }
};

struct Place {
  std::string host, path;
  bool secure = false;
  std::string url() const { return (secure ? "https://" : "http://") + host + path; }
};

class SlowJar {
 public:
  struct Kept {
    std::string name, value, domain, path;
    bool host_only = true, secure = false;
    std::optional<UnixSeconds> expires;
    std::uint64_t created = 0, used = 0;
  };
  std::vector<Kept> all;
  bool was_full = false;  // a domain had too many

  bool set(const Place& place, const Wish& wish, UnixSeconds now) {
    expire(now);
    Kept made;
    made.name = wish.name, made.value = wish.value, made.secure = wish.secure;
    made.domain = wish.domain.empty() ? place.host : wish.domain;
    made.host_only = wish.domain.empty();
    if (!made.host_only && !below(place.host, wish.domain)) return false;
    if (!made.host_only && wish.domain.find('.') == std::string::npos) {
      if (wish.domain != place.host) return false;
      made.host_only = true;
    }
    made.path = wish.path.empty() ? folder(place.path) : wish.path;
    if (!place.secure && wish.secure) return false;
    if (!place.secure) {
      for (const Kept& kept : all) {
        if (kept.secure && kept.name == made.name &&
            (below(kept.domain, made.domain) || below(made.domain, kept.domain)) && covers(kept.path, made.path))
          return false;
      }
    }
    if (wish.max_age) made.expires = now + *wish.max_age;
    made.created = made.used = ++clock_;
    const auto old = std::find_if(all.begin(), all.end(), [&](const Kept& kept) {
      return kept.name == made.name && kept.domain == made.domain && kept.path == made.path &&
             kept.host_only == made.host_only;
    });
    if (old != all.end()) {
      made.created = old->created;
      all.erase(old);
    }
    if (!made.expires || *made.expires > now) all.push_back(made);
    evict(made.domain);
    return true;
  }

  std::string sent(const Place& place, UnixSeconds now) {
    expire(now);
    std::vector<Kept*> found;
    for (Kept& kept : all) {
      const bool host = kept.host_only ? kept.domain == place.host : below(place.host, kept.domain);
      if (host && covers(kept.path, place.path) && (place.secure || !kept.secure)) found.push_back(&kept);
    }
    std::sort(found.begin(), found.end(), [](const Kept* a, const Kept* b) {
      return a->path.size() == b->path.size() ? a->created < b->created : a->path.size() > b->path.size();
    });
    std::string text;
    for (Kept* kept : found) {
      kept->used = ++clock_;
      const std::string next = (text.empty() ? "" : "; ") + kept->name + "=" + kept->value;
      if (8 + text.size() + next.size() <= 8'190) text += next;
    }
    return text;
  }

  void expire(UnixSeconds now) {
    std::erase_if(all, [&](const Kept& kept) { return kept.expires && *kept.expires <= now; });
  }
  void end_session() {
    std::erase_if(all, [](const Kept& kept) { return !kept.expires; });
  }
  std::size_t remove(const std::string& domain, const std::string& path, const std::string& name) {
    return std::erase_if(
        all, [&](const Kept& kept) { return kept.domain == domain && kept.path == path && kept.name == name; });
  }

 private:
  static bool below(const std::string& host, const std::string& domain) {
    if (host == domain) return true;
    const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
    return !is_address && host.ends_with("." + domain);
  }
  static bool covers(const std::string& cookie, const std::string& request) {
    return request == cookie || request.starts_with(cookie.ends_with('/') ? cookie : cookie + "/");
  }
  static std::string folder(const std::string& path) {
    const std::string cut = path.substr(0, path.rfind('/'));
    return cut.empty() ? "/" : cut;
  }
  // One cookie at most is too many.
  void evict(const std::string& domain) {
    const auto same = [&](const Kept& kept) { return kept.domain == domain; };
    if (static_cast<std::size_t>(std::count_if(all.begin(), all.end(), same)) <= limits::kMaxCookiesPerDomain) return;
    auto worst = all.end();
    for (auto kept = all.begin(); kept != all.end(); ++kept) {
      if (!same(*kept)) continue;
      if (worst == all.end() || kept->secure < worst->secure ||
          (kept->secure == worst->secure && kept->used < worst->used))
        worst = kept;
    }
    all.erase(worst);
    was_full = true;
  }
  std::uint64_t clock_ = 0;
};

class Monkey {
 public:
  explicit Monkey(std::uint64_t seed) : random_(Seed{seed}) {
    // In some runs there are many names on few hosts, so that a domain is full.
    crowded_ = one_in(2);
    names_ = crowded_ ? 400 : 5;
    long_values_ = one_in(3);
  }

  void step() {
    switch (random_.below(20)) {
      case 0:
        world_.wall += static_cast<UnixSeconds>(random_.below(20));
        break;
      case 1:
        if (one_in(20)) world_.jar->end_session(), slow_.end_session();
        break;
      case 2: {
        const Wish wish = draw_wish();
        const std::string domain = draw_host(), path = wish.path.empty() ? "/" : wish.path;
        REQUIRE(world_.jar->remove(domain, path, wish.name) == slow_.remove(domain, path, wish.name));
        break;
      }
      case 3:
        if (one_in(4)) save_and_load();
        break;
      case 4:
      case 5:
      case 6: {
        const Place place = draw_place();
        REQUIRE(world_.sent(place.url()) == slow_.sent(place, world_.wall));
        break;
      }
      default:
        set();
    }
    if (one_in(4)) compare();
  }
  bool was_full() const { return slow_.was_full; }
  void finish() {
    compare();
    save_and_load();
    for (int i = 0; i < 50; ++i) {
      const Place place = draw_place();
      REQUIRE(world_.sent(place.url()) == slow_.sent(place, world_.wall));
    }
  }

 private:
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  template <std::size_t N>
  std::string one_of(const char* const (&texts)[N]) {
    return texts[random_.below(N)];
  }
  std::string draw_host() {
    if (crowded_ && !one_in(4)) return "www.example.org";
    return one_of({"example.org", "www.example.org", "a.www.example.org", "b.example.org", "ww.example.org",
                   "localhost", "x.localhost", "127.0.0.1", "0.0.1.example.org", "example.com", "x-example.org",
                   "org"});
  }
  Place draw_place() { return {draw_host(), one_of({"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b"}), one_in(2)}; }
  Wish draw_wish() {
    Wish wish;
    wish.name = "n" + std::to_string(random_.below(names_));
    wish.value = long_values_ ? std::string(random_.below(4'000), 'v') : std::to_string(random_.below(1'000));
    if (one_in(2)) wish.domain = one_of({"example.org", "www.example.org", "org", "localhost", "0.0.1", "127.0.0.1"});
    if (one_in(2)) wish.path = one_of({"/", "/a", "/a/", "/a/b", "/b"});
    if (one_in(5)) wish.max_age = static_cast<int>(random_.below(60)) - 5;
    wish.secure = one_in(3);
    return wish;
  }
  void set() {
    const Place place = draw_place();
    Fields fields;
    std::size_t taken = 0;
    for (std::uint64_t i = random_.below(crowded_ ? 25 : 8); i > 0; --i) {
      const Wish wish = draw_wish();
      REQUIRE(fields.add("Set-Cookie", wish.text()));
      if (slow_.set(place, wish, world_.wall)) ++taken;
    }
    REQUIRE(world_.jar->receive(*Url::parse(place.url()), fields, world_.now()) == taken);
  }
  // A jar that was loaded from what the other has saved holds the same.
  void save_and_load() {
    slow_.expire(world_.wall);
    const std::string text = world_.jar->save(world_.now());
    const auto other = CookieJar::create();
    const CookieFileReport report = other->load(text, world_.now());
    REQUIRE(report == CookieFileReport{.taken = slow_.all.size(), .refused = 0, .unknown = 0});
    REQUIRE(other->cookies() == world_.jar->cookies());
    REQUIRE(other->save(world_.now()) == text);
  }
  void compare() {
    world_.jar->remove_expired(world_.now());
    slow_.expire(world_.wall);
    const std::vector<Cookie> cookies = world_.jar->cookies();
    REQUIRE(cookies.size() == slow_.all.size());
    REQUIRE(world_.jar->size() == slow_.all.size());
    std::sort(slow_.all.begin(), slow_.all.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
    bool same = true;
    for (std::size_t i = 0; i < cookies.size(); ++i) {
      const SlowJar::Kept& kept = slow_.all[i];
      const Cookie wanted{.name = kept.name,
                          .value = kept.value,
                          .domain = kept.domain,
                          .path = kept.path,
                          .expires = kept.expires,
                          .host_only = kept.host_only,
                          .secure = kept.secure};
      same = same && cookies[i] == wanted;
    }
    REQUIRE(same);
  }

  Random random_;
  bool crowded_ = false;
  std::uint64_t names_ = 0;
  bool long_values_ = false;
  test::JarWorld world_;
  SlowJar slow_;
};

}  // namespace

TEST_CASE("cookie jar: random operations agree with a slow jar") {
  int full = 0;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    Monkey monkey(seed);
    for (int i = 0; i < 300; ++i) monkey.step();
    monkey.finish();
    if (monkey.was_full()) ++full;
  }
  CHECK(full >= 5);
}
