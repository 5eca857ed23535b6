// The body of -F: its parts, with files by their names, and the source that gives its bytes. Leaves to others: the
// syntax of -F (form_option.hpp), and what a multipart looks like (core/multipart.hpp).
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/body_source.hpp"
#include "adapters/cli/form_option.hpp"
#include "adapters/cli/part_encoder.hpp"
#include "adapters/cli/read_file.hpp"
#include "adapters/cli/usage_error.hpp"
#include "core/base/random.hpp"
#include "core/multipart.hpp"

namespace sluice::cli {

// Owns its text. A source of `parts` is an index into `files`.
struct FormBody {
  MultipartParts parts;
  struct File {
    std::string name;
    PartCoding coding = PartCoding::none;
  };
  std::vector<File> files;
  NameEscapes escapes = NameEscapes::percent;
};

// `read_file` is for header lines in files, and for "-", whose bytes become a part's text. Error: also a text that its
// encoder cannot have (exit code 26).
std::expected<FormBody, UsageError> make_form_body(const std::vector<FormPart>& parts, NameEscapes escapes,
                                                   const ReadFile& read_file);

// Opens the files, and reads them when their bytes are due.
class FormSource final : public BodySource {
 public:
  // `type`: of the request's Content-Type, without a boundary. Error: one line.
  static std::expected<std::unique_ptr<FormSource>, std::string> open(const FormBody& form, const std::string& type,
                                                                      Random& random);

  const std::string& content_type() const { return body_.content_type; }  // with the boundary
  std::optional<std::uint64_t> length() const override { return body_.length; }
  int fd() const override { return waits_for_; }
  bool rewindable() const override;
  bool rewind() override;
  std::expected<Piece, std::string> read(MutableBytes space) override;

 private:
  FormSource() = default;

  Multipart body_;
  std::vector<std::unique_ptr<BodySource>> files_;
  std::size_t segment_ = 0;  // of body_, the one that is read
  std::size_t taken_ = 0;    // bytes of it, if it is a text
  int waits_for_ = -1;
};

}  // namespace sluice::cli
