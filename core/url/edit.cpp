// A URL with another file name, or without userinfo. See url.hpp; queries are changed in query.cpp.
#include <new>

#include "core/url.hpp"

namespace sluice {

std::string_view Url::file_name() const { return path().substr(path().rfind('/') + 1); }

Result<Url> Url::with_file_name(std::string_view name) const try {
  std::string text(part(0, path_end_ - file_name().size()));
  text.append(percent_encode(name)).append(part(path_end_, text_.size()));
  return parse(text);
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

Result<Url> Url::without_userinfo() const try {
  if (!has_userinfo()) return *this;
  return parse(text_without_secrets());
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

}  // namespace sluice
