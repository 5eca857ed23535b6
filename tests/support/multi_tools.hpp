// What every test of Multi needs: a request, a handler that records its callbacks, a loop that cannot hang.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/multi.hpp"

namespace sluice::test {

using namespace std::chrono_literals;

// A drive of this Multi is limited by its work and not by time, because on a busy machine 2 ms may pass without work.
inline std::unique_ptr<Multi> make_multi(MultiOptions options = {}) {
  if (options.max_drive_time == MultiOptions{}.max_drive_time) options.max_drive_time = std::chrono::seconds(10);
  auto multi = Multi::create(std::move(options));
  return multi ? std::move(*multi) : nullptr;
}

inline Request get(const std::string& url) {
  Request request;
  request.url = Url::parse(url).value();
  return request;
}

struct Recorder : TransferHandler {
  int interims = 0, heads = 0, dones = 0, status = 0;
  std::string body;
  std::string order;  // one letter for each callback: i h b u d
  Result<void> result;

  void on_interim(Multi&, TransferId, const ResponseHead&) override { ++interims, order += 'i'; }
  void on_head(Multi&, TransferId, const ResponseHead& head) override { ++heads, status = head.status, order += 'h'; }
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    body += as_text(bytes);
    if (!order.ends_with('b')) order += 'b';
    return bytes.size();
  }
  void on_done(Multi&, TransferId, const Result<void>& end) override { ++dones, result = end, order += 'd'; }
};

// perform and poll until nothing runs, or (false) `limit` has passed.
inline bool finish(Multi& multi, std::chrono::seconds limit = 20s) {
  const Instant end = multi.now() + limit;
  for (;;) {
    int running = 0;
    const Drive drive = multi.perform(&running);
    if (drive == Drive::failed || drive == Drive::recursive_call) return false;
    if (running == 0) return true;
    if (multi.now() > end) return false;
    if (drive == Drive::ok && !multi.poll({}, 1000ms)) return false;
  }
}

// As finish(), until `condition` is true.
template <class Condition>
bool drive_until(Multi& multi, Condition condition, std::chrono::seconds limit = 20s) {
  const Instant end = multi.now() + limit;
  while (!condition()) {
    if (multi.now() > end || multi.perform() == Drive::failed) return false;
    if (!condition() && !multi.poll({}, 20ms)) return false;
  }
  return true;
}

inline std::map<TransferId, Message> take_messages(Multi& multi) {
  std::map<TransferId, Message> messages;
  while (auto message = multi.info_read()) messages.emplace(message->transfer, std::move(*message));
  return messages;
}

}  // namespace sluice::test
