// What an origin with a GuardPlan makes of the Authorization field of a request: RFC 7617, and RFC 7616 with the
// response computed anew. Knows the nonces that it has given and how often each was used. Leaves to others: which
// requests are guarded, and what the answer is (hops.cpp).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim_origin.hpp"
#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {

struct Verdict {
  enum class Sent : std::uint8_t { nothing, basic, digest, other };
  Sent sent = Sent::nothing;
  bool lets_in = false;
  bool stale = false;   // only the nonce was refused
  std::string finding;  // what no client may do; "": nothing
};

// Whose request it is. Two requests of one hop may be the same.
struct Visitor {
  std::uint32_t transfer = 0;
  std::size_t hop = 0;
  bool may_be_late = false;  // it may be of an earlier hop
};

class Guard {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Guard(const GuardPlan& plan, std::size_t origin) : plan_(plan), origin_(origin) {}
  Verdict judge(const sim::HttpRequest& request, const Visitor& who);
  // The fields of a refusal, with a new nonce.
  Fields challenge(bool stale, bool in_one_field);
  // Those of the response to a request with Digest that was let in.
  Fields info();

 private:
  struct Nonce {
    std::size_t number = 0;
    std::map<std::string, Visitor> counts;  // with each count: who had it
    std::size_t uses = 0;
  };
  std::string new_nonce();
  void judge_digest(const sim::HttpRequest& request, std::string_view value, const Visitor& who, Verdict& verdict);

  GuardPlan plan_;
  std::size_t origin_;
  std::map<std::string, Nonce> nonces_;
};

// Of the origin with that number.
std::string user_of(std::size_t origin);
std::string password_of(std::size_t origin);
// The password that the transfer has: for its first origin, or a wrong one.
std::string password_for(const TransferPlan& plan, std::size_t origin);
// The value of an Authorization field.
std::string basic_field(const std::string& user, const std::string& password);

}  // namespace sluice::simtest
