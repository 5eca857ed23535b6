// As engine_memory_test.cpp, for the HTTP/2 session: its library allocates by operator new, and a failed allocation is
// Code::out_of_memory, of one request or of the connection.
#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "core/http2/session.hpp"
#include "core/proxy/stream_connect.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/support/http2_frames.hpp"

namespace sluice::test {
namespace {

struct Asked {
  Request request;
  ResponseHead head;
  Fields trailers;
  std::optional<http::UploadBody> upload;
  bool open = false;
};

// What a server sends to three requests.
std::string answers() {
  return h2::settings({{h2::kInitialWindow, 100}}) + h2::window_update(3, 1'000) +
         h2::headers(3, {{":status", "103"}, {"link", "</style.css>"}}) +
         h2::headers(1, {{":status", "200"}, {"server", "a server with a long name"}}) +
         h2::data(1, std::string(2'000, 'x')) + h2::headers(3, {{":status", "200"}}, h2::kEndStream) + h2::ping() +
         h2::headers(5, {{"no", "status"}}, h2::kEndStream) +
         h2::headers(1, {{"checksum", "0123456789012345678901234567890123456789"}}, h2::kEndStream) +
         h2::goaway(5, 11, "enough for now, thank you");
}

std::vector<std::string> talk(const std::string& answer) {
  std::vector<std::string> faults;
  const auto judge = [&](const char* what, const Error& error) {
    if (!ran_short() || error.code != Code::out_of_memory) faults.push_back(std::string(what) + ": " + error.message());
  };
  std::vector<Asked> asked(3);
  for (Asked& one : asked) one.request.url = Url::parse("https://example.org/a/path").value();
  asked[1].request.method = "POST";
  asked[1].request.body = BodyOwned(std::string(500, 'u'));
  asked[1].upload.emplace(asked[1].request.body);
  asked[2].request.method = "PUT";
  asked[2].request.body = BodyStream{};
  asked[2].upload.emplace(asked[2].request.body);

  auto session = watched([&] { return http2::make_session(); });
  if (!session) {
    if (!ran_short()) faults.emplace_back("no session");
    return faults;
  }
  for (Asked& one : asked) {
    if (session->open_capacity() == 0) break;
    const auto stream = watched([&] {
      return session->open({.request = &one.request,
                            .upload = one.upload ? &*one.upload : nullptr,
                            .head = &one.head,
                            .trailers = &one.trailers,
                            .rules = {.keep_raw_head = true}});
    });
    one.open = stream.has_value();
    if (!stream) judge("open", stream.error());
  }
  if (asked[2].open) {
    const auto finished = watched([&]() -> Result<void> {
      Fields trailers;
      if (auto added = trailers.add("Checksum", "0123456789"); !added) return added;
      return asked[2].upload->finish(std::move(trailers));
    });
    if (!finished) judge("trailers", finished.error());
    watched([&] { session->upload_changed(5); });
    watched([&] { session->set_priority(5, {.urgency = 1}); });
  }
  // Else the server answers what was not asked.
  const bool all_open = std::ranges::all_of(asked, [](const Asked& one) { return one.open; });
  std::vector<std::uint8_t> memory(answer.begin(), answer.end());
  std::vector<http::Event> events;
  events.reserve(32);
  bool failed = false;
  for (MutableBytes rest(memory); !rest.empty() && !failed;) {
    const auto taken =
        watched([&] { return session->receive(rest.first(std::min<std::size_t>(rest.size(), 50)), events); });
    failed = !taken;
    if (!taken && all_open) judge("receive", taken.error());
    if (taken) rest = rest.subspan(*taken);
    watched([&] { session->consumed(1, 10); });
    watched([&] { session->advance_output(session->output().size_bytes()); });
  }
  std::size_t ends = 0;
  for (const http::Event& event : events) {
    using Kind = http::Event::Kind;
    ends += event.kind == Kind::complete || event.kind == Kind::failed || event.kind == Kind::refused;
  }
  if (!failed && !session->deadline() && session->busy()) faults.emplace_back("an exchange has no end");
  if (!ran_short() && ends != 3) faults.push_back(std::to_string(ends) + " ends");
  for (const http::StreamId stream : {1U, 3U, 5U}) watched([&] { session->abort(stream); });
  if (session->busy()) faults.emplace_back("it is busy");
  watched([&] { session.reset(); });
  return faults;
}

TEST_CASE("memory: an HTTP/2 session loses a request or the connection, and nothing else") {
  const std::string answer = answers();
  with_every_allocation_failing("three requests", [&] { return talk(answer); });
}

// A tunnel in which bytes go both ways. What throws ends it, as in a channel.
std::vector<std::string> tunnel(const std::string& answer) {
  std::vector<std::string> faults;
  std::string plain;
  const bool done = watched([&] {
    try {
      proxy::ConnectParams params{.proxy = "https://proxy.example:443", .target = {"example.org", 443}};
      if (!params.fields.add("User-Agent", "something with a name that is long")) return false;
      proxy::StreamConnect layer(std::move(params));
      std::vector<std::uint8_t> wire;
      if (layer.start(wire, {}) == Pump::failed) return false;
      std::vector<std::uint8_t> space(10'000);
      MutableBytes room(space);
      Bytes in = as_bytes(answer);
      if (layer.decode(in, room, wire, {}) == Pump::failed) return false;
      plain = as_text(Bytes(space).first(space.size() - room.size()));
      const std::string request(3'000, 'r');
      for (int i = 0; i < 3; ++i) {
        Bytes out = as_bytes(request);
        const Pump pump = layer.encode(out, wire, 1'000'000, {});
        if (pump == Pump::need_input) faults.emplace_back("it waits for ever");
        if (pump != Pump::progressed || !out.empty()) return false;
      }
      return as_text(Bytes(wire)).find(request.substr(0, 2'000)) != std::string_view::npos;
    } catch (const std::bad_alloc&) {
      return false;
    }
  });
  if (!done && !ran_short()) faults.emplace_back("it failed");
  if (done && plain != std::string(2'000, 'x')) faults.emplace_back("other bytes came");
  return faults;
}

TEST_CASE("memory: CONNECT over HTTP/2 throws, and leaves nothing") {
  const std::string answer =
      h2::settings() + h2::headers(1, {{":status", "200"}}) + h2::data(1, std::string(2'000, 'x'));
  with_every_allocation_failing("a tunnel", [&] { return tunnel(answer); });
}

TEST_CASE("memory: a tunnel over HTTP/2 that sends takes no memory, and keeps no buffer afterwards") {
  proxy::StreamConnect layer({.proxy = "https://proxy.example:443", .target = {"example.org", 443}});
  std::vector<std::uint8_t> wire;
  wire.reserve(1'000'000);
  REQUIRE(layer.start(wire, {}) == Pump::progressed);
  constexpr std::uint32_t kMuch = 0x3fff'ffff;
  const std::string answer =
      h2::settings({{h2::kInitialWindow, kMuch}}) + h2::window_update(0, kMuch) + h2::headers(1, {{":status", "200"}});
  std::vector<std::uint8_t> space(1'000);
  MutableBytes room(space);
  Bytes in = as_bytes(answer);
  REQUIRE(layer.decode(in, room, wire, {}) == Pump::need_input);
  const std::string record(16'000, 'r');
  const auto send = [&] {
    wire.clear();
    Bytes out = as_bytes(record);
    REQUIRE(watched([&] { return layer.encode(out, wire, 64'000, {}); }) == Pump::progressed);
  };
  for (int i = 0; i < 10; ++i) send();
  run_short(SIZE_MAX, Shortage::once);
  for (int i = 0; i < 50; ++i) send();
  CHECK(allocations() == 0);
  layer.drop_memory();
  send();
  CHECK(allocations() == 1);
  relieve();
}

// Rounds of `at_once` requests and their responses. How many allocations the last ones have made.
std::size_t allocations_of(std::size_t at_once, bool beside_another) {
  constexpr int kRounds = 100, kWarm = 50;
  auto session = http2::make_session();
  REQUIRE(session);
  std::vector<Asked> asked(at_once + 1);
  for (Asked& one : asked) one.request.url = Url::parse("https://example.org/a/path").value();
  std::vector<http::Event> events;
  events.reserve(1'000);
  std::vector<http::StreamId> moved;
  moved.reserve(1'000);
  const auto open = [&](Asked& one) {
    const auto stream = session->open({.request = &one.request, .head = &one.head});
    REQUIRE(stream);
    return *stream;
  };
  const auto receive = [&](const std::string& bytes) {
    std::vector<std::uint8_t> memory(bytes.begin(), bytes.end());
    events.clear();
    REQUIRE(watched([&] { return session->receive(memory, events); }) == memory.size());
    watched([&] { session->advance_output(session->output().size_bytes()); });
    moved.clear();
    watched([&] { session->on_wire(0, moved); });
  };
  receive(h2::settings());
  if (beside_another) open(asked.back());
  for (int round = 0; round < kRounds; ++round) {
    if (round == kWarm) run_short(SIZE_MAX, Shortage::once);
    std::string answers;
    for (std::size_t i = 0; i < at_once; ++i) {
      const http::StreamId stream = watched([&] { return open(asked[i]); });
      answers += h2::headers(stream, {{":status", "200"}, {"date", "Mon, 23 Nov 2026 14:00:00 GMT"}}) +
                 h2::data(stream, std::string(1'000, 'x'), h2::kEndStream);
    }
    receive(answers);
    CHECK(events.size() == 3 * at_once);
  }
  const std::size_t all = allocations();
  relieve();
  return all;
}

TEST_CASE("memory: in the steady state a request over HTTP/2 takes no memory") {
  CHECK(allocations_of(1, false) == 0);
  CHECK(allocations_of(1, true) == 0);
  CHECK(allocations_of(50, true) == 0);
}

}  // namespace
}  // namespace sluice::test
