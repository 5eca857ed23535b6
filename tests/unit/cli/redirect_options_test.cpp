// How -L and the options that belong to it become settings, and the facts of -w for a chain of hops. The reference is
// curl 8.
#include <doctest/doctest.h>

#include "adapters/cli/transfer_facts.hpp"
#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {

TEST_CASE("redirect options: none are followed without -L") {
  CHECK_FALSE(one({"h"}).settings->redirects);
  CHECK_FALSE(one({"--max-redirs", "3", "--post301", "h"}).settings->redirects);
  CHECK_FALSE(one({"-L", "--no-location", "h"}).settings->redirects);
  CHECK_FALSE(one({"--follow", "--no-follow", "h"}).settings->redirects);
  for (const char* option : {"-L", "--location", "--follow"}) {
    CAPTURE(option);
    CHECK(one({option, "h"}).settings->redirects == RedirectOptions{});
  }
}

TEST_CASE("redirect options: each sets its member") {
  const auto redirects = [](std::vector<std::string> options) {
    options.insert(options.begin(), "-L");
    options.emplace_back("h");
    return *one(options).settings->redirects;
  };
  CHECK(redirects({"--max-redirs", "0"}).max_redirects == 0);
  CHECK(redirects({"--max-redirs", "7"}).max_redirects == 7);
  CHECK(redirects({"--max-redirs", "-1"}).max_redirects == 0xffffffff);
  CHECK(redirects({"--post301"}) == RedirectOptions{.keep_post_301 = true});
  CHECK(redirects({"--post302"}) == RedirectOptions{.keep_post_302 = true});
  CHECK(redirects({"--post303"}) == RedirectOptions{.keep_post_303 = true});
  CHECK(redirects({"--post303", "--no-post303"}) == RedirectOptions{});
  CHECK(redirects({"--location-trusted"}) == RedirectOptions{.trust_other_origins = true});
  CHECK(one({"--location-trusted", "h"}).settings->redirects->trust_other_origins);
  CHECK_FALSE(one({"--location-trusted", "--no-location-trusted", "h"}).settings->redirects);
  CHECK(redirects({"-e", ";auto"}) == RedirectOptions{.auto_referer = true});
  CHECK(redirects({"-e", "http://x/;auto"}) == RedirectOptions{.auto_referer = true});
  CHECK(redirects({"-e", "http://x/"}) == RedirectOptions{});
  CHECK(redirects({"-X", "PUT"}) == RedirectOptions{.keep_method = true});
  CHECK(redirects({"-X", "PUT", "--follow"}) == RedirectOptions{});
  CHECK(redirects({"-d", "x"}) == RedirectOptions{});
  // The body of -T is a PUT's, whatever its method is called.
  CHECK(redirects({"-X", "FOO", "-T", "f"}) ==
        RedirectOptions{.keep_post_301 = true, .keep_post_302 = true, .keep_method = true});
  CHECK(redirects({"-T", "f"}) == RedirectOptions{});
}

TEST_CASE("redirect options: --proto and --proto-redir say which schemes are used") {
  const auto allowed = [](const char* list) {
    const RedirectOptions redirects = *one({"-L", "--proto-redir", list, "https://h"}).settings->redirects;
    return std::string(redirects.http ? "http " : "") + (redirects.https ? "https" : "");
  };
  CHECK(allowed("=https") == "https");
  CHECK(allowed("-http") == "https");
  CHECK(allowed("-all,https") == "https");
  CHECK(allowed("-all,+HTTP") == "http ");
  CHECK(allowed("https") == "http https");
  CHECK(allowed("=ftp,https") == "https");
  CHECK(allowed("ftp,-https") == "http ");
  CHECK(refused({"--proto", "=ftp", "h"}).message == "option --proto: neither http nor https is left");
  const Settings none = *one({"-L", "--proto-redir", "-all", "h"}).settings;  // then each redirect is an error
  CHECK((!none.redirects->http && !none.redirects->https));
  // What a first URL may not be, a redirect may not lead to either.
  CHECK_FALSE(one({"-L", "--proto", "=https", "https://h"}).settings->redirects->http);
  const Operation plain = one({"--proto", "=https", "h"});
  REQUIRE(plain.refused);
  CHECK(plain.refused->exit_code == 1);
  CHECK(plain.refused->message == "http://h/: --proto does not allow http");
  CHECK_FALSE(one({"--proto", "=https", "https://h"}).refused);
  CHECK(one({"--proto", "=http", "https://h"}).refused);
}

TEST_CASE("redirect options: numbers that are none") {
  for (const char* bad : {"", "x", "-2", "1.5"}) {
    CAPTURE(bad);
    CHECK(refused({"--max-redirs", bad, "h"}).exit_code == 2);
  }
}

TEST_CASE("redirect options: -w counts heads and times of all hops, and the body of the last") {
  using namespace std::chrono_literals;
  const Operation operation = one({"-L", "http://h/one"});
  const auto progress = [](Duration begin, std::uint64_t scale) {
    Progress p;
    p.queued = Instant{begin};
    p.resolved = p.queued + 1ms * scale;
    p.connected = p.queued + 2ms * scale;
    p.secured = p.queued + 3ms * scale;
    p.first_byte = p.queued + 4ms * scale;
    p.done = p.queued + 5ms * scale;
    p.received_head_bytes = 100 * scale;
    p.sent_head_bytes = 10 * scale;
    p.received_body_bytes = 1000 * scale;
    return p;
  };
  HopChain chain;
  chain.hops.push_back({.method = "POST",
                        .url = *Url::parse("http://h/one"),
                        .status = 302,
                        .progress = progress(1s, 1),
                        .connections = 1});
  chain.hops.push_back({.reason = HopReason::redirect,
                        .method = "GET",
                        .url = *Url::parse("https://h/two"),
                        .status = 302,
                        .progress = progress(2s, 10),
                        .reused = true});
  chain.hops.push_back({.reason = HopReason::redirect,
                        .method = "GET",
                        .url = *Url::parse("https://u:p@i/three"),
                        .status = 200,
                        .progress = progress(3s, 100)});
  chain.referer = "https://h/two";
  Message message;
  message.progress = chain.hops.back().progress;
  message.info.conn = ConnId{1};
  message.info.connections = 1;
  const WriteOutFacts facts = transfer_facts(operation, message, nullptr, {}, chain);
  CHECK(facts.method == "GET");
  CHECK(facts.status == 200);
  CHECK(facts.url == "http://h/one");
  CHECK(facts.url_effective == "https://i/three");
  CHECK(facts.scheme == "https");
  CHECK(facts.referer == "https://h/two");
  CHECK(facts.num_redirects == 2);
  CHECK(facts.num_connects == 2);
  CHECK(facts.size_header == 11'100);
  CHECK(facts.size_request == 1'110);
  CHECK(facts.size_download == 100'000);
  CHECK(facts.time_namelookup == 111ms);
  CHECK(facts.time_connect == 222ms);
  CHECK(facts.time_appconnect == 330ms);
  CHECK(facts.time_pretransfer == 333ms);
  CHECK(facts.time_starttransfer == 444ms);
  CHECK(facts.time_redirect == 55ms);
  CHECK(facts.time_total == 555ms);
  chain.hops.back().status = 0;  // it had no response
  CHECK(transfer_facts(operation, message, nullptr, {}, chain).status == 302);
}

TEST_CASE("redirect options: %{redirect_url} is what would be followed, and shows no password") {
  const Operation operation = one({"http://h/one"});
  const auto url = [&](const std::string& location) {
    ResponseHead head;
    head.status = 302;
    REQUIRE(head.fields.add("Location", location));
    return transfer_facts(operation, Message{}, &head, {}, {}).redirect_url;
  };
  CHECK(url("/a b") == "http://h/a%20b");
  CHECK(url("http://u:p@i/x") == "http://i/x");
  CHECK(url("ftp://u:p@i/a b").find("u:p") == std::string::npos);
  CHECK(url("http://u:p@[bad/").find("u:p") == std::string::npos);
}

}  // namespace sluice::cli
