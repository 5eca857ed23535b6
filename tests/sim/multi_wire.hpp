// The streams between a Multi and the simulated origins: over memory, where signals tell, or over a socket pair, where a descriptor
// does; each with the faults that were drawn for it. And the far ends, which carry the simulator's peers over them.
//
// Everything runs in the one thread that drives the Multi: far ends are pumped between drives. Knows what the plan says of lines;
// leaves transfers, and what may come of them, to multi_world.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "adapters/sim/tls_server.hpp"
#include "adapters/sim_origin.hpp"
#include "adapters/transport.hpp"
#include "tests/sim/multi_plan.hpp"

namespace sluice::simtest::driven {

class NearEnd;
class FarEnd;

// Certificates and keys are made once a process.
const sim::TlsServerContext& tls_server_context();
std::shared_ptr<const TlsConfig> tls_trust();

// What all streams of a run share: who is there, what went wrong so far, and what is due later.
class Ground {
 public:
  explicit Ground(const Plan& plan);
  ~Ground();
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  const Plan& plan() const { return plan_; }
  Instant now() const;

  // The first failure is kept.
  void fail(std::string_view oracle, std::string_view what);
  const std::string& failure() const { return failure_; }

  void happened(std::size_t origin, Fault fault) { faults_[origin] |= 1u << static_cast<unsigned>(fault); }
  bool has_happened(std::size_t origin, Fault fault) const { return (faults_[origin] >> static_cast<unsigned>(fault) & 1u) != 0; }

  // Counts what truly got further: a Multi that is driven while this stands still had nothing to do.
  void progress() { ++progress_; }
  std::uint64_t progress_made() const { return progress_; }

  // A signal for nothing, a call of the application's: a drive may be asked for that finds nothing to do.
  void excuse_idle_drive() { ++excused_; }
  int excused_idle_drives() const { return excused_; }

  void later(Instant when, std::function<void()> what);
  // Far ends and what is due. True: something moved, so more may.
  bool pump();
  // When pump() may get further by itself. Null: not before Multi has done something.
  std::optional<Instant> next() const;
  void adopt(std::unique_ptr<FarEnd> far_end);
  std::uint64_t next_number(std::size_t origin) { return dialled_[origin]++; }

  // Transports that stand.
  void entered(NearEnd* end);
  void left(NearEnd* end);
  std::size_t streams() const { return near_ends_.size(); }
  std::size_t streams(std::size_t origin) const;
  std::size_t waiting_for_signals() const;
  bool has_shown(int fd) const;  // one of them
  // Asked when a transport goes: whether its descriptor is still watched.
  std::function<bool(int)> is_watched;

  void keep(TransportSignal signal) { kept_signals_.push_back(std::move(signal)); }
  void keep(net::Descriptor duplicate) { kept_descriptors_.push_back(std::move(duplicate)); }
  // As a transport may at any moment, also when its Multi has gone.
  void give_old_signals() const;

 private:
  struct Later {
    Instant when;
    std::function<void()> what;
  };
  const Plan& plan_;
  std::string failure_;
  std::vector<unsigned> faults_;
  std::vector<std::uint64_t> dialled_;
  std::uint64_t progress_ = 0;
  int excused_ = 0;
  std::vector<Later> later_;
  std::vector<NearEnd*> near_ends_;
  std::vector<TransportSignal> kept_signals_;
  std::vector<net::Descriptor> kept_descriptors_;
  std::vector<std::unique_ptr<FarEnd>> far_ends_;
};

// One stream's bytes on their way.
class Pipe {
 public:
  virtual ~Pipe() = default;
  virtual int fd() const { return -1; }  // the near end's
  // The near end
  virtual Transferred receive(MutableBytes space) = 0;
  virtual Transferred send(Bytes bytes) = 0;
  virtual void leave() = 0;
  bool opened = false;    // the near end has told its owner so
  bool has_left = false;  // the near end has gone
  std::function<void(bool reading)> changed = {};  // for the near end: receive(), or send(), may get further
  // The far end
  virtual std::size_t push(Bytes bytes) = 0;
  virtual std::size_t pull(MutableBytes space) = 0;
  virtual void finish() = 0;
  virtual void close() = 0;
  virtual void reset() = 0;
};
std::shared_ptr<Pipe> memory_pipe(std::size_t window);
// Null: no descriptor is left. `high`: its near end's number is past FD_SETSIZE, where such numbers are allowed.
std::shared_ptr<Pipe> socket_pipe(std::size_t window, bool high);

class NearEnd final : public Transport {
 public:
  NearEnd(Ground& ground, std::size_t origin, std::uint64_t number, std::shared_ptr<Pipe> pipe, TransportSignal signal);
  ~NearEnd() override;
  Result<Opening> open() override;
  int fd() const override;
  Transferred receive(MutableBytes space) override;
  Transferred send(std::span<const Bytes> pieces) override;
  std::string describe(int error) const override;
  std::size_t origin() const { return origin_; }
  bool has_shown(int fd) const;
  bool waits_for_signal() const;  // rather than for its descriptor

 private:
  // One thing to wait for before the stream stands.
  enum class Step : std::uint8_t { signal, event, writable };
  struct Gate {
    bool ready = false;
    net::Descriptor event = {};
  };
  void plan_opening();
  void arm(Step step);
  const LinePlan& line() const { return ground_.plan().origins[origin_].line; }
  void ring();
  void ring_later(Duration most);
  bool blocks();
  std::size_t limit(std::size_t most);
  std::optional<Transferred> over(std::size_t space);

  Ground& ground_;
  const std::size_t origin_;
  const std::shared_ptr<Pipe> pipe_;
  const TransportSignal signal_;
  Random random_;

  std::vector<Step> steps_;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  bool armed_ = false, hangs_ = false, hides_descriptor_ = false;
  std::optional<Fault> fault_;
  std::size_t fault_at_ = 0;
  bool half_ = false;  // an early end of one direction alone
  std::size_t moved_ = 0, drips_ = 0;
  bool fault_told_ = false;
  bool waits_to_receive_ = false, waits_to_send_ = false;
};

class FarEnd final : public sim::Line {
 public:
  FarEnd(Ground& ground, std::size_t origin, std::uint64_t number, std::shared_ptr<Pipe> pipe, std::unique_ptr<sim::Peer> peer);
  ~FarEnd() = default;
  // True: something moved.
  bool pump(Instant now);
  std::optional<Instant> next() const;
  bool over() const { return over_; }

  void send(Bytes bytes) override;
  void finish() override;
  void close() override;
  void reset() override;
  void read(bool on) override { reading_ = on; }
  void wake_after(Duration delay) override { wake_at_ = ground_.now() + delay; }
  void admit(std::string_view fault) override;
  Now now() const override;
  Random& random() override { return random_; }

 private:
  const LinePlan& line() const { return ground_.plan().origins[origin_].line; }
  bool take();
  bool give();
  void hand_over(Bytes bytes);
  void end_input();
  bool commit_fault();
  void maybe_rest(Instant now);

  Ground& ground_;
  const std::size_t origin_;
  const std::shared_ptr<Pipe> pipe_;
  std::unique_ptr<sim::Peer> peer_;
  std::optional<sim::TlsServer> tls_;
  Random random_;
  std::optional<Fault> fault_;
  std::size_t fault_at_ = 0, moved_ = 0;
  int rests_left_ = 5;

  std::vector<std::uint8_t> out_;
  std::size_t given_ = 0;  // of out_
  std::optional<Instant> wake_at_;
  Instant rests_until_;
  bool opened_ = false, reading_ = true, input_ended_ = false;
  bool finish_asked_ = false, finished_ = false, close_asked_ = false;
  bool stalled_ = false, over_ = false;
};

// Makes the streams to one origin.
class LineDialer final : public Dialer {
 public:
  LineDialer(Ground& ground, std::size_t origin, sim::Accept accept);
  Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) override;

 private:
  void check_limits() const;
  Ground& ground_;
  const std::size_t origin_;
  const sim::Accept accept_;
};

}  // namespace sluice::simtest::driven
