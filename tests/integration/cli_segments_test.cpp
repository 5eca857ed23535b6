// `sluice --segments`: one file over several connections, from nginx and from scripted servers whose file changes, that
// break off, or that serve no ranges. How it goes on in another run: cli_segments_journal_test.cpp.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/support/nginx.hpp"
#include "tests/support/range_origin.hpp"

using namespace sluice::test;

TEST_CASE("--segments: nginx serves the parts of a file, over TLS too") {
  const Nginx nginx;
  const std::string content(pattern(3 * kMiB + 7, 0));
  write_file(nginx.site().www() / "big", content);
  const Download download;
  const std::vector<std::string> more = {"-w", "%{http_code} %{size_download} %{num_connects}"};
  CHECK(download.run(nginx.plain() + "/big", more).out == "200 " + std::to_string(content.size()) + " 3");
  CHECK(download.content() == content);
  CHECK(download.files() == kFileAlone);
  std::filesystem::remove(download.path);
  CHECK(download.run(nginx.tls() + "/big", {"-k", "-R", "--xattr"}).exit_code == 0);
  CHECK(download.content() == content);
  struct stat written = {}, served = {};
  REQUIRE(::stat(download.path.c_str(), &written) == 0);
  REQUIRE(::stat((nginx.site().www() / "big").c_str(), &served) == 0);
  CHECK(written.st_mtime == served.st_mtime);
}

TEST_CASE("--segments: each part is asked for once, with the proof of its version") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  const CommandResult result = download.run(origin.url(), {"-w", "%{num_connects} %{size_download}"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out == "4 4194304");
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
  REQUIRE(origin.seen.size() == 4);
  std::set<std::string> ranges;
  for (const Asked& asked : origin.seen) {
    ranges.insert(asked.range);
    CHECK(asked.if_range == (asked.range.empty() ? "" : "\"one\""));
  }
  CHECK(ranges == std::set<std::string>{"", "bytes=1048576-2097151", "bytes=2097152-3145727", "bytes=3145728-4194303"});
}

TEST_CASE("--segments: one connection where the response does not allow more") {
  RangeOrigin origin(4 * kMiB);
  std::string reason;
  SUBCASE("no ranges") {
    origin.script = [&](const Asked&) { return Reply{.bytes = origin.whole("ETag: \"one\"\r\n")}; };
    reason = "no Accept-Ranges";
  }
  SUBCASE("a weak ETag") {
    origin.etag = "W/\"one\"";
    reason = "neither a strong ETag nor";
  }
  SUBCASE("no length") {
    origin.script = [&](const Asked&) {
      return Reply{.bytes = "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nAccept-Ranges: bytes\r\n\r\n" + origin.content,
                   .close = true};
    };
    reason = "no Content-Length";
  }
  SUBCASE("a small file") {
    origin.content.resize(2 * kMiB - 1);
    reason = "too small";
  }
  const Download download;
  const CommandResult result = download.run(origin.url(), {"-v"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("one connection is used (--segments)") != std::string::npos);
  CHECK(result.err.find(reason) != std::string::npos);
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
  CHECK(origin.seen.size() == 1);
}

TEST_CASE("--segments: an error status is the answer, and -f makes it an error") {
  RangeOrigin origin(0);
  origin.script = [](const Asked&) { return Reply{.bytes = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"}; };
  const Download download;
  CHECK(download.run(origin.url()).exit_code == 0);
  CHECK(download.content() == "no");
  CHECK(download.run(origin.url(), {"-f"}).exit_code == 22);
  CHECK(download.files() == kFileAlone);
}

TEST_CASE("--segments: a device, and a file that is written in place, come over one connection") {
  RangeOrigin origin(4 * kMiB);
  CHECK(run_command({"-sS", "--segments", "4", "-o", "/dev/null", origin.url()}).exit_code == 0);
  CHECK(origin.seen.size() == 1);
}

TEST_CASE("--segments: a version that changes in the middle is never joined with another") {
  RangeOrigin origin(4 * kMiB);
  const std::string old = origin.content, fresh(pattern(5 * kMiB - 3, 0).substr(3));
  const auto change = [&] {
    origin.content = fresh;
    origin.etag = "\"two\"";
  };
  std::string why = "the server has another version now";
  SUBCASE("the answer to a range is the whole new one") {
    origin.script = [&](const Asked& asked) {
      if (asked.number == 2) change();
      return Reply{.bytes = origin.right(asked)};
    };
  }
  SUBCASE("a part of the new one, by a server that does not know If-Range") {
    origin.script = [&](const Asked& asked) {
      if (asked.number == 2) change();
      if (asked.number != 2) return Reply{.bytes = origin.right(asked)};
      return Reply{.bytes = origin.part(asked, "ETag: \"two\"\r\nAccept-Ranges: bytes\r\n")};
    };
    why = "the server has another version now: it has 5242874 bytes, and had 4194304 bytes";
  }
  SUBCASE("a part that was not asked for") {
    origin.script = [&](const Asked& asked) {
      Asked other = asked;
      if (asked.number == 2) --other.first;
      if (asked.number == 3) change();
      return Reply{.bytes = origin.right(other)};
    };
    why = "the server sent the bytes from ";
  }
  SUBCASE("it became shorter: 416") {
    origin.script = [&](const Asked& asked) {
      if (asked.number == 2) change();
      if (asked.number != 2) return Reply{.bytes = origin.right(asked)};
      return Reply{.bytes = "HTTP/1.1 416 No\r\nContent-Range: bytes */7\r\nContent-Length: 0\r\n\r\n"};
    };
    why = "it has 7 bytes (status 416)";
  }
  const Download download;
  const CommandResult result = download.run(origin.url());
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("sluice: warning: GET " + origin.url() + ": ") == 0);
  CHECK(result.err.find(why) != std::string::npos);
  CHECK(result.err.ends_with(": it is fetched anew\n"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(download.content() == fresh);
  CHECK(download.files() == kFileAlone);
}

TEST_CASE("--segments: a file that changes all the time comes over one connection at last") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked& asked) {
    if (asked.range.empty()) return Reply{.bytes = origin.right(asked)};
    origin.etag = "\"" + std::to_string(asked.number) + "\"";
    return Reply{.bytes = origin.right(asked)};
  };
  const Download download;
  const CommandResult result = download.run(origin.url());
  CHECK(result.exit_code == 0);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 2);
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
}

TEST_CASE("--segments: a server that sends the whole for a range is left alone with one connection") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked&) { return Reply{.bytes = origin.right({})}; };
  const Download download;
  const CommandResult result = download.run(origin.url());
  CHECK(result.exit_code == 0);
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
  CHECK(origin.seen.size() <= 5);
}

TEST_CASE("--segments --retry: a segment that breaks off is asked for again from its first missing byte on") {
  RangeOrigin origin(4 * kMiB);
  std::size_t lost = 0;
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    if (asked.range == "bytes=2097152-3145727") {
      reply.bytes.resize(reply.bytes.size() - 500'000);
      reply.close = true;
      lost = asked.end - 500'000;
    }
    return reply;
  };
  const Download download;
  const CommandResult result =
      download.run(origin.url(), {"--retry", "1", "--retry-all-errors", "--retry-delay", "0.1"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("sluice: warning: GET " + origin.url() + ": ") == 0);
  CHECK(result.err.ends_with(": tried again in 0.1 s (0 retries left) (bytes 2097152-3145727 of 4194304)\n"));
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
  REQUIRE(origin.seen.size() == 5);
  CHECK(origin.seen.back().range == "bytes=" + std::to_string(lost) + "-3145727");
  CHECK(origin.seen.back().if_range == "\"one\"");
}

TEST_CASE("--segments --retry: so is the first one, which had asked for the whole") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    if (asked.number > 0) return reply;
    reply.bytes.resize(reply.bytes.size() - origin.content.size() + 400'000);
    reply.close = true;
    return reply;
  };
  const Download download;
  CHECK(download.run(origin.url(), {"--retry", "1", "--retry-all-errors", "--retry-delay", "0"}).exit_code == 0);
  CHECK(download.content() == origin.content);
  REQUIRE(origin.seen.size() == 5);
  const auto rest = [](const Asked& asked) { return asked.range == "bytes=400000-1048575"; };
  CHECK(std::ranges::count_if(origin.seen, rest) == 1);
}

TEST_CASE("--segments --retry: a status that passes is waited for") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked& asked) {
    if (asked.number == 1) return Reply{.bytes = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"};
    return Reply{.bytes = origin.right(asked)};
  };
  const Download download;
  CHECK(download.run(origin.url(), {"--retry", "1", "--retry-delay", "0"}).exit_code == 0);
  CHECK(download.content() == origin.content);
}

TEST_CASE("--segments: a part of what was asked for is taken, and the rest asked for") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked& asked) {
    Asked shorter = asked;
    if (!asked.range.empty()) shorter.end = std::min(asked.end, asked.first + 400'000);
    return Reply{.bytes = origin.right(shorter)};
  };
  const Download download;
  CHECK(download.run(origin.url()).exit_code == 0);
  CHECK(download.content() == origin.content);
  CHECK(origin.seen.size() == 10);
}

TEST_CASE(
    "--segments after a redirect: the parts are asked for at the last URL, and credentials stay with their host") {
  RangeOrigin origin(4 * kMiB);
  LoopbackServer front([&](const std::string&) {
    return Reply{.bytes = "HTTP/1.1 302 Found\r\nLocation: " + origin.url() + "\r\nContent-Length: 0\r\n\r\n"};
  });
  const Download download;
  CHECK(download.run(front.url("/x"), {"-L", "-u", "me:secret", "-w", "%{url_effective} %{num_redirects}"}).out ==
        origin.url() + " 1");
  CHECK(download.content() == origin.content);
  CHECK(front.requests() == 1);
  REQUIRE(origin.seen.size() == 4);
  for (const Asked& asked : origin.seen) CHECK(request_field(asked.head, "Authorization").empty());
}

TEST_CASE("--segments: each request has the operation's fields and credentials") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  CHECK(download.run(origin.url(), {"-u", "me:x", "-H", "X-Key: 1", "-z", "1994-11-06"}).exit_code == 0);
  REQUIRE(origin.seen.size() == 4);
  for (const Asked& asked : origin.seen) {
    CHECK(request_field(asked.head, "Authorization") == "Basic bWU6eA==");
    CHECK(request_field(asked.head, "X-Key") == "1");
    CHECK(request_field(asked.head, "If-Modified-Since").empty() == !asked.range.empty());
  }
}

TEST_CASE("--segments --digest: each request answers a challenge, and none repeats another's answer") {
  RangeOrigin origin(4 * kMiB);
  std::set<std::string> answers;
  origin.script = [&](const Asked& asked) {
    const std::string answer = request_field(asked.head, "Authorization");
    if (answer.starts_with("Digest ")) {
      CHECK(answers.insert(answer).second);
      return Reply{.bytes = origin.right(asked)};
    }
    return Reply{.bytes = "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"" +
                          std::to_string(asked.number) + "\", qop=\"auth\"\r\nContent-Length: 0\r\n\r\n"};
  };
  const Download download;
  CHECK(download.run(origin.url(), {"--digest", "-u", "me:x"}).exit_code == 0);
  CHECK(download.content() == origin.content);
  CHECK(answers.size() == 4);
}

TEST_CASE("--segments -v, --trace-ascii, --har: all requests are told of") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  const auto count = [](const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  const std::string err = download.run(origin.url(), {"-v", "--trace-ids"}).err;
  CHECK(count(err, "] > GET /f HTTP/1.1\n") == 4);
  CHECK(count(err, "] < HTTP/1.1 206 Partial\n") == 3);
  const std::string trace = download.path + ".trace";
  CHECK(download.run(origin.url(), {"--trace-ascii", trace}).exit_code == 0);
  CHECK(count(read_file(trace), ": GET /f HTTP/1.1\n") == 4);
  CHECK(count(read_file(trace), ": HTTP/1.1 206 Partial\n") == 3);
  // One of them breaks off, and is sent again for its rest.
  origin.seen.clear();
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    if (asked.number != 1) return reply;
    reply.bytes.resize(reply.bytes.size() - 9);
    reply.close = true;
    return reply;
  };
  const std::string har = download.path + ".har";
  CHECK(download.run(origin.url(), {"--har", har, "--retry", "1", "--retry-all-errors", "--retry-delay", "0"})
            .exit_code == 0);
  const std::string text = read_file(har);
  CHECK(count(text, "\"method\":\"GET\"") == 5);
  CHECK(count(text, "\"status\":206,") == 4);
  CHECK(count(text, "\"name\":\"Range\"") == 4);
  CHECK(count(text, "\"_error\":\"GET " + origin.url() + ": response: the connection ended after") == 1);
}

TEST_CASE("--segments with other options for files") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  SUBCASE("--max-filesize") {
    CHECK(download.run(origin.url(), {"--max-filesize", "4194303"}).exit_code == 63);
    CHECK(download.files().empty());
    CHECK(origin.seen.size() == 1);
  }
  SUBCASE("--no-clobber") {
    write_file(download.path, "old");
    CHECK(download.run(origin.url(), {"--no-clobber"}).exit_code == 0);
    CHECK(download.content() == "old");
    CHECK(read_file(download.path + ".1") == origin.content);
  }
  SUBCASE("--skip-existing") {
    write_file(download.path, "old");
    CHECK(download.run(origin.url(), {"--skip-existing"}).exit_code == 0);
    CHECK(origin.seen.empty());
  }
  SUBCASE("-J") {
    origin.script = [&](const Asked& asked) {
      std::string bytes = origin.right(asked);
      return Reply{.bytes =
                       bytes.insert(bytes.find("\r\n") + 2, "Content-Disposition: attachment; filename=named\r\n")};
    };
    const std::string folder = download.folder.path().string();
    CHECK(run_command({"-sS", "--segments", "4", "-OJ", "--output-dir", folder, origin.url()}).exit_code == 0);
    CHECK(read_file(download.folder.path() / "named") == origin.content);
    CHECK(origin.seen.size() == 4);
  }
  SUBCASE("--etag-save") {
    CHECK(download.run(origin.url(), {"--etag-save", download.path + ".etag"}).exit_code == 0);
    CHECK(read_file(download.path + ".etag") == "\"one\"\n");
  }
  SUBCASE("-m") {
    origin.script = [&](const Asked& asked) {
      return Reply{.bytes = origin.right(asked), .hold = !asked.range.empty()};
    };
    const CommandResult late = download.run(origin.url(), {"-m", "1"});
    CHECK(late.exit_code == 28);
    CHECK(download.files().size() == 2);
  }
}
