// adapters/sim/script: each step, bytes in pieces, bytes that arrive early, rounds.
#include <doctest/doctest.h>

#include "tests/unit/sim/fake_line.hpp"

namespace sluice::test {
namespace {

using Log = std::vector<std::string>;

TEST_CASE("A script awaits text however it is cut, and takes what stands up to its end") {
  for (std::size_t piece = 1; piece <= 9; ++piece) {
    CAPTURE(piece);
    PeerOnLine at(sim::script_origin(sim::Script().await("\r\n\r\n").send("one").await("b").send("two")));
    at.come("abc\r\n\r", piece);
    CHECK(at.line.sent.empty());
    at.come("\n", piece);
    CHECK(at.line.sent == "one");
    at.come("ac", piece);
    CHECK(at.line.sent == "one");
    at.come("b", piece);
    CHECK(at.line.sent == "onetwo");  // not by the b before the end that was awaited first
  }
}

TEST_CASE("Bytes that come while no step awaits them are kept for the next that does") {
  PeerOnLine at(
      sim::script_origin(sim::Script().wait(2s).await("x").send("X").await_bytes(3).send("Y").await("z").send("Z")));
  at.come("axbcdz");
  CHECK(at.line.sent.empty());
  at.pass(1999ms);
  CHECK(at.line.sent.empty());
  at.pass(1ms);
  CHECK(at.line.sent == "XYZ");
}

TEST_CASE("A script that begins by sending needs no byte, and waits as long as it says") {
  PeerOnLine at(sim::script_origin(sim::Script().send("a").wait(1s).send("b").wait(3s).send("c")));
  CHECK(at.line.sent == "a");
  at.pass(400ms);
  at.come("noise");  // neither ends the wait nor begins it anew
  CHECK(at.line.sent == "a");
  at.pass(600ms);
  CHECK(at.line.sent == "ab");
  at.pass(2999ms);
  CHECK(at.line.sent == "ab");
  at.pass(1ms);
  CHECK(at.line.sent == "abc");
  at.pass(1h);
  at.come("more");
  CHECK(at.line.sent == "abc");  // past the last step it is silent
}

TEST_CASE("A wake that no step asked for does nothing") {
  PeerOnLine at(sim::script_origin(sim::Script().await("x").send("X")));
  at.peer->on_wake(at.line);
  CHECK(at.line.sent.empty());
  at.come("x");
  CHECK(at.line.sent == "X");
}

TEST_CASE("finish, close and reset stand in their order") {
  {
    PeerOnLine at(sim::script_origin(sim::Script().send("a").finish().await("b").close().send("no")));
    CHECK(at.line.log == Log{"send", "finish"});
    at.come("b");
    CHECK(at.line.log == Log{"send", "finish", "close"});
  }
  PeerOnLine at(sim::script_origin(sim::Script().reset()));
  CHECK(at.line.log == Log{"reset"});
}

TEST_CASE("again goes round while there is something to await, and each connection has a script of its own") {
  const sim::Accept accept = sim::script_origin(sim::Script().await("?").send("!").again());
  PeerOnLine first(accept, 0);
  PeerOnLine second(accept, 1);
  first.come("?a?b?");
  CHECK(first.line.sent == "!!!");
  CHECK(second.line.sent.empty());
  second.come("??");
  CHECK(second.line.sent == "!!");
  PeerOnLine timed(sim::script_origin(sim::Script().send(".").wait(1s).again()));
  timed.pass(3500ms);
  CHECK(timed.line.sent == "....");
}

TEST_CASE("again without anything to wait for ends the script instead of running for ever") {
  PeerOnLine at(sim::script_origin(sim::Script().send("x").await("").await_bytes(0).again()));
  CHECK(at.line.sent == "x");
  at.come("more");
  CHECK(at.line.sent == "x");
  PeerOnLine nothing(sim::script_origin(sim::Script().again()));
  CHECK(nothing.line.log.empty());
}

TEST_CASE("When the engine has closed its end, a script's end follows") {
  PeerOnLine at(sim::script_origin(sim::Script().await("x").send("X")));
  at.peer->on_end(at.line);
  CHECK(at.line.log == Log{"close"});
}

}  // namespace
}  // namespace sluice::test
