// TLS sessions as bytes: what a later process can use of them, and what it refuses.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

#include "core/tls/session_cache.hpp"
#include "core/tls_hooks.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using test::kDay;
using test::kNoon;
using test::TlsPair;
using tls::SessionCache;

namespace {

struct Anybody final : TlsVerifier {
  explicit Anybody(std::string_view name) : TlsVerifier(Counts::besides, name) {}
  std::optional<std::string> refuse(const TlsPeer&) const override { return std::nullopt; }
};

// Whether the connection was resumed; nullopt: it failed.
std::optional<bool> call(const sim::TlsServerContext& context, SessionCache& sessions, const TlsOptions& options,
                         std::string host = "example.org", bool portable = true, UnixSeconds wall = kNoon) {
  auto params = test::example_params(options);
  params.host = std::move(host);
  params.sessions = &sessions;
  params.session_key = params.host + std::string(as_text(Bytes(params.config->identity())));
  params.key_is_portable = portable;
  TlsPair pair(context, params, wall);
  pair.run();
  if (!pair.client->established()) return std::nullopt;
  REQUIRE(pair.server.write(as_bytes("x")));
  pair.run();
  return pair.client->resumed();
}

std::string failure_of(std::string_view bytes) {
  SessionCache into;
  const auto added = into.import_sessions(bytes, kNoon);
  CHECK(into.size() == 0);
  if (added) return "";
  CHECK(added.error().code == Code::invalid_option);
  return added.error().message();
}

}  // namespace

TEST_CASE("SB-06 sessions of an earlier process are used with the same host and options, and with no others") {
  for (const TlsVersion version : {TlsVersion::tls1_2, TlsVersion::tls1_3}) {
    const auto context = test::make_context(test::server_for({"example.org", "example.com"}));
    TlsOptions options = test::trusting_options();
    options.max_version = version;
    SessionCache before;
    REQUIRE(call(context, before, options) == false);
    const std::string bytes = before.export_sessions(kNoon);
    SessionCache after;
    CHECK(after.import_sessions(bytes, kNoon).value() == before.size());
    CHECK(after.size() == before.size());
    CHECK(after.export_sessions(kNoon) == bytes);
    CHECK(call(context, after, options, "example.com") == false);
    TlsOptions others = options;
    others.keep_certificates = true;
    CHECK(call(context, after, others) == false);
    CHECK(call(context, after, options) == true);
    // What a resumed session shows is verified again.
    SessionCache late;
    CHECK(late.import_sessions(bytes, kNoon).has_value());
    TlsOptions distrusting = options;
    distrusting.trust_anchors_pem =
        sim::TlsAuthority::make_root("Other Root", kNoon - kDay, kNoon + kDay).certificate_pem();
    CHECK(call(context, late, distrusting) == std::nullopt);
  }
}

TEST_CASE("what has expired is neither exported nor imported") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  REQUIRE(call(context, cache, test::trusting_options()) == false);
  REQUIRE(cache.size() > 0);
  const std::string bytes = cache.export_sessions(kNoon);
  CHECK(SessionCache().import_sessions(bytes, kNoon + 100 * kDay).value() == 0);
  CHECK(SessionCache().import_sessions(cache.export_sessions(kNoon + 100 * kDay), kNoon).value() == 0);
}

TEST_CASE("sessions that belong to an object of this process stay in it") {
  const auto context = test::make_context(test::example_server());
  const auto exported = [&](std::optional<std::string_view> name, bool portable) {
    TlsOptions options = test::trusting_options();
    if (name) options.verifier = std::make_shared<Anybody>(*name);
    SessionCache cache;
    REQUIRE(call(context, cache, options, "example.org", portable) == false);
    REQUIRE(cache.size() > 0);
    return SessionCache().import_sessions(cache.export_sessions(kNoon), kNoon).value();
  };
  CHECK(exported(std::nullopt, true) > 0);
  CHECK(exported(std::nullopt, false) == 0);
  CHECK(exported("a name", true) > 0);
  CHECK(exported("", true) == 0);
}

TEST_CASE("SB-05 what has no name is named by its address, so a session that is kept keeps it") {
  const auto context = test::make_context(test::example_server());
  for (const bool named : {false, true}) {
    auto verifier = std::make_shared<Anybody>(named ? "a name" : "");
    const std::weak_ptr<const Anybody> alive = verifier;
    TlsOptions options = test::trusting_options();
    options.verifier = std::move(verifier);
    {
      SessionCache cache;
      REQUIRE(call(context, cache, options) == false);
      REQUIRE(cache.size() > 0);
      options.verifier = nullptr;
      CHECK(alive.expired() == named);
    }
    CHECK(alive.expired());
  }
}

TEST_CASE("the key of a session, which can have a password in it, is not in the bytes") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  auto params = test::example_params();
  params.sessions = &cache;
  params.session_key = "proxy with the password hunter2";
  TlsPair pair(context, params);
  pair.run();
  REQUIRE(pair.server.write(as_bytes("x")));
  pair.run();
  REQUIRE(cache.size() > 0);
  CHECK_FALSE(cache.export_sessions(kNoon).contains("hunter2"));
}

TEST_CASE("bytes that are anything else than what was exported are refused, and nothing is added") {
  const auto context = test::make_context(test::example_server());
  SessionCache cache;
  REQUIRE(call(context, cache, test::trusting_options()) == false);
  const std::string good = cache.export_sessions(kNoon);
  CHECK(failure_of("") == "TLS sessions: not in the form that this version writes");
  CHECK(failure_of("sluice TLS sessions 2\n" + good.substr(22)) ==
        "TLS sessions: not in the form that this version writes");
  CHECK(failure_of("sluice TLS sessions 1\n") == "TLS sessions: cut short");
  for (std::size_t size = 23; size < good.size(); size += 5) CHECK_FALSE(failure_of(good.substr(0, size)).empty());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    CHECK_FALSE(failure_of(changed).empty());
  }
  CHECK(failure_of(good + "x") == "TLS sessions: changed, or cut short");
  CHECK(SessionCache().import_sessions(SessionCache().export_sessions(kNoon), kNoon).value() == 0);
}
