// Fuzzes core/content. Input: a line with the value of Content-Encoding; two bytes, the sizes of the pieces and of the
// space; two bytes, the greatest size of the body; then the coded body, which is also used as a body to be coded.
// Oracles: the list is read as its grammar says; no call takes or gives more than there is, and a failure stays;
// however the data is split, it is complete or not, with the same body; a limit of the size gives just so many bytes of
// it; what the real encoders have made decodes to what it was made of.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ascii.hpp"
#include "core/content/body_decoder.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "tests/support/coded.hpp"

namespace sluice::fuzz {
namespace {

using content::BodyDecoder;
using content::BodyLimits;
using content::Coding;
using content::Codings;
using content::Decoded;

// A body that is larger shows nothing new, and takes time.
constexpr std::uint64_t kMostDecoded = 1024 * 1024;

const bool kSights =
    must_be_seen({"gzip", "deflate", "br", "zstd", "layers", "a limit", "a ratio", "truncation", "a fault"});

struct Outcome {
  std::string body;
  bool complete = false;
  Code code = Code::internal;  // if it is not
};

struct Sizes {
  std::size_t piece, room;
};

// The rest of a piece. False: the decoder has failed.
bool take_piece(BodyDecoder& decoder, std::string_view piece, std::size_t room, Outcome& outcome) {
  const std::vector<std::uint8_t> memory(piece.begin(), piece.end());  // of exactly its size, for the sanitizers
  std::vector<std::uint8_t> space(room);
  Bytes rest(memory);
  for (std::size_t idle = 0;;) {
    const content::DecodeStep step = decoder.decode(rest, space);
    FUZZ_CHECK(step.consumed <= rest.size() && step.produced <= space.size());
    if (step.consumed == 0 && step.produced == 0) FUZZ_CHECK(++idle < 1'000);
    rest = rest.subspan(step.consumed);
    outcome.body += as_text(Bytes(space).first(step.produced));
    FUZZ_CHECK(outcome.body.size() == decoder.decoded_bytes());
    if (step.end == Decoded::failed) return false;
    if (step.end == Decoded::need_space) continue;
    FUZZ_CHECK(rest.empty());
    return true;
  }
}

Outcome decode(const Codings& codings, const BodyLimits& body_limits, std::string_view coded, Sizes sizes) {
  const auto decoder = BodyDecoder::create(codings, body_limits);
  FUZZ_CHECK(decoder.has_value());
  Outcome outcome;
  bool good = true;
  for (std::size_t at = 0; good && at < coded.size(); at += sizes.piece) {
    good = take_piece(**decoder, coded.substr(at, sizes.piece), sizes.room, outcome);
  }
  outcome.complete = (*decoder)->finish() == Decoded::finished;
  FUZZ_CHECK(good || !outcome.complete);
  FUZZ_CHECK((*decoder)->coded_bytes() <= coded.size());
  if (outcome.complete) {
    FUZZ_CHECK((*decoder)->coded_bytes() == coded.size());
    return outcome;
  }
  const Error& error = (*decoder)->error();
  outcome.code = error.code;
  FUZZ_CHECK(error.code == Code::bad_coding || error.code == Code::truncated || error.code == Code::body_too_large);
  FUZZ_CHECK_SAYING(error.context.starts_with("decode ") && error.message().size() < 200, shown(error.message()));
  std::uint8_t byte = 0;
  const content::DecodeStep again = (*decoder)->decode(as_bytes("x"), MutableBytes(&byte, 1));
  FUZZ_CHECK(again.end == Decoded::failed && again.consumed == 0 && again.produced == 0);
  return outcome;
}

// By the grammar, where there are no quotes. nullopt: a name that is not known, or too many.
std::optional<std::vector<Coding>> read_list(std::string_view value) {
  std::vector<Coding> codings;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    std::string name = to_lower(value.substr(0, comma));
    value.remove_prefix(std::min(comma + 1, value.size()));
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.pop_back();
    name.erase(0, std::min(name.find_first_not_of(" \t"), name.size()));
    if (name.empty() || name == "identity" || name == "none") continue;
    if (name == "gzip" || name == "x-gzip") {
      codings.push_back(Coding::gzip);
    } else if (name == "deflate") {
      codings.push_back(Coding::deflate);
    } else if (name == "br") {
      codings.push_back(Coding::br);
    } else if (name == "zstd") {
      codings.push_back(Coding::zstd);
    } else {
      return std::nullopt;
    }
    if (codings.size() > limits::kMaxCodings) return std::nullopt;
  }
  return codings;
}

std::string coded_by(Coding coding, const std::string& body, bool wrapped) {
  switch (coding) {
    case Coding::gzip:
      return test::gzip(body);
    case Coding::deflate:
      return wrapped ? test::zlib_wrapped(body) : test::bare_deflate(body);
    case Coding::br:
      return test::brotli(body, 1, 16);
    case Coding::zstd:
      return test::zstd(body, 1);
  }
  return {};
}

void check_what_encoders_make(const Codings& codings, std::string_view text, Sizes sizes) {
  std::string coded(text);
  for (const Coding coding : codings.list()) coded = coded_by(coding, coded, text.size() % 2 == 0);
  const Outcome got = decode(codings, {.max_decoded_bytes = text.size()}, coded, sizes);
  FUZZ_CHECK_SAYING(got.complete && got.body == text, to_string(got.code));
}

// `whole`: without other limits than `kMostDecoded`.
void check_limits(const Codings& codings, std::string_view coded, Sizes sizes, std::uint64_t most,
                  const Outcome& whole) {
  const Outcome limited = decode(codings, {.max_decoded_bytes = most}, coded, sizes);
  FUZZ_CHECK(limited.body.size() <= most);
  const Outcome rated = decode(codings, {.max_decoded_bytes = 2 * kMostDecoded, .max_ratio = 20}, coded, sizes);
  if (rated.code == Code::body_too_large) saw("a ratio");
  if (!whole.complete) return;
  FUZZ_CHECK(whole.body.starts_with(limited.body));
  // What lies between two codings has a limit as well.
  if (codings.list().size() < 2) FUZZ_CHECK(limited.complete == (whole.body.size() <= most));
  if (limited.complete) {
    FUZZ_CHECK(limited.body == whole.body);
  } else {
    FUZZ_CHECK(limited.code == Code::body_too_large);
    if (codings.list().size() < 2) FUZZ_CHECK(limited.body.size() == most);
  }
  FUZZ_CHECK(rated.complete ? rated.body == whole.body : rated.code == Code::body_too_large);
}

Outcome check_decoding(const Codings& codings, std::string_view coded, Sizes sizes) {
  const BodyLimits most = {.max_decoded_bytes = kMostDecoded};
  Outcome whole = decode(codings, most, coded, {65'536, 65'536});
  const Outcome pieces = decode(codings, most, coded, sizes);
  if (whole.complete) {
    FUZZ_CHECK(pieces.complete && pieces.body == whole.body);
  } else {
    FUZZ_CHECK(!pieces.complete);
    // With several faults, or a limit before a fault, it depends on the pieces which is met first.
    const bool limited = whole.code == Code::body_too_large || pieces.code == Code::body_too_large;
    if (codings.list().size() < 2 && !limited) FUZZ_CHECK(pieces.code == whole.code);
  }
  return whole;
}

void count(const Codings& codings, const Outcome& outcome) {
  if (outcome.complete && codings.list().size() == 1) saw(to_string(codings.list().front()));
  if (outcome.complete && codings.list().size() > 1) saw("layers");
  if (outcome.code == Code::body_too_large) saw("a limit");
  if (outcome.code == Code::truncated) saw("truncation");
  if (outcome.code == Code::bad_coding) saw("a fault");
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(Bytes(data, size));
  const std::string_view list = input.up_to('\n');
  content::Codings codings;
  const auto added = codings.add_list(list);
  if (list.find('"') == std::string_view::npos) {
    const auto expected = fuzz::read_list(list);
    FUZZ_CHECK_SAYING(added.has_value() == expected.has_value(), fuzz::shown(list));
    if (expected) FUZZ_CHECK_SAYING(std::ranges::equal(*expected, codings.list()), fuzz::shown(list));
  }
  if (!added) {
    FUZZ_CHECK(added.error().code == Code::unsupported_coding && added.error().message().size() < 400);
    fuzz::last_verdict = fuzz::verdict_of("unlisted", added.error().code);
    return 0;
  }
  const std::size_t piece = std::size_t{input.byte()} + 1;
  const std::size_t room = std::size_t{input.byte()} * 8 + 1;
  const std::uint64_t most = input.below(65'536);
  const std::string_view coded = input.rest();
  const fuzz::Outcome whole = fuzz::check_decoding(codings, coded, {piece, room});
  fuzz::count(codings, whole);
  fuzz::check_limits(codings, coded, {piece, room}, most, whole);
  fuzz::check_what_encoders_make(codings, coded.substr(0, 4'096), {piece, room});
  fuzz::last_verdict = whole.complete ? "complete" : fuzz::verdict_of("refused", whole.code);
  return 0;
}
