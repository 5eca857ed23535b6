// As engine_memory_test.cpp, for the decoders of content codings: their libraries allocate by operator new, and a
// failed allocation is Code::out_of_memory. What was decoded before it is right.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/content/body_decoder.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/support/coded.hpp"

namespace sluice::test {
namespace {

using content::Decoded;

void check_failure(std::vector<std::string>& faults, const char* what, const Error& error) {
  if (!ran_short() || error.code != Code::out_of_memory) faults.push_back(std::string(what) + ": " + error.message());
}

// Decodes in pieces, so that the libraries need their windows.
std::vector<std::string> decode(const content::Codings& codings, const std::string& coded, const std::string& body) {
  std::vector<std::string> faults;
  auto made = watched([&] { return content::BodyDecoder::create(codings, {.max_decoded_bytes = body.size()}); });
  if (!made) {
    check_failure(faults, "create", made.error());
    return faults;
  }
  content::Decoder& decoder = **made;
  std::string got;
  std::vector<std::uint8_t> space(500);
  for (std::size_t at = 0; at < coded.size();) {
    Bytes rest = as_bytes(std::string_view(coded).substr(at, 100));
    at += rest.size();
    for (Decoded end = Decoded::need_space; end == Decoded::need_space;) {
      const auto step = watched([&] { return decoder.decode(rest, space); });
      rest = rest.subspan(step.consumed);
      got += as_text(Bytes(space).first(step.produced));
      end = step.end;
      if (end == Decoded::failed) at = coded.size();
    }
  }
  if (!body.starts_with(got)) faults.emplace_back("another body");
  if (watched([&] { return decoder.finish(); }) == Decoded::failed) {
    check_failure(faults, "decode", decoder.error());
  } else if (got != body) {
    faults.emplace_back("a part of the body");
  }
  watched([&] { made->reset(); });
  return faults;
}

TEST_CASE("memory: content codings are undone or not, and what came before is right") {
  std::string body;
  for (int i = 0; i < 4'000; ++i) body += std::to_string(i * i) + ", ";
  const std::string inner = gzip(body);
  const std::pair<const char*, std::string> rows[] = {
      {"gzip", inner},      {"deflate", bare_deflate(body)}, {"br", brotli(body)},
      {"zstd", zstd(body)}, {"gzip, br", brotli(inner)},     {"gzip, zstd, deflate", zlib_wrapped(zstd(inner))},
  };
  for (const auto& [list, coded] : rows) {
    content::Codings codings;
    REQUIRE(codings.add_list(list).has_value());
    with_every_allocation_failing(list, [&] { return decode(codings, coded, body); });
  }
}

TEST_CASE("memory: an error that there is no memory to describe keeps its code") {
  const std::string body(1'000, 'b');
  const std::string coded = gzip(body);
  std::string broken = coded;
  broken[broken.size() - 8] = static_cast<char>(~broken[broken.size() - 8]);
  content::Codings codings;
  REQUIRE(codings.add_list("gzip").has_value());
  const auto run = [&](std::string_view given, const content::BodyLimits& body_limits, Code wanted) {
    std::vector<std::string> faults;
    auto made = watched([&] { return content::BodyDecoder::create(codings, body_limits); });
    if (!made) {
      check_failure(faults, "create", made.error());
      return faults;
    }
    std::vector<std::uint8_t> space(2'000);
    watched([&] { return (*made)->decode(as_bytes(given), space); });
    if (watched([&] { return (*made)->finish(); }) != Decoded::failed) faults.emplace_back("it is complete");
    const Code code = (*made)->error().code;
    if (code != wanted && !(ran_short() && code == Code::out_of_memory)) faults.emplace_back(to_string(code));
    watched([&] { made->reset(); });
    return faults;
  };
  with_every_allocation_failing("broken data", [&] { return run(broken, {}, Code::bad_coding); });
  with_every_allocation_failing("cut data", [&] { return run(coded.substr(0, 20), {}, Code::truncated); });
  with_every_allocation_failing("a large body",
                                [&] { return run(coded, {.max_decoded_bytes = 9}, Code::body_too_large); });
  with_every_allocation_failing("names", [&] {
    std::vector<std::string> faults;
    content::Codings names;
    const auto added = watched([&] { return names.add_list("gzip, a coding with a long name that nobody knows"); });
    if (added) faults.emplace_back("it was added");
    if (!added && added.error().code != Code::unsupported_coding) check_failure(faults, "add_list", added.error());
    return faults;
  });
}

}  // namespace
}  // namespace sluice::test
