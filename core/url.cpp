// See url.hpp. Here: a URL is split into its parts (RFC 3986 appendix B) and built again in normal form, and references
// are resolved (5.2). Leaves to others: hosts (url/host.cpp), percent-encoding (url/percent.cpp) and edits
// (url/edit.cpp).
#include "core/url.hpp"

#include <algorithm>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/base/memory.hpp"
#include "core/fields.hpp"
#include "core/url/host.hpp"
#include "core/url/percent.hpp"

namespace sluice {
namespace {

constexpr std::size_t kShownBytes = 80;  // the longest part of a URL that a message shows
constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

Error invalid(std::string_view what) {
  return make_error(Code::invalid_url, std::string("invalid URL: ").append(what));
}

std::string hex_byte(char c) {
  std::string text = "0x";
  append_hex(text, c);
  return text;
}

// Refuses bytes that no part of a URL may hold. The message tells their position and does not show the text around
// them.
Result<void> check_bytes(std::string_view text) {
  if (text.size() > limits::kMaxUrlBytes) {
    return std::unexpected(invalid(std::to_string(text.size()) + " bytes long, more than the " +
                                   std::to_string(limits::kMaxUrlBytes) + " allowed"));
  }
  const auto bad = std::find_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f || c == '\\';
  });
  if (bad == text.end()) return {};
  std::string what = *bad == ' ' ? "a space" : *bad == '\\' ? "a backslash" : "the control byte " + hex_byte(*bad);
  return std::unexpected(invalid(what.append(" at byte ").append(std::to_string(bad - text.begin()))));
}

struct Parts {
  std::optional<std::string_view> scheme;
  std::optional<std::string_view> authority;
  std::string_view path;
  std::optional<std::string_view> query;
  std::optional<std::string_view> fragment;
};

bool is_scheme(std::string_view text) {
  const auto is_alpha = [](char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; };
  return !text.empty() && is_alpha(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

// The split of RFC 3986 appendix B. A colon before the first '/', '?' or '#' must end a scheme (4.2).
Result<Parts> split(std::string_view text) {
  Parts parts;
  if (const std::size_t mark = text.find('#'); mark != std::string_view::npos) {
    parts.fragment = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
    parts.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (const std::size_t mark = text.find_first_of(":/"); mark != std::string_view::npos && text[mark] == ':') {
    parts.scheme = text.substr(0, mark);
    if (!is_scheme(*parts.scheme)) return std::unexpected(invalid("the text before the first ':' is no scheme"));
    text.remove_prefix(mark + 1);
  }
  if (text.starts_with("//")) {
    const std::size_t end = std::min(text.find('/', 2), text.size());
    parts.authority = text.substr(2, end - 2);
    text.remove_prefix(end);
  }
  parts.path = text;
  return parts;
}

// RFC 3986 5.2.4, in place on out[begin..], which begins with '/'. The write position never passes the read position.
void remove_dot_segments(std::string& out, std::size_t begin) {
  std::size_t write = begin;
  std::size_t read = begin;
  while (read < out.size()) {
    const std::size_t end = std::min(out.find('/', read + 1), out.size());
    const std::string_view segment = std::string_view(out).substr(read + 1, end - read - 1);
    const bool up = segment == "..";
    if (up || segment == ".") {
      if (up && write > begin) write = out.rfind('/', write - 1);
      if (end == out.size()) out[write++] = '/';
    } else {
      std::copy(out.begin() + static_cast<std::ptrdiff_t>(read), out.begin() + static_cast<std::ptrdiff_t>(end),
                out.begin() + static_cast<std::ptrdiff_t>(write));
      write += end - read;
    }
    read = end;
  }
  out.resize(write);
}

}  // namespace

// Builds one URL from its parts, from left to right.
class UrlBuilder {
 public:
  // `source` is the whole text: a part of it that is followed by an '@' may be a misplaced user or password, so a
  // message does not show it. `source` must live as long as this object.
  explicit UrlBuilder(std::string_view source) : source_(source) {}

  Result<Url> absolute(const Parts& parts) {
    if (auto ok = scheme(parts); !ok) return std::unexpected(std::move(ok).error());
    return with_authority(parts);
  }

  Result<Url> reference(const Url& base, const Parts& parts) {
    Url& u = url_;
    if (parts.authority) {
      u.text_ = base.part(0, base.user_begin_);
      u.scheme_end_ = base.scheme_end_;
      return with_authority(parts);
    }
    u.text_.reserve(base.path_end_ + source_.size() + 1);
    u = prefix_of(base, std::move(u.text_));
    std::string_view path = parts.path;
    if (path.empty()) {
      u.text_ += base.path();
    } else if (path.front() != '/') {
      u.text_ += base.path().substr(0, base.path().rfind('/') + 1);  // 5.2.3
    }
    const bool same_query = path.empty() && !parts.query;
    return finish(path, same_query ? base.query() : parts.query, parts.fragment);
  }

 private:
  Result<void> scheme(const Parts& parts) {
    if (!parts.scheme) return std::unexpected(invalid("no scheme, where http:// or https:// is needed"));
    const bool http = equals_ignoring_case(*parts.scheme, "http");
    if (!http && !equals_ignoring_case(*parts.scheme, "https")) {
      // Without "//" it may be the user of user:password@host.
      std::string what = "unsupported scheme";
      if (parts.authority) what.append(" \"").append(parts.scheme->substr(0, kShownBytes)).append("\"");
      return std::unexpected(make_error(Code::unsupported_scheme, what.append(", where http or https is needed")));
    }
    if (!parts.authority) return std::unexpected(invalid("no \"//\" and host after the scheme"));
    url_.text_.reserve(source_.size() + 1);
    url_.text_ = http ? "http" : "https";
    url_.scheme_end_ = here();
    url_.text_ += "://";
    return {};
  }

  Result<Url> with_authority(const Parts& parts) {
    // RFC 3986 ends the host here. Other parsers take what follows the '@' for the host, so such a URL is refused.
    const bool hidden = parts.path.empty() && ((parts.query && parts.query->starts_with('@')) ||
                                               (!parts.query && parts.fragment && parts.fragment->starts_with('@')));
    if (hidden) return std::unexpected(invalid("an '@' right after the '?' or '#' that ends the host"));
    std::string_view host = *parts.authority;
    if (auto ok = userinfo(host); !ok) return std::unexpected(std::move(ok).error());
    if (auto ok = host_and_port(host); !ok) return std::unexpected(std::move(ok).error());
    return finish(parts.path, parts.query, parts.fragment);
  }

  // Removes the userinfo from the front of `authority` and writes it.
  Result<void> userinfo(std::string_view& authority) {
    url_.user_begin_ = here();
    const std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
      const std::string_view userinfo = authority.substr(0, at);
      authority.remove_prefix(at + 1);
      if (userinfo.find('@') != std::string_view::npos) {
        return std::unexpected(invalid("more than one '@' before the path (in a user or password it is written %40)"));
      }
      // An IPv6 literal as user: some parsers would connect to it.
      if (userinfo.find_first_of("[]") != std::string_view::npos) {
        return std::unexpected(invalid("a '[' or ']' in the userinfo (there it is written %5B or %5D)"));
      }
      const std::size_t colon = std::min(userinfo.find(':'), userinfo.size());
      url::append_encoded(url_.text_, userinfo.substr(0, colon), url::kUserinfoChars, url::LonePercent::encode);
      url_.user_end_ = here();
      url::append_encoded(url_.text_, userinfo.substr(colon), url::kUserinfoChars, url::LonePercent::encode);
      url_.password_end_ = here();
      if (!userinfo.empty()) url_.text_ += '@';
    } else {
      url_.user_end_ = url_.password_end_ = here();
    }
    return {};
  }

  Result<void> host_and_port(std::string_view text) {
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
      const std::size_t close = text.find(']');
      if (close == std::string_view::npos) return std::unexpected(bad_part("host", text, "has a '[' but no ']'"));
      if (auto ok = ipv6(text.substr(1, close - 1)); !ok) return ok;
      port = text.substr(close + 1);
      if (!port.empty() && port.front() != ':') {
        return std::unexpected(
            bad_part("host", text, "goes on after its ']' with something other than ':' and a port"));
      }
      has_port = !port.empty();
      if (has_port) port.remove_prefix(1);
    } else {
      const std::size_t colon = std::min(text.find(':'), text.size());
      has_port = colon < text.size();
      if (has_port) port = text.substr(colon + 1);
      const std::string_view host = text.substr(0, colon);
      url_.host_begin_ = here();
      const auto kind = url::append_host(url_.text_, host);
      if (!kind) return std::unexpected(bad_part("host", host, kind.error()));
      url_.host_kind_ = *kind;
      url_.host_end_ = url_.zone_end_ = here();
    }
    return port_number(port, has_port);
  }

  Result<void> ipv6(std::string_view literal) {
    // The zone follows a '%', as people write it (RFC 9844), or "%25", a percent-encoded '%' (RFC 6874).
    const std::size_t percent = std::min(literal.find('%'), literal.size());
    url_.text_ += '[';
    url_.host_begin_ = here();
    if (const auto ok = url::append_ipv6(url_.text_, literal.substr(0, percent)); !ok) {
      return std::unexpected(bad_part("host", literal, ok.error()));
    }
    url_.host_kind_ = HostKind::ipv6;
    url_.host_end_ = here();
    if (percent < literal.size()) {
      const std::string_view zone = literal.substr(percent);
      const bool encoded = zone.starts_with("%25") && zone.size() > 3;
      if (zone.size() == 1) return std::unexpected(bad_part("zone of the host", literal, "is empty"));
      url_.text_ += "%25";
      // SB-09: a percent-encoded NUL is not a zone.
      const bool is_plain = encoded || (zone.find('%', 1) == std::string_view::npos && !zone.starts_with("%00"));
      if (!is_plain || !url::append_unreserved(url_.text_, zone.substr(encoded ? 3 : 1))) {
        return std::unexpected(
            bad_part("zone of the host", literal, "holds more than letters, digits, '-', '.', '_' and '~'"));
      }
    }
    url_.zone_end_ = here();
    url_.text_ += ']';
    return {};
  }

  Result<void> port_number(std::string_view text, bool present) {
    const std::uint16_t standard = url_.is_tls() ? kHttpsPort : kHttpPort;
    url_.port_ = standard;
    if (present && !text.empty()) {  // an empty port is the default (6.2.3)
      std::uint32_t value = 0;
      for (const char c : text) {
        if (c < '0' || c > '9') return std::unexpected(no_number(text));
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
        if (value > 0xffff) return std::unexpected(bad_part("port", text, "is larger than 65535"));
      }
      if (value == 0) return std::unexpected(bad_part("port", text, "cannot be connected to"));
      url_.port_ = static_cast<std::uint16_t>(value);
      url_.explicit_port_ = value != standard;
      if (url_.explicit_port_) url_.text_.append(":").append(std::to_string(value));
    }
    url_.path_begin_ = here();
    return {};
  }

  // Writes what follows the authority. text_ may hold the beginning of the path already.
  Result<Url> finish(std::string_view path, std::optional<std::string_view> query,
                     std::optional<std::string_view> fragment) {
    std::string& text = url_.text_;
    url::append_encoded(text, path, url::kPathChars, url::LonePercent::keep);
    if (text.size() == url_.path_begin_) text += '/';
    remove_dot_segments(text, url_.path_begin_);
    url_.path_end_ = here();
    if (query) {
      text += '?';
      url::append_encoded(text, *query, url::kQueryChars, url::LonePercent::keep);
    }
    url_.query_end_ = here();
    if (fragment) {
      text += '#';
      url::append_encoded(text, *fragment, url::kQueryChars, url::LonePercent::keep);
    }
    // Percent-encoding may have made it longer than the text that was given.
    if (text.size() > limits::kMaxUrlBytes) {
      return std::unexpected(invalid("in normal form it is " + std::to_string(text.size()) +
                                     " bytes long, more than the " + std::to_string(limits::kMaxUrlBytes) +
                                     " allowed"));
    }
    return std::move(url_);
  }

  // A URL that ends where the path of `base` begins. It reuses the memory of `text`.
  static Url prefix_of(const Url& base, std::string text) {
    Url u;
    u.text_ = std::move(text);
    u.text_ += base.part(0, base.path_begin_);
    u.scheme_end_ = base.scheme_end_;
    u.user_begin_ = base.user_begin_;
    u.user_end_ = base.user_end_;
    u.password_end_ = base.password_end_;
    u.host_begin_ = base.host_begin_;
    u.host_end_ = base.host_end_;
    u.zone_end_ = base.zone_end_;
    u.path_begin_ = base.path_begin_;
    u.port_ = base.port_;
    u.host_kind_ = base.host_kind_;
    u.explicit_port_ = base.explicit_port_;
    return u;
  }

  // The cast cannot overflow: text_ has at most three bytes for each of 2 * kMaxUrlBytes.
  std::uint32_t here() const { return static_cast<std::uint32_t>(url_.text_.size()); }

  // The message shows `part`, a view into source_, unless it may be a secret.
  Error bad_part(std::string_view name, std::string_view part, std::string_view reason) const {
    std::string what(name);
    const bool may_show = !part.empty() && !has_at_after(part);
    if (may_show) what.append(" \"").append(part.substr(0, kShownBytes)).append("\"");
    return invalid(what.append(" ").append(reason));
  }

  bool has_at_after(std::string_view part) const {
    const auto end = static_cast<std::size_t>(part.data() - source_.data()) + part.size();
    return source_.find('@', end) != std::string_view::npos;
  }

  Error no_number(std::string_view port) const {
    if (!has_at_after(port)) return bad_part("port", port, "is no number");
    return invalid(
        "the first '/', '?' or '#' ends the host, and an '@' comes after it (in a user or password they are written %2F, "
        "%3F and %23)");
  }

  std::string_view source_;
  Url url_;
};

// std::string reports a lack of memory as an exception, which must not leave these functions.
Result<Url> Url::parse(std::string_view text) {
  return or_out_of_memory([&]() -> Result<Url> {
    if (auto ok = check_bytes(text); !ok) return std::unexpected(std::move(ok).error());
    const Result<Parts> parts = split(text);
    if (!parts) return std::unexpected(parts.error());
    return UrlBuilder(text).absolute(*parts);
  });
}

Result<Url> Url::resolve(std::string_view reference) const {
  return or_out_of_memory([&]() -> Result<Url> {
    if (text_.empty()) return parse(reference);
    if (auto ok = check_bytes(reference); !ok) return std::unexpected(std::move(ok).error());
    const Result<Parts> parts = split(reference);
    if (!parts) return std::unexpected(parts.error());
    if (parts->scheme) return UrlBuilder(reference).absolute(*parts);
    return UrlBuilder(reference).reference(*this, *parts);
  });
}

// A URL that was moved from still has offsets, but no text.
std::string_view Url::part(std::size_t begin, std::size_t end) const {
  if (end > text_.size() || begin > end) return {};
  return std::string_view(text_).substr(begin, end - begin);
}

std::string_view Url::scheme() const { return part(0, scheme_end_); }
bool Url::is_tls() const { return scheme() == "https"; }
bool Url::has_userinfo() const { return password_end_ > user_begin_; }
std::string_view Url::user() const { return part(user_begin_, user_end_); }
std::string_view Url::password() const {
  return password_end_ > user_end_ ? part(user_end_ + 1, password_end_) : std::string_view();
}
std::string_view Url::host() const { return part(host_begin_, host_end_); }
HostKind Url::host_kind() const { return host_kind_; }
std::string_view Url::zone() const {
  return zone_end_ > host_end_ ? part(host_end_ + 3, zone_end_) : std::string_view();
}
std::uint16_t Url::port() const { return port_; }
bool Url::has_explicit_port() const { return explicit_port_; }
std::string_view Url::path() const { return part(path_begin_, path_end_); }

std::optional<std::string_view> Url::query() const {
  if (query_end_ <= path_end_) return std::nullopt;
  return part(path_end_ + 1, query_end_);
}

std::optional<std::string_view> Url::fragment() const {
  if (text_.size() <= query_end_) return std::nullopt;
  return part(query_end_ + 1, text_.size());
}

std::string_view Url::target() const { return part(path_begin_, query_end_); }

std::string Url::authority() const {
  if (host_kind_ != HostKind::ipv6) return std::string(part(host_begin_, path_begin_));
  std::string out("[");
  out.append(host()).append(part(zone_end_, path_begin_));  // from the ']' on
  return out;
}

std::string Url::origin() const {
  std::string out(part(0, user_begin_));
  out.append(part(host_kind_ == HostKind::ipv6 ? host_begin_ - 1 : host_begin_, path_begin_));
  if (!explicit_port_) out.append(":").append(std::to_string(port_));
  return out;
}

const std::string& Url::text() const { return text_; }

std::string Url::text_without_secrets() const {
  if (!has_userinfo()) return text_;
  std::string out(part(0, user_begin_));
  return out.append(part(password_end_ + 1, text_.size()));
}

}  // namespace sluice
