// core/rules/challenge: the syntax of WWW-Authenticate, RFC 9110 11, row by row.
#include "core/rules/challenge.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace sluice;
using rules::Challenge;
using rules::challenges_of;
using rules::parse_auth_parameter;

namespace {

std::vector<Challenge> challenges_in(const std::vector<std::string>& values) {
  Fields fields;
  for (const std::string& value : values) REQUIRE(fields.add_received("WWW-Authenticate", value));
  return challenges_of(fields, "www-authenticate");
}

// "basic realm=x; digest nonce=y": the challenges of these fields.
std::string read(const std::vector<std::string>& values) {
  std::string text;
  for (const Challenge& challenge : challenges_in(values)) {
    text += (text.empty() ? "" : "; ") + challenge.scheme;
    if (!challenge.token68.empty()) text += " <" + challenge.token68 + ">";
    for (const auto& [name, value] : challenge.parameters) text += " " + name + "=" + value;
  }
  return text;
}

}  // namespace

TEST_CASE("challenge: schemes, parameters and token68") {
  const struct {
    const char *field, *read;
  } rows[] = {
      {"", ""},
      {" , ,", ""},
      {"Basic", "basic"},
      {"Basic realm=\"simple\"", "basic realm=simple"},
      {"BASIC Realm = \"a b\" \t,\tCharSet=UTF-8", "basic realm=a b charset=UTF-8"},
      {"Basic \t realm=x", "basic realm=x"},
      {"Basic ,, realm=x,", "basic realm=x"},
      {"Basic a=b, realm = \"c\" , d\t=\te", "basic a=b realm=c d=e"},
      {"Negotiate", "negotiate"},
      {"Negotiate YII-._~+/Zz09==", "negotiate <YII-._~+/Zz09==>"},
      {"NTLM abc", "ntlm <abc>"},
      {"Basic abc=", "basic <abc=>"},
      {"Basic ab=c", "basic ab=c"},
      {"Basic =", ""},
      {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
       "newauth realm=apps type=1 title=Login to \"apps\"; basic realm=simple"},  // RFC 9110 11.6.1
      {"Digest realm=\"a, Basic realm=b\", qop=\"auth, auth-int\"", "digest realm=a, Basic realm=b qop=auth, auth-int"},
      {"Negotiate, Basic realm=x, NTLM", "negotiate; basic realm=x; ntlm"},
      {"Negotiate abc=, Bearer", "negotiate <abc=>; bearer"},
      {"A x=\"\"", "a x="},
      {"A x=\"\\\\\\\"\\a\"", "a x=\\\"a"},
      {"A x=\"\xc3\xa4\t\"", "a x=\xc3\xa4\t"},
      {"A x='b'", "a x='b'"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.field);
    CHECK(read({row.field}) == row.read);
  }
}

TEST_CASE("challenge: several fields, each begins anew, and other fields are not read") {
  CHECK(read({"Digest realm=a, nonce=b", "Basic realm=c", "x=y, Bearer"}) ==
        "digest realm=a nonce=b; basic realm=c; bearer");
  CHECK(read({}) == "");
  Fields fields;
  REQUIRE(fields.add("Proxy-Authenticate", "Basic realm=proxy"));
  REQUIRE(fields.add("WWW-Authenticate", "Digest realm=origin"));
  const auto found = challenges_of(fields, "Proxy-Authenticate");
  REQUIRE(found.size() == 1);
  CHECK(found[0].scheme == "basic");
  CHECK(found[0].find("realm") == "proxy");
  CHECK_FALSE(found[0].find("nonce"));
}

TEST_CASE("challenge: values without quotes that servers send") {
  CHECK(read({"Basic realm=My Router, Bearer"}) == "basic realm=My Router; bearer");
  CHECK(read({"Digest domain=/a/, nonce=x=="}) == "digest domain=/a/ nonce=x==");
  CHECK(read({"Digest opaque=, realm=, nonce=a"}) == "digest <opaque=> realm= nonce=a");
}

TEST_CASE("challenge: an invalid one is dropped, and those around it are kept") {
  const char* bad[] = {"Bad x=\"a\"b",
                       "Bad x=a\"b\"",
                       "Bad x=1, x=2",
                       "Bad x=1, X=1",
                       "Bad x=1, @y, z=2",
                       "Bad x=1, y@, z=2",
                       "Bad x=1, =2, z=3",
                       "Bad x=1, \"y\", z=3",
                       "Bad x=\"a\x01\"",
                       "Bad x=a\x7f",
                       "Bad a b",
                       "Bad x=1, y=\"a\x1f\", z=2",
                       "Bad x=1, realm=\"a\"b=c",
                       "@, a=b, \"x\"",
                       "a=b",
                       "Bad \"x\"",
                       "Bad a+b/=c",
                       "Bad abc==d, x=\"\"\"\""};
  for (const char* row : bad) {
    CAPTURE(row);
    const std::string field = row;
    // In front of it only a whole challenge is safe: what does not begin with a scheme is taken for its parameter.
    const bool begins_scheme = field.starts_with("Bad ");
    if (begins_scheme) CHECK(read({"Basic realm=a, " + field + ", Bearer"}) == "basic realm=a; bearer");
    CHECK(read({field + ", Bearer, A b=c"}) == "bearer; a b=c");
    CHECK(read({"Basic realm=a", field, "Bearer"}) == "basic realm=a; bearer");
  }
}

TEST_CASE("challenge: after a quote that does not end nothing of that field can be read") {
  CHECK(read({"Basic realm=a, Digest realm=\"b, Bearer", "NTLM"}) == "basic realm=a; ntlm");
  CHECK(read({"Digest realm=\"b\\\""}) == "");
  CHECK(read({"Digest realm=\"b\\"}) == "");
  CHECK(read({"Digest realm=\""}) == "");
}

TEST_CASE("challenge: the sixteenth is the last, and the 33rd parameter is too many") {
  std::string many;
  for (int i = 0; i < 17; ++i) many += "S" + std::to_string(i) + " a=b,";
  CHECK(challenges_in({many}).size() == rules::kMaxChallenges);
  CHECK(challenges_in({many}).back().scheme == "s15");
  CHECK(challenges_in({many, many}).size() == rules::kMaxChallenges);

  std::string parameters = "Wide ";
  for (int i = 0; i < 32; ++i) parameters += "p" + std::to_string(i) + "=" + std::to_string(i) + ",";
  REQUIRE(challenges_in({parameters}).size() == 1);
  CHECK(challenges_in({parameters})[0].parameters.size() == rules::kMaxAuthParameters);
  CHECK(challenges_in({parameters})[0].find("p31") == "31");
  CHECK(read({parameters + "p32=32, Basic"}) == "basic");
}

TEST_CASE("challenge: every truncation gives what was whole before") {
  const std::string whole = "Digest realm=\"a\\\"b\", nonce=\"x\" , Negotiate abc==, Basic realm = \"c\"";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    const auto found = challenges_in({whole.substr(0, size)});
    CHECK(found.size() <= 3);
    const bool inside_quotes = size > whole.find("realm = \"") + 8 && size < whole.size();
    if (size > whole.find("Basic") && !inside_quotes) CHECK(found.size() == 3);
    for (const Challenge& challenge : found) CHECK_FALSE(challenge.scheme.empty());
  }
}

TEST_CASE("challenge: hostile repetition takes linear time and bounded memory") {
  for (const char* piece : {",", "a,", "a b=\"", "\"", "\\", "a=", "a ", "=", "a b=c,", "x y, ", "@,", "a b=\"\\\""}) {
    std::string field;
    while (field.size() < 100'000) field += piece;
    CHECK(challenges_in({field}).size() <= rules::kMaxChallenges);
    CHECK(challenges_in({"Digest " + field}).size() <= rules::kMaxChallenges);
  }
}

TEST_CASE("challenge: a parameter alone") {
  const auto found = parse_auth_parameter("NextNonce = \"a\\\"b\"");
  REQUIRE(found);
  CHECK(found->first == "nextnonce");
  CHECK(found->second == "a\"b");
  for (const char* bad : {"", "a", "=a", "\"a\"=b", "a b=c", "a=\"", "a=\"b\"c", "a=b\nc"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_auth_parameter(bad));
  }
  CHECK_FALSE(parse_auth_parameter(std::string_view("a=b\0c", 5)));
}
