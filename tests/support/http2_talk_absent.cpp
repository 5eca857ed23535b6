// See http2_talk.hpp: in a build without libnghttp2.
#include "tests/support/http2_talk.hpp"

namespace sluice::test {

bool has_http2_talk() { return false; }
std::unique_ptr<Talk> make_http2_talk() { return nullptr; }

}  // namespace sluice::test
