// The exit code of each error, as in curl.
#include "adapters/cli/exit_code.hpp"

#include <doctest/doctest.h>

#include <array>
#include <utility>

#include "core/netrc.hpp"
#include "core/options.hpp"

namespace sluice::cli {

TEST_CASE("exit code: every error has curl's") {
  CHECK(exit_code(make_error(Code::invalid_request, "HTTP/1.0 cannot send a body of unknown length")) == 25);
  constexpr std::pair<Code, int> kExpected[] = {
      {Code::invalid_url, 3},
      {Code::unsupported_scheme, 1},
      {Code::invalid_request, 43},
      {Code::invalid_option, 43},
      {Code::canceled, 42},
      {Code::upload_failed, 26},
      {Code::resolve_failed, 6},
      {Code::connect_failed, 7},
      {Code::send_failed, 55},
      {Code::receive_failed, 56},
      {Code::connection_closed, 52},
      {Code::malformed_response, 8},
      {Code::not_http, 1},
      {Code::unsupported_coding, 61},
      {Code::truncated, 18},
      {Code::unexpected_upgrade, 8},
      {Code::tls_handshake, 35},
      {Code::tls_certificate, 60},
      {Code::tls_failed, 56},
      {Code::connect_timeout, 28},
      {Code::total_timeout, 28},
      {Code::attempts_timeout, 28},
      {Code::queue_timeout, 28},
      {Code::resolve_timeout, 28},
      {Code::tls_timeout, 28},
      {Code::response_timeout, 28},
      {Code::too_slow, 28},
      {Code::address_forbidden, 7},
      {Code::bind_failed, 45},
      {Code::tls_pin, 90},
      {Code::tls_status, 91},
      {Code::http2_error, 16},
      {Code::http2_stream, 92},
      {Code::idle_timeout, 28},
      {Code::response_too_large, 56},
      {Code::body_too_large, 63},
      {Code::too_many_descriptors, 7},
      {Code::out_of_memory, 27},
      {Code::internal, 2},
      {Code::recursive_call, 93},
      {Code::descriptor_too_large, 93},
      {Code::tls_config, 77},
      {Code::rewind_failed, 65},
      {Code::bad_coding, 61},
      {Code::too_many_redirects, 47},
      {Code::tunnel_failed, 56},
      {Code::socks_failed, 97},
      {Code::proxy_resolve_failed, 5},
      {Code::authentication_failed, 94},
  };
  for (const auto& [code, expected] : kExpected) {
    CAPTURE(to_string(code));
    CHECK(exit_code(make_error(code, "")) == expected);
  }
  CHECK(std::size(kExpected) == static_cast<std::size_t>(Code::internal));
}

TEST_CASE("exit code: a malformed response past its head is a failed receive") {
  CHECK(exit_code(make_error(Code::malformed_response, ""), true) == 56);
  CHECK(exit_code(make_error(Code::truncated, ""), true) == 18);
}

TEST_CASE("exit code: a netrc file that cannot be read is a failed read") {
  CHECK(exit_code(find_in_netrc("machine a login \"x", "a").error()) == 26);
  CHECK(exit_code(find_in_netrc(std::string(kMaxNetrcBytes + 1, ' '), "a").error()) == 26);
}

TEST_CASE("exit code: an unusable TLS configuration says which part") {
  const auto code_of = [](TlsOptions options) {
    const auto config = TlsConfig::create(std::move(options));
    REQUIRE_FALSE(config.has_value());
    return exit_code(config.error());
  };
  TlsOptions options;
  options.trust_anchors_pem = "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n";
  CHECK(code_of(options) == 77);
  options = {};
  options.certificate_pem = "rubbish";
  CHECK(code_of(options) == 58);
  options = {};
  options.private_key_pem = "rubbish";
  CHECK(code_of(options) == 58);
  options = {};
  options.min_version = TlsVersion::tls1_3;
  options.max_version = TlsVersion::tls1_2;
  CHECK(code_of(options) == 35);
  for (const auto member :
       {&TlsOptions::ciphers, &TlsOptions::tls13_ciphers, &TlsOptions::groups, &TlsOptions::signature_algorithms}) {
    options = {};
    options.*member = "rubbish";
    CHECK(code_of(options) == 59);
  }
  options = {};
  options.revocation_lists_pem = "rubbish";
  CHECK(code_of(options) == 82);
  options = {};
  options.pinned_public_keys = {"rubbish"};
  CHECK(code_of(options) == 90);
}

}  // namespace sluice::cli
