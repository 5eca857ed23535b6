// What the engine is told about names and connections. See world_impl.hpp.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/sim/world_impl.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

constexpr int kNoSuchName = 4;  // c-ares' numbers, as they come from a real resolver
constexpr int kNoData = 1;

bool wanted(const IpAddress& address, AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return true;
    case AddressFamily::ipv4:
      return address.kind == IpAddress::Kind::ipv4;
    case AddressFamily::ipv6:
      return address.kind == IpAddress::Kind::ipv6;
  }
  return false;
}

// The system's words for these are the same everywhere only if they are ours.
std::string_view words_for(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "Connection refused";
    case EPIPE:
      return "Broken pipe";
    default:
      return "Connection reset by peer";
  }
}

}  // namespace

// ---- names ----

std::uint64_t World::Impl::ask(const output::Resolve& what, Asker& asker) {
  const std::uint64_t number = resolve_records_.size();
  Random random(seed_of(Stream::name, number));
  const NameSpec* name = directory_.find_name(what.host);
  const NameSpec spec = name ? *name : NameSpec{};
  Instant at = now_.steady + std::max(spec.delay, Duration::zero()) + draw_up_to(random, spec.jitter);
  const bool never = draw_chance(random, spec.never);
  const bool fails = draw_chance(random, spec.fails);
  const bool wrong = draw_chance(random, spec.wrong);
  Question question{.id = what.id, .asker = &asker, .answer = {}, .part = {}, .fault = {}, .never = never};
  resolve_records_.push_back({.host = what.host, .asked = now_.steady, .over = {}, .first = {}, .ttl = spec.ttl});
  if (never) {
    questions_.emplace(number, std::move(question));
    count("name never");
    return number;
  }
  auto error = [&](std::string_view why, int detail) {
    question.answer =
        std::unexpected(make_error(Code::resolve_failed, "resolve " + what.host + ": " + std::string(why), detail));
    question.fault = "name fails";
  };
  if (!name || fails) {
    error("Domain name not found", kNoSuchName);
  } else {
    std::vector<IpAddress> addresses;
    std::copy_if(spec.addresses.begin(), spec.addresses.end(), std::back_inserter(addresses),
                 [&](const IpAddress& address) { return wanted(address, what.family); });
    if (wrong) {
      question.fault = "name wrong";
      if (random.below(2) == 0) addresses.clear();
      for (std::uint64_t left = 1 + random.below(3); left > 0; --left) {
        const bool ipv6 =
            what.family == AddressFamily::ipv6 || (what.family == AddressFamily::any && random.below(3) == 0);
        const auto kind = ipv6 ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
        addresses.insert(addresses.begin(), directory_.nowhere(kind, random));
      }
    }
    if (addresses.empty()) {
      error("DNS server returned answer with no data", kNoData);
    } else {
      question.answer = std::move(addresses);
      split(spec, what, random, question, at);
    }
  }
  questions_.emplace(number, std::move(question));
  push_answer(at, number);
  return number;
}

void World::Impl::push_answer(Instant at, std::uint64_t number) {
  events_.push(at, Event::Kind::answer, static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32));
}

void World::Impl::answered(ResolveId id, Result<NameAnswer> found) {
  if (!found || !found->more_to_come) of_engine_.erase(id);
  tell([&] { engine_.handle_resolved(id, std::move(found), now_); });
}

// The families' answers apart, where there are two. `at` is when IPv4's comes, and becomes when the first does.
void World::Impl::split(const NameSpec& spec, const output::Resolve& what, Random& random, Question& question,
                        Instant& at) {
  if (!spec.ipv6_later || what.family != AddressFamily::any) return;
  const bool rest_never = draw_chance(random, spec.rest_never);
  const auto first = *spec.ipv6_later < Duration::zero() ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
  const std::vector<IpAddress>& all = *question.answer;
  std::copy_if(all.begin(), all.end(), std::back_inserter(question.part),
               [&](const IpAddress& one) { return one.kind == first; });
  if (question.part.empty() || question.part.size() == all.size()) {
    question.part.clear();
    return;
  }
  question.rest = std::chrono::abs(*spec.ipv6_later);
  question.rest_never = rest_never;
  if (first == IpAddress::Kind::ipv6) at = std::max(now_.steady, at - question.rest);
}

void World::Impl::answer_in_part(std::uint64_t number, Question& question) {
  std::vector<IpAddress> part = std::exchange(question.part, {});
  ResolveRecord& record = resolve_records_[number];
  {
    TraceLine text = line('r', question.id);
    text.word("resolved in part");
    for (const IpAddress& address : part) text.word(address.to_string());
  }
  if (!question.canceled) {
    record.first = now_.steady;
    record.first_is_ipv4 = part.front().kind == IpAddress::Kind::ipv4;
  }
  if (question.rest_never) {
    question.never = true;
    count("name rest never");
  } else {
    push_answer(now_.steady + question.rest, number);
  }
  const std::optional<Duration> ttl = record.ttl;
  question.asker->answered(question.id, NameAnswer(std::move(part), ttl, true));
}

// An answer that nobody waits for any more may come all the same.
void World::Impl::cancel_resolve(ResolveId id) {
  const auto own = of_engine_.find(id);
  if (own == of_engine_.end()) return;
  const auto found = questions_.find(own->second);
  of_engine_.erase(own);
  if (found == questions_.end()) return;
  resolve_records_[static_cast<std::size_t>(found->first)].over = now_.steady;
  if (!found->second.never && draw_chance(stale_draws_, weather_->stale_facts)) {
    found->second.canceled = true;
  } else {
    questions_.erase(found);
  }
}

void World::Impl::never_mind(std::uint64_t question) {
  if (questions_.erase(question) == 0) return;
  std::optional<Instant>& over = resolve_records_[static_cast<std::size_t>(question)].over;
  if (!over) over = now_.steady;
}

void World::Impl::answer(std::uint64_t number) {
  if (Question& waiting = questions_.at(number); !waiting.part.empty()) return answer_in_part(number, waiting);
  Question question = std::move(questions_.extract(number).mapped());
  const ResolveId id = question.id;
  ResolveRecord& record = resolve_records_[static_cast<std::size_t>(number)];
  if (!question.canceled) record.over = now_.steady;
  record.failed = !question.answer && !question.canceled;
  if (question.answer) {
    TraceLine text = line('r', id);
    text.word("resolved");
    for (const IpAddress& address : *question.answer) text.word(address.to_string());
  } else {
    line('r', id).word(question.answer.error().message());
  }
  if (question.canceled) {
    line('r', id).word("fault: stale fact");
    count("stale fact");
  } else if (!question.fault.empty()) {
    line('r', id).word("fault:").word(question.fault);
    count(question.fault);
  }
  if (!question.answer) return question.asker->answered(id, std::unexpected(question.answer.error()));
  question.asker->answered(id, NameAnswer(std::move(*question.answer), record.ttl));
}

// ---- connections begin and end ----

Link& World::Impl::begin_link(ConnId conn) {
  LinkId id;
  Link* link = links_.emplace(id);
  SLUICE_CHECK(link != nullptr);
  const std::uint64_t number = connect_records_.size();
  link->begin(*this, id, conn, weather_, seed_of(Stream::connection, number));
  link->number = number;
  return *link;
}

void World::Impl::connect(const output::Connect& what) {
  Link* const link = &begin_link(what.conn);
  if (what.route) {
    link->peer_name = what.route->name();
    link->origin = directory_.by_name(what.host, what.port);
    line(*link).word("connect by").word(link->peer_name).word("to").word(what.host).number(what.port);
  } else {
    link->peer_name = what.address.to_string();
    link->origin = directory_.listener(what.address);
    line(*link).word("connect to").word(link->peer_name);
  }
  if (standing_.size() <= what.conn.index) standing_.resize(what.conn.index + 1);
  standing_[what.conn.index] = {what.conn.generation, link->id()};
  connect_records_.push_back({.conn = what.conn,
                              .origin = link->origin,
                              .address = what.route ? Address{} : what.address,
                              .began = now_.steady,
                              .connected = {},
                              .over = {}});
  start_link(*link);
}

void World::Impl::start_link(Link& started) {
  Link* const link = &started;
  in_order_.emplace(link->number, link->conn());
  numbers_.emplace(link->conn(), link->number);
  if (link->origin) ++open_by_origin_[*link->origin];
  Random& random = link->network_random();
  const bool hangs = draw_chance(random, weather_->hangs);
  const bool refused = draw_chance(random, weather_->refused);
  const bool half_open = draw_chance(random, weather_->half_open);
  link->fate = hangs                      ? Link::Fate::hangs
               : refused || !link->origin ? Link::Fate::refused
               : half_open                ? Link::Fate::half_open
                                          : Link::Fate::accepted;
  if (hangs) return count_fault(*link, "hangs");
  const Duration there = link->draw_delay();
  link->arm(Event::Kind::connect, now_.steady + there + link->draw_delay());
}

void World::Impl::connect_ends(Link& link) {
  std::unique_ptr<Peer> peer;
  if (link.fate == Link::Fate::accepted) {
    const OriginSpec& origin = directory_.origin(*link.origin);
    if (origin.accept) peer = origin.accept(accepted_by_origin_[*link.origin]++);
    if (peer && origin.tls)
      peer = over_tls(std::move(peer), tls_.server(origin.host, origin.certificate, origin.newest_tls));
  }
  const bool half_open = link.fate == Link::Fate::half_open;
  if (!peer && !half_open) {
    count_fault(link, "refused");
    ConnectRecord& record = connect_records_[link.number];
    record.refused = true;
    record.over = now_.steady;
    if (link.program) return link.program->refuse();
    return io_error(link, Code::connect_failed, "connect to ", ECONNREFUSED);
  }
  line(link).word("connected");
  connect_records_[link.number].connected = now_.steady;
  if (half_open) count_fault(link, "half open");
  link.open(std::move(peer));
  link.start_peer();
  if (link.program) return;
  const ConnId conn = link.conn();
  to_serve_.push_back(conn);
  tell([&] { engine_.handle_connected(conn, now_); });
}

void World::Impl::io_error(Link& link, Code code, std::string_view what, int number) {
  const ConnId conn = link.conn();
  Error error = make_error(code, std::string(what) + link.peer_name + ": " + std::string(words_for(number)), number);
  line(link).word(to_string(code)).word(error.context);
  to_serve_.push_back(conn);
  tell([&] { engine_.handle_io_error(conn, std::move(error), now_); });
}

void World::Impl::close(ConnId conn) {
  Link* link = find_link(conn);
  if (!link) return;
  if (link->state() == Link::State::open && !link->told.write_blocked && !link->broken()) {
    // A close_notify, if it fits.
    const OutputView view = engine_.transmit(conn);
    const std::size_t most = std::min(view.size_bytes(), link->room());
    const std::size_t count = most == 0 ? 0 : std::min(most, link->draw_send());
    if (count > 0) {
      link->take(view, count);
      say_bytes(*link, "sent at last", view, count);
    }
  }
  link->leave();
  std::optional<Instant>& over = connect_records_[link->number].over;
  if (!over) over = now_.steady;
  standing_[conn.index].link = {};
  in_order_.erase(link->number);
  if (link->origin) --open_by_origin_[*link->origin];
  maybe_stale(*link);
  release_if_over(*link);
}

void World::Impl::release_if_over(Link& link) {
  if (link.is_over()) links_.release(link.id());
}

Link* World::Impl::find_link(ConnId conn) { return const_cast<Link*>(std::as_const(*this).find(conn)); }

// ---- bytes ----

void World::Impl::say_bytes(const Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) {
  TraceLine text = line(link);
  text.word(verb).number(count);
  if (link.tls) return;
  Fnv hash;
  for (std::size_t i = 0; i < bytes.count && count > 0; ++i) {
    const Bytes piece = bytes.spans[i].first(std::min(count, bytes.spans[i].size()));
    hash.add(piece);
    count -= piece.size();
  }
  text.hash(hash);
}

void World::Impl::link_event(Link& link, Event::Kind kind) {
  if (link.program) return program_event(link, kind);
  const ConnId conn = link.conn();
  if (kind == Event::Kind::connect || kind == Event::Kind::readable || kind == Event::Kind::writable) {
    link.disarm(kind);
    if (kind == Event::Kind::connect) return connect_ends(link);
    if (kind == Event::Kind::readable) return read_some(conn, link.draw_piece());
    link.told.write_blocked = false;
    to_serve_.push_back(conn);
    return;
  }
  const bool was_broken = link.broken();
  const std::size_t count = link.happen(kind);
  if (link.state() == Link::State::left) return release_if_over(link);
  if (kind != Event::Kind::to_engine) return;
  to_serve_.push_back(conn);
  const bool late = reads_late(link);
  if (link.broken() && !was_broken) {
    link.told.write_blocked = false;
    link.disarm(Event::Kind::writable);
    // Whether a send or a read finds out is a matter of luck.
    if (engine_.interest(conn).write && link.network_random().below(2) == 0) return;
  }
  if (late) return;
  const bool alone = count > 0 && count == link.arrived();
  read_some(conn, alone ? count : link.draw_piece());
}

bool World::Impl::has_readable(const Link& link) const {
  if (link.arrived() > 0) return true;
  return link.ended() ? !link.told.end : link.broken() && !link.told.receive_error;
}

// One read, if the engine wants one now.
void World::Impl::read_some(ConnId conn, std::size_t most) {
  drain();
  Link* link = find_link(conn);
  if (!link || link->state() != Link::State::open || !has_readable(*link) || !engine_.interest(conn).read) return;
  to_serve_.push_back(conn);
  if (link->arrived() > 0) {
    read_bytes(*link, most);
  } else {
    read_end(*link);
  }
}

void World::Impl::read_bytes(Link& link, std::size_t most) {
  const ConnId conn = link.conn();
  const MutableBytes space = engine_.receive_space(conn);
  const std::size_t count = std::min({space.size(), link.arrived(), most});
  if (count == 0) return;
  const Bytes bytes = link.waiting().first(count);
  std::memcpy(space.data(), bytes.data(), count);
  say_bytes(link, "received", {.spans = {bytes}, .count = 1}, count);
  link.taken(count);
  link.told.moved = now_.steady;
  tell([&] { engine_.handle_received(conn, count, now_); });
}

void World::Impl::read_end(Link& link) {
  const ConnId conn = link.conn();
  // Behind a send that failed it depends on the system what a read says.
  const std::uint64_t luck = link.told.send_error && !link.ended() ? link.network_random().below(3) : 0;
  if (link.ended() || luck == 1) {
    link.told.end = link.told.receive_error = true;
    line(link).word("end");
    connect_records_[link.number].end_told = true;
    tell([&] { engine_.handle_eof(conn, now_); });
  } else {
    link.told.receive_error = true;
    if (luck == 2) return io_error(link, Code::send_failed, "send to ", EPIPE);
    io_error(link, Code::receive_failed, "receive from ", ECONNRESET);
  }
}

// What can move now on a connection that something was said about.
void World::Impl::serve(ConnId conn) {
  for (;;) {
    Link* link = find_link(conn);
    if (!link || link->state() != Link::State::open) return;
    const Interest interest = engine_.interest(conn);
    if (interest.write && link->broken() && !std::exchange(link->told.send_error, true)) {
      io_error(*link, Code::send_failed, "send to ", link->ended() ? EPIPE : ECONNRESET);
    } else if (!interest.write || link->broken() || link->told.write_blocked || !send_some(*link)) {
      if (interest.read && has_readable(*link) && !link->is_armed(Event::Kind::readable)) {
        link->arm(Event::Kind::readable, now_.steady);
      }
      return;
    }
  }
}

// False: nothing went.
bool World::Impl::send_some(Link& link) {
  const ConnId conn = link.conn();
  const OutputView view = engine_.transmit(conn);
  const std::size_t total = view.size_bytes();
  if (total == 0) return false;
  const std::size_t count = std::min({total, link.room(), link.draw_send()});
  link.told.write_blocked = count < total;
  if (count == 0) return false;
  link.told.moved = now_.steady;
  link.take(view, count);
  say_bytes(link, "sent", view, count);
  if (link.told.write_blocked && link.room() > 0 && !link.is_armed(Event::Kind::writable)) {
    link.arm(Event::Kind::writable, now_.steady + link.draw_delay());
  }
  tell([&] { engine_.handle_sent(conn, count, now_); });
  return true;
}

}  // namespace sluice::sim
