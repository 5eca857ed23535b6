// See http2_checks.hpp.
#include "tests/support/http2_checks.hpp"

#include <doctest/doctest.h>

#include <set>

#include "tests/support/site.hpp"

namespace sluice::test {
namespace {

constexpr std::size_t kHuge = 20 * 1024 * 1024, kLarge = 1024 * 1024, kSmall = 1024;
constexpr std::size_t kHeldAt = 100'000;
constexpr std::size_t kNotHeld = static_cast<std::size_t>(-1);

std::string path_of(std::size_t size) { return "/" + std::to_string(size); }

using Fetches = std::vector<Fetch*>;

// All have come, each byte right, over HTTP/2.
void check_complete(const Fetches& all, int status = 200) {
  for (const Fetch* fetch : all) {
    REQUIRE_MESSAGE(fetch->complete(), fetch->error(), ", ", fetch->received, " bytes");
    CHECK(fetch->status == status);
    CHECK(fetch->message->info.stream_id % 2 == 1);
  }
}

std::set<ConnId> connections_of(const Fetches& all) {
  std::set<ConnId> connections;
  for (const Fetch* fetch : all) connections.insert(fetch->message->info.conn);
  return connections;
}

bool all_ended(const Fetches& all) {
  return std::ranges::all_of(all, [](const Fetch* fetch) { return fetch->message.has_value(); });
}

template <class Condition>
void step_until(Client& client, Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    client.step();
  }
}

// Downloads that are paused in their bodies, so that the server cannot have sent all of them.
Fetches hold_some(Client& client, const Http2Way& way, int count, const std::string& content) {
  Fetches held;
  for (int i = 0; i < count; ++i) {
    held.push_back(&client.add(way.base + path_of(content.size()), way.get, content));
    held.back()->hold_at = kHeldAt;
  }
  const auto stands = [](const Fetch* fetch) { return fetch->received == kHeldAt || fetch->message.has_value(); };
  step_until(client, [&] { return std::ranges::all_of(held, stands); });
  for (const Fetch* fetch : held) REQUIRE_MESSAGE(!fetch->message.has_value(), fetch->error());
  return held;
}

void let_go(Client& client, const Fetches& held) {
  for (Fetch* fetch : held) {
    fetch->hold_at = kNotHeld;
    client.multi().resume(fetch->id);
  }
}

MultiOptions at_most(std::size_t connections) {
  MultiOptions options;
  options.engine.max_connections_per_origin = connections;
  return options;
}

}  // namespace

Http2Way over_tls(const Http2Server& server) {
  Http2Way way{.base = server.tls(), .get = {}};
  way.get.tls = trusting(server.site().root_pem);
  return way;
}

Http2Way by_prior_knowledge(const Http2Server& server) {
  Http2Way way{.base = server.plain(), .get = {}};
  way.get.versions = HttpVersions::http2_prior_knowledge;
  return way;
}

void check_http2_sizes(const Http2Way& way) {
  std::vector<std::string> contents;
  for (const std::size_t size : Site::sizes()) contents.push_back(content_of(size));
  Client client(at_most(1));
  Fetches all;
  for (int round = 0; round < 3; ++round) {
    for (const std::string& content : contents)
      all.push_back(&client.add(way.base + path_of(content.size()), way.get, content));
  }
  client.run();
  check_complete(all);
  CHECK(connections_of(all).size() == 1);
}

void check_http2_thousand(const Http2Way& way) {
  const std::string content = content_of(kSmall);
  Client client(at_most(4));
  Fetches all;
  for (int i = 0; i < 1'000; ++i) all.push_back(&client.add(way.base + path_of(kSmall), way.get, content));
  client.run();
  check_complete(all);
  const std::size_t connections = connections_of(all).size();
  CHECK(connections >= 1);
  CHECK(connections <= 4);
  const Fetch& next = client.fetch(way.base + path_of(kSmall), way.get, content);
  CHECK(next.complete());
  CHECK(next.message->info.reused);
}

void check_http2_small_answers(const Http2Server& server, const Http2Way& way) {
  const std::string content = content_of(kSmall);
  Client client(at_most(1));
  Get head = way.get;
  head.method = "HEAD";
  const Fetch& without_body = client.fetch(way.base + path_of(kLarge), head, "");
  CHECK(without_body.field("Content-Length") == std::to_string(kLarge));
  const Fetch& missing = client.fetch(way.base + "/no-such-file", way.get);
  CHECK_MESSAGE(missing.ok(), missing.error());
  CHECK(missing.status == 404);
  Fetches all = {&client.fetch(way.base + path_of(kLarge), head, ""),
                 &client.fetch(way.base + path_of(kSmall), way.get, content)};
  if (server.redirects()) {
    Get follow = way.get;
    follow.follow = true;
    all.push_back(&client.fetch(way.base + "/go", follow, content));
  }
  check_complete(all);
  CHECK(connections_of(all).size() == 1);
  CHECK(all.back()->message->info.stream_id >= 5);
}

void check_http2_uploads(const Http2Server& server, const Http2Way& way) {
  static int round = 0;
  const std::string name = "/upload/" + std::to_string(++round) + "-";
  const std::vector<std::string> contents = {content_of(0), content_of(1), content_of(kLarge), content_of(300'000),
                                             content_of(70'000)};
  Client client(at_most(1));
  Fetches all;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    Get put = way.get;
    put.method = "PUT";
    (i < 3 ? put.body : put.stream) = contents[i];
    const auto expected = server.echoes() ? std::optional<std::string_view>(contents[i]) : std::nullopt;
    all.push_back(&client.add(way.base + name + std::to_string(i), put, expected));
  }
  client.run();
  check_complete(all, server.echoes() ? 200 : 201);
  for (std::size_t i = 0; i < contents.size(); ++i)
    CHECK(all[i]->message->progress.sent_body_bytes == contents[i].size());
  CHECK(connections_of(all).size() == 1);
  if (server.echoes()) return;
  Fetches back;
  for (std::size_t i = 0; i < contents.size(); ++i)
    back.push_back(&client.add(way.base + name + std::to_string(i), way.get, contents[i]));
  client.run();
  check_complete(back);
}

void check_http2_cancels(const Http2Way& way) {
  const std::string content = content_of(kLarge);
  Client client(at_most(1));
  Fetches kept, canceled;
  for (int i = 0; i < 20; ++i) kept.push_back(&client.add(way.base + path_of(kLarge), way.get, content));
  canceled = hold_some(client, way, 20, content);
  for (const Fetch* fetch : canceled) client.multi().cancel(fetch->id);
  client.run();
  check_complete(kept);
  for (const Fetch* fetch : canceled) CHECK(fetch->code() == Code::canceled);
  kept.push_back(&client.fetch(way.base + path_of(kLarge), way.get, content));
  check_complete(kept);
  CHECK(connections_of(kept).size() == 1);
}

void check_http2_pauses(const Http2Way& way) {
  const std::string huge = content_of(kHuge), content = content_of(kLarge);
  Client client(at_most(1));
  Fetches held = hold_some(client, way, 2, huge), all;
  for (int i = 0; i < 20; ++i) all.push_back(&client.add(way.base + path_of(kLarge), way.get, content));
  step_until(client, [&] { return all_ended(all); });
  for (const Fetch* fetch : held) CHECK(fetch->received == kHeldAt);
  let_go(client, held);
  client.run();
  all.insert(all.end(), held.begin(), held.end());
  check_complete(all);
  CHECK(connections_of(all).size() == 1);
}

void check_http2_reload(Http2Server& server, const Http2Way& way) {
  const std::string huge = content_of(kHuge), content = content_of(kSmall);
  Client client;
  const Fetches held = hold_some(client, way, 4, huge);
  if (!server.reload()) return;
  // The old processes are told at some moment in here.
  Client other;
  Client& asking = server.ends_gently() ? client : other;
  Fetches all;
  const auto ask = [&] {
    Fetches some;
    for (int i = 0; i < 10; ++i) some.push_back(&asking.add(way.base + path_of(kSmall), way.get, content));
    step_until(asking, [&] { return all_ended(some); });
    all.insert(all.end(), some.begin(), some.end());
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < until) server.ends_gently() ? ask() : client.step();
  ask();
  let_go(client, held);
  client.run();
  check_complete(held);
  check_complete(all);
  CHECK(connections_of(held).size() == 1);
}

void check_http2_killed(Http2Server& server, const Http2Way& way) {
  const std::string huge = content_of(kHuge), content = content_of(kSmall);
  Client client(at_most(1));
  const Fetches held = hold_some(client, way, 4, huge);
  server.kill_now();
  let_go(client, held);
  client.run();
  for (const Fetch* fetch : held) {
    CHECK_FALSE(fetch->ok());
    CHECK(fetch->as_expected);
    CHECK(fetch->received < huge.size());
    const Code code = fetch->code().value_or(Code::internal);
    CHECK_MESSAGE((code == Code::truncated || code == Code::receive_failed || code == Code::send_failed),
                  fetch->error());
  }
  server.start_again();
  Fetches all;
  for (int i = 0; i < 20; ++i) all.push_back(&client.add(way.base + path_of(kSmall), way.get, content));
  client.run();
  check_complete(all);
  CHECK(connections_of(all).size() == 1);
}

}  // namespace sluice::test
