// See error_text.hpp.
#include "adapters/cli/error_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace sluice::cli {

namespace {

std::size_t authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  return scheme == std::string_view::npos ? 0 : scheme + 3;
}

// Whether host and port, with an '@' later in the URL, may be meant as a user and the start of a password.
bool may_hold_password(std::string_view url) {
  const std::string_view rest = url.substr(authority_of(url));
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const bool has_port = !rest.starts_with('[') && rest.substr(0, end).find(':') != std::string_view::npos;
  return has_port && rest.substr(end).find('@') != std::string_view::npos;
}

std::string without_password(std::string_view url) {
  const std::size_t end = url.find_first_of("/?#", authority_of(url));
  const std::size_t at = url.rfind('@');
  if (end == std::string_view::npos || at == std::string_view::npos || at <= end + 1) return std::string(url);
  return std::string(url.substr(0, end + 1)).append("***").append(url.substr(at));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  if (from.empty() || from == to) return;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string shown_url(const Operation& operation) {
  return may_hold_password(operation.given_url) ? without_password(operation.given_url) : operation.given_url;
}

std::string error_text(const Operation& operation, std::string_view message) {
  std::string text(message);
  // A message about an invalid URL shows parts of it at most; a message about a transfer begins with the method.
  const std::string parsed = operation.url.text_without_secrets();
  const bool names_it =
      text.find(operation.refused || parsed.empty() ? operation.given_url : parsed) != std::string::npos;
  if (!names_it || (operation.refused && !operation.given_url.empty())) text.insert(0, operation.given_url + ": ");
  if (!may_hold_password(operation.given_url)) return text;
  replace_all(text, parsed, without_password(parsed));
  replace_all(text, operation.given_url, without_password(operation.given_url));
  return text;
}

bool is_of_proxy(std::string_view message) {
  constexpr std::string_view kHandshake = "TLS handshake with ", kResponse = "response: ";
  for (const std::string_view task : {kHandshake, kResponse}) {
    const std::size_t at = message.find(task);
    if (at != std::string_view::npos && message.substr(at + task.size()).starts_with("the proxy ")) return true;
  }
  return false;
}

std::string hint_text(const Error& error, const Settings& settings) {
  if (is_of_proxy(error.context)) return {};   // the options below are about the origin
  constexpr int kNoApplicationProtocol = 120;  // RFC 7301 3.2
  if (error.code == Code::tls_handshake && error.detail == kNoApplicationProtocol &&
      settings.http_versions == HttpVersions::http2_prior_knowledge) {
    return "; --http2 takes HTTP/1.1 too";
  }
  if (error.code != Code::not_http) return {};
  if (error.detail == 2) return "; try --http2-prior-knowledge";
  // --http0.9 does not accept other versions of HTTP.
  const bool other_version = error.context.find(" at \"HTTP/") != std::string::npos;
  return other_version || settings.http0_9 ? "" : " (--http0.9 takes it as a body)";
}

std::string request_name(const Request& request) { return request.method + " " + request.url.text_without_secrets(); }

std::string status_text(const ResponseHead& head) {
  return std::to_string(head.status) + (head.reason.empty() ? "" : " " + head.reason);
}

std::string retry_text(const Request& request, const output::HopDone& hop, std::uint32_t left) {
  char wait[32];
  std::snprintf(wait, sizeof wait, "%.1f", std::chrono::duration<double>(hop.wait).count());
  const std::string what = hop.failure ? hop.failure->message() : "the server answered " + status_text(hop.head);
  return request_name(request) + ": " + what + ": tried again in " + wait + " s (" + std::to_string(left) +
         " retries left)";
}

}  // namespace sluice::cli
