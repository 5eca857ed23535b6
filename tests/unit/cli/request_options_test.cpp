// Options of authentication, retries, forms, conditions and files: how they become an operation. The reference is
// curl 8.
#include <doctest/doctest.h>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

namespace {

Credentials credentials(const std::vector<std::string>& arguments, FakeWorld world = {}) {
  const Operation operation = one(arguments, std::move(world));
  REQUIRE(operation.credentials);
  CHECK_FALSE(operation.fields.contains("Authorization"));
  return *operation.credentials;
}

}  // namespace

TEST_CASE("auth options: Basic alone is a field; other schemes wait for a challenge") {
  CHECK_FALSE(one({"-u", "a:b", "h"}).credentials);
  CHECK(one({"-u", "a:b", "h"}).fields.find("Authorization") == "Basic YTpi");
  CHECK_FALSE(one({"--basic", "-u", "a:b", "h"}).credentials);
  const Credentials digest = credentials({"--digest", "-u", "a:b:c", "h"});
  CHECK(digest == Credentials{.user = "a", .password = "b:c", .schemes = {.basic = false, .digest = true}});
  CHECK(credentials({"--digest", "http://a:b%40@h"}).password == "b@");
  CHECK(credentials({"--anyauth", "-u", "a", "h"}).schemes == AuthSchemes{true, true, true, true, has_gssapi()});
  CHECK(credentials({"--basic", "--digest", "-u", "a", "h"}).schemes == AuthSchemes{true, true, false});
  CHECK_FALSE(one({"--digest", "--no-digest", "-u", "a:b", "h"}).credentials);
  const Credentials ntlm = credentials({"--ntlm", "-u", "D\\a:b", "h"});
  CHECK(ntlm == Credentials{.user = "D\\a", .password = "b", .schemes = {.basic = false, .ntlm = true}});
  CHECK_FALSE(one({"--ntlm", "--no-ntlm", "-u", "a:b", "h"}).credentials);
  if (has_gssapi()) {
    const Credentials negotiate = credentials({"--negotiate", "h"});
    CHECK(negotiate == Credentials{.schemes = {.basic = false, .negotiate = true}});
    CHECK(credentials({"--negotiate", "-u", ":", "h"}) == negotiate);
    CHECK_FALSE(one({"--negotiate", "--no-negotiate", "-u", "a:b", "h"}).credentials);
  } else {
    CHECK(refused({"--negotiate", "h"}).exit_code == 2);
  }
  const Credentials bearer = credentials({"--oauth2-bearer", "t0", "h"});
  CHECK(bearer == Credentials{.bearer = "t0", .schemes = {.basic = false, .bearer = true}});
}

TEST_CASE("auth options: --delegation is a level; another word is none, with a warning") {
  const auto level = [](const char* word) { return one({"--delegation", word, "h"}).settings->delegation; };
  CHECK(one({"h"}).settings->delegation == GssapiDelegation::none);
  CHECK(level("none") == GssapiDelegation::none);
  CHECK(level("Policy") == GssapiDelegation::policy);
  CHECK(level("always") == GssapiDelegation::always);
  CHECK(parse({"--delegation", "always", "h"})->warnings.empty());
  const auto unknown = parse({"--delegation", "some", "h"});
  REQUIRE(unknown);
  CHECK(unknown->operations[0].settings->delegation == GssapiDelegation::none);
  CHECK(unknown->warnings ==
        std::vector<std::string>{"option --delegation: 'some' is not one of none, policy, always; none is taken"});
}

TEST_CASE("auth options: -n reads ~/.netrc, --netrc-file another file, and -u goes before both") {
  FakeWorld world;
  world.home = "/home/me";
  world.files["/home/me/.netrc"] = "machine h login a password b";
  world.files["other"] = "default login c password d";
  CHECK(*one({"-n", "h"}, world).settings->netrc == "machine h login a password b");
  CHECK(*one({"--netrc-file", "other", "h"}, world).settings->netrc == "default login c password d");
  CHECK(one({"-n", "-u", "x:y", "h"}, world).settings->netrc == nullptr);
  CHECK(credentials({"-n", "http://u:p@h"}, world).user.empty());
  CHECK(credentials({"--netrc-optional", "http://u:p@h"}, world).user == "u");
  CHECK(one({"-n", "h"}).settings->netrc == nullptr);  // there need not be one
  CHECK(refused({"--netrc-file", "none", "h"}).exit_code == 26);
  CHECK(one({"--netrc-file", "none", "--netrc-optional", "h"}).settings->netrc == nullptr);
}

TEST_CASE("retry options: each sets its member, and none counts without --retry") {
  CHECK_FALSE(one({"--retry-delay", "3", "--retry-all-errors", "h"}).settings->retries);
  CHECK_FALSE(one({"--retry", "0", "h"}).settings->retries);
  const auto retries = [](std::vector<std::string> options) {
    options.insert(options.begin(), {"--retry", "7"});
    options.emplace_back("h");
    return *one(options).settings->retries;
  };
  const RetryOptions plain{.max_retries = 7, .jitter = false};
  CHECK(retries({}) == plain);
  CHECK(retries({"--retry-delay", "0"}) == plain);
  CHECK(retries({"--retry-delay", "2.5"}).delay == std::chrono::milliseconds(2500));
  CHECK(retries({"--retry-max-time", "60"}).max_time == std::chrono::seconds(60));
  CHECK(retries({"--retry-connrefused"}).connection_refused);
  CHECK(retries({"--retry-all-errors"}).all_errors);
  CHECK_FALSE(retries({"--retry-all-errors"}).all_error_statuses);
  CHECK(retries({"--retry-all-errors", "-f"}).all_error_statuses);
  CHECK_FALSE(retries({"-f"}).all_error_statuses);
  CHECK(one({"--expect100-timeout", "0.5", "h"}).settings->continue_timeout == std::chrono::milliseconds(500));
  CHECK(one({"h"}).expects_continue);
  CHECK_FALSE(one({"-H", "Expect:", "h"}).expects_continue);
  CHECK(refused({"--retry", "-1", "h"}).exit_code == 2);
}

TEST_CASE("form options: a POST with its parts, and not with another body") {
  FakeWorld world;
  world.files["headers"] = "X-One: 1\n";
  world.input = "typed";
  const Operation form =
      one({"-F", "a=b", "-F", "f=@file;headers=@headers;encoder=base64", "--form-string", "s=@x", "-F", "i=<-", "h"},
          world);
  REQUIRE(form.form);
  CHECK(form.method == "POST");
  REQUIRE(form.form->parts.size() == 4);
  REQUIRE(form.form->files.size() == 1);
  CHECK(form.form->files[0].name == "file");
  CHECK(form.form->files[0].coding == PartCoding::base64);
  CHECK(form.form->parts[1].headers == std::vector<std::string>{"Content-Transfer-Encoding: base64", "X-One: 1"});
  CHECK(std::get<std::string>(form.form->parts[2].body) == "@x");
  CHECK(std::get<std::string>(form.form->parts[3].body) == "typed");
  CHECK(one({"-X", "PUT", "-F", "a=b", "h"}).method == "PUT");
  for (const std::vector<std::string>& other : {std::vector<std::string>{"-d", "x"}, {"-T", "f"}, {"-I"}}) {
    std::vector<std::string> arguments = {"-F", "a=b", "h"};
    arguments.insert(arguments.end(), other.begin(), other.end());
    CHECK(refused(arguments).exit_code == 2);
  }
  CHECK(refused({"-F", "nothing", "h"}).message.starts_with("option --form: "));
  CHECK(refused({"-F", "a=b;headers=@none", "h"}).exit_code == 26);
  CHECK(refused({"-F", "a=b\xff;encoder=7bit", "h"}).message ==
        "option --form: byte 1 of the text is not a character of 7bit (;encoder=7bit)");
}

TEST_CASE("data options: --data-urlencode joins the others, --url-query goes to the URL") {
  CHECK(body_of(one({"-d", "a=1", "--data-urlencode", "b=x y&z", "h"})) == "a=1&b=x+y%26z");
  CHECK(one({"-G", "--data-urlencode", "q=a b", "http://h/?x"}).url.text() == "http://h/?x&q=a+b");
  const Operation both = one({"-d", "body", "--url-query", "q=a b", "--url-query", "+c=%20", "http://h/"});
  CHECK(both.url.text() == "http://h/?q=a+b&c=%20");
  CHECK(body_of(both) == "body");
}

TEST_CASE("condition options: fields of the request, a date or the time of a file") {
  FakeWorld world;
  world.files["etag"] = "  W/\"x\" \nrest";
  CHECK(one({"--etag-compare", "etag", "h"}, world).fields.find("If-None-Match") == "W/\"x\"");
  CHECK(one({"--etag-compare", "none", "h"}).fields.find("If-None-Match") == "\"\"");
  CHECK(refused({"--etag-save", "f", "h", "i"}).exit_code == 2);
  const char* const date = "Sun, 06 Nov 1994 08:49:37 GMT";
  CHECK(one({"-z", date, "h"}).fields.find("If-Modified-Since") == date);
  CHECK(one({"-z", "-1994-11-06T08:49:37Z", "h"}).fields.find("If-Unmodified-Since") == date);
  CHECK(one({"-z", "1994-11-06", "h"}).fields.find("If-Modified-Since") == "Sun, 06 Nov 1994 00:00:00 GMT");
  CHECK(one({"-z", "19941106", "h"}).fields.find("If-Modified-Since") == "Sun, 06 Nov 1994 00:00:00 GMT");
  CHECK(refused({"-z", "yesterday", "h"}).exit_code == 2);
  CHECK(refused({"-z", "1994-13-06", "h"}).exit_code == 2);
}

TEST_CASE("file options: sizes, permissions and names") {
  const auto most = [](const char* text) { return one({"--max-filesize", text, "h"}).settings->max_filesize; };
  CHECK(most("1000") == 1000);
  CHECK(most("3k") == 3072);
  CHECK(most("2G") == 2147483648);
  CHECK(most("7P") == std::uint64_t{7} << 50);
  CHECK_FALSE(most("0"));
  for (const char* text : {"", "k", "-1", "1x", "9000P", "1.5k"})
    CHECK(refused({"--max-filesize", text, "h"}).exit_code == 2);
  CHECK(one({"--create-file-mode", "0640", "h"}).settings->create_file_mode == 0640);
  for (const char* text : {"8", "01000", "", "-1", "rw"}) {
    CHECK(refused({"--create-file-mode", text, "h"}).exit_code == 2);
  }
  CHECK(one({"--no-clobber", "h"}).settings->clobber == false);
  CHECK(one({"--clobber", "h"}).settings->clobber == true);
  CHECK_FALSE(one({"h"}).settings->clobber);
  CHECK(refused({"-i", "-OJ", "http://h/f"}).exit_code == 2);
  CHECK(one({"-OJ", "http://h/f"}).output.remote_name);
}

TEST_CASE("--url @FILE: a URL on each line, each to a file of its own") {
  FakeWorld world;
  world.files["list"] = "http://h/a\n# a comment\n\n  http://h/b\r\nhttp://h/c";
  const auto line = world.parse({"--url", "@list"});
  REQUIRE(line);
  REQUIRE(line->operations.size() == 3);
  CHECK(line->operations[1].url.text() == "http://h/b");
  CHECK(line->operations[2].output.path == "c");
  CHECK(refused({"--url", "@none"}).exit_code == 26);
}

TEST_CASE("globs: one operation stands for all URLs, and makes them one by one") {
  const auto line = parse({"-o", "f_#1_#2", "http://h/{a,b}/[1-3]"});
  REQUIRE(line);
  REQUIRE(line->operations.size() == 1);
  const Operation& first = line->operations.front();
  CHECK(first.url.text() == "http://h/a/1");
  CHECK(first.output.path == "f_a_1");
  REQUIRE(first.globbed);
  CHECK(first.globbed->glob.count() == 6);
  Glob at = first.globbed->glob;
  at.next();
  const auto url = at.next();
  const Operation second = first.globbed->make(*url, at, "");
  CHECK(second.url.text() == "http://h/a/2");
  CHECK(second.output.path == "f_a_2");
  CHECK_FALSE(second.globbed);
  CHECK(one({"-g", "http://h/?[a]"}).url.target() == "/?%5Ba%5D");
  CHECK(one({"http://h/[1-1]"}).url.text() == "http://h/1");
  const auto bad = one({"http://h/[2-1]"});
  REQUIRE(bad.refused);
  CHECK(bad.refused->exit_code == 3);
  CHECK(bad.refused->message.contains("bad range in URL position"));
}

}  // namespace sluice::cli
