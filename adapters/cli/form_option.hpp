// The syntax of -F and --form-string, as curl reads it. Pure: the result describes parts, with files by their names.
// Leaves to others: reading the files, and making the body (core/multipart.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/cli/read_file.hpp"
#include "adapters/cli/usage_error.hpp"
#include "core/error.hpp"

namespace sluice::cli {

// One ";headers=".
struct FormHeader {
  bool from_file = false;
  std::string text;  // a line "Name: value", or the name of a file with such lines
};

struct FormPart {
  enum class Kind : std::uint8_t {
    text,      // `content` is the body
    upload,    // "@": the body is a file, and the server sees the name of a file
    contents,  // "<": the body is what a file holds
    parts,     // "(" or "@a,b": the body is `parts`
  };
  Kind kind = Kind::text;
  std::optional<std::string> name = {};       // of the field; nullopt: none
  std::string content = {};                   // the text, or the name of the file; "-": the standard input
  std::optional<std::string> file_name = {};  // as the server is to see it
  std::string type = {};                      // ";type="; "": not given
  // For a part with neither `type` nor a header line Content-Type: what curl sends. "": no Content-Type.
  std::string guessed_type = {};
  std::string encoder = {};  // a name of part_encoder.hpp; "": not given
  std::vector<FormHeader> headers = {};
  std::vector<FormPart> parts = {};
};

// "(" parts may be as deep in each other as this.
inline constexpr std::size_t kMaxFormDepth = 16;

// The form of one --next group: give it the options in their order. Errors (invalid_option): one line that begins with
// the option's value; the form is as before. May throw std::bad_alloc.
class Form {
 public:
  // -F: "name=content", "name=@file", "name=@file,file", "name=<file", "name=(" and "=)"; after it ";type=",
  // ";filename=", ";headers=" and ";encoder=".
  Result<void> add(std::string_view value);
  // --form-string: "name=content", where nothing in the content has a meaning.
  Result<void> add_string(std::string_view value);

  // The parts so far, in order; every open "(" is closed. The form is empty then.
  std::vector<FormPart> take();
  // What was ignored in the values so far, one line each.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void append(FormPart part);  // to the innermost open part
  void close();

  std::vector<FormPart> parts_;
  std::vector<FormPart> open_;  // each is a part of the one before it
  std::vector<std::string> warnings_;
};

// The type that curl derives from the end of a file's name; "": none.
std::string_view type_of_file_name(std::string_view file_name);

// The lines of a file of headers: a line that begins with white space continues the one before; empty lines, lines with
// '#' at their begin and carriage returns are ignored.
std::vector<std::string> read_header_lines(std::string_view text);

// All header lines of a part, in order. `read_file`: gives the text of a file; its error is passed on.
std::expected<std::vector<std::string>, UsageError> header_lines(const FormPart& part, const ReadFile& read_file);

}  // namespace sluice::cli
