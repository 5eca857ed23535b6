// See aws_sigv4.hpp. The names of the steps are those of Amazon's documentation.
#include "core/rules/aws_sigv4.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "core/base/ascii.hpp"
#include "core/hash/hash.hpp"
#include "core/http_date.hpp"
#include "core/rules/cookie_match.hpp"

namespace sluice::rules {
namespace {

// Fields that proxies add, remove or change, or that belong to one connection.
constexpr std::string_view kUnsignedFields[] = {
    "Accept-Encoding",
    "Connection",
    "Expect",
    "Keep-Alive",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Upgrade",
    "Transfer-Encoding",
    "User-Agent",
    "X-Amzn-Trace-Id",
};
// The names that S3 signs with.
constexpr std::string_view kS3Services[] = {"s3", "s3express", "s3-express", "s3-outposts", "s3-object-lambda"};
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::string_view kTimeForm = "ddddddddTddddddZ";

std::unexpected<Error> refuse(Code code, std::string_view what) {
  return std::unexpected(make_error(code, "AWS signature version 4: " + std::string(what)));
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view one) { return equals_ignoring_case(one, name); });
}

// Removes all up to the separator, and returns it without the separator.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// "X-Amz-Date".
std::string field_name(const AwsSigV4& scope, std::string_view what) {
  const std::string_view provider = scope.provider2;
  return "X-" + to_upper(provider.substr(0, 1)) + to_lower(provider.substr(1)) + "-" + std::string(what);
}

// "20150830T123600Z".
std::string time_text(UnixSeconds now) {
  const CalendarTime time = calendar_time(now);
  std::string text;
  append_padded(text, time.year, 4);
  append_padded(text, time.month, 2);
  append_padded(text, time.day, 2);
  text += 'T';
  append_padded(text, time.hour, 2);
  append_padded(text, time.minute, 2);
  append_padded(text, time.second, 2);
  return text += 'Z';
}

bool is_time(std::string_view text) {
  const auto fits = [](char c, char form) { return form == 'd' ? is_digit(c) : c == form; };
  return std::equal(text.begin(), text.end(), kTimeForm.begin(), kTimeForm.end(), fits);
}

// The text percent-encoded once: unreserved characters are not encoded, all other bytes are.
std::string encoded_once(std::string_view text, bool keep_slashes) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && is_hex_digit(text[i + 1]) && is_hex_digit(text[i + 2])) {
      c = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else if (c == '/' && keep_slashes) {
      out += c;
      continue;
    }
    out += percent_encode({&c, 1});
  }
  return out;
}

std::string canonical_path(std::string_view path, bool s3) {
  if (s3 && !path.empty()) return encoded_once(path, true);
  std::string out;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view segment = take_until(rest, '/');
    if (!segment.empty()) out.append("/").append(percent_encode(segment));
  }
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

// Sorted by name, then by value. A '+' is a space, as servers take it.
std::string canonical_query(std::string_view query) {
  std::string with_spaces(query);
  std::replace(with_spaces.begin(), with_spaces.end(), '+', ' ');
  std::vector<std::pair<std::string, std::string>> parameters;
  for (std::string_view rest = with_spaces; !rest.empty();) {
    std::string_view parameter = take_until(rest, '&');
    if (parameter.empty()) continue;
    const std::string_view name = take_until(parameter, '=');
    parameters.emplace_back(encoded_once(name, false), encoded_once(parameter, false));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  }
  return out;
}

// Blanks in the value, however many, become one space.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : trim_blanks(value)) {
    if (c != ' ' && c != '\t') {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

struct CanonicalFields {
  std::string lines;  // "name:value\n" of each, sorted
  std::string names;  // separated by ';'
};

// Of the request's fields that are signed, and of those to be added.
CanonicalFields canonical_fields(const AwsSigV4Request& request, const Fields& added) {
  std::map<std::string, std::string> all;  // values of one name are joined
  const auto take = [&all](std::string_view name, std::string_view value) {
    const auto [at, is_new] = all.try_emplace(to_lower(name));
    at->second.append(is_new ? "" : ",").append(canonical_value(value));
  };
  for (const Field& field : request.fields) {
    if (!is_in(kUnsignedFields, field.name)) take(field.name, field.value);
  }
  if (!request.fields.contains("Host")) take("Host", request.url.authority());
  for (const Field& field : added) take(field.name, field.value);

  CanonicalFields out;
  for (const auto& [name, value] : all) {
    out.names.append(out.names.empty() ? "" : ";").append(name);
    out.lines.append(name).append(":").append(value).append("\n");
  }
  return out;
}

// Fills in what the option leaves to the host, as curl does.
Result<AwsSigV4> complete_scope(const AwsSigV4Request& request) {
  AwsSigV4 scope = request.scope;
  const Host host = host_of(request.url);
  std::string_view labels = host.is_address ? std::string_view() : host.name;
  const bool has_service = labels.find('.') != std::string_view::npos;
  const std::string_view service = take_until(labels, '.');
  const bool has_region = labels.find('.') != std::string_view::npos;
  if (scope.service.empty() && !has_service) {
    return refuse(Code::invalid_request, "no service is given, and the host does not name one");
  }
  if (scope.region.empty() && !has_region) {
    return refuse(Code::invalid_request, "no region is given, and the host does not name one");
  }
  if (scope.service.empty()) scope.service = service;
  if (scope.region.empty()) scope.region = take_until(labels, '.');
  return scope;
}

// `given`: the value of X-Amz-Content-Sha256 in the request's fields.
Result<std::string> payload_hash(const AwsSigV4Request& request, std::optional<std::string_view> given, bool s3) {
  if (given) return std::string(*given);
  if (request.body) return hash::to_hex(hash::sha256(*request.body));
  if (s3) return std::string(kUnsignedPayload);
  return refuse(Code::invalid_request, "the body is not known as a whole, and only S3 takes one without its hash");
}

// What all steps before have found.
struct Parts {
  const AwsSigV4& scope;
  std::string time;
  std::string payload_hash;
  bool s3;
};

std::string canonical_request(const AwsSigV4Request& request, const Parts& parts, const CanonicalFields& fields) {
  std::string_view query = request.target;
  const std::string_view path = take_until(query, '?');
  std::string text(request.method);
  text.append("\n").append(canonical_path(path, parts.s3)).append("\n").append(canonical_query(query));
  text.append("\n").append(fields.lines).append("\n").append(fields.names).append("\n").append(parts.payload_hash);
  return text;
}

std::string signature(const AwsSigV4& scope, std::string_view secret, std::string_view date, std::string_view text) {
  const std::string first = to_upper(scope.provider1) + "4" + std::string(secret);
  hash::Sha256 key = hash::hmac_sha256(as_bytes(first), date);
  key = hash::hmac_sha256(key, scope.region);
  key = hash::hmac_sha256(key, scope.service);
  key = hash::hmac_sha256(key, to_lower(scope.provider1) + "4_request");
  return hash::to_hex(hash::hmac_sha256(key, text));
}

// The value of Authorization.
std::string authorization(const AwsSigV4Request& request, const Parts& parts, const Fields& added) {
  const CanonicalFields fields = canonical_fields(request, added);
  const AwsSigV4& scope = parts.scope;
  const std::string_view date = std::string_view(parts.time).substr(0, 8);
  const std::string algorithm = to_upper(scope.provider1) + "4-HMAC-SHA256";
  const std::string credential_scope =
      std::string(date) + "/" + scope.region + "/" + scope.service + "/" + to_lower(scope.provider1) + "4_request";
  const std::string string_to_sign = algorithm + "\n" + parts.time + "\n" + credential_scope + "\n" +
                                     hash::to_hex(hash::sha256(canonical_request(request, parts, fields)));
  return algorithm + " Credential=" + std::string(request.access_key) + "/" + credential_scope +
         ", SignedHeaders=" + fields.names + ", Signature=" + signature(scope, request.secret, date, string_to_sign);
}

Result<void> check_access_key(std::string_view text) {
  if (text.empty()) return refuse(Code::invalid_request, "there is no access key (user)");
  if (is_field_value(text)) return {};
  return refuse(Code::invalid_request, "the access key (user) holds a control character");
}

}  // namespace

Result<AwsSigV4> parse_aws_sigv4(std::string_view text) {
  std::array<std::string_view, 4> parts = {};
  for (std::string_view& part : parts) {
    part = take_until(text, ':');
    if (!part.empty() && !is_token(part)) {
      return refuse(Code::invalid_option, "a provider, region or service holds a character that it may not have");
    }
  }
  if (parts[0].empty()) return refuse(Code::invalid_option, "the first provider is missing");
  if (!text.empty()) return refuse(Code::invalid_option, "more than provider1:provider2:region:service");
  AwsSigV4 scope;
  scope.provider1 = parts[0];
  scope.provider2 = parts[1].empty() ? parts[0] : parts[1];
  scope.region = parts[2];
  scope.service = parts[3];
  return scope;
}

Result<Fields> aws_sigv4_fields(const AwsSigV4Request& request) {
  if (request.fields.contains("Authorization")) return Fields();
  if (auto good = check_access_key(request.access_key); !good) return std::unexpected(std::move(good.error()));
  const Result<AwsSigV4> scope = complete_scope(request);
  if (!scope) return std::unexpected(scope.error());
  const bool s3 = is_in(kS3Services, scope->service);
  const std::string time_name = field_name(*scope, "Date"), hash_name = field_name(*scope, "Content-Sha256");
  const auto time = request.fields.find(time_name), hash = request.fields.find(hash_name);
  if (time && !is_time(*time)) return refuse(Code::invalid_request, time_name + " is not like 20150830T123600Z");
  Result<std::string> payload = payload_hash(request, hash, s3);
  if (!payload) return std::unexpected(std::move(payload.error()));

  const Parts parts{*scope, time ? std::string(*time) : time_text(request.now), *std::move(payload), s3};
  Fields added;
  Result<void> good;
  if (!time) good = added.add(time_name, parts.time);
  if (good && s3 && !hash) good = added.add(hash_name, parts.payload_hash);
  if (good) good = added.add("Authorization", authorization(request, parts, added));
  if (!good) return std::unexpected(std::move(good.error()));
  return added;
}

}  // namespace sluice::rules
