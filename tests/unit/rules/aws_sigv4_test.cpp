// core/rules/aws_sigv4: Amazon's published examples, and what botocore 1.43 and curl 7.88 give for others.
#include "core/rules/aws_sigv4.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace sluice;
using rules::aws_sigv4_fields;
using rules::AwsSigV4;
using rules::parse_aws_sigv4;

namespace {

constexpr UnixSeconds kTime = 1'440'938'160;  // 2015-08-30 12:36:00
const std::string kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

struct SignedCase {
  std::string option = "aws:amz:us-east-1:service";
  std::string method = "GET";
  std::string url = "https://example.amazonaws.com/";
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::optional<std::string> body = "";
  std::string key = "AKIDEXAMPLE";
  std::string secret = kSecret;
  UnixSeconds now = kTime;
};

Result<Fields> sign(const SignedCase& what) {
  const auto scope = parse_aws_sigv4(what.option);
  REQUIRE(scope);
  const auto url = Url::parse(what.url);
  REQUIRE(url);
  Fields fields;
  for (const auto& [name, value] : what.fields) REQUIRE(fields.add(name, value));
  return aws_sigv4_fields(
      {*scope, what.key, what.secret, what.method, *url, url->target(), fields, what.body, what.now});
}

// The value of Authorization from `part` on, up to a comma.
std::string part_of(const SignedCase& what, std::string_view part) {
  const auto fields = sign(what);
  REQUIRE(fields);
  const std::string value(fields->find("Authorization").value_or(""));
  const std::size_t begin = value.find(part);
  REQUIRE(begin != std::string::npos);
  return value.substr(begin + part.size(), value.find(',', begin) - begin - part.size());
}

std::string signature(const SignedCase& what) { return part_of(what, "Signature="); }
std::string signed_names(const SignedCase& what) { return part_of(what, "SignedHeaders="); }
std::string credential(const SignedCase& what) { return part_of(what, "Credential="); }

// "Name: value" of each returned field, but for Authorization.
std::string added(const SignedCase& what) {
  const auto fields = sign(what);
  REQUIRE(fields);
  std::string text;
  for (const Field& field : *fields) {
    if (field.name != "Authorization") text.append(field.name).append(": ").append(field.value).append("\n");
  }
  return text;
}

// The error's text after "AWS signature version 4: "; it never has the secret.
std::string refusal(const Error& error) {
  const std::string head = "AWS signature version 4: ", text = error.message();
  CHECK(text.find(kSecret) == std::string::npos);
  REQUIRE(text.starts_with(head));
  return text.substr(head.size());
}

std::string refused(const SignedCase& what) {
  const auto fields = sign(what);
  REQUIRE_FALSE(fields);
  CHECK(fields.error().code == Code::invalid_request);
  return refusal(fields.error());
}

const std::string kNoBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

TEST_CASE("aws sigv4: the option") {
  const struct {
    const char* text;
    AwsSigV4 scope;
  } rows[] = {
      {"aws", {"aws", "aws", "", ""}},
      {"aws:amz", {"aws", "amz", "", ""}},
      {"aws:amz:us-east-1", {"aws", "amz", "us-east-1", ""}},
      {"aws:amz:us-east-1:es", {"aws", "amz", "us-east-1", "es"}},
      {"aws:amz:us-east-1:", {"aws", "amz", "us-east-1", ""}},
      {"aws:amz::es", {"aws", "amz", "", "es"}},
      {"aws:::", {"aws", "aws", "", ""}},
      {"osc::eu-west-2:api", {"osc", "osc", "eu-west-2", "api"}},
      {"GOOG:goog:auto:storage", {"GOOG", "goog", "auto", "storage"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto scope = parse_aws_sigv4(row.text);
    REQUIRE(scope);
    CHECK(*scope == row.scope);
  }
  const std::string character = "a provider, region or service holds a character that it may not have";
  const std::pair<std::string, std::string> wrong[] = {
      {"", "the first provider is missing"},
      {":amz", "the first provider is missing"},
      {":::", "the first provider is missing"},
      {"aws:amz:a:b:c", "more than provider1:provider2:region:service"},
      {"aws:a mz", character},
      {"aws\r\nX: y", character},
      {"aws:amz:us/east", character},
      {"aws:amz:a,b", character},
      {"aws:amz:a:b\x01", character},
      {"aws:amz:a:\xc3\xa4", character},
  };
  for (const auto& [text, reason] : wrong) {
    CAPTURE(text);
    const auto scope = parse_aws_sigv4(text);
    REQUIRE_FALSE(scope);
    CHECK(scope.error().code == Code::invalid_option);
    CHECK(refusal(scope.error()) == reason);
  }
}

TEST_CASE("aws sigv4: Amazon's test suite") {
  const std::string form = "application/x-www-form-urlencoded";
  const std::string unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::string url = "https://example.amazonaws.com/";
  const std::pair<SignedCase, std::string> rows[] = {
      {{}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {{.method = "POST"}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {{.url = url + unreserved}, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {{.url = url + "?Param2=value2&Param1=value1"},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {{.url = url + "?Param1=value2&Param1=value1"},
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {{.url = url + "?\xe1\x88\xb4=bar"}, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {{.url = url + "/example//"}, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {{.url = url + "example/.."}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {{.fields = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}},
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {{.fields = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"my-header1", "value1"}}},
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {{.method = "POST", .fields = {{"Content-Type", form}}, .body = "Param1=value1"},
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {{.option = "aws:amz:us-east-1:iam",
        .url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        .fields = {{"Content-Type", form + "; charset=utf-8"}}},
       "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
  };
  for (const auto& [what, expected] : rows) {
    CAPTURE(what.url);
    CAPTURE(what.method);
    CHECK(signature(what) == expected);
  }
  const auto fields = sign({});
  REQUIRE(fields);
  CHECK(fields->find("Authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(added({}) == "X-Amz-Date: 20150830T123600Z\n");
}

TEST_CASE("aws sigv4: Amazon's examples for S3") {
  SignedCase s3;
  s3.option = "aws:amz:us-east-1:s3";
  s3.key = "AKIAIOSFODNN7EXAMPLE";
  s3.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  s3.now = 1'369'353'600;  // 2013-05-24 00:00:00
  const std::string url = "https://examplebucket.s3.amazonaws.com/";
  s3.url = url + "test.txt";
  s3.fields = {{"Range", "bytes=0-9"}};
  CHECK(signature(s3) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(added(s3) == "X-Amz-Date: 20130524T000000Z\nX-Amz-Content-Sha256: " + kNoBody + "\n");
  s3.fields = {};
  s3.url = url + "?lifecycle";
  CHECK(signature(s3) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  s3.url = url + "?max-keys=2&prefix=J";
  CHECK(signature(s3) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  s3.method = "PUT";
  s3.fields = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  s3.body = "Welcome to Amazon S3.";
  for (const char* path : {"test$file.text", "test%24file.text", "%74est%24file%2etext"}) {
    CAPTURE(path);
    s3.url = url + path;
    CHECK(signature(s3) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  }
}

TEST_CASE("aws sigv4: as botocore") {
  CHECK(signature({.url = "https://example.amazonaws.com/a%20b/c!d+e//f?b=2&&a-b=3&c&a=1"}) ==
        "e74ae90a8ca156cc6b71be45c27d62388b2bf9a877577c21d5b81b14b3d93822");
  CHECK(signature({.option = "aws:amz:us-east-1:es",
                   .method = "POST",
                   .url = "https://search.us-east-1.es.amazonaws.com:8443/my%2Aindex/_doc/",
                   .fields = {{"X-Two", "a \t  b"}, {"Content-Type", "application/json"}},
                   .body = "{\"a\":1}"}) == "204773dbf7e905ea10092e1fa92c2f6ff0f34b764f2925ddc88f13f72c9125cc");
  const std::string s3 = "aws:amz:us-east-1:s3", url = "https://b.s3.amazonaws.com/";
  const std::string expected = "a840aba00bee17be9eeede1e9d7bc73da8cb2ce4348b415d365b393121c210fe";
  CHECK(signature({.option = s3, .url = url + "a%20b/c%21d%2Be//f%2F.txt?list-type=2&prefix=x%2Fy"}) == expected);
  CHECK(signature({.option = s3, .url = url + "a%20b/c!d+e//f%2f.txt?prefix=x/y&list-type=2"}) == expected);
  CHECK(signature(
            {.option = s3, .url = "http://b.s3.amazonaws.com/x", .fields = {{"X-Amz-Security-Token", "tok/en=="}}}) ==
        "92d3f0e1ee7255e6092bbacc68c9306f18eb640adbb468cd19788d26e52eaff4");
}

TEST_CASE("aws sigv4: as curl") {
  CHECK(signature({.option = "aws:amz", .url = "http://svc.region.example.com:8931/a", .key = "AK", .secret = "SK"}) ==
        "3704d8df73641b314e64b65812890889e145d97ced41af61808aa0fe7326c63f");
  const SignedCase osc{.option = "osc:mDpr:us-east-1:x", .url = "http://127.0.0.1:8931/", .key = "AK", .secret = "SK"};
  CHECK(signature(osc) == "d8cc78346a9eb63e1eec20c742957b9a2a6b603c740a068b4ea44f41a6133217");
  CHECK(added(osc) == "X-Mdpr-Date: 20150830T123600Z\n");
  CHECK(sign(osc)
            ->find("Authorization")
            ->starts_with("OSC4-HMAC-SHA256 Credential=AK/20150830/us-east-1/x/osc4_request"));
  const SignedCase aws{.option = "aws",
                       .url = "http://svc.region.example.com:8931/a",
                       .key = "AK",
                       .secret = "SK",
                       .now = 1'796'005'083};  // 2026-11-30 02:18:03
  CHECK(signature(aws) == "3936c7704c5439945b05b68b9e94fa3ab34dbf15e4ae5d41fe994330734f35e9");
  CHECK(added(aws) == "X-Aws-Date: 20261130T021803Z\n");
}

TEST_CASE("aws sigv4: the case of the providers does not matter") {
  CHECK(signature({.option = "AwS:AMZ:us-east-1:service"}) == signature({}));
  const SignedCase zaz{.option = "zaZ:zZz:r:s"};
  CHECK(sign(zaz)
            ->find("Authorization")
            ->starts_with("ZAZ4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/r/s/zaz4_request"));
  CHECK(added(zaz) == "X-Zzz-Date: 20150830T123600Z\n");
}

TEST_CASE("aws sigv4: a query is sorted by name and value, and a plus is a space") {
  const std::string url = "https://example.amazonaws.com/?";
  const std::string one = signature({.url = url + "a=1&a=2&a-b=3&c=x%20y&d=%7E"});
  for (const char* query : {"d=%7e&c=x+y&a-b=3&a=2&a=1", "a=2&a=1&%61-b=3&c=x%20y&d=~", "&a=1&&a=2&a-b=3&c=x+y&d=~&"}) {
    CAPTURE(query);
    CHECK(signature({.url = url + query}) == one);
  }
  CHECK(signature({.url = url + "a=1&a=2&a-b=3&c=x%2By&d=~"}) != one);
  CHECK(signature({.url = url}) == signature({}));
  CHECK(signature({.url = url + "&&"}) == signature({}));
  CHECK(signature({.url = url + "a"}) == signature({.url = url + "a="}));
  CHECK(signature({.url = url + "a=b=c"}) == signature({.url = url + "a=b%3dc"}));
  CHECK(signature({.url = url + "a=%"}) == signature({.url = url + "a=%25"}));
  CHECK(signature({.url = url + "a=%4"}) == signature({.url = url + "a=%254"}));
  CHECK(signature({.url = url + "a=%4g"}) == signature({.url = url + "a=%254g"}));
}

TEST_CASE("aws sigv4: the target that replaces the URL's is signed, and one without a path is /") {
  const auto url = Url::parse("https://example.amazonaws.com/other?x");
  const auto scope = parse_aws_sigv4("aws:amz:us-east-1:service"), s3 = parse_aws_sigv4("aws:amz:us-east-1:s3");
  const auto of = [&](const AwsSigV4& where, std::string_view target) {
    const auto fields = aws_sigv4_fields({where, "AKIDEXAMPLE", kSecret, "GET", *url, target, {}, "", kTime});
    REQUIRE(fields);
    const std::string value(*fields->find("Authorization"));
    return value.substr(value.find("Signature=") + 10);
  };
  CHECK(of(*scope, "/") == signature({}));
  CHECK(of(*scope, "") == signature({}));
  CHECK(of(*scope, "?Param2=value2&Param1=value1") == of(*scope, "/?Param1=value1&Param2=value2"));
  CHECK(of(*s3, "?a") == of(*s3, "/?a="));
  CHECK(of(*s3, "//") != of(*s3, "/"));
  CHECK(of(*scope, "//") == of(*scope, "/"));
  CHECK(of(*s3, "/a/") != of(*s3, "/a"));
  CHECK(of(*scope, "/a/") != of(*scope, "/a"));
}

TEST_CASE("aws sigv4: which fields are signed") {
  CHECK(signed_names({}) == "host;x-amz-date");
  CHECK(signed_names({.fields = {{"x-b", "1"}, {"Accept", "*/*"}, {"X-A", ""}, {"x-B", "2"}, {"Cookie", "c=d"}}}) ==
        "accept;cookie;host;x-a;x-amz-date;x-b");
  for (const char* name :
       {"User-Agent", "user-agent", "Accept-Encoding", "Connection", "Expect", "Keep-Alive", "Proxy-Authorization",
        "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "X-Amzn-Trace-Id"}) {
    CAPTURE(name);
    CHECK(signature({.fields = {{name, "x"}}}) == signature({}));
  }
  CHECK(signature({.url = "https://localhost/", .fields = {{"host", "example.amazonaws.com"}}}) == signature({}));
  CHECK(signature({.url = "https://example.amazonaws.com:443/"}) == signature({}));
  CHECK(signature({.url = "https://example.amazonaws.com:444/"}) !=
        signature({.url = "https://example.amazonaws.com:445/"}));
  // The order of different names does not matter, that of one name does.
  const auto of = [](std::vector<std::pair<std::string, std::string>> fields) {
    return signature({.fields = std::move(fields)});
  };
  CHECK(of({{"a", "1"}, {"b", "2"}}) == of({{"B", "2"}, {"A", "1"}}));
  CHECK(of({{"a", "1"}, {"a", "2"}}) != of({{"a", "2"}, {"a", "1"}}));
  CHECK(of({{"a", "1"}, {"b", "x"}, {"a", "2"}}) == of({{"a", "1,2"}, {"b", "x"}}));
  CHECK(of({{"a", "x  \t y"}}) == of({{"a", "x y"}}));
}

TEST_CASE("aws sigv4: fields that exist are used, and not added again") {
  const auto dated = [](const char* time) { return SignedCase{.fields = {{"x-amz-date", time}}, .now = 0}; };
  CHECK(added(dated("20150830T123600Z")) == "");
  CHECK(signature(dated("20150830T123600Z")) == signature({}));
  CHECK(credential(dated("20160101T000000Z")) == "AKIDEXAMPLE/20160101/us-east-1/service/aws4_request");
  for (const char* time : {"", "garbage", "20150830", "20150830T123600", "20150830T123600z", "20150830T123600Z0",
                           "20150830 123600Z", "2015083xT123600Z", "Sun, 30 Aug 2015"}) {
    CAPTURE(time);
    CHECK(refused(dated(time)) == "X-Amz-Date is not like 20150830T123600Z");
  }
  SignedCase hashed{.option = "aws:amz:us-east-1:s3", .fields = {{"X-AMZ-Content-SHA256", kNoBody}}, .body = "text"};
  CHECK(added(hashed) == "X-Amz-Date: 20150830T123600Z\n");
  CHECK(signature(hashed) == signature({.option = hashed.option}));
  hashed.option = "aws:amz:us-east-1:service";  // signed as a field too
  CHECK(signed_names(hashed) == "host;x-amz-content-sha256;x-amz-date");

  const auto fields = sign({.fields = {{"authorization", "Bearer x"}}, .key = ""});
  REQUIRE(fields);
  CHECK(fields->empty());
}

TEST_CASE("aws sigv4: the hash of the body") {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  SignedCase what;
  for (const char* service : {"s3", "S3", "s3express", "s3-express", "s3-outposts", "s3-object-lambda"}) {
    CAPTURE(service);
    what.option = "aws:amz:us-east-1:" + std::string(service);
    what.body = "abc";
    CHECK(added(what) == "X-Amz-Date: 20150830T123600Z\nX-Amz-Content-Sha256: " + abc + "\n");
    what.body = std::nullopt;
    CHECK(added(what) == "X-Amz-Date: 20150830T123600Z\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n");
    CHECK(signed_names(what) == "host;x-amz-content-sha256;x-amz-date");
  }
  for (const char* service : {"service", "s", "s33", "s3x", "xs3"}) {
    CAPTURE(service);
    what.option = "aws:amz:us-east-1:" + std::string(service);
    what.body = std::nullopt;
    CHECK(refused(what) == "the body is not known as a whole, and only S3 takes one without its hash");
    what.fields = {{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}};
    CHECK(added(what) == "X-Amz-Date: 20150830T123600Z\n");
    what.fields = {};
    what.body = "abc";
    CHECK(added(what) == "X-Amz-Date: 20150830T123600Z\n");
  }
  // The body is hashed whole, a NUL included.
  CHECK(signature({.body = std::string("a\0b", 3)}) != signature({.body = std::string("a\0c", 3)}));
}

TEST_CASE("aws sigv4: region and service come from the host where the option has none") {
  const std::string no_service = "no service is given, and the host does not name one";
  const std::string no_region = "no region is given, and the host does not name one";
  const struct {
    std::string option, host, result;
  } rows[] = {
      {"aws:amz", "svc.region.example.com", "region/svc"},
      {"aws:amz", "SVC.Region.com.", "region/svc"},
      {"aws:amz", "svc.region.com", "region/svc"},
      {"aws:amz:r", "svc.region.example.com", "r/svc"},
      {"aws:amz:r", "svc.region", "r/svc"},
      {"aws:amz::s", "svc.region.example.com", "region/s"},
      {"aws:amz:r:s", "localhost", "r/s"},
      {"aws:amz:r:s", "127.0.0.1", "r/s"},
      {"aws:amz:r:s", "[::1]", "r/s"},
      {"aws:amz:US-East:S", "a.b.c", "US-East/S"},
      {"aws:amz", "svc.region", no_region},
      {"aws:amz", "svc.region.", no_region},
      {"aws:amz::s", "svc.region", no_region},
      {"aws:amz::s", "localhost", no_region},
      {"aws:amz", "localhost", no_service},
      {"aws:amz:r", "localhost", no_service},
      {"aws:amz:r", "127.0.0.1", no_service},
      {"aws:amz", "127.0.0.1", no_service},
      {"aws:amz", "[::1]", no_service},
  };
  for (const auto& row : rows) {
    CAPTURE(row.option);
    CAPTURE(row.host);
    const SignedCase what{.option = row.option, .url = "http://" + row.host + "/"};
    if (row.result.starts_with("no ")) {
      CHECK(refused(what) == row.result);
    } else {
      CHECK(credential(what) == "AKIDEXAMPLE/20150830/" + row.result + "/aws4_request");
    }
  }
}

TEST_CASE("SB-31 aws sigv4: the access key is checked, and the secret is in no field and no error") {
  CHECK(refused({.key = ""}) == "there is no access key (user)");
  CHECK(refused({.key = "a\r\nX: y"}) == "the access key (user) holds a control character");
  CHECK(signature({.secret = ""}) != signature({}));
  CHECK(signature({.secret = "a\nb"}) != signature({.secret = "a\nc"}));
  const auto fields = sign({.secret = kSecret});
  REQUIRE(fields);
  for (const Field& field : *fields) CHECK(field.value.find(kSecret) == std::string_view::npos);
}

TEST_CASE("aws sigv4: every time has a form") {
  CHECK(added({.now = 0}) == "X-Amz-Date: 19700101T000000Z\n");
  CHECK(added({.now = -1}) == "X-Amz-Date: 19691231T235959Z\n");
  CHECK(added({.now = std::numeric_limits<UnixSeconds>::max()}) == "X-Amz-Date: 99991231T235959Z\n");
  CHECK(added({.now = std::numeric_limits<UnixSeconds>::min()}) == "X-Amz-Date: 00000101T000000Z\n");
}
