// core/http2/session: the end of a request's body while other bodies take their turns.
#include <doctest/doctest.h>

#include <string>

#include "core/base/limits.hpp"
#include "tests/support/http2_peer.hpp"

namespace sluice {
namespace {

using test::Http2Peer;
namespace h2 = test::h2;

// A streamed body of which the peer has taken all there is.
http::StreamId open_begun(Http2Peer& peer) {
  const auto stream = peer.open("POST", BodyStream{});
  http::UploadBody& upload = *peer[stream].upload;
  std::ranges::fill(upload.space().first(100), std::uint8_t{'a'});
  upload.commit(100);
  peer.session->upload_changed(stream);
  peer.sent();
  return stream;
}

// How often the request's end is among the frames.
std::size_t ends_of(const std::vector<h2::Frame>& frames, http::StreamId stream) {
  std::size_t ends = 0;
  for (const h2::Frame& frame : frames) {
    const bool has_end = (frame.type == h2::kData || frame.type == h2::kHeaders) && (frame.flags & h2::kEndStream) != 0;
    ends += frame.stream == stream && has_end;
  }
  return ends;
}

void end_body(Http2Peer& peer, http::StreamId stream, bool has_trailers) {
  Fields trailers;
  if (has_trailers) REQUIRE(trailers.add("checksum", "x"));
  REQUIRE(peer[stream].upload->finish(std::move(trailers)));
  peer.session->upload_changed(stream);
}

}  // namespace

TEST_CASE("http2 upload: the end of a body waits for no turn, so that no window may close before it") {
  for (const bool has_trailers : {false, true}) {
    for (const bool of_stream : {false, true}) {
      CAPTURE(has_trailers);
      CAPTURE(of_stream);
      Http2Peer peer;
      peer.receive(h2::settings({{h2::kInitialWindow, 1024 * 1024}}) + h2::window_update(0, 65'537));
      const auto ends = open_begun(peer);
      const std::string body(200 * 1024, 'b');
      for (int i = 0; i < (of_stream ? 1 : 5); ++i) peer.open("POST", BodyView{as_bytes(body)});
      REQUIRE(peer.session->output().size_bytes() >= limits::kWireOutBytes);
      end_body(peer, ends, has_trailers);
      if (of_stream) peer.receive(h2::settings({{h2::kInitialWindow, 100}}));
      CHECK(ends_of(peer.sent(), ends) == 1);
      CHECK(peer.session->request_sent(ends));
      CHECK_FALSE(peer.session->wants_upload(ends));
      peer.receive(h2::window_update(0, 100) + h2::settings({{h2::kInitialWindow, 1024 * 1024}}));
      CHECK(ends_of(peer.sent(), ends) == 0);
      CHECK_FALSE(peer.error);
    }
  }
}

}  // namespace sluice
