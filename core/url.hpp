// An absolute http or https URL: parsed, checked and normalised by RFC 3986, with resolution of references and edits.
// Knows only the syntax of names and addresses. Leaves to others: name resolution and IDNA.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "error.hpp"

namespace sluice {

// A parameter of a query, not percent-encoded. Views that must live until the call returns.
struct QueryParameter {
  std::string_view name = {};
  std::string_view value = {};
};

enum class HostKind : std::uint8_t { name, ipv4, ipv6 };

// Owns its text. Views that it returns live until the object is changed or destroyed. Section numbers are of RFC 3986.
class Url {
 public:
  Url() = default;  // empty: scheme() is ""; only to be assigned to, or as a base of resolve()

  // Parses an absolute http or https URL. Errors: invalid_url, unsupported_scheme, out_of_memory. No error message
  // holds userinfo.
  //
  // Rejected: control bytes, spaces and `\` anywhere; a '%' in the host without two hexadecimal digits after it; a port
  // that is not a number, is zero or is too large; an empty host; a host with anything other than letters, digits, '-',
  // '_' and '.' (so no percent-encoded delimiter or NUL, and no non-ASCII byte); empty labels, labels over 63 bytes and
  // names over 253 bytes; ambiguous numeric hosts (0x7f.1, 127.1, 017.0.0.1); more than one '@' before the path,
  // brackets in the userinfo, and "?@" or "#@" right after the host; more than 64 KiB (limits::kMaxUrlBytes). The error
  // message names the part.
  //
  // Normalised (6.2.2, 6.2.3): case of scheme and host, dot segments, default port, empty path, empty userinfo, IPv6
  // addresses (RFC 5952) and the spelling of their zone. A final dot of a name stays (SB-85): it means that no search
  // domain may be added, and it is not part of the name in a certificate. Triplets ("%2e") in the userinfo and after
  // the host stay as written, so "%2e" is not a dot segment. Other bytes that a URL may not hold there are
  // percent-encoded, non-ASCII bytes included. A '%' that begins no triplet stays after the host and becomes "%25" in
  // the userinfo. Parsing text() gives the same URL.
  static Result<Url> parse(std::string_view text);
  // As parse(), for text that a person typed: text without a scheme is taken as http, as curl does. Only text before
  // ":/" is taken as a scheme, because "localhost:8080" has none.
  static Result<Url> parse_typed(std::string_view text);

  // Resolves a reference against this URL (5.2, strict); if this URL is empty, as parse(). Rules and errors: as
  // parse().
  Result<Url> resolve(std::string_view reference) const;

  // This URL with another query, which is already percent-encoded; a '#' in it becomes "%23". Errors: as parse().
  Result<Url> with_query(std::string_view query) const;
  // This URL with these parameters added to its query, in this order, percent-encoded: url.with_parameters({{"q", "a
  // b&c"}}) ends in "?q=a%20b%26c". No parameters: the URL is unchanged. Errors: as parse().
  Result<Url> with_parameters(std::span<const QueryParameter> parameters) const;
  Result<Url> with_parameters(std::initializer_list<QueryParameter> parameters) const {
    return with_parameters(std::span(parameters.begin(), parameters.size()));
  }
  // This URL with `more` added to its query, after a '&' if one is needed. `more` is as in with_query(). Empty: the URL
  // is unchanged. Errors: as parse().
  Result<Url> with_more_query(std::string_view more) const;
  // This URL with the part of its path after the last '/' replaced by `name`, percent-encoded. Query and fragment stay.
  // "." and ".." are dot segments here too. Errors: as parse().
  Result<Url> with_file_name(std::string_view name) const;
  // This URL without user and password. Errors: out_of_memory.
  Result<Url> without_userinfo() const;
  // This URL with the scheme https, and port 443 instead of 80 (RFC 6797 8.3). Errors: out_of_memory.
  Result<Url> with_https() const;

  std::string_view scheme() const;  // "http" or "https"
  bool is_tls() const;              // scheme is https
  bool has_userinfo() const;
  std::string_view user() const;      // still percent-encoded; "" when absent
  std::string_view password() const;  // still percent-encoded; "" when absent
  std::string_view host() const;      // lower case, a final dot included; IPv6 without brackets and without zone
  HostKind host_kind() const;
  std::string_view zone() const;                     // IPv6 zone (RFC 6874), not encoded; "" when absent
  std::uint16_t port() const;                        // the port in the URL, or the scheme's default
  bool has_explicit_port() const;                    // the URL has a port other than the scheme's default
  std::string_view path() const;                     // at least "/"
  std::string_view file_name() const;                // the part of the path after its last '/'; may be ""
  std::optional<std::string_view> query() const;     // without '?'
  std::optional<std::string_view> fragment() const;  // without '#'

  std::string_view target() const;  // path and query, for a request line (RFC 9112 3.2.1)
  std::string authority() const;    // host[:port] as in a Host field: IPv6 in brackets, no userinfo, no zone
  std::string origin() const;       // scheme://host:port, always with the port, and with the zone of an IPv6 address
  const std::string& text() const;  // the whole URL, normalised, with userinfo and fragment
  std::string text_without_secrets() const;  // text() without userinfo: for messages and logs

  friend bool operator==(const Url& a, const Url& b) { return a.text_ == b.text_; }

 private:
  std::string_view part(std::size_t begin, std::size_t end) const;

  // scheme "://" [user [":" password] "@"] host [":" port] path ["?" query] ["#" fragment], where an IPv6 host is "["
  // host ["%25" zone] "]". The offsets are into text_. A part that is absent has length 0, and so has its delimiter.
  std::string text_;
  std::uint32_t scheme_end_ = 0, user_begin_ = 0, user_end_ = 0, password_end_ = 0, host_begin_ = 0, host_end_ = 0,
                zone_end_ = 0, path_begin_ = 0, path_end_ = 0, query_end_ = 0;
  std::uint16_t port_ = 0;
  HostKind host_kind_ = HostKind::name;
  bool explicit_port_ = false;
  friend class UrlBuilder;
};

// Percent-decoding (RFC 3986 2.1). nullopt: a '%' is not followed by two hexadecimal digits. As the functions below,
// throws std::bad_alloc.
std::optional<std::string> percent_decode(std::string_view text);
// Percent-encodes every byte that is not an unreserved character (RFC 3986 2.3).
std::string percent_encode(std::string_view text);
// "name=value&name=value", percent-encoded: for a query, or a body of type application/x-www-form-urlencoded.
std::string encode_parameters(std::span<const QueryParameter> parameters);
// Text that a person typed as a URL, without its userinfo: for messages. In text that Url::parse_typed() refuses the
// end of the userinfo is unknown: everything before the last '@' is then removed, but for a scheme.
std::string typed_without_userinfo(std::string_view text);

}  // namespace sluice
