// Fuzzes chunked bodies (RFC 9112 7.1) in both directions. Input: a line that says how the body is split
// (response_feed.hpp), then a chunked body, which is also used as a text to send in chunks. Oracles, in both modes: a
// decoder written from the grammar gives the same result, bytes and end as the reader of core/http1, however the body
// is split; the reader decodes what core/http1 has framed, in any pieces, to the same bytes.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http1/chunk_frame.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "fuzz/support/response_feed.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Decoded {
  enum class End : std::uint8_t { needs_more, complete, failed, unsure };
  End end = End::needs_more;
  std::string body;
  std::size_t taken = 0;  // if complete
  FieldList trailers;
};

// A decoder from the grammar, for the complete text. If the text fails, only the body before the failure counts.
class Decoder {
 public:
  Decoder(std::string_view text, Http1 mode) : text_(text), tolerant_(mode == Http1::tolerant) {}

  Decoded run() {
    while (result_.end == Decoded::End::needs_more && chunk()) {
    }
    return std::move(result_);
  }

 private:
  bool fail() {
    result_.end = Decoded::End::failed;
    return false;
  }
  bool at_end() const { return at_ == text_.size(); }
  // False: the character is missing, or has not come yet.
  bool expect(char c) {
    if (at_end()) return false;
    if (text_[at_] != c) return fail();
    ++at_;
    return true;
  }
  bool line_end() {
    if (tolerant_ && !at_end() && text_[at_] == '\n') return expect('\n');
    return expect('\r') && expect('\n');
  }

  bool size(std::uint64_t& value) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::size_t digits = 0;
    for (; !at_end(); ++at_, ++digits) {
      const char c = text_[at_];
      const std::size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (digit == std::string_view::npos) return digits > 0 || fail();
      if (digits == 16) return fail();
      value = value << 4 | digit;
    }
    return false;
  }

  // Blanks and then a semicolon, and from there on anything but control bytes (BWS is obsolete, and without an
  // extension nothing).
  bool extension() {
    bool begun = false, blank = false;
    std::size_t line_bytes = 0;
    for (; !at_end(); ++at_) {
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if ((byte == '\r' || (byte == '\n' && tolerant_)) && (begun || !blank || tolerant_)) return true;
      if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return fail();
      if (!begun && byte != ';' && byte != ' ' && byte != '\t') return fail();
      begun = begun || byte == ';';
      blank = true;
      if (++line_bytes > limits::kMaxChunkExtensionBytes) return fail();
      if (++extension_bytes_ > limits::kMaxChunkExtensionBytes + result_.body.size()) return fail();
    }
    return false;
  }

  bool chunk() {
    std::uint64_t size_claimed = 0;
    if (!size(size_claimed) || !extension() || !line_end()) return false;
    if (size_claimed == 0) return trailers();
    const std::string_view data = text_.substr(at_, size_claimed);
    result_.body += data;
    at_ += data.size();
    return data.size() == size_claimed && line_end();
  }

  bool trailers() {
    for (;;) {
      if (tolerant_ && is_odd(text_.substr(at_))) {
        result_.end = Decoded::End::unsure;
        return false;
      }
      const std::size_t end = text_.find("\r\n", at_);
      const std::string_view line = text_.substr(at_, end - at_);
      if (end == std::string_view::npos) {
        // An incomplete line may be invalid already; when the reader notices this is not tested here.
        result_.end = line.empty() || line == "\r" ? Decoded::End::needs_more : Decoded::End::unsure;
        return false;
      }
      at_ = end + 2;
      if (line.empty()) {
        result_.end = Decoded::End::complete;
        result_.taken = at_;
        return false;
      }
      if (!trailer(line)) return false;
    }
  }

  // What tolerant mode accepts is tested elsewhere, row by row: LF alone, folds, unusual names and values.
  static bool is_odd(std::string_view trailers) {
    for (std::size_t at = trailers.find('\n'); at != std::string_view::npos; at = trailers.find('\n', at + 1)) {
      if (at == 0 || trailers[at - 1] != '\r') return true;
      if (trailers.substr(at + 1).starts_with(' ') || trailers.substr(at + 1).starts_with('\t')) return true;
    }
    const std::size_t end = trailers.find("\r\n");
    const std::string_view line = trailers.substr(0, end);
    const std::size_t colon = line.find(':');
    return end != std::string_view::npos && colon != std::string_view::npos &&
           !(is_token(line.substr(0, colon)) && is_field_value(line.substr(colon + 1)));
  }

  bool trailer(std::string_view line) {
    if (at_end()) {
      result_.end = Decoded::End::unsure;  // a fold could follow: the reader waits for one more byte
      return false;
    }
    trailer_bytes_ += line.size() + 2;
    if (result_.trailers.size() >= limits::kMaxFields || trailer_bytes_ + 2 > limits::kMaxHeadBytes) return fail();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail();
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    if (!is_field_value(value)) return fail();
    const std::string name(line.substr(0, colon));
    // Framing fields are not allowed in trailers; whether the reader refuses or keeps them is not tested here.
    for (const std::string_view framing :
         {"Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Proxy-Connection"}) {
      if (!equals_ignoring_case(name, framing)) continue;
      result_.end = Decoded::End::unsure;
      return false;
    }
    result_.trailers.emplace_back(name, value);
    return true;
  }

  std::string_view text_;
  bool tolerant_;
  std::size_t at_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  Decoded result_;
};

std::string check_decoding(std::string_view body, const Cut& cut) {
  const std::string wire = std::string(kHead).append(body);
  FeedOptions options;
  options.wants_trailers = true;
  options.expectation.rules.http1 = cut.options.expectation.rules.http1;
  const Outcome got = in_pieces(wire, cut.sizes, options);
  const Outcome whole = in_pieces(wire, std::array<std::size_t, 1>{0}, options);
  FUZZ_CHECK_SAYING(got == whole, described(got) + " where the whole gave " + described(whole));

  const Decoded wanted = Decoder(body, options.expectation.rules.http1).run();
  const std::string both = described(got) + " from " + shown(body);
  FUZZ_CHECK_SAYING(got.body == wanted.body, both);
  switch (wanted.end) {
    case Decoded::End::needs_more:
      FUZZ_CHECK_SAYING(got.end == Outcome::End::needs_more, both);
      break;
    case Decoded::End::complete:
      FUZZ_CHECK_SAYING(got.complete() && got.surplus == body.size() - wanted.taken && got.trailers == wanted.trailers,
                        both);
      break;
    case Decoded::End::failed:
      FUZZ_CHECK_SAYING(got.failed(), both);
      break;
    case Decoded::End::unsure:
      break;
  }
  return got.failed()      ? verdict_of("refused", got.code)
         : !got.complete() ? "unfinished"
         : got.surplus > 0 ? "surplus"
                           : "complete";
}

// Frames as a session does: a frame is prepared when the one before it was sent.
std::string framed(std::string_view text, const Cut& cut) {
  RequestBody body = BodyStream{};
  http::UploadBody upload(body);
  http1::ChunkFrame frame;
  std::string wire;
  std::size_t turn = 0;
  const auto next_size = [&] { return cut.sizes[turn++ % cut.sizes.size()]; };
  while (!frame.last_sent()) {
    // The bytes of the application, then what the transport takes of them.
    const std::string_view given = text.substr(0, next_size() + 1);
    const MutableBytes space = upload.space();
    const std::size_t count = std::min(space.size(), given.size());
    std::copy_n(given.begin(), count, space.begin());
    upload.commit(count);
    text.remove_prefix(count);
    if (text.empty() && !upload.finished()) FUZZ_CHECK(upload.finish().has_value());
    if (frame.empty()) frame.prepare(upload);
    OutputView out;
    frame.push(upload, out);
    std::string shown_bytes;
    for (std::size_t i = 0; i < out.count; ++i) shown_bytes += as_text(out.spans[i]);
    shown_bytes.resize(std::min(shown_bytes.size(), next_size() + 1));
    wire += shown_bytes;
    frame.advance(upload, shown_bytes.size());
  }
  FUZZ_CHECK(upload.exhausted() && frame.empty());
  return wire;
}

void check_encoding(std::string_view text, const Cut& cut) {
  const std::string body = framed(text, cut);
  const Outcome got = in_pieces(std::string(kHead) + body, std::array<std::size_t, 1>{0}, {});
  FUZZ_CHECK_SAYING(got.complete() && got.body == text && got.surplus == 0 && got.trailers.empty(), described(got));
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  Cut cut = read_cut(input);
  const std::string_view text = input.rest();
  const std::string body = read_response(cut, text);
  last_verdict = check_decoding(body, cut);
  sluice::Http1& mode = cut.options.expectation.rules.http1;
  mode = mode == sluice::Http1::strict ? sluice::Http1::tolerant : sluice::Http1::strict;
  check_decoding(body, cut);
  check_encoding(text, cut);
  return 0;
}
