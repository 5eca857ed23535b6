// adapters/gssapi without a ticket: what it says, and to whom. Tickets are in tests/integration/cli_negotiate_test.cpp.
#include "adapters/gssapi.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

using namespace sluice;

namespace {

struct NoTickets {
  NoTickets() {
    ::setenv("KRB5_CONFIG", "/dev/null", 1);
    ::setenv("KRB5CCNAME", "FILE:/nonexistent/tickets", 1);
  }
  ~NoTickets() {
    ::unsetenv("KRB5_CONFIG");
    ::unsetenv("KRB5CCNAME");
  }
};

}  // namespace

TEST_CASE("gssapi: without a ticket there is no token, which is told of once, with the reason") {
  const NoTickets environment;
  std::string told;
  const auto provider = gssapi_provider({.on_no_token = [&](std::string_view why) { told += why; }});
  if (!has_gssapi()) {
    CHECK(provider.error().code == Code::invalid_option);
    CHECK(provider.error().message() == "Negotiate: this sluice was built without GSSAPI");
    return;
  }
  REQUIRE(provider);
  const auto login = (*provider)->begin("a.test.");
  CHECK(told.empty());
  const auto token = login->next("");
  REQUIRE_FALSE(token);
  CHECK(token.error().code == Code::authentication_failed);
  CHECK(token.error().message().starts_with("no token for HTTP@a.test: No Kerberos credentials available"));
  CHECK(told == token.error().message());
  const auto later = login->next("a token of the server");
  REQUIRE_FALSE(later);
  CHECK(later.error().message().starts_with("HTTP@a.test: "));
  CHECK(told == token.error().message());
}

TEST_CASE("gssapi: connections are shared by logins that delegate alike") {
  if (!has_gssapi()) return;
  const NoTickets environment;
  const auto identity = [](GssapiDelegation delegation) {
    return (*gssapi_provider({.delegation = delegation}))->identity();
  };
  CHECK(identity(GssapiDelegation::none) == identity(GssapiDelegation::none));
  CHECK(identity(GssapiDelegation::none) != identity(GssapiDelegation::policy));
  CHECK(identity(GssapiDelegation::policy) != identity(GssapiDelegation::always));
}
