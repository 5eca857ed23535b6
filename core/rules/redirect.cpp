// See redirect.hpp.
#include "core/rules/redirect.hpp"

#include <algorithm>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/ascii.hpp"

namespace sluice::rules {

namespace {

// Fields that hold no secret and say what the application wants. Every other field is for the origin that it was sent
// to first.
constexpr std::string_view kCommonFields[] = {
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Cache-Control",
    "Content-Encoding",
    "Content-Language",
    "Content-Type",
    "DNT",
    "Expect",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Pragma",
    "Priority",
    "Range",
    "Referer",
    "TE",
    "User-Agent",
};
// Fields that describe the body, beside those that begin with "Content-" (RFC 9110 15.4).
constexpr std::string_view kBodyFields[] = {"Digest",      "Expect",  "Last-Modified",
                                            "Repr-Digest", "Trailer", "Transfer-Encoding"};

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view one) { return equals_ignoring_case(one, name); });
}

bool describes_body(std::string_view name) {
  constexpr std::string_view kPrefix = "Content-";
  return equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix) || is_in(kBodyFields, name);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error about(int status, Code code, std::string_view what) {
  Error error = make_error(code, "redirect by status " + std::to_string(status) + ": " + std::string(what));
  if (error.blame == Blame::caller) error.blame = Blame::peer;  // the server has chosen the URL
  return error;
}

// Fields::add can fail for lack of memory only, as these fields were in a request before.
void copy_field(Fields& to, const Field& field) {
  if (!to.add(field.name, field.value)) throw std::bad_alloc();
}

// The reference of the response; nullopt: there is none, or it is empty, as some servers send it. Error: there are two
// that differ.
Result<std::optional<std::string>> location(const ResponseHead& head) {
  std::optional<std::string_view> found;
  for (const Field& field : head.fields) {
    if (!equals_ignoring_case(field.name, "Location") || field.value.empty()) continue;
    if (found && *found != field.value) {
      return std::unexpected(about(head.status, Code::malformed_response, "two different Location fields"));
    }
    found = field.value;
  }
  if (!found) return std::nullopt;
  return encode_spaces(*found);
}

// RFC 9110 10.2.2: a reference without a fragment has that of the request's URL.
Result<Url> target(const Redirected& what, const std::string& reference) {
  auto url = what.request.url.resolve(reference);
  const auto fragment = what.request.url.fragment();
  if (url && !url->fragment() && fragment) url = url->resolve("#" + std::string(*fragment));
  if (url) url = url->without_userinfo();
  if (!url && url.error().code == Code::out_of_memory) throw std::bad_alloc();
  if (!url) return std::unexpected(about(what.head.status, url.error().code, url.error().message()));
  if (!(url->is_tls() ? what.options.https : what.options.http)) {
    return std::unexpected(about(what.head.status, Code::unsupported_scheme,
                                 "leads to " + url->text_without_secrets() + ", and the scheme " +
                                     std::string(url->scheme()) + " is not allowed here"));
  }
  return url;
}

// Whether the next request has no body (RFC 9110 15.4.2 to 15.4.4). Where the method is kept, the method does not say
// what the application would have sent, so it counts as POST.
bool drops_body(int status, std::string_view method, const RedirectOptions& options) {
  const bool post = method == "POST" || options.keep_method;
  switch (status) {
    case 301:
      return post && !options.keep_post_301;
    case 302:
      return post && !options.keep_post_302;
    case 303:
      return post ? !options.keep_post_303 : method != "HEAD" && method != "GET";
    default:
      return false;
  }
}

bool same_origin(const Url& one, const Url& two) { return one.origin() == two.origin(); }

// The fields of the next request, in their order.
Fields fields_for(const Redirected& what, const Url& next, bool body_dropped) {
  const bool same = same_origin(next, what.request.url);
  const bool downgrade = what.request.url.is_tls() && !next.is_tls();
  Fields fields;
  for (const Field& field : what.request.fields) {
    if (body_dropped && describes_body(field.name)) continue;
    // SB-32
    if (equals_ignoring_case(field.name, "Referer") && (downgrade || what.options.auto_referer)) continue;
    const bool trusted = what.options.trust_other_origins && !equals_ignoring_case(field.name, "Host");
    if (same || trusted || is_in(kCommonFields, field.name)) copy_field(fields, field);
  }
  if (!what.options.auto_referer || downgrade) return fields;
  auto from = what.request.url.without_userinfo();
  if (!from) throw std::bad_alloc();
  copy_field(fields, {"Referer", std::string_view(from->text()).substr(0, from->text().find('#'))});
  return fields;
}

}  // namespace

Result<std::optional<Redirect>> redirect(const Redirected& what) {
  const int status = what.head.status;
  if (!is_redirect(status)) return std::nullopt;
  const auto reference = location(what.head);
  if (!reference) return std::unexpected(reference.error());
  if (!*reference) return std::nullopt;
  auto url = target(what, **reference);
  if (!url) return std::unexpected(std::move(url.error()));
  if (what.redirects >= what.options.max_redirects) {
    return std::unexpected(about(status, Code::too_many_redirects,
                                 "leads to " + url->text_without_secrets() + ", and " + std::to_string(what.redirects) +
                                     " were followed already, the most allowed"));
  }
  Redirect result;
  const std::string_view method = effective_method(what.request);
  const bool body_dropped = drops_body(status, method, what.options);
  result.same_body = !body_dropped;
  result.request.method = body_dropped && !what.options.keep_method ? "GET" : method;
  result.request.fields = fields_for(what, *url, body_dropped);
  result.request.url = *std::move(url);
  return result;
}

}  // namespace sluice::rules
