// See demo.hpp.
#include "adapters/cli/demo.hpp"

#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "adapters/cli/command.hpp"
#include "adapters/cli/demo/server.hpp"
#include "adapters/cli/demo/sha256.hpp"
#include "adapters/cli/interrupt.hpp"
#include "adapters/cli/progress.hpp"

namespace sluice::demo {
namespace {

constexpr std::size_t kFiles = 24;
constexpr std::size_t kAtOnce = 8;

int failed(const std::string& what) {
  std::fprintf(stderr, "sluice: demonstration: %s\n", what.c_str());
  return 1;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::error_code error;
    std::string pattern = (std::filesystem::temp_directory_path(error) / "sluice-demo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryDirectory() { remove(); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  bool remove() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
    path_.clear();
    return !error;
  }

 private:
  std::string path_;
};

Digest expected_digest(const File& file) {
  const Content content(file.name, file.size);
  std::vector<std::uint8_t> buffer(64 * 1024);
  Sha256 sha;
  std::uint64_t offset = 0;
  while (const std::size_t count = cli::interrupted_by() == 0 ? content.read(offset, buffer) : 0) {
    sha.update(Bytes(buffer).first(count));
    offset += count;
  }
  return sha.finish();
}

bool digest_of_file(const std::string& path, Digest& digest) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(64 * 1024);
  Sha256 sha;
  while (file && cli::interrupted_by() == 0) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sha.update(as_bytes({buffer.data(), static_cast<std::size_t>(file.gcount())}));
  }
  digest = sha.finish();
  return file.eof();
}

Result<cli::CommandLine> make_command(const Server& server, const std::vector<File>& files,
                                      const std::string& directory) {
  auto settings = std::make_shared<cli::Settings>();
  settings->tls.cacert = directory + "/ca.pem";
  settings->remove_on_error = true;  // the directory is removed too
  cli::CommandLine command;
  command.parallel_max = kAtOnce;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool secure = i % 2 == 1;
    const std::string base = secure ? "https://127.0.0.1:" + std::to_string(server.https_port())
                                    : "http://127.0.0.1:" + std::to_string(server.http_port());
    cli::Operation operation;
    operation.given_url = base + "/files/" + files[i].name;
    auto url = Url::parse(operation.given_url);
    if (!url) return std::unexpected(url.error());
    operation.url = *std::move(url);
    operation.method = "GET";
    if (auto added = operation.fields.add("User-Agent", "sluice-demonstration"); !added)
      return std::unexpected(added.error());
    operation.output = {.to_stdout = false, .path = directory + "/" + files[i].name};
    operation.settings = settings;
    operation.url_number = i;
    command.operations.push_back(std::move(operation));
  }
  return command;
}

// The number of files on disk with the correct content; reports the others.
std::size_t verify(const std::vector<File>& files, const std::string& directory) {
  std::size_t right = 0;
  for (const File& file : files) {
    Digest digest = {};
    const bool read = digest_of_file(directory + "/" + file.name, digest);
    const Digest expected = expected_digest(file);
    if (cli::interrupted_by() != 0) return right;
    if (!read) {
      failed(file.name + " is not there");
    } else if (digest != expected) {
      failed(file.name + " has another SHA-256 than the server's");
    } else {
      ++right;
    }
  }
  return right;
}

void say(const cli::RunSummary& summary, const ServerFigures& server, std::size_t right) {
  const double seconds = std::chrono::duration<double>(summary.elapsed).count();
  const auto speed = static_cast<std::uint64_t>(seconds > 0 ? static_cast<double>(summary.bytes) / seconds : 0);
  std::printf("downloaded %zu of %zu files, %s in %.1f s (%s/s)\n", summary.done - summary.failed, kFiles,
              cli::format_bytes(summary.bytes).c_str(), seconds, cli::format_bytes(speed).c_str());
  std::printf("%llu requests over %llu connections; %zu transfers rode on one that was open already\n",
              static_cast<unsigned long long>(server.requests), static_cast<unsigned long long>(server.connections),
              summary.reused);
  std::printf("checksums (SHA-256): %zu of %zu right\n", right, kFiles);
}

}  // namespace

int run_demo() {
  const cli::InterruptGuard interrupt;  // while the temporary directory exists
  const std::vector<File> files = demo_files(kFiles);
  auto server = Server::start({.files = files});
  if (!server) return failed(server.error().message());
  TemporaryDirectory directory;
  if (directory.path().empty()) return failed(std::string("make a temporary directory: ") + std::strerror(errno));
  {
    std::ofstream ca(directory.path() + "/ca.pem");
    ca << (*server)->ca_pem();
    ca.close();
    if (!ca) return failed("write to " + directory.path() + "/ca.pem: " + std::strerror(errno));
  }
  const auto command = make_command(**server, files, directory.path());
  if (!command) return failed(command.error().message());

  std::printf("an HTTP and an HTTPS server listen on 127.0.0.1, ports %u and %u, with a CA made just now\n",
              static_cast<unsigned>((*server)->http_port()), static_cast<unsigned>((*server)->https_port()));
  std::printf("downloading %zu files, half of them over HTTPS, %zu at once, to %s\n", kFiles, kAtOnce,
              directory.path().c_str());
  std::fflush(stdout);
  const cli::RunSummary summary = cli::run_command(*command);
  // run_command() has reported the signal, unless it came after the last transfer.
  const bool told = cli::interrupted_by() != 0 && summary.exit_code == 128 + cli::interrupted_by();
  const std::size_t right = told ? 0 : verify(files, directory.path());
  const ServerFigures figures = (*server)->stop();
  if (!directory.remove()) failed("could not remove its temporary directory");
  if (const int signal = cli::interrupted_by(); signal != 0) {
    if (!told) std::fprintf(stderr, "sluice: (%d) interrupted while checking the files\n", 128 + signal);
    return 128 + signal;
  }

  say(summary, figures, right);
  const bool well = summary.failed == 0 && summary.exit_code == 0 && right == files.size();
  std::printf(well ? "all is well; give it a URL of your own, or --help\n" : "something went wrong, see above\n");
  if (std::fflush(stdout) != 0) return failed(std::string("write to standard output: ") + std::strerror(errno));
  return well ? 0 : 1;
}

}  // namespace sluice::demo
