// Command lines and the operations that they become. The reference is what curl 7.88 sent for the same arguments.
#include "adapters/cli/parse_command_line.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "adapters/cli/curl_options.hpp"
#include "adapters/cli/option_table.hpp"
#include "adapters/cli/version.hpp"
#include "core/features.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

const std::string kDefaultFields = "User-Agent: " + std::string(kUserAgent) + "|Accept: */*";

}  // namespace

TEST_CASE("options: a URL alone is a GET to standard output") {
  const Operation operation = one({"http://h/x"});
  CHECK(operation.method == "GET");
  CHECK(operation.url.text() == "http://h/x");
  CHECK(operation.output.to_stdout);
  CHECK(operation.body == nullptr);
  CHECK_FALSE(operation.upload);
  CHECK_FALSE(operation.head_only);
  CHECK_FALSE(operation.chunked);
  CHECK_FALSE(operation.settings->include_head);
  CHECK(text_of(operation.fields) == kDefaultFields);
}

TEST_CASE("options: a missing scheme is http") {
  CHECK(one({"h/x"}).url.text() == "http://h/x");
  CHECK(one({"localhost:8080"}).url.text() == "http://localhost:8080/");
  CHECK(one({"[::1]:80/x"}).url.text() == "http://[::1]/x");
  CHECK(one({"HTTPS://h"}).url.text() == "https://h/");
  CHECK(one({"h/x"}).given_url == "h/x");
}

TEST_CASE("options: short options combine, and take values as curl does") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"-sSfo", "file", "http://h/"},
           {"-sSfofile", "http://h/"},
           {"-s", "-S", "-f", "-o", "file", "http://h/"},
           {"http://h/", "-sfS", "-ofile"},
           {"--silent", "--show-error", "--fail", "--output", "file", "--url", "http://h/"}}) {
    const auto line = parse(arguments);
    REQUIRE(line.has_value());
    CHECK(line->silent);
    CHECK(line->show_error);
    REQUIRE(line->operations.size() == 1);
    CHECK(line->operations[0].settings->fail);
    CHECK(line->operations[0].output.path == "file");
    CHECK_FALSE(line->operations[0].output.to_stdout);
  }
  CHECK(one({"-XPURGE", "h"}).method == "PURGE");
  CHECK(one({"-46", "h"}).settings->family == AddressFamily::ipv6);
}

TEST_CASE("options: a value is taken verbatim, whatever it looks like") {
  CHECK(body_of(one({"-d", "-x", "h"})) == "-x");
  CHECK(body_of(one({"-d", "--output", "h"})) == "--output");
  CHECK(body_of(one({"-d", "--", "h"})) == "--");
  CHECK(body_of(one({"-d", "[a,b]", "h"})) == "[a,b]");
  CHECK(body_of(one({"-d", "", "h"})).empty());
  CHECK(body_of(one({"-d", "a=b=c", "h"})) == "a=b=c");
  CHECK(body_of(one({"-d=b", "h"})) == "=b");
  CHECK(body_of(one({"-d",
                     "\x01"
                     "e=\x01",
                     "h"})) ==
        "\x01"
        "e=\x01");
  CHECK(body_of(one({"-d", "--a=b", "h"})) == "--a=b");
  CHECK(body_of(one({"-d", "-a-b=[", "h"})) == "-a-b=[");
  CHECK(body_of(one({"-d", "%%", "-d", "{}", "h"})) == "%%&{}");
  CHECK(one({"-o", "=x", "h"}).output.path == "=x");
}

TEST_CASE("options: a value may follow its long option after =") {
  CHECK(one({"--output=file", "h"}).output.path == "file");
  CHECK(one({"--output==x", "h"}).output.path == "=x");
  CHECK(body_of(one({"--data=a=[b]", "--data-raw=", "h"})) == "a=[b]&");
  CHECK(body_of(one({"--data-raw=-s", "h"})) == "-s");
  CHECK(body_of(one({"--data-raw=\x01v", "h"})) == "\x01v");
  CHECK(one({"--url=http://h/?a=b"}).url.target() == "/?a=b");
  FakeWorld world;
  world.files["f"] = "--output=file\n";
  CHECK(one({"-K", "f", "h"}, world).output.path == "file");
  for (const char* flag : {"--silent=true", "--silent=false", "--silent=", "--no-silent=true", "--fail=secret"}) {
    CAPTURE(flag);
    const UsageError error = refused({flag, "h"});
    CHECK(error.exit_code == 2);
    CHECK(error.message.ends_with(": takes no value"));
    CHECK(error.message.find("secret") == std::string::npos);
  }
}

TEST_CASE("options: one that curl has and sluice lacks is told from one that nobody has") {
  CHECK(refused({"--request-target", "3", "h"}).message == "option --request-target: curl has it, sluice does not yet");
  CHECK(refused({"--request-target", "3", "h"}).exit_code == 2);
  CHECK(refused({"--libcurl", "code.c", "h"}).message == "option --libcurl: curl has it, sluice does not yet");
  CHECK(refused({"-P", "p", "h"}).message == "option -P (--ftp-port): curl has it, sluice does not yet");
  CHECK(refused({"-sSao", "x", "h"}).message == "option -a (--append): curl has it, sluice does not yet");
  CHECK(refused({"-a", "h"}).message == "option -a (--append): curl has it, sluice does not yet");
  CHECK(refused({"--no-npn", "h"}).message == "option --no-npn: curl has it, sluice does not yet");
  CHECK(refused({"--proxy-tlspassword=me:secret", "h"}).message ==
        "option --proxy-tlspassword: curl has it, sluice does not yet");
  CHECK(refused({"-Qme:secret", "h"}).message == "option -Q (--quote): curl has it, sluice does not yet");
  CHECK(refused({"--no-nothing", "h"}).message == "option --no-nothing: is unknown");
  CHECK(refused({"--compresse", "h"}).message == "option --compresse: is unknown");
  FakeWorld world;
  world.files["f"] = "append\n";
  CHECK(refused({"-K", "f", "h"}, world).message == "f:1: option --append: curl has it, sluice does not yet");
}

TEST_CASE("options: every one of curl's is taken or told of") {
  const auto names = curl_long_names();
  CHECK(std::ranges::is_sorted(names));
  CHECK(std::ranges::adjacent_find(names) == names.end());
  for (const std::string_view name : names) {
    CAPTURE(name);
    const auto line = parse({"--" + std::string(name)});
    if (!line) CHECK(line.error().message.find("is unknown") == std::string::npos);
    CHECK(curl_option("--" + std::string(name)) == name);
  }
  for (const char letter : std::string_view("#0123:46ABCDEFGHIJKLMNOPQRSTUVXYZabcdefghijklmnopqrstuvwxyz")) {
    CAPTURE(letter);
    CHECK(curl_option(std::string{'-', letter}).has_value());
  }
}

TEST_CASE("options: what is so in any case may be said") {
  for (const char* option : {"-N", "--no-buffer", "--buffer", "--no-location", "--no-compressed", "-1", "--tlsv1",
                             "--tlsv1.0", "--tlsv1.1"}) {
    CAPTURE(option);
    const Operation operation = one({option, "h"});
    CHECK(text_of(operation.fields) == kDefaultFields);
    CHECK(operation.settings->tls.min == TlsVersion::tls1_2);
  }
  CHECK(one({"--tlsv1.3", "--tlsv1.0", "h"}).settings->tls.min == TlsVersion::tls1_2);  // the last one counts
}

TEST_CASE("options: -- ends options") {
  const auto line = parse({"-s", "--", "h1", "h2"});
  REQUIRE(line.has_value());
  CHECK(line->operations.size() == 2);
  // As curl: all that follows are URLs.
  const auto dashed = parse({"--", "-s", "--", "-", "--help"});
  REQUIRE(dashed.has_value());
  REQUIRE(dashed->operations.size() == 4);
  CHECK_FALSE(dashed->silent);
  CHECK_FALSE(dashed->help);
  CHECK(dashed->operations[0].given_url == "-s");
  CHECK(dashed->operations[1].given_url == "--");
  // One that is a value ends nothing.
  for (const std::vector<std::string>& value :
       {std::vector<std::string>{"-d", "--"}, {"-sd", "--"}, {"--data", "--"}, {"--data-ascii", "--"}}) {
    std::vector<std::string> arguments = value;
    arguments.insert(arguments.end(), {"-i", "--", "-h"});
    const Operation operation = one(arguments);
    CHECK(body_of(operation) == "--");
    CHECK(operation.settings->include_head);
    CHECK(operation.given_url == "-h");
  }
  CHECK(body_of(one({"-dx", "--", "-h"})) == "x");
  CHECK(body_of(one({"--data=x", "--", "-h"})) == "x");
  CHECK(refused({"-s", "--"}).message == "no URL specified");
}

TEST_CASE("options: flags are switched off by --no-") {
  const auto line = parse({"-s", "--no-silent", "-f", "--no-fail", "-k", "--no-insecure", "--no-progress-meter", "h"});
  REQUIRE(line.has_value());
  CHECK_FALSE(line->silent);
  CHECK(line->no_progress_meter);
  CHECK_FALSE(line->operations[0].settings->fail);
  CHECK_FALSE(line->operations[0].settings->tls.insecure);
  const auto metered = parse({"--no-progress-meter", "--progress-meter", "h"});
  REQUIRE(metered.has_value());
  CHECK_FALSE(metered->no_progress_meter);
}

TEST_CASE("options: what is unknown or lacks its value is exit code 2 and one line") {
  CHECK(refused({"--foo", "h"}).message == "option --foo: is unknown");
  CHECK(refused({"--foo", "h"}).exit_code == 2);
  CHECK(refused({"-?", "h"}).message == "option -?: is unknown");
  CHECK(refused({"-", "h"}).message == "option -: is unknown");
  CHECK(refused({"-7", "h"}).message == "option -7: is unknown");
  CHECK(refused({"-s-foo", "h"}).message.ends_with("is unknown"));
  CHECK(refused({"-s-", "--foo"}).message.ends_with("is unknown"));
  CHECK(refused({"--no-output", "h"}).message == "option --no-output: is unknown");
  CHECK(refused({"--silent=1", "h"}).exit_code == 2);
  CHECK(refused({"--output=", "h"}).exit_code == 2);
  CHECK(refused({"--usr=me:secret", "h"}).message.find("secret") == std::string::npos);
  CHECK(refused({"h", "-o", ""}).exit_code == 2);
  CHECK(refused({"h", "-o"}).message == "option -o: requires a value");
  CHECK(refused({"h", "-sSo"}).message == "option -sSo: requires a value");
  CHECK(refused({"h", "--max-time"}).exit_code == 2);
  CHECK(refused({"--a\nb", "h"}).exit_code == 2);
  CHECK(refused({"--a\n=b", "h"}).exit_code == 2);
  CHECK(refused({"h", "-s\no"}).exit_code == 2);
  CHECK(refused({}).message == "no URL specified");
  CHECK(refused({"-s"}).message == "no URL specified");
}

TEST_CASE("options: the n-th -o and -O belong to the n-th URL, wherever they stand") {
  const auto line =
      parse({"-o", "a", "http://h/1", "http://h/2", "-O", "-o", "-", "--url", "http://h/3", "http://h/4"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 4);
  CHECK(line->operations[0].output.path == "a");
  CHECK(line->operations[1].output.path == "2");
  CHECK(line->operations[2].output.to_stdout);
  CHECK(line->operations[3].output.to_stdout);
  CHECK(line->operations[2].url.path() == "/3");
  CHECK(line->operations[3].url_number == 3);
  CHECK(line->warnings.empty());
}

// As curl 8: it takes no place of its own where no remote name was wanted.
TEST_CASE("options: --no-remote-name counts for a URL only after --remote-name-all") {
  const auto line = parse({"-o", "x", "--no-remote-name", "http://h/1", "http://h/2", "-o", "y"});
  REQUIRE(line.has_value());
  CHECK(line->warnings.empty());
  CHECK(line->operations[0].output.path == "x");
  CHECK(line->operations[1].output.path == "y");
  const auto all = parse({"--remote-name-all", "http://h/1", "http://h/2", "--no-remote-name"});
  REQUIRE(all.has_value());
  CHECK(all->operations[0].output.to_stdout);
  CHECK(all->operations[1].output.path == "2");
}

TEST_CASE("options: more outputs than URLs is a warning") {
  const auto line = parse({"-o", "x", "-o", "y", "h"});
  REQUIRE(line.has_value());
  CHECK(line->operations.size() == 1);
  CHECK(line->warnings.size() == 1);
}

TEST_CASE("options: --remote-name-all counts for the URLs behind it, --output-dir for every file") {
  const auto line = parse(
      {"http://h/a", "--remote-name-all", "http://h/d/b%2Fc?q", "--output-dir", "dir", "http://h/c", "-o", "first"});
  REQUIRE(line.has_value());
  CHECK(line->operations[0].output.path == "dir/first");
  CHECK(line->operations[1].output.path == "dir/b%2Fc");
  CHECK(line->operations[2].output.path == "dir/c");
  CHECK(one({"--remote-name-all", "--no-remote-name", "http://h/a"}).output.to_stdout);
}

TEST_CASE("options: -O without a file name in the URL fails that URL alone, with 23") {
  const auto line = parse({"-OO", "http://me:secret@h/dir/", "http://h/x"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations[0].refused.has_value());
  CHECK(line->operations[0].refused->exit_code == 23);
  CHECK(line->operations[0].refused->message.find("secret") == std::string::npos);
  CHECK_FALSE(line->operations[1].refused);
}

TEST_CASE("options: a malformed URL fails alone, with 3 or 1") {
  const auto line =
      parse({"http://h:99999/", "gopher://h/", "http://ok/", "", "http://a b/", "http://me:sec/ret@h:0/"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 6);
  CHECK(line->operations[0].refused.value().exit_code == 3);
  CHECK(line->operations[1].refused.value().exit_code == 1);
  CHECK_FALSE(line->operations[2].refused);
  CHECK(line->operations[3].refused.value().exit_code == 3);
  CHECK(line->operations[3].refused.value().message == "the URL is empty");
  CHECK(line->operations[4].refused.value().exit_code == 3);
  CHECK(line->operations[5].refused.value().exit_code == 3);
  CHECK(line->operations[5].given_url.find("sec") == std::string::npos);
  CHECK(line->operations[5].refused.value().message.find("sec") == std::string::npos);
}

TEST_CASE("options: --next begins anew; the global options stay") {
  const auto line =
      parse({"-s", "-d", "x", "-H", "A: 1", "-o", "f", "http://h/1", "--next", "http://h/2", "-:", "-I", "http://h/3"});
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 3);
  CHECK(line->silent);
  CHECK(line->operations[0].method == "POST");
  CHECK(line->operations[1].method == "GET");
  CHECK(text_of(line->operations[1].fields) == kDefaultFields);
  CHECK(line->operations[1].output.to_stdout);
  CHECK(line->operations[2].method == "HEAD");
  CHECK(line->operations[2].url_number == 2);
  CHECK(line->operations[2].settings->include_head);
  CHECK_FALSE(line->operations[1].settings->include_head);
  CHECK(refused({"h", "--next"}).message == "no URL specified");
  CHECK(one({"-d", "x", "--next", "h"}).method == "POST");  // before any URL it ends nothing
}

TEST_CASE("options: seconds, counts and versions are checked") {
  CHECK(one({"-m", "2.5", "h"}).settings->max_time == std::chrono::milliseconds(2500));
  CHECK(one({"--connect-timeout", "3", "h"}).settings->connect_timeout == std::chrono::seconds(3));
  CHECK_FALSE(one({"-m", "0", "h"}).settings->max_time);
  const auto limits = [](auto... words) { return one({words..., "h"}).settings->limits; };
  CHECK(limits("--limit-rate", "3k") == TransferLimits{.max_receive_rate = 3072, .max_send_rate = 3072});
  CHECK(limits("--limit-rate", "3k", "--limit-rate", "0") == TransferLimits{});
  CHECK(limits("-Y", "100") == TransferLimits{.low_rate = 100, .low_period = std::chrono::seconds(30)});
  CHECK(limits("-y", "5") == TransferLimits{.low_rate = 1, .low_period = std::chrono::seconds(5)});
  CHECK(limits("-y", "5", "-Y", "9") == TransferLimits{.low_rate = 9, .low_period = std::chrono::seconds(5)});
  CHECK(limits("-Y", "9", "-y", "5") == limits("-y", "5", "-Y", "9"));
  CHECK_FALSE(limits("-Y", "9", "-y", "0").low_rate);
  for (const char* option : {"--limit-rate", "-Y", "-y"}) CHECK(refused({option, "1x", "h"}).exit_code == 2);
  for (const char* bad : {"abc", "", "1x", "-1", "nan", "inf", "1e30", " 1"}) {
    CAPTURE(bad);
    CHECK(refused({"-m", bad, "h"}).exit_code == 2);
    CHECK(refused({"--connect-timeout", bad, "h"}).message.starts_with("option --connect-timeout: "));
    CHECK(refused({"--parallel-max", bad, "h"}).exit_code == 2);
  }
  CHECK(parse({"h"})->parallel_max == 50);
  CHECK_FALSE(parse({"h"})->parallel_immediate);
  CHECK(parse({"--parallel-immediate", "h"})->parallel_immediate);
  CHECK_FALSE(parse({"--parallel-immediate", "--no-parallel-immediate", "h"})->parallel_immediate);
  CHECK(parse({"--parallel-max", "1", "h"})->parallel_max == 1);
  CHECK(parse({"--parallel-max", "2000", "h"})->parallel_max == 2000);
  CHECK(parse({"--parallel-max", "0", "h"})->parallel_max == 50);
  CHECK(refused({"--parallel-max", "99999999999999999999", "h"}).exit_code == 2);
  CHECK(one({"--tlsv1.3", "h"}).settings->tls.min == TlsVersion::tls1_3);
  CHECK(one({"--tls-max", "1.2", "h"}).settings->tls.max == TlsVersion::tls1_2);
  CHECK(one({"--tls-max", "default", "h"}).settings->tls.max == TlsVersion::tls1_3);
  CHECK(refused({"--tls-max", "1.1", "h"}).exit_code == 2);
  CHECK(refused({"--tls-max", "1.2", "--tlsv1.3", "h"}).exit_code == 2);
}

TEST_CASE("options: a range is one that can be asked for") {
  for (const char* good : {"0-99", "500-", "-200", "7", "0-0,-1"}) {
    CAPTURE(good);
    CHECK(one({"-r", good, "h"}).fields.find("Range").value_or("").starts_with("bytes="));
  }
  CHECK(one({"-r", "5-2", "h"}).fields.find("Range") == "bytes=5-2");  // the server's to judge, as with curl
  for (const char* bad : {"", "-", "abc", "1-2-3", "0 -5", "bytes=0-1", "1,", ",1"}) {
    CAPTURE(bad);
    CHECK(refused({"-r", bad, "h"}).message.starts_with("option --range: "));
  }
}

TEST_CASE("options: parallel is a choice of three") {
  CHECK(parse({"h"})->parallel == ParallelMode::unset);
  CHECK(parse({"-Z", "h"})->parallel == ParallelMode::on);
  CHECK(parse({"--no-parallel", "h"})->parallel == ParallelMode::off);
}

TEST_CASE("options: TLS files and the certificate's password") {
  const Operation operation =
      one({"-k", "--cacert", "ca", "--capath", "dir", "-E", R"(c\:\\x:pa:ss)", "--key", "k", "h"});
  CHECK(operation.settings->tls.insecure);
  CHECK(operation.settings->tls.cacert == "ca");
  CHECK(operation.settings->tls.capath == "dir");
  CHECK(operation.settings->tls.cert == R"(c:\x)");
  CHECK(operation.settings->tls.password == "pa:ss");
  CHECK(operation.settings->tls.key == "k");
}

TEST_CASE("options: -f and --fail-with-body exclude each other") {
  CHECK(refused({"-f", "--fail-with-body", "h"}).exit_code == 2);
  CHECK(one({"--fail-with-body", "h"}).settings->fail_with_body);
}

TEST_CASE("options: -w from text, a file and standard input") {
  FakeWorld world;
  world.files["f"] = "%{url}\n%{method}\\n\n";
  world.input = "in";
  CHECK(one({"-w", "%{url}", "h"}).settings->write_out == "%{url}");
  CHECK(one({"-w", "@f", "h"}, world).settings->write_out == "%{url}%{method}\\n");
  CHECK(one({"-w", "@-", "h"}, world).settings->write_out == "in");
}

TEST_CASE("options: what is left over is where it should be") {
  const auto line =
      parse({"-v", "-i", "-D", "heads", "--create-dirs", "--remove-on-error", "--http1.1", "-g", "-4", "h"});
  REQUIRE(line.has_value());
  CHECK(line->verbose);
  const Settings& settings = *line->operations[0].settings;
  CHECK(settings.include_head);
  CHECK(settings.dump_header == "heads");
  CHECK(settings.create_dirs);
  CHECK(settings.remove_on_error);
  CHECK(settings.family == AddressFamily::ipv4);
  CHECK(settings.http_versions == HttpVersions::http1_1);
}

TEST_CASE("options: of those about HTTP's version the last one counts; without libnghttp2 there is one version") {
  CHECK(one({"h"}).settings->http_versions == HttpVersions::any);
  CHECK(one({"--http1.1", "-0", "h"}).settings->http_versions == HttpVersions::http1_0);
  CHECK(one({"--http1.0", "--http1.1", "h"}).settings->http_versions == HttpVersions::http1_1);
  if (!features().http2) {
    CHECK(refused({"--http2", "h"}).exit_code == 2);
    CHECK(refused({"--http2-prior-knowledge", "h"}).exit_code == 2);
    return;
  }
  CHECK(one({"--http1.1", "--http2", "h"}).settings->http_versions == HttpVersions::any);
  CHECK(one({"--http2", "--http2-prior-knowledge", "h"}).settings->http_versions ==
        HttpVersions::http2_prior_knowledge);
  CHECK(one({"--http2-prior-knowledge", "--http1.1", "h"}).settings->http_versions == HttpVersions::http1_1);
}

TEST_CASE("options: --help, --version and --demo need no URL") {
  CHECK(parse({"--help"})->help);
  CHECK(parse({"--demo"})->demo);
  CHECK(parse({"-V"})->version);
}

TEST_CASE("options: --demo takes no URL, except one of a file that is read in any case") {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"--demo", "h"}, {"h", "--demo"}, {"--demo", "--url", "h"}, {"--demo", "--", "-"}}) {
    CHECK(refused(line).exit_code == 2);
    CHECK(refused(line).message.starts_with("option --demo: takes no URL"));
  }
  FakeWorld world;
  world.home = "/home/me";
  world.files["/home/me/.sluicerc"] = "url = http://rc/";
  CHECK(world.parse({"--demo"})->demo);
  CHECK(parse({"--help", "--demo", "h"})->help);
}

TEST_CASE("options: the URLs of a group share body and settings") {
  const auto line = parse({"-d", "x", "h1", "h2"});
  REQUIRE(line.has_value());
  CHECK(line->operations[0].body == line->operations[1].body);
  CHECK(line->operations[0].settings == line->operations[1].settings);
}

TEST_CASE("options: every name of the table is taken") {
  for (const OptionSpec& spec : option_table()) {
    CAPTURE(spec.long_name);
    std::vector<std::string> names = {spec.dashed()};
    if (!spec.alias.empty()) names.push_back("--" + std::string(spec.alias));
    if (!spec.off_name.empty()) names.push_back("--" + std::string(spec.off_name));
    if (spec.short_name != 0) names.push_back(std::string{'-', spec.short_name});
    for (const std::string& name : names) {
      CAPTURE(name);
      const auto line = spec.takes_value() ? parse({"h", name, "x"}) : parse({"h", name});
      if (!line) CHECK(line.error().message.find("unknown") == std::string::npos);
    }
  }
}

}  // namespace sluice::cli
