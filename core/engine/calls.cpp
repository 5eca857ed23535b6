// See calls.hpp.
#include "core/engine/calls.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice::engine {

using flow::TransferPhase;

template <class Step>
void Calls::with(TransferId id, Now now, Step step) {
  Job* job = jobs_.find(id);
  if (job && !has_memory_for([&] { step(*job); })) carrier_.lose(*job, now);
}

bool Calls::contains(TransferId id) const {
  const Job* found = jobs_.find(id);
  return found && !found->removed;
}

bool Calls::is_done(TransferId id) const {
  const Job* found = jobs_.find(id);
  return found && found->phase() == TransferPhase::done;
}

TransferInfo Calls::info(TransferId id) const {
  const Job* found = jobs_.find(id);
  return found ? found->details() : TransferInfo{};
}

std::vector<Hop> Calls::hops(TransferId id) const {
  std::vector<Hop> all;
  const Job* found = jobs_.find(id);
  if (!found) return all;
  has_memory_for([&] {
    all = found->past_hops;
    all.push_back(found->present_hop(found->end.failure));
  });
  return all;
}

void Calls::cancel(TransferId id, Now now) {
  Job* job = jobs_.find(id);
  if (job && job->phase() != TransferPhase::done) carrier_.fail(*job, canceled(), now);
}

void Calls::consume_body(TransferId id, std::size_t bytes, Now now) {
  if (bytes == 0) return;
  with(id, now, [&](Job& job) { carrier_.consume(job, bytes, now); });
}

MutableBytes Calls::upload_space(TransferId id) {
  Job* job = jobs_.find(id);
  if (!job || job->phase() != TransferPhase::active || !job->upload.streamed()) return {};
  return job->upload.space();
}

void Calls::commit_upload(TransferId id, std::size_t bytes, Now now) {
  with(id, now, [&](Job& job) {
    // After a redirect the request may have no streamed body any more.
    const bool takes = job.phase() == TransferPhase::active && job.upload.streamed() && !job.upload.awaits_rewind();
    if (!takes || bytes == 0) return;
    job.upload.commit(bytes);
    job.upload_announced = false;
    carrier_.upload_changed(job, now);
    jobs_.announce_upload(job);
  });
}

void Calls::finish_upload(TransferId id, Fields trailers, Now now) {
  with(id, now, [&](Job& job) {
    // When the response is complete, the rest of the upload does not matter (a 413 during the upload).
    if (job.is_received() || !job.upload.streamed() || job.upload.awaits_rewind()) return;
    auto finished = trailers.empty() ? job.upload.finish() : job.upload.finish(std::move(trailers));
    if (!finished) {
      carrier_.fail(job, std::move(finished.error()), now);
    } else {
      carrier_.upload_changed(job, now);
    }
  });
}

void Calls::rewind_upload(TransferId id, Now now) {
  with(id, now, [&](Job& job) {
    if (!job.upload.awaits_rewind() || job.is_received()) return;
    job.upload.rewound();
    jobs_.announce_upload(job);
  });
}

void Calls::fail_upload(TransferId id, std::string why, Now now) {
  Job* job = jobs_.find(id);
  if (!job || job->is_received()) return;
  const Code code = job->upload.awaits_rewind() ? Code::rewind_failed : Code::upload_failed;
  carrier_.fail(*job, make_error(code, std::move(why)), now);
}

void Calls::set_priority(TransferId id, Priority priority, Now now) {
  priority.urgency = std::min<std::uint8_t>(priority.urgency, 7);
  with(id, now, [&](Job& job) {
    if (!job.is_received()) carrier_.set_priority(job, priority, now);
  });
}

void Calls::timer(TransferId id, TimerKind kind, Now now) {
  with(id, now, [&](Job& job) {
    SLUICE_CHECK(job.phase() != TransferPhase::done);
    due(job, kind, now);
  });
}

void Calls::due(Job& job, TimerKind kind, Now now) {
  if (kind == TimerKind::total_timeout || kind == TimerKind::attempts_timeout) {
    carrier_.fail(job, out_of_time(job, kind), now);
  } else if (kind == TimerKind::idle_timeout) {
    carrier_.idle_timer(job, now);
  } else if (kind == TimerKind::backoff) {
    carrier_.backoff_over(job, now);
  } else if (kind == TimerKind::continue_timeout) {
    carrier_.continue_timer(job, now);
  } else {
    carrier_.pace_timer(job, kind, now);
  }
}

void Calls::lose(TransferId id, Now now) {
  if (Job* job = jobs_.find(id)) carrier_.lose(*job, now);
}

bool Calls::is_still_true(const Output& out) const {
  if (const auto* body = std::get_if<output::BodyReady>(&out)) {
    const Job* job = jobs_.find(body->transfer);
    return job && !job->body_front().empty();
  }
  if (const auto* upload = std::get_if<output::UploadReady>(&out)) {
    const Job* job = jobs_.find(upload->transfer);
    return job && job->phase() == TransferPhase::active && job->upload.has_room();
  }
  if (const auto* rewind = std::get_if<output::UploadRewind>(&out)) {
    const Job* job = jobs_.find(rewind->transfer);
    return job && !job->is_received() && job->upload.awaits_rewind();
  }
  return true;
}

}  // namespace sluice::engine
