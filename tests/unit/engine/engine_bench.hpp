// Fixtures for Connections, the connector and the carrier alone: each fixture has one component more than the one
// before. A test makes the calls, and tells() is the output. There is no engine: the test passes on what one component
// reports.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/engine/carrier.hpp"
#include "core/engine/connections.hpp"
#include "core/engine/connector.hpp"
#include "core/http1/session.hpp"
#include "tests/unit/engine/jobs_bench.hpp"

namespace sluice::test {

// "close c0": an output as text, with the indices of its ids.
struct OutputWords {
  static std::string c(ConnId id) { return 'c' + std::to_string(id.index); }
  static std::string t(TransferId id) { return 't' + std::to_string(id.index); }

  std::string operator()(const output::Resolve& what) const { return "resolve " + what.host; }
  std::string operator()(const output::CancelResolve&) const { return "cancel resolve"; }
  std::string operator()(const output::Connect& what) const {
    return "connect " + c(what.conn) + " to " + (what.route ? what.route->name() : what.address.to_string());
  }
  std::string operator()(const output::Close& what) const { return "close " + c(what.conn); }
  std::string operator()(const output::InterestChanged& what) const { return "interest " + c(what.conn); }
  std::string operator()(const output::InterimReady& what) const {
    return "interim " + t(what.transfer) + ' ' + std::to_string(what.head.status);
  }
  std::string operator()(const output::HeadReady& what) const { return "head " + t(what.transfer); }
  std::string operator()(const output::BodyReady& what) const { return "body " + t(what.transfer); }
  std::string operator()(const output::UploadReady& what) const { return "upload " + t(what.transfer); }
  std::string operator()(const output::UploadRewind& what) const { return "rewind " + t(what.transfer); }
  std::string operator()(const output::HopDone& what) const { return "hop done " + t(what.transfer); }
  std::string operator()(const output::Done& what) const {
    const std::string end = what.result ? std::string() : ' ' + std::string(to_string(what.result.error().code));
    return "done " + t(what.transfer) + end;
  }
  std::string operator()(const output::Observed& what) const { return to_string(what.event.kind); }
  std::string operator()(const output::KeyLog&) const { return "key log"; }
  std::string operator()(const output::HeadSent& what) const { return "head sent " + t(what.transfer); }
  std::string operator()(const output::ConnectHead& what) const { return "connect head " + t(what.transfer); }
};

struct ConnectionsBench : JobsBench {
  // All outputs so far as text, in order. Also takes reported changes of interest.
  std::string tells() {
    std::string all;
    while (const auto out = outbox.pop()) {
      if (const auto* done = std::get_if<output::Done>(&*out)) last_end = done->result;
      if (const auto* changed = std::get_if<output::InterestChanged>(&*out)) connections.takes_interest(changed->conn);
      all += (all.empty() ? "" : "; ") + std::visit(OutputWords{}, *out);
    }
    return all;
  }
  // A connection to this endpoint that has its session and no exchange; it is in no list of the pool.
  engine::PooledConnection& stand(pool::Endpoint& endpoint,
                                  std::unique_ptr<http::Session> session = http1::make_session()) {
    pool::DialSlot dial;
    pool.dial_begun(dial, endpoint, now);
    engine::PooledConnection* connection = connections.begin();
    REQUIRE(connection);
    connection->endpoint = endpoint.id;
    connection->address = {IpAddress::parse("192.0.2.1").value(), 80};
    connection->channel.start(now);
    REQUIRE(connection->channel.become_ready());
    connection->multiplexes = session->multiplexes();
    connection->channel.set_session(std::move(session));
    connection->connected = connection->secured = now.steady;
    pool.dial_ended(dial, true);
    pool.established(*connection);
    return *connection;
  }
  // As if the carrier had opened it.
  void carry(engine::PooledConnection& connection, engine::Job& job) {
    const auto stream = connection.session().open({.request = &job.request,
                                                   .upload = job.upload.present() ? &job.upload : nullptr,
                                                   .head = &job.head,
                                                   .trailers = &job.trailers});
    REQUIRE(stream);
    job.conn = connection.id;
    job.stream = *stream;
    ++connection.exchanges_carried;
    connection.exchanges.add(*stream, job.id);
  }
  // One exchange of the connection has ended.
  void uncarry(engine::PooledConnection& connection, engine::Job& job) {
    connection.session().abort(job.stream);
    connection.exchanges.erase(job.stream);
    job.conn = {};
    jobs.end(job, {}, now);
  }
  void pass(Duration time) { now.steady += time; }

  engine::Connections connections{timers, outbox, pool, jobs};
  std::optional<Result<void>> last_end;  // of a transfer, among the outputs that tells() has returned
};

struct ConnectorBench : ConnectionsBench {
  explicit ConnectorBench(std::unique_ptr<http::SessionFactory> factory = std::make_unique<http1::Factory>())
      : sessions(std::move(factory)) {}

  // A dial for this transfer, which was queued. An immediate result is in `end`, as for the functions below.
  pool::Dial& dial(engine::Job& job) {
    pool.withdraw(job);
    pool::Dial* begun = connector.begin(endpoint(job), job, false, now);
    REQUIRE(begun);
    end = connector.start(*begun, job, now);
    return *begun;
  }
  // An answer to the newest name query, passed on as an engine does. The dial that waits for it continues.
  void answer(ResolveId question, Result<NameAnswer> found) {
    const auto answered = names.answered(question, std::move(found), now);
    REQUIRE(answered.name);
    REQUIRE(answered.of_use);
    REQUIRE(answered.name->waiting.size() == 1);
    end = connector.answered(*dialer.find(answered.name->waiting.front()->dial), answered, now);
  }
  engine::PooledConnection& attempt(const pool::Dial& dial, std::size_t number = 0) {
    REQUIRE(number < dial.attempts.size());
    return *connections.find(dial.attempts[number]);
  }
  // The next timer must have this kind and belong to this dial.
  void next_timer(TimerKind kind, pool::DialId dial) {
    const auto earliest = timers.earliest();
    REQUIRE(earliest);
    now.steady = std::max(now.steady, earliest->at);
    const auto due = timers.pop_due(now.steady);
    REQUIRE(due);
    REQUIRE(due->kind == kind);
    REQUIRE(due->owner<pool::DialTag>() == dial);
  }
  // The error of the last end, which must be a failure.
  Error failure() const {
    REQUIRE(end);
    REQUIRE(end->connection == nullptr);
    return end->error;
  }

  const std::unique_ptr<http::SessionFactory> sessions;
  pool::Dialer dialer{timers};
  pool::NameCache names;
  tls::SessionCache tls_sessions;
  engine::Connector connector{defaults, *sessions, outbox, pool, dialer, names, tls_sessions, jobs, connections};
  std::optional<engine::DialEnd> end;
};

struct CarrierBench : ConnectorBench {
  explicit CarrierBench(const flow::HopRule* rule = nullptr)
      : carrier(defaults, rule, timers, outbox, pool, jobs, connections, &connector) {}

  engine::Job& queue(Request request, TransferOptions options = {}) {
    const auto id = try_add(std::move(request), std::move(options));
    REQUIRE(id);
    return *jobs.find(*id);
  }
  // Assigns it to this connection, which must not be in a list of idle ones.
  engine::Job& serve(engine::PooledConnection& connection, engine::Job& job) {
    take_out(job);
    carrier.serve(connection, job, now);
    return job;
  }
  // On a new connection made for it.
  engine::Job& on_new(engine::Job& job, std::unique_ptr<http::Session> session = http1::make_session()) {
    return serve(stand(endpoint(job), std::move(session)), job);
  }
  engine::Job& on_new(std::string_view url = "http://192.0.2.1/", TransferOptions options = {}) {
    return on_new(add(url, std::move(options)));
  }
  // On the idle connection that the pool selects for it.
  engine::Job& on_idle(engine::Job& job) {
    const auto grant = pool.next(now);
    REQUIRE(grant);
    REQUIRE(grant->kind == pool::Grant::Kind::serve);
    REQUIRE(grant->waiter->transfer == job.id);
    carrier.serve(*grant->connection, job, now);
    return job;
  }
  // A used, idle connection, for on_idle().
  engine::PooledConnection& used() {
    engine::Job& job = on_new();
    engine::PooledConnection& connection = conn(job);
    send(connection);
    receive(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    REQUIRE(connection.is_idle());
    tells();
    return connection;
  }
  engine::PooledConnection& conn(const engine::Job& job) {
    REQUIRE(connections.find(job.conn));
    return *connections.find(job.conn);
  }

  // The transport accepts this number of the bytes to send.
  std::string send(engine::PooledConnection& connection, std::size_t most = SIZE_MAX) {
    std::string text;
    const OutputView out = connection.channel.transmit();
    for (std::size_t i = 0; i < out.count; ++i) text += as_text(out.spans[i]);
    text.resize(std::min(text.size(), most));
    std::vector<http::StreamId> moved;
    connection.channel.sent(text.size(), moved, now);
    carrier.sent(connection, text.size(), moved, now);
    return text;
  }
  // These bytes are received. As in an engine, no change of interest is reported for the connection that the fact is
  // about.
  void receive(engine::PooledConnection& connection, std::string_view bytes) {
    const MutableBytes space = connections.receive_space(connection);
    REQUIRE(space.size() >= bytes.size());
    std::ranges::copy(as_bytes(bytes), space.begin());
    connections.set_current(connection.id);
    carrier.note_activity(connection, bytes.size(), now);
    const MutableBytes plain = connection.channel.decode(space.first(bytes.size()), connections.landing(), now);
    carrier.received(connection, plain, now);
    carrier.after_bytes(connection, now);
    connections.set_current({});
  }
  // Consumes its whole body.
  std::string consume(engine::Job& job) {
    const std::string body(as_text(job.body.front()));
    carrier.consume(job, body.size(), now);
    return body;
  }
  engine::Carrier carrier;
};

}  // namespace sluice::test
