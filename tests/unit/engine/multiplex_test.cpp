// Many exchanges on one connection: which transfer waits for which dial, how one exchange's failure affects the others,
// what is retried.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/engine_steps.hpp"
#include "tests/support/mux_world.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("multiplex: 100 transfers wait for one dial and share its connection") {
  MuxWorld world;
  const auto ids = world.add_many(100);
  CHECK(world.connects.size() == 1);
  const ConnId conn = world.connect();
  CHECK(world.connects.size() == 1);
  CHECK(world.far.asked.size() == 100);
  // Backwards, all in one read.
  std::string answers;
  for (std::size_t i = 100; i-- > 0;) answers += mux_answer(world.stream(i), "body " + std::to_string(i));
  world.exchange(conn, answers);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(world.succeeded(ids[i]));
    CHECK(world.bodies[ids[i]] == "body " + std::to_string(i));
    CHECK(world.engine.info(ids[i]).conn == conn);
  }
  CHECK(world.engine.idle_connections() == 1);
  // It is used again, and nobody dials.
  const TransferId again = world.add("http://192.0.2.1/again");
  world.far.take(world.sent(conn));
  world.exchange(conn, mux_answer(world.far.stream_of("GET /again"), "x"));
  CHECK(world.succeeded(again));
  CHECK(world.engine.info(again).reused);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("multiplex: where a connection turns out to carry one, the others dial at once, and later ones do not wait") {
  MuxWorld world(1);
  world.add_many(5);
  CHECK(world.connects.size() == 1);
  world.connected(world.connects[0].conn);
  CHECK(world.connects.size() == 5);
  world.add_many(3);
  CHECK(world.connects.size() == 8);
}

TEST_CASE("multiplex: more transfers than a dial is counted on for begin another") {
  MuxWorld world(3, {}, 3);
  world.add_many(4);
  CHECK(world.connects.size() == 2);
}

TEST_CASE("multiplex: one whose own dial hangs takes room on a connection that stands") {
  MuxWorld world(3, {}, 1);
  const auto ids = world.add_many(4);
  REQUIRE(world.connects.size() == 4);
  const ConnId conn = world.connects[0].conn;
  world.connected(conn);
  world.far.take(world.sent(conn));
  CHECK(world.far.asked.size() == 3);
  world.exchange(conn, mux_answer(world.stream(1), "x"));
  CHECK(world.succeeded(ids[1]));
  CHECK(world.far.asked.size() == 4);
  CHECK(world.engine.info(ids[3]).conn == conn);
}

TEST_CASE("multiplex: each that wants a fresh connection dials at once, and nobody waits behind it") {
  MuxWorld world;
  TransferOptions fresh;
  fresh.fresh_connection = true;
  for (int i = 0; i < 3; ++i) world.add("http://192.0.2.1/fresh" + std::to_string(i), fresh);
  CHECK(world.connects.size() == 3);
  world.add("http://192.0.2.1/any");
  CHECK(world.connects.size() == 3);
  world.connect();
  CHECK(world.far.asked.size() == 2);  // a fresh one, and the one that may share it
}

TEST_CASE("multiplex: pieces of several bodies in one read are shown in place, one after another") {
  MuxWorld world;
  world.consume = false;
  const auto ids = world.add_many(2);
  const ConnId conn = world.connect();
  const auto a = world.stream(0), b = world.stream(1);
  world.receive(conn, mux_frame('H', a, "200") + mux_frame('H', b, "200") + mux_frame('D', a, "aa") +
                          mux_frame('D', b, "bbb") + mux_frame('D', a, "AA") + mux_frame('E', a) + mux_frame('E', b));
  CHECK(as_text(world.engine.body(ids[0])) == "aa");
  CHECK(as_text(world.engine.body(ids[1])) == "bbb");
  // Nothing was copied.
  CHECK(world.engine.body(ids[1]).data() == world.engine.body(ids[0]).data() + 2 + kMuxFrameHead);
  world.take(ids[0]);
  CHECK(as_text(world.engine.body(ids[0])) == "AA");
  CHECK_FALSE(world.done(ids[0]));
  world.take(ids[0]);
  world.take(ids[1]);
  world.drain();
  CHECK(world.succeeded(ids[0]));
  CHECK(world.succeeded(ids[1]));
  CHECK(world.bodies[ids[0]] == "aaAA");
}

TEST_CASE("multiplex: what is not consumed stays through the next reads, and stops no neighbour") {
  MuxWorld world;
  world.consume = false;
  const auto ids = world.add_many(2);
  const ConnId conn = world.connect();
  const auto slow = world.stream(0), fast = world.stream(1);
  world.receive(conn, mux_frame('H', slow, "200") + mux_frame('H', fast, "200"));
  for (int i = 0; i < 3; ++i) world.receive(conn, mux_frame('D', slow, std::string(kMuxWindow / 4, 's')));
  std::size_t got = 0;
  for (int i = 0; i < 20; ++i) {
    world.receive(conn, mux_frame('D', fast, std::string(50'000, 'f')));
    got += world.engine.body(ids[1]).size();
    world.take(ids[1]);
    CHECK(world.engine.interest(conn).read);
  }
  CHECK(got == 1'000'000);
  CHECK(world.engine.body(ids[0]).size() == 3 * (kMuxWindow / 4));
  world.far.take(world.sent(conn));
  CHECK(world.far.asked[fast].taken == 1'000'000);  // its window was opened, and the other's not
  CHECK(world.far.asked[slow].taken == 0);
  world.take(ids[0]);
  world.exchange(conn, mux_frame('E', slow) + mux_frame('E', fast));
  CHECK(world.far.asked[slow].taken == 3 * (kMuxWindow / 4));
  CHECK(world.succeeded(ids[0]));
}

TEST_CASE("multiplex: one that is canceled, or fails, or is too large, leaves its neighbours alone") {
  MuxWorld world;
  TransferOptions small;
  small.max_body_bytes = 3;
  const auto ids = world.add_many(3);
  const TransferId large = world.add("http://192.0.2.1/large", small);
  const ConnId conn = world.connect();
  world.remove(ids[0]);
  CHECK(world.failure(ids[0]) == Code::canceled);
  world.far.take(world.sent(conn));
  CHECK(world.far.asked[world.stream(0)].reset);
  world.exchange(conn, mux_frame('R', world.stream(1)));
  CHECK(world.failure(ids[1]) == Code::malformed_response);
  const auto its = world.far.stream_of("GET /large");
  world.exchange(conn, mux_frame('H', its, "200") + mux_frame('D', its, "four") + mux_frame('D', its, "more"));
  CHECK(world.failure(large) == Code::body_too_large);
  CHECK(world.far.asked[its].reset);
  CHECK(world.closes.empty());
  world.exchange(conn, mux_answer(world.stream(2), "fine"));
  CHECK(world.succeeded(ids[2]));
  CHECK(world.engine.idle_connections() == 1);
}

TEST_CASE("multiplex: a request that cannot be opened fails alone") {
  MuxWorld world;
  const auto ids = world.add_many(1);
  const TransferId bad = world.add("http://192.0.2.1/unsendable");
  const auto more = world.add("http://192.0.2.1/more");
  const ConnId conn = world.connect();
  CHECK(world.failure(bad) == Code::invalid_request);
  world.exchange(conn, mux_answer(world.stream(0), "x") + mux_answer(world.far.stream_of("GET /more"), "y"));
  CHECK(world.succeeded(ids[0]));
  CHECK(world.succeeded(more));
}

TEST_CASE("multiplex: what is refused is tried again at once, and once more later, whatever its method") {
  MuxWorld world;
  const TransferId post = world.add(EngineWorld::get("http://192.0.2.1/p", "POST"));
  const ConnId conn = world.connect();
  const auto first = world.far.stream_of("POST /p");
  world.exchange(conn, mux_frame('X', first));
  CHECK_FALSE(world.done(post));
  http::StreamId second = 0;
  for (const auto& [id, one] : world.far.asked) second = id;
  REQUIRE(second != first);
  CHECK(world.engine.info(post).retries == 1);
  world.exchange(conn, mux_frame('X', second));
  CHECK_FALSE(world.done(post));
  world.pass(limits::kRefusedDelay);
  world.far.take(world.sent(conn));
  for (const auto& [id, one] : world.far.asked) second = id;
  CHECK(world.engine.info(post).retries == 2);
  world.exchange(conn, mux_frame('X', second));
  REQUIRE(world.done(post));
  CHECK(world.results.at(post).error().retry_safe);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("multiplex: when a used connection dies, what may be repeated goes to one new connection together") {
  MuxWorld world;
  const auto first = world.add_many(1);
  const ConnId conn = world.connect();
  world.exchange(conn, mux_answer(world.stream(0), "x"));
  REQUIRE(world.succeeded(first[0]));
  std::vector<TransferId> gets;
  for (int i = 0; i < 20; ++i) gets.push_back(world.add("http://192.0.2.1/get" + std::to_string(i)));
  const TransferId post = world.add(EngineWorld::get("http://192.0.2.1/post", "POST"));
  world.far.take(world.sent(conn));
  const TransferId unsent = world.add(EngineWorld::get("http://192.0.2.1/unsent", "POST"));
  const TransferId begun = gets[3];
  world.receive(conn, mux_frame('H', world.far.stream_of("GET /get3"), "200"));
  world.io_error(conn, Code::receive_failed);
  CHECK(world.failure(post) == Code::receive_failed);   // it may have had its effect
  CHECK(world.failure(begun) == Code::receive_failed);  // its answer had begun
  CHECK_FALSE(world.done(unsent));
  CHECK(world.connects.size() == 2);  // not one for each
  world.far = {};
  const ConnId fresh = world.connect();
  std::string answers;
  for (const auto& [stream, one] : world.far.asked) answers += mux_answer(stream, "again");
  CHECK(world.far.asked.size() == 20);
  world.exchange(fresh, answers);
  for (const TransferId id : gets) CHECK(world.succeeded(id) == (id != begun));
  CHECK(world.succeeded(unsent));
}

TEST_CASE("multiplex: a full connection is offered again when an exchange ends, or the peer has more room") {
  MuxWorld world(2, {.max_connections_per_origin = 1}, 2);
  const auto ids = world.add_many(5);
  const ConnId conn = world.connect();
  CHECK(world.far.asked.size() == 2);
  world.exchange(conn, mux_answer(world.stream(1), "x"));
  CHECK(world.succeeded(ids[1]));
  CHECK(world.far.asked.size() == 3);
  world.exchange(conn, mux_frame('C', 0, "10"));
  CHECK(world.far.asked.size() == 5);
  CHECK(world.connects.size() == 1);
}

TEST_CASE("multiplex: a connection that takes no more exchanges carries its own to their ends") {
  MuxWorld world;
  const auto ids = world.add_many(2);
  const ConnId conn = world.connect();
  world.exchange(conn, mux_frame('G', 0));
  const TransferId late = world.add("http://192.0.2.1/late");
  CHECK(world.connects.size() == 2);
  world.exchange(conn, mux_answer(world.stream(0), "a") + mux_answer(world.stream(1), "b"));
  CHECK(world.succeeded(ids[0]));
  CHECK(world.succeeded(ids[1]));
  CHECK(world.closes == std::vector{conn});
  CHECK_FALSE(world.done(late));
}

TEST_CASE(
    "multiplex: activity is the exchange's: one that is silent runs into its idle timeout beside one that is not") {
  MuxWorld world;
  TransferOptions impatient;
  impatient.idle_timeout = std::chrono::seconds(10);
  const TransferId silent = world.add("http://192.0.2.1/silent", impatient);
  const TransferId busy = world.add("http://192.0.2.1/busy", impatient);
  const ConnId conn = world.connect();
  const auto its = world.far.stream_of("GET /busy");
  world.exchange(conn, mux_frame('H', its, "200"));
  for (int i = 0; i < 3; ++i) {
    world.pass(std::chrono::seconds(6));
    world.exchange(conn, mux_frame('D', its, "x"));
  }
  CHECK(world.failure(silent) == Code::idle_timeout);
  CHECK_FALSE(world.done(busy));
  CHECK(world.far.asked[world.far.stream_of("GET /silent")].reset);
}

TEST_CASE("multiplex: sent is the exchange's, and so is what may have reached the peer") {
  MuxWorld world;
  Request request = EngineWorld::get("http://192.0.2.1/up", "POST");
  request.body = BodyStream{};
  const TransferId up = world.add(std::move(request));
  const auto ids = world.add_many(1);
  const ConnId conn = world.connect();
  CHECK(world.engine.progress(ids[0]).sent.has_value());
  CHECK_FALSE(world.engine.progress(up).sent.has_value());
  const MutableBytes space = world.engine.upload_space(up);
  REQUIRE(space.size() > 3);
  std::memcpy(space.data(), "abc", 3);
  world.engine.commit_upload(up, 3, world.now);
  world.engine.finish_upload(up, world.now);
  world.drain();
  world.far.take(world.sent(conn));
  CHECK(world.engine.progress(up).sent.has_value());
  const auto& asked = world.far.asked[world.far.stream_of("POST /up")];
  CHECK(asked.body == "abc");
  CHECK(asked.whole);
}

TEST_CASE(
    "multiplex: a session's own deadline ends it: the first exchange fails, those that found it used are tried elsewhere") {
  MuxWorld world(100, {}, 100, std::chrono::seconds(5));
  const auto ids = world.add_many(2);
  const ConnId conn = world.connect();
  world.sessions.back()->ask(world.now);
  world.exchange(conn, "");
  // The engine looks at the deadline when it has used the session.
  const TransferId third = world.add("http://192.0.2.1/third");
  world.pass(std::chrono::seconds(6));
  CHECK(world.failure(ids[0]) == Code::malformed_response);
  CHECK(world.closes == std::vector{conn});
  CHECK(world.connects.size() == 2);
  CHECK(world.engine.info(ids[1]).retries == 1);
  CHECK(world.engine.info(third).retries == 1);
}

TEST_CASE("multiplex: a session that fails while bytes are taken ends its connection at once") {
  MuxWorld world;
  const auto ids = world.add_many(2);
  const ConnId conn = world.connects.back().conn;
  world.connected(conn);
  world.receive(conn, mux_frame('B', 0));
  world.sent(conn);
  world.pass(Duration::zero());
  CHECK(world.failure(ids[0]) == Code::malformed_response);
  CHECK(closes_of(world, conn) == 1);
}

TEST_CASE("multiplex: a connection that can send no more opens no window, so nothing on it is waited for") {
  MuxWorld world;
  const auto ids = world.add_many(1);
  const ConnId conn = world.connect();
  world.receive(conn, mux_frame('H', world.stream(0), "200") + mux_frame('D', world.stream(0), "x"));
  world.io_error(conn, Code::send_failed);
  CHECK(world.failure(ids[0]) == Code::send_failed);
}

TEST_CASE("multiplex: nonsense from the peer ends the connection, and harms nothing else") {
  MuxWorld world(2, {}, 2);
  const auto ids = world.add_many(4);
  REQUIRE(world.connects.size() == 2);
  const ConnId one = world.connects[0].conn, two = world.connects[1].conn;
  world.connected(one);
  world.connected(two);
  world.far.take(world.sent(one));
  MuxFarEnd other;
  other.take(world.sent(two));
  world.receive(one, mux_frame('!', 0));
  CHECK(world.results.size() == 1);  // that which had it for itself; the other is tried again
  CHECK(world.connects.size() == 3);
  std::string answers;
  for (const auto& [stream, asked] : other.asked) answers += mux_answer(stream, "x");
  world.receive(two, answers);
  CHECK(world.results.size() == 3);
}
