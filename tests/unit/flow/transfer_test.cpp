// Transfer: its transition table, pair by pair.
#include "core/flow/transfer.hpp"

#include <doctest/doctest.h>

#include <set>
#include <utility>

using namespace sluice;
using namespace sluice::flow;

TEST_CASE("transfer: exactly these moves between phases are legal") {
  using enum TransferPhase;
  const std::set<std::pair<TransferPhase, TransferPhase>> legal = {
      {queued, dialing}, {queued, active},   {queued, done},       {dialing, queued}, {dialing, active},
      {dialing, done},   {active, queued},   {active, delivering}, {active, done},    {delivering, done},
      {queued, waiting}, {dialing, waiting}, {active, waiting},    {waiting, queued}, {waiting, done},
  };
  for (const TransferPhase from : {queued, dialing, active, waiting, delivering, done}) {
    for (const TransferPhase to : {queued, dialing, active, waiting, delivering, done}) {
      CAPTURE(static_cast<int>(from));
      CAPTURE(static_cast<int>(to));
      CHECK(kTransferMoves.allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("transfer: a recycled one is as good as new") {
  Transfer transfer;
  transfer.enter(TransferPhase::queued == transfer.phase() ? TransferPhase::active : TransferPhase::done);
  transfer.body.land(as_bytes("x"));
  transfer.head.status = 200;
  REQUIRE(transfer.head.fields.add("a", "b"));
  transfer.info.retries = 2;
  transfer.body_lost = true;
  transfer.recycle();
  CHECK(transfer.phase() == TransferPhase::queued);
  CHECK(transfer.body.empty());
  CHECK(transfer.head.status == 0);
  CHECK(transfer.head.fields.empty());
  CHECK(transfer.info.retries == 0);
  CHECK_FALSE(transfer.body_lost);
}

namespace {

Request request_for(std::string_view url, std::string method, RequestBody body = {}) {
  return {std::move(method), Url::parse(url).value(), std::move(body)};
}

constexpr Now kNow{Instant{std::chrono::seconds(7)}, 0};

}  // namespace

TEST_CASE("transfer: a hop takes the place of the one before, which is remembered with its figures") {
  Transfer transfer;
  transfer.request = request_for("http://a.test/1", "POST", BodyOwned{"short"});
  transfer.upload = http::UploadBody(transfer.request.body);
  transfer.upload.advance(2);
  transfer.head.status = 307;
  transfer.progress.received_body_bytes = 9;
  transfer.info.reused = true;
  transfer.info.retries = 2;
  transfer.info.connections = 1;
  transfer.body.land(as_bytes("left over"));
  NextHop following{.request = request_for("http://b.test/2", "POST"), .same_body = true};
  ResponseHead ended;
  REQUIRE(transfer.begin_hop(following, std::nullopt, ended, kNow));
  CHECK(ended.status == 307);
  CHECK(transfer.head.status == 0);
  CHECK(transfer.request.url.text() == "http://b.test/2");
  CHECK(as_text(transfer.upload.pending()) == "short");  // its own, from the start
  CHECK(transfer.upload.pending().data() == as_bytes(std::get<BodyOwned>(transfer.request.body).bytes).data());
  CHECK(transfer.body.empty());
  CHECK(transfer.progress.received_body_bytes == 0);
  CHECK(transfer.progress.queued == kNow.steady);
  CHECK(transfer.info.retries == 0);
  CHECK(transfer.info.connections == 0);
  REQUIRE(transfer.past_hops.size() == 1);
  const Hop& hop = transfer.past_hops.front();
  CHECK(hop.method == "POST");
  CHECK(hop.url.text() == "http://a.test/1");
  CHECK(hop.status == 307);
  CHECK_FALSE(hop.failure);
  CHECK(hop.progress.received_body_bytes == 9);
  CHECK(hop.progress.done == kNow.steady);
  CHECK(hop.reused);
  CHECK(hop.retries == 2);
  CHECK(hop.connections == 1);
  transfer.recycle();
  CHECK(transfer.past_hops.empty());
}

TEST_CASE("transfer: a stream's bytes are asked for again where it can give them; else no hop begins") {
  for (const bool rewindable : {false, true}) {
    Transfer transfer;
    transfer.request = request_for("http://a.test/1", "PUT", BodyStream{.length = 4, .rewindable = rewindable});
    transfer.upload = http::UploadBody(transfer.request.body);
    REQUIRE(transfer.upload.space().size() == 4);
    transfer.upload.commit(4);
    transfer.head.status = 307;
    NextHop following{.request = request_for("http://a.test/2", "PUT"), .same_body = true};
    ResponseHead ended;
    const auto begun = transfer.begin_hop(following, std::nullopt, ended, kNow);
    REQUIRE(begun.has_value() == rewindable);
    CHECK(transfer.upload.awaits_rewind() == rewindable);
    if (!begun) {
      CHECK(begun.error().code == Code::rewind_failed);
      CHECK(transfer.request.url.text() == "http://a.test/1");
      CHECK(transfer.head.status == 307);
      CHECK(transfer.past_hops.empty());
      continue;
    }
    CHECK(transfer.upload.space().empty());
    CHECK_FALSE(transfer.upload.finished());
    transfer.upload.rewound();
    CHECK(transfer.upload.space().size() == 4);
  }
}

TEST_CASE("transfer: connect_to is for the place that the application asked for, and comes back with it") {
  Transfer transfer;
  transfer.request = request_for("http://a.test/", "GET");
  transfer.options.connect_to = ConnectTo{"192.0.2.7", 81};
  const auto leads = [&](std::string_view url) {
    NextHop following{.request = request_for(url, "GET")};
    ResponseHead ended;
    REQUIRE(transfer.begin_hop(following, std::nullopt, ended, kNow));
    return transfer.options.connect_to.has_value();
  };
  CHECK_FALSE(leads("http://b.test/"));
  CHECK_FALSE(leads("http://a.test:82/"));
  CHECK(leads("http://A.test/x"));
  CHECK(leads("http://a.test/y"));
  CHECK_FALSE(leads("https://a.test/"));
}
