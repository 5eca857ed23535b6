// See memory_world.hpp.
#include "tests/memory/memory_world.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/engine/parts.hpp"
#include "tests/support/next_rule.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/stored_gzip.hpp"

namespace sluice::test {
namespace {

// Of MS-NLMP 4.2.4.3, with a timestamp.
constexpr std::string_view kNtlmChallenge =
    "TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAADAAMABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwA"
    "RABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAcACAAAwKGyw9TlAQAAAAA=";

constexpr std::size_t kUploadPiece = 700;
constexpr int kMostHops = 200;  // of the clock in one run

IpAddress address(const char* text) { return *IpAddress::parse(text); }
const char* const kRefuses = "192.0.2.1";
const char* const kNeverAnswers = "192.0.2.2";

}  // namespace

// ---- the far end ----

Peer::Peer(const sim::TlsServerContext* tls) : server_(tls ? std::make_unique<sim::TlsServer>(*tls) : nullptr) {}

void Peer::feed(Bytes wire) {
  if (server_) {
    server_->feed(wire);
    in_ += server_->plain();
    server_->plain().clear();
  } else {
    in_ += as_text(wire);
  }
  answer();
  if (server_) {
    if (!plain_out_.empty()) server_->write(as_bytes(plain_out_));
    out_ += as_text(server_->output());
    server_->output().clear();
  } else {
    out_ += plain_out_;
  }
  plain_out_.clear();
}

void Peer::answer() {
  if (closes_ || in_.empty()) return;
  if (talk_.has_output() || !answer_specially()) {
    talk_.receive(std::exchange(in_, {}));
    talk_.produce(plain_out_, SIZE_MAX);
    if (talk_.requests() > 0) ++requests_;
    if (talk_.end() != Talk::End::none) closes_ = true;
  }
}

// Asks who it is, then leads to the origin, which it is itself. True as below.
bool Peer::answer_as_proxy() {
  const std::size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return true;
  const bool is_known = in_.substr(0, end).find("Proxy-Authorization: ") != std::string::npos;
  if (!is_known) {
    in_.erase(0, end + 4);
    plain_out_ +=
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest realm=p, nonce=n, qop=\"auth\"\r\nContent-Length: 4\r\n\r\nwho?";
  } else if (in_.starts_with("CONNECT ")) {
    in_.erase(0, end + 4);
    plain_out_ += "HTTP/1.1 200 Fine\r\n\r\n";
  } else {
    in_.erase(4, in_.find('/', std::string_view("GET http://").size()) - 4);
    return answer_specially();
  }
  return true;
}

// What OriginTalk has no word for. True: it was answered, or more of the head is needed.
bool Peer::answer_specially() {
  if (in_.starts_with("CONNECT ") || in_.starts_with("GET http://")) return answer_as_proxy();
  const bool at_head = in_.starts_with("GET ") || in_.starts_with("PUT ") || in_.starts_with("POST ");
  if (!at_head) return false;
  const std::size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return true;
  const std::string head = in_.substr(0, end);
  if (head.find("Expect: 100-continue") != std::string::npos) plain_out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  if (head.find(" /dies-reused/") != std::string::npos) {
    in_.erase(0, end + 4);
    if (requests_++ > 0) {
      closes_ = true;
    } else {
      plain_out_ += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";
    }
    return true;
  }
  if (head.find(" /silent/") != std::string::npos) {
    in_.erase(0, end + 4);
    return resets_ = true;
  }
  if (head.find(" /resets/") != std::string::npos) {
    in_.erase(0, end + 4);
    plain_out_ += "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nba";
    resets_ = true;
    return true;
  }
  if (const std::size_t leads = head.find(" /leads/"); leads != std::string::npos) {
    const bool has_body = head.find("chunked") != std::string::npos;
    if (has_body && !in_.ends_with("0\r\n\r\n")) return true;
    in_.clear();
    const std::size_t path = leads + std::string_view(" /leads").size();
    plain_out_ += "HTTP/1.1 307 Elsewhere\r\nContent-Length: 300\r\nNext: http://next.test" +
                  head.substr(path, head.find(' ', path) - path) + "\r\nWait: 50\r\n\r\n" + std::string(300, 'n');
    return true;
  }
  if (head.find(" /guarded/") != std::string::npos) {
    in_.erase(0, end + 4);
    const bool answered = head.find("Authorization: Digest ") != std::string::npos;
    if (!answered) {
      plain_out_ += "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"" + std::string(300, 'r') +
                    "\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\nContent-Length: 2\r\n\r\nno";
    } else if (requests_++ == 0) {
      plain_out_ += "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
    } else {
      plain_out_ += "HTTP/1.1 200 OK\r\nAuthentication-Info: nextnonce=\"" + std::string(100, 'm') +
                    "\"\r\nContent-Length: 4\r\n\r\nwell";
    }
    return true;
  }
  if (head.find(" /login/") != std::string::npos) {
    if (head.find("chunked") != std::string::npos && !in_.ends_with("0\r\n\r\n")) return true;
    in_.clear();
    const auto has = [&](const char* text) { return head.find(text) != std::string::npos; };
    std::string challenge;
    if (has("Authorization: NTLM TlRMTVNTUAAB")) challenge = "NTLM " + std::string(kNtlmChallenge);
    if (has("Authorization: Negotiate Zmlyc3Q=")) challenge = "Negotiate bW9yZQ==";  // "first" gets "more"
    // If memory runs out while the challenge is read, it cannot be answered, so it is shown, and the transfer fails.
    plain_out_ += !challenge.empty()
                      ? "HTTP/1.1 401 No\r\nWWW-Authenticate: " + challenge + "\r\nContent-Length: 2\r\n\r\nwe"
                      : "HTTP/1.1 200 OK\r\nWWW-Authenticate: Negotiate ZG9uZQ==\r\nContent-Length: 4\r\n\r\nwell";
    return true;
  }
  if (head.find(" /coded/") != std::string::npos) {
    in_.erase(0, end + 4);
    ++requests_;
    const std::string coded = stored_gzip(pattern(40'000, 7));
    plain_out_ += "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: a=" + std::string(300, 'c') +
                  "\r\nContent-Length: " + std::to_string(coded.size()) + "\r\n\r\n" + coded;
    return true;
  }
  if (head.find(" /trailers/") != std::string::npos) {
    in_.erase(0, end + 4);
    ++requests_;
    plain_out_ += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Long: " + std::string(600, 'x') +
                  "\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nDigest: " + std::string(300, 'd') +
                  "\r\nAnd: more\r\n\r\n";
    return true;
  }
  return false;
}

// ---- the near end ----

MemoryWorld::MemoryWorld(EngineOptions options, const sim::TlsServerContext* tls, bool with_rule)
    : tls_(tls), has_limit_(options.max_connections + options.max_connections_per_origin != 0) {
  try {
    const Watched scope;
    if (with_rule) {
      engine.emplace(EngineParts::make(std::move(options), nullptr, std::make_unique<NextRule>()));
    } else {
      engine.emplace(std::move(options));
    }
  } catch (const std::bad_alloc&) {  // the only place where an application sees this exception
  }
}

std::optional<TransferId> MemoryWorld::add(const Wish& wish) {
  if (!engine) return std::nullopt;
  Request request;
  request.method = wish.method;
  request.url = *Url::parse(wish.url);
  if (!wish.upload.empty()) request.body = BodyStream{.rewindable = wish.rewindable};
  if (wish.owned) request.body = BodyOwned{wish.upload};
  if (wish.expect_continue) static_cast<void>(request.fields.add("Expect", "100-continue"));
  TransferOptions options = wish.options;
  const std::size_t before = engine->running();
  ++adds_;
  auto added = watched([&] { return engine->add(std::move(request), std::move(options), now); });
  if (!added) {
    if (added.error().code != Code::out_of_memory) fault("add: " + added.error().message());
    if (!ran_short()) fault("add failed with memory there: " + added.error().message());
    if (engine->running() > before) fault("add failed and added something");
    drain();
    return std::nullopt;
  }
  asked_.emplace(*added, Asked{.wish = wish, .supplied = 0, .hops = 0, .body = {}, .result = {}, .removed = false});
  drain();
  return *added;
}

void MemoryWorld::remove(TransferId id) {
  watched([&] { engine->remove(id, now); });
  asked_.at(id).removed = true;
  if (engine->contains(id)) fault("removed and still there");
  drain();
}

void MemoryWorld::cancel(TransferId id) {
  watched([&] { engine->cancel(id, now); });
  if (!engine->is_done(id)) fault("canceled and not done");
  drain();
}

void MemoryWorld::set_limits(EngineLimits limits) {
  if (!engine) return;
  watched([&] { engine->set_limits(limits, now); });
  drain();
}

void MemoryWorld::network_changed() {
  if (!engine) return;
  watched([&] { engine->network_changed(now); });
  drain();
}

void MemoryWorld::remove_all() {
  if (!engine) return;
  for (auto& [id, asked] : asked_) {
    if (asked.removed) continue;
    watched([&] { engine->remove(id, now); });
    asked.removed = true;
    if (engine->contains(id)) fault("removed and still there");
  }
  drain();
}

bool MemoryWorld::succeeded(TransferId id) const {
  const auto found = asked_.find(id);
  return found != asked_.end() && found->second.result && found->second.result->has_value();
}

std::size_t MemoryWorld::failures(Code code) const {
  return static_cast<std::size_t>(std::ranges::count_if(asked_, [&](const auto& one) {
    return one.second.result && !one.second.result->has_value() && one.second.result->error().code == code;
  }));
}

void MemoryWorld::drain() {
  while (auto out = watched([&] { return engine->poll_output(); })) note(std::move(*out));
  if (engine->has_output()) fault("outputs that poll_output() does not give");
  engine->check_invariants();
}

void MemoryWorld::note(Output out) {
  if (auto* resolve = std::get_if<output::Resolve>(&out)) resolves_.push_back(std::move(*resolve));
  if (auto* connect = std::get_if<output::Connect>(&out)) {
    ++asked_for_connections_;
    if (asked_for_connections_ - closes_ > most_open) fault("a Connect before the Close that gave it its place");
    connects_.push_back(std::move(*connect));
  }
  if (auto* close = std::get_if<output::Close>(&out)) {
    ++closes_;
    std::erase_if(connects_, [&](const output::Connect& one) { return one.conn == close->conn; });
    peers_.erase(close->conn);
  }
  if (auto* body = std::get_if<output::BodyReady>(&out)) {
    Asked& asked = asked_.at(body->transfer);
    if (!asked.wish.pause) take_body(body->transfer, asked);
  }
  if (auto* ready = std::get_if<output::UploadReady>(&out)) supply(ready->transfer, asked_.at(ready->transfer));
  if (auto* rewind = std::get_if<output::UploadRewind>(&out)) {
    asked_.at(rewind->transfer).supplied = 0;
    watched([&] { engine->rewind_upload(rewind->transfer, now); });
  }
  if (auto* hop = std::get_if<output::HopDone>(&out)) ++asked_.at(hop->transfer).hops;
  if (auto* done = std::get_if<output::Done>(&out)) note_done(*done);
}

void MemoryWorld::note_done(output::Done& done) {
  const auto found = asked_.find(done.transfer);
  if (found == asked_.end()) return fault("a Done for nobody");
  Asked& asked = found->second;
  if (asked.result) return fault("a second Done of " + asked.wish.url);
  ++ended_;
  judge(asked, done);
  if (done.result) {
    if (asked.body != asked.wish.expected) fault("wrong bytes of " + asked.wish.url);
    const TransferInfo info = watched([&] { return engine->info(done.transfer); });
    if (info.retries > 3) fault("too many retries");
    const auto hops = watched([&] { return engine->hops(done.transfer); });
    if (!asked.removed && !ran_short() && hops.size() != asked.hops + 1) fault("hops() has not all of them");
  } else if (done.result.error().message().empty()) {
    fault("an error without a word");
  } else if (const Error& error = done.result.error();
             error.code != Code::out_of_memory && !legal.contains(error.code)) {
    fault("not what may come of it: " + error.message());
  }
  asked.result = std::move(done.result);
}

// What the getters say of it, and what it says of itself, are the same as with memory.
void MemoryWorld::judge(const Asked& asked, const output::Done& done) {
  if (engine->contains(done.transfer) == asked.removed)
    fault("a Done of a transfer that is there or not as it should not be");
  if (!asked.removed && !engine->is_done(done.transfer)) fault("a Done that is_done() denies");
  if (!asked.removed && !engine->progress(done.transfer).done) fault("a Done without its time");
  if (!asked.removed && !engine->body(done.transfer).empty() && done.result) fault("a Done with body bytes left");
  if (done.result) return;
  const Error& error = done.result.error();
  if (error.blame != blame_of(error.code)) fault("a Done that blames another: " + error.message());
  const bool before_connected = error.code == Code::connect_timeout || error.code == Code::resolve_failed;
  const bool safe = before_connected || (asked.wish.repeatable && error.code == Code::receive_failed);
  if (safe && !error.retry_safe) fault("a Done that does not say that it may be tried again: " + error.message());
}

void MemoryWorld::take_body(TransferId id, Asked& asked) {
  const Bytes body = engine->body(id);
  asked.body += as_text(body);
  if (!asked.wish.expected.starts_with(asked.body)) fault("bytes that nobody sent: " + asked.wish.url);
  watched([&] { engine->consume_body(id, body.size(), now); });
}

void MemoryWorld::supply(TransferId id, Asked& asked) {
  const std::string_view left = std::string_view(asked.wish.upload).substr(asked.supplied);
  const MutableBytes space = watched([&] { return engine->upload_space(id); });
  const std::size_t count = std::min({space.size(), left.size(), kUploadPiece});
  if (count != 0) std::memcpy(space.data(), left.data(), count);
  asked.supplied += count;
  watched([&] { engine->commit_upload(id, count, now); });
  if (count == left.size()) watched([&] { engine->finish_upload(id, now); });
}

void MemoryWorld::answer(const output::Resolve& resolve) {
  std::vector<IpAddress> addresses = {address(resolve.host == "race.test" ? kNeverAnswers : kRefuses),
                                      address("192.0.2.3")};
  Result<std::vector<IpAddress>> found = std::move(addresses);
  if (resolve.host == "nowhere.test")
    found = std::unexpected(make_error(Code::resolve_failed, "resolve nowhere.test: no such name"));
  watched([&] { engine->handle_resolved(resolve.id, std::move(found), now); });
}

void MemoryWorld::connect(const output::Connect& connect) {
  const std::string to = connect.address.ip.to_string();
  if (to == kNeverAnswers) {
    peers_.emplace(connect.conn, nullptr);
  } else if (to == kRefuses) {
    Error error = make_error(Code::connect_failed, "connect to " + to + ": connection refused", 111);
    watched([&] { engine->handle_io_error(connect.conn, std::move(error), now); });
  } else {
    // The client's first words come before the server is made: whatever BoringSSL does at first, the engine pays for.
    watched([&] { engine->handle_connected(connect.conn, now); });
    peers_.emplace(connect.conn, std::make_unique<Peer>(connect.address.port == 443 ? tls_ : nullptr));
  }
}

bool MemoryWorld::move_bytes(ConnId conn, Peer& peer) {
  const Interest interest = engine->interest(conn);
  if (interest.write) {
    const OutputView view = engine->transmit(conn);
    std::string bytes;
    for (std::size_t i = 0; i < view.count; ++i) bytes += as_text(view.spans[i]);
    peer.feed(as_bytes(bytes));
    watched([&] { engine->handle_sent(conn, bytes.size(), now); });
    return true;
  }
  if (!interest.read) return false;
  if (!peer.output().empty()) {
    const MutableBytes space = watched([&] { return engine->receive_space(conn); });
    if (space.empty()) return fault("read interest without space"), false;
    const std::size_t count = std::min({space.size(), peer.output().size(), step_bytes});
    std::memcpy(space.data(), peer.output().data(), count);
    peer.output().erase(0, count);
    watched([&] { engine->handle_received(conn, count, now); });
    return true;
  }
  if (peer.resets()) {
    Error reset = make_error(Code::receive_failed, "connection reset by peer", 104);
    watched([&] { engine->handle_io_error(conn, std::move(reset), now); });
    return true;
  }
  if (!peer.closes()) return false;
  watched([&] { engine->handle_eof(conn, now); });
  return true;
}

bool MemoryWorld::consume_paused() {
  for (auto& [id, asked] : asked_) {
    if (!asked.wish.pause || asked.removed || engine->body(id).empty()) continue;
    take_body(id, asked);
    drain();
    return true;
  }
  return false;
}

bool MemoryWorld::step() {
  bool moved = false;
  if (!resolves_.empty()) {
    const output::Resolve resolve = std::move(resolves_.front());
    resolves_.pop_front();
    answer(resolve);
    drain();
    moved = true;
  }
  if (!connects_.empty()) {
    const output::Connect next = std::move(connects_.front());
    connects_.pop_front();
    connect(next);
    drain();
    moved = true;
  }
  std::vector<ConnId> open;
  for (const auto& [conn, peer] : peers_) {
    if (peer) open.push_back(conn);
  }
  for (const ConnId conn : open) {
    const auto found = peers_.find(conn);
    if (found == peers_.end() || !move_bytes(conn, *found->second)) continue;
    drain();
    moved = true;
  }
  return moved;
}

void MemoryWorld::run() {
  if (!engine) return;
  for (int hops = 0; engine->running() > 0;) {
    if (step() || consume_paused()) continue;
    const auto deadline = engine->deadline();
    if (!deadline || ++hops > kMostHops)
      return fault("nothing moves, and " + std::to_string(engine->running()) + " still wait");
    now.steady = std::max(now.steady, deadline->at);
    watched([&] { engine->handle_timeout(now); });
    drain();
  }
  while (step()) {
  }
}

void MemoryWorld::finish() {
  if (!engine) return;
  for (auto& [id, asked] : asked_) {
    if (!asked.removed) remove(id);
  }
  for (auto& [id, asked] : asked_) {
    if (!asked.result) fault("no Done of " + asked.wish.url);
  }
  watched([&] { engine->close_idle_connections(now); });
  drain();
  if (engine->running() != 0) fault("transfers are left");
  if (engine->connections() != 0 || engine->idle_connections() != 0) fault("connections are left");
  if (engine->deadline()) fault("a timer is left");
  if (closes_ != asked_for_connections_) {
    fault(std::to_string(asked_for_connections_) + " Connects and " + std::to_string(closes_) + " Closes");
  }
  use_all_again();
}

// Ids are indices of places, which are used again: with all of them free, as many as there ever were are not more than
// there were. What was left in one that nobody can name any more shows in this way only.
void MemoryWorld::use_all_again() {
  const std::size_t places = std::max(adds_, asked_for_connections_);
  engine->handle_timeout(now);
  drain();
  std::vector<TransferId> ids;
  for (std::size_t i = 0; i < places; ++i) {
    Request request;
    request.url = *Url::parse("http://192.0.2.2:" + std::to_string(1000 + i) + "/");
    const auto added = engine->add(std::move(request), {}, now);
    if (!added) return fault("with memory back, add() fails");
    if (added->index >= places) fault("the place of a transfer is left");
    ids.push_back(*added);
  }
  while (auto out = engine->poll_output()) {
    const auto* connect = std::get_if<output::Connect>(&*out);
    if (connect && !has_limit_ && connect->conn.index >= places) fault("the place of a connection is left");
  }
  for (const TransferId id : ids) engine->remove(id, now);
  while (engine->poll_output()) {
  }
}

}  // namespace sluice::test
