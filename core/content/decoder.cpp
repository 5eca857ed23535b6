// See decoder.hpp. What all decoders share: calls without input or space, errors that stay, and the end of the data.
#include "core/content/decoder.hpp"

#include <string>

#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice::content {

DecodeStep Decoder::decode(Bytes input, MutableBytes space) {
  DecodeStep step;
  step.end = end_;
  if (end_ == Decoded::failed) return step;
  if (input.empty() && end_ != Decoded::need_space) return step;  // all was taken, and all was given
  if (space.empty()) {
    step.end = Decoded::need_space;
  } else {
    step = run(input, space);
    SLUICE_CHECK(step.consumed <= input.size() && step.produced <= space.size());
  }
  end_ = step.end;
  return step;
}

Decoded Decoder::finish() {
  SLUICE_CHECK(end_ != Decoded::need_space);
  if (end_ == Decoded::need_input) end_ = fail({}, Code::truncated, "the data ended before it was complete").end;
  return end_;
}

DecodeStep Decoder::fail(DecodeStep step, Code code, std::string_view what) {
  error_ = make_error(code, {});
  static_cast<void>(
      has_memory_for([&] { error_.context = std::string("decode ").append(name_).append(": ").append(what); }));
  step.end = Decoded::failed;
  return step;
}

DecodeStep Decoder::fail(DecodeStep step, const Error& error) {
  error_ = make_error(error.code, {});
  static_cast<void>(has_memory_for([&] { error_.context = error.context; }));
  step.end = Decoded::failed;
  return step;
}

}  // namespace sluice::content
