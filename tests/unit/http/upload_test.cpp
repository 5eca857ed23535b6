// core/http/upload: what is pending, how much has been sent, and when a streamed body has space.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "core/http/upload.hpp"

namespace sluice::http {
namespace {

void put(UploadBody& upload, std::string_view text) {
  const MutableBytes space = upload.space();
  REQUIRE(space.size() >= text.size());
  std::memcpy(space.data(), text.data(), text.size());
  upload.commit(text.size());
}

}  // namespace

TEST_CASE("upload: no body") {
  UploadBody upload{RequestBody{}};
  CHECK_FALSE(upload.present());
  CHECK_FALSE(upload.declared_length());
  CHECK(upload.exhausted());
  CHECK(upload.space().empty());
  CHECK(upload.replayable());
}

TEST_CASE("upload: the caller's bytes, not copied") {
  const std::string text = "hello";
  const RequestBody view = BodyView{as_bytes(text)};
  UploadBody upload(view);
  CHECK(upload.present());
  CHECK_FALSE(upload.streamed());
  CHECK(upload.declared_length() == 5);
  CHECK(upload.pending().data() == as_bytes(text).data());
  upload.advance(2);
  CHECK(as_text(upload.pending()) == "llo");
  CHECK(upload.sent() == 2);
  CHECK_FALSE(upload.exhausted());
  upload.advance(3);
  CHECK(upload.exhausted());
  CHECK(upload.replayable());
  upload.rewind();
  CHECK(as_text(upload.pending()) == "hello");
  CHECK(upload.capacity_bytes() == 0);
}

TEST_CASE("upload: bytes that the request owns") {
  const RequestBody body = BodyOwned{"hi"};
  UploadBody upload(body);
  CHECK(upload.declared_length() == 2);
  CHECK(as_text(upload.pending()) == "hi");
}

TEST_CASE("upload: streamed with a declared length") {
  const RequestBody body = BodyStream{6};
  UploadBody upload(body);
  CHECK(upload.streamed());
  CHECK(upload.pending().empty());
  CHECK_FALSE(upload.exhausted());
  CHECK(upload.space().size() == 6);
  CHECK(upload.replayable());
  put(upload, "abcd");
  CHECK(upload.space().size() == 2);
  CHECK_FALSE(upload.replayable());
  const auto early = upload.finish();
  REQUIRE_FALSE(early);
  CHECK(early.error().code == Code::upload_failed);
  CHECK(early.error().context.find("4 of 6") != std::string::npos);
  put(upload, "ef");
  CHECK(upload.finished());
  CHECK(upload.space().empty());
  CHECK(upload.finish());
  CHECK(as_text(upload.pending()) == "abcdef");
  upload.advance(6);
  CHECK(upload.exhausted());
  CHECK(upload.capacity_bytes() == 0);
}

TEST_CASE("upload: streamed, of length 0") {
  const RequestBody body = BodyStream{0};
  UploadBody upload(body);
  CHECK(upload.exhausted());
  CHECK(upload.space().empty());
  CHECK(upload.finish());
}

TEST_CASE("upload: streamed without a length ends by finish") {
  const RequestBody body = BodyStream{};
  UploadBody upload(body);
  put(upload, "abc");
  upload.advance(3);
  CHECK_FALSE(upload.exhausted());
  CHECK(upload.finish());
  CHECK(upload.exhausted());
  CHECK(upload.space().empty());
  CHECK(upload.committed() == 3);
  CHECK(upload.sent() == 3);
  CHECK(upload.capacity_bytes() == 0);
}

TEST_CASE("upload: has_room() says what space() will, and moves nothing") {
  for (const std::optional<std::uint64_t> length :
       {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(200'000)}) {
    UploadBody upload(RequestBody{BodyStream{length}});
    std::size_t full = 0, made_room = 0;
    for (int turn = 0; turn < 100; ++turn) {
      const std::uint8_t* const before = upload.pending().data();
      const bool room = upload.has_room();
      CHECK(upload.pending().data() == before);
      const MutableBytes space = upload.space();
      REQUIRE(room == !space.empty());
      ++(room ? made_room : full);
      upload.commit(std::min<std::size_t>(space.size(), 30'000));
      upload.advance(std::min<std::size_t>(upload.pending().size(), turn % 5 == 4 ? 40'000 : 1'000));
    }
    CHECK(full > 0);
    CHECK(made_room > 0);
    if (!length) REQUIRE(upload.finish().has_value());
    CHECK_FALSE(upload.has_room());
  }
  CHECK_FALSE(UploadBody(RequestBody{BodyOwned{"x"}}).has_room());
}

TEST_CASE("upload: trailers are taken once, with an unknown length, if they may be trailers; a rewind forgets them") {
  const auto fields = [](std::string_view name, std::string_view value) {
    Fields made;
    REQUIRE(made.add_received(name, value));
    return made;
  };
  const RequestBody body = BodyStream{.rewindable = true};
  UploadBody upload(body);
  for (const std::string_view name : {"content-length", "Transfer-Encoding", "Host", "TRAILER", "authorization",
                                      "Content-Type", "Connection", "cookie", "bad name"}) {
    const auto refused = upload.finish(fields(name, "x"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::invalid_request);
    CHECK_FALSE(upload.finished());
    CHECK(upload.trailers() == nullptr);
  }
  CHECK_FALSE(upload.finish(fields("Large", std::string(limits::kMaxRequestHeadBytes, 'x'))));
  REQUIRE_FALSE(upload.space().empty());
  upload.commit(1);
  REQUIRE(upload.finish(fields("Checksum", "1")));
  REQUIRE(upload.finish(fields("Checksum", "2")));  // too late, as any further byte
  CHECK(upload.trailers()->find("Checksum") == "1");
  CHECK(upload.trailer_text() == "\r\n0\r\nChecksum: 1\r\n\r\n");
  upload.rewind();
  CHECK(upload.trailers() == nullptr);
  CHECK_FALSE(upload.finished());
  const RequestBody known = BodyStream{.length = 3};
  UploadBody declared(known);
  CHECK(declared.finish(fields("Checksum", "1")).error().code == Code::invalid_request);
}

TEST_CASE("upload: the buffer is bounded, pending stays in order and in one piece") {
  const RequestBody body = BodyStream{};
  UploadBody upload(body);
  std::uint64_t next_in = 0, next_out = 0;
  std::uint64_t seed = 7;
  for (int round = 0; round < 2000; ++round) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    const MutableBytes space = upload.space();
    const std::size_t in = std::min<std::size_t>(space.size(), (seed >> 33) % 9000);
    for (std::size_t i = 0; i < in; ++i) space[i] = static_cast<std::uint8_t>((next_in++ * 131) >> 3);
    upload.commit(in);
    CHECK(upload.pending().size() == next_in - next_out);
    CHECK(upload.pending().size() <= limits::kUploadBufferBytes);
    const std::size_t out = std::min<std::size_t>(upload.pending().size(), (seed >> 20) % 8800);
    bool in_order = true;
    for (std::size_t i = 0; i < out; ++i)
      in_order &= upload.pending()[i] == static_cast<std::uint8_t>((next_out++ * 131) >> 3);
    CHECK(in_order);
    upload.advance(out);
  }
  CHECK(next_in > 1'000'000);
  CHECK(upload.sent() == next_out);
  // Full, then drained: there is room again.
  while (!upload.space().empty()) upload.commit(upload.space().size());
  CHECK(upload.pending().size() > limits::kUploadBufferBytes / 2);
  upload.advance(upload.pending().size());
  CHECK(upload.space().size() == limits::kUploadBufferBytes);
}

}  // namespace sluice::http
