// How options become a request: method, URL, fields and body. The reference is what curl 7.88 sent for the same
// arguments.
#include "adapters/cli/operations.hpp"

#include <doctest/doctest.h>

#include "adapters/cli/version.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

const std::string kAgent = "User-Agent: " + std::string(kUserAgent);
const std::string kDefaults = kAgent + "|Accept: */*";
const std::string kLength = "|Content-Length: ";
const std::string kForm = "|Content-Type: application/x-www-form-urlencoded";

}  // namespace

TEST_CASE("operations: several -d are joined, and make a POST of a form") {
  FakeWorld world;
  world.files["f"] = std::string("a b\r\nc\n\0d", 9);
  const Operation operation =
      one({"-d", "a", "-d", "b", "--data-binary", "@f", "--data-ascii", "@f", "--data-raw", "@f", "h"}, world);
  CHECK(body_of(operation) == std::string("a&b&a b\r\nc\n\0d&a bcd&@f", 22));
  CHECK(operation.method == "POST");
  CHECK(text_of(operation.fields) == kDefaults + kLength + "22" + kForm);
  CHECK(body_of(one({"-d", "", "-d", "a", "h"})) == "&a");
}

TEST_CASE("operations: --json sets both fields and joins without a sign") {
  const Operation operation = one({"--json", "{1", "--json", "2}", "h"});
  CHECK(body_of(operation) == "{12}");
  CHECK(operation.method == "POST");
  CHECK(text_of(operation.fields) ==
        kAgent + "|Content-Type: application/json|Accept: application/json" + kLength + "4");
  CHECK(body_of(one({"--json", "a", "-d", "b", "--json", "c", "h"})) == "a&bc");
  const Operation own = one({"--json", "x", "-H", "accept:", "-H", "content-type: a/b", "h"});
  CHECK(text_of(own.fields) == kAgent + "|content-type: a/b" + kLength + "1");
}

TEST_CASE("operations: data from standard input") {
  FakeWorld world;
  world.input = "in\nput";
  CHECK(body_of(one({"-d", "@-", "h"}, world)) == "input");
  CHECK(body_of(one({"--data-binary", "@-", "h"}, world)) == "in\nput");
}

TEST_CASE("operations: a data file that cannot be read is 26 and nothing is sent") {
  for (const char* option : {"-d", "--data-binary", "--json", "-H", "-w"}) {
    CAPTURE(option);
    const UsageError error = refused({option, "@gone", "h"});
    CHECK(error.exit_code == 26);
    CHECK(error.message.find("'gone': No such file") != std::string::npos);
  }
}

TEST_CASE("operations: -G moves the data to the query") {
  const Operation operation = one({"-G", "-d", "q=a", "-d", "z#", "http://h/p?x#f"});
  CHECK(operation.method == "GET");
  CHECK(operation.url.target() == "/p?x&q=a&z%23");
  CHECK(operation.body == nullptr);
  CHECK(text_of(operation.fields) == kDefaults);
  CHECK(one({"-G", "-d", "a", "h"}).url.target() == "/?a");
  CHECK(one({"-GI", "-d", "a", "h"}).method == "HEAD");
  CHECK(one({"-GI", "-d", "a", "h"}).url.target() == "/?a");
  CHECK(one({"-G", "-d", "a b", "h"}).refused.value().exit_code == 3);
  CHECK(one({"-G", "h"}).url.target() == "/");
  CHECK(one({"-G", "-d", "a", "http://h/p?"}).url.target() == "/p?a");
  CHECK(one({"-G", "-d", "a", "http://h/p?x&"}).url.target() == "/p?x&a");
  CHECK(one({"-G", "-d", "", "http://h/p?x"}).url.target() == "/p?x");
}

TEST_CASE("operations: methods exclude each other, -X only renames") {
  CHECK(refused({"-I", "-d", "x", "h"}).exit_code == 2);
  CHECK(refused({"-T", "f", "-d", "x", "h"}).exit_code == 2);
  CHECK(refused({"-T", "f", "-I", "h"}).exit_code == 2);
  CHECK(refused({"-G", "-T", "f", "-d", "x", "h"}).exit_code == 2);
  CHECK(refused({"-X", "a b", "h"}).exit_code == 2);
  CHECK(refused({"-X", "GET\r\nA: b", "h"}).exit_code == 2);
  CHECK(refused({"-X", "", "h"}).exit_code == 2);
  const Operation operation = one({"-X", "PATCH", "-d", "x", "h"});
  CHECK(operation.method == "PATCH");
  CHECK(body_of(operation) == "x");
  CHECK(text_of(operation.fields) == kDefaults + kLength + "1" + kForm);
  const Operation head = one({"-I", "-X", "GET", "h"});
  CHECK(head.method == "GET");
  CHECK(head.head_only);
}

TEST_CASE("operations: --segments is for whole files by GET") {
  CHECK(one({"--segments", "8", "-o", "f", "h"}).settings->segments == 8);
  CHECK(one({"--segments", "64", "-O", "-C", "-", "-X", "GET", "h/f"}).settings->segments == 64);
  CHECK(one({"--segments", "2", "-O", "-G", "-d", "a=b", "h/f"}).settings->segments == 2);
  CHECK(one({"--segments", "1", "-I", "h"}).settings->segments == 1);
  const std::string whole = "--segments fetches a whole file: not with ";
  const std::pair<std::vector<std::string>, std::string> rows[] = {
      {{"-r", "0-9"}, whole + "--range"},
      {{"-H", "range: bytes=0-9"}, whole + "--range"},
      {{"-H", "If-Range: x"}, whole + "--range"},
      {{"-C", "9"}, whole + "--continue-at with an offset"},
      {{"-T", "f"}, whole + "--upload-file"},
      {{"-d", "a"}, whole + "--data"},
      {{"-F", "a=b"}, whole + "--form"},
      {{"-I"}, whole + "--head"},
      {{"-i"}, whole + "--include"},
      {{"-X", "POST"}, whole + "--request"},
      {{"-o", "-"}, "--segments writes to a file: give -o or -O for each URL"},
  };
  for (const auto& [more, message] : rows) {
    CAPTURE(message);
    std::vector<std::string> arguments = {"--segments", "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (more.front() != "-o") arguments.insert(arguments.end(), {"-o", "f"});
    arguments.emplace_back("h");
    const UsageError error = refused(arguments);
    CHECK(error.exit_code == 2);
    CHECK(error.message.starts_with(message));
  }
  for (const char* count : {"0", "65", "x", "-1", ""})
    CHECK(refused({"--segments", count, "-o", "f", "h"}).exit_code == 2);
  CHECK(refused({"--segments", "2", "-o", "f", "h", "h"}).exit_code == 2);
}

TEST_CASE("operations: -T") {
  const Operation operation = one({"-T", "dir/a b.txt", "http://h/up/"});
  CHECK(operation.method == "PUT");
  CHECK(operation.url.target() == "/up/a%20b.txt");
  CHECK(operation.upload.value().path == "dir/a b.txt");
  CHECK_FALSE(operation.upload.value().from_stdin);
  CHECK(one({"-T", "f", "h"}).url.target() == "/f");
  CHECK(one({"-T", "f", "http://h/x#f"}).url.target() == "/x");
  CHECK(one({"-T", "f", "http://h/d?x=/"}).url.target() == "/d?x=/");
  // A query asks a script: nothing is appended, as curl 8.
  CHECK(one({"-T", "f", "http://h/d/?x=/"}).url.target() == "/d/?x=/");
  CHECK(one({"-T", "f", "http://h?x"}).url.target() == "/?x");
  CHECK(one({"-T", "f", "http://h/d/?"}).url.target() == "/d/f?");
  CHECK(one({"-T", "f", "http://h/d/."}).url.target() == "/d/f");
  CHECK(one({"-T", "-", "http://h/d/"}).url.target() == "/d/");
  CHECK(one({"-T", "-", "h"}).upload.value().from_stdin);
  CHECK(one({"-T", "f", "-X", "POST", "h"}).method == "POST");
  CHECK_FALSE(one({"-T", "", "h"}).upload);
  const auto two = parse({"-T", "a", "-T", "b", "http://h/1/", "http://h/2/", "http://h/3/"});
  REQUIRE(two.has_value());
  CHECK(two->operations[1].url.target() == "/2/b");
  CHECK(two->operations[2].method == "GET");
}

TEST_CASE("operations: -H adds, replaces, removes and sends empty") {
  CHECK(text_of(one({"-H", "A:b", "-H", "A: c ", "-H", "X-Empty;", "-H", " ", "h"}).fields) ==
        kDefaults + "|A: b|A: c|X-Empty: ");
  CHECK(text_of(one({"-H", "user-agent:", "-H", "Accept: q", "h"}).fields) == "Accept: q");
  CHECK(text_of(one({"-H", "Host: x", "h"}).fields) == kDefaults + "|Host: x");
  CHECK(text_of(one({"-d", "x", "-H", "content-type:", "h"}).fields) == kDefaults + kLength + "1");
  CHECK(text_of(one({"-d", "x", "-H", "Content-Type: a/b", "h"}).fields) ==
        kDefaults + "|Content-Type: a/b" + kLength + "1");
  CHECK(text_of(one({"-d", "xy", "-H", "content-length: 2", "h"}).fields) == kDefaults + "|content-length: 2" + kForm);
  CHECK(text_of(one({"-d", "x", "-H", "Transfer-Encoding: chunked", "h"}).fields) ==
        kDefaults + "|Transfer-Encoding: chunked" + kForm);
  CHECK(text_of(one({"-A", "", "h"}).fields) == "Accept: */*");
  CHECK(text_of(one({"-A", "me", "-e", "http://r/;auto", "-r", "5", "h"}).fields) ==
        "Range: bytes=5-|User-Agent: me|Accept: */*|Referer: http://r/");
  CHECK(text_of(one({"-r", "-5", "-e", ";auto", "h"}).fields) == "Range: bytes=-5|" + kDefaults);
  CHECK(one({"-T", "f", "-H", "transfer-encoding: chunked", "h"}).chunked);
}

TEST_CASE("operations: a -H that is no field is an error, and is not repeated") {
  for (const char* line : {"foo", "Bearer secret", "foo; secret"}) {
    CAPTURE(line);
    const UsageError error = refused({"-H", line, "h"});
    CHECK(error.exit_code == 2);
    CHECK(error.message == "option --header: not a field: expected 'Name: value', 'Name:' or 'Name;'");
  }
  FakeWorld world;
  world.files["f"] = "A: 1\n# foo\n\nsecret\n";
  CHECK(refused({"-H", "@f", "h"}, world).message ==
        "option --header: f:4: not a field: expected 'Name: value', 'Name:' or 'Name;'");
}

TEST_CASE("operations: -H @file, a field a line") {
  FakeWorld world;
  world.files["f"] = "A: 1\r\n# C: 2\n\nAccept:\nB: 3";
  CHECK(text_of(one({"-H", "@f", "h"}, world).fields) == kAgent + "|A: 1|B: 3");
}

TEST_CASE("SB-11 operations: a field that cannot be sent is refused, its value is not repeated") {
  for (const char* line : {"A: secret\r\nB: c", "A: secret\nB", "A b: secret", ": secret", "A\r\nB: secret", "Host:"}) {
    CAPTURE(line);
    const UsageError error = refused({"-H", line, "h"});
    CHECK(error.exit_code == 2);
    CHECK(error.message.find("secret") == std::string::npos);
  }
  CHECK(refused({"-A", "a\nb", "h"}).exit_code == 2);
  CHECK(refused({"-e", "a\rb", "h"}).exit_code == 2);
  CHECK(refused({"-r", "0-\n", "h"}).exit_code == 2);
}

TEST_CASE("operations: -u and userinfo become Basic, -u and -H win") {
  CHECK(text_of(one({"-u", "Aladdin:open sesame", "h"}).fields) ==
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|" + kDefaults);
  CHECK(text_of(one({"-u", "foo", "h"}).fields) == "Authorization: Basic Zm9vOg==|" + kDefaults);
  CHECK(text_of(one({"-u", "a:b:c", "-H", "Authorization: x", "h"}).fields) == kDefaults + "|Authorization: x");
  CHECK(text_of(one({"http://us%20er:p%3aw@h/"}).fields) == "Authorization: Basic dXMgZXI6cDp3|" + kDefaults);
  CHECK(text_of(one({"-u", "foo:bar", "http://u:p@h/"}).fields) == "Authorization: Basic Zm9vOmJhcg==|" + kDefaults);
}

TEST_CASE("operations: userinfo that Basic cannot hold is 3, unless -u or -H is sent in its place") {
  for (const char* url : {"http://a%3Ab:c@h/", "http://a:b%0A@h/", "http://a%00@h/"}) {
    CAPTURE(url);
    const Operation refused = one({url});
    REQUIRE(refused.refused);
    CHECK(refused.refused->exit_code == 3);
    CHECK(refused.refused->message.find("(RFC 7617 2)") != std::string::npos);
    CHECK_FALSE(one({"-u", "x:y", url}).refused);
    CHECK_FALSE(one({"-H", "Authorization: Bearer x", url}).refused);
  }
  CHECK_FALSE(one({"http://a:b%3Ac@h/"}).refused);
}

TEST_CASE("SB-31 operations: userinfo stays in no URL") {
  const Operation operation = one({"http://us%20er:pa@h/x@y?a@b"});
  CHECK_FALSE(operation.url.has_userinfo());
  CHECK(operation.url.text() == "http://h/x@y?a@b");
  CHECK(operation.given_url == "http://h/x@y?a@b");
  CHECK(one({"u:p@h/x"}).given_url == "h/x");
}

}  // namespace sluice::cli
