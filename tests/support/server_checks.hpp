// Checks that must pass with every real server. Each fails the current test case with doctest's checks.
#pragma once

#include <memory>
#include <string>

#include "tests/support/fetch.hpp"

namespace sluice::test {

// GET of every file of Site::sizes() under `base`, one after another and all at once.
void check_sizes(const std::string& base, const std::shared_ptr<const TlsConfig>& tls);
// HEAD, 304, 206, 404 and a plain GET in this order on one connection.
void check_small_answers(const std::string& base, const std::shared_ptr<const TlsConfig>& tls);
// The negotiated version, and a second connection that resumes the session of the first.
void check_tls(const std::string& base, const std::string& root_pem, const std::string& version);
// A client that trusts an authority which did not sign the server's certificate.
void check_wrong_authority(const std::string& base, const std::string& other_root_pem);
// Refused without a client certificate, served with one.
void check_client_certificate(const std::string& base, const std::string& root_pem, const std::string& certificate_pem,
                              const std::string& key_pem);
// 2,000 transfers of 1 KiB on 2,000 connections at once.
void check_two_thousand(const std::string& base);

}  // namespace sluice::test
