// What the `sluice` command does with files, conditions and forms: -C, -J, -R, -z, -F, globs, --etag-*, --hsts,
// --no-clobber, --skip-existing and --max-filesize, against scripted servers on loopback.
#include <doctest/doctest.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/loopback_server.hpp"

using namespace sluice::test;

namespace {

std::string response(const std::string& status, const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string field_in(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find('\r', begin) - begin);
}

std::string path_in(const std::string& request) {
  const std::size_t begin = request.find(' ') + 1;
  return request.substr(begin, request.find(' ', begin) - begin);
}

// Serves one file of a version, with ranges; breaks off the first response after `cut` bytes.
class Resumable {
 public:
  Resumable(std::string content, std::size_t cut) : content_(std::move(content)), cut_(cut) {}
  Reply reply(const std::string& request) {
    const std::string range = field_in(request, "Range"), if_range = field_in(request, "If-Range");
    std::size_t from = 0;
    if (range.starts_with("bytes=")) std::from_chars(range.data() + 6, range.data() + range.size(), from);
    if (!if_range.empty() && if_range != etag) from = 0;
    const std::string validator = "ETag: " + etag + "\r\n";
    const std::string size = std::to_string(content_.size());
    if (from > 0 && from >= content_.size()) {
      return {.bytes = response("416 No", "beyond", "Content-Range: bytes */" + size + "\r\n")};
    }
    if (from > 0) {
      const std::string last = std::to_string(content_.size() - 1);
      return {.bytes = response(
                  "206 Part", content_.substr(from),
                  validator + "Content-Range: bytes " + std::to_string(from) + "-" + last + "/" + size + "\r\n")};
    }
    std::string whole = response("200 OK", content_, validator);
    const std::size_t cut = std::exchange(cut_, 0);
    if (cut > 0) whole.resize(whole.size() - content_.size() + cut);
    return {.bytes = whole, .close = cut > 0};
  }
  std::string etag = "\"one\"";

 private:
  std::string content_;
  std::size_t cut_;
};

// Without them a version is known by its size alone.
bool keeps_attributes(const std::filesystem::path& folder) {
  const std::string probe = (folder / "probe").string();
  write_file(probe, "x");
  const bool kept = ::setxattr(probe.c_str(), "user.sluice.probe", "x", 1, 0) == 0;
  std::filesystem::remove(probe);
  return kept;
}

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("-C -: a part that a failure has left becomes the whole file, and nothing else is left") {
  std::string content;
  for (int i = 0; content.size() < 50'000; ++i) content += std::to_string(i) + ' ';
  Resumable file(content, 20'000);
  LoopbackServer server([&](const std::string& request) { return file.reply(request); });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  const CommandResult cut = run_command({"-sS", "-C", "-", "-o", path, server.url("/f")});
  CHECK(cut.exit_code == 18);
  CHECK_FALSE(std::filesystem::exists(path));
  REQUIRE(names_in(folder.path()).size() == 1);
  SUBCASE("the same version") {
    CHECK(run_command({"-sS", "-C", "-", "-o", path, "-w", "%{http_code}", server.url("/f")}).out == "206");
  }
  SUBCASE("another version since then: it starts anew") {
    file.etag = "\"two\"";
    const CommandResult anew = run_command({"-sS", "-C", "-", "-o", path, "-w", "%{http_code}", server.url("/f")});
    if (keeps_attributes(folder.path())) CHECK(anew.out == "200");
  }
  CHECK(read_file(path) == content);
  CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
  // What is complete stays, by a 416.
  CHECK(run_command({"-sS", "-C", "-", "-o", path, server.url("/f")}).exit_code == 0);
  CHECK(read_file(path) == content);
  CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
}

TEST_CASE("-C N: the first N bytes of the file stay, to the standard output the rest is written") {
  Resumable file("0123456789", 0);
  LoopbackServer server([&](const std::string& request) { return file.reply(request); });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "abcdef");
  CHECK(run_command({"-sS", "-C", "4", "-o", path, server.url("/f")}).exit_code == 0);
  CHECK(read_file(path) == "abcd456789");
  CHECK(run_command({"-sS", "-C", "7", server.url("/f")}).out == "789");
  const CommandResult beyond = run_command({"-sS", "-C", "77", "-o", path, server.url("/f")});
  CHECK(beyond.exit_code == 36);
  CHECK(beyond.err.ends_with("continue at byte 77: " + path + " has 10 bytes\n"));
  CHECK(read_file(path) == "abcd456789");
}

TEST_CASE("-C -: where the rest is of another version, or of another size, the whole is asked for") {
  std::string size = "9", tag = "W/\"one\"", whole = "abcdefghi";
  std::size_t cut = 6;  // bytes of the whole that do not come
  LoopbackServer server([&](const std::string& request) {
    const bool rest = !field_in(request, "Range").empty();
    const std::string fields = "ETag: " + tag + "\r\n";
    if (rest) {
      return Reply{.bytes = response("206 Part", "DEFGHI", fields + "Content-Range: bytes 3-8/" + size + "\r\n")};
    }
    Reply reply{.bytes = response("200 OK", whole, fields), .close = cut > 0};
    reply.bytes.resize(reply.bytes.size() - cut);
    return reply;
  });
  const TempFolder folder;
  if (!keeps_attributes(folder.path())) return;
  const std::string path = (folder.path() / "f").string();
  CHECK(run_command({"-sS", "-o", path, server.url()}).exit_code == 18);
  std::string why;
  SUBCASE("a weak ETag that differs") {
    tag = "W/\"two\"";
    why = "its ETag is not the same";
  }
  SUBCASE("no ETag, and another size") {
    tag = "x";
    size = "90";
    why = "it has 90 bytes, and had 9 bytes";
  }
  whole = "123456789";
  // Until the new one is complete, what was there stays.
  const std::set<std::string> before = names_in(folder.path());
  const CommandResult again = run_command({"-sS", "-C", "-", "-o", path, server.url()});
  CHECK(again.exit_code == 18);
  CHECK(names_in(folder.path()).size() == 2);
  CHECK(read_file(folder.path() / *before.begin()) == "abc");
  for (const std::string& name : names_in(folder.path())) {
    if (!before.contains(name)) std::filesystem::remove(folder.path() / name);
  }
  cut = 0;
  const std::vector<std::string> wants = {"-C", "-", "-o", path, "-w", "%{http_code}", server.url()};
  const CommandResult anew = run_command(wants);
  CHECK(anew.exit_code == 0);
  CHECK(anew.out == "200");
  CHECK(anew.err.find("sluice: warning: GET " + server.url() + ": the server has another version now: " + why +
                      ": it is fetched anew\n") != std::string::npos);
  CHECK(read_file(path) == "123456789");
  CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
}

TEST_CASE("-C N: the standard output cannot begin anew") {
  LoopbackServer server([](const std::string&) { return ok("0123456789"); });
  const CommandResult whole = run_command({"-sS", "-C", "4", server.url()});
  CHECK(whole.exit_code == 33);
  CHECK(whole.out.empty());
}

TEST_CASE("-C -: a failure leaves a file that was there as it was, or under the name of a part") {
  Resumable file("0123456789", 0);
  bool cuts = false;
  LoopbackServer server([&](const std::string& request) {
    Reply reply = file.reply(request);
    if (cuts) {
      reply.bytes.resize(reply.bytes.size() - 2);
      reply.close = true;
    }
    return reply;
  });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "0123");
  cuts = true;
  CHECK(run_command({"-sS", "--remove-on-error", "-C", "-", "-o", path, server.url("/f")}).exit_code == 18);
  CHECK(read_file(path) == "0123");
  CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
  cuts = false;
  if (::geteuid() != 0) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    CHECK(run_command({"-sS", "-C", "-", "-o", path, server.url("/f")}).exit_code == 23);
    CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
  }
}

TEST_CASE("--etag-save: only the ETag of a body that was saved is saved") {
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 200 OK\r\nETag: \"two\"\r\nContent-Length: 9\r\n\r\nhalf", .close = true};
  });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string(), etag = (folder.path() / "etag").string();
  write_file(etag, "\"one\"\n");
  CHECK(run_command({"-sS", "--etag-save", etag, "-o", path, server.url()}).exit_code == 18);
  CHECK(read_file(etag) == "\"one\"\n");
  CHECK(run_command({"-sS", "--etag-save", path, "-o", path, server.url()}).exit_code == 23);
}

TEST_CASE("-C: a response that is not the rest is an error, and the file stays as it was") {
  LoopbackServer server(
      [](const std::string&) { return Reply{.bytes = response("206 Part", "xyz", "Content-Range: bytes 1-3/9\r\n")}; });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "abcdef");
  const CommandResult result = run_command({"-sS", "-C", "-", "-o", path, server.url("/f")});
  CHECK(result.exit_code == 33);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(read_file(path) == "abcdef");
  CHECK(names_in(folder.path()) == std::set<std::string>{"f"});
}

TEST_CASE("-J: the name of the response, inside the folder, never over a file that is there") {
  LoopbackServer server([](const std::string& request) {
    const bool bad = path_in(request) == "/bad";
    return Reply{.bytes = response("200 OK", "content",
                                   std::string("Content-Disposition: attachment; filename=\"") +
                                       (bad ? "../../etc/passwd" : "named.txt") + "\"\r\n")};
  });
  const TempFolder folder;
  const std::string in = folder.path().string();
  CHECK(run_command({"-sS", "-OJ", "--output-dir", in, "-w", "%{filename_effective}", server.url("/good")}).out ==
        in + "/named.txt");
  CHECK(read_file(folder.path() / "named.txt") == "content");
  write_file(folder.path() / "named.txt", "mine");
  CHECK(run_command({"-sS", "-OJ", "--output-dir", in, server.url("/good")}).exit_code == 23);
  CHECK(read_file(folder.path() / "named.txt") == "mine");
  CHECK(run_command({"-sS", "-OJ", "--no-clobber", "--output-dir", in, server.url("/good")}).exit_code == 0);
  CHECK(read_file(folder.path() / "named.txt.1") == "content");
  CHECK(run_command({"-sS", "-OJ", "--clobber", "--output-dir", in, server.url("/good")}).exit_code == 0);
  CHECK(read_file(folder.path() / "named.txt") == "content");
  std::filesystem::create_symlink(folder.path() / "outside", folder.path() / "passwd");
  CHECK(run_command({"-sS", "-OJ", "--output-dir", in, server.url("/bad")}).exit_code == 23);
  std::filesystem::remove(folder.path() / "passwd");
  CHECK(run_command({"-sS", "-OJ", "--output-dir", in, server.url("/bad")}).exit_code == 0);
  CHECK(read_file(folder.path() / "passwd") == "content");
  CHECK(names_in(folder.path()) == std::set<std::string>{"named.txt", "named.txt.1", "passwd"});
}

TEST_CASE("-R, -z, --etag-save and --etag-compare: only what is new, with its time") {
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  LoopbackServer server([&](const std::string& request) {
    if (field_in(request, "If-None-Match") == "\"v1\"")
      return Reply{.bytes = "HTTP/1.1 304 Same\r\nETag: \"v1\"\r\n\r\n"};
    return Reply{.bytes = response("200 OK", "new", "ETag: \"v1\"\r\nLast-Modified: " + date + "\r\n")};
  });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string(), etag = (folder.path() / "etag").string();
  const std::vector<std::string> both = {"-sS", "-R", "--etag-save", etag,           "--etag-compare", etag,
                                         "-o",  path, "-w",          "%{http_code}", server.url("/f")};
  CHECK(run_command(both).out == "200");
  CHECK(read_file(etag) == "\"v1\"\n");
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_mtime == 784'111'777);
  write_file(path, "kept");
  CHECK(run_command(both).out == "304");
  CHECK(read_file(path) == "kept");
  // The server has not looked at the condition.
  CHECK(run_command({"-sS", "-z", date, server.url("/f")}).out.empty());
  CHECK(run_command({"-sS", "-z", "1994-11-05", server.url("/f")}).out == "new");
  CHECK(run_command({"-sS", "-z", "-1994-11-05", server.url("/f")}).out.empty());
}

TEST_CASE("globs: each URL has its file, and a bad one its line") {
  LoopbackServer server([](const std::string& request) { return ok(path_in(request)); });
  const TempFolder folder;
  const std::string out = (folder.path() / "f_#2_#1").string();
  const CommandResult result = run_command({"-sS", "-o", out, server.url("/{a,b}/[08-10]")});
  CHECK(result.exit_code == 0);
  CHECK(names_in(folder.path()).size() == 6);
  CHECK(read_file(folder.path() / "f_08_b") == "/b/08");
  CHECK(read_file(folder.path() / "f_10_a") == "/a/10");
  CHECK(run_command({"-sS", server.url("/[1-3]")}).out == "/1/2/3");
  CHECK(run_command({"-sS", "-g", server.url("/{a}")}).out == "/%7Ba%7D");
  const CommandResult bad = run_command({"-sS", server.url("/[3-1]")});
  CHECK(bad.exit_code == 3);
  CHECK(bad.err.contains("bad range in URL position"));
}

TEST_CASE("-F: a form with texts and files, of known length, and given again") {
  std::string received;
  LoopbackServer server([&](const std::string& request) {
    if (path_in(request) == "/again") {
      return Reply{.bytes = "HTTP/1.1 307 S\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"};
    }
    received = request;
    return ok("taken");
  });
  const TempFolder folder;
  const std::string file = (folder.path() / "a.html").string();
  write_file(file, "<p>");
  CHECK(run_command({"-sS", "-L", "-F", "a=b", "-F", "f=@" + file, server.url("/again")}).out == "taken");
  const std::string type = field_in(received, "Content-Type");
  REQUIRE(type.starts_with("multipart/form-data; boundary="));
  const std::string line = "--" + type.substr(type.find('=') + 1);
  const std::string body = received.substr(received.find("\r\n\r\n") + 4);
  CHECK(body ==
        line + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n" + line +
            "\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.html\"\r\nContent-Type: text/html\r\n\r\n"
            "<p>\r\n" +
            line + "--\r\n");
  CHECK(field_in(received, "Content-Length") == std::to_string(body.size()));
  const CommandResult absent = run_command({"-sS", "-F", "f=@/no/such/file", server.url("/")});
  CHECK(absent.exit_code == 26);
  CHECK(absent.err.contains("read /no/such/file: No such file or directory"));
}

TEST_CASE("--no-clobber, --skip-existing and --max-filesize") {
  LoopbackServer server([](const std::string&) { return ok("0123456789"); });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "mine");
  CHECK(run_command({"-sS", "--no-clobber", "-o", path, "-w", "%{filename_effective}", server.url()}).out ==
        path + ".1");
  CHECK(read_file(path) == "mine");
  CHECK(run_command({"-sS", "--skip-existing", "-o", path, server.url()}).exit_code == 0);
  CHECK(read_file(path) == "mine");
  CHECK(server.requests() == 1);
  CHECK(run_command({"-sS", "--max-filesize", "9", server.url()}).exit_code == 63);
  CHECK(run_command({"-sS", "--max-filesize", "10", server.url()}).out == "0123456789");
}

TEST_CASE("SB-87 -C -: a link with the name of a part is not followed, and what it leads to stays") {
  LoopbackServer server([](const std::string&) { return ok("0123456789"); });
  for (const bool symbolic : {true, false}) {
    CAPTURE(symbolic);
    const TempFolder folder;
    const std::string victim = (folder.path() / "victim").string(), part = (folder.path() / "f.abcdef.part").string();
    write_file(victim, "ABCDEFGH");
    if (symbolic) {
      std::filesystem::create_symlink(victim, part);
    } else {
      std::filesystem::create_hard_link(victim, part);
    }
    const std::string path = (folder.path() / "f").string();
    CHECK(run_command({"-sS", "-C", "-", "-o", path, server.url()}).exit_code == 0);
    CHECK(read_file(victim) == "ABCDEFGH");
    CHECK(read_file(path) == "0123456789");
    CHECK(names_in(folder.path()) == std::set<std::string>{"f", "f.abcdef.part", "victim"});
  }
}

TEST_CASE("-C -: a file that was written in place and that the user has replaced is continued as it is now") {
  Resumable file("0123456789", 4);
  LoopbackServer server([&](const std::string& request) { return file.reply(request); });
  const TempFolder folder;
  // root's file, which others may write but not replace
  if (::geteuid() != 0 || !keeps_attributes(folder.path())) return;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "");
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const auto run_as_nobody = [&](int expected, const char* status_code) {
    const pid_t child = ::fork();
    if (child == 0) {
      const bool ready = ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
      const CommandResult result = run_command({"-sS", "-C", "-", "-o", path, "-w", "%{http_code}", server.url("/f")});
      ::_exit(ready && result.exit_code == expected && result.out == status_code ? 0 : 1);
    }
    int status = -1;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  };
  CHECK(run_as_nobody(18, "200"));
  CHECK(read_file(path) == "0123");
  file.etag = "\"two\"";  // the notes are of another version, and the user has a good begin of this one
  write_file(path, "012345");
  CHECK(run_as_nobody(0, "206"));
  CHECK(read_file(path) == "0123456789");
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST_CASE("-R: where the time cannot be set the download is well, with one warning") {
  if (::geteuid() != 0) return;
  LoopbackServer server([](const std::string&) {
    return Reply{.bytes = response("200 OK", "new", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n")};
  });
  const TempFolder folder;
  const std::string path = (folder.path() / "f").string();
  write_file(path, "old");
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ready = ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
    const CommandResult result = run_command({"--no-progress-meter", "-R", "-o", path, server.url("/f")});
    const std::string warning =
        "sluice: warning: option --remote-time: set the time of " + path + ": Operation not permitted\n";
    ::_exit(ready && result.exit_code == 0 && result.err == warning ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(read_file(path) == "new");
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST_CASE("--hsts: a host in the file is asked over https, and the file stays") {
  const TempFolder folder;
  const std::string file = (folder.path() / "hsts").string();
  write_file(file, "# mine\nlocalhost \"20990101 00:00:00\"\nnonsense\n");
  const std::string port = std::to_string(refused_port());
  const CommandResult result = run_command({"--hsts", file, "http://localhost:" + port + "/"});
  CHECK(result.exit_code == 7);
  CHECK(result.err.contains("https://localhost:" + port + "/"));
  CHECK(result.err.contains("1 line is not a host with an expiry"));
  CHECK(read_file(file).contains("localhost \"20990101 00:00:00\"\n"));
  CHECK(run_command({"--hsts", "", "http://localhost:" + port + "/"}).err.contains("GET http://localhost"));
  std::string many;
  for (int i = 0; i < 10'002; ++i) many += "h" + std::to_string(i) + ".example \"20990101 00:00:00\"\n";
  write_file(file, many);
  CHECK(run_command({"--hsts", file, "http://localhost:" + port + "/"})
            .err.contains("it has more hosts than are kept (10000): 2 were left out, which expire first\n"));
}
