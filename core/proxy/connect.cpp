// See connect.hpp.
#include "core/proxy/connect.hpp"

#include <utility>
#include <vector>

#include "core/base/limits.hpp"

namespace sluice::proxy {
namespace {

void append(std::vector<std::uint8_t>& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

// RFC 9110 9.3.6: the content that a 2xx seems to announce does not exist. Of other responses only the head is read.
constexpr bool kHeadAlone = true;

}  // namespace

Connect::Connect(ConnectParams params) : Passage(params.target), params_(std::move(params)) {
  reader_.start(head_, nullptr, {.to_head = kHeadAlone, .rules = {.http1 = params_.http1}});
}

bool Connect::begin(std::vector<std::uint8_t>& out) {
  const std::string authority = target().authority();
  append(out, "CONNECT " + authority + (params_.http1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n"));
  append(out, "Host: " + authority + "\r\n");
  for (const Field field : params_.fields) {
    append(out, field.name);
    append(out, field.value.empty() ? ":" : ": ");
    append(out, field.value);
    append(out, "\r\n");
  }
  append(out, "\r\n");
  return true;
}

void Connect::answer(Bytes& in, std::vector<std::uint8_t>&) {
  while (talking() && !in.empty()) {
    // The reader decodes in place, and the caller's bytes are not to be changed. Only what belongs to the head is
    // taken.
    std::vector<std::uint8_t> bytes(in.begin(), in.end());
    const http1::Reader::Step step = reader_.read(bytes);
    in = in.subspan(step.taken);
    if (step.failed) return static_cast<void>(fail(reader_.error().message()));
    head_bytes_ += step.taken;
    if (head_bytes_ > limits::kMaxHeadBytes) return static_cast<void>(fail("its response head is too large"));
    if (step.complete) return judge();
    if (step.taken == 0) return;
  }
}

void Connect::judge() {
  if (head_.status >= 200 && head_.status <= 299) return open();
  std::string what = "it answered with status " + std::to_string(head_.status);
  if (!head_.reason.empty()) what += " (" + head_.reason + ")";
  fail(what, head_.status);
}

}  // namespace sluice::proxy
