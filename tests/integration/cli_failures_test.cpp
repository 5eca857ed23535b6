// Failures of the `sluice` command: one clear line, curl's exit code, other transfers continue, and no incomplete file
// looks complete.
#include <doctest/doctest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>

#include "adapters/cli/demo/server.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/tls_authority.hpp"

using namespace sluice::test;
namespace fs = std::filesystem;

namespace {

std::string refused_url() { return "http://127.0.0.1:" + std::to_string(refused_port()) + "/"; }

// Checks the form of an error: one line, "sluice: (CODE) ...".
void check_error(const CommandResult& result, int code) {
  CAPTURE(result.err);
  CHECK(result.exit_code == code);
  CHECK(result.err.starts_with("sluice: (" + std::to_string(code) + ") "));
  CHECK(std::ranges::count(result.err, '\n') == 1);
  CHECK(result.err.ends_with('\n'));
}

Reply raw(std::string bytes, bool close = true) { return {.bytes = std::move(bytes), .close = close}; }

// "NAME.*.part" in that folder; empty: none, or more than one.
fs::path part_of(const fs::path& folder, const std::string& name) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string present = entry.path().filename().string();
    if (!present.starts_with(name + ".") || !present.ends_with(".part")) continue;
    if (!found.empty()) return {};
    found = entry.path();
  }
  return found;
}

// Waits until what has come of that file has this size.
bool wait_for_part(const fs::path& folder, const std::string& name, std::uintmax_t size) {
  for (int i = 0; i < 5000; ++i) {
    std::error_code error;
    if (fs::file_size(part_of(folder, name), error) == size && !error) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

// Takes one connection and answers its first bytes, whatever they are, in plain HTTP.
class NoTlsServer {
 public:
  NoTlsServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~NoTlsServer() {
    ::shutdown(listener_, SHUT_RDWR);  // ends an accept() that still waits
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  void serve() const {
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket < 0) return;
    char buffer[4096];
    const std::string answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
    if (::recv(socket, buffer, sizeof(buffer), 0) > 0) ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(socket);
  }
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("usage, URLs and schemes: 2, 3, 1") {
  const auto usage = run_command({"--no-such-option"});
  check_error(usage, 2);
  CHECK(usage.err.find("--help") != std::string::npos);
  check_error(run_command({"http://"}), 3);
  check_error(run_command({"http://host:99999/"}), 3);
  check_error(run_command({"http://user:secret@ho st/"}), 3);
  check_error(run_command({"ftp://127.0.0.1/"}), 1);
}

TEST_CASE("6: a name that does not resolve; 7: nobody listens") {
  const auto unknown =
      run_command({"http://no-such-name.onion/"});  // RFC 7686: never asked for, so this needs no network
  check_error(unknown, 6);
  CHECK(unknown.err.find("no-such-name.onion") != std::string::npos);
  const std::string url = refused_url();
  const auto refused = run_command({url});
  check_error(refused, 7);
  CHECK(refused.err.find(url.substr(7, url.size() - 8)) != std::string::npos);
  CHECK(refused.err.find("refused") != std::string::npos);
}

TEST_CASE("22: -f writes no file, --fail-with-body writes it; without them 404 is no error") {
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 404 Not Here\r\nContent-Length: 4\r\n\r\nnope"}; });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  auto result = run_command({"-f", "-o", "a", server.url()}, there);
  check_error(result, 22);
  CHECK(result.err.find("404 Not Here") != std::string::npos);
  CHECK(fs::is_empty(folder.path()));

  check_error(run_command({"--fail-with-body", "-o", "b", server.url()}, there), 22);
  CHECK(read_file(folder.path() / "b") == "nope");
  CHECK(run_command({"-o", "c", server.url()}, there).exit_code == 0);
  CHECK(read_file(folder.path() / "c") == "nope");

  // The head was asked for, it is not the body.
  const std::string head = "HTTP/1.1 404 Not Here\r\nContent-Length: 4\r\n\r\n";
  CHECK(run_command({"-f", "-i", server.url()}).out == head);
  check_error(run_command({"-f", "-i", "-o", "d", server.url()}, there), 22);
  CHECK(read_file(folder.path() / "d") == head);

  // The unwanted body is read, so that the connection lives on.
  const int before = server.accepted();
  result = run_command({"-f", server.url("/1"), server.url("/2")});
  CHECK(result.exit_code == 22);
  CHECK(result.out == "");
  CHECK(std::ranges::count(result.err, '\n') == 2);
  CHECK(server.accepted() == before + 1);
}

TEST_CASE("22: -f waits for no unwanted body that does not come, and how it ends does not matter") {
  const std::string head = "HTTP/1.1 404 Not Here\r\nContent-Length: 40\r\n\r\n";
  LoopbackServer stalled([&](const std::string&) { return raw(head, false); });
  const CommandResult waited = run_command({"-f", "-w", "%{time_total}", stalled.url()});
  check_error(waited, 22);
  CHECK(waited.out.starts_with("1."));  // seconds: it is over when the command stops waiting
  LoopbackServer cut([&](const std::string&) { return raw(head + "some"); });
  check_error(run_command({"-f", cut.url()}), 22);
}

TEST_CASE("23: a directory that is not there, a directory in the file's place, a full disk, a full standard output") {
  LoopbackServer server([](const std::string&) { return ok("some bytes"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  fs::create_directory(folder.path() / "directory");
  write_file(folder.path() / "plain", "kept");
  auto result = run_command({"-o", "missing/file", server.url()}, there);
  check_error(result, 23);
  CHECK(result.err.find("missing/file") != std::string::npos);
  CHECK(result.err.find("No such file or directory") != std::string::npos);
  check_error(run_command({"-o", "directory", server.url()}, there), 23);
  check_error(run_command({"--create-dirs", "-o", "plain/file", server.url()}, there), 23);
  check_error(run_command({"-o", "/dev/full", server.url()}, there), 23);
  result = run_command({server.url()}, {.stdout_path = "/dev/full"});
  check_error(result, 23);
  CHECK(result.err.find("write to standard output: No space left on device") != std::string::npos);
  CHECK(read_file(folder.path() / "plain") == "kept");
  check_error(run_command({"-D", "missing/heads", "-o", "x", server.url()}, there), 23);
  check_error(run_command({"-o", std::string(256, 'n'), server.url()}, there), 23);
  CHECK(!fs::exists(folder.path() / "x"));
}

TEST_CASE("23: two URLs for one file: the later one fails at the start, the first one is whole") {
  LoopbackServer server(
      [](const std::string& request) { return ok(request.starts_with("GET /1") ? "first" : "second"); });
  TempFolder folder;
  const auto result = run_command(
      {"-o", "same.part", server.url("/3"), "-o", "same", server.url("/1"), "-o", "./same", server.url("/2")},
      {.directory = folder.path()});
  check_error(result, 23);
  CHECK(read_file(folder.path() / "same") == "first");
  CHECK(read_file(folder.path() / "same.part") == "second");  // a name as any other
  CHECK(server.requests() == 2);
}

TEST_CASE("23: a body for the file of -D is refused before anything is sent, however the file is named") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  fs::create_directory(folder.path() / "sub");
  fs::create_symlink("heads", folder.path() / "link");
  for (const char* name : {"heads", "link", "sub/../heads", "sub/../link"}) {
    CAPTURE(name);
    const auto result = run_command({"-D", "heads", "-o", name, server.url()}, there);
    check_error(result, 23);
    CHECK(result.err.find(std::string("write to ") + name + ": the heads (-D) are written there") != std::string::npos);
    CHECK(!fs::exists(folder.path() / "heads"));
  }
  CHECK(server.requests() == 0);
  // What several may write takes both.
  CHECK(run_command({"-D", "/dev/null", "-o", "/dev/null", server.url()}, there).exit_code == 0);
  const std::string stdout_path = (folder.path() / "out").string();
  CommandOptions to_file = there;
  to_file.stdout_path = stdout_path;
  write_file(stdout_path, "");
  CHECK(run_command({"-D", "/dev/stdout", "-o", "/dev/stdout", server.url()}, to_file).exit_code == 0);
  const std::string both = read_file(stdout_path);
  CHECK(both.starts_with("HTTP/1.1 200"));
  CHECK(both.ends_with("\r\n\r\nbody"));
}

TEST_CASE("--remove-on-error: a failed download leaves no part, and what was there stays") {
  LoopbackServer cut([](const std::string&) { return raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"); });
  LoopbackServer missing([](const std::string&) { return raw("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnope"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const auto result = run_command({"--remove-on-error", "-o", "file", cut.url()}, there);
  check_error(result, 18);
  CHECK(result.err.find(".part") == std::string::npos);
  check_error(run_command({"--remove-on-error", "--fail-with-body", "-o", "file", missing.url()}, there), 22);
  CHECK(fs::is_empty(folder.path()));
  write_file(folder.path() / "file", "old");
  check_error(run_command({"--remove-on-error", "-o", "file", cut.url()}, there), 18);
  CHECK(read_file(folder.path() / "file") == "old");
  CHECK(part_of(folder.path(), "file") == "");
}

TEST_CASE("26: nothing to read for -T") {
  LoopbackServer server([](const std::string&) { return ok(""); });
  const auto result = run_command({"-T", "not-there", server.url()});
  check_error(result, 26);
  CHECK(result.err.find("not-there: No such file or directory") != std::string::npos);
  CHECK(server.requests() == 0);
}

TEST_CASE("28: -m runs out, before a head and in the middle of a body") {
  LoopbackServer silent([](const std::string&) { return Reply{.bytes = "x", .hold = true}; });
  check_error(run_command({"-m", "0.2", silent.url()}), 28);
  LoopbackServer stalls(
      [](const std::string&) { return raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false); });
  TempFolder folder;
  const auto result = run_command({"-m", "1", "-o", "slow", stalls.url()}, {.directory = folder.path()});
  check_error(result, 28);
  CHECK(!fs::exists(folder.path() / "slow"));
}

TEST_CASE("52, 56, 1: nothing, a reset, and no HTTP for an answer") {
  LoopbackServer nothing([](const std::string&) { return raw(""); });
  check_error(run_command({nothing.url()}), 52);
  LoopbackServer garbage([](const std::string&) { return raw("220 smtp.example ready\r\n\r\n"); });
  check_error(run_command({garbage.url()}), 1);
  LoopbackServer chunks(
      [](const std::string&) { return raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"); });
  check_error(run_command({chunks.url()}), 56);
  LoopbackServer resets(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}; });
  TempFolder folder;
  RunningCommand command({"-o", "file", resets.url()}, {.directory = folder.path()});
  CHECK(wait_for_part(folder.path(), "file", 3));
  resets.reset_all();
  check_error(command.wait(), 56);
  CHECK(!fs::exists(folder.path() / "file"));
}

TEST_CASE("SB-16 18: a body cut short leaves no file that looks complete, and leaves the one that was there alone") {
  LoopbackServer server([](const std::string&) { return raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  auto result = run_command({"-o", "new", server.url()}, there);
  check_error(result, 18);
  CHECK(!fs::exists(folder.path() / "new"));
  const fs::path part = part_of(folder.path(), "new");
  CHECK(read_file(part) == "abc");
  CHECK(result.err.find("what came is in " + part.filename().string()) != std::string::npos);

  write_file(folder.path() / "old", "complete");
  check_error(run_command({"-o", "old", server.url()}, there), 18);
  CHECK(read_file(folder.path() / "old") == "complete");

  // What it left belongs to whoever wants it: the next one has a part of its own.
  LoopbackServer works([](const std::string&) { return ok("z"); });
  CHECK(run_command({"-o", "new", works.url()}, there).exit_code == 0);
  CHECK(read_file(folder.path() / "new") == "z");
  CHECK(part_of(folder.path(), "new") == part);
}

TEST_CASE("one that fails does not end the others; the exit code is the last one's") {
  LoopbackServer server([](const std::string&) { return ok("fine"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const std::string bad = refused_url();
  auto result = run_command(
      {"-o", "1", server.url("/1"), "-o", "2", bad, "-o", "3", server.url("/3"), "-o", "missing/4", server.url("/4")},
      there);
  CHECK(result.exit_code == 23);
  CHECK(std::ranges::count(result.err, '\n') == 2);
  CHECK(result.err.find(bad) != std::string::npos);  // of many, it says which
  CHECK(read_file(folder.path() / "1") == "fine");
  CHECK(read_file(folder.path() / "3") == "fine");
  CHECK(!fs::exists(folder.path() / "2"));

  result = run_command({bad, "http://", server.url("/5")});
  CHECK(result.exit_code == 0);
  CHECK(std::ranges::count(result.err, '\n') == 2);
  CHECK(result.out == "fine");
  CHECK(run_command({server.url("/6"), bad}).exit_code == 7);
}

TEST_CASE("the last one's in the order of the command line, also where another one ends later") {
  LoopbackServer silent([](const std::string&) { return Reply{.bytes = "", .hold = true}; });
  LoopbackServer server([](const std::string&) { return ok("fine"); });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const std::vector<std::string> late = {"-m", "0.3", "-o", "1", silent.url(), "-o", "2", server.url()};
  CHECK(run_command(late, there).exit_code == 0);
  auto all = late;
  all.insert(all.begin(), "--fail-all");
  CHECK(run_command(all, there).exit_code == 28);
}

TEST_CASE("--fail-all: the last one that failed; --fail-early: nothing more is begun after the first") {
  LoopbackServer server([](const std::string& request) {
    return request.starts_with("GET /held") ? Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"}
                                            : ok("fine");
  });
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const std::string bad = refused_url();
  CHECK(run_command({"--fail-all", "http://", bad, server.url()}).exit_code == 7);
  CHECK(run_command({"--fail-all", bad, "http://", server.url()}).exit_code == 3);
  CHECK(run_command({"--fail-all", server.url()}).exit_code == 0);
  const int before = server.requests();

  auto result = run_command({"--fail-early", bad, server.url("/never")});
  CHECK(result.exit_code == 7);
  CHECK(result.out == "");
  CHECK(server.requests() == before);
  CHECK(std::ranges::count(result.err, '\n') == 2);
  CHECK(result.err.find("--fail-early") != std::string::npos);
  CHECK(result.err.find("1 of 2 transfers had ended") != std::string::npos);
  // As the last one it has nobody to stop.
  result = run_command({"--fail-early", server.url(), bad});
  check_error(result, 7);
  // Those that run end too.
  result = run_command({"--fail-early", "-o", "held", server.url("/held"), "-o", "x", bad}, there);
  CHECK(result.exit_code == 7);
  CHECK(!fs::exists(folder.path() / "held"));
}

TEST_CASE("few descriptors: fewer at the same time, and none fails; a closed standard output: 23") {
  LoopbackServer server([](const std::string&) { return ok("body"); });
  TempFolder folder;
  std::string urls;
  for (int i = 0; i < 100; ++i) urls += "url = " + server.url() + "\noutput = " + std::to_string(i) + "\n";
  write_file(folder.path() / "urls", urls);
  const auto shell = [&](const std::string& line) {
    const std::string text = "cd '" + folder.path().string() + "' && " + line + " 2>errors";
    return std::system(text.c_str()) / 256;
  };
  CHECK(shell("ulimit -n 40 && '" + command_path() + "' -q -K urls --parallel-max 100") == 0);
  CHECK(read_file(folder.path() / "errors") == "");
  for (int i = 0; i < 100; ++i) CHECK(read_file(folder.path() / std::to_string(i)) == "body");
  CHECK(shell("'" + command_path() + "' -q " + server.url() + " >&-") == 23);
  CHECK(read_file(folder.path() / "errors").find("standard output") != std::string::npos);
}

TEST_CASE("-s says nothing, -sS says what went wrong") {
  const auto silent = run_command({"-s", refused_url()});
  CHECK(silent.exit_code == 7);
  CHECK(silent.err == "");
  check_error(run_command({"-sS", refused_url()}), 7);
}

TEST_CASE(
    "TLS: 60 without the right CA, 35 where no TLS is spoken, 77 and 58 for files that are none; -k and --cacert "
    "work") {
  auto started = sluice::demo::Server::start({.files = {{.name = "f", .size = 5000}}, .bytes_per_second = 0});
  REQUIRE(started.has_value());
  const std::string url = "https://127.0.0.1:" + std::to_string((*started)->https_port()) + "/files/f";
  TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  const auto now = static_cast<sluice::UnixSeconds>(std::time(nullptr));
  write_file(folder.path() / "ca.pem", (*started)->ca_pem());
  write_file(folder.path() / "other.pem",
             sluice::sim::TlsAuthority::make_root("another", now - 86'400, now + 86'400).certificate_pem());
  write_file(folder.path() / "none.pem", "no certificate\n");

  CHECK(run_command({"--cacert", "ca.pem", url}, there).out.size() == 5000);
  CHECK(run_command({"-k", url}, there).out.size() == 5000);
  const auto refused = run_command({"--cacert", "other.pem", "-o", "out", url}, there);
  check_error(refused, 60);
  CHECK(!fs::exists(folder.path() / "out"));
  check_error(run_command({"--cacert", "none.pem", url}, there), 77);
  check_error(run_command({"--cacert", "missing.pem", url}, there), 77);
  check_error(run_command({"--cacert", "ca.pem", "--cert", "none.pem", url}, there), 58);
  check_error(run_command({"--cacert", "ca.pem", "--cert", "missing.pem", url}, there), 58);
  // A name that the certificate does not hold.
  const std::string port = std::to_string((*started)->https_port());
  check_error(run_command({"--cacert", "ca.pem", "--connect-to", "other.test:443:127.0.0.1:" + port,
                           "https://other.test/files/f"},
                          there),
              60);

  const NoTlsServer plain;
  check_error(run_command({"-k", "https://127.0.0.1:" + std::to_string(plain.port()) + "/"}), 35);

  const auto verbose = run_command({"-v", "--cacert", "ca.pem", "-o", "v", url}, there);
  CHECK(verbose.err.find("* TLS: ") != std::string::npos);
  CHECK(verbose.err.find("sluice demonstration CA") != std::string::npos);
  const auto keys =
      run_command({"--cacert", "ca.pem", "-o", "k", url},
                  {.directory = folder.path(), .environment = {"SSLKEYLOGFILE=" + (folder.path() / "keys").string()}});
  CHECK(keys.exit_code == 0);
  CHECK(read_file(folder.path() / "keys").find("CLIENT_TRAFFIC_SECRET_0 ") != std::string::npos);
}

TEST_CASE("Ctrl-C: a clean line, 130, and what came stays in the .part file") {
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}; });
  TempFolder folder;
  RunningCommand command({"-o", "file", server.url()}, {.directory = folder.path()});
  REQUIRE(wait_for_part(folder.path(), "file", 3));
  REQUIRE(::kill(command.pid(), SIGINT) == 0);
  const auto result = command.wait();
  check_error(result, 130);
  const fs::path part = part_of(folder.path(), "file");
  CHECK(result.err.find(part.filename().string()) != std::string::npos);
  CHECK(!fs::exists(folder.path() / "file"));
  CHECK(read_file(part) == "abc");
}

TEST_CASE("Ctrl-C with many files is one short line") {
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}; });
  TempFolder folder;
  std::vector<std::string> arguments;
  for (int i = 0; i < 40; ++i) {
    arguments.insert(arguments.end(), {"-o", "file" + std::to_string(i), server.url("/" + std::to_string(i))});
  }
  RunningCommand command(arguments, {.directory = folder.path()});
  for (int i = 0; i < 40; ++i) REQUIRE(wait_for_part(folder.path(), "file" + std::to_string(i), 3));
  REQUIRE(::kill(command.pid(), SIGINT) == 0);
  const auto result = command.wait();
  check_error(result, 130);
  CHECK(result.err.size() <= 120);
  CHECK(result.err.find("0 of 40 transfers had ended; 40 files are left in part") != std::string::npos);
}

TEST_CASE("SB-87 two commands that write the same file: each has a part of its own, the one that ends later stays") {
  LoopbackServer server([](const std::string& request) {
    if (request.starts_with("GET /2")) return ok("second");
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"};
  });
  TempFolder folder;
  RunningCommand first({"-o", "file", server.url("/1")}, {.directory = folder.path()});
  REQUIRE(wait_for_part(folder.path(), "file", 2));
  CHECK(run_command({"-o", "file", server.url("/2")}, {.directory = folder.path()}).exit_code == 0);
  CHECK(read_file(folder.path() / "file") == "second");
  CHECK(read_file(part_of(folder.path(), "file")) == "ab");
}

TEST_CASE("23: a -D that cannot be written is known before anything is sent") {
  LoopbackServer server([](const std::string&) { return ok("fine"); });
  TempFolder folder;
  fs::create_directory(folder.path() / "folder");
  for (const char* path : {"missing/heads", "folder"}) {
    CAPTURE(path);
    const auto result = run_command({"-D", path, "-d", "x", server.url()}, {.directory = folder.path()});
    check_error(result, 23);
    CHECK(result.err.find(std::string("write to ") + path + ": ") != std::string::npos);
    CHECK(result.out == "");
  }
  CHECK(server.requests() == 0);
}
