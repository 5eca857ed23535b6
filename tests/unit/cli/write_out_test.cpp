// -w, compared with what curl 7.88 wrote for the same formats, and with the manual of later versions.
#include "adapters/cli/write_out.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

#include "adapters/cli/transfer_facts.hpp"
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
    facts.url = "H/x?q=1#f";
    facts.url_effective = "https://[fe80::1%25eth0]:8443/y/";
    facts.scheme = "https";
    facts.redirect_url = "http://to/";
    facts.referer = "http://from/";
    facts.ssl_verify_result = 1;
    facts.http_connect = 204;
    facts.proxy_used = true;
    facts.proxy_ssl_verify_result = 1;
    facts.fields = &fields;
    facts.size_download = 3000;
    facts.size_delivered = 9000;
    facts.size_upload = 10;
    facts.size_header = 80;
    facts.size_request = 79;
    facts.time_namelookup = 23us;
    facts.time_connect = 159us;
    facts.time_appconnect = 190us;
    facts.time_pretransfer = 196us;
    facts.time_posttransfer = 200us;
    facts.time_redirect = 7ms;
    facts.time_starttransfer = 300922us;
    facts.time_total = 1500ms;
    facts.num_connects = 1;
    facts.num_redirects = 2;
    facts.num_retries = 4;
    facts.tls_earlydata = -80;
    facts.remote_ip = "127.0.0.1";
    facts.remote_port = 8080;
    facts.local_ip = "127.0.0.2";
    facts.local_port = 40'001;
    facts.certificates = {"not DER"};
    facts.filename_effective = "dir/x";
    facts.url_number = 3;
    facts.xfer_id = 7;
    facts.conn_id = 5;
    facts.now = 784'111'777s + 42us;  // the date of RFC 9110 5.6.7
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
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"certs", "-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n"},
      {"conn_id", "5"},
      {"content_type", "text/plain"},
      {"errormsg", ""},
      {"exitcode", "0"},
      {"filename_effective", "dir/x"},
      {"ftp_entry_path", ""},
      {"http_code", "200"},
      {"http_connect", "204"},
      {"http_version", "1.1"},
      {"local_ip", "127.0.0.2"},
      {"local_port", "40001"},
      {"method", "GET"},
      {"num_certs", "1"},
      {"num_connects", "1"},
      {"num_headers", "4"},
      {"num_redirects", "2"},
      {"num_retries", "4"},
      {"proxy_ssl_verify_result", "1"},
      {"proxy_used", "1"},
      {"redirect_url", "http://to/"},
      {"referer", "http://from/"},
      {"remote_ip", "127.0.0.1"},
      {"remote_port", "8080"},
      {"response_code", "200"},
      {"scheme", "https"},
      {"size_delivered", "9000"},
      {"size_download", "3000"},
      {"size_header", "80"},
      {"size_request", "79"},
      {"size_upload", "10"},
      {"speed_download", "2000"},
      {"speed_upload", "6"},
      {"ssl_verify_result", "1"},
      {"time_appconnect", "0.000190"},
      {"time_connect", "0.000159"},
      {"time_namelookup", "0.000023"},
      {"time_posttransfer", "0.000200"},
      {"time_pretransfer", "0.000196"},
      {"time_queue", "0.000000"},
      {"time_redirect", "0.007000"},
      {"time_starttransfer", "0.300922"},
      {"time_total", "1.500000"},
      {"tls_earlydata", "-80"},
      {"url", "H/x?q=1#f"},
      {"url.fragment", "f"},
      {"url.host", "h"},
      {"url.options", ""},
      {"url.password", ""},
      {"url.path", "/x"},
      {"url.port", "80"},
      {"url.query", "q=1"},
      {"url.scheme", "http"},
      {"url.user", ""},
      {"url.zoneid", ""},
      {"url_effective", "https://[fe80::1%25eth0]:8443/y/"},
      {"urle.fragment", ""},
      {"urle.host", "[fe80::1]"},
      {"urle.options", ""},
      {"urle.password", ""},
      {"urle.path", "/y/"},
      {"urle.port", "8443"},
      {"urle.query", ""},
      {"urle.scheme", "https"},
      {"urle.user", ""},
      {"urle.zoneid", "eth0"},
      {"urlnum", "3"},
      {"xfer_id", "7"},
  };
  const Answer a;
  const std::string json = a.out("%{json}");
  std::size_t at = 0;
  for (const auto& [name, expected] : rows) {
    CAPTURE(name);
    CHECK(a.out("<%{" + std::string(name) + "}>") == "<" + std::string(expected) + ">");
    const std::size_t next = json.find("\"" + std::string(name) + "\":", at);
    CHECK(next == (at == 0 ? 1 : json.find(",\"", at) + 1));  // the members are these, in this order
    at = next + 1;
  }
}

TEST_CASE("write out: the parts of a URL are those of its text") {
  WriteOutFacts facts;
  facts.url = "http://us%65r:p%20w@h";
  CHECK(write_out("%{url.user} %{url.password} %{url.path} %{urle.host}", facts).to_stdout == "us%65r p%20w / ");
  facts.url_effective = "https://me:pw@h/p?q=2#end";
  CHECK(write_out("%{urle.user} %{urle.password} %{urle.query} %{urle.fragment} %{urle.port}%{urle.zoneid}", facts)
            .to_stdout == "me pw q=2 end 443");
  facts.url = "http://h:x/";  // none that can be read
  CHECK(write_out("%{url} %{url.scheme}%{url.host}%{url.port}%{url.path}", facts).to_stdout == "http://h:x/ ");
}

TEST_CASE("write out: speeds are cut, and do not overflow") {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const auto speed = [](std::uint64_t bytes, Duration time) {
    WriteOutFacts facts;
    facts.size_download = bytes;
    facts.time_total = time;
    return write_out("%{speed_download}", facts).to_stdout;
  };
  CHECK(speed(5000, 300975us) == "16612");  // 16612.67
  CHECK(speed(3, 0us) == "3000000");
  CHECK(speed(3, -1s) == "3000000");
  CHECK(speed(kMax / 1'000'000, 1s) == std::to_string(kMax / 1'000'000));
  CHECK(speed(kMax, 2500ms) == std::to_string(kMax / 2));
  CHECK(speed(kMax, 1us) == std::to_string(kMax));
}

TEST_CASE("write out: where nothing was started there are no numbers") {
  CHECK(write_out("%{xfer_id} %{conn_id}", WriteOutFacts{}).to_stdout == "-1 -1");
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

TEST_CASE("write out: %header with all: every field of that name, with a separator") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"%header{x-A:all:, }|", "1, 2\"\\|"},
      {"%header{x-a:all:}|", "12\"\\|"},
      {"%header{Content-Type:all:,}|", "text/plain|"},
      {"%header{none:all:,}|", "|"},
      {"%header{x-a:all:\\n\\r\\t\\}\\q\\}|", "%header{x-a:all:\n\r\t\\}\\q\\}|"},  // no end
      {"%header{x-a:all:\\n\\r\\t\\}\\q\\}}|", "1\n\r\t}\\q}2\"\\|"},
      {"%header{x-a:all:%{json}|", "1%{json2\"\\|"},
      {"%header{x-a:first}|", "|"},
  };
  for (const auto& [format, expected] : rows) {
    CAPTURE(format);
    CHECK(Answer().out(format) == expected);
  }
  CHECK(write_out("%header{x-a:all:,}|", WriteOutFacts{}).to_stdout == "|");
}

TEST_CASE("write out: %output sends what follows to a file") {
  const WriteOutText text =
      write_out("a%output{f}b%{http_code}%output{>>g}c\\n%{nosuch}%{stdout}d%{stderr}e%output{f}", Answer().facts);
  CHECK(text.to_stdout == "ad");
  CHECK(text.to_stderr == "sluice: unknown --write-out variable: 'nosuch'\ne");
  REQUIRE(text.files.size() == 3);
  const auto is = [&](std::size_t i, std::string_view path, bool append, std::string_view content) {
    return text.files[i].path == path && text.files[i].append == append && text.files[i].text == content;
  };
  CHECK(is(0, "f", false, "b200"));
  CHECK(is(1, "g", true, "c\n"));
  CHECK(is(2, "f", false, ""));
}

TEST_CASE("write out: names of %output") {
  const auto file = [](std::string_view format) {
    const WriteOutText text = write_out(format, WriteOutFacts{});
    return text.files.empty() ? text.to_stdout : (text.files[0].append ? "+" : "=") + text.files[0].path;
  };
  CHECK(file("%output{a b/%c\\}") == "=a b/%c\\");
  CHECK(file("%output{> >f}") == "=> >f");
  CHECK(file("%output{>>>f}") == "+>f");
  CHECK(file("%output{}") == "=");
  CHECK(file("%output{>>}") == "+");
  CHECK(file("%output{>>f") == "%output{>>f");
  CHECK(file("%{onerror}%output{f}") == "");  // not reached, so no file is made
}

TEST_CASE("write out: %time is UTC") {
  const Answer a;
  CHECK(a.out("%time{%Y-%m-%dT%H:%M:%S.%fZ}|") == "1994-11-06T08:49:37.000042Z|");
  CHECK(a.out("%time{}|%time{x}|%time{%}") == "|x|%");
  CHECK(a.out("%time{%F") == "%time{%F");
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

TEST_CASE("write out: json") {
  Answer a;
  a.facts.url = "h/\"\x01\n";
  a.facts.filename_effective.clear();
  const std::string expected =
      R"({"certs":"-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n",)"
      R"("conn_id":5,"content_type":"text/plain","errormsg":null,"exitcode":0,"filename_effective":null,)"
      R"("ftp_entry_path":null,"http_code":200,"http_connect":204,"http_version":"1.1","local_ip":"127.0.0.2",)"
      R"("local_port":40001,"method":"GET","num_certs":1,"num_connects":1,)"
      R"("num_headers":4,"num_redirects":2,"num_retries":4,"proxy_ssl_verify_result":1,"proxy_used":1,)"
      R"("redirect_url":"http://to/","referer":"http://from/","remote_ip":"127.0.0.1","remote_port":8080,"response_code":200,)"
      R"("scheme":"https","size_delivered":9000,"size_download":3000,"size_header":80,"size_request":79,)"
      R"("size_upload":10,"speed_download":2000,"speed_upload":6,"ssl_verify_result":1,"time_appconnect":0.000190,)"
      R"("time_connect":0.000159,"time_namelookup":0.000023,"time_posttransfer":0.000200,)"
      R"("time_pretransfer":0.000196,"time_queue":0.000000,"time_redirect":0.007000,"time_starttransfer":0.300922,)"
      R"("time_total":1.500000,"tls_earlydata":-80,"url":"h/\"\u0001\n","url.fragment":null,"url.host":null,)"
      R"("url.options":null,"url.password":null,"url.path":null,"url.port":null,"url.query":null,"url.scheme":null,)"
      R"("url.user":null,"url.zoneid":null,"url_effective":"https://[fe80::1%25eth0]:8443/y/","urle.fragment":null,)"
      R"("urle.host":"[fe80::1]","urle.options":null,"urle.password":null,"urle.path":"/y/","urle.port":"8443",)"
      R"("urle.query":null,"urle.scheme":"https","urle.user":null,"urle.zoneid":"eth0","urlnum":3,"xfer_id":7,)";
  const std::string version(kVersion);
  CHECK(a.out("%{json}") ==
        expected + "\"sluice_version\":\"" + version + "\",\"curl_version\":\"sluice " + version + "\"}");
}

TEST_CASE("write out: whether a format names a variable") {
  struct Row {
    std::string_view format, variable;
    bool names;
  };
  const Row rows[] = {
      {"%{local_ip}", "local_ip", true},
      {"a %{LOCAL_ip} b", "local_ip", true},
      {"%{json}", "local_ip", true},
      {"%{http_code}%{certs}", "certs", true},
      {"%{num_certs}", "certs", false},
      {"local_ip", "local_ip", false},
      {"%{local_ip", "local_ip", false},
      {"%{header_json}", "local_ip", false},
      {"%{x %{local_ip}", "certs", false},
      {"%{x %{local_ip}", "local_ip", true},
      {"", "certs", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.format);
    CHECK(write_out_names(row.format, row.variable) == row.names);
  }
}

TEST_CASE("write out: the local address and the certificates are those of the last connection") {
  Message message;
  message.info.local = {*IpAddress::parse("::1"), 40'002};
  message.info.certificates = {"one", "two"};
  CHECK(transfer_facts({}, message, nullptr, {}).local_ip.empty());  // there was none
  CHECK(transfer_facts({}, message, nullptr, {}).certificates.empty());
  message.info.conn = ConnId{1, 1};
  const WriteOutFacts facts = transfer_facts({}, message, nullptr, {});
  CHECK(facts.local_ip == "::1");
  CHECK(facts.local_port == 40'002);
  CHECK(facts.certificates == message.info.certificates);
  CHECK(write_out("%{num_certs}[%{certs}]%{local_ip} %{local_port}", {}).to_stdout == "0[] 0");
  CHECK(write_out("%{certs}", facts).to_stdout ==
        "-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----\n"
        "-----BEGIN CERTIFICATE-----\ndHdv\n-----END CERTIFICATE-----\n");
}

TEST_CASE("write out: each figure of a transfer is its own, and those of heads and times count all hops") {
  // The n-th hop begins at n seconds.
  const auto hop_of = [](int n, const char* url) {
    Hop hop{.reason = n == 1 ? HopReason::first : HopReason::redirect, .method = "PUT", .url = *Url::parse(url)};
    Progress& p = hop.progress;
    p.queued = Instant{n * 1s};
    p.resolved = p.queued + 1ms;
    p.connected = p.queued + 2ms;
    p.secured = p.queued + 3ms;
    p.sent = p.queued + 4ms;
    p.first_byte = p.queued + 5ms;
    p.done = p.queued + 6ms;
    p.received_head_bytes = 10;
    p.sent_head_bytes = 20;
    p.sent_body_bytes = 30;
    p.received_body_bytes = 40;
    hop.connections = 1;
    return hop;
  };
  HopChain chain;
  chain.hops = {hop_of(1, "https://a/"), hop_of(2, "https://b/")};
  chain.referer = "https://a/";
  Operation operation;
  operation.given_url = "a";
  operation.url_number = 9;
  Message message;
  message.progress = chain.hops.back().progress;
  message.info.conn = ConnId{1, 1};
  message.info.connections = 1;
  message.info.retries = 2;  // one of them may be on the same connection
  message.info.address = {*IpAddress::parse("192.0.2.1"), 443};
  ResponseHead head;
  head.status = 307;
  head.version = {1, 0};
  REQUIRE(head.fields.add("Location", "/c"));
  const WriteOutFacts facts = transfer_facts(operation, message, &head, {60, "why"}, chain);
  CHECK(write_out("%{time_namelookup} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_posttransfer} "
                  "%{time_starttransfer} %{time_redirect} %{time_total}",
                  facts)
            .to_stdout == "0.002000 0.004000 0.006000 0.006000 0.008000 0.010000 0.006000 0.012000");
  CHECK(write_out("%{size_header} %{size_request} %{size_upload} %{size_download} %{num_connects} %{num_redirects}",
                  facts)
            .to_stdout == "20 40 30 40 2 1");
  CHECK(write_out("%{http_code} %{http_version} %{method} %{scheme} %{url} %{url_effective} %{redirect_url} "
                  "%{referer} %{num_headers} %{remote_ip} %{remote_port} %{urlnum}",
                  facts)
            .to_stdout == "307 1.0 PUT https a https://b/ https://b/c https://a/ 1 192.0.2.1 443 9");
  CHECK(write_out("%{exitcode} %{errormsg} %{ssl_verify_result}", facts).to_stdout == "60 why 1");
  // Without TLS that time is none, and the one before the transfer ends with the connection.
  chain.hops = {hop_of(1, "http://a/")};
  message.progress = chain.hops.back().progress;
  message.progress.secured.reset();
  CHECK(write_out("%{time_appconnect} %{time_pretransfer} %{time_redirect} %{ssl_verify_result}",
                  transfer_facts(operation, message, nullptr, {}, chain))
            .to_stdout == "0.000000 0.002000 0.000000 0");
}

TEST_CASE("write out: a proxy, its answer to CONNECT, and whose certificate was refused") {
  Operation operation;
  Message message;
  const auto told = [&](int exit_code, const std::string& with) {
    const Failure end = {exit_code, "GET https://o.test/: TLS handshake with " + with + ": no trust"};
    return write_out("%{proxy_used} %{http_connect} %{proxy_ssl_verify_result} %{ssl_verify_result}",
                     transfer_facts(operation, message, nullptr, end))
        .to_stdout;
  };
  CHECK(told(60, "o.test:443") == "0 000 0 1");
  message.info.proxy = "https://p.test:443";
  CHECK(told(0, "the proxy p.test:443") == "1 000 0 0");
  CHECK(told(60, "the proxy p.test:443") == "1 000 1 0");
  CHECK(told(60, "the proxy other.test:4433") == "1 000 1 0");  // another one of the chain
  CHECK(told(60, "p.test:443") == "1 000 0 1");
  CHECK(told(60, "o.test:443: certificate is for x: TLS handshake with the proxy p.test:443") == "1 000 0 1");
  message.info.connect_status = 200;
  CHECK(told(60, "o.test:443") == "1 200 0 1");
  message.info.proxy = "socks5://p.test:443";
  message.info.connect_status = 0;
  CHECK(told(60, "p.test:443") == "1 000 0 1");
}

TEST_CASE("write out: the end of sending counts all hops, the delivered bytes the last one") {
  const auto progress = [](Duration sent) {
    Progress p;
    p.queued = Instant{1s};
    p.sent = p.queued + sent;
    p.received_body_bytes = 10;
    return p;
  };
  Operation operation;
  Message message;
  message.progress = progress(2ms);
  HopChain chain;
  chain.hops.push_back({.progress = progress(40ms)});
  chain.hops.push_back({.reason = HopReason::redirect, .progress = message.progress});
  CHECK(transfer_facts(operation, message, nullptr, {}, chain).time_posttransfer == 42ms);
  CHECK(transfer_facts(operation, message, nullptr, {}).time_posttransfer == 2ms);
  CHECK(transfer_facts(operation, message, nullptr, {}).size_delivered == 10);
  message.progress.sent.reset();
  message.progress.decoded_body_bytes = 1000;
  const WriteOutFacts facts = transfer_facts(operation, message, nullptr, {});
  CHECK(facts.time_posttransfer == 0ms);
  CHECK(facts.size_download == 10);
  CHECK(facts.size_delivered == 1000);
  CHECK(facts.xfer_id == -1);
}

}  // namespace sluice::cli
