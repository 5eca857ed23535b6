// See form_body.hpp.
#include "adapters/cli/form_body.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/upload_source.hpp"

namespace sluice::cli {

namespace {

constexpr std::string_view kStandardInput = "-";

class Builder {
 public:
  Builder(FormBody& form, const ReadFile& read_file) : form_(form), read_file_(read_file) {}

  std::expected<MultipartParts, UsageError> all(const std::vector<FormPart>& parts) {
    MultipartParts made;
    for (const FormPart& part : parts) {
      auto one = single(part);
      if (!one) return std::unexpected(one.error());
      made.push_back(*std::move(one));
    }
    return made;
  }

 private:
  std::expected<MultipartPart, UsageError> single(const FormPart& part) {
    auto headers = header_lines(part, read_file_);
    if (!headers) return std::unexpected(headers.error());
    MultipartPart made{.name = part.name,
                       .file_name = part.file_name,
                       .content_type = part.type,
                       .fallback_type = part.guessed_type,
                       .headers = *std::move(headers)};
    const PartCoding coding = part_coding(part.encoder).value_or(PartCoding::none);
    std::expected<std::string, UsageError> text = part.content;
    if (part.kind == FormPart::Kind::parts) {
      auto parts = all(part.parts);
      if (!parts) return std::unexpected(parts.error());
      made.body = *std::move(parts);
      return made;
    }
    if (part.kind != FormPart::Kind::text && part.content != kStandardInput) {
      made.body = MultipartSource{.id = {form_.files.size()}};
      form_.files.push_back({part.content, coding});
      return made;
    }
    if (part.kind != FormPart::Kind::text) text = read_file_(part.content);
    if (!text) return std::unexpected(text.error());
    auto encoded = encode_part(coding, *text);
    if (!encoded) {
      return std::unexpected(UsageError{kExitRead, "option --form: byte " + std::to_string(encoded.error()) +
                                                       " of the text is not a character of 7bit (;encoder=7bit)"});
    }
    made.body = *std::move(encoded);
    return made;
  }

  FormBody& form_;
  const ReadFile& read_file_;
};

void set_lengths(MultipartParts& parts, const std::vector<std::unique_ptr<BodySource>>& files) {
  for (MultipartPart& part : parts) {
    if (auto* source = std::get_if<MultipartSource>(&part.body)) source->length = files[source->id.index]->length();
    if (auto* nested = std::get_if<MultipartParts>(&part.body)) set_lengths(*nested, files);
  }
}

}  // namespace

std::expected<FormBody, UsageError> make_form_body(const std::vector<FormPart>& parts, NameEscapes escapes,
                                                   const ReadFile& read_file) {
  FormBody form;
  form.escapes = escapes;
  auto made = Builder(form, read_file).all(parts);
  if (!made) return std::unexpected(made.error());
  form.parts = *std::move(made);
  return form;
}

std::expected<std::unique_ptr<FormSource>, std::string> FormSource::open(const FormBody& form, const std::string& type,
                                                                         Random& random) {
  std::unique_ptr<FormSource> source(new FormSource);
  for (const auto& [name, coding] : form.files) {
    auto file = UploadSource::open(name);
    if (!file) return std::unexpected(file.error());
    std::unique_ptr<BodySource> bytes = *std::move(file);
    if (coding != PartCoding::none) bytes = std::make_unique<EncodedSource>(std::move(bytes), coding, name);
    source->files_.push_back(std::move(bytes));
  }
  MultipartParts parts = form.parts;
  set_lengths(parts, source->files_);
  auto body = build_multipart(parts, {.escapes = form.escapes, .content_type = type}, random);
  if (!body) return std::unexpected(body.error().message());
  source->body_ = *std::move(body);
  return source;
}

bool FormSource::rewindable() const {
  return std::ranges::all_of(files_, [](const auto& file) { return file->rewindable(); });
}

bool FormSource::rewind() {
  segment_ = taken_ = 0;
  return std::ranges::all_of(files_, [](const auto& file) { return file->rewind(); });
}

std::expected<BodySource::Piece, std::string> FormSource::read(MutableBytes space) {
  while (segment_ < body_.segments.size()) {
    if (const auto* id = std::get_if<SourceId>(&body_.segments[segment_])) {
      BodySource& file = *files_[id->index];
      auto piece = file.read(space);
      if (!piece) return piece;
      waits_for_ = piece->later ? file.fd() : -1;
      if (piece->end) ++segment_;
      if (piece->bytes > 0 || piece->later) return Piece{.bytes = piece->bytes, .later = piece->later};
      if (!piece->end) return Piece{};  // no space
      continue;
    }
    const auto& text = std::get<std::string>(body_.segments[segment_]);
    const std::size_t count = std::min(space.size(), text.size() - taken_);
    if (count > 0) std::memcpy(space.data(), text.data() + taken_, count);
    taken_ += count;
    if (taken_ == text.size()) {
      ++segment_;
      taken_ = 0;
    }
    return Piece{.bytes = count};
  }
  return Piece{.end = true};
}

}  // namespace sluice::cli
