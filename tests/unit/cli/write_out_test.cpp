// -w, compared with what curl 7.88 wrote for the same formats.
#include "adapters/cli/write_out.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "adapters/cli/version.hpp"

namespace sluice::cli {
namespace {

using namespace std::chrono_literals;

struct Answer {
  Fields fields;
  WriteOutFacts facts;

  Answer() {
    for (const auto& [name, value] :
         {std::pair{"Content-Length", "2"}, {"X-A", "1"}, {"x-a", "2\"\\"}, {"Content-Type", "text/plain"}}) {
      REQUIRE(fields.add(name, value).has_value());
    }
    facts.status = 200;
    facts.http_version = "1.1";
    facts.method = "GET";
    facts.url = "h/x";
    facts.url_effective = "http://h/x";
    facts.scheme = "http";
    facts.fields = &fields;
    facts.size_download = 3000;
    facts.size_upload = 10;
    facts.size_header = 80;
    facts.size_request = 79;
    facts.time_namelookup = 23us;
    facts.time_connect = 159us;
    facts.time_pretransfer = 196us;
    facts.time_starttransfer = 300922us;
    facts.time_total = 1500ms;
    facts.num_connects = 1;
    facts.remote_ip = "127.0.0.1";
    facts.remote_port = 8080;
    facts.filename_effective = "dir/x";
    facts.url_number = 3;
  }
  std::string out(std::string_view format) const {
    const WriteOutText text = write_out(format, facts);
    CHECK(text.to_stderr.empty());
    return text.to_stdout;
  }
};

WriteOutFacts failed() {
  WriteOutFacts facts;
  facts.method = "GET";
  facts.exit_code = 7;
  facts.error_message = "connect to h:1: refused";
  return facts;
}

}  // namespace

TEST_CASE("write out: every variable") {
  const Answer a;
  CHECK(a.out("%{http_code} %{response_code} %{http_version} %{method} %{scheme}") == "200 200 1.1 GET HTTP");
  CHECK(a.out("%{url} %{url_effective} %{urlnum} %{filename_effective}") == "h/x http://h/x 3 dir/x");
  CHECK(a.out("%{size_download} %{size_upload} %{size_header} %{size_request}") == "3000 10 80 79");
  CHECK(a.out("%{speed_download} %{speed_upload}") == "2000 7");
  CHECK(a.out("%{time_namelookup} %{time_connect} %{time_appconnect}") == "0.000023 0.000159 0.000000");
  CHECK(a.out("%{time_pretransfer} %{time_starttransfer} %{time_total} %{time_redirect}") ==
        "0.000196 0.300922 1.500000 0.000000");
  CHECK(a.out("%{num_connects} %{num_redirects} %{num_headers}") == "1 0 4");
  CHECK(a.out("%{remote_ip} %{remote_port} %{content_type} %{ssl_verify_result}") == "127.0.0.1 8080 text/plain 0");
  CHECK(a.out("%{exitcode}|%{errormsg}|%{redirect_url}|%{referer}|%{http_connect}") == "0||||000");
}

TEST_CASE("write out: names mean the same in any case") { CHECK(Answer().out("%{HTTP_CODE}") == "200"); }

TEST_CASE("write out: a transfer without a response") {
  const WriteOutFacts facts = failed();
  CHECK(write_out(
            "%{http_code} %{http_version} %{content_type}|%{exitcode} %{errormsg}|%{scheme}|%{num_headers}|%header{a}|",
            facts)
            .to_stdout == "000 0 |7 connect to h:1: refused||0||");
  CHECK(write_out("%{header_json}", facts).to_stdout == "{\n}");
  CHECK(write_out("%{speed_download}", facts).to_stdout == "0");
}

TEST_CASE("write out: escapes, and an unknown sequence is written as it is") {
  const Answer a;
  CHECK(a.out(R"(a\nb\rc\td\q\\n%%%x|%)") == "a\nb\rc\td\\q\\\\n%%x|%");
  CHECK(a.out("\\") == "\\");
  CHECK(a.out("%{http_code") == "%{http_code");
  CHECK(a.out("%header{X-A") == "%header{X-A");
  CHECK(a.out("") == "");
  CHECK(a.out("\xc3\xa9") == "\xc3\xa9");
}

TEST_CASE("write out: %header is the first field of that name") {
  const Answer a;
  CHECK(a.out("%header{x-A}|%header{none}|%header{content-type}") == "1||text/plain");
}

TEST_CASE("write out: stdout, stderr and onerror") {
  const Answer a;
  const WriteOutText text = write_out("A%{stderr}B%{stdout}C%{onerror}D%{exitcode}", a.facts);
  CHECK(text.to_stdout == "AC");
  CHECK(text.to_stderr == "B");
  CHECK(write_out("A%{onerror}D%{exitcode}", failed()).to_stdout == "AD7");
}

TEST_CASE("write out: an unknown variable is said on stderr and prints nothing") {
  const Answer a;
  const WriteOutText text = write_out("%{http_code} %{nosuch} %{|%x|%{num_headers}.", a.facts);
  CHECK(text.to_stdout == "200  .");
  CHECK(text.to_stderr ==
        "sluice: unknown --write-out variable: 'nosuch'\nsluice: unknown --write-out variable: '|%x|%{num_headers'\n");
}

TEST_CASE("write out: header_json groups by name, in order") {
  const Answer a;
  CHECK(a.out("%{header_json}") ==
        "{\"content-length\":[\"2\"],\n\"x-a\":[\"1\",\"2\\\"\\\\\"],\n\"content-type\":[\"text/plain\"]\n}");
}

TEST_CASE("write out: json holds every variable") {
  Answer a;
  a.facts.url = "h/\"\x01\n";
  a.facts.filename_effective.clear();
  CHECK(
      a.out("%{json}") ==
      "{\"content_type\":\"text/"
      "plain\",\"errormsg\":null,\"exitcode\":0,\"filename_effective\":null,\"http_code\":200,\"http_connect\":0,"
      "\"http_version\":\"1.1\",\"method\":\"GET\",\"num_connects\":1,\"num_headers\":4,\"num_redirects\":0,\"redirect_"
      "url\":null,"
      "\"referer\":null,\"remote_ip\":\"127.0.0.1\",\"remote_port\":8080,\"response_code\":200,\"scheme\":\"HTTP\","
      "\"size_download\":3000,"
      "\"size_header\":80,\"size_request\":79,\"size_upload\":10,\"speed_download\":2000,\"speed_upload\":7,\"ssl_"
      "verify_result\":0,"
      "\"time_appconnect\":0.000000,\"time_connect\":0.000159,\"time_namelookup\":0.000023,\"time_pretransfer\":0."
      "000196,"
      "\"time_redirect\":0.000000,\"time_starttransfer\":0.300922,\"time_total\":1.500000,\"url\":\"h/\\\"\\u0001\\n\","
      "\"url_effective\":\"http://h/x\",\"urlnum\":3,\"sluice_version\":\"" +
          std::string(kVersion) + "\"}");
}

}  // namespace sluice::cli
