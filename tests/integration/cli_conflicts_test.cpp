// Several URLs or options of one `sluice` command for one file or one exit code: nothing that was written is lost, and
// the order of the command line decides, against scripted servers on loopback.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

std::string path_of(const std::string& request) {
  const std::size_t begin = request.find(' ') + 1;
  return request.substr(begin, request.find(' ', begin) - begin);
}

// "/a?name": a body that says the path, and a Content-Disposition with the name.
Reply named(const std::string& request) {
  const std::string path = path_of(request);
  const std::size_t name = path.find('?');
  std::string fields = "Content-Length: " + std::to_string(path.size()) + "\r\n";
  if (name != std::string::npos) {
    fields += "Content-Disposition: attachment; filename=\"" + path.substr(name + 1) + "\"\r\n";
  }
  return {.bytes = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n" + fields + "\r\n" + path};
}

std::set<std::string> files_of(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

// An option with its file, h, and what a message says of it.
struct OptionWithFile {
  std::vector<std::string> arguments;
  std::string what;
};

const std::vector<OptionWithFile> kOptionsWithFiles = {
    {{"-D", "h"}, "the heads (-D) are written there"},
    {{"--etag-save", "h"}, "the ETag (--etag-save) is written there"},
    {{"--trace", "h"}, "the trace (--trace) is written there"},
    {{"--har", "h"}, "the HAR (--har) is written there"},
    {{"-c", "h"}, "the cookies (-c) are written there"},
    {{"--hsts", "h"}, "the HSTS hosts (--hsts) are written there"},
    {{"--alt-svc", "h"}, "the alternative services (--alt-svc) are written there"},
    {{"-w", "%output{h}X"}, "text of -w (%output) is written there"},
};

}  // namespace

TEST_CASE("the exit code is that of the last URL in the order of the command line, also within a glob") {
  LoopbackServer server([](const std::string& request) {
    if (path_of(request) == "/slow") return Reply{.bytes = ok("slow").bytes, .hold = true};
    return Reply{.bytes = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"};
  });
  const TempFolder folder;
  for (const bool slow_is_last : {false, true}) {
    CAPTURE(slow_is_last);
    const std::string glob = slow_is_last ? "/{fails,slow}" : "/{slow,fails}";
    const int replies = slow_is_last ? 3 : 1;
    RunningCommand command({"-s", "-f", "-o", "g#1", server.url(glob)}, {.directory = folder.path()});
    REQUIRE(server.wait_for_replies(replies));
    REQUIRE(server.wait_for_requests(slow_is_last ? 4 : 2));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // so that the command has seen the failure
    server.release();
    CHECK(command.wait().exit_code == (slow_is_last ? 0 : 22));
  }
}

TEST_CASE("-T: a file of a glob that cannot be read is 26, wherever it is, and the others are sent") {
  LoopbackServer server([](const std::string&) { return ok(""); });
  const TempFolder folder;
  write_file(folder.path() / "f1", "one");
  write_file(folder.path() / "f3", "three");
  int sent = 0;
  for (const char* files : {"{f1,gone}", "{gone,f1}", "{f1,gone,f3}"}) {
    CAPTURE(files);
    const CommandResult result = run_command({"-sS", "-T", files, server.url()}, {.directory = folder.path()});
    CHECK(result.exit_code == 26);
    CHECK(result.err.ends_with("read gone: No such file or directory\n"));
    sent += std::string(files).find("f3") == std::string::npos ? 1 : 2;
    CHECK(server.requests() == sent);
  }
}

TEST_CASE("a body for the file of an option is refused before anything is sent") {
  LoopbackServer server(named);
  for (const OptionWithFile& option : kOptionsWithFiles) {
    CAPTURE(option.what);
    const TempFolder folder;
    std::vector<std::string> arguments = option.arguments;
    arguments.insert(arguments.end(), {"-sS", "-o", "./h", server.url()});
    const CommandResult result = run_command(arguments, {.directory = folder.path()});
    CHECK(result.exit_code == 23);
    CHECK(result.err.ends_with("write to ./h: " + option.what + "\n"));
  }
  CHECK(server.requests() == 0);
}

TEST_CASE("-J: a name of the response that is the file of an option is refused, and its bytes are in no other's way") {
  LoopbackServer server(named);
  for (const OptionWithFile& option : kOptionsWithFiles) {
    CAPTURE(option.what);
    const TempFolder folder;
    std::vector<std::string> arguments = option.arguments;
    arguments.insert(arguments.end(), {"-sS", "-OJ", server.url("/a?h"), "--next", "-o", "b", server.url("/b")});
    const CommandResult result = run_command(arguments, {.directory = folder.path()});
    CHECK(result.err.find("write to h: " + option.what + "\n") != std::string::npos);
    CHECK(result.exit_code == 0);  // that of the last
    CHECK(read_file(folder.path() / "b") == "/b");
    arguments.resize(arguments.size() - 4);
    CHECK(run_command(arguments, {.directory = folder.path()}).exit_code == 23);
    // A free name is taken.
    arguments.insert(arguments.begin(), "--no-clobber");
    std::filesystem::remove(folder.path() / "h");
    CHECK(run_command(arguments, {.directory = folder.path()}).exit_code == 0);
    CHECK(read_file(folder.path() / "h.1") == "/a?h");
  }
}

TEST_CASE("-J: a name that one URL has got is no other's, and the URLs' own names do not matter") {
  LoopbackServer server(named);
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  CommandResult result =
      run_command({"-sS", "--parallel-max", "1", "-OJ", server.url("/a?b"), "-o", "b", server.url("/2")}, there);
  CHECK(result.exit_code == 23);
  CHECK(result.err.ends_with("write to b: another URL of this command is written there\n"));
  CHECK(read_file(folder.path() / "b") == "/a?b");
  result = run_command(
      {"-sS", "--clobber", "--parallel-max", "1", "-o", "b", server.url("/2"), "-OJ", server.url("/a?b")}, there);
  CHECK(result.exit_code == 23);
  CHECK(read_file(folder.path() / "b") == "/2");
  CHECK(run_command({"-sS", "-OJ", server.url("/1/a?x"), "-OJ", server.url("/2/a?y")}, there).exit_code == 0);
  CHECK(read_file(folder.path() / "x") == "/1/a?x");
  CHECK(read_file(folder.path() / "y") == "/2/a?y");
  CHECK(files_of(folder.path()) == std::set<std::string>{"b", "x", "y"});
}

TEST_CASE("-O and -J: a file named '-' is a file, whoever chose the name") {
  LoopbackServer server(named);
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"-O", server.url("/-")}, {"--remote-name-all", server.url("/-")}, {"-OJ", server.url("/x?-")}}) {
    CAPTURE(arguments.front());
    const TempFolder folder;
    std::vector<std::string> all = {"-sS", "-w", "%{filename_effective}"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const CommandResult result = run_command(all, {.directory = folder.path()});
    CHECK(result.exit_code == 0);
    CHECK(result.out == "-");
    CHECK(read_file(folder.path() / "-").starts_with("/"));
  }
}

TEST_CASE("--no-clobber and --skip-existing: one name several times") {
  LoopbackServer server(named);
  for (const char* parallel : {"-Z", "--parallel-max=1"}) {
    CAPTURE(parallel);
    const TempFolder folder;
    const CommandOptions there = {.directory = folder.path()};
    CHECK(run_command({"-sS", parallel, "--no-clobber", server.url("/{a,a,a}"), "-o", "#1"}, there).exit_code == 0);
    CHECK(files_of(folder.path()) == std::set<std::string>{"a", "a.1", "a.2"});
    const int before = server.requests();
    const CommandResult skipped =
        run_command({"-sS", parallel, "--skip-existing", server.url("/{b,b,b}"), "-o", "#1"}, there);
    CHECK(skipped.exit_code == 0);
    CHECK(skipped.err.empty());
    CHECK(server.requests() == before + 1);
    CHECK(read_file(folder.path() / "b") == "/b");
  }
}

TEST_CASE("two options for one file are an error before anything is sent, and the file stays") {
  LoopbackServer server(named);
  const TempFolder folder;
  const CommandOptions there = {.directory = folder.path()};
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"--stderr", "F", "-v", "-D", "F"},
                                             {"--stderr", "F", "--trace", "F"},
                                             {"-D", "F", "--har", "./F"},
                                             {"-c", "F", "--stderr", "F"}}) {
    CAPTURE(options);
    write_file(folder.path() / "F", "kept");
    std::vector<std::string> arguments = options;
    arguments.push_back(server.url());
    const CommandResult result = run_command(arguments, there);
    CHECK(result.exit_code == 23);
    CHECK(result.err.starts_with("sluice: (23) write to "));
    CHECK(read_file(folder.path() / "F") == "kept");
  }
  CHECK(server.requests() == 0);
  // Both append.
  CHECK(run_command({"-sv", "--stderr", "F", "-w", "%output{>>F}END", server.url()}, there).exit_code == 0);
  const std::string both = read_file(folder.path() / "F");
  CHECK(both.find("HTTP/1.1 200") != std::string::npos);
  CHECK(both.ends_with("END"));
}
