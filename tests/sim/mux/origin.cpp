// See origin.hpp.
#include "tests/sim/mux/origin.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "core/base/ascii.hpp"
#include "tests/support/mux_session.hpp"

namespace sluice::simtest {
namespace {

using http::StreamId;
using test::mux_frame;

struct Site {
  const Scenario& scenario;
  MuxPlan plan;
  std::optional<Duration> keep_alive;
  Oracles& oracles;
  sim::Responder respond;
};

// One exchange, from its head to the last frame of the response.
struct Exchange {
  Seen* seen = nullptr;
  sim::HttpRequest request;
  sim::HttpReply reply;
  std::optional<Instant> due;       // when the response begins
  std::size_t sent = 0, taken = 0;  // bytes of the response's body
  bool whole = false;               // the request is complete
  bool headed = false;              // the response head was sent
};

class MuxPeer final : public sim::Peer {
 public:
  MuxPeer(std::shared_ptr<const Site> site, std::uint64_t nth)
      : site_(std::move(site)), nth_(nth), capacity_(site_->plan.capacity) {}

  void on_open(sim::Line& line) override {
    if (capacity_ != site_->scenario.mux_capacity) say_capacity(line, capacity_);
    plan_wake(line);
  }
  void on_bytes(sim::Line& line, Bytes bytes) override {
    in_ += as_text(bytes);
    while (!over_ && in_.size() >= test::kMuxFrameHead) {
      const auto* head = reinterpret_cast<const std::uint8_t*>(in_.data());
      const std::size_t size = test::mux_number(head + 5);
      if (in_.size() < test::kMuxFrameHead + size) break;
      const std::string payload = in_.substr(test::kMuxFrameHead, size);
      const char type = in_[0];
      const StreamId stream = test::mux_number(head + 1);
      in_.erase(0, test::kMuxFrameHead + size);
      take_frame(line, type, stream, payload);
    }
    if (!over_) work(line);
  }
  void on_wake(sim::Line& line) override {
    if (over_) return;
    if (idle_at_ && line.now().steady >= *idle_at_) {
      over_ = true;
      line.admit("idle close");
      return line.close();
    }
    work(line);
  }

 private:
  void say_capacity(sim::Line& line, std::size_t capacity) { line.send(mux_frame('C', 0, std::to_string(capacity))); }
  void report(const char* oracle, const std::string& message) { site_->oracles.report(oracle, message); }

  void take_frame(sim::Line& line, char type, StreamId stream, const std::string& payload) {
    if (type == 'H') return open(line, stream, payload);
    if (stream > last_ || std::string_view("DERW").find(type) == std::string_view::npos)
      return report("frames", std::string("a frame ") + type + " of an exchange that is not open");
    const auto found = exchanges_.find(stream);
    if (found == exchanges_.end()) return;  // its frames were on the way when it ended
    Exchange& one = found->second;
    if (type == 'D') one.request.body += payload;
    if (type == 'E') end_request(line, one);
    if (type == 'R') {
      site_->oracles.given_up(*one.seen);
      exchanges_.erase(found);
    }
    if (type != 'W') return;
    one.taken += test::mux_number(reinterpret_cast<const std::uint8_t*>(payload.data()));
    site_->oracles.window_opened(*one.seen, one.taken);
  }

  void open(sim::Line& line, StreamId stream, const std::string& head) {
    if (stream <= last_) report("frames", "exchange " + std::to_string(stream) + " is opened twice, or too late");
    last_ = stream;
    sim::HttpRequest request;
    const std::string_view first = std::string_view(head).substr(0, head.find('\n'));
    const std::size_t blank = std::min(first.find(' '), first.size() - 1);
    request.method = first.substr(0, blank);
    request.target = first.substr(blank + 1);
    test::each_mux_line(head, [&](std::string_view name, std::string_view value) {
      request.fields.emplace_back(to_lower(name), value);
    });
    request.connection = nth_;
    request.number = requests_++;
    std::uint32_t number = 0;
    std::from_chars(request.target.data() + 1, request.target.data() + request.target.size(), number);
    Seen* seen = site_->oracles.find(number);
    if (!seen) return report("requests", "a request that nobody made: " + std::string(first));
    const bool too_many = exchanges_.size() >= capacity_;
    if (away_ || too_many || seen->refusals < seen->plan->mux_reply.refusals) {
      line.admit("refused exchange");
      site_->oracles.refused(*seen);
      return line.send(mux_frame('X', stream));
    }
    Exchange& one = exchanges_[stream];
    one.seen = seen;
    one.request = std::move(request);
    if (seen->plan->upload.kind == UploadPlan::Kind::none) return;
    one.reply = site_->respond(one.request);
    if (one.reply.begins_early) one.due = line.now().steady;
  }

  void end_request(sim::Line& line, Exchange& one) {
    one.whole = true;
    one.reply = site_->respond(one.request);
    if (!one.due) one.due = line.now().steady + one.reply.delay;
    ++whole_;
    const MuxPlan& plan = site_->plan;
    if (whole_ == plan.lowers_after) say_capacity(line, capacity_ = plan.lowered);
    if (plan.lowers_after != SIZE_MAX && whole_ == 2 * plan.lowers_after) say_capacity(line, capacity_ = plan.capacity);
    if (whole_ == plan.goes_away_after) {
      away_ = true;
      line.admit("goes away");
      line.send(mux_frame('G', 0));
    }
    if (whole_ == plan.closes_after) {
      over_ = true;
      line.admit("closed in a frame");
      line.send(mux_frame('P', 0, "not all of it").substr(0, 12));
      line.close();
    } else if (whole_ == plan.nonsense_after) {
      over_ = true;
      line.admit("nonsense");
      line.send(mux_frame('!', 0));
    }
  }

  // ---- responses ----

  // Sends one frame of each response in turn, so that bodies are interleaved.
  void work(sim::Line& line) {
    for (auto at = exchanges_.begin(); at != exchanges_.end();) {
      Exchange& one = at->second;
      const bool ends = one.due && *one.due <= line.now().steady && answer(line, at->first, one);
      at = ends ? exchanges_.erase(at) : std::next(at);
    }
    plan_wake(line);
  }

  bool has_body(const Exchange& one) const { return !one.seen->reply.empty(); }
  std::size_t window(const Exchange& one) const { return one.taken + test::kMuxWindow - one.sent; }
  std::size_t may_send(const Exchange& one) const {
    const std::size_t size = one.seen->reply.size();
    const bool half = !one.whole || one.seen->plan->mux_reply.end == MuxReplyPlan::End::reset_in_body;
    return std::min({half ? size / 2 - std::min(size / 2, one.sent) : size - one.sent, window(one),
                     std::max(site_->plan.frame_bytes, size / 20)});
  }
  bool can_go_on(const Exchange& one) const {
    if (one.seen->silenced) return false;
    if (!one.headed) return true;
    return may_send(one) > 0 || (one.whole && one.sent == one.seen->reply.size());
  }

  // True: the response has ended.
  bool answer(sim::Line& line, StreamId stream, Exchange& one) {
    using End = MuxReplyPlan::End;
    const End end = one.seen->plan->mux_reply.end;
    if (one.seen->silenced) return false;
    if (!one.headed) {
      one.headed = true;
      if (end == End::never) {
        one.seen->silenced = true;
        line.admit("silent exchange");
        return false;
      }
      if (end == End::reset_at_head) return reset(line, stream, one);
      send_head(line, stream, one);
    }
    const std::size_t count = may_send(one);
    if (count > 0) line.send(mux_frame('D', stream, std::string_view(one.seen->reply).substr(one.sent, count)));
    one.sent += count;
    if (!one.whole) return false;
    if (end == End::reset_in_body) return one.sent >= one.seen->reply.size() / 2 && reset(line, stream, one);
    if (one.sent < one.seen->reply.size()) return false;
    std::string trailers;
    if (has_body(one) || reply_has_body(*one.seen->plan)) {
      for (const auto& [name, value] : one.reply.trailers) trailers += '\n' + name + ": " + value;
    }
    line.send(mux_frame('E', stream, trailers));
    return true;
  }
  bool reset(sim::Line& line, StreamId stream, Exchange& one) {
    one.seen->reset_by_peer = true;
    line.admit("exchange reset");
    line.send(mux_frame('R', stream));
    return true;
  }
  void send_head(sim::Line& line, StreamId stream, const Exchange& one) {
    for (const int status : one.reply.interims) {
      std::string interim = std::to_string(status);
      for (const auto& [name, value] : one.reply.interim_fields) interim += '\n' + name + ": " + value;
      line.send(mux_frame('I', stream, interim));
    }
    std::string head = std::to_string(one.reply.status);
    for (const auto& [name, value] : one.reply.fields) head += '\n' + name + ": " + value;
    if (one.reply.framing == sim::HttpReply::Framing::length && reply_has_body(*one.seen->plan))
      head += "\nContent-Length: " + std::to_string(one.seen->reply.size());
    line.send(mux_frame('H', stream, head));
  }

  void plan_wake(sim::Line& line) {
    const Instant now = line.now().steady;
    idle_at_ = exchanges_.empty() && site_->keep_alive ? std::optional(now + *site_->keep_alive) : std::nullopt;
    std::optional<Instant> next = idle_at_;
    for (const auto& [stream, one] : exchanges_) {
      if (!one.due || (*one.due <= now && !can_go_on(one))) continue;
      const Instant at = std::max(*one.due, now + std::chrono::microseconds(200));
      next = next ? std::min(*next, at) : at;
    }
    if (next) line.wake_after(*next - now);
  }

  const std::shared_ptr<const Site> site_;
  const std::uint64_t nth_;
  std::string in_;
  std::map<StreamId, Exchange> exchanges_;  // open ones
  StreamId last_ = 0;
  std::size_t capacity_;
  std::uint64_t requests_ = 0;
  std::size_t whole_ = 0;  // complete requests so far
  bool away_ = false, over_ = false;
  std::optional<Instant> idle_at_;
};

}  // namespace

sim::Accept mux_origin(const Scenario& scenario, const MuxPlan& plan, std::optional<Duration> keep_alive,
                       Oracles& oracles, sim::Responder respond) {
  const auto site = std::make_shared<const Site>(Site{scenario, plan, keep_alive, oracles, std::move(respond)});
  return [site](std::uint64_t nth) { return std::make_unique<MuxPeer>(site, nth); };
}

}  // namespace sluice::simtest
