// A URL's query made from names and values, and put into a URL. See url.hpp.
#include <new>

#include "core/url.hpp"

namespace sluice {

std::string encode_parameters(std::span<const QueryParameter> parameters) {
  std::string text;
  for (const QueryParameter& one : parameters) {
    if (!text.empty()) text += '&';
    text.append(percent_encode(one.name)).append("=").append(percent_encode(one.value));
  }
  return text;
}

Result<Url> Url::with_query(std::string_view query) const try {
  std::string text(part(0, path_end_));
  text += '?';
  for (const char c : query) {
    if (c == '#') {
      text += "%23";  // else it would begin the fragment
    } else {
      text += c;
    }
  }
  if (const auto after = fragment()) text.append("#").append(*after);
  return parse(text);
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

Result<Url> Url::with_parameters(std::span<const QueryParameter> parameters) const try {
  return with_more_query(encode_parameters(parameters));
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

Result<Url> Url::with_more_query(std::string_view more) const try {
  if (more.empty()) return *this;
  std::string joined(query().value_or(std::string_view()));
  if (!joined.empty() && joined.back() != '&') joined += '&';
  return with_query(joined.append(more));
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, "out of memory"));
}

}  // namespace sluice
