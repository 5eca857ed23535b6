// See transfer.hpp.
#include "core/flow/transfer.hpp"

#include <utility>

#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice::flow {

const Transitions<TransferPhase, kTransferPhases> kTransferMoves{
    {TransferPhase::queued, TransferPhase::dialing}, {TransferPhase::queued, TransferPhase::active},
    {TransferPhase::queued, TransferPhase::done},    {TransferPhase::dialing, TransferPhase::queued},
    {TransferPhase::dialing, TransferPhase::active}, {TransferPhase::dialing, TransferPhase::done},
    {TransferPhase::active, TransferPhase::queued},  {TransferPhase::active, TransferPhase::delivering},
    {TransferPhase::active, TransferPhase::done},    {TransferPhase::delivering, TransferPhase::done},
    {TransferPhase::active, TransferPhase::waiting}, {TransferPhase::dialing, TransferPhase::waiting},
    {TransferPhase::queued, TransferPhase::waiting}, {TransferPhase::waiting, TransferPhase::queued},
    {TransferPhase::waiting, TransferPhase::done},
};

void Transfer::enter(TransferPhase next) {
  SLUICE_CHECK(kTransferMoves.allows(phase_, next));
  phase_ = next;
}

void Transfer::recycle() {
  // Fields keep their memory, so an object that is used again reads its next head without an allocation.
  id = {};
  request = {};
  // Those that own something; the next transfer sets all.
  options.tls.reset();
  options.connect_to.reset();
  options.route.reset();
  options.proxies.reset();
  proxies.reset();
  options.cookies.reset();
  if (options.credentials) forget_credentials();
  upload = {};
  head.clear();
  trailers.clear();
  progress = {};
  info = {};
  conn = {};
  stream = 0;
  last_activity = {};
  upload_announced = body_lost = removed = false;
  end = {};
  facts.reset();
  if (!past_hops.empty()) forget_hops();
  next_hop.reset();
  phase_ = TransferPhase::queued;
  body.drop();
  decoded.reset();
}

void Transfer::forget_credentials() {
  options.credentials.reset();
  digest.reset();
  login.reset();
}

// What only begin_hop() changes.
void Transfer::forget_hops() {
  past_hops.clear();
  counts = {};
  reason = HopReason::first;
  at_first_origin = true;
  held_connect_to.reset();
}

void Transfer::rewind() {
  upload.rewind();
  upload_announced = false;
  ++info.retries;
  head.clear();
  progress.sent.reset();
  enter(TransferPhase::queued);
}

Result<void> Transfer::begin_decoding() {
  if (!options.decoding || options.raw_body) return {};
  auto codings = options.decoding->content ? content::Codings::of(head.fields) : content::Codings();
  if (!codings) return std::unexpected(std::move(codings.error()));
  if (options.decoding->transfer) {
    if (auto added = codings->add_transfer(head.fields); !added) return added;
  }
  if (codings->list().empty()) return {};
  auto made = DecodedBody::create(
      *codings, {.max_decoded_bytes = options.max_body_bytes, .max_ratio = options.decoding->max_ratio});
  if (!made) return std::unexpected(std::move(made.error()));
  decoded = *std::move(made);
  return {};
}

Hop Transfer::present_hop(std::optional<Code> failure) const {
  return {.reason = reason,
          .method = request.method,
          .url = request.url,
          .status = head.status,
          .failure = failure,
          .progress = progress,
          .reused = info.reused,
          .retries = info.retries,
          .connections = info.connections};
}

namespace {

void count(HopReason reason, HopCounts& counts) {
  if (reason != HopReason::authentication) counts.authentications = 0;
  switch (reason) {
    case HopReason::redirect:
      ++counts.redirects;
      break;
    case HopReason::authentication:
      ++counts.authentications;
      break;
    case HopReason::retry:
      ++counts.retries;
      break;
    case HopReason::first:
    case HopReason::expectation:
      break;
  }
}

bool same_place(const Url& one, const Url& two) {
  return one.port() == two.port() && one.zone() == two.zone() && equals_ignoring_case(one.host(), two.host());
}

}  // namespace

Result<void> Transfer::begin_hop(NextHop& following, std::optional<Code> failure, ResponseHead& ended_head, Now now) {
  const bool untouched = (login && login->withheld_body()) || (proxies && proxies->withheld_body());
  if (following.same_body && !upload.replayable() && !untouched) {
    return std::unexpected(make_error(Code::rewind_failed,
                                      "the next request needs the body again, which comes from a stream that cannot be "
                                      "given from its start"));
  }
  const bool same_origin = following.request.url.origin() == request.url.origin();
  // ConnectTo is meant for the place of the application's own request, and for no other place.
  const bool first_place = same_place(following.request.url, past_hops.empty() ? request.url : past_hops.front().url);
  auto held = !first_place && options.connect_to ? std::make_unique<ConnectTo>(*options.connect_to) : nullptr;
  past_hops.push_back(present_hop(failure));
  past_hops.back().progress.done = now.steady;
  // Nothing after this line needs memory.
  if (following.same_body) {
    following.request.body = std::move(request.body);
    if (!untouched) upload.rewind();
  }
  request = std::move(following.request);
  reason = following.reason;
  count(reason, counts);
  digest = std::move(following.digest);
  login = std::move(following.login);
  at_first_origin = at_first_origin && same_origin;
  if (reason == HopReason::expectation) options.expect_continue_from.reset();
  if (!following.same_body || !upload.streamed()) upload = http::UploadBody(request.body);
  ended_head = std::exchange(head, {});
  trailers = Fields{};
  body.drop();
  decoded.reset();
  progress = {.queued = now.steady};
  info = ConnectionDetails{};
  facts = nullptr;
  upload_announced = body_lost = false;
  if (held) {
    held_connect_to = std::move(held);
    options.connect_to.reset();
  } else if (first_place && held_connect_to) {
    options.connect_to = std::move(*held_connect_to);
    held_connect_to.reset();
  }
  return {};
}

TransferInfo Transfer::details() const {
  TransferInfo all;
  all.conn = info.conn;
  all.stream_id = info.multiplexed ? stream : 0;
  all.extended_connect = info.extended_connect;
  all.reused = info.reused;
  all.retries = info.retries;
  all.connections = info.connections;
  all.tls_truncated = info.tls_truncated;
  all.early_bytes = info.early_bytes;
  all.early_accepted = info.early_accepted;
  all.connect_status = info.connect_status;
  all.addresses_tried = info.addresses_tried;
  // If memory runs out, the members after that point stay empty.
  has_memory_for([&] {
    all.address = info.address;
    all.route = info.route;
    if (proxies && proxies->way()) all.proxy = proxy::name_of(proxies->way()->proxies->front());
    if (!facts) return;
    all.connect_status = facts->connect_status;
    all.local = facts->local;
    all.tls_resumed = facts->resumed;
    all.tls_version = facts->version;
    all.tls_cipher = facts->cipher;
    all.tls_group = facts->group;
    all.alpn = facts->alpn;
    all.tls_subject = facts->subject;
    all.tls_issuer = facts->issuer;
    all.tls_not_before = facts->not_before;
    all.tls_not_after = facts->not_after;
    all.tls_verified = facts->verified;
    all.proxy_tls = facts->proxies;
    all.certificates = facts->certificates;
  });
  return all;
}

}  // namespace sluice::flow
