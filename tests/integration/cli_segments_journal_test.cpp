// `sluice --segments`: what a failure or a killed command leaves, how the next run goes on, and two runs at once.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/support/range_origin.hpp"

using namespace sluice::test;

TEST_CASE("--segments: without retries the first failure ends it, and the next run fetches what is missing alone") {
  RangeOrigin origin(4 * kMiB);
  bool breaks = true;
  int code = 18;
  std::string text;
  SUBCASE("a lost connection") {
    origin.script = [&](const Asked& asked) {
      Reply reply{.bytes = origin.right(asked)};
      if (!breaks || asked.first != 2 * kMiB) return reply;
      reply.bytes.resize(reply.bytes.size() - 500'000);
      reply.close = true;
      return reply;
    };
    text = " (bytes 2097152-3145727 of 4194304); what came is in ";
  }
  SUBCASE("a status") {
    origin.script = [&](const Asked& asked) {
      if (!breaks || asked.first != 2 * kMiB) return Reply{.bytes = origin.right(asked)};
      return Reply{.bytes = "HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"};
    };
    code = 22;
    text = ": the server answered with status 429 (bytes 2097152-3145727 of 4194304); what came is in ";
  }
  const Download download;
  const CommandResult failed = download.run(origin.url());
  CHECK(failed.exit_code == code);
  const std::string part = name_with(download.folder.path(), ".segments.part");
  CHECK(failed.err.find(text + part) != std::string::npos);
  CHECK(std::count(failed.err.begin(), failed.err.end(), '\n') == 1);
  CHECK(download.files().size() == 2);
  const std::size_t there = journaled(download.folder.path());
  CHECK(there > 0);
  breaks = false;
  origin.seen.clear();
  const CommandResult rest = download.run(origin.url(), {"-w", "%{http_code} %{size_download}"});
  CHECK(rest.out == "206 " + std::to_string(4 * kMiB - there));
  CHECK(rest.err.empty());
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
  for (const Asked& asked : origin.seen) CHECK(asked.if_range == "\"one\"");
}

TEST_CASE("--segments --remove-on-error leaves nothing") {
  RangeOrigin origin(4 * kMiB);
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    if (!asked.range.empty()) reply.bytes.resize(reply.bytes.size() - 500'000);
    reply.close = !asked.range.empty();
    return reply;
  };
  const Download download;
  write_file(download.path, "old");
  CHECK(download.run(origin.url(), {"--remove-on-error"}).exit_code == 18);
  CHECK(download.files() == kFileAlone);
  CHECK(download.content() == "old");
}

TEST_CASE("--segments: after a kill -9 little is fetched twice") {
  RangeOrigin origin(4 * kMiB);
  origin.content =
      std::string(pattern(4 * kMiB, 0)) + std::string(pattern(4 * kMiB, 9)) + std::string(pattern(4 * kMiB, 17));
  bool stalls = true;
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    if (stalls && !asked.range.empty()) reply.bytes.resize(reply.bytes.size() - kMiB);
    return reply;
  };
  const Download download;
  {
    RunningCommand running(download.arguments(origin.url()));
    REQUIRE(wait_until([&] { return journaled(download.folder.path()) >= 4 * kMiB; }));
    ::kill(running.pid(), SIGKILL);
    running.wait();
  }
  CHECK_FALSE(std::filesystem::exists(download.path));
  const std::size_t there = journaled(download.folder.path());
  stalls = false;
  SUBCASE("the same version") {
    const CommandResult rest = download.run(origin.url(), {"-w", "%{size_download}"});
    CHECK(rest.exit_code == 0);
    CHECK(rest.out == std::to_string(origin.content.size() - there));
    CHECK(rest.err.empty());
  }
  SUBCASE("another version since then") {
    origin.etag = "\"two\"";
    origin.content.replace(0, 3, "new");
    const CommandResult anew = download.run(origin.url(), {"-w", "%{size_download}"});
    CHECK(anew.exit_code == 0);
    CHECK(anew.out == std::to_string(origin.content.size()));
    CHECK(anew.err ==
          "sluice: warning: GET " + origin.url() + ": the server has another version now: it is fetched anew\n");
  }
  SUBCASE("all was there, but the name") {
    const std::string journal = name_with(download.folder.path(), ".segments.journal");
    const std::string size = std::to_string(origin.content.size());
    write_file(name_with(download.folder.path(), ".segments.part"), origin.content);
    write_file(journal, "sluice segments 1\nurl " + origin.url() + "\nif-range \"one\"\nsize " + size + "\nsegment 0 " +
                            size + " " + size + "\nend\n");
    CHECK(download.run(origin.url(), {"-w", "%{size_download}"}).out == "1");
  }
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
}

TEST_CASE("--segments: a journal that cannot be true is not used, with one line") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  const std::string part = download.path + ".abcdef.segments.part",
                    journal = download.path + ".abcdef.segments.journal";
  const auto text = [&](const std::string& url, const std::string& done) {
    return "sluice segments 1\nurl " + url + "\nif-range \"one\"\nsize 4194304\nsegment 0 4194304 " + done + "\nend\n";
  };
  write_file(part, "xyz");
  std::string why;
  SUBCASE("bytes that are not there") {
    write_file(journal, text(origin.url(), "4194303"));
    why = "its journal is not valid: it names bytes after the end of the part";
  }
  SUBCASE("another URL") {
    write_file(journal, text(origin.url() + "?x", "3"));
    why = "its journal is of another URL";
  }
  SUBCASE("anything") {
    write_file(journal, std::string(2'000'000, '\n'));
    why = "its journal is not valid: it is too large";
  }
  SUBCASE("none") { why = journal + ": No such file or directory"; }
  SUBCASE("a link") {
    write_file(download.folder.path() / "target", text(origin.url(), "3"));
    std::filesystem::create_symlink(download.folder.path() / "target", journal);
    why = journal + ": Too many levels of symbolic links";
  }
  const CommandResult result = download.run(origin.url());
  CHECK(result.exit_code == 0);
  CHECK(result.err == "sluice: warning: " + part + " is not used, the download starts anew: " + why + "\n");
  CHECK(download.content() == origin.content);
  CHECK(read_file(part) == "xyz");
}

TEST_CASE("--segments: two commands for one file do not write the same part") {
  RangeOrigin origin(4 * kMiB);
  bool stalls = true;
  origin.script = [&](const Asked& asked) {
    Reply reply{.bytes = origin.right(asked)};
    reply.hold = stalls && !asked.range.empty();
    return reply;
  };
  const Download download;
  RunningCommand first(download.arguments(origin.url()));
  REQUIRE(wait_until([&] { return !name_with(download.folder.path(), ".segments.journal").empty(); }));
  const CommandResult second = download.run(origin.url());
  CHECK(second.exit_code == 23);
  CHECK(second.err.ends_with(": write to " + name_with(download.folder.path(), ".segments.part") +
                             ": another process is writing it\n"));
  REQUIRE(origin.server.wait_for_requests(4));
  stalls = false;
  origin.server.release();
  CHECK(first.wait().exit_code == 0);
  CHECK(download.content() == origin.content);
  CHECK(download.files() == kFileAlone);
}

TEST_CASE("--segments: -C - does not take a part with holes for the begin of a file") {
  RangeOrigin origin(4 * kMiB);
  const Download download;
  write_file(download.path + ".abcdef.segments.part", std::string(3 * kMiB, 'x'));
  CHECK(run_command({"-sS", "-C", "-", "-o", download.path, origin.url()}).exit_code == 0);
  CHECK(download.content() == origin.content);
}
