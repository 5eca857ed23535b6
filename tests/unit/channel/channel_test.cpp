// Channel alone, without an engine: any number of layers, handshakes from the bottom up, and bytes in both directions.
#include "core/channel/channel.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/http1/session.hpp"
#include "tests/support/mux_session.hpp"

using namespace sluice;
using namespace sluice::channel;
using namespace std::chrono_literals;

namespace {

// A layer that greets with "<name>", wants the same greeting back, and then adds its key to every byte.
class Shifting final : public Layer {
 public:
  Shifting(char name, std::uint8_t key) : name_(name), key_(key) {}
  Pump start(std::vector<std::uint8_t>& wire_out, Now) override {
    started_ = true;
    for (const char c : greeting()) wire_out.push_back(static_cast<std::uint8_t>(c));
    return Pump::need_input;
  }
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>&, Now) override {
    CHECK(started_);
    while (!wire_in.empty()) {
      const std::uint8_t byte = wire_in.front();
      wire_in = wire_in.subspan(1);
      if (greeted_ < 3) {
        if (byte != static_cast<std::uint8_t>(greeting()[greeted_++])) return fail();
      } else if (static_cast<std::uint8_t>(byte - key_) == '!') {
        return fail();
      } else {
        if (plain_out.empty()) return Pump::need_space;
        plain_out.front() = static_cast<std::uint8_t>(byte - key_);
        plain_out = plain_out.subspan(1);
      }
    }
    return Pump::need_input;
  }
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now) override {
    CHECK(established());
    while (!plain_in.empty() && wire_out.size() < wire_cap) {
      wire_out.push_back(static_cast<std::uint8_t>(plain_in.front() + key_));
      plain_in = plain_in.subspan(1);
    }
    return plain_in.empty() ? Pump::need_input : Pump::need_space;
  }
  bool established() const override { return greeted_ == 3; }
  std::string_view task() const override { return "greeting"; }
  Code failure() const override { return Code::connect_failed; }
  StreamEnd stream_end() const override { return StreamEnd::clean; }
  void close(std::vector<std::uint8_t>& wire_out) noexcept override { wire_out.push_back('.'); }
  const Error& error() const override { return error_; }

 private:
  std::string greeting() const { return {'<', name_, '>'}; }
  Pump fail() {
    error_ = make_error(Code::tls_failed, std::string("layer ") + name_ + ": bad byte");
    return Pump::failed;
  }
  char name_;
  std::uint8_t key_;
  bool started_ = false;
  std::size_t greeted_ = 0;
  Error error_;
};

// A layer that changes nothing, and wants to be asked every `interval`.
class Timed final : public Layer {
 public:
  explicit Timed(Duration interval) : interval_(interval), due_(Instant{} + interval) {}
  Pump start(std::vector<std::uint8_t>&, Now) override { return Pump::progressed; }
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>&, Now) override {
    std::memcpy(plain_out.data(), wire_in.data(), wire_in.size());
    plain_out = plain_out.subspan(wire_in.size());
    wire_in = {};
    return Pump::need_input;
  }
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t, Now) override {
    wire_out.insert(wire_out.end(), plain_in.begin(), plain_in.end());
    plain_in = {};
    return Pump::need_input;
  }
  bool established() const override { return true; }
  std::string_view task() const override { return "nothing"; }
  Code failure() const override { return Code::connect_failed; }
  StreamEnd stream_end() const override { return StreamEnd::clean; }
  void close(std::vector<std::uint8_t>&) noexcept override {}
  const Error& error() const override { return error_; }
  std::optional<Instant> deadline() const override { return due_; }
  Pump handle_timeout(std::vector<std::uint8_t>&, bool sends, Now now) override {
    told.push_back(sends);
    due_ = now.steady + interval_;
    return Pump::progressed;
  }
  std::vector<bool> told;  // `sends` of each time

 private:
  Duration interval_;
  Instant due_;
  Error error_;
};

std::string shifted(std::string_view text, int key) {
  std::string out;
  for (const char c : text) out += static_cast<char>(static_cast<unsigned char>(c) + key);
  return out;
}

// A request without a body, with what its exchange needs.
struct Spoken {
  explicit Spoken(const char* path) { request.url = *Url::parse(std::string("http://h") + path); }
  http::Exchange exchange() { return {&request, nullptr, &head, &trailers}; }
  Request request;
  ResponseHead head;
  Fields trailers;
};

struct Rig {
  explicit Rig(int layers) {
    if (layers >= 1) channel.push_layer(std::make_unique<Shifting>('a', std::uint8_t{1}));
    if (layers >= 2) channel.push_layer(std::make_unique<Shifting>('b', std::uint8_t{2}));
    if (layers >= 3) channel.push_layer(std::make_unique<Shifting>('c', std::uint8_t{4}));
  }
  std::string take() {
    std::string out;
    while (channel.has_output()) {
      const OutputView spans = channel.transmit();
      std::string piece;
      for (std::size_t i = 0; i < spans.count; ++i) piece += as_text(spans.spans[i]);
      out += piece;
      channel.sent(piece.size(), moved, now);
    }
    return out;
  }
  std::string give(std::string_view wire) {
    const MutableBytes space = landing.wire().first(wire.size());
    std::memcpy(space.data(), wire.data(), wire.size());
    return std::string(as_text(channel.decode(space, landing, now)));
  }
  Channel channel;
  std::vector<http::StreamId> moved;  // of all sends
  Landing landing;
  Now now;
};

}  // namespace

TEST_CASE("channel: exactly these moves between phases are legal") {
  using enum ChannelPhase;
  const std::set<std::pair<ChannelPhase, ChannelPhase>> legal = {
      {connecting, securing}, {connecting, closed}, {securing, ready}, {securing, closed}, {ready, closed}};
  for (const ChannelPhase from : {connecting, securing, ready, closed}) {
    for (const ChannelPhase to : {connecting, securing, ready, closed}) {
      CHECK(kChannelMoves.allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("channel: without layers it is ready at once and bytes stay where they are") {
  Rig rig(0);
  CHECK_FALSE(rig.channel.has_output());
  rig.channel.start(rig.now);
  CHECK(rig.channel.become_ready());
  CHECK_FALSE(rig.channel.become_ready());  // once
  CHECK(rig.channel.phase() == ChannelPhase::ready);
  const MutableBytes wire = rig.landing.wire().first(3);
  CHECK(rig.channel.decode(wire, rig.landing, rig.now).data() == wire.data());
}

TEST_CASE("channel: three layers greet from the bottom up, whole or byte by byte") {
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    Rig rig(3);
    rig.channel.start(rig.now);
    CHECK(rig.take() == "<a>");
    const std::string wire = "<a>" + shifted("<b>", 1) + shifted("<c>", 3) + shifted("plain", 7);
    std::string plain, sent;
    if (whole) {
      plain = rig.give(wire);
      sent = rig.take();
      CHECK(rig.channel.become_ready());
    } else {
      for (const char byte : wire) {
        plain += rig.give({&byte, 1});
        sent += rig.take();
        rig.channel.become_ready();
      }
    }
    CHECK(plain == "plain");
    CHECK(sent == shifted("<b>", 1) + shifted("<c>", 3));
    CHECK(rig.channel.phase() == ChannelPhase::ready);
    CHECK_FALSE(rig.channel.fault());
  }
}

TEST_CASE("channel: a request descends through every layer, in pieces as large as the wire takes") {
  Rig rig(2);
  rig.channel.start(rig.now);
  rig.give("<a>" + shifted("<b>", 1));
  rig.take();
  REQUIRE(rig.channel.become_ready());
  rig.channel.set_session(http1::make_session());
  Request request;
  request.url = *Url::parse("http://h/");
  request.method = "POST";
  const std::string body(300'000, 'x');
  request.body = BodyView{as_bytes(body)};
  http::UploadBody upload(request.body);
  ResponseHead head;
  Fields trailers;
  REQUIRE(rig.channel.session()->open({&request, &upload, &head, &trailers}));
  rig.channel.pump(rig.now);
  CHECK(rig.channel.transmit().size_bytes() < body.size());  // bounded, not all at once
  const std::string sent = rig.take();
  CHECK(sent == shifted("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + body, 3));
}

TEST_CASE(
    "channel: of requests side by side each is known to be sent when the wire has its bytes, whatever follows them") {
  for (const int layers : {0, 1, 2, 3}) {
    CAPTURE(layers);
    Rig rig(layers);
    rig.channel.start(rig.now);
    std::string greetings;
    for (int i = 0; i < layers; ++i) greetings += shifted(std::string("<") + "abc"[i] + ">", (1 << i) - 1);
    rig.give(greetings);
    rig.take();
    REQUIRE(rig.channel.become_ready());
    rig.channel.set_session(std::make_unique<test::MuxSession>(10));
    http::Session& session = *rig.channel.session();
    Spoken first("/1"), second("/2");
    const auto send = [&](std::size_t bytes) {
      rig.moved.clear();
      rig.channel.sent(bytes, rig.moved, rig.now);
    };
    const auto one = *session.open(first.exchange());
    rig.channel.pump(rig.now);
    const std::size_t size = rig.channel.transmit().size_bytes();
    const auto two = *session.open(second.exchange());
    rig.channel.pump(rig.now);
    CHECK(rig.channel.transmit().size_bytes() == 2 * size);
    send(size - 1);
    CHECK_FALSE(session.request_sent(one));
    send(1);
    CHECK(session.request_sent(one));
    CHECK(rig.moved.front() == one);
    CHECK_FALSE(session.request_sent(two));
    CHECK(rig.channel.holds_plain() == (layers > 0));
    const auto three = *session.open(first.exchange());
    rig.channel.pump(rig.now);
    send(size);
    CHECK(session.request_sent(two));
    CHECK_FALSE(session.request_sent(three));
    send(size);
    CHECK(session.request_sent(three));
    CHECK_FALSE(rig.channel.holds_plain());
  }
}

TEST_CASE("channel: what a layer sends of its own between two requests belongs to neither") {
  Rig rig(1);
  rig.channel.start(rig.now);
  rig.give("<a>");  // the greeting is not sent yet
  REQUIRE(rig.channel.become_ready());
  rig.channel.set_session(std::make_unique<test::MuxSession>(10));
  Spoken first("/1");
  const auto one = *rig.channel.session()->open(first.exchange());
  CHECK_FALSE(rig.channel.holds_plain());
  rig.channel.pump(rig.now);
  const std::size_t size = rig.channel.transmit().size_bytes();
  rig.channel.sent(size - 1, rig.moved, rig.now);
  CHECK_FALSE(rig.channel.session()->request_sent(one));
  CHECK(rig.channel.holds_plain());
  rig.channel.sent(1, rig.moved, rig.now);
  CHECK(rig.channel.session()->request_sent(one));
}

TEST_CASE("channel: the failure of a layer is kept, and the bytes before it still count") {
  Rig rig(1);
  rig.channel.start(rig.now);
  CHECK(rig.give("<a>" + shifted("ab!cd", 1)) == "ab");
  REQUIRE(rig.channel.fault());
  CHECK(rig.channel.fault()->message() == "layer a: bad byte");
  CHECK(rig.give("xyz").empty());
  CHECK_FALSE(rig.channel.become_ready());
}

TEST_CASE("channel: a layer whose time has come is told of what the wire has taken since its own last time") {
  Rig rig(0);
  auto made = std::make_unique<Timed>(10s);
  const Timed& lower = *made;
  rig.channel.push_layer(std::move(made));
  made = std::make_unique<Timed>(9s);
  const Timed& upper = *made;
  rig.channel.push_layer(std::move(made));
  rig.channel.start(rig.now);
  REQUIRE(rig.channel.become_ready());
  rig.channel.set_session(std::make_unique<test::MuxSession>(10));
  Spoken first("/1");
  REQUIRE(rig.channel.session()->open(first.exchange()));
  rig.channel.pump(rig.now);
  const auto pass_until = [&](Duration time) {
    rig.now.steady = Instant{} + time;
    rig.channel.handle_timeout(rig.now);
  };
  rig.channel.sent(1, rig.moved, rig.now);  // others wait
  pass_until(8s);
  CHECK(upper.told.empty());
  pass_until(9s);
  CHECK(upper.told == std::vector<bool>{true});
  CHECK(lower.told.empty());
  pass_until(9900ms);
  pass_until(10s);
  CHECK(lower.told == std::vector<bool>{true});
  pass_until(18s);
  CHECK(upper.told == std::vector<bool>{true, false});
  rig.channel.sent(1, rig.moved, rig.now);
  pass_until(20s);
  CHECK(lower.told == std::vector<bool>{true, true});
  rig.take();
  pass_until(30s);  // nothing waits
  CHECK(lower.told == std::vector<bool>{true, true, false});
  CHECK(upper.told == std::vector<bool>{true, false, false});
}

TEST_CASE("channel: a goodbye is said by the bottom layer, once, and only where it was asked for") {
  for (const bool goodbye : {true, false}) {
    Rig rig(2);
    rig.channel.start(rig.now);
    rig.give("<a>" + shifted("<b>", 1));
    rig.take();
    REQUIRE(rig.channel.become_ready());
    rig.channel.close(goodbye);
    rig.channel.close(goodbye);
    CHECK(rig.take() == (goodbye ? "." : ""));
    CHECK(rig.channel.phase() == ChannelPhase::closed);
  }
}
