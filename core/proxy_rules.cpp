// See proxy_rules.hpp.
#include "core/proxy_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/memory.hpp"
#include "core/fields.hpp"
#include "core/url.hpp"
#include "core/url/host.hpp"
#include "core/url/percent.hpp"

namespace sluice {
namespace {

constexpr std::uint16_t kProxyPort = 1080;
constexpr std::uint16_t kHttpsProxyPort = 443;
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kSocketHost = "localhost";

// ---- texts ----

bool is_socks(ProxyKind kind) { return kind != ProxyKind::http && kind != ProxyKind::https; }

std::optional<ProxyKind> kind_of_scheme(std::string_view scheme, ProxyKind without_scheme) {
  struct Row {
    std::string_view scheme;
    ProxyKind kind;
  };
  constexpr Row kRows[] = {{"https", ProxyKind::https},   {"socks", ProxyKind::socks4},
                           {"socks4", ProxyKind::socks4}, {"socks4a", ProxyKind::socks4a},
                           {"socks5", ProxyKind::socks5}, {"socks5h", ProxyKind::socks5h}};
  if (equals_ignoring_case(scheme, "http")) return without_scheme;
  for (const Row& row : kRows) {
    if (equals_ignoring_case(scheme, row.scheme)) return row.kind;
  }
  return std::nullopt;
}

// In text that is no URL the end of the userinfo is unknown, so nothing before the last '@' is shown.
Error proxy_error(Code code, std::string_view text, std::string_view why) {
  const std::size_t at = text.rfind('@');
  const std::string_view shown = at == std::string_view::npos ? text : text.substr(at + 1);
  return make_error(code, "proxy '" + std::string(shown) + "': " + std::string(why));
}

std::string decoded_leniently(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? url::triplet_at(text, i) : std::nullopt;
    out += byte.value_or(text[i]);
    if (byte) i += 2;
  }
  return out;
}

// Whether the text from the host on has a port. Url does not tell that of the port which is http's default.
bool has_port(std::string_view text) {
  std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 is 0
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  return colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket) &&
         colon + 1 < authority.size();
}

Result<ProxyText> make_proxy_text(std::string_view text, ProxyKind without_scheme) {
  const std::size_t scheme_end = text.find(kSchemeEnd);
  std::optional<ProxyKind> kind = without_scheme;
  std::string_view rest = text;
  if (scheme_end != std::string_view::npos) {
    kind = kind_of_scheme(text.substr(0, scheme_end), without_scheme);
    rest.remove_prefix(scheme_end + kSchemeEnd.size());
  }
  if (!kind) {
    constexpr std::string_view kWanted =
        "unsupported scheme, where http, https, socks4, socks4a, socks5 or socks5h is needed";
    return std::unexpected(proxy_error(Code::unsupported_scheme, text, kWanted));
  }
  // User, host and port have the syntax of a URL's.
  const auto url = Url::parse("http://" + std::string(rest));
  if (!url && url.error().code == Code::out_of_memory) return std::unexpected(url.error());
  if (!url) return std::unexpected(proxy_error(Code::invalid_url, text, url.error().context));

  ProxyText out;
  out.proxy.kind = *kind;
  out.proxy.host = url->host();
  out.proxy.zone = url->zone();
  out.proxy.port = has_port(rest) ? url->port() : *kind == ProxyKind::https ? kHttpsProxyPort : kProxyPort;
  out.proxy.user = decoded_leniently(url->user());
  out.proxy.password = decoded_leniently(url->password());
  if (has_control(out.proxy.user) || has_control(out.proxy.password))
    return std::unexpected(proxy_error(Code::invalid_url, text, "a control character in user or password"));
  if (is_socks(*kind) && out.proxy.host == kSocketHost && url->path() != "/") {
    out.socket = decoded_leniently(url->path());
    if (has_control(out.socket)) return std::unexpected(proxy_error(Code::invalid_url, text, "a control character"));
  }
  return out;
}

// ---- hosts without a proxy ----

bool is_separator(char c) { return c == ',' || c == ' ' || c == '\t'; }

std::string_view undotted(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// nullopt: no number up to `most`.
std::optional<unsigned> prefix_length(std::string_view text, unsigned most) {
  if (text.empty() || text.size() > 3 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  unsigned bits = 0;
  for (const char c : text) bits = bits * 10 + static_cast<unsigned>(c - '0');
  return bits <= most ? std::optional(bits) : std::nullopt;
}

bool share_prefix(const IpAddress& a, const IpAddress& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(whole), b.bytes.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

bool is_below(std::string_view host, std::string_view name) {
  if (!host.ends_with(name)) return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

class ChosenProxies final : public ProxyChooser {
 public:
  explicit ChosenProxies(ProxyRules rules) : rules_(std::move(rules)) {}
  std::vector<std::shared_ptr<const ProxyChain>> ways_to(const Url& url) const override {
    const auto& chain = url.is_tls() ? rules_.for_https : rules_.for_http;
    if (chain == nullptr || rules_.exceptions.matches(url)) return {};
    return {chain};
  }

 private:
  const ProxyRules rules_;
};

}  // namespace

Result<ProxyText> parse_proxy(std::string_view text, ProxyKind without_scheme) {
  return or_out_of_memory([&] { return make_proxy_text(text, without_scheme); });
}

Result<ProxyLogin> parse_proxy_login(std::string_view text) {
  return or_out_of_memory([&]() -> Result<ProxyLogin> {
    const std::size_t colon = std::min(text.find(':'), text.size());
    ProxyLogin login{decoded_leniently(text.substr(0, colon)),
                     decoded_leniently(text.substr(std::min(colon + 1, text.size())))};
    if (has_control(login.user) || has_control(login.password))
      return std::unexpected(make_error(Code::invalid_url, "a control character in the proxy's user or password"));
    return login;
  });
}

NoProxy::NoProxy(std::string_view list) : all_(list == "*") {
  while (!list.empty()) {
    const std::size_t size = static_cast<std::size_t>(std::ranges::find_if(list, is_separator) - list.begin());
    if (size > 0) add(list.substr(0, size));
    list.remove_prefix(std::min(size + 1, list.size()));
  }
}

void NoProxy::add(std::string_view entry) {
  const std::size_t slash = std::min(entry.find('/'), entry.size());
  std::string_view literal = entry.substr(0, slash);
  if (literal.starts_with('[') && literal.ends_with(']')) literal = literal.substr(1, literal.size() - 2);
  if (const auto address = IpAddress::parse(literal)) {
    const unsigned most = address->kind == IpAddress::Kind::ipv4 ? 32 : 128;
    const auto bits = slash == entry.size() ? most : prefix_length(entry.substr(slash + 1), most);
    if (bits) blocks_.push_back({*address, *bits});
    return;
  }
  entry = undotted(entry);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  std::string name;
  const auto kind = url::append_host(name, entry);
  if (kind == HostKind::name) names_.push_back(std::move(name));
}

bool NoProxy::matches(const Url& url) const {
  if (all_) return true;
  if (url.host_kind() == HostKind::name) {
    const std::string_view host = undotted(url.host());
    return std::ranges::any_of(names_, [&](const std::string& name) { return is_below(host, name); });
  }
  if (blocks_.empty()) return false;
  const auto address = IpAddress::parse(url.host());
  return address && std::ranges::any_of(blocks_, [&](const Block& block) {
           return block.address.kind == address->kind && share_prefix(block.address, *address, block.bits);
         });
}

ProxyEnvironment ProxyEnvironment::read(const std::function<std::optional<std::string>(const std::string&)>& variable) {
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (auto text = variable(name); text && !text->empty()) return *std::move(text);
    }
    return std::string();
  };
  return {.http_proxy = first_of({"http_proxy"}),
          .https_proxy = first_of({"https_proxy", "HTTPS_PROXY"}),
          .all_proxy = first_of({"all_proxy", "ALL_PROXY"}),
          .no_proxy = first_of({"no_proxy", "NO_PROXY"})};
}

const std::string& ProxyEnvironment::proxy_for(bool https) const {
  const std::string& own = https ? https_proxy : http_proxy;
  return own.empty() ? all_proxy : own;
}

std::shared_ptr<const ProxyChooser> make_proxy_chooser(ProxyRules rules) {
  return std::make_shared<const ChosenProxies>(std::move(rules));
}

}  // namespace sluice
