// Random operations and facts, true, stale and hostile, from a seed: the engine's invariants hold after each of them,
// each transfer ends once, and a reported success is correct.
#include <doctest/doctest.h>

#include "core/base/random.hpp"
#include "tests/support/engine_steps.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::size_t kNever = SIZE_MAX;  // a response that must not pass for a whole one

// The far end of one connection: what it was asked, and what it is about to say.
struct Peer {
  std::optional<sim::TlsServer> tls;
  std::string asked, to_say;
  bool answering = false, spoke = false;
};

struct AnyRoute : Route {
  AnyRoute(std::string identity, std::size_t most) : Route(std::move(identity), "a route", most) {}
};

struct Expected {
  std::size_t bytes = kNever;
  bool at_most = false;  // framed by the end: a shorter one cannot be told from a whole one
};

class Monkey {
 public:
  explicit Monkey(std::uint64_t seed)
      : random_(Seed{seed}), world_(options()), with_tls_(seed % 4 == 0), calm_(1 + seed % 5 * 12) {
    world_.consume = false;
    world_.now.wall = kNoon;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      world_.drain();
    }
    finish();
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Engine& engine() { return world_.engine; }

  EngineOptions options() {
    EngineOptions options;
    options.max_connections = below(6);
    options.max_connections_per_origin = below(4);
    options.idle_connection_timeout = std::chrono::seconds(below(30));
    return options;
  }

  TransferId some_transfer() {
    if (ids_.empty() || one_in(30))
      return {static_cast<std::uint32_t>(below(70)), static_cast<std::uint32_t>(below(4))};
    return ids_[ids_.size() - 1 - below(std::min<std::size_t>(ids_.size(), 8))];
  }
  ConnId some_conn() {
    if (world_.connects.empty() || one_in(40))
      return {static_cast<std::uint32_t>(below(70)), static_cast<std::uint32_t>(below(4))};
    const std::size_t count = world_.connects.size();
    return world_.connects[count - 1 - below(std::min<std::size_t>(count, 8))].conn;
  }

  void add() {
    static const std::shared_ptr<const TlsConfig> config = make_config(trusting_options());
    const std::string path = "/" + std::to_string(ids_.size());
    static constexpr std::string_view kHosts[] = {"a.test", "b.test", "192.0.2.1", "[2001:db8::1]", "example.org"};
    const bool tls = with_tls_ && one_in(2);
    const std::string host(tls ? "example.org" : kHosts[below(5)]);
    Request request = EngineWorld::get((tls ? "https://" : "http://") + host + path);
    static constexpr std::string_view kMethods[] = {"GET", "GET", "HEAD", "POST", "PUT"};
    request.method = kMethods[below(5)];
    if (request.method.starts_with('P')) {
      const std::uint64_t kind = below(4);
      if (kind == 0) request.body = BodyOwned{std::string(below(100'000), 'u')};
      if (kind == 1) request.body = BodyStream{};
      if (kind == 2) request.body = BodyStream{.length = below(100'000)};
      if (kind == 3) request.body = BodyView{as_bytes("some static bytes")};
      if (one_in(3)) REQUIRE(request.fields.add("Expect", "100-continue").has_value());
    }
    TransferOptions options;
    options.tls = config;
    options.fresh_connection = one_in(6);
    options.forbid_reuse = one_in(6);
    if (one_in(4)) options.connect_timeout.reset();
    if (one_in(3 + calm_)) options.connect_timeout = std::chrono::milliseconds(below(3'000));
    if (one_in(3 + calm_)) options.total_timeout = std::chrono::milliseconds(below(20'000));
    if (one_in(3 + calm_)) options.attempts_timeout = std::chrono::milliseconds(below(20'000));
    if (one_in(3 + calm_)) options.idle_timeout = std::chrono::milliseconds(1 + below(5'000));
    if (one_in(6 + calm_)) options.max_body_bytes = below(5'000);
    if (one_in(6)) options.family = AddressFamily::ipv4;
    if (one_in(3)) options.route = some_route();
    auto id = engine().add(std::move(request), options, world_.now);
    REQUIRE(id.has_value());
    ids_.push_back(*id);
  }

  // Equal ones, one that stays, and one that is another now and then.
  std::shared_ptr<Route> some_route() {
    if (!steady_route_) steady_route_ = std::make_shared<AnyRoute>("", 2);
    if (!passing_route_ || one_in(5)) passing_route_ = std::make_shared<AnyRoute>("", 1);
    const std::uint64_t which = below(3);
    if (which == 0) return std::make_shared<AnyRoute>("identity", 3);
    return which == 1 ? steady_route_ : passing_route_;
  }

  void resolve() {
    if (world_.resolves.empty()) return;
    const std::size_t which = below(world_.resolves.size());
    const ResolveId id = world_.resolves[which].id;
    if (!one_in(5))
      world_.resolves.erase(world_.resolves.begin() + static_cast<std::ptrdiff_t>(which));  // else: said twice
    std::vector<IpAddress> addresses;
    for (std::uint64_t i = below(4) + (calm_ > 1 ? 1 : 0); i > 0; --i)
      addresses.push_back(*IpAddress::parse("192.0.2." + std::to_string(below(200))));
    for (std::uint64_t i = below(3); i > 0; --i)
      addresses.push_back(*IpAddress::parse("2001:db8::" + std::to_string(1 + below(90))));
    if (one_in(5 + calm_))
      return engine().handle_resolved(id, std::unexpected(make_error(Code::resolve_failed, "no such name")),
                                      world_.now);
    const bool more = one_in(4);  // which is asked for in vain now and then
    const std::optional<Duration> ttl =
        one_in(3) ? std::optional<Duration>(std::chrono::seconds(below(100))) : std::nullopt;
    if (more) world_.resolves.push_back({id, "again", AddressFamily::any});
    engine().handle_resolved(id, NameAnswer(std::move(addresses), ttl, more), world_.now);
  }

  // What was asked reaches the peer, which may begin to answer.
  void send(ConnId conn) {
    Peer& peer = peers_[conn];
    if (is_tls(conn) && !peer.tls) {
      static const sim::TlsServerContext context = make_context(example_server());
      peer.tls.emplace(context);
    }
    const std::string bytes = world_.sent(conn, one_in(2) ? 1 + below(500) : kNever);
    if (peer.tls) {
      peer.tls->feed(as_bytes(bytes));
      peer.asked += std::exchange(peer.tls->plain(), {});
    } else {
      peer.asked += bytes;
    }
    if (closes_of(world_, conn) != 0) return;
    const bool is_request = peer.asked.find(" /") != std::string::npos;  // and no rest of a body behind an early answer
    if (peer.answering || !is_request || peer.asked.find("\r\n\r\n") == std::string::npos || one_in(4)) return;
    say(peer, response_to(peer.asked));
    peer.answering = peer.spoke = true;
  }
  bool is_tls(ConnId conn) const {
    for (const auto& connect : world_.connects) {
      if (connect.conn == conn) return connect.address.port == 443 || connect.port == 443;
    }
    return false;
  }
  static void say(Peer& peer, std::string_view bytes) {
    if (peer.tls) {
      if (peer.tls->handshake_done()) peer.tls->write(as_bytes(bytes));
    } else {
      peer.to_say += bytes;
    }
  }

  std::string response_to(const std::string& asked) {
    const std::size_t path = asked.find('/') + 1;
    const std::size_t number = std::stoul(asked.substr(path));
    const bool head = asked.starts_with("HEAD");
    const std::string body(head ? 0 : below(2) * below(150'000) + below(50), letter(number));
    Expected& expected = expected_[number];
    expected = {body.size(), false};
    std::string wire;
    if (asked.find("100-continue") != std::string::npos && one_in(2)) wire += "HTTP/1.1 100 Continue\r\n\r\n";
    if (one_in(5)) wire += "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
    switch (one_in(calm_) ? below(8) : below(3)) {
      case 0:
        return wire + answer(body, one_in(3) ? "Connection: close\r\n" : "");
      case 1: {
        char size[24];
        std::snprintf(size, sizeof size, "%zx", body.size());
        wire += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        if (head) return wire;
        return wire + (body.empty() ? "" : std::string(size) + "\r\n" + body + "\r\n") + "0\r\nX: trailer\r\n\r\n";
      }
      case 2:
        expected.at_most = true;
        return wire + "HTTP/1.1 200 OK\r\n\r\n" + body;
      case 3:
        return wire + answer(body) + "surplus";
      case 4:
        expected.bytes = kNever;
        return wire + (one_in(2) ? "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n"
                                 : std::string(below(300), '?') + "\r\n\r\n");
      case 5:
        if (!head) expected.bytes = kNever;
        return wire + "HTTP/1.1 200 OK\r\nContent-Length: 200001\r\n\r\n" + body;  // and no more
      default:
        return wire + answer(body);
    }
  }
  static char letter(std::size_t number) { return static_cast<char>('a' + number % 26); }

  void receive(ConnId conn) {
    Peer& peer = peers_[conn];
    if (peer.tls) {
      std::vector<std::uint8_t>& out = peer.tls->output();
      peer.to_say += as_text(Bytes(out));
      out.clear();
    }
    const std::size_t most = one_in(2) ? kNever : 1 + below(2'000);
    const std::size_t taken = world_.receive(conn, std::string_view{peer.to_say}.substr(0, most));
    peer.to_say.erase(0, taken);
    if (peer.answering && peer.to_say.empty()) {
      peer.answering = false;
      peer.asked.clear();
    }
  }

  void look(TransferId id) {
    if (engine().body(id).empty()) return;
    const auto found = std::find(ids_.begin(), ids_.end(), id);
    REQUIRE(found != ids_.end());
    const char its = letter(static_cast<std::size_t>(found - ids_.begin()));
    for (const char byte : as_text(engine().body(id))) {
      if (byte != its) FAIL("a byte of another transfer");
    }
  }

  void connection_fact() {
    const ConnId conn = some_conn();
    switch (one_in(calm_) ? below(14) : 6 + below(8)) {
      case 0:
        engine().handle_eof(conn, world_.now);
        break;
      case 1:
        engine().handle_io_error(conn, make_error(Code::receive_failed, "recv: reset"), world_.now);
        break;
      case 2:
        engine().handle_io_error(conn, make_error(Code::send_failed, "send: broken pipe"), world_.now);
        break;
      case 3:
        engine().handle_io_error(conn, make_error(Code::connect_failed, "connect: refused"), world_.now);
        break;
      case 4:
        engine().handle_received(conn, 0, world_.now);
        engine().handle_sent(conn, 0, world_.now);
        break;
      case 5:
        // Not into a body that has no end of its own, where it would be one more piece of it.
        if (one_in(4) && !peers_[conn].spoke) world_.receive(conn, "unasked for");
        break;
      case 6:
      case 7:
        engine().handle_connected(conn, world_.now);
        break;
      case 8:
      case 9:
      case 10:
        send(conn);
        break;
      default:
        receive(conn);
        break;
    }
  }

  // The application's calls: legal at any moment, also with outputs waiting.
  void application() {
    const TransferId id = some_transfer();
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        if (engine().running() < 40) add();
        break;
      case 3:
        if (one_in(calm_)) engine().remove(id, world_.now);
        break;
      case 4:
        if (one_in(calm_)) engine().finish_upload(id, world_.now);
        if (one_in(3 * calm_)) engine().finish_upload(id, world_.now);
        break;
      case 5:
        if (one_in(3 * calm_)) engine().fail_upload(id, "the source broke", world_.now);
        break;
      case 6:
        if (one_in(3)) engine().close_idle_connections(world_.now);
        break;
      case 7:
      case 8: {
        const MutableBytes space = engine().upload_space(id);
        const std::size_t count = one_in(2) ? space.size() : below(space.size() + 1);
        std::fill_n(space.begin(), count, std::uint8_t{'u'});
        engine().commit_upload(id, count, world_.now);
        break;
      }
      default:
        look(id);
        world_.take_body(id, one_in(2) ? kNever : below(20'000));
        break;
    }
    engine().check_invariants();
  }

  void step() {
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        application();
        break;
      case 3:
        resolve();
        break;
      case 4: {
        static constexpr int kSteps[] = {0, 1, 10, 250, 1'000, 5'000, 61'000, -500};
        world_.now.steady += std::chrono::milliseconds(kSteps[below(one_in(calm_) ? 8 : 4)]);
        engine().handle_timeout(world_.now);
        break;
      }
      default:
        connection_fact();
        break;
    }
    // Some outputs are read, and the application does things in between.
    while (one_in(3)) application();
  }

  std::vector<ConnId> open_conns() const {
    std::vector<ConnId> open;
    for (const auto& connect : world_.connects) {
      if (closes_of(world_, connect.conn) == 0) open.push_back(connect.conn);
    }
    return open;
  }

  // From whatever state it is in: once the world means well, and gives up what does not answer, nobody is left waiting.
  void settle() {
    calm_ = 1'000'000;
    for (int round = 0; round < 400 && engine().running() > 0; ++round) {
      while (!world_.resolves.empty()) world_.resolved("192.0.2.1", {"2001:db8::1"});
      for (const ConnId conn : open_conns()) {
        world_.connected(conn);
        for (int i = 0; i < 3; ++i) {
          send(conn);
          receive(conn);
        }
        if (round % 16 == 15) world_.eof(conn);
      }
      for (const TransferId id : ids_) {
        if (world_.done(id)) continue;
        supply(world_, id, std::string(engine().upload_space(id).size(), 'u'));
        const auto* stream = std::get_if<BodyStream>(&engine().request(id).body);
        if (stream && !stream->length) engine().finish_upload(id, world_.now);
        look(id);
        world_.take_body(id);
        world_.drain();
      }
    }
    REQUIRE(engine().running() == 0);
  }

  void finish() {
    if (one_in(2)) settle();
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const TransferId id = ids_[i];
      for (int turns = 0; turns < 100 && !engine().body(id).empty(); ++turns) {
        look(id);
        world_.take_body(id);
        world_.drain();
      }
      if (one_in(2)) world_.remove(id);
    }
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (world_.done(ids_[i]) && world_.succeeded(ids_[i])) check_success(i);
      world_.remove(ids_[i]);
      REQUIRE(world_.done(ids_[i]));
      REQUIRE_FALSE(engine().contains(ids_[i]));
    }
    CHECK(world_.results.size() == ids_.size());
    // Dials that went on without a sponsor end by their facts.
    for (auto open = open_conns(); !open.empty(); open = open_conns()) world_.eof(open.front());
    for (const auto& resolve : std::vector(world_.resolves)) {
      engine().handle_resolved(resolve.id, std::unexpected(make_error(Code::resolve_failed, "end")), world_.now);
      world_.drain();
    }
    check_nothing_left(world_);
    world_.connects.clear();
    // Its member and this copy.
    for (const auto& route : {steady_route_, passing_route_}) CHECK(route.use_count() <= 2);
  }

  void check_success(std::size_t number) {
    CAPTURE(number);
    const std::string& body = world_.bodies[ids_[number]];
    const Expected& expected = expected_[number];
    REQUIRE(expected.bytes != kNever);
    if (expected.at_most) {
      CHECK(body.size() <= expected.bytes);
    } else {
      CHECK(body.size() == expected.bytes);
    }
  }

  Random random_;
  EngineWorld world_;
  bool with_tls_;
  std::uint64_t calm_;  // how many harmful things are left out for one that is done
  std::vector<TransferId> ids_;
  std::map<ConnId, Peer> peers_;
  std::shared_ptr<Route> steady_route_, passing_route_;
  std::map<std::size_t, Expected> expected_;
};

}  // namespace

TEST_CASE("SB-25 SB-47 engine: random operations and facts from 300 seeds") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Monkey(seed).run(400);
  }
}
