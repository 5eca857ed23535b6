// Fuzzes core/engine.hpp with a peer that speaks HTTP/2 (by prior knowledge, so that no TLS is needed). Input: a
// program of application calls, facts about the world, and frames of the peer: correct ones in any order, on any
// stream, and bytes of the input (see Program::step). Oracles: those of engine_world.hpp after every step (one Done
// each, counts, limits, deadlines, interest and space); no byte of one stream reaches the transfer of another; a
// success has exactly the bytes of its stream, and its end; what waits for the application is bounded; and at the end
// nothing is left.
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/support/engine_world.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::fuzz {
namespace {

namespace h2 = test::h2;

constexpr std::size_t kMostSteps = 400;
constexpr std::size_t kMostTransfers = 24;
constexpr std::string_view kSeen[] = {"complete", "failed", "sent again", "canceled", "an upload", "two at once"};
const bool told = must_be_seen({kSeen[0], kSeen[1], kSeen[2], kSeen[3], kSeen[4], kSeen[5]});

EngineOptions read_options(Input& input) {
  EngineOptions options;
  options.max_connections = input.below(6);
  options.max_connections_per_origin = input.below(4);
  options.max_connection_uses = input.below(4) == 3 ? 3 : 0;
  if (input.one_in(3)) options.http2_ping_interval = std::chrono::seconds(1 + input.below(30));
  return options;
}

class Program {
 public:
  explicit Program(Input& input) : input_(input), world_(read_options(input)) {
    world_.most_body = limits::kMaxStreamWindowBytes;
    world_.between = [this](const Output& out) { between(out); };
  }

  void run() {
    for (std::size_t i = 0; i < kMostSteps && !input_.spent(); ++i) {
      step();
      world_.drain();
    }
    finish();
  }

 private:
  using Place = std::pair<ConnId, std::uint32_t>;
  // What the peer has said of one stream.
  struct Said {
    std::size_t bytes = 0;
    bool ended = false, reset = false;
  };

  Engine& engine() { return world_.engine; }
  std::size_t below(std::size_t n) { return input_.below(n); }
  bool one_in(std::size_t n) { return input_.one_in(n); }
  TransferId some_transfer() { return input_.id_of(ids_, 11, 12); }
  ConnId some_conn() { return input_.id_of(world_.conns, 7, 8); }
  static char letter(std::uint32_t stream) { return static_cast<char>('a' + stream / 2 % 26); }

  // ---- the application ----

  void add() {
    if (ids_.size() >= kMostTransfers) return;
    static constexpr std::string_view kOrigins[] = {"http://192.0.2.1", "http://192.0.2.2", "http://a.test"};
    static constexpr std::string_view kMethods[] = {"GET", "GET", "HEAD", "POST", "PUT"};
    static constexpr std::size_t kSizes[] = {0, 1, 5'000, 100'000};
    Request request;
    request.url = Url::parse(std::string(kOrigins[below(3)]) + "/" + std::to_string(ids_.size())).value();
    request.method = kMethods[below(5)];
    if (request.method.starts_with('P')) {
      const std::size_t form = below(3);
      if (form == 0) request.body = BodyOwned{std::string(kSizes[below(4)], 'u')};
      if (form == 1) request.body = BodyStream{.rewindable = one_in(2)};
      if (form == 2) request.body = BodyStream{.length = kSizes[below(4)]};
      if (one_in(3)) FUZZ_CHECK(request.fields.add("Expect", "100-continue").has_value());
      saw(kSeen[4]);
    }
    TransferOptions options;
    options.http_versions = HttpVersions::http2_prior_knowledge;
    const std::size_t flags = below(256);
    options.fresh_connection = (flags & 3U) == 3;
    options.forbid_reuse = (flags & 12U) == 12;
    if ((flags & 16U) != 0) options.total_timeout = std::chrono::milliseconds(100 * below(256));
    if ((flags & 32U) != 0) options.idle_timeout = std::chrono::milliseconds(1 + 20 * below(256));
    if ((flags & 64U) != 0) options.max_body_bytes = 100 * below(256);
    options.keep_raw_head = (flags & 128U) != 0;
    auto id = engine().add(std::move(request), options, world_.now);
    FUZZ_CHECK_SAYING(id.has_value(), id.error().message());
    ids_.push_back(*id);
    world_.added(*id, options);
  }

  void upload(TransferId id, std::size_t most) {
    const MutableBytes space = engine().upload_space(id);
    const std::size_t count = std::min(space.size(), most);
    std::fill_n(space.begin(), count, std::uint8_t{'u'});
    engine().commit_upload(id, count, world_.now);
  }

  void application() {
    const std::size_t what = below(10);
    if (what < 3) return add();
    const TransferId id = some_transfer();
    switch (what) {
      case 3:
        if (engine().contains(id) && !engine().is_done(id)) saw(kSeen[3]);
        engine().cancel(id, world_.now);
        break;
      case 4:
        engine().finish_upload(id, world_.now);
        break;
      case 5:
        engine().rewind_upload(id, world_.now);
        break;
      case 6:
        upload(id, below(70'000));
        break;
      case 7:
        one_in(4) ? engine().network_changed(world_.now) : engine().close_idle_connections(world_.now);
        break;
      default:
        take(id, one_in(2) ? below(20'000) : SIZE_MAX);
        break;
    }
    engine().check_invariants();
  }

  // Bodies are not taken at once: the transfers whose turn it is not are paused.
  void between(const Output& out) {
    const auto* body = std::get_if<output::BodyReady>(&out);
    if (body != nullptr && acts_at_once_) take(body->transfer, SIZE_MAX);
  }

  void take(TransferId id, std::size_t most) {
    const TransferInfo info = engine().info(id);
    if (std::ranges::find(ids_, id) == ids_.end()) {
      FUZZ_CHECK(engine().body(id).empty());
    } else if (!wild_.contains(info.conn)) {
      for (const char byte : as_text(engine().body(id))) FUZZ_CHECK(byte == letter(info.stream_id));
    }
    world_.take_body(id, most);
  }

  // ---- the peer ----

  // One of those that are open there, or any.
  std::uint32_t some_stream(ConnId conn) {
    std::vector<std::uint32_t> open;
    for (const TransferId id : ids_) {
      const TransferInfo info = engine().info(id);
      if (!world_.done(id) && info.conn == conn && info.stream_id != 0) open.push_back(info.stream_id);
    }
    if (open.size() > 1) saw(kSeen[5]);
    if (open.empty() || one_in(12)) return static_cast<std::uint32_t>(below(20));
    return open[below(open.size())];
  }

  std::string head(ConnId conn, std::uint32_t stream) {
    static constexpr std::string_view kStatuses[] = {"200", "200", "200", "204", "404", "100", "103", "421", "503"};
    static constexpr std::string_view kLengths[] = {"0", "5", "1000"};
    const std::string_view status = kStatuses[below(9)];
    h2::FieldList fields = {{":status", status}, {"x", "1"}};
    if (one_in(4)) fields.emplace_back("content-length", kLengths[below(3)]);
    if (one_in(8)) fields.erase(fields.begin());  // trailers
    const bool ends = one_in(3);
    if (ends) said_[{conn, stream}].ended = true;
    if (!one_in(6)) return h2::headers(stream, fields, ends ? h2::kEndStream : 0);
    const std::string block = h2::block(fields);
    const std::size_t at = below(block.size());
    return h2::frame(h2::kHeaders, ends ? h2::kEndStream : 0, stream, block.substr(0, at)) +
           h2::frame(h2::kContinuation, h2::kEndHeaders, stream, block.substr(at));
  }

  std::string data(ConnId conn, std::uint32_t stream) {
    static constexpr std::size_t kSizes[] = {0, 1, 100, 5'000, 16'384};
    const std::string body(kSizes[below(5)], letter(stream));
    Said& said = said_[{conn, stream}];
    if (!said.ended) said.bytes += body.size();
    const bool ends = one_in(3);
    if (ends) said.ended = true;
    if (!one_in(6)) return h2::data(stream, body, ends ? h2::kEndStream : 0);
    const std::size_t padding = std::min<std::size_t>(below(256), 16'383 - std::min<std::size_t>(body.size(), 16'383));
    if (padding == 0) return h2::data(stream, body, ends ? h2::kEndStream : 0);
    return h2::frame(h2::kData, static_cast<std::uint8_t>(h2::kPadded | (ends ? h2::kEndStream : 0)), stream,
                     static_cast<char>(padding) + body + std::string(padding, '\0'));
  }

  std::string frames(ConnId conn) {
    static constexpr std::uint32_t kNumbers[] = {0, 1, 2, 100, 65'535, 0x7fffffff};
    const std::uint32_t stream = some_stream(conn);
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return head(conn, stream);
      case 3:
      case 4:
      case 5:
        return data(conn, stream);
      case 6:
        said_[{conn, stream}].reset |= !said_[{conn, stream}].ended;
        return h2::reset(stream, static_cast<std::uint32_t>(below(14)));
      case 7:
        return h2::window_update(one_in(2) ? 0 : stream, kNumbers[1 + below(5)]);
      case 8:
        return h2::settings({{static_cast<std::uint16_t>(1 + below(7)), kNumbers[below(6)]}});
      case 9:
        return one_in(2) ? h2::ping() : h2::ping("12345678", h2::kAck) + h2::frame(h2::kSettings, h2::kAck, 0, "");
      case 10:
        return one_in(2) ? h2::goaway(stream, static_cast<std::uint32_t>(below(14))) : std::string();
      default:
        wild_.insert(conn);
        return std::string(input_.take(1 + below(60)));
    }
  }

  void say(ConnId conn) {
    if (!world_.links.contains(conn)) return;
    Peer& peer = world_.links[conn].peer;
    for (std::size_t count = 1 + below(4); count > 0; --count) peer.to_say += frames(conn);
  }
  void give(ConnId conn, std::size_t most) {
    if (!world_.links.contains(conn)) return;
    Peer& peer = world_.links[conn].peer;
    peer.to_say.erase(0, world_.receive(conn, std::string_view(peer.to_say).substr(0, most)));
  }
  void connect(ConnId conn) {
    world_.connected(conn);
    if (!world_.links.contains(conn) || std::exchange(world_.links[conn].peer.spoke, true)) return;
    if (!one_in(12)) world_.links[conn].peer.to_say += h2::settings({{h2::kMaxStreams, 1 + (below(256) ^ 99U)}});
  }

  void resolve() {
    while (!world_.resolves.empty()) {
      const ResolveId id = world_.resolves.front().id;
      world_.resolves.erase(world_.resolves.begin());
      engine().handle_resolved(id, std::vector{*IpAddress::parse("192.0.2.3")}, world_.now);
      world_.drain();
    }
  }

  void step() {
    static constexpr int kMilliseconds[] = {0, 1, 10, 250, 1'000, 5'000, 61'000, 400'000};
    const std::uint8_t choice = input_.byte();
    world_.looks_at_spaces = (choice & 0x80U) != 0;
    acts_at_once_ = (choice & 0x40U) == 0;
    switch (choice % 16) {
      case 1:
        return resolve();
      case 2:
        world_.now.steady += std::chrono::milliseconds(kMilliseconds[below(8)]);
        return world_.timeout();
      case 3: {
        const ConnId conn = some_conn();
        return one_in(2) ? engine().handle_eof(conn, world_.now)
                         : engine().handle_io_error(conn, make_error(Code::receive_failed, "reset", 104), world_.now);
      }
      case 4:
      case 5:
        return connect(some_conn());
      case 6:
        world_.sent(some_conn(), one_in(3) ? 1 + below(500) : SIZE_MAX);
        return;
      case 7:
        return give(some_conn(), 1 + below(2'000));
      case 8:
      case 9:
      case 10:
      case 11:
      case 12: {
        const ConnId conn = some_conn();
        say(conn);
        return give(conn, SIZE_MAX);
      }
      case 13:  // what a correct driver would do at once
        resolve();
        for (const ConnId conn : world_.open_conns()) {
          connect(conn);
          world_.sent(conn, SIZE_MAX);
          give(conn, SIZE_MAX);
        }
        return;
      default:
        for (std::size_t calls = 1 + below(3); calls > 0; --calls) application();
        return;
    }
  }

  // ---- the end ----

  void finish() {
    input_.rest();
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      for (int turns = 0; turns < 100 && !engine().body(ids_[i]).empty(); ++turns) {
        take(ids_[i], SIZE_MAX);
        world_.drain();
      }
      check_end(ids_[i]);
      if (i == 0) last_verdict = world_.verdict(ids_[i]);
      engine().remove(ids_[i], world_.now);
      world_.drain();
      FUZZ_CHECK(world_.done(ids_[i]) && !engine().contains(ids_[i]));
    }
    for (auto open = world_.open_conns(); !open.empty(); open = world_.open_conns()) {
      engine().handle_eof(open.front(), world_.now);
      world_.drain();
    }
    resolve();
    FUZZ_CHECK(engine().running() == 0 && engine().connections() == 0 && !engine().deadline());
  }

  void check_end(TransferId id) {
    if (!world_.done(id)) return;
    const TransferInfo info = engine().info(id);
    if (info.retries > 0) saw(kSeen[2]);
    saw(world_.succeeded(id) ? kSeen[0] : kSeen[1]);
    if (!world_.succeeded(id) || wild_.contains(info.conn)) return;
    const Said& said = said_[{info.conn, info.stream_id}];
    FUZZ_CHECK(said.ended && !said.reset && world_.body(id).size() == said.bytes);
  }

  Input& input_;
  EngineWorld world_;
  bool acts_at_once_ = false;
  std::vector<TransferId> ids_;
  std::map<Place, Said> said_;
  std::set<ConnId> wild_;  // bytes of the input were sent there
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(sluice::Bytes(data, size));
  sluice::fuzz::Program(input).run();
  return 0;
}
