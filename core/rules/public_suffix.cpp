// See public_suffix.hpp.
#include "core/rules/public_suffix.hpp"

#ifdef SLUICE_HAS_LIBPSL
#include <libpsl.h>
#endif

namespace sluice::rules {

bool is_top_level(std::string_view domain) { return domain.find('.') == std::string_view::npos; }

#ifdef SLUICE_HAS_LIBPSL
// A libpsl can be built without its own data: then psl_builtin() is null.
bool has_public_suffix_list() { return psl_builtin() != nullptr; }
bool is_public_suffix(const std::string& domain) {
  const psl_ctx_t* const list = psl_builtin();
  return list ? psl_is_public_suffix(list, domain.c_str()) != 0 : is_top_level(domain);
}
#else
bool has_public_suffix_list() { return false; }
bool is_public_suffix(const std::string& domain) { return is_top_level(domain); }
#endif

}  // namespace sluice::rules
