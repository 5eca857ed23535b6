// The application's calls about one transfer, and the transfer's own timers: the same code for an Engine and for a
// Connection. Leaves to its owner: the begin and the end of each entry, and a shortage of memory outside a transfer.
#pragma once

#include <string>
#include <vector>

#include "core/engine/carrier.hpp"
#include "core/engine/jobs.hpp"

namespace sluice::engine {

class Calls {
 public:
  // Both must outlive this object.
  Calls(Jobs& jobs, Carrier& carrier) : jobs_(jobs), carrier_(carrier) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // As the functions of Engine with the same names. With a stale id they do nothing, and getters return an empty value.
  bool contains(TransferId id) const;
  bool is_done(TransferId id) const;
  const Request& request(TransferId id) const { return of(id).request; }
  const ResponseHead& head(TransferId id) const {
    const Job& job = of(id);
    return job.progress.first_byte ? job.head : nothing_.head;
  }
  const Fields& trailers(TransferId id) const { return of(id).trailers; }
  const Progress& progress(TransferId id) const { return of(id).progress; }
  TransferInfo info(TransferId id) const;
  std::vector<Hop> hops(TransferId id) const;
  Bytes body(TransferId id) const { return of(id).body_front(); }

  void cancel(TransferId id, Now now);
  void release(TransferId id) { jobs_.release(id); }  // remove() is cancel() and this
  void consume_body(TransferId id, std::size_t bytes, Now now);
  MutableBytes upload_space(TransferId id);
  void commit_upload(TransferId id, std::size_t bytes, Now now);
  void finish_upload(TransferId id, Fields trailers, Now now);
  void finish_upload(TransferId id, Now now) { finish_upload(id, {}, now); }
  void rewind_upload(TransferId id, Now now);
  void fail_upload(TransferId id, std::string why, Now now);
  void set_priority(TransferId id, Priority priority, Now now);

  // One of the transfer's own timers is due.
  void timer(TransferId id, TimerKind kind, Now now);
  // There was no memory for a step of this transfer: it ends.
  void lose(TransferId id, Now now);
  // Whether an output is still true when it is taken: the state may have changed since it was queued.
  bool is_still_true(const Output& out) const;

 private:
  // Runs `step` with the transfer, if it exists. If memory runs out, this transfer ends and nothing else.
  template <class Step>
  void with(TransferId id, Now now, Step step);
  void due(Job& job, TimerKind kind, Now now);
  const Job& of(TransferId id) const {
    const Job* found = jobs_.find(id);
    return found ? *found : nothing_;
  }

  Jobs& jobs_;
  Carrier& carrier_;
  const Job nothing_{};
};

}  // namespace sluice::engine
