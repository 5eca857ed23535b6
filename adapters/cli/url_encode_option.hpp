// The values of --data-urlencode and --url-query: names stay as they are, contents are encoded for a form. Pure.
// Leaves to others: reading files, and joining several values with '&' (an empty one has its '&' too, as in curl).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "adapters/cli/read_file.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

// --data-urlencode: "content", "=content", "name=content", "@file" or "name@file". The first '=' counts; if there is
// none, the first '@'. A name is encoded already. An empty file gives "", also with a name. Error: that of `read_file`.
// May throw std::bad_alloc.
std::expected<std::string, UsageError> url_encode_data(std::string_view value, const ReadFile& read_file);
// --url-query: the same; or "+content", which is encoded already.
std::expected<std::string, UsageError> url_encode_query(std::string_view value, const ReadFile& read_file);

// All bytes but letters, digits and "-._~" (RFC 3986 2.3) become triplets with upper-case digits, but a space becomes a
// '+', as curl does in these options.
std::string form_encoded(std::string_view bytes);

}  // namespace sluice::cli
