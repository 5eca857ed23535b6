// The owner of one transfer: see Client in world.hpp.
#include <algorithm>
#include <utility>

#include "tests/sim/multi/world.hpp"

namespace sluice::simtest::driven {

using std::chrono::microseconds;

Client::Client(World& world, std::size_t which)
    : number(which),
      world_(world),
      plan_(world.plan().transfers[which]),
      random_(draws(world.plan().seed, Draws::client, which)) {}

std::string Client::name() const { return "transfer " + std::to_string(number); }

void Client::called(const Multi& multi, TransferId of, const char* what) {
  world_.environment().progress();
  if (!world_.in_drive) world_.fail("callbacks come from drives", name() + ": " + what);
  if (world_.has_multi() && &multi != &world_.multi()) world_.fail("callbacks name their Multi", name() + ": " + what);
  if (of != id) world_.fail("callbacks name their transfer", name() + ": " + what);
  if (removed) world_.fail("no callback follows remove()", name() + ": " + what);
  if (done) world_.fail("no callback follows on_done", name() + ": " + what);
}

void Client::on_interim(Multi& multi, TransferId of, const ResponseHead& head) {
  called(multi, of, "on_interim");
  ++interims;
  if (head.status != 103 && head.status != 100)
    world_.fail("interim responses", name() + ": " + std::to_string(head.status));
  world_.mischief(random_, this);
}

void Client::on_head(Multi& multi, TransferId of, const ResponseHead& head) {
  called(multi, of, "on_head");
  status = head.status;
  if (++heads != 1) world_.fail("one head", name() + " has heard of " + std::to_string(heads));
  world_.mischief(random_, this);
}

// The offered bytes follow those that were taken so far.
void Client::compare(Bytes bytes) {
  if (has_wrong_body(plan_)) return;
  const std::string_view whole = content(plan_.start, plan_.method == "HEAD" ? 0 : plan_.size);
  if (received + bytes.size() > whole.size() || as_text(bytes) != whole.substr(received, bytes.size()))
    world_.fail("bodies are the origin's", name() + ": other bytes from " + std::to_string(received) + " on");
}

std::size_t Client::on_body(Multi& multi, TransferId of, Bytes bytes) {
  called(multi, of, "on_body");
  if (heads != 1) world_.fail("the head comes first", name());
  if (bytes.empty()) world_.fail("on_body brings bytes", name());
  if (body_paused_) world_.fail("a paused transfer is left alone", name() + ": on_body");
  compare(bytes);
  std::size_t taken = bytes.size();
  if (chance(random_, plan_.pauses)) {
    taken = chance(random_, 500) ? 0 : random_.below(bytes.size());
    pause(body_paused_);
  }
  world_.mischief(random_, this);
  received += taken;
  return taken;
}

// Pauses until resume(), which is called automatically later.
void Client::pause(bool& which) {
  which = !resume_waits_;
  const Duration delay = chance(random_, 300)
                             ? Duration(0)
                             : Duration(random_.below(static_cast<std::uint64_t>(plan_.longest_pause.count())));
  world_.environment().later(world_.environment().steady() + delay, [this] { resume(); });
}

void Client::resume() {
  body_paused_ = upload_paused_ = false;
  resume_waits_ = true;
  resumed_inside_ = world_.in_drive;
  world_.multi().resume(id);
  world_.excuse_idle_drive();
}

void Client::fail_upload() {
  upload_over_ = true;
  const auto say = [this] { world_.multi().fail_upload(id, "the simulated source broke"); };
  if (chance(random_, 500)) return say();
  world_.environment().later(world_.environment().steady() + microseconds(random_.below(800)), say);
}

void Client::finish_upload(bool inside) {
  upload_over_ = true;
  const auto say = [this] {
    world_.multi().finish_upload(id);
    world_.excuse_idle_drive();
  };
  if (inside) return say();
  world_.environment().later(world_.environment().steady() + microseconds(random_.below(800)), say);
}

std::size_t Client::on_upload(Multi& multi, TransferId of, MutableBytes space) {
  called(multi, of, "on_upload");
  if (space.empty()) world_.fail("on_upload has space", name());
  if (upload_paused_) world_.fail("a paused transfer is left alone", name() + ": on_upload");
  world_.mischief(random_, this);
  if (removed || upload_over_) return 0;
  if (chance(random_, plan_.pauses)) {
    pause(upload_paused_);
    return 0;
  }
  const std::size_t end = plan_.fail_upload_at ? std::min(*plan_.fail_upload_at, plan_.upload_size) : plan_.upload_size;
  std::size_t count = std::min(space.size(), end - given_);
  if (count > 0 && chance(random_, 300)) count = 1 + random_.below(count);
  std::ranges::copy(as_bytes(content(plan_.upload_start + given_, count)), space.begin());
  given_ += count;
  if (given_ == end) plan_.fail_upload_at ? fail_upload() : finish_upload(chance(random_, 700));
  return count;
}

void Client::on_done(Multi& multi, TransferId of, const Result<void>& end) {
  called(multi, of, "on_done");
  done = true;
  result = end;
  world_.judge(*this, {of, nullptr, end, multi.head(of).status, multi.progress(of), multi.info(of)});
  if (plan_.remove_unread) {
    if (chance(random_, 500)) return world_.remove(*this);
    world_.environment().later(world_.environment().steady(), [this] { world_.remove(*this); });
  }
  world_.mischief(random_, this);
}

void Client::take_body() {
  const Bytes bytes = world_.multi().body(id);
  if (bytes.empty()) return;
  compare(bytes);
  const std::size_t taken = chance(random_, 700) ? bytes.size() : random_.below(bytes.size() + 1);
  received += taken;
  world_.multi().consume_body(id, taken);
  world_.excuse_idle_drive();
  if (taken > 0) world_.environment().progress();
}

}  // namespace sluice::simtest::driven
