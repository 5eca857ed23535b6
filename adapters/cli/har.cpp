// See har.hpp.
#include "adapters/cli/har.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "adapters/cli/text.hpp"
#include "adapters/cli/verbose.hpp"
#include "adapters/cli/version.hpp"
#include "adapters/cli/write_out_json.hpp"
#include "core/base/ascii.hpp"
#include "core/fields.hpp"
#include "core/http_date.hpp"
#include "core/redaction.hpp"

namespace sluice::cli {
namespace {

// Names and values in order; they may be of any bytes.
using Pairs = std::vector<std::pair<std::string, std::string>>;

void add(JsonObject& object, std::string_view name, std::string_view text) { object.add_text(name, utf8_text(text)); }

JsonObject pair_object(std::string_view name, std::string_view value) {
  JsonObject object;
  add(object, "name", name);
  add(object, "value", value);
  return object;
}

std::string pairs_json(const Pairs& pairs) {
  std::vector<std::string> elements;
  for (const auto& [name, value] : pairs) elements.push_back(pair_object(name, value).text());
  return json_array(elements);
}

// In milliseconds; -1: it does not apply.
std::string time_json(const std::optional<Duration>& time) {
  if (!time) return "-1";
  std::string digits;
  const auto all = std::chrono::duration_cast<std::chrono::microseconds>(*time).count();
  append_padded(digits, static_cast<int>(all % 1000), 3);
  return std::to_string(all / 1000) + "." + digits;
}

// The times of a hop, one after the other without a gap.
struct Timings {
  std::optional<Duration> blocked = {}, dns = {}, connect = {}, ssl = {};
  Duration send = {}, wait = {}, receive = {};

  // `ssl` is a part of `connect`.
  Duration all() const {
    const Duration zero = {};
    return blocked.value_or(zero) + dns.value_or(zero) + connect.value_or(zero) + send + wait + receive;
  }
};

Timings timings_of(const HarHop& facts) {
  const Progress& progress = facts.hop.progress;
  Timings times;
  const Instant done = std::max(progress.done.value_or(progress.queued), progress.queued);
  // Without a connection the parts of the wait for one are not known.
  if (!progress.connected) {
    times.blocked = done - progress.queued;
    return times;
  }
  const bool is_tls = facts.hop.url.is_tls();
  const Instant resolved = progress.resolved.value_or(*progress.connected);
  // If the handshake has failed, all that was left is its time.
  const Instant ready = std::max(is_tls ? progress.secured.value_or(done) : *progress.connected, resolved);
  // A connection that was made for another transfer has all of these times at once.
  const bool is_made = !facts.hop.reused && *progress.connected > resolved;
  if (!is_made) {
    times.blocked = ready - progress.queued;
  } else {
    const bool is_name = facts.hop.url.host_kind() == HostKind::name && facts.peer.kind != IpAddress::Kind::none;
    const Duration before = resolved - progress.queued;
    // How much of it was a wait before the name was looked up is not known.
    (is_name ? times.dns : times.blocked) = before;
    times.connect = ready - resolved;
    if (is_tls) times.ssl = ready - *progress.connected;
  }
  // A response may come before the request is sent.
  const Instant end = std::max(done, ready);
  const Instant first_byte = std::clamp(progress.first_byte.value_or(end), ready, end);
  const Instant sent = std::clamp(progress.sent.value_or(first_byte), ready, first_byte);
  times.send = sent - ready;
  times.wait = first_byte - sent;
  times.receive = end - first_byte;
  return times;
}

std::string timings_json(const Timings& times) {
  JsonObject object;
  object.add_json("blocked", time_json(times.blocked));
  object.add_json("dns", time_json(times.dns));
  object.add_json("connect", time_json(times.connect));
  object.add_json("ssl", time_json(times.ssl));
  object.add_json("send", time_json(times.send));
  object.add_json("wait", time_json(times.wait));
  object.add_json("receive", time_json(times.receive));
  return object.text();
}

// The lines of a request's head after the first. The head is sluice's own, so no line is folded.
Pairs request_fields(std::string_view head) {
  Pairs fields;
  std::size_t end = head.find("\r\n");
  while (end != std::string_view::npos) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      fields.emplace_back(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
  }
  return fields;
}

Pairs response_fields(const Fields& fields) {
  Pairs pairs;
  for (const Field field : fields) pairs.emplace_back(field.name, field.value);
  return pairs;
}

std::string shown_fields(Pairs fields, bool secrets) {
  for (auto& [name, value] : fields) {
    if (!secrets) value = without_userinfo(redacted_value(name, value));
  }
  return pairs_json(fields);
}

std::string value_of(const Pairs& fields, std::string_view name) {
  const auto has_name = [&](const auto& field) { return equals_ignoring_case(field.first, name); };
  const auto found = std::ranges::find_if(fields, has_name);
  return found == fields.end() ? "" : found->second;
}

// "name=value"; without '=' all is the value (RFC 6265bis 5.6).
JsonObject cookie_object(std::string_view pair, bool secrets) {
  const std::size_t equals = pair.find('=');
  const std::string_view name = equals == std::string_view::npos ? "" : trim_blanks(pair.substr(0, equals));
  const std::string_view value = trim_blanks(equals == std::string_view::npos ? pair : pair.substr(equals + 1));
  return pair_object(name, secrets ? value : kRedacted);
}

// Removes the part up to the next ';' from the front of `text` and returns it.
std::string_view next_part(std::string_view& text) {
  const std::size_t end = std::min(text.find(';'), text.size());
  const std::string_view part = trim_blanks(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::string sent_cookies(const Pairs& fields, bool secrets) {
  std::vector<std::string> cookies;
  for (const auto& [name, value] : fields) {
    if (!equals_ignoring_case(name, "cookie")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::string_view pair = next_part(rest);
      if (!pair.empty()) cookies.push_back(cookie_object(pair, secrets).text());
    }
  }
  return json_array(cookies);
}

std::string received_cookie(std::string_view text, UnixSeconds now, bool secrets) {
  JsonObject cookie = cookie_object(next_part(text), secrets);
  std::string_view path, domain, same_site;
  std::optional<UnixSeconds> expires;
  bool is_secure = false, is_http_only = false;
  while (!text.empty()) {
    const std::string_view attribute = next_part(text);
    const std::size_t equals = attribute.find('=');
    const std::string_view name = trim_blanks(attribute.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : trim_blanks(attribute.substr(equals + 1));
    if (equals_ignoring_case(name, "path")) path = value;
    if (equals_ignoring_case(name, "domain")) domain = value;
    if (equals_ignoring_case(name, "samesite")) same_site = value;
    if (equals_ignoring_case(name, "expires")) expires = parse_http_date(value, now);
    if (equals_ignoring_case(name, "secure")) is_secure = true;
    if (equals_ignoring_case(name, "httponly")) is_http_only = true;
  }
  if (!path.empty()) add(cookie, "path", path);
  if (!domain.empty()) add(cookie, "domain", domain);
  if (expires) add(cookie, "expires", iso_time(std::chrono::seconds(*expires)));
  cookie.add_json("httpOnly", is_http_only ? "true" : "false");
  cookie.add_json("secure", is_secure ? "true" : "false");
  if (!same_site.empty()) add(cookie, "sameSite", same_site);
  return cookie.text();
}

// As a form's fields are decoded; text that cannot be is left as it is.
std::string decoded(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced).value_or(std::string(text));
}

std::string query_json(const Url& url) {
  Pairs pairs;
  std::string_view rest = url.query().value_or("");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    pairs.emplace_back(decoded(part.substr(0, equals)), decoded(value));
  }
  return pairs_json(pairs);
}

std::string request_json(const HarHop& facts, bool secrets) {
  const std::string_view head = facts.request_head;
  const Url& url = facts.hop.url;
  const std::string text = secrets ? url.text() : url.text_without_secrets();
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const Pairs fields = request_fields(head);
  JsonObject request;
  add(request, "method", facts.hop.method);
  add(request, "url", std::string_view(text).substr(0, text.find('#')));
  add(request, "httpVersion", head.empty() ? "HTTP/1.1" : line.substr(line.rfind(' ') + 1));
  request.add_json("cookies", sent_cookies(fields, secrets));
  request.add_json("headers", shown_fields(fields, secrets));
  request.add_json("queryString", query_json(url));
  if (facts.hop.progress.sent_body_bytes > 0) {
    JsonObject data;
    add(data, "mimeType", value_of(fields, "content-type"));
    add(data, "text", "");
    add(data, "comment", "the content is not recorded");
    request.add_json("postData", data.text());
  }
  if (head.empty()) {
    request.add_number("headersSize", -1);
  } else {
    request.add_number("headersSize", head.size());
  }
  request.add_number("bodySize", facts.hop.progress.sent_body_bytes);
  return request.text();
}

std::string version_text_of(const ResponseHead& head) { return "HTTP/" + version_number(head.version); }

std::string content_json(const Progress& progress, std::string_view type) {
  const std::uint64_t received = progress.received_body_bytes, decoded = progress.decoded_body_bytes;
  JsonObject content;
  content.add_number("size", decoded != 0 ? decoded : received);
  if (decoded != 0) {
    content.add_number("compression", static_cast<std::int64_t>(decoded) - static_cast<std::int64_t>(received));
  }
  add(content, "mimeType", type);
  return content.text();
}

std::string response_json(const HarHop& facts, const HarClock& clock, bool secrets) {
  const ResponseHead none;
  const bool has_come = facts.response.has_value();
  const ResponseHead& head = has_come ? *facts.response : none;
  const UnixSeconds now = std::chrono::floor<std::chrono::seconds>(clock.wall).count();
  const Pairs fields = response_fields(head.fields);
  std::vector<std::string> cookies;
  for (const auto& [name, value] : fields) {
    if (equals_ignoring_case(name, "set-cookie")) cookies.push_back(received_cookie(value, now, secrets));
  }
  const bool is_redirect = head.status >= 300 && head.status < 400;
  const std::string location = is_redirect ? value_of(fields, "location") : "";
  JsonObject response;
  response.add_number("status", head.status);
  add(response, "statusText", head.reason);
  add(response, "httpVersion", has_come ? version_text_of(head) : "");
  response.add_json("cookies", json_array(cookies));
  response.add_json("headers", shown_fields(fields, secrets));
  response.add_json("content", content_json(facts.hop.progress, value_of(fields, "content-type")));
  add(response, "redirectURL", secrets ? location : without_userinfo(location));
  if (has_come) {
    response.add_number("headersSize", head_text(head).size());
    response.add_number("bodySize", facts.hop.progress.received_body_bytes);
  } else {
    response.add_number("headersSize", -1);
    response.add_number("bodySize", -1);
  }
  if (!facts.error.empty()) add(response, "_error", one_line(facts.error));
  return response.text();
}

}  // namespace

std::string iso_time(std::chrono::milliseconds since_1970) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
  const CalendarTime time = calendar_time(seconds.count());
  std::string text;
  append_padded(text, time.year, 4);
  text += '-';
  append_padded(text, time.month, 2);
  text += '-';
  append_padded(text, time.day, 2);
  text += 'T';
  append_clock(text, time);
  text += '.';
  append_padded(text, static_cast<int>((since_1970 - seconds).count()), 3);
  return text + 'Z';
}

std::string har_entry(const HarHop& facts, const HarClock& clock, bool secrets) {
  const auto begun =
      clock.wall + std::chrono::floor<std::chrono::microseconds>(facts.hop.progress.queued - clock.steady);
  const Timings times = timings_of(facts);
  JsonObject entry;
  add(entry, "startedDateTime", iso_time(std::chrono::floor<std::chrono::milliseconds>(begun)));
  entry.add_json("time", time_json(times.all()));
  entry.add_json("request", request_json(facts, secrets));
  entry.add_json("response", response_json(facts, clock, secrets));
  entry.add_json("cache", "{}");
  entry.add_json("timings", timings_json(times));
  if (facts.peer.kind != IpAddress::Kind::none) add(entry, "serverIPAddress", facts.peer.to_string());
  if (facts.connection) add(entry, "connection", std::to_string(*facts.connection));
  if (!facts.error.empty()) add(entry, "comment", one_line(facts.error));
  return entry.text();
}

std::string har_document(const std::vector<std::string>& entries) {
  JsonObject creator;
  add(creator, "name", "sluice");
  add(creator, "version", kVersion);
  std::string out = R"({"log":{"version":"1.2","creator":)" + creator.text() + R"(,"pages":[],"entries":[)";
  for (std::size_t i = 0; i < entries.size(); ++i) out += (i == 0 ? "\n" : ",\n") + entries[i];
  return out + "\n]}}\n";
}

}  // namespace sluice::cli
