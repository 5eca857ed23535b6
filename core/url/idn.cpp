// See idn.hpp. Here: with libidn2.
#include "core/url/idn.hpp"

#include <idn2.h>

#include <memory>
#include <new>

namespace sluice::url {

bool has_idn() { return true; }

std::expected<std::string, std::string_view> to_ascii(const std::string& name) {
  char* out = nullptr;
  const int result = idn2_to_ascii_8z(name.c_str(), &out, IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owner(out, idn2_free);
  if (result == IDN2_MALLOC) throw std::bad_alloc();
  if (result != IDN2_OK) return std::unexpected(std::string_view("is no name of IDNA 2008"));
  return std::string(out);
}

}  // namespace sluice::url
