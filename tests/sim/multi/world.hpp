// The application of a run: transfers with their owners, what these do in callbacks and between drives, and what must
// hold: the oracles. How the Multi is driven stands in multi_drives, streams and far ends in multi_wire.
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
  // Without a handler: takes some of what is there.
  void take_body();
  void resume();
  // A drive has done all it could: a resume() from before it has had its effect, one from inside has it in the next.
  void driven() {
    if (!std::exchange(resumed_inside_, false)) resume_waits_ = false;
  }

  const std::size_t number;
  TransferId id;  // none: not added yet
  bool done = false, removed = false, message_read = false;
  std::optional<Instant> deadline;
  Result<void> result;
  int heads = 0, interims = 0, status = 0;
  bool by_route = false;
  std::size_t received = 0;
  // At the origin
  int requests_complete = 0;
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
  std::size_t given_ = 0;  // of the upload
  bool upload_over_ = false;
  bool body_paused_ = false, upload_paused_ = false;    // for sure
  bool resume_waits_ = false, resumed_inside_ = false;  // it may undo a pause of after it
};

class World {
 public:
  // `each_line` gets the trace line by line, soon after it was written. Null: nobody does.
  explicit World(const Plan& plan, std::function<void(const std::string&)> each_line = nullptr);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  // "" if all is well.
  std::string run();

  Multi& multi() { return *multi_; }
  Ground& ground() { return ground_; }
  const Plan& plan() const { return ground_.plan(); }
  void fail(std::string_view oracle, std::string_view what) { ground_.fail(oracle, what); }
  // In a drive: the only place for callbacks, and one where driving is refused.
  bool in_drive = false;
  bool has_multi() const { return multi_ != nullptr; }

  // Something a callback may do, now and then. `client`: whose callback it is; null: the sink's. Nothing of `client` is
  // valid after it.
  void mischief(Random& random, Client* client);
  void remove(Client& client);
  void read_messages(std::size_t most);
  void judge(Client& client, const Message& message);
  // What the application asked for may make a drive that finds nothing to do.
  void excuse_idle_drive() { ground_.excuse_idle_drive(); }

  // Around each drive, by multi_drives.
  void before_drive();
  void after_drive(Drive answer, int running, bool asked_for);

 private:
  sim::HttpReply respond(std::size_t origin, const sim::HttpRequest& request);
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

  Ground ground_;
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
