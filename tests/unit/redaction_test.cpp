// What is hidden of credentials.
#include "core/redaction.hpp"

#include <doctest/doctest.h>

namespace sluice {

TEST_CASE("SB-31 redaction: the values of the four fields that hold credentials, in any case") {
  struct Row {
    const char *name, *value, *shown;
  };
  const Row rows[] = {
      {"Authorization", "Basic dTpw", "Basic <redacted>"},
      {"authorization", "tok", "<redacted>"},
      {"Authorization", "SEC a", "<redacted>"},
      {"Authorization", "BEARER tok", "BEARER <redacted>"},
      {"Authorization", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 <redacted>"},
      {"Proxy-AUTHORIZATION", "Digest username=\"u\", x", "Digest <redacted>"},
      {"Cookie", "a=1; b=2", "<redacted>"},
      {"Set-Cookie", "id=tok; Path=/", "id=<redacted>"},
      {" Set-Cookie ", "tok; a=b", "<redacted>"},
      {"set-cookie", "", "<redacted>"},
      {"Set-Cookie2", "id=tok", "id=tok"},
      {"X", "Basic dTpw", "Basic dTpw"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(redacted_value(row.name, row.value) == row.shown);
    CHECK(is_credential(row.name) == (std::string(row.value) != row.shown));
  }
}

TEST_CASE("SB-31 redaction: a head without its credentials, and otherwise byte for byte") {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {"GET /cookie: a=b HTTP/1.1\r\nA:1 \r\n\r\n", "GET /cookie: a=b HTTP/1.1\r\nA:1 \r\n\r\n"},
      {"Cookie: first\r\nCookie: tok\r\n", "Cookie: first\r\nCookie: <redacted>\r\n"},
      {"S\nSet-Cookie :a=tok\n tok\n\ttok\r\nX:\n y\n\n",
       "S\nSet-Cookie : a=<redacted>\n<redacted>\n<redacted>\r\nX:\n y\n\n"},
      {"GET //u:p@h HTTP/1.1\r\nReferer: http://u:p@h/\r\n", "GET //u:p@h HTTP/1.1\r\nReferer: http://h/\r\n"},
      {"S\r\nAuthorization: tok", "S\r\nAuthorization: <redacted>"},
      {"S\r\ncookie\r\n", "S\r\ncookie\r\n"},
  };
  for (const auto& [head, shown] : rows) CHECK(redacted_head(head) == shown);
}

TEST_CASE("SB-31 redaction: userinfo of URLs in other text") {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {"http://u:p@h/x", "http://h/x"},
      {"//u@h", "//h"},
      {"0; url=http://u:p@h/", "0; url=http://h/"},
      {"<http://u:p@h>; rel=a, <https://v@i?q=//w@j>", "<http://h>; rel=a, <https://i?q=//j>"},
      {"<http://h>; rel=a@b", "<http://h>; rel=a@b"},
      {"http://u:p@q@h/", "http://h/"},
      {"http://u:p;,!'()*@h/", "http://h/"},
      {"http://h/a@b?c@d#e@f", "http://h/a@b?c@d#e@f"},
      {"/a@b", "/a@b"},
      {"mailto:a@b", "mailto:a@b"},
      {"//", "//"},
      // Followed, though RFC 3986 does not allow them.
      {"http://u:s\"p@h/", "http://h/"},
      {"http://u:s<p>@h/", "http://h/"},
      // Refused, but shown.
      {"http:\\\\u:p@h", "http:\\\\h"},
      {"HTTP:/u:p@h/x", "HTTP:/h/x"},
      {"https:u:p@h", "https:h"},
      {"/\\u:p@h", "/\\h"},
      {"\\/u:p@h", "\\/h"},
      {"http:", "http:"},
      {"/http:a@b", "/http:b"},
      {"a/b@c", "a/b@c"},
  };
  for (const auto& [text, shown] : rows) CHECK(without_userinfo(text) == shown);
}

}  // namespace sluice
