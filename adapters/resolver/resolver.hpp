// Names to addresses, never blocking: localhost (RFC 6761 6.3), /etc/hosts, then DNS by c-ares under the system's
// resolv.conf. Knows questions and answers. Leaves watching its descriptors to whoever made it, and caching and the
// order of attempts to the engine.
//
// Each name stands alone (SB-86): a query is a channel of its own (query.hpp), at most kMostQueries at a time; more
// names wait in line. IPv4 and IPv6 are asked for at once. The first that has addresses is an answer already, with more
// to come.
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
  // "127.0.0.1:5353", comma-separated; empty: the system's.
  std::string servers;
  // Called for each change of what to watch; both false: stop, before the descriptor is closed. Must not throw, nor
  // call the resolver.
  std::function<void(int fd, bool read, bool write)> watch;
  std::string resolv_conf = "/etc/resolv.conf";  // read with the first question that goes to a server
};

// Whether each entry of ResolverOptions::servers is one. Error invalid_option names the first that is none. May throw
// std::bad_alloc.
Result<void> check_servers(std::string_view servers);

using Answer = NameResolver::Answer;

class Resolver final : public NameResolver, private QueryHost {
 public:
  explicit Resolver(ResolverOptions options);
  ~Resolver() override;  // closes every descriptor once, each after its watch ended

  static constexpr std::size_t kMostQueries = 64;  // at once; a name takes two, and as many sockets, or some more

  void start(const output::Resolve& question) override;  // may have the answer at once
  void cancel(ResolveId id) override;
  void process(int fd, bool readable, bool writable) override;
  // Walks what runs, so the answer is kept until something happens.
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
  void on_all_finished(LookUp& look_up);
  void over(LookUp& look_up, Result<NameAnswer> found);
  void drop(LookUp& look_up);

  ResolverOptions options_;
  std::optional<QueryOptions> settings_;  // made with the first question that needs it: that reads files
  ResolvConf conf_;
  std::unique_ptr<Query> hosts_file_;
  std::vector<std::unique_ptr<LookUp>> look_ups_;  // the open ones; each knows its place
  std::vector<LookUp*> by_index_;                  // by ResolveId::index, for cancel()
  // For their queries, in the order in which they came; some may be gone.
  std::deque<ResolveId> waiting_;
  std::vector<std::unique_ptr<Query>> spare_;  // their channels are open, and have no sockets
  std::vector<Socket> sockets_;                // with room for all that the running queries may open
  std::vector<Query*> running_;
  std::vector<Query*> finished_;             // of these, since settle(); with room for all
  std::size_t most_queries_ = kMostQueries;  // fewer, where descriptors have run out
  std::optional<Instant> deadline_;
  bool deadline_known_ = false;
};

}  // namespace sluice::net
