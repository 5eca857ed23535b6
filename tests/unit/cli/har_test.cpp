// The JSON of HAR.
#include "adapters/cli/har.hpp"

#include <doctest/doctest.h>

#include <array>

#include "adapters/cli/version.hpp"

namespace sluice::cli {
namespace {

using namespace std::chrono_literals;

constexpr Instant kBegin = Instant(1000s);
// 2026-11-30 07:25:00 UTC, one second before kBegin.
constexpr HarClock kClock = {kBegin - 1s, 1796023500s};

HarHop hop_to(const char* url) {
  HarHop facts;
  facts.hop.method = "GET";
  facts.hop.url = *Url::parse(url);
  facts.hop.progress.queued = kBegin;
  facts.hop.progress.done = kBegin + 100ms;
  return facts;
}

ResponseHead har_answer(int status, std::initializer_list<std::pair<const char*, const char*>> fields) {
  ResponseHead head;
  head.status = status;
  head.reason = "So";
  for (const auto& [name, value] : fields) REQUIRE(head.fields.add_received(name, value));
  return head;
}

// The member of the entry, up to the next one of the same level, which is `next`.
std::string part_of(const std::string& entry, const std::string& name, const std::string& next) {
  const std::size_t begin = entry.find("\"" + name + "\":");
  REQUIRE(begin != std::string::npos);
  const std::size_t end = entry.find(",\"" + next + "\":", begin);
  REQUIRE(end != std::string::npos);
  return entry.substr(begin + name.size() + 3, end - begin - name.size() - 3);
}

}  // namespace

TEST_CASE("har: times") {
  const std::pair<std::chrono::milliseconds, const char*> rows[] = {
      {0ms, "1970-01-01T00:00:00.000Z"},
      {-1ms, "1969-12-31T23:59:59.999Z"},
      {1796023500123ms, "2026-11-30T07:25:00.123Z"},
      {951782400007ms, "2000-02-29T00:00:00.007Z"},
  };
  for (const auto& [time, text] : rows) CHECK(iso_time(time) == text);
}

TEST_CASE("har: a whole entry") {
  HarHop facts = hop_to("http://h.example/a?q=a+b%21&flag&&x=%zz#part");
  facts.hop.method = "POST";
  facts.request_head =
      "POST /a?q=a+b%21&flag&&x=%zz HTTP/1.1\r\nHost: h.example\r\nContent-Type: text/plain\r\nCookie: a=1; b=2;\r\n"
      "Authorization: Basic dTpw\r\nX:\r\n\r\n";
  facts.response = har_answer(200, {{"Content-Type", "text/html"}, {"Set-Cookie", "id=tok; Path=/"}});
  facts.peer = *IpAddress::parse("192.0.2.1");
  facts.connection = 3;
  Progress& progress = facts.hop.progress;
  progress.resolved = kBegin + 1ms;
  progress.connected = kBegin + 3500us;
  progress.sent = kBegin + 10ms;
  progress.first_byte = kBegin + 30ms;
  progress.sent_body_bytes = 7;
  progress.received_body_bytes = 40;
  CHECK(har_entry(facts, kClock, false) ==
        R"({"startedDateTime":"2026-11-30T07:25:01.000Z","time":100.000,"request":{"method":"POST",)"
        R"("url":"http://h.example/a?q=a+b%21&flag&&x=%zz","httpVersion":"HTTP/1.1",)"
        R"("cookies":[{"name":"a","value":"<redacted>"},{"name":"b","value":"<redacted>"}],)"
        R"("headers":[{"name":"Host","value":"h.example"},{"name":"Content-Type","value":"text/plain"},)"
        R"({"name":"Cookie","value":"<redacted>"},{"name":"Authorization","value":"Basic <redacted>"},)"
        R"({"name":"X","value":""}],)"
        R"("queryString":[{"name":"q","value":"a b!"},{"name":"flag","value":""},{"name":"x","value":"%zz"}],)"
        R"("postData":{"mimeType":"text/plain","text":"","comment":"the content is not recorded"},)"
        R"("headersSize":134,"bodySize":7},)"
        R"("response":{"status":200,"statusText":"So","httpVersion":"HTTP/1.1",)"
        R"("cookies":[{"name":"id","value":"<redacted>","path":"/","httpOnly":false,"secure":false}],)"
        R"("headers":[{"name":"Content-Type","value":"text/html"},{"name":"Set-Cookie","value":"id=<redacted>"}],)"
        R"("content":{"size":40,"mimeType":"text/html"},"redirectURL":"","headersSize":72,"bodySize":40},"cache":{},)"
        R"("timings":{"blocked":-1,"dns":1.000,"connect":2.500,"ssl":-1,"send":6.500,"wait":20.000,"receive":70.000},)"
        R"("serverIPAddress":"192.0.2.1","connection":"3"})");
}

TEST_CASE("har: a hop without a response has status 0 and the error") {
  HarHop facts = hop_to("http://127.0.0.1:1/");
  facts.error = "connect to 127.0.0.1:1:\tConnection refused";
  CHECK(har_entry(facts, kClock, false) ==
        R"({"startedDateTime":"2026-11-30T07:25:01.000Z","time":100.000,"request":{"method":"GET",)"
        R"("url":"http://127.0.0.1:1/","httpVersion":"HTTP/1.1","cookies":[],"headers":[],"queryString":[],)"
        R"("headersSize":-1,"bodySize":0},"response":{"status":0,"statusText":"","httpVersion":"","cookies":[],)"
        R"("headers":[],"content":{"size":0,"mimeType":""},"redirectURL":"","headersSize":-1,"bodySize":-1,)"
        R"("_error":"connect to 127.0.0.1:1:?Connection refused"},"cache":{},)"
        R"("timings":{"blocked":100.000,"dns":-1,"connect":-1,"ssl":-1,"send":0.000,"wait":0.000,"receive":0.000},)"
        R"("comment":"connect to 127.0.0.1:1:?Connection refused"})");
}

TEST_CASE("SB-31 har: credentials only where they are asked for") {
  HarHop facts = hop_to("http://u:secret1@h/?q");
  facts.request_head =
      "GET / HTTP/1.1\r\nAuthorization: Bearer secret2\r\nCookie: a=secret3\r\nReferer: //u:secret4@h\r\n\r\n";
  facts.response =
      har_answer(302, {{"Set-Cookie", "id=secret5"}, {"Set-Cookie", "secret6"}, {"Location", "//secret7@h/"}});
  const std::string hidden = har_entry(facts, kClock, false);
  CHECK_FALSE(hidden.contains("secret"));
  CHECK(hidden.contains(R"("redirectURL":"//h/")"));
  CHECK(hidden.contains(R"("url":"http://h/?q")"));
  const std::string shown = har_entry(facts, kClock, true);
  for (const char digit : std::string("1234567")) CHECK(shown.contains(std::string("secret") + digit));
  CHECK(shown.contains(R"("redirectURL":"//secret7@h/")"));
  CHECK(shown.contains(R"("cookies":[{"name":"a","value":"secret3"}])"));
  CHECK(shown.contains(R"({"name":"","value":"secret6")"));
}

TEST_CASE("har: the attributes of cookies") {
  HarHop facts = hop_to("http://h/");
  facts.response =
      har_answer(200, {{"set-cookie",
                        " n = v ; Path=/p; DOMAIN=.h; Expires=Sun, 06 Nov 1994 08:49:37 GMT; secure; HttpOnly;"
                        " SameSite=Lax; Other=1"},
                       {"Set-Cookie", "m=\"q\"; Expires=never"}});
  CHECK(part_of(har_entry(facts, kClock, true).substr(200), "cookies", "headers") ==
        R"([{"name":"n","value":"v","path":"/p","domain":".h","expires":"1994-11-06T08:49:37.000Z","httpOnly":true,)"
        R"("secure":true,"sameSite":"Lax"},{"name":"m","value":"\"q\"","httpOnly":false,"secure":false}])");
}

TEST_CASE("har: only a redirect has a redirectURL") {
  for (const auto& [status, url] : {std::pair(201, ""), {302, "/x"}, {399, "/x"}, {400, ""}}) {
    HarHop facts = hop_to("http://h/");
    facts.response = har_answer(status, {{"Location", "/x"}});
    CHECK(part_of(har_entry(facts, kClock, false), "redirectURL", "headersSize") == "\"" + std::string(url) + "\"");
  }
}

TEST_CASE("har: the size of a body whose coding was undone") {
  HarHop facts = hop_to("http://h/");
  facts.response = har_answer(200, {});
  facts.hop.progress.received_body_bytes = 30;
  facts.hop.progress.decoded_body_bytes = 1000;
  CHECK(har_entry(facts, kClock, false).contains(R"("content":{"size":1000,"compression":970,"mimeType":""})"));
  CHECK(har_entry(facts, kClock, false).contains(R"("bodySize":30)"));
}

TEST_CASE("har: bytes that are no UTF-8, and quotes") {
  HarHop facts = hop_to("http://h/?%ff=%22");
  facts.response = har_answer(200, {{"X\xff", "caf\xe9 \"\xc3\xa9\""}});
  facts.response->reason = "\x80";
  const std::string entry = har_entry(facts, kClock, false);
  CHECK(entry.contains("{\"name\":\"X\xc3\xbf\",\"value\":\"caf\xc3\xa9 \\\"\xc3\xa9\\\"\"}"));
  CHECK(entry.contains("\"statusText\":\"\xc2\x80\""));
  CHECK(entry.contains("{\"name\":\"\xc3\xbf\",\"value\":\"\\\"\"}"));
}

TEST_CASE("har: a response without a head (HTTP/0.9)") {
  HarHop facts = hop_to("http://h/");
  facts.response.emplace().version = {0, 9};
  facts.hop.progress.received_body_bytes = 5;
  CHECK(har_entry(facts, kClock, false)
            .contains(R"("response":{"status":0,"statusText":"","httpVersion":"HTTP/0.9","cookies":[],"headers":[],)"
                      R"("content":{"size":5,"mimeType":""},"redirectURL":"","headersSize":0,"bodySize":5})"));
}

TEST_CASE("har: timings") {
  using When = std::array<int, 5>;  // resolved, connected, secured, sent, first byte: milliseconds, -1: never
  struct Row {
    const char *what, *url, *peer;
    bool reused;
    When when;
    const char* json;  // blocked dns connect ssl send wait receive, and their sum
  };
  const Row rows[] = {
      {"a new connection over TLS", "https://h/", "192.0.2.1", false, When{10, 30, 45, 50, 70},
       "-1 10.000 35.000 15.000 5.000 20.000 30.000 = 100.000"},
      {"to an address: there is no name to look up", "http://192.0.2.1/", "192.0.2.1", false, When{10, 30, -1, 50, 70},
       "10.000 -1 20.000 -1 20.000 20.000 30.000 = 100.000"},
      {"through a route", "http://h/", "", false, When{10, 30, -1, 50, 70},
       "10.000 -1 20.000 -1 20.000 20.000 30.000 = 100.000"},
      {"a connection that was used before", "https://h/", "192.0.2.1", true, When{40, 40, 40, 50, 70},
       "40.000 -1 -1 -1 10.000 20.000 30.000 = 100.000"},
      {"one that was made for another transfer", "https://h/", "192.0.2.1", false, When{40, 40, 40, 50, 70},
       "40.000 -1 -1 -1 10.000 20.000 30.000 = 100.000"},
      {"an answer before the request is sent", "http://h/", "192.0.2.1", false, When{10, 30, -1, 90, 70},
       "-1 10.000 20.000 -1 40.000 0.000 30.000 = 100.000"},
      {"the same, never sent", "http://h/", "192.0.2.1", false, When{10, 30, -1, -1, 70},
       "-1 10.000 20.000 -1 40.000 0.000 30.000 = 100.000"},
      {"no answer", "http://h/", "192.0.2.1", false, When{10, 30, -1, 50, -1},
       "-1 10.000 20.000 -1 20.000 50.000 0.000 = 100.000"},
      {"nothing sent", "http://h/", "192.0.2.1", false, When{10, 30, -1, -1, -1},
       "-1 10.000 20.000 -1 70.000 0.000 0.000 = 100.000"},
      {"a handshake that failed", "https://h/", "192.0.2.1", false, When{10, 30, -1, -1, -1},
       "-1 10.000 90.000 70.000 0.000 0.000 0.000 = 100.000"},
      {"no connection", "https://h/", "", false, When{-1, -1, -1, -1, -1},
       "100.000 -1 -1 -1 0.000 0.000 0.000 = 100.000"},
  };
  constexpr const char* kNames[] = {"blocked", "dns", "connect", "ssl", "send", "wait", "receive"};
  for (const Row& row : rows) {
    CAPTURE(row.what);
    HarHop facts = hop_to(row.url);
    Progress& progress = facts.hop.progress;
    std::optional<Instant>* const times[] = {&progress.resolved, &progress.connected, &progress.secured, &progress.sent,
                                             &progress.first_byte};
    for (std::size_t i = 0; i < 5; ++i) {
      if (row.when[i] >= 0) *times[i] = kBegin + std::chrono::milliseconds(row.when[i]);
    }
    facts.hop.reused = row.reused;
    if (*row.peer != '\0') facts.peer = *IpAddress::parse(row.peer);
    const std::string entry = har_entry(facts, kClock, false);
    std::string figures;
    for (std::size_t i = 0; i < 6; ++i) figures += part_of(entry, kNames[i], kNames[i + 1]) + " ";
    const std::size_t last = entry.find("\"receive\":") + 10;
    figures += entry.substr(last, entry.find('}', last) - last) + " = " + part_of(entry, "time", "request");
    CHECK(figures == row.json);
  }
}

TEST_CASE("har: the document") {
  const std::string head = R"({"log":{"version":"1.2","creator":{"name":"sluice","version":")" + std::string(kVersion) +
                           R"("},"pages":[],"entries":[)";
  CHECK(har_document({}) == head + "\n]}}\n");
  CHECK(har_document({"{}", "{\"a\":1}"}) == head + "\n{},\n{\"a\":1}\n]}}\n");
}

}  // namespace sluice::cli
