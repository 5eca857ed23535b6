// See content.hpp.
#include "adapters/cli/demo/content.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::demo {
namespace {

// SplitMix64's output function: block n of a file needs no block before it.
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e37'79b9'7f4a'7c15u;
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9u;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11ebu;
  return value ^ (value >> 31);
}

constexpr std::uint64_t kBlockBytes = 8;

}  // namespace

Content::Content(std::string_view name, std::uint64_t size) : seed_(mix(size)), size_(size) {
  for (const char c : name) seed_ = mix(seed_ ^ static_cast<unsigned char>(c));
}

std::size_t Content::read(std::uint64_t offset, MutableBytes out) const {
  if (offset >= size_) return 0;
  const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset));
  std::size_t done = 0;
  while (done < count) {
    const std::uint64_t at = offset + done;
    const std::uint64_t block = mix(seed_ + at / kBlockBytes);
    for (std::uint64_t byte = at % kBlockBytes; byte < kBlockBytes && done < count; ++byte) {
      out[done++] = static_cast<std::uint8_t>(block >> (8 * byte));
    }
  }
  return count;
}

std::vector<File> demo_files(std::size_t count) {
  constexpr double kSmallest = 1024;
  constexpr double kDoublings = 13;  // 1 KiB * 2^13 = 8 MiB
  std::vector<File> files;
  for (std::size_t i = 0; i < count; ++i) {
    // A step without a common factor with `count` visits every size once, not in order.
    const std::size_t rank = (i * 7 + count - 1) % count;
    const double exponent =
        count < 2 ? kDoublings : kDoublings * static_cast<double>(rank) / static_cast<double>(count - 1);
    const auto size = static_cast<std::uint64_t>(std::llround(kSmallest * std::exp2(exponent)));
    const std::string number = std::to_string(i + 1);
    files.push_back({"file-" + (number.size() < 2 ? "0" + number : number) + ".bin", size, i % 3 == 2});
  }
  return files;
}

}  // namespace sluice::demo
