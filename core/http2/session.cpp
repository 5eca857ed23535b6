// See session.hpp. The session itself is in session_impl.hpp.
#include "core/http2/session.hpp"

#include <new>

#include "core/http2/session_impl.hpp"

namespace sluice::http2 {

bool has_http2() { return true; }

std::string_view library_version() { return Library::version(); }

std::unique_ptr<http::Session> make_session(const SessionOptions& options) {
  std::unique_ptr<Session> session(new (std::nothrow) Session(options.ping_interval, options.frame_buffer));
  if (!session || !session->start(options.first_stream)) return nullptr;
  return session;
}

}  // namespace sluice::http2
