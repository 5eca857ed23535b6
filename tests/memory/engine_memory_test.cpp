// Each allocation that the engine, llhttp and BoringSSL make for whole transfers fails in turn: every transfer ends
// exactly once, a success has exactly the expected bytes, nothing is thrown, nothing leaks, and once memory is
// available again everything works.
//
// llhttp allocates nothing, so nothing in it can fail.
#include <cstdlib>
#include <map>
#include <vector>

#include "core/base/limits.hpp"
#include "tests/memory/every_allocation.hpp"
#include "tests/memory/memory_world.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/tls_pair.hpp"

namespace sluice::test {
namespace {

// Of two allocations that fail, the second comes so many after the first: right after it, while the first one's loss is
// told, and in what goes on without it. Numbers without a common measure, so that few pairs are met twice.
// SLUICE_ALL_PAIRS is set by night: more of them, and also in the large scenarios, which have none by day.
bool by_night() { return std::getenv("SLUICE_ALL_PAIRS") != nullptr; }

template <class Tell>
void with_pairs_failing(const char* name, Tell tell, std::vector<std::size_t> apart = {1, 3, 11}) {
  if (by_night()) apart = {1, 2, 3, 5, 7, 11, 29};
  with_every_allocation_failing(name, tell, {Shortage::once, Shortage::from_then_on}, apart);
}

template <class Tell>
void with_pairs_failing_by_night(const char* name, Tell tell) {
  with_pairs_failing(name, tell, {});
}

std::string body(std::size_t size, std::size_t start) { return std::string(pattern(size, start)); }

Wish get(std::string url, std::string expected) {
  Wish wish;
  wish.url = std::move(url);
  wish.expected = std::move(expected);
  return wish;
}

Wish put(std::string url, std::size_t bytes) {
  Wish wish;
  wish.method = "PUT";
  wish.url = std::move(url);
  wish.upload = body(bytes, 11);
  wish.expected = wish.upload;
  return wish;
}

// The end of every scenario: memory is available again, and the same engine works.
std::vector<std::string> aftermath(MemoryWorld& world, const std::string& url) {
  relieve();
  const auto fresh = world.add(get(url + "/2000/3", body(2000, 3)));
  if (world.engine && !fresh) world.fault("with memory back, add() fails");
  world.run();
  if (fresh && !world.succeeded(*fresh)) world.fault("with memory back, a transfer fails");
  world.finish();
  return world.faults();
}

// Without a shortage all of it must succeed; otherwise the scenario itself is wrong.
void expect_all(MemoryWorld& world, std::initializer_list<std::optional<TransferId>> all) {
  for (const auto& id : all) {
    if (!ran_short() && !(id && world.succeeded(*id))) world.fault("a transfer of the story failed with memory there");
  }
}

TEST_CASE("memory: names, addresses that race, a queue for one connection, chunks, trailers and an upload") {
  with_pairs_failing("plain, one connection", [] {
    MemoryWorld world({.default_tls = nullptr, .max_connections_per_origin = 1}, nullptr);
    Wish asks = put("http://a.test/0/0?echo", 2500);
    asks.expect_continue = true;
    asks.options.idle_timeout = std::chrono::seconds(20);
    asks.options.total_timeout = std::chrono::seconds(300);
    asks.options.attempts_timeout = std::chrono::seconds(200);
    const auto first = world.add(get("http://a.test/3000/1", body(3000, 1)));
    const auto second = world.add(get("http://a.test/trailers/", "hello world"));
    const auto third = world.add(asks);
    const auto fourth = world.add(get("http://a.test/40000/5?chunked&early", body(40000, 5)));
    world.run();
    expect_all(world, {first, second, third, fourth});
    return aftermath(world, "http://a.test");
  });
}

TEST_CASE("memory: a kept-alive connection that dies, and its request on another one") {
  with_pairs_failing("plain, retry", [] {
    MemoryWorld world({}, nullptr);
    const auto first = world.add(get("http://192.0.2.9/100/1", body(100, 1)));
    world.run();
    const auto second = world.add(get("http://192.0.2.9/dies-reused/", "well"));
    world.run();
    expect_all(world, {first, second});
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: a reset in the middle of a body") {
  with_pairs_failing("plain, reset", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::receive_failed};
    world.add(get("http://192.0.2.9/resets/", "bang"));
    world.run();
    if (!ran_short() && world.failures(Code::receive_failed) != 1) world.fault("no reset");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: a body that waits for its application while others are read") {
  with_pairs_failing("plain, paused", [] {
    MemoryWorld world({}, nullptr);
    world.step_bytes = 20'000;
    Wish paused = get("http://192.0.2.9/300000/1", body(300'000, 1));
    paused.pause = true;
    const auto first = world.add(paused);
    const auto second = world.add(get("http://192.0.2.9/90000/2", body(90'000, 2)));
    paused = get("http://192.0.2.10/5000/1?chunked", body(5000, 1));
    paused.pause = true;
    const auto third = world.add(paused);
    world.run();
    expect_all(world, {first, second, third});
    // One allocation harms one of them; or all, if it was of something they share.
    std::size_t good = 0;
    for (const auto& id : {first, second, third}) good += id && world.succeeded(*id) ? 1U : 0U;
    if (refused() == 1 && good == 1) world.fault("one allocation has cost two transfers");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: many origins under one limit, removals, failures and timeouts") {
  with_pairs_failing("plain, crowd", [] {
    MemoryWorld world({.default_tls = nullptr, .max_connections = 2}, nullptr);
    world.legal = {Code::connect_timeout, Code::total_timeout, Code::idle_timeout, Code::resolve_failed,
                   Code::canceled};
    Wish hangs = get("http://192.0.2.2/1/1", "");
    hangs.options.connect_timeout = std::chrono::seconds(5);
    Wish late = get("http://race.test/10/1?hold", "");
    late.options.total_timeout = std::chrono::seconds(9);
    Wish idle = get("http://192.0.2.9/10/1?hold", "");
    idle.options.idle_timeout = std::chrono::seconds(3);
    std::vector<std::optional<TransferId>> ids;
    for (const Wish& wish : {hangs, late, idle, get("http://nowhere.test/", "")}) ids.push_back(world.add(wish));
    const auto gone = world.add(get("http://a.test/900/1", body(900, 1)));
    const auto good = world.add(get("http://192.0.2.10/900/1", body(900, 1)));
    const auto short_upload = world.add(put("http://192.0.2.10/0/0?echo", 800));
    for (int i = 0; i < 4; ++i) world.step();
    if (gone) world.remove(*gone);
    world.run();
    expect_all(world, {good, short_upload});
    if (!ran_short() && world.failures(Code::connect_timeout) + world.failures(Code::total_timeout) < 2)
      world.fault("no timeouts");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: so many ends at once that telling of them needs memory") {
  with_pairs_failing_by_night("plain, ends", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::total_timeout};
    for (int i = 0; i < 24; ++i) {
      Wish wish = get("http://192.0.2." + std::to_string(20 + i) + "/10/1?hold", "");
      wish.options.total_timeout = std::chrono::seconds(5);
      world.add(wish);
    }
    world.run();
    if (!ran_short() && world.failures(Code::total_timeout) != 24) world.fault("no timeouts");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: so many dials that end at once, and each says that it may be tried again") {
  with_pairs_failing_by_night("plain, dials", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::connect_timeout};
    for (int i = 0; i < 24; ++i) {
      Wish wish = get("http://192.0.2.2:" + std::to_string(2000 + i) + "/", "");
      wish.options.connect_timeout = std::chrono::seconds(5);
      world.add(wish);
    }
    world.run();
    if (!ran_short() && world.failures(Code::connect_timeout) != 24) world.fault("no timeouts");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: a reset without an answer says that the request may be sent again") {
  with_pairs_failing("plain, silent", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::receive_failed};
    Wish silent = get("http://192.0.2.9/silent/", "");
    silent.repeatable = true;
    world.add(silent);
    world.run();
    if (!ran_short() && world.failures(Code::receive_failed) != 1) world.fault("no reset");
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: bodies that are whole and wait for their application, while others need memory that there is not") {
  with_pairs_failing("plain, whole and paused", [] {
    MemoryWorld world({}, nullptr);
    Wish paused = get("http://192.0.2.9/500/1", body(500, 1));
    paused.pause = true;
    const auto first = world.add(paused);
    paused = get("http://192.0.2.10/500/2", body(500, 2));
    paused.pause = true;
    const auto second = world.add(paused);
    for (int i = 0; i < 6; ++i) world.step();
    const auto third = world.add(get("http://a.test/3000/1", body(3000, 1)));
    world.run();
    expect_all(world, {first, second, third});
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: a route, and a connection that comes last in line") {
  struct Line : Route {
    Line() : Route("", "a line with a rather long name", 1) {}
  };
  with_pairs_failing("plain, route", [] {
    MemoryWorld world({}, nullptr);
    Wish wish = get("http://192.0.2.9/3000/1", body(3000, 1));
    wish.options.route = std::make_shared<Line>();
    wish.options.forbid_reuse = true;
    const auto first = world.add(wish);
    const auto second = world.add(wish);
    world.run();
    expect_all(world, {first, second});
    wish.options.route = nullptr;
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: each connection takes the place of one that was idle, and its Close comes first") {
  with_pairs_failing("plain, one place", [] {
    MemoryWorld world({.default_tls = nullptr, .max_connections = 1}, nullptr);
    world.most_open = 1;
    std::vector<std::optional<TransferId>> ids;
    for (int round = 0; round < 2; ++round) {
      for (const char* host : {"http://192.0.2.9", "http://192.0.2.10", "http://192.0.2.11"}) {
        ids.push_back(world.add(get(host + std::string("/300/1"), body(300, 1))));
        if (round == 0) world.run();  // else they stand in line
      }
    }
    world.run();
    for (const auto& id : ids) expect_all(world, {id});
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: a transfer that is removed while its end is still to be told is told of once, and is gone") {
  with_pairs_failing("plain, removed at the end", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::canceled, Code::receive_failed};
    const auto broken = world.add(get("http://192.0.2.9/resets/", "bang"));
    const auto whole = world.add(get("http://192.0.2.10/5000/1", body(5000, 1)));
    const auto queued = world.add(get("http://a.test/10/1", body(10, 1)));
    for (int i = 0; i < 6; ++i) world.step();
    for (const auto& id : {broken, whole, queued}) {
      if (id) world.remove(*id);
    }
    world.run();
    return aftermath(world, "http://192.0.2.9");
  });
}

TEST_CASE("memory: very many that are removed at once, told of afterwards, leave no place behind") {
  with_pairs_failing_by_night("plain, removed at once", [] {
    MemoryWorld world({}, nullptr);
    world.legal = {Code::canceled};
    for (int i = 0; i < 40; ++i) world.add(get("http://192.0.2.2:" + std::to_string(3000 + i) + "/", ""));
    world.remove_all();
    if (!ran_short() && world.failures(Code::canceled) != 40) world.fault("not all were canceled");
    return aftermath(world, "http://192.0.2.9");
  });
}

// ---- TLS ----

// BoringSSL does not always say that it was memory. Where an allocation of these fails nothing is put into its error
// queue, and the failure is told as what it looks like from above:
//   CBB_init, CBB_add_asn1 and whatever makes a CBB grow: "internal error", "digest check failed" in a handshake, a bad
//     signature in ECDSA_verify (which writes the signature anew to compare it), of the peer or in a certificate;
//   sk_new_null, sk_dup, sk_push: a malformed certificate (names), a session that cannot be copied;
//   EVP_PKEY and EC_KEY parts made in ASN1_item_verify: a certificate's bad signature.
// Where it says nothing at all, as when it has no room for a record, it is told as tls_failed or tls_handshake: bytes
// of a peer's can look the same (not_read() in core/tls/client.cpp). None of it crashes, and none passes for success:
// see the last case.
const std::set<Code> kTlsSays = {Code::tls_handshake, Code::tls_certificate, Code::tls_failed};

struct TlsStory {
  explicit TlsStory(const TlsOptions& tls = trusting_options(),
                    sim::TlsServerOptions server = server_for({"a.test", "b.test"}))
      : context(make_context(server)) {
    options.default_tls = make_config(tls);
  }
  sim::TlsServerContext context;
  EngineOptions options;
};

void tell_tls(const char* name, const TlsStory& story) {
  with_every_allocation_failing(name, [&] {
    MemoryWorld world(story.options, &story.context);
    world.legal = kTlsSays;
    Wish last = get("https://a.test/3000/1", body(3000, 1));
    last.options.forbid_reuse = true;
    const auto first = world.add(last);
    world.run();
    const auto second = world.add(put("https://a.test/0/0?echo", 2500));  // resumes the session
    const auto third = world.add(get("https://b.test/20000/1?chunked", body(20000, 1)));
    world.run();
    expect_all(world, {first, second, third});
    if (!ran_short() && allocations_of_boringssl() == 0) world.fault("BoringSSL has asked another allocator");
    return aftermath(world, "https://a.test");
  });
}

TEST_CASE("memory: TLS 1.3, full and resumed") { tell_tls("TLS 1.3", TlsStory()); }

TEST_CASE("memory: TLS 1.2, full and resumed") {
  sim::TlsServerOptions server = server_for({"a.test", "b.test"});
  server.max_version = TlsVersion::tls1_2;
  tell_tls("TLS 1.2", TlsStory(trusting_options(), server));
}

TEST_CASE("memory: a chain of certificates, and an upload that goes out in several turns") {
  sim::TlsServerOptions server = server_for({"a.test"});
  const auto between = authority().make_intermediate("Between", kNoon - kDay, kNoon + kDay);
  const sim::CertificateAndKey issued = between.issue(leaf_spec({"a.test"}));
  server.certificate_pem = issued.certificate_pem;
  server.key_pem = issued.key_pem;
  const TlsStory story(trusting_options(), server);
  const auto tell = [&] {
    MemoryWorld world(story.options, &story.context);
    world.legal = kTlsSays;
    Wish large = put("https://a.test/10/1", 3 * limits::kWireOutBytes);
    large.owned = true;
    large.expected = body(10, 1);
    const auto only = world.add(large);
    world.run();
    expect_all(world, {only});
    return aftermath(world, "https://a.test");
  };
  with_every_allocation_failing("TLS 1.3, chain", tell, {Shortage::once});
}

TEST_CASE("memory: a client's certificate, and the key log") {
  sim::CertificateSpec client = leaf_spec({"client.test"});
  client.for_client = true;
  const sim::CertificateAndKey own = authority().issue(client);
  TlsOptions tls = trusting_options();
  tls.certificate_pem = own.certificate_pem;
  tls.private_key_pem = own.key_pem;
  tls.key_log = true;
  sim::TlsServerOptions server = server_for({"a.test", "b.test"});
  server.client_anchors_pem = authority().certificate_pem();
  const TlsStory story(tls, server);
  with_every_allocation_failing("TLS 1.3, client certificate", [&] {
    MemoryWorld world(story.options, &story.context);
    world.legal = kTlsSays;
    const auto only = world.add(get("https://a.test/3000/1", body(3000, 1)));
    world.run();
    expect_all(world, {only});
    return aftermath(world, "https://a.test");
  });
}

TEST_CASE("memory: a TLS configuration is made whole, or is refused") {
  const sim::CertificateAndKey own = authority().issue(leaf_spec({"client.test"}));
  TlsOptions tls = trusting_options();
  tls.trust_anchors_pem += sim::TlsAuthority::make_root("Another Root", kNoon - kDay, kNoon + kDay).certificate_pem();
  tls.certificate_pem = own.certificate_pem;
  tls.private_key_pem = own.key_pem;
  const sim::TlsServerContext context = make_context(server_for({"a.test"}));
  with_every_allocation_failing("TLS configuration", [&] {
    TlsOptions copy = tls;
    auto made = watched([&] { return TlsConfig::create(std::move(copy)); });
    std::vector<std::string> faults;
    const Code code = made ? Code::out_of_memory : made.error().code;
    if (code != Code::out_of_memory && code != Code::tls_config) faults.push_back(made.error().message());
    if (!made && !ran_short()) faults.push_back("refused with memory there: " + made.error().message());
    relieve();
    if (!made) return faults;
    MemoryWorld world({.default_tls = *made}, &context);  // nothing of it may be missing
    return aftermath(world, "https://a.test");
  });
}

TEST_CASE("memory: a certificate that is not to be trusted is refused, whatever memory does") {
  struct Bad {
    const char* name;
    sim::TlsServerOptions server;
  };
  const auto other = sim::TlsAuthority::make_root("Nobody's Root", kNoon - kDay, kNoon + kDay);
  sim::TlsServerOptions untrusted = server_for({"a.test"});
  const sim::CertificateAndKey issued = other.issue(leaf_spec({"a.test"}));
  untrusted.certificate_pem = issued.certificate_pem;
  untrusted.key_pem = issued.key_pem;
  sim::CertificateSpec past = leaf_spec({"a.test"});
  past.not_after = kNoon - kDay;
  sim::TlsServerOptions expired = server_for({"a.test"});
  const sim::CertificateAndKey old = authority().issue(past);
  expired.certificate_pem = old.certificate_pem;
  expired.key_pem = old.key_pem;
  for (const Bad& bad :
       {Bad{"another name", server_for({"b.test"})}, Bad{"no anchor", untrusted}, Bad{"expired", expired}}) {
    const TlsStory story(trusting_options(), bad.server);
    with_every_allocation_failing(std::string("TLS 1.3, ") + bad.name, [&] {
      MemoryWorld world(story.options, &story.context);
      world.legal = kTlsSays;
      const auto only = world.add(get("https://a.test/10/1", body(10, 1)));
      world.run();
      if (only && world.succeeded(*only)) world.fault("it was trusted");
      if (!ran_short() && world.failures(Code::tls_certificate) != 1)
        world.fault("it was not refused for its certificate");
      world.finish();
      return world.faults();
    });
  }
}

// Their Dones found no room in the queue: they are owed, and what the application looks at meanwhile is as after any
// end.
TEST_CASE("memory: ends that are owed are told once each, and the getters are right meanwhile") {
  for (const std::size_t nth : {1u, 2u, 3u, 5u, 9u}) {
    CAPTURE(nth);
    constexpr std::size_t kTransfers = 40;
    Now now{Instant{std::chrono::seconds(1000)}, 1'750'000'000};
    Engine engine(EngineOptions{});
    std::vector<TransferId> ids;
    TransferOptions options;
    options.total_timeout = std::chrono::seconds(5);
    for (std::size_t i = 0; i < kTransfers; ++i) {
      const auto url = Url::parse("http://" + std::to_string(i) + ".test/path").value();
      ids.push_back(engine.add(Request::get(url), options, now).value());
    }
    std::size_t dones_before = 0;
    while (const auto out = engine.poll_output()) dones_before += std::holds_alternative<output::Done>(*out);
    CHECK(dones_before == 0);
    now.steady += std::chrono::seconds(6);
    run_short(nth, Shortage::from_then_on);
    watched([&] { engine.handle_timeout(now); });
    CHECK(ran_short());
    CHECK(engine.has_output());
    CHECK(engine.running() == 0);
    for (std::size_t i = 0; i < kTransfers; ++i) {
      CHECK(engine.contains(ids[i]));
      CHECK(engine.is_done(ids[i]));
      CHECK(engine.request(ids[i]).url.host() == std::to_string(i) + ".test");
      CHECK(engine.head(ids[i]).status == 0);
      CHECK(engine.body(ids[i]).empty());
      CHECK(engine.upload_space(ids[i]).empty());
      CHECK(engine.progress(ids[i]).done == now.steady);
    }
    // One is removed, and everything done that comes too late for it.
    const TransferId removed = ids[7];
    watched([&] {
      engine.remove(removed, now);
      engine.remove(removed, now);
      engine.consume_body(removed, 0, now);
      engine.fail_upload(removed, {}, now);
    });
    CHECK(!engine.contains(removed));
    std::map<TransferId, int> told;
    while (const auto out = watched([&] { return engine.poll_output(); })) {
      const auto* const done = std::get_if<output::Done>(&*out);
      if (!done) continue;
      ++told[done->transfer];
      CHECK(!done->result.has_value());
      if (done->result) continue;
      const Code code = done->result.error().code;
      CHECK((code == Code::total_timeout || code == Code::out_of_memory));
    }
    CHECK(!engine.has_output());
    CHECK(told.size() == kTransfers);
    for (const auto& [id, times] : told) CHECK(times == 1);
    CHECK(!engine.contains(removed));
    CHECK(!engine.is_done(removed));
    CHECK(engine.request(removed).url.host().empty());
    CHECK(engine.contains(ids[8]));
    CHECK(engine.request(ids[8]).url.host() == "8.test");
    // With memory back its place is used again, and the old name does not mean the new one.
    relieve();
    const auto fresh = engine.add(Request::get(Url::parse("http://fresh.test/").value()), {}, now);
    REQUIRE(fresh.has_value());
    CHECK(!engine.contains(removed));
    CHECK(engine.running() == 1);
    for (const TransferId id : ids) engine.remove(id, now);
    engine.remove(*fresh, now);
    while (engine.poll_output()) {
    }
    engine.check_invariants();
  }
}

}  // namespace
}  // namespace sluice::test
