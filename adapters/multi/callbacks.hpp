// The application's callbacks: what comes out of the engine for a transfer, said to its handler. Any of them may add
// and remove transfers, so nothing found before one is trusted after it.
//
// Any of them may throw. The exception passes through the drive to the caller, so a callback comes when all else is
// whole: what is still to be done after one is only the accounting for a transfer that goes on.
#pragma once

#include "adapters/multi/pace.hpp"
#include "adapters/multi/transfers.hpp"
#include "core/engine.hpp"

namespace sluice::multi {

class Callbacks {
 public:
  Callbacks(Engine& engine, Transfers& transfers, const Pace& pace)
      : engine_(engine), transfers_(transfers), pace_(pace) {}
  void set_multi(Multi& multi) { multi_ = &multi; }  // that handlers are told; before anything else

  void head_sent(const output::HeadSent& sent);
  void rewind(TransferId transfer);
  void hop_done(const output::HopDone& hop);
  void interim(const output::InterimReady& ready);
  void head(TransferId transfer);
  void body(TransferId transfer);
  void upload(TransferId transfer);
  void done(output::Done& done);
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
};

}  // namespace sluice::multi
