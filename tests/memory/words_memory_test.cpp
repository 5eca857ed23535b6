// As engine_memory_test.cpp, for URLs, fields, requests, and what a name's answer leaves in the cache. A failed
// allocation is Code::out_of_memory, nothing is thrown, and existing values are unchanged.
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "core/base/limits.hpp"
#include "core/options.hpp"
#include "core/pool/name_cache.hpp"
#include "core/proxy_rules.hpp"
#include "core/request.hpp"
#include "core/url.hpp"
#include "tests/memory/every_allocation.hpp"

namespace sluice::test {
namespace {

// Calls the function and returns what is wrong: `wanted` is its code without a shortage, nullopt for a success.
template <class Call>
void call(std::vector<std::string>& faults, const char* name, std::optional<Code> wanted, Call made) {
  try {
    const auto result = watched(made);
    const std::optional<Code> code = result ? std::nullopt : std::optional(result.error().code);
    if (code == wanted || (ran_short() && code == Code::out_of_memory)) return;
    faults.push_back(std::string(name) + (code ? ": " + result.error().message() : ": it succeeded"));
  } catch (const std::bad_alloc&) {
    faults.push_back(std::string(name) + " throws");
  }
}

TEST_CASE("memory: without memory for its addresses an answer is none, also if it has HTTPS records") {
  std::vector<IpAddress> addresses;
  for (const char* text : {"2001:db8::1", "192.0.2.1", "2001:db8::2"}) addresses.push_back(*IpAddress::parse(text));
  NameAnswer found(addresses);
  found.https = std::make_shared<const HttpsRecords>(HttpsRecords{.records = {HttpsRecord{.port = 8443}}});
  with_every_allocation_failing("the answer to a name", [&] {
    std::vector<std::string> faults;
    pool::NameCache cache;
    pool::Name& name = cache.name("a.test", AddressFamily::any, 443);
    pool::NameWaiter waiter;
    const auto id = cache.wait(name, waiter);
    NameAnswer answer = found;
    call(faults, "answered", std::nullopt, [&] { return cache.answered(*id, std::move(answer), {}).result; });
    const bool is_whole = name.addresses.size() == 3;
    if (name.is_known({}) && !is_whole) faults.emplace_back("it is known without addresses");
    cache.leave(waiter);
    return faults;
  });
}

TEST_CASE("memory: URLs are read and resolved, or say that there is no memory") {
  const std::string path(300, 'p');
  const std::string query = path + "#";
  const Url base = *Url::parse("http://user:secret@example.org:8080/a/b/" + path + "?query");
  with_every_allocation_failing("URLs", [&] {
    std::vector<std::string> faults;
    const auto parse = [&](const std::string& text, std::optional<Code> wanted) {
      call(faults, text.c_str(), wanted, [&] { return Url::parse(text); });
    };
    const auto resolve = [&](const std::string& text, std::optional<Code> wanted) {
      call(faults, text.c_str(), wanted, [&] { return base.resolve(text); });
    };
    parse("https://user:secret@[2001:DB8::1%25eth0]:8443/%7Euser/../" + path + "?q=\x01", Code::invalid_url);
    parse("https://user:secret@[2001:DB8::1%25eth0]:8443/%7Euser/../" + path + "?q#fragment", std::nullopt);
    parse("http://" + path + ".example.org/", Code::invalid_url);
    parse("gopher://example.org/" + path, Code::unsupported_scheme);
    parse("http://example.org/" + std::string(limits::kMaxUrlBytes, 'p'), Code::invalid_url);
    resolve("../../c/" + path + "?another#fragment", std::nullopt);
    resolve("//example.net:81/" + path, std::nullopt);
    resolve("?" + path, std::nullopt);
    resolve("http://example.net/" + path, std::nullopt);
    resolve("file:///" + path, Code::unsupported_scheme);
    resolve("a\x01" + path, Code::invalid_url);
    call(faults, "with_parameters", std::nullopt,
         [&] { return base.with_parameters({{"name of a parameter", path}, {"q", "&"}}); });
    call(faults, "with_query", std::nullopt, [&] { return base.with_query(query); });
    return faults;
  });
}

TEST_CASE("memory: the texts of proxies are read, or say that there is no memory") {
  const std::string name(60, 'p');
  const std::string login = name + ":" + name, wrong_login = name + ":%0a";
  with_every_allocation_failing("proxies", [&] {
    std::vector<std::string> faults;
    const auto parse = [&](const std::string& text, std::optional<Code> wanted) {
      call(faults, text.c_str(), wanted, [&] { return parse_proxy(text); });
    };
    parse("http://" + name + ":secret@" + name + ".example.org:3128/", std::nullopt);
    parse("socks5h://localhost/" + name, std::nullopt);
    parse("foo://" + name, Code::unsupported_scheme);
    parse(name + ":" + name, Code::invalid_url);
    call(faults, "login", std::nullopt, [&] { return parse_proxy_login(login); });
    call(faults, "login", Code::invalid_url, [&] { return parse_proxy_login(wrong_login); });
    return faults;
  });
}

TEST_CASE("memory: fields are taken or not, and those before stay") {
  const std::string long_name(100, 'n');
  const std::string bad_name = long_name + ":";
  const std::string long_value(3'000, 'w');
  with_every_allocation_failing("fields", [&] {
    std::vector<std::string> faults;
    Fields fields;
    std::vector<std::string> values;
    for (int i = 0; i < 40; ++i) {
      const std::string value = std::to_string(i) + std::string(100, 'v');
      const std::size_t before = fields.size();
      call(faults, "add", std::nullopt, [&] { return fields.add("Name", value); });
      if (fields.size() > before) values.push_back(value);
    }
    call(faults, "add a bad name", Code::invalid_request, [&] { return fields.add(bad_name, "value"); });
    call(faults, "add a bad value", Code::invalid_request, [&] { return fields.add(long_name, "value\r\n"); });
    call(faults, "set a bad value", Code::invalid_request,
         [&] { return fields.set("Name", std::string_view("\0", 1)); });
    if (fields.size() != values.size()) faults.push_back("another count");
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (fields.at(i).value != values[i]) faults.push_back("another value");
    }
    call(faults, "set", std::nullopt, [&] { return fields.set("Name", long_value); });
    return faults;
  });
}

TEST_CASE("memory: a request's head is made, or says that there is no memory") {
  Request good;
  good.url = *Url::parse("http://example.org/path?query");
  REQUIRE(good.fields.add("Accept", std::string(500, 'a')).has_value());
  good.body = BodyStream{.length = 5};
  Request two_hosts = good;
  REQUIRE((two_hosts.fields.add("Host", "a").has_value() && two_hosts.fields.add("host", "b").has_value()));
  Request wrong_length = good;
  REQUIRE(wrong_length.fields.add("Content-Length", "6").has_value());
  Request bad_method = good;
  bad_method.method = "GE T";
  Request large = good;
  large.target = "/" + std::string(limits::kMaxRequestHeadBytes, 't');
  with_every_allocation_failing("requests", [&] {
    std::vector<std::string> faults;
    call(faults, "head", std::nullopt, [&] { return http1_head(good); });
    call(faults, "validate", std::nullopt, [&] { return validate(good); });
    for (const Request* bad : {&two_hosts, &wrong_length, &bad_method, &large}) {
      call(faults, "head of a bad one", Code::invalid_request, [&] { return http1_head(*bad); });
      call(faults, "validate a bad one", Code::invalid_request, [&] { return validate(*bad); });
    }
    return faults;
  });
}

}  // namespace
}  // namespace sluice::test
