// How -b, -c, -j and --compressed become settings and fields. The reference is curl 8.
#include <doctest/doctest.h>

#include "core/features.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("cookie options: -b with a '=' is data for one field, which -H replaces") {
  CHECK(one({"-b", "a=1", "h"}).fields.find("Cookie") == "a=1");
  CHECK(one({"-b", "a=1", "--cookie", "b=2; c=3", "h"}).fields.find("Cookie") == "a=1; b=2; c=3");
  CHECK(one({"-b", "a=1", "-H", "Cookie: own=1", "h"}).fields.find("Cookie") == "own=1");
  CHECK_FALSE(one({"-b", "a=1", "-H", "Cookie:", "h"}).fields.find("Cookie"));
  CHECK_FALSE(one({"-b", "a=1", "h"}).settings->cookies);
  CHECK(parse({"-b", "a=\x01", "h"}).error().exit_code == 2);
}

TEST_CASE("cookie options: files are read once, cookies are kept from then on, and a file need not exist") {
  CHECK_FALSE(one({"h"}).settings->cookies);
  CHECK(one({"-b", "", "h"}).settings->cookies);
  CHECK(one({"-c", "jar", "h"}).settings->cookies);
  CHECK(one({"-c", "jar", "h"}).settings->cookie_jar == "jar");
  FakeWorld world;
  world.files = {{"first", "one"}, {"second", "two"}};
  world.input = "three";
  const auto command = world.parse({"-b", "first", "-b", "none", "h", "--next", "-j", "-b", "second", "-b", "-", "h"});
  REQUIRE(command);
  REQUIRE(command->cookie_files.size() == 3);
  CHECK(command->cookie_files[0].text == "one");
  CHECK_FALSE(command->cookie_files[0].without_session);
  CHECK(command->cookie_files[1].text == "two");
  CHECK(command->cookie_files[1].without_session);
  CHECK(command->cookie_files[2].text == "three");
  CHECK(command->warnings.empty());
  CHECK(world.parse({"-v", "-b", "none", "h"})->warnings.size() == 1);
}

TEST_CASE("cookie options: --compressed asks and decodes, if the build can") {
  CHECK_FALSE(one({"h"}).settings->compressed);
  const Features built = features();
  const auto command = parse({"--compressed", "h"});
  if (!built.zlib && !built.brotli && !built.zstd) {
    CHECK(command.error().exit_code == 2);
    return;
  }
  CHECK(one({"--compressed", "h"}).settings->compressed);
  CHECK(one({"--compressed", "h"}).settings->asks_for_codings);
  CHECK_FALSE(one({"--compressed", "-H", "accept-encoding:", "h"}).settings->asks_for_codings);
  CHECK_FALSE(one({"--compressed", "--no-compressed", "h"}).settings->compressed);
}

TEST_CASE("cookie options: --tr-encoding and --raw") {
  CHECK_FALSE(one({"h"}).settings->transfer_codings);
  CHECK_FALSE(one({"h"}).settings->raw);
  CHECK(one({"--raw", "h"}).settings->raw);
  CHECK_FALSE(one({"--raw", "--no-raw", "h"}).settings->raw);
  if (!features().zlib) {
    CHECK(parse({"--tr-encoding", "h"}).error().exit_code == 2);
    return;
  }
  CHECK(one({"--tr-encoding", "h"}).settings->transfer_codings);
  CHECK_FALSE(one({"--tr-encoding", "h"}).settings->compressed);
  CHECK_FALSE(one({"--tr-encoding", "--no-tr-encoding", "h"}).settings->transfer_codings);
}

}  // namespace sluice::cli
