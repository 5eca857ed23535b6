// The oracles of the mode for names (run.hpp): what the application, the resolver and the network have seen, and what
// follows from it. Knows the plan, not the engine.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/address.hpp"
#include "core/outputs.hpp"
#include "tests/sim/names/plan.hpp"
#include "tests/sim/run.hpp"

namespace sluice::simtest::names {

class NameOracles {
 public:
  // Both must outlive this object.
  NameOracles(const Plan& plan, PlannedRule& rule) : plan_(plan), rule_(rule) {}

  // Before and after a transfer is added; no other transfer has its port.
  void adding(int host, AddressFamily family, std::uint16_t port, Instant now);
  void added(std::uint16_t port);
  void removed(std::uint16_t port) { transfers_.erase(port); }
  void asked(int host, AddressFamily family, Instant now);
  void answered(int host, AddressFamily family, const Result<NameAnswer>& answer, Instant now);
  void connecting(const Address& address, Instant now);
  void refused(std::uint16_t port);
  void connected(std::uint16_t port, const IpAddress& address, Instant now);
  void ended(std::uint16_t port, const Result<void>& result, const TransferInfo& info, Instant now);
  void passed(Instant now);

  void report(std::string oracle, std::string message);
  const std::optional<Finding>& finding() const { return finding_; }

 private:
  using Key = std::pair<int, AddressFamily>;
  enum class State : std::uint8_t { unknown, fresh, stale, failed };
  struct Name {
    std::vector<IpAddress> addresses;  // of the last answer, in the order in which they are tried
    std::optional<Instant> end;        // of a whole answer; nullopt: it serves only those that waited for it
    bool in_part = false;
    bool is_looked_up = false;
    std::optional<Instant> fails_until, waits_until;
    IpAddress::Kind won = IpAddress::Kind::none;
    Instant won_until;
  };
  struct Transfer {
    Key key;
    Instant added;
    State state = State::unknown;
    std::vector<IpAddress> may_use;  // before the rule was asked
    std::vector<IpAddress> last_answer;
    std::optional<IpAddress> first;  // expected, if it has an answer
    bool asked = false;              // a look-up was begun when it was added
    bool waits = false;              // for the look-up that runs
    bool look_up_failed = false;
    std::vector<IpAddress> tried;
    std::size_t refusals = 0;
  };

  State state_of(const Name& name, Instant now) const;
  std::optional<IpAddress> judged(const IpAddress& address) const;
  static std::vector<IpAddress> in_order(const std::vector<IpAddress>& addresses, IpAddress::Kind first);
  Duration good_for(std::optional<Duration> ttl) const;
  void check_end(const Transfer& transfer, const Error& error, const std::string& who);

  const Plan& plan_;
  PlannedRule& rule_;
  std::optional<Finding> finding_;
  std::map<Key, Name> names_;
  std::map<std::uint16_t, Transfer> transfers_;  // by port
  std::uint16_t adding_ = 0;
};

}  // namespace sluice::simtest::names
