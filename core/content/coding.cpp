// See coding.hpp. The table of names, and which library undoes which coding.
#include "core/content/coding.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/memory.hpp"
#include "core/content/brotli_decoder.hpp"
#include "core/content/zlib_decoder.hpp"
#include "core/content/zstd_decoder.hpp"

namespace sluice::content {
namespace {

// In the order of Accept-Encoding.
constexpr Coding kAllCodings[] = {Coding::gzip, Coding::deflate, Coding::br, Coding::zstd};
constexpr std::size_t kMaxShownName = 64;  // of a name, in a message

std::optional<Coding> coding_of(std::string_view name) {
  if (equals_ignoring_case(name, "x-gzip")) return Coding::gzip;
  const auto* const found =
      std::ranges::find_if(kAllCodings, [&](Coding coding) { return equals_ignoring_case(name, to_string(coding)); });
  return found == std::end(kAllCodings) ? std::nullopt : std::optional(*found);
}

}  // namespace

std::string_view to_string(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return "gzip";
    case Coding::deflate:
      return "deflate";
    case Coding::br:
      return "br";
    case Coding::zstd:
      return "zstd";
  }
  return "unknown";
}

CodingSet codings_in_build() {
  CodingSet codings;
  if (has_zlib()) codings = {Coding::gzip, Coding::deflate};
  if (has_brotli()) codings.add(Coding::br);
  if (has_zstd()) codings.add(Coding::zstd);
  return codings;
}

std::string accept_encoding(CodingSet codings) {
  std::string value;
  for (const Coding coding : kAllCodings) {
    if (!codings.contains(coding)) continue;
    if (!value.empty()) value += ", ";
    value += to_string(coding);
  }
  return value;
}

Result<std::unique_ptr<Decoder>> make_decoder(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return make_gzip_decoder();
    case Coding::deflate:
      return make_deflate_decoder();
    case Coding::br:
      return make_brotli_decoder();
    case Coding::zstd:
      return make_zstd_decoder();
  }
  return std::unexpected(make_error(Code::internal, {}));
}

Error Codings::unsupported(Kind kind, std::string_view name, std::string_view why) {
  std::string text = "decode a body with the ";
  text.append(kind == Kind::content ? "content" : "transfer").append(" coding \"");
  text.append(name.substr(0, kMaxShownName)).append(name.size() > kMaxShownName ? "...\": " : "\": ").append(why);
  return make_error(Code::unsupported_coding, std::move(text));
}

Result<Codings> Codings::of(const Fields& fields, CodingSet known) {
  Codings codings(known);
  for (const Field field : fields) {
    if (!equals_ignoring_case(field.name, "Content-Encoding")) continue;
    if (auto added = codings.add_list(field.value); !added) return std::unexpected(std::move(added.error()));
  }
  return codings;
}

Result<void> Codings::add_transfer(const Fields& fields) {
  for (const Field field : fields) {
    if (!equals_ignoring_case(field.name, "Transfer-Encoding")) continue;
    std::string_view rest = field.value;
    while (const std::optional<std::string_view> name = next_list_element(rest)) {
      if (equals_ignoring_case(*name, "chunked")) continue;
      if (auto added = add(*name, Kind::transfer); !added) return added;
    }
  }
  return {};
}

Result<void> Codings::add(std::string_view name) { return add(name, Kind::content); }

Result<void> Codings::add(std::string_view name, Kind kind) {
  return or_out_of_memory([&]() -> Result<void> {
    if (equals_ignoring_case(name, "identity") || equals_ignoring_case(name, "none")) return {};
    const std::optional<Coding> coding = coding_of(name);
    const bool is_registered = kind == Kind::content || coding == Coding::gzip || coding == Coding::deflate;
    if (!coding || !is_registered) return std::unexpected(unsupported(kind, name, "it is not known"));
    if (!known_.contains(*coding)) return std::unexpected(unsupported(kind, name, "this build has no such coding"));
    if (count_ == codings_.size()) {
      return std::unexpected(
          unsupported(kind, name, "the body has more than " + std::to_string(limits::kMaxCodings) + " codings"));
    }
    codings_[count_++] = *coding;
    return {};
  });
}

Result<void> Codings::add_list(std::string_view value) {
  while (const std::optional<std::string_view> name = next_list_element(value)) {
    if (auto added = add(*name); !added) return added;
  }
  return {};
}

}  // namespace sluice::content
