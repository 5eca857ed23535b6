// One question to the name servers: the addresses of one name in one family, or its HTTPS records, or the addresses of
// both families from /etc/hosts. Each
// query has a c-ares channel of its own, because c-ares ends all queries of a channel after one malformed answer,
// broken connection or refusing server (SB-86). Only query.cpp includes c-ares. Leaves the sequence of names to
// resolver.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/environment.hpp"
#include "adapters/net/descriptor.hpp"
#include "core/engine.hpp"
#include "core/socket_options.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace sluice::net {

class Query;

// Called by a query inside its own functions: the host must only record what happened and act later. Must not throw.
class QueryHost {
 public:
  // Both false: stop watching, before the descriptor is closed.
  virtual void query_watches(Query& query, int fd, bool read, bool write) noexcept = 0;
  virtual void query_finished(Query& query) noexcept = 0;

 protected:
  ~QueryHost() = default;
};

struct QueryOptions {
  enum class From : std::uint8_t { name_servers, hosts_file };
  From from = From::name_servers;
  std::string servers = {};                  // "127.0.0.1:53,[::1]:53"
  std::chrono::milliseconds timeout{2'000};  // of the first try of a server; doubled in each round
  int attempts = 3;
  bool rotate = false, tcp = false;
  SocketOptions sockets = {};                     // the interface and the local addresses count
  std::shared_ptr<const SocketCalls> calls = {};  // null: none
};

class Query {
 public:
  explicit Query(QueryHost& host) : host_(host) {}
  ~Query();  // ends each watch, then closes its descriptor; makes no other call
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Result<void> open(const QueryOptions& options);  // call it once, before ask()
  // Begins a question, which may end inside the call. After its end another question may be asked. `name` is used
  // unchanged.
  void ask(const std::string& name, AddressFamily family);
  // The same for HTTPS records (RFC 9460); `owner` as https_owner() gives it.
  void ask_https(const std::string& owner);
  bool running() const { return running_; }

  void process(int fd, bool readable, bool writable);
  void process_timeouts();
  // The time until process_timeouts() is due; nullopt: never.
  std::optional<Duration> time_left() const;

  // ---- the result, after query_finished() ----
  const std::vector<IpAddress>& addresses() const { return addresses_; }
  // After ask_https(): null: there are none, or they could not be found.
  const std::shared_ptr<const HttpsRecords>& https() const { return https_; }
  bool is_for_https() const { return !https_owner_.empty(); }
  bool https_failed() const { return https_failed_; }          // it is not known whether there are any
  const std::optional<Duration>& ttl() const { return ttl_; }  // the smallest TTL of the answer's records
  bool says_none() const;                      // the name does not exist, or has no address of the family
  bool may_go_on() const;                      // another name may be tried: says_none(), or the server could not answer
  Error error(const std::string& host) const;  // why there is no address
  bool ran_out_of_descriptors() const;
  bool ran_out_of_memory() const;

  void* user = nullptr;  // for the host

 private:
  struct Glue;  // the callbacks of c-ares (query.cpp)
  bool has_wishes() const;
  Result<Descriptor> make_socket(int family, int type, int protocol) const;
  void take(const ares_addrinfo* found);
  void take_https(Bytes answer);
  void forget();

  QueryHost& host_;
  ares_channeldata* channel_ = nullptr;
  QueryOptions::From from_ = QueryOptions::From::name_servers;
  bool running_ = false;
  bool silent_ = false;  // being destroyed: no calls to the host
  std::vector<IpAddress> addresses_;
  std::string https_owner_;  // "": asked for addresses
  std::shared_ptr<const HttpsRecords> https_;
  bool https_failed_ = false;
  std::optional<Duration> ttl_;
  int status_ = 0;        // a c-ares status
  int answered_ = -1;     // the RCODE of the last answer over UDP (RFC 1035 4.1.1); -1: none came
  int socket_error_ = 0;  // errno of the last socket call that failed
  SocketOptions sockets_;
  std::shared_ptr<const SocketCalls> calls_;
  std::string no_socket_;  // why the last socket could not be made as it was wanted; "": no such failure
  char server_[64] = {};   // the server of answered_ or socket_error_
};

}  // namespace sluice::net
