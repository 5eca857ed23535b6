// Resolves names without blocking: localhost (RFC 6761 6.3), /etc/hosts, then DNS with c-ares and the system's
// resolv.conf. Leaves watching its descriptors to its owner, and caching and the order of attempts to the engine.
//
// Names do not affect each other (SB-86): each query has its own channel (query.hpp). At most kMostQueries run at a
// time; more names wait in a queue. IPv4 and IPv6, and HTTPS records where they are wanted, are asked for at the same
// time. What comes before the last of them gives an answer with more_to_come.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/resolver/query.hpp"
#include "adapters/resolver/resolv_conf.hpp"
#include "core/engine.hpp"

namespace sluice::net {

struct ResolverOptions {
  // "127.0.0.1:5353", separated by commas; empty: the system's.
  std::string servers;
  // Called for each change of what to watch; both false: stop watching, before the descriptor is closed. Must not
  // throw, and must not call the resolver.
  std::function<void(int fd, bool read, bool write)> watch;
  SocketOptions sockets = {};                     // interface and local addresses of its sockets
  std::shared_ptr<const SocketCalls> calls = {};  // null: none
  std::string resolv_conf = "/etc/resolv.conf";   // read at the first question for a server
};

// Checks the entries of ResolverOptions::servers. Error: invalid_option (the message names the first invalid entry).
// May throw std::bad_alloc.
Result<void> check_servers(std::string_view servers);
// Checks NameOptions::interface: empty, or the name of an interface of this system. Error: invalid_option. May throw
// std::bad_alloc.
Result<void> check_interface(const std::string& interface);

using Answer = NameResolver::Answer;

class Resolver final : public NameResolver, private QueryHost {
 public:
  explicit Resolver(ResolverOptions options);
  ~Resolver() override;  // ends each watch, then closes its descriptor

  static constexpr std::size_t kMostQueries = 64;  // at once; a name needs two or three, and as many sockets or more

  void start(const output::Resolve& question) override;  // may have the answer at once
  void cancel(ResolveId id) override;
  void process(int fd, bool readable, bool writable) override;
  // Walks the running queries, so the result is cached until something changes.
  std::optional<Instant> deadline(Instant now) override;
  void process_timeouts() override;

 private:
  struct LookUp;
  struct Socket {
    int fd;
    Query* query;
  };

  // ---- QueryHost ----
  void query_watches(Query& query, int fd, bool read, bool write) noexcept override;
  void query_finished(Query& query) noexcept override;

  void look_up(const output::Resolve& question);
  bool answer_without_network(const output::Resolve& question);
  bool answer_from_hosts(const output::Resolve& question);
  void configure();
  LookUp* find(ResolveId id) const;
  bool may_run_next() const;
  void run_waiting();
  void ask_name(LookUp& look_up);
  Result<void> begin(LookUp& look_up);
  Result<std::unique_ptr<Query>> take_query();
  void settle();
  void on_finished(LookUp& look_up, Query& query);
  static NameAnswer found_so_far(LookUp& look_up, bool more_to_come);
  void on_all_finished(LookUp& look_up);
  void over(LookUp& look_up, Result<NameAnswer> found);
  void drop(LookUp& look_up);

  ResolverOptions options_;
  std::optional<QueryOptions> settings_;  // made at the first question that needs it, because it reads files
  ResolvConf conf_;
  std::unique_ptr<Query> hosts_file_;
  std::vector<std::unique_ptr<LookUp>> look_ups_;  // the open look-ups; each knows its index
  std::vector<LookUp*> by_index_;                  // by ResolveId::index, for cancel()
  // Look-ups that wait for a query, in order; some may have ended.
  std::deque<ResolveId> waiting_;
  std::vector<std::unique_ptr<Query>> spare_;  // with open channels and no sockets
  std::vector<Socket> sockets_;                // has capacity for all sockets that the running queries may open
  std::vector<Query*> running_;
  std::vector<Query*> finished_;             // those that finished since settle(); has capacity for all
  std::size_t most_queries_ = kMostQueries;  // less after descriptors have run out
  std::optional<Instant> deadline_;
  bool deadline_known_ = false;
};

}  // namespace sluice::net
