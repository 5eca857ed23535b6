// A process may contain OpenSSL besides sluice, which has its own TLS: libcurl's https and Python's ssl work, and so
// does sluice, whichever of them is linked or loaded first.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/command_runner.hpp"
#include "tests/support/nginx.hpp"

using namespace sluice::test;

namespace {

Nginx& nginx() {
  static Nginx server;
  return server;
}

std::string beside_this(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

CommandResult run(const std::string& program, std::vector<std::string> arguments, const CommandOptions& options = {}) {
  ::setenv("SLUICE_COMMAND", program.c_str(), 1);
  CommandResult result = run_command(std::move(arguments), options);
  ::unsetenv("SLUICE_COMMAND");
  return result;
}

std::string url() { return nginx().tls() + "/1048576"; }
std::string root_pem() { return (nginx().site().folder() / "root.pem").string(); }

const std::string kCurl = "curl 1048576\n", kSluice = "sluice 1048576\n";

// The sanitizer's runtime, which a program without it must load first; "" where there is none.
std::string sanitizer() {
#ifdef SANITIZER
  return SANITIZER;
#else
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find('/');
    if (path != std::string::npos && line.find("/libasan.so") != std::string::npos) return line.substr(path);
  }
  return "";
#endif
}

}  // namespace

TEST_CASE("SB-88 linked beside libcurl and its OpenSSL, before or after, shared or static: each fetches by https") {
  for (const char* program : {"openssl-curl_first", "openssl-sluice_first", "openssl-static"}) {
    CAPTURE(program);
    const CommandResult result = run(beside_this(program), {url(), root_pem()});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.out == kCurl + kSluice + kCurl + kSluice);
  }
}

TEST_CASE("SB-88 loaded beside libcurl and its OpenSSL, before or after: each fetches by https") {
  const std::string curl = "libcurl.so.4", sluice = beside_this("libopenssl-module.so");
  const CommandResult before = run(beside_this("openssl-load"), {url(), root_pem(), sluice, curl});
  INFO(before.err);
  CHECK(before.exit_code == 0);
  CHECK(before.out == kSluice + kCurl + kSluice);
  const CommandResult after = run(beside_this("openssl-load"), {url(), root_pem(), curl, sluice});
  INFO(after.err);
  CHECK(after.exit_code == 0);
  CHECK(after.out == kCurl + kCurl + kSluice);
}

TEST_CASE("SB-88 loaded into Python beside ssl, before or after: each fetches by https") {
  const std::string text =
      "import ctypes, sys\n"
      "order, url, ca, module = sys.argv[1:]\n"
      "def python():\n"
      "    import ssl, urllib.request\n"
      "    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),\n"
      "                                         urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))\n"
      "    print('python', len(opener.open(url, timeout=30).read()))\n"
      "def sluice():\n"
      "    fetch = ctypes.CDLL(module, mode=ctypes.RTLD_GLOBAL).fetch_by_sluice\n"
      "    fetch.restype = ctypes.c_long\n"
      "    print('sluice', fetch(url.encode(), open(ca, 'rb').read()))\n"
      "for word in order.split(): {'python': python, 'sluice': sluice}[word]()\n";
  CommandOptions options;
  if (const std::string library = sanitizer(); !library.empty())
    options.environment = {"LD_PRELOAD=" + library, "ASAN_OPTIONS=detect_leaks=0"};
  for (const char* order : {"python sluice python", "sluice python sluice"}) {
    const CommandResult result =
        run("/usr/bin/python3", {"-c", text, order, url(), root_pem(), beside_this("libopenssl-module.so")}, options);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    std::string expected;
    for (const char* word = order; *word != '\0'; word += *word == ' ' ? 1 : 0) {
      const std::string name(word, 6);
      expected += name + " 1048576\n";
      word += 6;
    }
    CHECK(result.out == expected);
  }
}
