// What the rules cost, side by side with the libraries below them: decoding 100 MiB of gzip, br and zstd as a transfer
// does it against the library's own loop, and finding a request's cookies in a jar with 10,000 of 1,000 hosts.
// Lines: `ratio decode-NAME X` (time of sluice divided by the library's, the median of the rounds; below 1 is better)
// and `cookies TIME us`, for one request. Leaves what a whole request costs to engine_loop.cpp.
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "core/cookies.hpp"
#include "core/flow/decoded_body.hpp"
#include "tests/support/coded.hpp"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBytes = 100 * 1024 * 1024, kPiece = 64 * 1024;
constexpr int kRounds = 7;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench-rules: %s\n", what);
  std::exit(1);
}

// Words of a small vocabulary, so that it is as compressible as text.
std::string text_of(std::size_t size) {
  static const char* const kWords[] = {"transfer ", "{\"id\": ", "connection", ", ",   "the ",
                                       "of ",       "header\n",  "0x7f",       "1984 "};
  std::string text;
  std::uint64_t state = 1;
  while (text.size() < size) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    text += kWords[(state >> 33) % std::size(kWords)];
    if ((state >> 40) % 5 == 0) text += std::to_string(state >> 44);
  }
  text.resize(size);
  return text;
}

double seconds(const std::function<std::size_t()>& run) {
  const auto begin = Clock::now();
  require(run() == kBytes, "a body is not whole");
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::size_t by_sluice(std::string_view coding, std::string_view coded) {
  content::Codings codings;
  require(codings.add_list(coding).has_value(), "the coding is not in this build");
  auto body = flow::DecodedBody::create(codings, {});
  require(body.has_value(), "no decoder");
  flow::BodyBuffer received;
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < coded.size(); at += kPiece) {
    received.land(as_bytes(coded.substr(at, kPiece)));
    do {
      require((*body)->decode(received).has_value(), "broken data");
      bytes += (*body)->front().size();
      (*body)->consume((*body)->front().size());
    } while (!received.empty() || !(*body)->needs_input());
  }
  require((*body)->finish().has_value(), "cut data");
  return bytes;
}

std::size_t by_zlib(std::string_view coded) {
  std::vector<unsigned char> out(limits::kDecodedBytes);
  z_stream stream = {};
  require(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib");
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < coded.size(); at += kPiece) {
    const std::string_view piece = coded.substr(at, kPiece);
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = out.data();
      stream.avail_out = static_cast<uInt>(out.size());
      const int result = inflate(&stream, Z_NO_FLUSH);
      require(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, "zlib");
      bytes += out.size() - stream.avail_out;
    } while (stream.avail_out == 0);
  }
  inflateEnd(&stream);
  return bytes;
}

std::size_t by_brotli(std::string_view coded) {
  std::vector<unsigned char> out(limits::kDecodedBytes);
  BrotliDecoderState* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < coded.size(); at += kPiece) {
    const std::string_view piece = coded.substr(at, kPiece);
    auto* in = reinterpret_cast<const unsigned char*>(piece.data());
    std::size_t left = piece.size();
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
      unsigned char* to = out.data();
      std::size_t room = out.size();
      result = BrotliDecoderDecompressStream(state, &left, &in, &room, &to, nullptr);
      require(result != BROTLI_DECODER_RESULT_ERROR, "brotli");
      bytes += out.size() - room;
    }
  }
  BrotliDecoderDestroyInstance(state);
  return bytes;
}

std::size_t by_zstd(std::string_view coded) {
  std::vector<unsigned char> out(limits::kDecodedBytes);
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < coded.size(); at += kPiece) {
    const std::string_view piece = coded.substr(at, kPiece);
    ZSTD_inBuffer in = {piece.data(), piece.size(), 0};
    ZSTD_outBuffer to = {};
    do {
      to = {out.data(), out.size(), 0};
      require(ZSTD_isError(ZSTD_decompressStream(context, &to, &in)) == 0, "zstd");
      bytes += to.pos;
    } while (in.pos < in.size || to.pos == to.size);
  }
  ZSTD_freeDCtx(context);
  return bytes;
}

// The two run one after another in each round, so that a slow moment of the machine meets both.
void compare(const char* name, const std::string& coded, std::size_t (*library)(std::string_view)) {
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const double theirs = seconds([&] { return library(coded); });
    ratios.push_back(seconds([&] { return by_sluice(name, coded); }) / theirs);
  }
  std::ranges::nth_element(ratios, ratios.begin() + kRounds / 2);
  std::printf("ratio decode-%s %.3f\n", name, ratios[kRounds / 2]);
}

void find_cookies() {
  constexpr int kHosts = 1'000, kEach = 10, kLookUps = 200'000;
  const Now now{Instant(std::chrono::seconds(1)), 1'800'000'000};
  const auto jar = CookieJar::create();
  std::vector<Url> urls;
  for (int host = 0; host < kHosts; ++host) {
    urls.push_back(*Url::parse("https://host" + std::to_string(host) + ".example.org/some/path"));
    Fields fields;
    for (int i = 0; i < kEach; ++i) {
      require(fields.add("Set-Cookie", "name" + std::to_string(i) + "=value; Path=/").has_value(), "a field");
    }
    jar->receive(urls.back(), fields, now);
  }
  require(jar->size() == kHosts * kEach, "the jar is not full");
  std::size_t bytes = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < kLookUps; ++i)
    bytes += jar->header_for(urls[static_cast<std::size_t>(i) * 7 % kHosts], now).size();
  const double each = std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / kLookUps;
  require(bytes != 0, "no cookies");
  std::printf("cookies %.2f us\n", each);
}

}  // namespace

int main() {
  const std::string text = text_of(kBytes);
  compare("gzip", test::gzip(text), by_zlib);
  compare("br", test::brotli(text), by_brotli);
  compare("zstd", test::zstd(text), by_zstd);
  find_cookies();
}
