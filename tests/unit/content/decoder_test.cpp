// content::Decoder: what it does for every decoder, with one that copies. And content::BoundedMemory.
#include "core/content/decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/content/bounded_memory.hpp"

using namespace sluice;
using namespace sluice::content;

namespace {

// Copies up to a '.', after which nothing may follow. A '!' is a fault.
class CopyDecoder final : public Decoder {
 public:
  CopyDecoder() : Decoder("copy") {}
  int runs = 0;

 private:
  DecodeStep run(Bytes input, MutableBytes space) override {
    ++runs;
    CHECK_FALSE(space.empty());
    DecodeStep step;
    for (const std::uint8_t byte : input) {
      if (byte == '!') return fail(step, Code::bad_coding, "an exclamation mark");
      if (byte == '?') return fail(step, make_error(Code::out_of_memory, "no more questions"));
      if (step.produced == space.size()) {
        step.end = Decoded::need_space;
        return step;
      }
      space[step.produced++] = byte;
      ++step.consumed;
      step.end = byte == '.' ? Decoded::finished : Decoded::need_input;
    }
    return step;
  }
};

}  // namespace

TEST_CASE("decoder: no call is passed on that can do nothing") {
  CopyDecoder decoder;
  std::array<std::uint8_t, 2> space = {};
  CHECK(decoder.decode({}, space).end == Decoded::need_input);
  CHECK(decoder.decode({}, {}).end == Decoded::need_input);
  const DecodeStep without_space = decoder.decode(as_bytes("a"), {});
  CHECK(without_space.end == Decoded::need_space);
  CHECK(without_space.consumed == 0);
  CHECK(decoder.runs == 0);
  // It may have something to give now, for all that anyone knows.
  CHECK(decoder.decode({}, space).end == Decoded::need_input);
  CHECK(decoder.runs == 1);
  const DecodeStep full = decoder.decode(as_bytes("abc."), space);
  CHECK(full.end == Decoded::need_space);
  CHECK(full.consumed == 2);
  CHECK(full.produced == 2);
  CHECK(decoder.decode(as_bytes("c."), space).end == Decoded::finished);
  CHECK(decoder.runs == 3);
  CHECK(decoder.decode({}, space).end == Decoded::finished);
  CHECK(decoder.runs == 3);
  CHECK(decoder.finish() == Decoded::finished);
}

TEST_CASE("decoder: an end before the data is complete is truncation, and stays one") {
  CopyDecoder decoder;
  std::array<std::uint8_t, 4> space = {};
  CHECK(decoder.decode(as_bytes("abc"), space).end == Decoded::need_input);
  CHECK(decoder.finish() == Decoded::failed);
  CHECK(decoder.error().code == Code::truncated);
  CHECK(decoder.error().blame == Blame::peer);
  CHECK(decoder.error().message() == "decode copy: the data ended before it was complete");
  const DecodeStep after = decoder.decode(as_bytes("d."), space);
  CHECK(after.end == Decoded::failed);
  CHECK(after.consumed == 0);
  CHECK(decoder.runs == 1);
  CHECK(decoder.finish() == Decoded::failed);
}

TEST_CASE("decoder: a failure says what was decoded before it, and stays") {
  CopyDecoder decoder;
  std::array<std::uint8_t, 8> space = {};
  const DecodeStep step = decoder.decode(as_bytes("ab!c."), space);
  CHECK(step.end == Decoded::failed);
  CHECK(step.produced == 2);
  CHECK(space[1] == 'b');
  CHECK(decoder.error().code == Code::bad_coding);
  CHECK(decoder.error().message() == "decode copy: an exclamation mark");
  for (const Bytes input : {as_bytes("c."), Bytes()}) {
    CHECK(decoder.decode(input, space).end == Decoded::failed);
    CHECK(decoder.decode(input, space).produced == 0);
  }
  CHECK(decoder.decode(as_bytes("."), {}).end == Decoded::failed);
  CHECK(decoder.finish() == Decoded::failed);
  CHECK(decoder.error().code == Code::bad_coding);
  CHECK(decoder.runs == 1);

  CopyDecoder other;
  CHECK(other.decode(as_bytes("?"), space).end == Decoded::failed);
  CHECK(other.error().code == Code::out_of_memory);
  CHECK(other.error().blame == Blame::internal);
  CHECK(other.error().message() == "no more questions");
}

TEST_CASE("bounded memory: blocks are aligned, counted, and never more than the limit") {
  BoundedMemory memory(100);
  void* first = memory.allocate(60);
  REQUIRE(first != nullptr);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % alignof(std::max_align_t) == 0);
  std::memset(first, 0xff, 60);
  CHECK(memory.used_bytes() == 60);
  void* second = memory.allocate(40);
  REQUIRE(second != nullptr);
  std::memset(second, 0xff, 40);
  CHECK_FALSE(memory.refused());
  CHECK(memory.allocate(1) == nullptr);
  CHECK(memory.refused());
  CHECK(memory.used_bytes() == 100);
  memory.release(first);
  CHECK(memory.used_bytes() == 40);
  void* third = memory.allocate(60);
  CHECK(third != nullptr);
  memory.release(nullptr);
  memory.release(second);
  memory.release(third);
  CHECK(memory.used_bytes() == 0);
}

TEST_CASE("bounded memory: as the libraries call it; an array's size does not wrap around") {
  BoundedMemory memory(100);
  void* all = BoundedMemory::allocate_array_in(&memory, 10, 10);
  REQUIRE(all != nullptr);
  CHECK(memory.used_bytes() == 100);
  CHECK(BoundedMemory::allocate_in(&memory, 1) == nullptr);
  BoundedMemory::release_in(&memory, all);
  CHECK(BoundedMemory::allocate_array_in(&memory, 101, 1) == nullptr);
  CHECK(BoundedMemory::allocate_array_in(&memory, 0x8000'0001U, 0x8000'0000U) == nullptr);
  CHECK(BoundedMemory::allocate_array_in(&memory, 0xffff'ffffU, 0xffff'ffffU) == nullptr);
  void* none = BoundedMemory::allocate_array_in(&memory, 5, 0);
  CHECK(none != nullptr);
  BoundedMemory::release_in(&memory, none);
  CHECK(memory.used_bytes() == 0);
}
