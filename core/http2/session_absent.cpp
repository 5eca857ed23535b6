// See session.hpp. In place of session.cpp in a build without libnghttp2 (meson_options.txt).
#include "core/http2/session.hpp"

namespace sluice::http2 {

bool has_http2() { return false; }

std::string_view library_version() { return {}; }

std::unique_ptr<http::Session> make_session(const SessionOptions&) { return nullptr; }

}  // namespace sluice::http2
