// What is known of each transfer from both ends, and the origins of a run, which write it down: they answer by the
// plan. Leaves to run.hpp: the client, and what must be true at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/sim_origin.hpp"
#include "core/types.hpp"
#include "tests/sim/http2/plan.hpp"

namespace sluice::simtest::http2 {

struct Account {
  const TransferPlan* plan = nullptr;
  std::size_t number = 0;
  // The client's end
  TransferId id = {};
  Instant begun_at = {}, ended_at = {};
  bool begun = false, ended = false, paused = false, pause_over = false;
  std::string body;
  std::size_t interims = 0;
  std::size_t given = 0;  // bytes of its streamed upload
  bool upload_waits = false, upload_waited = false;
  std::string cookies;  // what its Cookie field has to be
  std::optional<Instant> reprioritized_at = {};
  // The origin's end
  std::size_t tries = 0;         // how often its request came
  std::size_t processed = 0;     // in how many of these the origin has not said that it did nothing
  std::size_t refusals = 0;      // in how many it has
  bool faulty = false;           // there was a fault in the last one
  bool needs_http1 = false;      // the client was told so
  bool was_told = false;         // its later priority came for the last one
  bool was_misdirected = false;  // there was a 421 as an answer, the last time ...
  std::pair<std::uint64_t, std::uint64_t> last_misdirected = {};            // ... to this connection and number there
  std::pair<std::uint64_t, std::uint64_t> last = {UINT64_MAX, UINT64_MAX};  // its connection, and its number there
};

using FieldPairs = std::vector<std::pair<std::string, std::string>>;
using Report = std::function<void(std::string oracle, std::string message)>;

class Book {
 public:
  Book(const Plan& plan, Report report);

  std::vector<Account>& accounts() { return accounts_; }
  const std::vector<Account>& accounts() const { return accounts_; }
  // Of origin `number`; the Book outlives it.
  sim::Accept origin(std::size_t number);

  std::string reply_body(const Account& account) const;
  std::string upload_body(const Account& account) const;
  FieldPairs upload_trailers(const Account& account) const;
  // Some request to the origin was told to use HTTP/1.1.
  bool has_asked_for_http1(std::size_t origin) const { return for_http1_.contains(origin); }

 private:
  // One origin's.
  class Watcher final : public sim::Http2Watcher {
   public:
    explicit Watcher(Book& book) : book_(book) {}
    void unprocessed(const sim::HttpRequest& request) override;
    void upload_came(const sim::HttpRequest& request) override { book_.check_upload(request); }
    void needs_http1(const sim::HttpRequest& request) override;
    void reprioritized(const sim::HttpRequest& request, std::string_view value) override;
    void answers(const sim::HttpRequest& request, Instant now) override;
    void windows(std::int64_t stream, std::size_t sent, std::int64_t connection) override;
    void left_open(const sim::HttpRequest& request, Instant now) override;
    void unanswered(Duration ago) override;

   private:
    Book& book_;
  };

  Account* account_of(const sim::HttpRequest& request);
  sim::HttpReply respond(const sim::HttpRequest& request);
  sim::HttpReply redirect(const Account& account) const;
  void note_try(Account& account, const sim::HttpRequest& request);
  // What is known of a connection with an origin since its first request.
  struct Conn {
    std::size_t host = 0;  // that it was made for
    bool is_modern = false;
  };
  std::optional<sim::HttpReply> misdirected(Account& account, const sim::HttpRequest& request);
  void check_connection(const Account& account, const sim::HttpRequest& request);
  void check_fields(const Account& account, const sim::HttpRequest& request);
  void check_upload(const sim::HttpRequest& request);

  const Plan& plan_;
  const Report report_;
  std::vector<Account> accounts_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::set<std::size_t> for_http1_;                              // origins
  std::map<std::pair<std::size_t, std::uint64_t>, Conn> conns_;  // by origin and number
};

std::string name_of(const Account& account);  // "transfer 7"
bool has_reply_body(const TransferPlan& plan);

}  // namespace sluice::simtest::http2
