// One question to the name servers: the addresses of one name in one family, or in both from /etc/hosts. Each on a
// channel of its own, since c-ares ends all that runs on a channel with the first broken answer, cut connection or
// refusing server (SB-86). Query.cpp is the one file that includes c-ares.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace sluice::net {

class Query;

// Told by a query, from inside of its calls: note it, and act later. Nothing may be thrown.
class QueryHost {
 public:
  // Both false: no more, before the descriptor is closed.
  virtual void query_watches(Query& query, int fd, bool read, bool write) noexcept = 0;
  virtual void query_finished(Query& query) noexcept = 0;

 protected:
  ~QueryHost() = default;
};

struct QueryOptions {
  enum class From : std::uint8_t { name_servers, hosts_file };
  From from = From::name_servers;
  std::string servers = {};                  // "127.0.0.1:53,[::1]:53"
  std::chrono::milliseconds timeout{2'000};  // of the first try of a server; doubled for each round
  int attempts = 3;
  bool rotate = false, tcp = false;
};

class Query {
 public:
  explicit Query(QueryHost& host) : host_(host) {}
  ~Query();  // closes its descriptors, each after its watch; says nothing else
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Result<void> open(const QueryOptions& options);  // once, before ask()
  // May be over at once. Then another may be asked on the same channel. `name` is asked for as it is.
  void ask(const std::string& name, AddressFamily family);
  bool running() const { return running_; }

  void process(int fd, bool readable, bool writable);
  void process_timeouts();
  // Until process_timeouts() is due; nullopt: never.
  std::optional<Duration> time_left() const;

  // ---- what came of it, once query_finished() was said ----
  const std::vector<IpAddress>& addresses() const { return addresses_; }
  const std::optional<Duration>& ttl() const { return ttl_; }  // the least one of the answer's records
  bool says_none() const;                      // there is no such name, or it has no address of the family
  bool may_go_on() const;                      // to another name: so it is, or the server said that it cannot tell
  Error error(const std::string& host) const;  // what came back, in words
  bool ran_out_of_descriptors() const;
  bool ran_out_of_memory() const;

  void* user = nullptr;  // the host's own

 private:
  struct Glue;  // c-ares' callbacks (query.cpp)
  void take(const ares_addrinfo* found);
  void forget();

  QueryHost& host_;
  ares_channeldata* channel_ = nullptr;
  QueryOptions::From from_ = QueryOptions::From::name_servers;
  bool running_ = false;
  bool silent_ = false;  // on its way out
  std::vector<IpAddress> addresses_;
  std::optional<Duration> ttl_;
  int status_ = 0;        // c-ares' own
  int answered_ = -1;     // the RCODE of the last answer over UDP (RFC 1035 4.1.1); -1: none came
  int socket_error_ = 0;  // errno of the last thing that failed
  char server_[64] = {};  // who said either
};

}  // namespace sluice::net
