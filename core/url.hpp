// An absolute http or https URL: parsed, validated and normalised by RFC 3986, and references resolved against it.
// Knows nothing of names and addresses beyond their syntax; what a host resolves to is a fact from outside.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "error.hpp"

namespace sluice {

// A parameter of a query, as text that is meant: not percent-encoded. Views, for the length of a call.
struct QueryParameter {
  std::string_view name = {};
  std::string_view value = {};
};

enum class HostKind : std::uint8_t { name, ipv4, ipv6 };

class Url {
 public:
  Url() = default;  // empty: scheme() is "", good only to be assigned to

  // Strict: an absolute http or https URL. A lack of memory is Code::out_of_memory. No error message holds userinfo.
  //
  // Rejected, with the offending part named: control bytes, spaces and `\` anywhere; a '%' in the host that begins no
  // triplet; a bad, zero or too large port; an empty host, and anything in one but letters, digits, '-', '_' and '.'
  // (so every percent-encoded delimiter and NUL, and non-ASCII bytes: IDNA is an adapter's work); empty labels, labels
  // over 63 and names over 253 bytes; ambiguous numeric hosts (0x7f.1, 127.1, 017.0.0.1); more than one '@' before the
  // path, brackets in the userinfo, "?@" or "#@" right after the host; more than kMaxUrlBytes; another scheme
  // (Code::unsupported_scheme).
  //
  // Normalised (6.2.2, 6.2.3): case of scheme and host, dot segments, default port, empty path, empty userinfo,
  // IPv6 addresses (RFC 5952) and how their zone is written. A final dot of a name stays (SB-85): it keeps search
  // domains away, and is no part of the name that a certificate is for. Percent-encoding
  // triplets after the host, and in userinfo, stay as they were written, so "%2e" is no dot segment; what may not be in
  // a URL is percent-encoded there, non-ASCII bytes included. A '%' that begins no triplet stays one, but in userinfo,
  // where it becomes "%25". Parsing text() gives the same URL.
  static Result<Url> parse(std::string_view text);
  // The same of what people type: text without a scheme is http, as to curl. A scheme ends in ":/" there, since
  // "localhost:8080" has none.
  static Result<Url> parse_typed(std::string_view text);

  // Resolves a reference against this URL (5.2, strict). The result obeys the rules of parse().
  Result<Url> resolve(std::string_view reference) const;

  // This URL with another query, given as it is in a URL; a '#' in it is percent-encoded. Errors: as parse().
  Result<Url> with_query(std::string_view query) const;
  // This URL with parameters after those that its query has, in this order, percent-encoded: url.with_parameters({{"q",
  // "a b&c"}}) ends in "?q=a%20b%26c". No parameters: the URL as it is. Errors: as parse().
  Result<Url> with_parameters(std::span<const QueryParameter> parameters) const;
  Result<Url> with_parameters(std::initializer_list<QueryParameter> parameters) const {
    return with_parameters(std::span(parameters.begin(), parameters.size()));
  }
  // This URL with more after what its query has, and a '&' between where one is needed; `more` as in with_query().
  // Nothing: the URL as it is. Errors: as parse().
  Result<Url> with_more_query(std::string_view more) const;
  // This URL with `name`, percent-encoded, in place of what its path has after the last '/'. Query and fragment stay.
  // "." and ".." are dot segments here too. Errors: as parse().
  Result<Url> with_file_name(std::string_view name) const;
  // This URL without user and password. Error: Code::out_of_memory.
  Result<Url> without_userinfo() const;

  std::string_view scheme() const;  // "http" or "https"
  bool is_tls() const;              // scheme is https
  bool has_userinfo() const;
  std::string_view user() const;      // still percent-encoded; "" when absent
  std::string_view password() const;  // still percent-encoded; "" when absent
  std::string_view host() const;      // lower case, a final dot included; IPv6 without brackets and without zone
  HostKind host_kind() const;
  std::string_view zone() const;                  // IPv6 zone id (RFC 6874), unreserved characters only; "" when absent
  std::uint16_t port() const;                     // the explicit one, or the scheme's default
  bool has_explicit_port() const;                 // after normalisation: differs from the default
  std::string_view path() const;                  // at least "/"
  std::string_view file_name() const;             // what the path has after its last '/'; "" for a directory
  std::optional<std::string_view> query() const;  // without '?'
  std::optional<std::string_view> fragment() const;  // without '#'

  std::string_view target() const;  // path and query: what a request line carries (RFC 9112 3.2.1)
  std::string authority() const;    // host[:port] as in a Host field: brackets on IPv6, no userinfo, no zone
  std::string origin() const;       // scheme://host:port, port always there; with the zone, which tells links apart
  const std::string& text() const;  // the whole, normalised, userinfo and fragment included
  std::string text_without_secrets() const;  // without userinfo: for messages, logs and effective URLs

  friend bool operator==(const Url& a, const Url& b) { return a.text_ == b.text_; }

 private:
  std::string_view part(std::size_t begin, std::size_t end) const;

  // scheme "://" [user [":" password] "@"] host [":" port] path ["?" query] ["#" fragment], where an IPv6 host is
  // "[" host ["%25" zone] "]". The offsets are into text_; a part that is not there has no length, its mark included.
  std::string text_;
  std::uint32_t scheme_end_ = 0, user_begin_ = 0, user_end_ = 0, password_end_ = 0, host_begin_ = 0, host_end_ = 0,
                zone_end_ = 0, path_begin_ = 0, path_end_ = 0, query_end_ = 0;
  std::uint16_t port_ = 0;
  HostKind host_kind_ = HostKind::name;
  bool explicit_port_ = false;
  friend class UrlBuilder;
};

// Percent-encoding (RFC 3986 2.1). decode: std::nullopt on a "%" that is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);
// Encodes everything but unreserved characters (2.3).
std::string percent_encode(std::string_view text);
// "name=value&name=value", percent-encoded: a query, or a body of type application/x-www-form-urlencoded.
std::string encode_parameters(std::span<const QueryParameter> parameters);
// What people type as a URL, without the userinfo in it and otherwise as it is: for messages. Of text that
// Url::parse_typed refuses nobody knows where the userinfo ends: all up to the last '@' goes.
std::string typed_without_userinfo(std::string_view text);

}  // namespace sluice
