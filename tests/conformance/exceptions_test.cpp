// SB-89: an exception of a handler ends its transfer and nothing else. A loop in C++ lets the exception through to its
// caller; the binding of a loop in C stores it (tests/unit/*_driver_test.cpp).
#include <deque>
#include <set>
#include <stdexcept>

#include "tests/conformance/world.hpp"

using namespace sluice;
using namespace sluice::conformance;

namespace {

// Throws in the chosen callback: i interim, h head, b body, u upload, d done. It has them all.
struct Thrower : Echo {
  char where = 0;
  int calls_after = 0;
  bool thrown = false;

  Thrower(std::string_view bytes, char callback) : Echo(bytes), where(callback) {}
  void here(char letter) {
    if (thrown && letter != 'd') ++calls_after;
    if (letter != where || thrown) return;
    thrown = true;
    throw std::runtime_error("no more, please");
  }
  void on_interim(Multi& multi, TransferId id, const ResponseHead& head) override {
    Echo::on_interim(multi, id, head), here('i');
  }
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override {
    Echo::on_head(multi, id, head), here('h');
  }
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override {
    take(bytes), here('b');
    return bytes.size();
  }
  std::size_t on_upload(Multi& multi, TransferId id, MutableBytes space) override {
    const std::size_t size = give(multi, id, space);
    here('u');
    return size;
  }
  void on_done(Multi& multi, TransferId id, const Result<void>& end) override {
    Echo::on_done(multi, id, end), here('d');
  }
};

constexpr char kThrowers[] = {'u', 'i', 'h', 'b', 'd'};

bool lets_through() {
  static const std::set<std::string> in_c = {"libuv", "libevent", "glib"};
  return !in_c.contains(loop_name());
}

}  // namespace

TEST_CASE_VERSIONS("SB-89 what a handler throws ends its transfer, and the loop goes on with all others") {
  std::deque<Thrower> throwers, others;
  std::map<TransferId, const Thrower*> by_id;
  const auto start = [&](Thrower& one, Scheme scheme) {
    Request upload = request("/0/0?echo&early", scheme);
    upload.method = "PUT";
    upload.body = BodyStream{};
    by_id[add(std::move(upload), one)] = &one;
  };
  for (int round = 0; round < 2; ++round) {
    for (const Scheme scheme : {Scheme::plain, Scheme::tls}) {
      for (const char where : kThrowers) {
        start(throwers.emplace_back(pattern(100'000, 1), where), scheme);
        start(others.emplace_back(pattern(100'000, 2), '-'), scheme);
      }
    }
    int caught = 0;
    for (bool over = false; !over;) {
      try {
        over = run();
        REQUIRE(over);
      } catch (const std::runtime_error& thrown) {
        CHECK(std::string_view(thrown.what()) == "no more, please");
        ++caught;
      }
    }
    CHECK(caught == (lets_through() ? 10 : 0));
    CHECK(until([&] { return messages.size() == throwers.size() + others.size(); }));
  }
  for (const Thrower& one : others) CHECK(one.complete());
  for (const auto& [id, message] : messages) {
    const Thrower& one = *by_id.at(id);
    CAPTURE(one.where);
    CHECK(one.calls_after == 0);
    if (one.where == '-' || one.where == 'd') {
      CHECK(message.result.has_value());
      CHECK(one.dones == 1);
      continue;
    }
    REQUIRE_FALSE(message.result.has_value());
    CHECK(message.result.error().code == Code::canceled);
    CHECK(message.result.error().message().ends_with(": its handler threw an exception: no more, please"));
    CHECK(one.dones == 1);
    CHECK(one.result == message.result);
  }
}
