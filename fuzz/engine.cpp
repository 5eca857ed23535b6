// Fuzzes core/engine.hpp. Input: a program of application calls and facts about the world, true, stale and hostile (see
// Program::step); peers answer correctly, incorrectly or with bytes of the input.
// Oracles: those of engine_world.hpp after every step (one Done each, counts, limits, deadlines, interest and space),
// and at the end: a success has exactly the peer's bytes, no byte reached another transfer, and nothing is left.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/support/certificates.hpp"
#include "fuzz/support/engine_world.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kNever = SIZE_MAX;  // a response that must not be taken for complete
constexpr std::size_t kMostSteps = 400;
constexpr std::size_t kMostTransfers = 24;
const bool told = must_be_seen({kLanded, kKept});

struct AnyRoute : Route {
  AnyRoute(std::string identity, std::size_t most) : Route(std::move(identity), "a route", most) {}
};

struct Expected {
  std::size_t bytes = kNever;
  bool at_most = false;   // the end of the stream frames it, so a shorter body looks complete too
  bool anything = false;  // bytes of the input
};

EngineOptions read_options(Input& input) {
  EngineOptions options;
  options.max_connections = input.below(6);
  options.max_connections_per_origin = input.below(4);
  options.idle_connection_timeout = std::chrono::seconds(60 - input.below(61));
  return options;
}

class Program {
 public:
  explicit Program(Input& input) : input_(input), world_(read_options(input)), settles_(input.below(2) == 0) {
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
  Engine& engine() { return world_.engine; }
  std::size_t below(std::size_t n) { return input_.below(n); }
  bool one_in(std::size_t n) { return input_.one_in(n); }

  // ---- the object of a step: one of the newest, or an unknown one ----

  TransferId some_transfer() { return input_.id_of(ids_, 8, 12); }
  ConnId some_conn() { return input_.id_of(world_.conns, 10, 12); }

  // ---- the application: legal at any moment, also with outputs waiting ----

  void add() {
    if (ids_.size() >= kMostTransfers) return;
    static constexpr std::string_view kOrigins[] = {"http://a.test", "http://192.0.2.1", "https://example.org",
                                                    "http://[2001:db8::1]", "http://b.test:8080"};
    static constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT"};
    Request request;
    request.url = Url::parse(std::string(kOrigins[below(5)]) + "/" + std::to_string(ids_.size())).value();
    request.method = kMethods[below(4)];
    if (request.method.starts_with('P')) add_body(request);
    const TransferOptions options = some_options();
    auto id = engine().add(std::move(request), options, world_.now);
    FUZZ_CHECK_SAYING(id.has_value(), id.error().message());
    ids_.push_back(*id);
    world_.added(*id, options);
  }
  void add_body(Request& request) {
    static constexpr std::size_t kSizes[] = {0, 1, 5'000, 100'000};
    switch (below(4)) {
      case 0:
        request.body = BodyOwned{std::string(kSizes[below(4)], 'u')};
        break;
      case 1:
        request.body = BodyStream{};
        break;
      case 2:
        request.body = BodyStream{.length = kSizes[below(4)]};
        break;
      default:
        request.body = BodyView{as_bytes("some static bytes")};
        break;
    }
    if (one_in(3)) FUZZ_CHECK(request.fields.add("Expect", "100-continue").has_value());
  }
  TransferOptions some_options() {
    TransferOptions options;
    options.tls = trusting_config();
    const std::size_t flags = below(256);
    options.fresh_connection = (flags & 1U) != 0;
    options.forbid_reuse = (flags & 2U) != 0;
    if ((flags & 4U) != 0) options.connect_timeout = std::chrono::milliseconds(10 * below(256));
    if ((flags & 8U) != 0) options.total_timeout = std::chrono::milliseconds(100 * below(256));
    if ((flags & 9U) == 9) options.attempts_timeout = std::chrono::milliseconds(100 * below(256));
    if ((flags & 16U) != 0) options.idle_timeout = std::chrono::milliseconds(1 + 20 * below(256));
    if ((flags & 32U) != 0) options.max_body_bytes = 20 * below(256);
    if ((flags & 64U) != 0) options.family = AddressFamily::ipv4;
    if ((flags & 128U) != 0) options.route = some_route();
    if ((flags & 3U) == 3) options.http1 = Http1::strict;
    options.keep_raw_head = (flags & 40U) == 40;
    return options;
  }
  // Routes with equal identities, one that stays, and one that is replaced from time to time.
  std::shared_ptr<Route> some_route() {
    const std::size_t which = below(4);
    if (which == 0) return std::make_shared<AnyRoute>("identity", 3);
    if (!steady_route_) steady_route_ = std::make_shared<AnyRoute>("", 2);
    if (!passing_route_ || which == 3) passing_route_ = std::make_shared<AnyRoute>("", 1);
    return which == 1 ? steady_route_ : passing_route_;
  }

  void upload(TransferId id) {
    const MutableBytes space = engine().upload_space(id);
    FUZZ_CHECK(space.size() <= limits::kUploadBufferBytes);
    const std::size_t count = std::min(space.size(), one_in(4) ? below(256) : space.size());
    std::fill_n(space.begin(), count, std::uint8_t{'u'});
    engine().commit_upload(id, count, world_.now);
  }

  void application() {
    const std::size_t what = below(10);
    if (what < 3) return add();
    const TransferId id = some_transfer();
    switch (what) {
      case 3:
        engine().remove(id, world_.now);
        FUZZ_CHECK(!engine().contains(id));
        break;
      case 4:
        engine().finish_upload(id, world_.now);
        break;
      case 5:
        one_in(3) ? engine().fail_upload(id, "the source broke", world_.now)
                  : engine().close_idle_connections(world_.now);
        break;
      case 6:
        upload(id);
        break;
      default:
        look(id);
        world_.take_body(id, one_in(2) ? below(20'000) : kNever);
        break;
    }
    engine().check_invariants();
  }

  // An application that acts as soon as it gets an output.
  void between(const Output& out) {
    if (!acts_at_once_) return;
    if (const auto* body = std::get_if<output::BodyReady>(&out)) {
      look(body->transfer);
      world_.take_body(body->transfer, one_in(4) ? below(20'000) : kNever);
    } else if (!input_.spent()) {
      application();
    }
  }

  // ---- the world ----

  void resolve() {
    if (world_.resolves.empty()) return;
    const std::size_t which = below(world_.resolves.size());
    const ResolveId id = world_.resolves[which].id;
    // Else it is reported twice.
    if (!one_in(5)) world_.resolves.erase(world_.resolves.begin() + static_cast<std::ptrdiff_t>(which));
    const std::size_t how = below(8);
    if (how == 7) {
      engine().handle_resolved(id, std::unexpected(make_error(Code::resolve_failed, "no such name")), world_.now);
      return;
    }
    std::vector<IpAddress> addresses;
    for (std::size_t i = 0; i <= how % 4; ++i)
      addresses.push_back(*IpAddress::parse("192.0.2." + std::to_string(1 + i)));
    for (std::size_t i = 0; i < how / 3; ++i)
      addresses.push_back(*IpAddress::parse("2001:db8::" + std::to_string(1 + i)));
    if (how == 6) addresses.clear();
    if (one_in(20)) addresses.resize(200, addresses.empty() ? *IpAddress::parse("192.0.2.9") : addresses.front());
    if (!one_in(4)) {
      engine().handle_resolved(id, std::move(addresses), world_.now);
      return;
    }
    world_.resolves.push_back({id, "again", AddressFamily::any});  // for the rest
    engine().handle_resolved(id, NameAnswer(std::move(addresses), std::chrono::seconds(how), true), world_.now);
  }

  // The request reaches the peer, which may begin to answer.
  void send(ConnId conn) {
    const std::string bytes = world_.sent(conn, one_in(3) ? 1 + below(500) : kNever);
    if (!world_.links.contains(conn)) return;
    Link& link = world_.links[conn];
    Peer& peer = link.peer;
    if (link.is_tls) {
      static const sim::TlsServerContext contexts[] = {make_server_context(TlsVersion::tls1_3),
                                                       make_server_context(TlsVersion::tls1_2)};
      if (!peer.tls) peer.tls.emplace(contexts[below(2)]);
      peer.tls->feed(as_bytes(bytes));
      peer.asked += std::exchange(peer.tls->plain(), {});
    } else {
      peer.asked += bytes;
    }
    if (!link.open) return;
    // And not the rest of a body after an early response.
    const bool is_request = peer.asked.find(" /") != std::string::npos;
    if (peer.answering || !is_request || peer.asked.find("\r\n\r\n") == std::string::npos || one_in(5)) return;
    const std::string answer = response_to(peer);
    if (!peer.tls) peer.to_say += answer;
    if (peer.tls && peer.tls->handshake_done()) peer.tls->write(as_bytes(answer));
    peer.answering = peer.spoke = true;
  }

  std::string response_to(Peer& peer) {
    static constexpr std::size_t kSizes[] = {0, 1, 50, 3'000, 70'000, 150'000};
    const std::string& asked = peer.asked;
    const std::size_t number = std::stoul(asked.substr(asked.find('/') + 1));
    const bool head = asked.starts_with("HEAD");
    const std::string body(head ? 0 : kSizes[below(6)], letter(number));
    Expected& expected = expected_[number];
    expected = {body.size(), false, expected.anything};
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    std::string wire;
    if (asked.find("100-continue") != std::string::npos && !one_in(2)) wire += "HTTP/1.1 100 Continue\r\n\r\n";
    switch (below(12)) {
      case 1:
        return wire + "HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + "\r\n" + body;
      case 2: {
        char size[24];
        std::snprintf(size, sizeof size, "%zx", body.size());
        wire += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        if (head) return wire;
        return wire + (body.empty() ? "" : std::string(size) + "\r\n" + body + "\r\n") + "0\r\nX: trailer\r\n\r\n";
      }
      case 3:
        expected.at_most = true;
        return wire + "HTTP/1.1 200 OK\r\n\r\n" + body;
      case 4:
        return wire + "HTTP/1.1 413 Enough\r\n" + length + "\r\n" + body + "surplus";
      case 5:
        expected.bytes = kNever;
        return wire + "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n";
      case 6:
        if (!head) expected.bytes = kNever;
        return wire + "HTTP/1.1 200 OK\r\nContent-Length: 200001\r\n\r\n" + body;  // and no more
      case 7:
        return wire + "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n" + length + "\r\n" + body;
      case 8:
        expected.anything = peer.own_bytes = true;
        return std::string(input_.take(1 + below(200)));
      default:
        return wire + "HTTP/1.1 200 OK\r\n" + length + "\r\n" + body;
    }
  }
  static char letter(std::size_t number) { return static_cast<char>('a' + number % 26); }

  void receive(ConnId conn) {
    if (!world_.links.contains(conn)) return;
    Peer& peer = world_.links[conn].peer;
    if (peer.tls) {
      std::vector<std::uint8_t>& out = peer.tls->output();
      peer.to_say += as_text(Bytes(out));
      out.clear();
    }
    const std::size_t most = one_in(3) ? 1 + below(2'000) : kNever;
    // The rest of the input's bytes may be a response to the transfer that has the connection now.
    for (std::size_t i = 0; peer.own_bytes && i < ids_.size(); ++i) {
      if (!world_.done(ids_[i]) && engine().info(ids_[i]).conn == conn) expected_[i].anything = true;
    }
    const std::size_t taken = world_.receive(conn, std::string_view{peer.to_say}.substr(0, most));
    peer.to_say.erase(0, taken);
    if (peer.answering && peer.to_say.empty()) {
      peer.answering = peer.own_bytes = false;
      peer.asked.clear();
    }
  }

  void fail(ConnId conn) {
    static constexpr Code kCodes[] = {Code::receive_failed, Code::send_failed, Code::connect_failed};
    engine().handle_io_error(conn, make_error(kCodes[below(3)], "the line is dead", 104), world_.now);
  }

  void step() {
    static constexpr int kMilliseconds[] = {0, 1, 10, 250, 1'000, 5'000, 61'000, -500};
    const std::uint8_t choice = input_.byte();
    world_.looks_at_spaces = (choice & 0x80U) != 0;
    acts_at_once_ = (choice & 0x40U) != 0;
    switch (choice % 16) {
      case 1:
        return resolve();
      case 2:
        world_.now.steady += std::chrono::milliseconds(kMilliseconds[below(8)]);
        return world_.timeout();
      case 3:
        return engine().handle_eof(some_conn(), world_.now);
      case 4:
        return fail(some_conn());
      case 5: {
        const ConnId conn = some_conn();
        const bool is_there = world_.links.contains(conn) && world_.links[conn].open && world_.links[conn].connected;
        const std::size_t count = is_there ? 0 : 7;  // late facts, and some that are too early
        engine().handle_received(conn, count, world_.now);
        world_.drain();
        engine().handle_sent(conn, count, world_.now);
        return;
      }
      case 6: {
        const ConnId conn = some_conn();
        // Not inside a body that the end of the stream frames, where it would be a part of it; no response begins like
        // this.
        if (!world_.links.contains(conn) || !world_.links[conn].peer.spoke) {
          world_.receive(conn, '!' + std::string(input_.take(1 + below(60))));
        }
        return;
      }
      case 7:
      case 8:
        return world_.connected(some_conn());
      case 9:
      case 10:
        return send(some_conn());
      case 11:
      case 12:
        return receive(some_conn());
      case 13:  // everything that a correct driver would do at once
        return turn();
      default:
        // Some outputs are taken, and the application makes calls in between.
        for (std::size_t calls = 1 + below(3); calls > 0; --calls) {
          application();
          if (calls > 1 && engine().has_output() && one_in(2)) world_.read_output();
        }
        return;
    }
  }

  void turn() {
    while (!world_.resolves.empty()) {
      const ResolveId id = world_.resolves.front().id;
      world_.resolves.erase(world_.resolves.begin());
      engine().handle_resolved(id, std::vector{*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")},
                               world_.now);
      world_.drain();
    }
    for (const ConnId conn : world_.open_conns()) {
      world_.connected(conn);
      for (int i = 0; i < 3; ++i) {
        send(conn);
        receive(conn);
      }
    }
  }

  // ---- the end ----

  // Checks that no byte of another transfer came.
  void look(TransferId id) {
    const auto found = std::find(ids_.begin(), ids_.end(), id);
    FUZZ_CHECK(found != ids_.end() || engine().body(id).empty());
    const auto number = static_cast<std::size_t>(found - ids_.begin());
    if (found == ids_.end() || expected_[number].anything) return;
    for (const char byte : as_text(engine().body(id))) FUZZ_CHECK(byte == letter(number));
  }

  // From any state: when the world is correct and ends what does not answer, no transfer is left waiting.
  void settle() {
    for (int round = 0; round < 200 && engine().running() > 0; ++round) {
      turn();
      if (round % 8 == 7) {
        for (const ConnId conn : world_.open_conns()) {
          engine().handle_eof(conn, world_.now);
          world_.drain();
        }
      }
      for (const TransferId id : ids_) {
        if (world_.done(id)) continue;
        upload(id);
        const auto* stream = std::get_if<BodyStream>(&engine().request(id).body);
        if (stream != nullptr && !stream->length) engine().finish_upload(id, world_.now);
        look(id);
        world_.take_body(id, kNever);
        world_.drain();
      }
    }
    FUZZ_CHECK(engine().running() == 0);
  }

  void finish() {
    input_.rest();
    if (settles_) settle();
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      for (int turns = 0; turns < 100 && !engine().body(ids_[i]).empty(); ++turns) {
        look(ids_[i]);
        world_.take_body(ids_[i], kNever);
        world_.drain();
      }
      if (world_.succeeded(ids_[i])) check_success(i);
      if (i == 0) last_verdict = world_.verdict(ids_[i]);
      engine().remove(ids_[i], world_.now);
      world_.drain();
      FUZZ_CHECK(world_.done(ids_[i]) && !engine().contains(ids_[i]));
    }
    // Dials that continued without a sponsor end by facts; each may try another address.
    for (auto open = world_.open_conns(); !open.empty(); open = world_.open_conns()) {
      engine().handle_eof(open.front(), world_.now);
      world_.drain();
    }
    for (const auto& resolve : std::vector(world_.resolves)) {
      engine().handle_resolved(resolve.id, std::unexpected(make_error(Code::resolve_failed, "end")), world_.now);
      world_.drain();
    }
    engine().close_idle_connections(world_.now);
    world_.drain();
    FUZZ_CHECK(engine().running() == 0);
    FUZZ_CHECK(engine().connections() == 0);
    FUZZ_CHECK(!engine().deadline());
    // Its member and this copy.
    for (const auto& route : {steady_route_, passing_route_}) FUZZ_CHECK(route.use_count() <= 2);
  }

  void check_success(std::size_t number) {
    const Expected& expected = expected_[number];
    const std::size_t got = world_.body(ids_[number]).size();
    if (expected.anything) return;
    FUZZ_CHECK(expected.bytes != kNever && (expected.at_most ? got <= expected.bytes : got == expected.bytes));
  }

  Input& input_;
  EngineWorld world_;
  const bool settles_;
  bool acts_at_once_ = false;
  std::vector<TransferId> ids_;
  std::shared_ptr<Route> steady_route_, passing_route_;
  std::map<std::size_t, Expected> expected_;
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::fuzz::Input input(sluice::Bytes(data, size));
  sluice::fuzz::Program(input).run();
  return 0;
}
