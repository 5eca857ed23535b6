// A test server's side of one HTTP/2 connection (talk.hpp), by libnghttp2. What HTTP/1 does to the connection is done
// to the stream: "reset_head", "reset_body" and "reset_upload" end it by RST_STREAM, and "close" sends GOAWAY after the
// response and leaves closing to the client.
#pragma once

#include <memory>

#include "tests/support/talk.hpp"

namespace sluice::test {

// False: this build has no libnghttp2, and make_http2_talk() gives null.
bool has_http2_talk();
std::unique_ptr<Talk> make_http2_talk();

}  // namespace sluice::test
