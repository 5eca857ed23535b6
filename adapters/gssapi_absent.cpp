// See gssapi.hpp. In place of gssapi.cpp in a build without GSSAPI (meson_options.txt).
#include "adapters/gssapi.hpp"

namespace sluice {

bool has_gssapi() { return false; }

Result<std::shared_ptr<NegotiateProvider>> gssapi_provider(GssapiOptions) {
  return std::unexpected(make_error(Code::invalid_option, "Negotiate: this sluice was built without GSSAPI"));
}

}  // namespace sluice
