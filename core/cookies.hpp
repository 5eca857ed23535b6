// Cookies (RFC 6265bis, draft-ietf-httpbis-rfc6265bis): those that servers set, and those that a request carries.
// Leaves to others: sending and receiving, and reading and writing files. Section numbers are of the draft.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "fields.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

// The attribute SameSite (5.6.7). It is kept for the application; no request is judged by it, because only a browser
// has sites that requests come from.
enum class SameSite : std::uint8_t { unspecified, none, lax, strict };

// One cookie. Owns its text. Name, domain, path and `host_only` together identify it within a jar.
struct Cookie {
  std::string name = {};  // may be empty: then only the value is sent
  std::string value = {};
  // The host that has set it, or a parent domain of that host; lower case, without a dot at either end. An IPv6 address
  // has no brackets; its zone follows a '%'.
  std::string domain = {};
  std::string path = "/";                      // sent with requests for this path and for those below it (5.1.4)
  std::optional<UnixSeconds> expires = {};     // not sent from then on; nullopt: kept until the session ends
  bool host_only = true;                       // sent to the host `domain` only; false: also to all hosts below it
  bool secure = false;                         // sent over https only
  bool http_only = false;                      // hidden from scripts; for the application
  SameSite same_site = SameSite::unspecified;  // for the application

  friend bool operator==(const Cookie&, const Cookie&) = default;
};

// What CookieJar::load() has found in a text.
struct CookieFileReport {
  std::size_t taken = 0;    // cookies; those that have expired are counted but not kept
  std::size_t refused = 0;  // lines with a cookie that a rule refuses, and lines of more than 16 KiB
  std::size_t unknown = 0;  // lines that are no cookie, no comment and not empty
  std::size_t dropped = 0;  // cookies that the jar had no room for (its own, or some of those taken)

  friend bool operator==(const CookieFileReport&, const CookieFileReport&) = default;
};

// A store of cookies. An application can use one for any number of transfers and engines; one thread at a time for all
// that share it. Freed with its last owner.
//
// Cookies go by the URL's host, never by a Host field (SB-74). A host is compared in one form (SB-75): lower case, and
// without a final dot, so "example.com." and "example.com" have the same cookies. An attribute Domain with a final dot
// matches no host. A public suffix ("com", "co.uk") as Domain is refused, or, if it is the host itself, makes a cookie
// for that host alone (SB-24). Public suffixes are those of libpsl's list; if sluice was built without libpsl, only
// names without a dot are known as public suffixes.
//
// Cookies that have expired are removed by every call that is given the time; a call without it may still return them.
// After std::bad_alloc the jar holds what it held before, or a part of what was to be stored.
class CookieJar {
 public:
  static std::shared_ptr<CookieJar> create();  // throws std::bad_alloc
  virtual ~CookieJar() = default;
  CookieJar(const CookieJar&) = delete;
  CookieJar& operator=(const CookieJar&) = delete;

  // Stores the cookies of one response to a request for `url`: its Set-Cookie fields, in order (5.6, 5.7). Returns how
  // many were taken, those that removed an earlier cookie included.
  //
  // Ignored: a cookie that holds a control byte other than HTAB; more than 4,096 bytes of name and value; Domain that
  // does not match the host, or is a public suffix; Secure over http, and over http a cookie that would hide a Secure
  // one (SB-71); SameSite=None without Secure; names that begin with "__Secure-" or "__Host-", in any case, without
  // what these promise; paths of more than 1,024 bytes; all after the 50th cookie that was taken (SB-72). An attribute
  // of more than 1,024 bytes is ignored. `expires` is at most 400 days from now.
  //
  // At most 180 cookies of a domain are kept and 10,000 in all. Past that the ones are removed that were not used for
  // the longest time; of a domain, first those that are not Secure. Throws std::bad_alloc.
  virtual std::size_t receive(const Url& url, const Fields& response_fields, Now now) = 0;

  // The value of the Cookie field of a request for `url` (5.8); "" if it has none. Longer paths are first, then the
  // cookies that were made first. The whole field is at most 8,190 bytes: a cookie that does not fit is left out
  // (SB-72). Throws std::bad_alloc.
  virtual std::string header_for(const Url& url, Now now) = 0;

  // Stores a cookie, in place of one with the same identity. Its domain may be in any case and have a dot at either
  // end. One that has expired only removes. Errors: invalid_option (a rule above refuses the cookie; the message says
  // which, without the value), out_of_memory.
  [[nodiscard]] virtual Result<void> add(Cookie cookie, Now now) = 0;
  // Removes the cookies of this domain, path and name, host-only or not; returns how many. The domain is as for add().
  // Throws std::bad_alloc.
  virtual std::size_t remove(std::string_view domain, std::string_view path, std::string_view name) = 0;
  virtual void clear() = 0;                  // removes all
  virtual void end_session() = 0;            // removes those without `expires`
  virtual void remove_expired(Now now) = 0;  // removes those that have expired
  virtual std::size_t size() const = 0;
  // Copies of all cookies, the first one made first. Throws std::bad_alloc.
  virtual std::vector<Cookie> cookies() const = 0;

  // Stores the cookies of a cookie file. Each line is one of
  // - the format of Netscape, as curl, wget and others write it: domain, "TRUE" if it is for hosts below too, path,
  //   "TRUE" if Secure, expiry (0: none), name and value, between tabs; without a value, six of these. "#HttpOnly_" may
  //   come before the domain.
  // - "Set-Cookie: ...", as in a response head. With `origin`, it is taken as a response to a request for that URL
  //   (but without a limit on their number). Without `origin` it needs a Domain, which is taken as an https host.
  // - a comment, which begins with '#', or blanks only. All other lines are counted and skipped.
  // Lines end with LF or CRLF. A line of more than 16 KiB is skipped whole (SB-73). Throws std::bad_alloc.
  virtual CookieFileReport load(std::string_view text, Now now) = 0;
  virtual CookieFileReport load(std::string_view text, Now now, const Url& origin) = 0;
  // All cookies as a file in the format of Netscape; load() gives the same cookies again, in the same order. The format
  // cannot hold SameSite, nor cookies with a HTAB in name, value or path, which are left out. Throws std::bad_alloc.
  virtual std::string save(Now now) = 0;

 protected:
  CookieJar() = default;  // only create() makes one
};

}  // namespace sluice
