// Calls the application's callbacks: gives the engine's outputs about a transfer to its handler. A callback may add and
// remove transfers, so pointers from before a callback are not used after it. Leaves the order of the outputs to
// driver.hpp.
//
// A callback may throw. The exception passes through the drive to the caller, so a callback is made only when
// everything else is consistent; after it only the accounting for this transfer is left to do.
#pragma once

#include <memory>
#include <utility>

#include "adapters/multi.hpp"
#include "adapters/multi/pace.hpp"
#include "adapters/multi/transfers.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

class Callbacks {
 public:
  // `observer` may be null.
  Callbacks(Engine& engine, Transfers& transfers, const Pace& pace, std::shared_ptr<Observer> observer = nullptr)
      : engine_(engine), transfers_(transfers), pace_(pace), observer_(std::move(observer)) {}
  void set_multi(Multi& multi) { multi_ = &multi; }  // the Multi that handlers get as argument; call it first

  void head_sent(const output::HeadSent& sent);
  void connect_head(const output::ConnectHead& seen);
  void rewind(TransferId transfer);
  void hop_done(const output::HopDone& hop);
  void interim(const output::InterimReady& ready);
  void head(TransferId transfer);
  void body(TransferId transfer);
  void upload(TransferId transfer);
  void done(output::Done& done);
  void event(const EngineEvent& event) {
    if (observer_) observer_->on_event(*multi_, event);
  }
  void resume(TransferId transfer);

 private:
  template <class Callback>
  auto call(TransferId transfer, Callback callback);
  void end_after_exception(TransferId transfer) noexcept;
  void raw_head(TransferId transfer, const ResponseHead& head);
  bool fill_upload(TransferId transfer);

  Multi* multi_ = nullptr;
  Engine& engine_;
  Transfers& transfers_;
  const Pace& pace_;
  const std::shared_ptr<Observer> observer_;
};

}  // namespace sluice::multi
