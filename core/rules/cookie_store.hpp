// The cookies of a jar: found by host, replaced by identity, removed when they expire or are too many (RFC 6265bis 5.7,
// 5.8). A look-up costs a few searches in one ordered set. Leaves to others: which cookies are refused
// (cookie_checks.hpp) and which host may set them (cookie_jar.hpp).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/list.hpp"
#include "core/cookies.hpp"
#include "core/rules/cookie_match.hpp"
#include "core/types.hpp"

namespace sluice::rules {

class CookieStore {
 public:
  struct Stored {
    Cookie cookie;
    std::string backwards;      // the domain from its last byte to its first, so that it begins with its parents
    std::uint64_t created = 0;  // both in the order of events; kept when the cookie is replaced
    std::uint64_t used = 0;
    Link<Stored> by_use = {};
  };

  // Stores a cookie in place of one with the same identity, which keeps its place in the order of creation. `expires`
  // is at most limits::kMaxCookieAge from now; a cookie that has expired only removes. Past a limit others are removed,
  // or, if it has no right to their place, the new one. Throws std::bad_alloc; then nothing has changed. What has
  // expired must have been removed.
  void put(Cookie cookie, UnixSeconds now);
  // The cookies that a request carries, in the order of its Cookie field; they count as used. `secure`: over https.
  // Valid until the next call. Throws std::bad_alloc.
  const std::vector<Stored*>& find(const Host& host, std::string_view path, bool secure, UnixSeconds now);
  // Whether a Secure cookie of the same name would be hidden by this one, or hides it (5.7 step 16). `is_address`: the
  // cookie's domain is one.
  bool hides_secure(const Cookie& cookie, bool is_address) const;

  // Host-only or not; returns how many.
  std::size_t remove(std::string_view domain, std::string_view path, std::string_view name);
  void remove_expired(UnixSeconds now);
  void end_session();
  void clear();
  std::size_t size() const { return cookies_.size(); }
  std::size_t dropped() const { return dropped_; }  // how many there was no room for so far
  // In the order of creation. Throws std::bad_alloc.
  std::vector<const Stored*> all() const;

 private:
  // An identity, and the order of the set: all cookies of a domain are in one row, and so are those of all hosts below
  // it.
  struct Key {
    std::string_view backwards = {};
    bool host_only = false;
    std::string_view path = {};
    std::string_view name = {};
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Less {
    using is_transparent = void;
    static Key key(const std::unique_ptr<Stored>& stored) {
      return {stored->backwards, stored->cookie.host_only, stored->cookie.path, stored->cookie.name};
    }
    static Key key(const Key& key) { return key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return key(a) < key(b);
    }
  };
  using Set = std::set<std::unique_ptr<Stored>, Less>;

  template <class Visit>
  void each_of(std::string_view backwards, Visit visit) const;
  template <class Visit>
  void each_above(std::string_view backwards, bool is_address, Visit visit) const;
  template <class Visit>
  void each_below(std::string_view backwards, Visit visit) const;
  Set::iterator drop(Set::iterator at);
  template <class Condition>
  void drop_if(Condition condition);
  void note_use(Stored& stored);
  void insert(Cookie cookie, std::string backwards);
  void keep_limits(const Stored& added);

  Set cookies_;
  List<Stored, &Stored::by_use> by_use_;  // the one that was not used for the longest time first
  std::vector<Stored*> found_;
  std::size_t dropped_ = 0;
  std::uint64_t events_ = 0;
  // None expires before. The one that did may be gone.
  UnixSeconds next_expiry_ = std::numeric_limits<UnixSeconds>::max();
};

}  // namespace sluice::rules
