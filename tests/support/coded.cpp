// See coded.hpp.
#include "tests/support/coded.hpp"

#include <brotli/encode.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include <cstdint>

#include "tests/support/must.hpp"

namespace sluice::test {
namespace {

std::string deflated(std::string_view text, int level, int window_bits) {
  z_stream stream = {};
  must(deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string coded(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<const Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(coded.data());
  stream.avail_out = static_cast<uInt>(coded.size());
  must(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  coded.resize(stream.total_out);
  must(deflateEnd(&stream) == Z_OK);
  return coded;
}

std::string compressed_by(ZSTD_CCtx* context, std::string_view text) {
  std::string coded(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress2(context, coded.data(), coded.size(), text.data(), text.size());
  must(ZSTD_isError(size) == 0);
  ZSTD_freeCCtx(context);
  coded.resize(size);
  return coded;
}

}  // namespace

std::string gzip(std::string_view text, int level) { return deflated(text, level, 15 + 16); }
std::string zlib_wrapped(std::string_view text, int level) { return deflated(text, level, 15); }
std::string bare_deflate(std::string_view text, int level) { return deflated(text, level, -15); }

std::string brotli(std::string_view text, int quality, int window_bits) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 1024;
  std::string coded(size, '\0');
  must(BrotliEncoderCompress(quality, window_bits, BROTLI_MODE_GENERIC, text.size(),
                             reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                             reinterpret_cast<std::uint8_t*>(coded.data())) == BROTLI_TRUE);
  coded.resize(size);
  return coded;
}

std::string zstd(std::string_view text, int level, int window_log) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  must(context != nullptr);
  must(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) == 0);
  must(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) == 0);
  must(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)) == 0);
  return compressed_by(context, text);
}

std::string zstd_without_checksum(std::string_view text) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  must(context != nullptr);
  return compressed_by(context, text);
}

}  // namespace sluice::test
