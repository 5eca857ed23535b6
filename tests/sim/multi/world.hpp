// The application of a run: transfers with their owners, their actions in callbacks and between drives, and the
// oracles. Leaves driving the Multi to drives.hpp, and streams to wire.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/multi.hpp"
#include "tests/sim/multi/plan.hpp"
#include "tests/sim/multi/wire.hpp"

namespace sluice::simtest::driven {

class World;

// The owner of one transfer: compares what it is told with the plan.
class Client final : public TransferHandler {
 public:
  Client(World& world, std::size_t number);

  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override;
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override;
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override;
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override;
  void on_done(Multi& multi, TransferId id, const Result<void>& result) override;

  const TransferPlan& plan() const { return plan_; }
  std::string name() const;
  bool running() const { return id && !done && !removed; }
  // Without a handler: consumes some of the body.
  void take_body();
  void resume();
  // A complete drive is over: a resume() before it has had its effect; one inside it has its effect in the next drive.
  void driven() {
    if (!std::exchange(resumed_inside_, false)) resume_waits_ = false;
  }

  const std::size_t number;
  TransferId id;  // default: not added yet
  bool done = false, removed = false, message_read = false, canceled = false;
  std::optional<Instant> deadline;
  Result<void> result;
  int heads = 0, interims = 0, status = 0;
  bool by_route = false;
  std::size_t received = 0;
  // At the origin
  int requests_complete = 0;
  std::pair<std::uint64_t, std::uint64_t> counted = {UINT64_MAX, UINT64_MAX};  // the last one's connection and number
  bool arrived_whole = false;

 private:
  // Every callback begins with it.
  void called(const Multi& multi, TransferId of, const char* what);
  void compare(Bytes bytes);
  void pause(bool& which);
  void fail_upload();
  void finish_upload(bool inside);

  World& world_;
  const TransferPlan& plan_;
  Random random_;
  std::size_t given_ = 0;  // bytes of the upload
  bool upload_over_ = false;
  bool body_paused_ = false, upload_paused_ = false;    // certainly paused
  bool resume_waits_ = false, resumed_inside_ = false;  // it may undo a later pause
};

class World final : private sim::Http2Watcher {
 public:
  // `each_line` gets the trace line by line soon after it was written; may be null.
  explicit World(const Plan& plan, std::function<void(const std::string&)> each_line = nullptr);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  // "" on success, else what failed.
  std::string run();

  Multi& multi() { return *multi_; }
  SimEnvironment& environment() { return environment_; }
  const Plan& plan() const { return environment_.plan(); }
  void fail(std::string_view oracle, std::string_view what) { environment_.fail(oracle, what); }
  // Inside a drive: the only place for callbacks, and driving is refused there.
  bool in_drive = false;
  bool has_multi() const { return multi_ != nullptr; }

  // Sometimes does something that a callback may do. `client`: the owner of the callback; null: the sink. `client` may
  // be invalid afterwards.
  void mischief(Random& random, Client* client);
  void remove(Client& client);
  void change_something(Random& random, Client& client);
  void read_messages(std::size_t most);
  void judge(Client& client, const Message& message);
  // After calls of the application a drive may have nothing to do.
  void excuse_idle_drive() { environment_.excuse_idle_drive(); }

  // Called around each drive by drives.cpp.
  void before_drive();
  void after_drive(Drive answer, int running, bool asked_for);

 private:
  Client* client_of(const sim::HttpRequest& request);
  sim::HttpReply respond(std::size_t origin, const sim::HttpRequest& request);
  void unprocessed(const sim::HttpRequest& request) override;
  void add_due();
  bool add(Client& client);
  Client* next_to_add();
  void judge_success(Client& client, const Message& message);
  bool explained(const Client& client, const Error& error, const Progress& progress) const;
  void check_counts(int running);
  bool over() const;
  bool stuck(std::uint64_t step);
  void drive_all();
  void rest_at_the_end();
  void tear_down();
  void show_trace();

  SimEnvironment environment_;
  std::vector<std::shared_ptr<LineDialer>> dialers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<TransferId, Client*> by_id_;
  std::unique_ptr<Multi> multi_;
  std::unique_ptr<class Drives> drives_;
  Random random_;

  std::function<void(const std::string&)> each_line_;
  std::size_t shown_ = 0;
  std::uint64_t step_ = 0;
  Instant drive_began_;
  std::uint64_t progress_before_ = 0;
  int idle_drives_ = 0;
  std::uint64_t progress_seen_ = 0, progress_step_ = 0;
  Instant progress_at_;
};

}  // namespace sluice::simtest::driven
