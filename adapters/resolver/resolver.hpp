// Names to addresses by c-ares, never blocking: overrides, localhost (RFC 6761 6.3), /etc/hosts, then DNS.
// Knows questions and answers. Leaves watching its descriptors to whoever made it, and caching and the order of
// attempts to the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.hpp"

struct ares_channeldata;

namespace sluice::net {

struct Override {
  std::string host;
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses;
};

struct ResolverOptions {
  std::vector<Override> overrides;
  // "127.0.0.1:5353", comma-separated; empty: the system's.
  std::string servers;
  // Called for each change of what to watch; both false: stop, before the descriptor is closed.
  std::function<void(int fd, bool read, bool write)> watch;
};

struct Answer {
  ResolveId id;
  Result<std::vector<IpAddress>> addresses;
};

class Resolver {
 public:
  explicit Resolver(ResolverOptions options);
  ~Resolver();  // closes every descriptor once, each after its watch ended
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Room for the answer to one more question. Throws std::bad_alloc, having changed nothing that shows.
  void make_room() {
    if (answers_.capacity() - answers_.size() <= open_) grow_answers();
  }
  // Never answers by itself: see next_answer(), which may have the answer at once. After make_room(); throws nothing, a question
  // that there is no memory for is answered with out_of_memory.
  void start(const output::Resolve& question);
  void cancel(ResolveId id);
  std::optional<Answer> next_answer();
  bool has_answer() const { return next_answer_ < answers_.size(); }
  std::size_t answers() const { return answers_.size() - next_answer_; }

  void process(int fd, bool readable, bool writable);
  // When process_timeouts() is due; nullopt: no question is open. c-ares walks its questions for it, so the answer is
  // kept until something happens.
  std::optional<Instant> deadline(Instant now);
  void process_timeouts();

  std::size_t open_questions() const { return open_; }

 private:
  struct Query;
  struct Glue;  // c-ares' callbacks (resolver.cpp)

  void grow_answers();
  // There is room for it: nothing may be thrown through c-ares, whose callbacks answer.
  void answer(ResolveId id, Result<std::vector<IpAddress>> addresses) noexcept {
    answers_.push_back({id, std::move(addresses)});
  }
  void look_up(const output::Resolve& question);
  Result<void> open_channel();
  bool answer_without_network(const output::Resolve& question);
  void ask(const output::Resolve& question);

  ResolverOptions options_;
  ares_channeldata* channel_ = nullptr;          // made with the first question that needs it: that reads files
  std::vector<std::unique_ptr<Query>> queries_;  // what c-ares works on, canceled ones included; each knows its place
  std::vector<Query*> by_index_;                 // by ResolveId::index, for cancel()
  std::vector<Answer> answers_;  // with room for one to each open question
  std::size_t next_answer_ = 0;
  std::size_t open_ = 0;  // questions someone still waits for
  std::optional<Instant> deadline_;
  bool deadline_known_ = false;
};

}  // namespace sluice::net
