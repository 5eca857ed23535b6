// See http2_proxy.hpp.
#include "adapters/sim/http2_proxy.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::sim {
namespace {

using Deed = Http2ProxyDeed;

// RFC 9113 7: NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CONNECT_ERROR.
constexpr std::uint32_t kGoodbye = 0, kBrokenOff = 2, kNotDone = 7, kTargetBroke = 10;

std::string_view name_of(Deed deed) {
  switch (deed) {
    case Deed::none:
      return "none";
    case Deed::refuses:
      return "tunnel refused";
    case Deed::resets:
      return "tunnel reset";
    case Deed::ends:
      return "tunnel ended";
    case Deed::goes_away:
      return "proxy goes away";
    case Deed::breaks_off:
      return "proxy breaks off";
    case Deed::silent:
      return "proxy silent";
  }
  return "";
}

class ProxyConnection;

// One stream: a request that is forwarded, or a tunnel, and then the Line of its far end.
class ProxyStream final : public Line {
 public:
  ProxyStream(ProxyConnection& connection, std::uint32_t id, HttpRequest asked)
      : request(std::move(asked)), connection_(connection), id_(id) {}

  // ---- for the far end ----
  using Line::send;
  void send(Bytes bytes) override;
  void finish() override;
  void close() override { finish(); }
  void reset() override;
  void read(bool on) override;
  void wake_after(Duration delay) override { alarm = now().steady + std::max(delay, Duration::zero()); }
  void admit(std::string_view fault) override;
  Now now() const override;
  Random& random() override;

  void deliver();

  HttpRequest request;
  HttpReply reply = {};
  std::unique_ptr<Peer> peer = {};  // of a tunnel
  Deed deed = Deed::none;
  std::size_t after = 0;
  std::string out = {};   // to the client
  std::size_t sent = 0;   // of it
  std::string held = {};  // from the client, and not read by the far end
  std::optional<Instant> alarm = {};
  bool reads = true, finishes = false, ended = false, client_ended = false, end_given = false, is_reset = false;

 private:
  ProxyConnection& connection_;
  const std::uint32_t id_;
};

class ProxyConnection final : public Peer, private Http2Server::Events {
 public:
  ProxyConnection(Http2Gate& gate, const Http2ProxyOptions& options)
      : gate_(gate),
        options_(options),
        server_(*this, {.max_streams = options.max_streams, .window = options.window}) {}

  // ---- for the network ----
  void on_open(Line& line) override {
    line_ = &line;
    work(line);
  }
  void on_bytes(Line& line, Bytes bytes) override {
    line_ = &line;
    if (over_) return;
    server_.feed(bytes);
    pay(0, server_.unopened());
    work(line);
  }
  void on_end(Line& line) override {
    line_ = &line;
    over_ = true;
    for (auto& [id, stream] : streams_) give_end(*stream);
    line.close();
  }
  void on_wake(Line& line) override {
    line_ = &line;
    if (over_) return;
    for (ProxyStream* const stream : all()) {
      if (!stream->alarm || *stream->alarm > line.now().steady) continue;
      stream->alarm.reset();
      stream->deliver();
      if (stream->peer && !stream->ended) stream->peer->on_wake(*stream);
    }
    work(line);
  }

  // ---- for its streams ----
  Line& line() { return *line_; }
  void go_on(std::uint32_t id) {
    if (!over_ && streams_.contains(id)) server_.go_on(id);
  }
  void reset(std::uint32_t id, std::uint32_t code) {
    if (!over_ && streams_.contains(id)) server_.reset(id, code);
  }
  void pay(std::uint32_t id, std::size_t owed) {
    constexpr std::size_t kMostGrants = 1'000;
    for (std::size_t i = 0; owed > 0 && !over_; ++i) {
      const std::size_t given = i < kMostGrants ? std::min(owed, std::max<std::size_t>(options_.window_step, 1)) : owed;
      server_.open_window(id, given);
      owed -= given;
    }
  }
  void admit(std::string_view fault) { line_->admit(fault); }

 private:
  // ---- Http2Server::Events ----
  void head_came(std::uint32_t id, HttpRequest request, bool last) override {
    last_ = std::max(last_, id);
    if (over_) return;
    std::string authority, scheme;
    std::erase_if(request.fields, [&](auto& field) {
      if (field.first == ":authority") authority = field.second;
      if (field.first == ":scheme") scheme = field.second;
      return field.first.starts_with(':');
    });
    const bool tunnel = request.method == "CONNECT";
    request.target = tunnel ? authority : scheme + "://" + authority + request.target;
    auto stream = std::make_unique<ProxyStream>(*this, id, std::move(request));
    streams_[id] = std::move(stream);
    if (tunnel || last) whole_.push_back(id);
  }
  void body_came(std::uint32_t id, Bytes bytes) override {
    ProxyStream* const stream = find(id);
    if (!stream || over_) return;
    if (!stream->peer && stream->request.method != "CONNECT") {
      stream->request.body.append(as_text(bytes));
      return pay(id, bytes.size());
    }
    stream->held.append(as_text(bytes));
  }
  void reprioritized(std::uint32_t, std::string_view) override {}
  void request_ended(std::uint32_t id, FieldPairs) override {
    ProxyStream* const stream = find(id);
    if (!stream || over_ || stream->client_ended) return;
    stream->client_ended = true;
    if (stream->request.method != "CONNECT" && std::ranges::find(whole_, id) == whole_.end()) whole_.push_back(id);
  }
  void stream_closed(std::uint32_t id, std::uint32_t) override {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    found->second->ended = true;
    gone_.push_back(std::move(found->second));
    streams_.erase(found);
  }
  void refused_by_limit() override { admit("refused by limit"); }
  void ping_answered() override {}
  void client_broke_rule(std::string_view what) override {
    admit("bad request");
    admit(what);
  }
  Part next_part(std::uint32_t id, std::size_t most) override {
    ProxyStream* const stream = find(id);
    if (!stream || stream->ended) return {};
    const bool breaks = stream->deed != Deed::none;
    const std::size_t end = breaks ? std::min(stream->out.size(), stream->after) : stream->out.size();
    const std::size_t count = std::min({most, std::max<std::size_t>(options_.frame_bytes, 1), end - stream->sent});
    const std::string_view bytes = std::string_view(stream->out).substr(stream->sent, count);
    stream->sent += count;
    const bool misdeed = breaks && stream->sent == stream->after;
    const bool last = misdeed ? stream->deed == Deed::ends : stream->finishes && stream->sent == stream->out.size();
    if (misdeed) due_.push_back(id);
    stream->ended = last;
    return {.bytes = bytes, .last = last};
  }
  std::size_t padding(std::uint32_t) override { return 0; }

  // ---- what is done after each event ----

  void work(Line& line) {
    for (bool more = true; more && !over_;) {
      begin_whole(line);
      for (ProxyStream* const stream : all()) stream->deliver();
      if (!over_) flush(line);
      if (!over_) do_deeds(line);
      more = !over_ && (!whole_.empty() || !due_.empty());
    }
    for (const auto& stream : std::exchange(gone_, {})) give_end(*stream);
    if (over_) return;
    if (away_ && streams_.empty()) {
      // What the client has on its way to here must not reset what it has not read.
      over_ = true;
      return line.finish();
    }
    plan_wake(line);
  }

  void begin_whole(Line& line) {
    for (const std::uint32_t id : std::exchange(whole_, {})) {
      ProxyStream* const stream = find(id);
      if (!stream || over_) continue;
      Http2ProxyAnswer answer = gate_.answer(stream->request);
      stream->reply = std::move(answer.reply);
      if (answer.deed != Deed::none && answer.after == 0) {
        stream->deed = answer.deed;
        do_deed(line, id, *stream);
        if (over_ || stream->is_reset) continue;
      } else {
        stream->deed = answer.deed;
        stream->after = answer.after;
      }
      respond(id, *stream, std::move(answer.peer));
    }
  }

  void respond(std::uint32_t id, ProxyStream& stream, std::unique_ptr<Peer> peer) {
    const bool tunnel = peer != nullptr;
    if (!tunnel) {
      stream.out = stream.request.method == "HEAD" ? "" : std::exchange(stream.reply.body, {});
      stream.finishes = true;
    }
    const bool has_body = tunnel || !stream.out.empty();
    if (!has_body) stream.ended = true;
    server_.respond(id, stream.reply.status, stream.reply.fields, has_body);
    if (!tunnel) return;
    stream.peer = std::move(peer);
    stream.peer->on_open(stream);
  }

  void do_deeds(Line& line) {
    for (const std::uint32_t id : std::exchange(due_, {})) {
      ProxyStream* const stream = find(id);
      if (stream && !over_) do_deed(line, id, *stream);
    }
    if (!over_) flush(line);
  }

  void do_deed(Line& line, std::uint32_t id, ProxyStream& stream) {
    const Deed deed = std::exchange(stream.deed, Deed::none);
    if (deed == Deed::none) return;
    admit(name_of(deed));
    switch (deed) {
      case Deed::none:
        return;
      case Deed::ends:  // in place of the answer it would be none: next_part() has done it
      case Deed::resets:
      case Deed::refuses:
        if (stream.ended) return;
        stream.ended = stream.is_reset = true;
        return server_.reset(id, deed == Deed::refuses ? kNotDone : kTargetBroke);
      case Deed::goes_away:
        if (std::exchange(away_, true)) return;
        server_.goaway(last_, kGoodbye);
        return server_.go_on(id);
      case Deed::breaks_off:
        server_.goaway(last_, kBrokenOff);
        flush(line);
        return leave(line);
      case Deed::silent:
        over_ = true;
        return;
    }
  }

  void give_end(ProxyStream& stream) {
    stream.ended = true;
    if (stream.peer && !std::exchange(stream.end_given, true)) stream.peer->on_end(stream);
  }

  void leave(Line& line) {
    over_ = true;
    line.close();
  }

  void flush(Line& line) {
    const std::string out = server_.take_output();
    if (!out.empty()) line.send(out);
  }

  void plan_wake(Line& line) {
    std::optional<Instant> next;
    for (const auto& [id, stream] : streams_) {
      if (stream->alarm && (!next || *stream->alarm < *next)) next = stream->alarm;
    }
    if (next) line.wake_after(*next - line.now().steady);
  }

  ProxyStream* find(std::uint32_t id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
  }
  std::vector<ProxyStream*> all() {
    std::vector<ProxyStream*> streams;
    for (const auto& [id, stream] : streams_) streams.push_back(stream.get());
    return streams;
  }

  Http2Gate& gate_;
  const Http2ProxyOptions options_;
  Http2Server server_;
  Line* line_ = nullptr;
  std::map<std::uint32_t, std::unique_ptr<ProxyStream>> streams_;  // the open ones
  std::vector<std::unique_ptr<ProxyStream>> gone_;                 // whose far ends have not been told
  std::vector<std::uint32_t> whole_;                               // requests to be answered
  std::vector<std::uint32_t> due_;                                 // streams whose deed is due
  std::uint32_t last_ = 0;                                         // the greatest id of a request
  bool away_ = false;                                              // GOAWAY was sent
  bool over_ = false;                                              // nothing is read or sent any more
};

// ---- ProxyStream ----

void ProxyStream::send(Bytes bytes) {
  if (ended || finishes) return;
  out.append(as_text(bytes));
  connection_.go_on(id_);
}
void ProxyStream::finish() {
  if (ended || std::exchange(finishes, true)) return;
  connection_.go_on(id_);
}
void ProxyStream::reset() {
  if (ended) return;
  ended = is_reset = true;
  connection_.reset(id_, kTargetBroke);
}
void ProxyStream::read(bool on) {
  reads = on;
  if (on && !held.empty()) wake_after(Duration::zero());
}
void ProxyStream::admit(std::string_view fault) { connection_.admit(fault); }
Now ProxyStream::now() const { return connection_.line().now(); }
Random& ProxyStream::random() { return connection_.line().random(); }

// What has come for the far end. Its window is opened again when that has taken it.
void ProxyStream::deliver() {
  if (!peer || ended || !reads) return;
  if (!held.empty()) {
    const std::string bytes = std::exchange(held, {});
    connection_.pay(id_, bytes.size());
    peer->on_bytes(*this, as_bytes(bytes));
  }
  if (client_ended && !ended && reads && !std::exchange(end_given, true)) peer->on_end(*this);
}

}  // namespace

std::unique_ptr<Peer> http2_proxy(Http2Gate& gate, const Http2ProxyOptions& options) {
  return std::make_unique<ProxyConnection>(gate, options);
}

}  // namespace sluice::sim
