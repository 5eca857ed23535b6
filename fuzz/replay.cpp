// Runs a fuzz target over files without a fuzzer, which every compiler can do. Arguments are files and folders. Accepts
// the options of the test runner that tests/run uses: --list-test-cases, and --test-case=PATTERN over TARGET/FILE. The
// last line is `N passed, M failed`. An input that violates an oracle stops the process after its name was printed. An
// input with an ending in its name fails if the target's verdict differs:
// `.refused` stands for any refusal, `.refused-malformed_response` for one with this Code.
#include <fnmatch.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/support/oracle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const std::vector<fs::path>& given) {
  std::vector<fs::path> files;
  for (const fs::path& path : given) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file()) inside.push_back(entry.path());
    }
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

// Returns "" for success, else what is wrong.
std::string replay(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "it cannot be read";
  // In memory of exactly its size, for the sanitizers.
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  bytes.shrink_to_fit();
  sluice::fuzz::last_verdict = {};
  if (LLVMFuzzerTestOneInput(bytes.data(), bytes.size()) != 0) return "the target would not have it";
  const std::string ending = path.extension();
  const std::string& verdict = sluice::fuzz::last_verdict;
  if (ending.empty() || ending == "." + verdict || ("." + verdict).starts_with(ending + "-")) return "";
  return "the verdict is " + (verdict.empty() ? "none" : verdict);
}

}  // namespace

int main(int count, char** words) {
  std::string target = fs::path(words[0]).filename();
  if (target.starts_with("fuzz-")) target.erase(0, 5);
  std::string pattern = "*";
  bool list = false;
  std::vector<fs::path> given;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--list-test-cases") {
      list = true;
    } else if (word.starts_with("--test-case=")) {
      pattern = word.substr(std::string_view("--test-case=").size());
    } else if (!word.starts_with("--")) {
      given.emplace_back(word);
    }
  }

  int passed = 0, failed = 0, skipped = 0;
  for (const fs::path& path : files_of(given)) {
    const std::string name = target + "/" + path.filename().string();
    if (::fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) != 0) {
      ++skipped;
      continue;
    }
    if (list) {
      std::puts(name.c_str());
      continue;
    }
    std::printf("%s ", name.c_str());
    std::fflush(stdout);
    const std::string trouble = replay(path);
    ++(trouble.empty() ? passed : failed);
    std::puts((trouble.empty() ? "ok " + sluice::fuzz::last_verdict : "FAIL: " + trouble).c_str());
  }
  if (list) return 0;
  const bool of_a_whole_corpus = skipped == 0 && std::any_of(given.begin(), given.end(), [](const fs::path& path) {
                                   return fs::is_directory(path);
                                 });
  for (const auto& [what, times] : sluice::fuzz::sights()) {
    std::printf("%s: %zu\n", std::string(what).c_str(), times);
    if (times == 0 && of_a_whole_corpus) ++failed;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed + skipped > 0 ? 0 : 1;
}
