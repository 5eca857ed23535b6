// Fuzzes core/url.hpp. Input: a URL, then after a line feed a reference that is resolved against it. In both,
// "{{Ctext}}" repeats the text until the line has limits::kMaxUrlBytes + C % 8 - 4 bytes. Oracles: a parsed URL prints
// as text that parses to the same URL; its parts make up the whole and hold only allowed bytes; resolving agrees with
// parsing; no message shows a password.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/address.hpp"
#include "core/base/limits.hpp"
#include "core/url.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::string_view kSecret = "s3cr3t";

void check_error(const Error& error, std::string_view text) {
  const std::string message = error.message();
  FUZZ_CHECK(error.code == Code::invalid_url || error.code == Code::unsupported_scheme);
  FUZZ_CHECK_SAYING(!message.empty() && message.size() < 1000 && message.find('\n') == std::string::npos,
                    shown(message));
  // Text that is followed by an '@' may be userinfo, unless "//" makes it a scheme.
  const std::size_t at = text.rfind('@');
  const bool shown_elsewhere = at == std::string_view::npos || text.find(kSecret, at) != std::string_view::npos ||
                               text.substr(0, text.find("//")).find(kSecret) != std::string_view::npos;
  if (!shown_elsewhere) FUZZ_CHECK_SAYING(message.find(kSecret) == std::string::npos, shown(message));
}

bool is_unreserved_or(char c, std::string_view more) {
  const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alnum || std::string_view("-._~").find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
}

enum class LonePercent : std::uint8_t { may_be, never };

// RFC 3986's characters only, and '%'.
void check_part(std::string_view part, std::string_view more, LonePercent lone) {
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '%') {
      FUZZ_CHECK_SAYING(is_unreserved_or(part[i], more), shown(part));
      continue;
    }
    const auto decoded = percent_decode(part.substr(i, 3));
    FUZZ_CHECK_SAYING(lone == LonePercent::may_be || (decoded && decoded->size() == 1), shown(part));
  }
}

void check_host(const Url& url) {
  const std::string host(url.host());
  // A final dot stands for the root.
  FUZZ_CHECK(!host.empty() && host.size() <= 254 && host.front() != '.' && !host.ends_with(".."));
  for (const char c : host) {
    FUZZ_CHECK(c == '.' || c == '-' || c == '_' || c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'));
  }
  FUZZ_CHECK((host.find(':') != std::string::npos) == (url.host_kind() == HostKind::ipv6));
  FUZZ_CHECK(url.zone().empty() || url.host_kind() == HostKind::ipv6);
  const auto address = IpAddress::parse(host);
  FUZZ_CHECK_SAYING(address.has_value() == (url.host_kind() != HostKind::name), host);
  if (address) FUZZ_CHECK_SAYING(address->to_string() == host, host);
}

// The whole text is its parts, composed by RFC 3986 5.3.
void check_whole(const Url& url) {
  std::string text(url.scheme());
  text += "://";
  std::string plain = text;
  if (url.has_userinfo()) {
    text += url.user();
    if (!url.password().empty()) text.append(":").append(url.password());
    text += '@';
  }
  std::string rest(url.host());
  if (url.host_kind() == HostKind::ipv6)
    rest = "[" + rest + (url.zone().empty() ? "" : "%25" + std::string(url.zone())) + "]";
  if (url.has_explicit_port()) rest += ":" + std::to_string(url.port());
  rest += url.path();
  if (url.query()) rest.append("?").append(*url.query());
  const std::string without_fragment = plain + rest;
  if (url.fragment()) rest.append("#").append(*url.fragment());
  const bool colon_alone = url.has_userinfo() && url.password().empty() && url.text().find(":@") != std::string::npos;
  if (!colon_alone) FUZZ_CHECK_SAYING(text + rest == url.text(), shown(url.text()));
  FUZZ_CHECK_SAYING(url.text_without_secrets() == plain + rest || url.text_without_secrets() == without_fragment,
                    shown(url.text_without_secrets()));
}

void check_url(const Url& url) {
  FUZZ_CHECK(url.scheme() == "http" || url.scheme() == "https");
  FUZZ_CHECK(url.is_tls() == (url.scheme() == "https"));
  FUZZ_CHECK(url.port() != 0 && url.has_explicit_port() == (url.port() != (url.is_tls() ? 443 : 80)));
  check_host(url);
  check_part(url.user(), "!$&'()*+,;=", LonePercent::never);
  check_part(url.password(), "!$&'()*+,;=:", LonePercent::never);
  check_part(url.path(), "!$&'()*+,;=:@/", LonePercent::may_be);
  check_part(url.query().value_or(""), "!$&'()*+,;=:@/?", LonePercent::may_be);
  check_part(url.fragment().value_or(""), "!$&'()*+,;=:@/?", LonePercent::may_be);
  const std::string path(url.path());
  FUZZ_CHECK(path.starts_with('/'));
  FUZZ_CHECK((path + "/").find("/./") == std::string::npos && (path + "/").find("/../") == std::string::npos);
  FUZZ_CHECK(url.target() == path + (url.query() ? "?" + std::string(*url.query()) : ""));
  check_whole(url);

  FUZZ_CHECK(url.text().size() <= limits::kMaxUrlBytes);
  const auto again = Url::parse(url.text());
  FUZZ_CHECK_SAYING(again && *again == url, shown(url.text()));
  FUZZ_CHECK(again->text() == url.text() && again->host() == url.host() && again->port() == url.port() &&
             again->path() == url.path() && again->query() == url.query() && again->fragment() == url.fragment() &&
             again->user() == url.user() && again->password() == url.password() && again->zone() == url.zone());
  const auto origin = Url::parse(url.origin());
  FUZZ_CHECK(origin && origin->host() == url.host() && origin->port() == url.port() &&
             origin->origin() == url.origin());
  const auto bare = Url::parse(url.text_without_secrets());
  FUZZ_CHECK(bare && !bare->has_userinfo() && bare->origin() == url.origin() && bare->target() == url.target());
  const auto by_authority = Url::parse(std::string(url.scheme()) + "://" + url.authority());
  FUZZ_CHECK(by_authority && by_authority->host() == url.host() && by_authority->port() == url.port());
}

// The verdict.
std::string check_reference(const Url& base, std::string_view reference) {
  const auto resolved = base.resolve(reference);
  const auto absolute = Url::parse(reference);
  if (absolute) FUZZ_CHECK(resolved && *resolved == *absolute);
  if (!resolved) {
    check_error(resolved.error(), reference);
    return verdict_of("unresolved", resolved.error().code);
  }
  check_url(*resolved);
  const auto settled = base.resolve(resolved->text());
  FUZZ_CHECK(settled && *settled == *resolved);
  if (reference.empty()) FUZZ_CHECK(resolved->origin() == base.origin() && resolved->target() == base.target());
  return "taken";
}

// Two spellings of the same place.
void check_dots(const Url& base) {
  if (base.text().size() > limits::kMaxUrlBytes - 100) return;
  const auto at = [&](std::string_view reference) {
    const auto url = base.resolve(reference);
    FUZZ_CHECK(url.has_value());
    return url->text();
  };
  FUZZ_CHECK(at("x/../y") == at("y") && at("./y") == at("y") && at("x/./../y?q") == at("y?q"));
  FUZZ_CHECK(at("/a/b/../../c") == at("/c") && at("/../c") == at("/c") && at("/c/..") == at("/"));
  FUZZ_CHECK(at("x/y/../..") == at(".") && at("../z") == at("./../z"));
  const auto folder = base.resolve(".");
  FUZZ_CHECK(folder && folder->path().ends_with('/') && base.path().starts_with(folder->path()));
}

void check_percent(std::string_view text) {
  const auto back = percent_decode(percent_encode(text));
  FUZZ_CHECK(back && *back == text);
  const auto decoded = percent_decode(text);
  if (decoded) FUZZ_CHECK(decoded->size() <= text.size());
  const auto address = IpAddress::parse(text);
  if (address) FUZZ_CHECK(IpAddress::parse(address->to_string()) == address);
}

std::string lengthened(std::string_view line) {
  const std::size_t begin = line.find("{{");
  const std::size_t end = line.find("}}", begin == std::string_view::npos ? begin : begin + 2);
  if (end == std::string_view::npos || end < begin + 4) return std::string(line);
  const std::string_view unit = line.substr(begin + 3, end - begin - 3), rest = line.substr(end + 2);
  const std::size_t wanted = limits::kMaxUrlBytes - 4 + static_cast<unsigned char>(line[begin + 2]) % 8;
  std::string text(line.substr(0, begin));
  while (text.size() + rest.size() < wanted) text += unit.substr(0, wanted - text.size() - rest.size());
  return text.append(rest);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string text = fuzz::lengthened(input.up_to('\n'));
  const std::string reference = fuzz::lengthened(input.rest());
  fuzz::check_percent(text);
  const auto url = Url::parse(text);
  if (!url) {
    fuzz::check_error(url.error(), text);
    FUZZ_CHECK(text.size() <= limits::kMaxUrlBytes || url.error().code == Code::invalid_url);
    fuzz::last_verdict = fuzz::verdict_of("refused", url.error().code);
    return 0;
  }
  FUZZ_CHECK(text.size() <= limits::kMaxUrlBytes);
  fuzz::check_url(*url);
  fuzz::check_dots(*url);
  fuzz::last_verdict = fuzz::check_reference(*url, reference);
  return 0;
}
