// How a client proves to one HTTP proxy who it is (RFC 9110 11.7): the value of Proxy-Authorization that goes without
// being asked, and the answers to challenges (407): Basic, Digest, NTLM and Negotiate. Leaves to others: sending the
// requests (connect.hpp for tunnels, core/flow for requests that the proxy forwards), on the connection that a login
// needs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
  // `memory` must outlive this object.
  Login(const Proxy& proxy, LoginMemory memory);

  bool has_credentials() const { return rules::has_user(credentials_) || rules::may_negotiate(credentials_); }
  // The value for a request before any challenge to it; "": none. `asked`: what an earlier connection has learned of
  // the proxy. Errors: as rules::first_authorization(). Throws std::bad_alloc.
  Result<std::string> first(const rules::AuthRequest& request, Again asked = Again::no);
  // The value with which the same request is sent again; nullopt: the challenge is not one that can be answered.
  // Errors and exceptions as first().
  Result<std::optional<std::string>> answer(const ResponseHead& head, const rules::AuthRequest& request, Now now);
  // A response that is no challenge: what it says of the login. Error: authentication_failed (the proxy has not shown
  // who it is, where it should). Throws std::bad_alloc.
  Result<void> finish(const ResponseHead& head);
  bool is_basic() const;  // the last value was of Basic
  // The last value logs its connection in: NTLM, or Negotiate. It begins that, or goes on with it on the connection of
  // the challenge.
  bool logs_in() const { return step_ != Step::none; }
  bool goes_on() const { return step_ == Step::answered || (step_ == Step::begun && rounds_ > 0); }
  bool is_ntlm() const { return logs_in() && scheme_ == rules::LoginScheme::ntlm; }
  bool begins_by_ntlm() const;  // first() would, without a challenge
  // Whether a new connection may succeed where this one ends before the last value was answered, and how.
  Again again() const;

 private:
  enum class Step : std::uint8_t { none, begun, answered };  // of a login; Negotiate has no fixed last step

  bool is_alone(bool its) const;
  std::string begin_ntlm();
  bool begin_negotiate();
  Result<std::string> token_after(const std::string& received);
  std::optional<std::string> answer_negotiate(const std::vector<rules::Challenge>& challenges);
  Result<std::optional<std::string>> answer_ntlm(const std::vector<rules::Challenge>& challenges, Now now);

  Credentials credentials_;
  std::string host_;
  std::string name_;  // for DigestSessions
  LoginMemory memory_;
  std::string sent_;
  std::optional<rules::DigestState> digest_;
  std::size_t answers_ = 0;
  rules::LoginScheme scheme_ = rules::LoginScheme::none;  // of the login, if there is a step
  Step step_ = Step::none;
  std::size_t rounds_ = 0;  // tokens of Negotiate after the first
  std::unique_ptr<NegotiateLogin> negotiation_;
};

}  // namespace sluice::proxy
