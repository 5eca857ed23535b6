// A CookieJar: who may set which cookie, and what a request carries (RFC 6265bis 5.7, 5.8). Made of the syntax
// (set_cookie.hpp, cookie_file.hpp), the rules (cookie_checks.hpp, cookie_match.hpp, public_suffix.hpp) and the store
// (cookie_store.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cookies.hpp"
#include "core/rules/cookie_match.hpp"
#include "core/rules/cookie_store.hpp"
#include "core/rules/set_cookie.hpp"

namespace sluice::rules {

class StandardCookieJar final : public CookieJar {
 public:
  std::size_t receive(const Url& url, const Fields& response_fields, Now now) override;
  std::string header_for(const Url& url, Now now) override;
  Result<void> add(Cookie cookie, Now now) override;
  std::size_t remove(std::string_view domain, std::string_view path, std::string_view name) override;
  void clear() override { store_.clear(); }
  void end_session() override { store_.end_session(); }
  void remove_expired(Now now) override { store_.remove_expired(now.wall); }
  std::size_t size() const override { return store_.size(); }
  std::vector<Cookie> cookies() const override;
  CookieFileReport load(std::string_view text, Now now) override;
  CookieFileReport load(std::string_view text, Now now, const Url& origin) override;
  std::string save(Now now) override;

 private:
  // Where a Set-Cookie field comes from.
  struct Source {
    Host host;
    std::string_view path;  // of the URL
    bool secure = false;    // over https
  };
  static Source source_of(const Url& url);
  // True: the cookie was taken.
  bool take(const SetCookie& received, const Source& source, UnixSeconds now);
  // As take(), for a line of a file. Null: the line says for which host it is.
  bool take_line_of(std::string_view set_cookie, const Source* source, UnixSeconds now);
  // Stores a cookie that no response has brought. "": it was taken; else the reason, as of refusal_of().
  std::string_view take_given(Cookie cookie, UnixSeconds now);
  CookieFileReport load_from(std::string_view text, const Source* source, UnixSeconds now);

  CookieStore store_;
};

}  // namespace sluice::rules
