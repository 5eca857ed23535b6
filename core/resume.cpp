// See resume.hpp.
#include "core/resume.hpp"

#include <utility>

#include "core/base/ascii.hpp"
#include "core/rules/content_range.hpp"
#include "core/rules/set_cookie.hpp"
#include "core/validators.hpp"

namespace sluice {
namespace {

// `what` ends a sentence that begins with the server. No text of the peer is in it.
std::unexpected<Error> refuse(const EarlierPart& part, std::string_view what) {
  return std::unexpected(make_error(
      Code::malformed_response,
      "continuing a download from byte " + std::to_string(part.bytes) + ": the server " + std::string(what)));
}

// nullopt: there is none, several, or one that is not understood.
std::optional<rules::ContentRange> content_range(const Fields& fields) {
  if (fields.count("Content-Range") != 1) return std::nullopt;
  return rules::parse_content_range(*fields.find("Content-Range"));
}

bool has_several_parts(const Fields& fields) {
  const std::string_view type = fields.find("Content-Type").value_or("");
  return equals_ignoring_case(trim_blanks(type.substr(0, type.find(';'))), "multipart/byteranges");
}

// Whether the response says that its body has another length.
bool has_other_length(const Fields& fields, std::uint64_t bytes) {
  const auto length = rules::clamped_decimal(fields.find("Content-Length").value_or(""));
  return length && static_cast<std::uint64_t>(*length) != bytes;
}

bool differ(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) { return a && b && *a != *b; }

// Whether a field of that name has another value. `known`: "" is not compared.
bool has_other(const Fields& fields, std::string_view name, std::string_view known) {
  if (known.empty()) return false;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, name) && field.value != known) return true;
  }
  return false;
}

// Whether the response's ETag proves that its version is the known one (RFC 9110 8.8.3.2).
bool has_same_etag(const Fields& fields, std::string_view known) {
  const auto sent = parse_entity_tag(fields.find("ETag").value_or("")), kept = parse_entity_tag(known);
  return sent && kept && are_strongly_equal(*sent, *kept);
}

// The name of the validator which shows that the response is of another version; "": none does.
std::string_view other_version(const EarlierPart& part, const Fields& fields) {
  const bool is_tag = parse_entity_tag(part.if_range).has_value();
  const std::string_view tag = is_tag ? part.if_range : "", date = is_tag ? "" : part.if_range;
  if (has_other(fields, "ETag", part.etag) || has_other(fields, "ETag", tag)) return "ETag";
  // Servers that share the work may have the same file with different dates.
  if (has_same_etag(fields, part.etag) || has_same_etag(fields, tag)) return "";
  constexpr std::string_view kDate = "Last-Modified";
  return has_other(fields, kDate, part.last_modified) || has_other(fields, kDate, date) ? kDate : "";
}

std::string size_text(std::uint64_t size) { return std::to_string(size) + " bytes"; }

Resume changed(std::string why) { return {ResumeStep::changed, 0, std::nullopt, std::move(why)}; }

// A 206 (RFC 9110 15.3.7).
Result<Resume> partial(const EarlierPart& part, const Fields& fields) {
  if (has_several_parts(fields)) return refuse(part, "sent several parts (multipart/byteranges) instead of one");
  const std::optional<rules::ContentRange> range = content_range(fields);
  if (!range || !range->part) return refuse(part, "sent a part without a valid Content-Range");
  if (range->part->first != part.bytes) {
    return refuse(part, "sent the bytes from " + std::to_string(range->part->first) + " on");
  }
  const std::uint64_t bytes = range->part->size();
  if (has_other_length(fields, bytes)) return refuse(part, "sent a Content-Range and a Content-Length that differ");
  if (differ(range->size, part.size)) {
    return changed("it has " + size_text(*range->size) + ", and had " + size_text(*part.size));
  }
  if (part.size && range->part->last >= *part.size) {
    return refuse(part, "sent bytes after the end: the whole had " + size_text(*part.size));
  }
  if (const std::string_view name = other_version(part, fields); !name.empty()) {
    return changed("its " + std::string(name) + " is not the same");
  }
  return Resume{ResumeStep::append, bytes, range->size ? range->size : part.size, {}};
}

// A 416 (RFC 9110 15.5.17). If both sizes are known, its validators are not compared: they may be those of the message
// in its body, and after an If-Range that does not match there should be no 416.
Result<Resume> not_satisfiable(const EarlierPart& part, const Fields& fields) {
  const std::optional<rules::ContentRange> range = content_range(fields);
  const bool says_size = range && !range->part;
  const std::optional<std::uint64_t> size = says_size ? range->size : part.size;
  if (!size) return refuse(part, "has no bytes there (status 416), and does not say how many it has");
  if (differ(size, part.size) || *size < part.bytes) {
    return changed("it has " + size_text(*size) + " (status 416)");
  }
  if (*size > part.bytes) return refuse(part, "refused to send them (status 416) of " + size_text(*size));
  if (const std::string_view name = part.size ? "" : other_version(part, fields); !name.empty()) {
    return changed("its " + std::string(name) + " is not the same (status 416)");
  }
  return Resume{ResumeStep::complete, 0, size, {}};
}

}  // namespace

Result<Resume> resume(const EarlierPart& part, int status, const Fields& fields) {
  switch (status) {
    case 200:
    case 203:  // a 200 that a proxy has changed
      return Resume{};
    case 206:
      return partial(part, fields);
    case 416:
      return not_satisfiable(part, fields);
    default:
      return refuse(part, "answered with status " + std::to_string(status));
  }
}

std::string range_value(std::uint64_t first) { return "bytes=" + std::to_string(first) + "-"; }

}  // namespace sluice
