// Fuzzes adapters/multi.hpp with transports without descriptors: scripted ones and memory_pair(). Input: a program of
// application calls, also inside callbacks (see Program::step), and of results of the transports. Nothing sleeps, no
// socket is opened and no name is resolved.
// Oracles: each transfer gets one on_done and one Message, unless it was removed; a success has exactly the peer's
// bytes; the counts of running transfers agree; driving inside a callback is refused; when all peers are correct,
// everything ends within a bounded number of drives; no transport outlives the Multi.
#include <sys/select.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/multi.hpp"
#include "adapters/transport.hpp"
#include "fuzz/support/http_peer.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "fuzz/support/scripted_transport.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kMostSteps = 300;
constexpr std::size_t kMostTransfers = 20;
constexpr int kMostDrives = 20'000;

class Program;

// One transfer's owner.
class Owner : public TransferHandler {
 public:
  Owner(Program& program, std::size_t number) : program_(program), number_(number) {}
  void on_interim(Multi& multi, TransferId transfer, const ResponseHead& head) override;
  void on_head(Multi& multi, TransferId transfer, const ResponseHead& head) override;
  std::size_t on_body(Multi& multi, TransferId transfer, Bytes bytes) override;
  std::size_t on_upload(Multi& multi, TransferId transfer, MutableBytes space) override;
  void on_done(Multi& multi, TransferId transfer, const Result<void>& result) override;

  TransferId id;
  std::size_t taken = 0;
  int heads = 0, dones = 0, messages = 0;
  std::optional<bool> success;
  bool removed = false, streams = false;

 private:
  bool expected(TransferId transfer);
  Program& program_;
  const std::size_t number_;
};

// The far end of a memory_pair.
struct Pair {
  std::unique_ptr<MemoryStream> stream;
  HttpPeer peer;
  bool over = false;
};

std::unique_ptr<Multi> make_multi(Input& input) {
  MultiOptions options;
  options.engine.max_connections = input.below(5);
  options.engine.max_connections_per_origin = input.below(3);
  options.max_reads_per_perform = 1 + input.below(20);
  options.max_drive_time = std::chrono::hours(1);
  auto made = Multi::create(std::move(options));
  FUZZ_CHECK_SAYING(made.has_value(), made.error().message());
  return std::move(*made);
}

std::shared_ptr<const TlsConfig> trusting_everyone() {
  static const std::shared_ptr<const TlsConfig> config = [] {
    TlsOptions options;
    options.verify_peer = false;  // the certificates are not valid at the clock's time
    auto made = TlsConfig::create(options);
    FUZZ_CHECK(made.has_value());
    return *made;
  }();
  return config;
}

class Program {
 public:
  explicit Program(Input& input) : input_(input), script_(input), multi_(make_multi(input)) {
    dialers_ = {std::make_shared<ScriptedDialer>(script_, 0), std::make_shared<ScriptedDialer>(script_, 1)};
  }

  void run() {
    for (std::size_t i = 0; i < kMostSteps && !input_.spent(); ++i) {
      step();
      check();
    }
    finish();
  }

  // Calls of the application inside a callback.
  void inside() {
    if (!input_.one_in(4)) return;
    FUZZ_CHECK(multi_->perform() == Drive::recursive_call);
    FUZZ_CHECK(multi_->socket_action(Multi::kNoSocket, 0) == Drive::recursive_call);
    application();
  }
  Input& input() { return input_; }

 private:
  std::size_t below(std::size_t n) { return input_.below(n); }

  Owner* some_owner() { return owners_.empty() ? nullptr : &owners_[owners_.size() - 1 - below(8) % owners_.size()]; }

  void add() {
    if (owners_.size() >= kMostTransfers) return;
    static constexpr std::string_view kOrigins[] = {"http://a.test", "https://example.org", "http://b.test:8080"};
    static constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT"};
    const std::size_t number = owners_.size();
    Owner& owner = owners_.emplace_back(*this, number);
    Request request;
    request.url = Url::parse(std::string(kOrigins[below(3)]) + "/" + std::to_string(number)).value();
    request.method = kMethods[below(4)];
    if (request.method.starts_with('P')) {
      const std::size_t kind = below(3);
      if (kind == 0) request.body = BodyOwned{std::string(below(60'000), 'u')};
      if (kind == 1) request.body = BodyStream{};
      if (kind == 2) request.body = BodyStream{.length = 1'000};
      owner.streams = kind != 0;
    }
    TransferOptions options;
    options.tls = trusting_everyone();
    options.forbid_reuse = input_.one_in(8);
    options.fresh_connection = input_.one_in(8);
    const std::size_t route = below(4);
    options.route = route == 3 ? memory_route(request.url.is_tls()) : dialers_[route % 2];
    auto id = multi_->add(std::move(request), std::move(options), &owner);
    FUZZ_CHECK_SAYING(id.has_value(), id.error().message());
    owner.id = *id;
    ++added_;
  }
  std::shared_ptr<Dialer> memory_route(bool tls) {
    static constexpr std::size_t kCapacities[] = {4'096, 100, 100'000};
    MemoryPair made = memory_pair(kCapacities[below(3)]);
    pairs_.push_back({std::move(made.far_end), HttpPeer(input_, script_.answers, tls)});
    return std::move(made.dialer);
  }

  void remove(Owner& owner) {
    multi_->remove(owner.id);
    if (owner.removed) return;
    owner.removed = true;
  }

  void application() {
    const std::size_t what = below(8);
    if (what < 2) return add();
    if (what == 2) return read_messages(1);
    Owner* const owner = some_owner();
    if (owner == nullptr) return;
    if (what == 3) return remove(*owner);
    if (what == 4) return multi_->resume(owner->id);
    if (what == 5) return multi_->finish_upload(owner->id);
    if (what == 6) return input_.one_in(4) ? multi_->fail_upload(owner->id, "the source broke") : multi_->wakeup();
    FUZZ_CHECK(multi_->timeout().value_or(std::chrono::milliseconds(0)) >= std::chrono::milliseconds(0));
    static_cast<void>(multi_->info(owner->id));
    static_cast<void>(multi_->progress(owner->id));
  }

  void read_messages(int most) {
    int left = 0;
    for (int i = 0; i < most; ++i) {
      const auto message = multi_->info_read(&left);
      if (!message) {
        FUZZ_CHECK(left == 0);
        return;
      }
      const auto owner =
          std::find_if(owners_.begin(), owners_.end(), [&](const Owner& one) { return one.id == message->transfer; });
      FUZZ_CHECK(owner != owners_.end() && !owner->removed && owner->dones == 1 && ++owner->messages == 1);
      FUZZ_CHECK(owner->success == message->result.has_value());
    }
  }

  void drive(std::size_t how) {
    int running = -1;
    Drive answer = Drive::ok;
    if (how == 0) answer = multi_->socket_action(Multi::kNoSocket, 0, &running);
    if (how == 1) FUZZ_CHECK(multi_->poll({}, std::chrono::milliseconds(0)).has_value());
    if (how == 2) check_fdset();
    if (how > 2) answer = multi_->perform(&running);
    FUZZ_CHECK(answer == Drive::ok || answer == Drive::call_again);
    if (how == 0 || how > 2) FUZZ_CHECK(running >= 0 && static_cast<std::size_t>(running) == multi_->running());
    if (answer == Drive::call_again) FUZZ_CHECK(multi_->timeout() == std::chrono::milliseconds(0));
  }
  void check_fdset() {
    fd_set read, write, except;
    FD_ZERO(&read);
    FD_ZERO(&write);
    FD_ZERO(&except);
    int highest = -2;
    FUZZ_CHECK(multi_->fdset(&read, &write, &except, &highest).has_value() && highest == -1);
  }

  void step() {
    switch (below(8)) {
      case 0:
      case 1:
        return drive(below(8));
      case 2:
        return script_.give_signals(1 + below(4));
      case 3:
        return talk();
      case 4:
        return read_messages(3);
      default:
        return application();
    }
  }

  // The far ends of memory pairs.
  void talk() {
    for (Pair& pair : pairs_) {
      std::uint8_t space[4096];
      for (int turns = 0; turns < 200 && !pair.over; ++turns) {
        const Transferred heard = pair.stream->receive(space);
        FUZZ_CHECK(heard.bytes <= sizeof space);
        if (heard.bytes == 0) break;
        pair.peer.hear(as_text(Bytes(space).first(heard.bytes)));
      }
      std::string& text = pair.peer.to_say();
      while (!text.empty() && !pair.over) {
        const Transferred said = pair.stream->send(as_bytes(text));
        FUZZ_CHECK(said.bytes <= text.size());
        if (said.error != 0) pair.over = true;
        if (said.bytes == 0) break;
        text.erase(0, said.bytes);
      }
      if (pair.over || !pair.peer.ends() || !text.empty()) continue;
      pair.over = true;
      pair.stream->close();
    }
  }

  void check() {
    std::size_t running = 0;
    for (const Owner& owner : owners_) {
      FUZZ_CHECK(owner.dones <= 1 && owner.messages <= owner.dones);
      running += owner.dones == 0 && !owner.removed && owner.id ? 1U : 0U;
    }
    FUZZ_CHECK(multi_->running() == running);
  }

  // From any state: when all peers are correct, everything ends soon.
  void finish() {
    input_.rest();
    for (int drives = 0; drives < kMostDrives && multi_->running() > 0; ++drives) {
      script_.give_signals(SIZE_MAX);
      talk();
      for (Owner& owner : owners_) {
        if (!owner.removed) multi_->resume(owner.id);
      }
      drive(7);
    }
    FUZZ_CHECK_SAYING(multi_->running() == 0, unfinished());
    check();
    read_messages(1'000);
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const Owner& owner = owners_[i];
      if (owner.removed) continue;
      FUZZ_CHECK(owner.dones == 1 && owner.messages == 1);
      if (*owner.success) check_success(i);
    }
    multi_.reset();
    FUZZ_CHECK(script_.alive == 0);
    script_.give_signals(SIZE_MAX);  // late signals do no harm
    for (const auto& dialer : dialers_) FUZZ_CHECK(dialer.use_count() == 1);
  }
  std::string unfinished() const {
    std::string text;
    for (const Owner& owner : owners_) {
      if (owner.removed || owner.dones > 0) continue;
      const Progress& progress = multi_->progress(owner.id);
      text += " " + multi_->request(owner.id).method + " " + multi_->request(owner.id).url.text() + " by " +
              multi_->info(owner.id).route + ": sent " +
              std::to_string(progress.sent_head_bytes + progress.sent_body_bytes) + ", got " +
              std::to_string(progress.received_head_bytes + progress.received_body_bytes);
    }
    return text + ", signals " + std::to_string(script_.signals.size());
  }
  void check_success(std::size_t number) {
    const Answer& answer = script_.answers[number];
    const std::size_t got = owners_[number].taken;
    FUZZ_CHECK(!answer.bad && (answer.at_most ? got <= answer.bytes : got == answer.bytes) &&
               owners_[number].heads == 1);
  }

  Input& input_;
  Script script_;
  std::deque<Owner> owners_;  // a deque: the objects do not move
  std::deque<Pair> pairs_;
  std::vector<std::shared_ptr<Dialer>> dialers_;
  std::unique_ptr<Multi> multi_;
  std::size_t added_ = 0;
};

// Every callback must be for a transfer that may still get one.
bool Owner::expected(TransferId transfer) {
  FUZZ_CHECK(!removed && dones == 0 && (!id || id == transfer));
  return true;
}

void Owner::on_interim(Multi&, TransferId transfer, const ResponseHead& head) {
  FUZZ_CHECK(expected(transfer) && head.status == 103 && heads == 0);
  program_.inside();
}

void Owner::on_head(Multi& multi, TransferId transfer, const ResponseHead& head) {
  FUZZ_CHECK(expected(transfer) && head.status == 200 && ++heads == 1 && &multi.head(transfer) == &head);
  program_.inside();
}

std::size_t Owner::on_body(Multi&, TransferId transfer, Bytes bytes) {
  FUZZ_CHECK(expected(transfer) && heads == 1 && !bytes.empty());
  for (const std::uint8_t byte : bytes) FUZZ_CHECK(byte == static_cast<std::uint8_t>(letter_of(number_)));
  const std::size_t count = program_.input().one_in(4) ? program_.input().below(bytes.size()) : bytes.size();
  taken += count;
  program_.inside();
  return count;
}

std::size_t Owner::on_upload(Multi& multi, TransferId transfer, MutableBytes space) {
  FUZZ_CHECK(expected(transfer) && streams && !space.empty());
  const std::size_t what = program_.input().below(4);
  const auto* const body = std::get_if<BodyStream>(&multi.request(transfer).body);
  FUZZ_CHECK(body != nullptr);
  if (!body->length && what == 0) {
    multi.finish_upload(transfer);
    return 0;
  }
  const std::size_t count = what == 1 ? 0 : std::min<std::size_t>(space.size(), what == 2 ? 10 : 5'000);
  std::fill_n(space.begin(), count, std::uint8_t{'u'});
  program_.inside();
  return removed ? 0 : count;
}

void Owner::on_done(Multi&, TransferId transfer, const Result<void>& result) {
  FUZZ_CHECK(expected(transfer) && ++dones == 1);
  success = result.has_value();
  if (!result) FUZZ_CHECK(result.error().code != Code::internal && !result.error().message().empty());
  program_.inside();
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(sluice::Bytes(data, size));
  sluice::fuzz::Program(input).run();
  return 0;
}
