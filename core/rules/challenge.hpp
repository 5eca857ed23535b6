// The syntax of WWW-Authenticate, Proxy-Authenticate and Authentication-Info (RFC 9110 11). Leaves to others: what the
// parameters of a scheme mean (digest.hpp), and which challenge is answered (authentication.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fields.hpp"

namespace sluice::rules {

inline constexpr std::size_t kMaxChallenges = 16;      // of one response; the rest are ignored
inline constexpr std::size_t kMaxAuthParameters = 32;  // of one challenge; one with more is dropped

// A name in lower case, and its value without quotes and escapes.
using AuthParameter = std::pair<std::string, std::string>;

// One challenge (RFC 9110 11.3). Owns its text, which holds no control byte other than HTAB.
struct Challenge {
  std::string scheme = {};   // in lower case
  std::string token68 = {};  // "": none (RFC 9110 11.2)
  std::vector<AuthParameter> parameters = {};

  // `name` in lower case. A view into this object; nullopt: there is no such parameter.
  std::optional<std::string_view> find(std::string_view name) const;
};

// All challenges in the fields of that name ("WWW-Authenticate"), in order. A challenge with an invalid parameter, or
// with two of one name, is dropped; the others are kept. A value without quotes may hold more than RFC 9110 11.2 allows
// ("realm=My Router"), because servers send that. Linear time. Throws std::bad_alloc.
std::vector<Challenge> challenges_of(const Fields& fields, std::string_view field_name);

// The parameter that is the whole element of a list; nullopt: it is none. Throws std::bad_alloc.
std::optional<AuthParameter> parse_auth_parameter(std::string_view element);

}  // namespace sluice::rules
