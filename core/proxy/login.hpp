// How a client proves to one HTTP proxy who it is (RFC 9110 11.7): the value of Proxy-Authorization that goes without
// being asked, and the answers to challenges (407). Basic, Digest, and NTLM where all requests go on one connection.
// Leaves to others: sending the requests (connect.hpp for tunnels, core/flow for requests that the proxy forwards).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/layer.hpp"
#include "core/base/random.hpp"
#include "core/proxy.hpp"
#include "core/response.hpp"
#include "core/rules/authentication.hpp"
#include "core/types.hpp"

namespace sluice::proxy {

// What all logins of an engine draw from and remember.
struct LoginMemory {
  Random& random;
  rules::DigestSessions& digests;
};

class Login {
 public:
  // `one_connection`: all requests go on one connection, so that NTLM can be used. `memory` must outlive this object.
  Login(const Proxy& proxy, bool one_connection, LoginMemory memory);

  bool has_credentials() const { return !credentials_.user.empty() || !credentials_.password.empty(); }
  // The value for a request before any challenge to it; "": none. `asked`: what an earlier connection has learned of
  // the proxy. Errors: as rules::first_authorization(). Throws std::bad_alloc.
  Result<std::string> first(const rules::AuthRequest& request, Again asked = Again::no);
  // The value with which the same request is sent again; nullopt: the challenge is not one that can be answered.
  // Errors and exceptions as first().
  Result<std::optional<std::string>> answer(const ResponseHead& head, const rules::AuthRequest& request, Now now);
  // The last value was of Basic.
  bool is_basic() const;
  // Whether a new connection may succeed where this one ends before the last value was answered, and how.
  Again again() const;

 private:
  enum class Step : std::uint8_t { none, begun, answered };  // of NTLM

  std::string begin_ntlm();
  Result<std::optional<std::string>> answer_ntlm(const std::vector<rules::Challenge>& challenges, Now now);

  Credentials credentials_;
  std::string name_;  // for DigestSessions
  bool one_connection_;
  LoginMemory memory_;
  std::string sent_;
  std::optional<rules::DigestState> digest_;
  std::size_t answers_ = 0;
  Step step_ = Step::none;
};

}  // namespace sluice::proxy
