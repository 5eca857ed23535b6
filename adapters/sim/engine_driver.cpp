// See engine_driver.hpp.
#include "adapters/sim/engine_driver.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <variant>

#include "core/base/check.hpp"

namespace sluice::sim {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::string_view name_of(AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return "any";
    case AddressFamily::ipv4:
      return "ipv4";
    case AddressFamily::ipv6:
      return "ipv6";
  }
  return "";
}

std::string_view name_of(Interest interest) {
  if (interest.read) return interest.write ? "read and write" : "read";
  return interest.write ? "write" : "nothing";
}

// Texts of our own for errno values, so that they are the same on every system.
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

bool has_readable(const Link& link) {
  if (link.arrived() > 0) return true;
  return link.ended() ? !link.told.end : link.broken() && !link.told.receive_error;
}

}  // namespace

// ---- facts and outputs ----

void EngineDriver::judge() {
  acted_ = false;
  world_.audience.judge();
}

void EngineDriver::handle_timeout() {
  tell([&] { world_.engine.handle_timeout(now()); });
}

void EngineDriver::handle_stale(ConnId conn) {
  Engine& engine = world_.engine;
  world_.journal.fault(conn, "stale fact");
  tell([&] { engine.handle_eof(conn, now()); });
  SLUICE_CHECK(engine.interest(conn) == Interest{});
  SLUICE_CHECK(engine.receive_space(conn).empty());
  SLUICE_CHECK(engine.transmit(conn).empty());
  tell([&] { engine.handle_connected(conn, now()); });
  tell([&] { engine.handle_received(conn, 0, now()); });
  tell([&] { engine.handle_sent(conn, 0, now()); });
  const Code code = world_.chance.stale_error();
  tell([&] { engine.handle_io_error(conn, make_error(code, "of a connection that is gone"), now()); });
}

void EngineDriver::drain() {
  while (auto output = world_.engine.poll_output()) take(*output);
}

void EngineDriver::settle() {
  drain();
  for (std::size_t i = 0; i < to_serve_.size(); ++i) serve(to_serve_[i]);  // serving one may add others
  to_serve_.clear();
}

void EngineDriver::take(const Output& output) {
  const Engine& engine = world_.engine;
  Journal& journal = world_.journal;
  acted_ = true;
  std::visit(Overloaded{
                 [&](const output::Resolve& what) {
                   journal.line('r', what.id).word("resolve").word(what.host).word(name_of(what.family));
                   questions_.emplace(what.id, world_.names.ask(what, *this));
                 },
                 [&](const output::CancelResolve& what) {
                   journal.line('r', what.id).word("never mind");
                   cancel_resolve(what.id);
                 },
                 [&](const output::Connect& what) { world_.network.connect(what); },
                 [&](const output::Close& what) {
                   journal.line('c', what.conn).word("close");
                   close(what.conn);
                 },
                 [&](const output::InterestChanged& what) {
                   journal.line('c', what.conn).word("wants").word(name_of(engine.interest(what.conn)));
                   to_serve_.push_back(what.conn);
                 },
                 [&](const output::InterimReady& what) {
                   journal.line('t', what.transfer).word("interim").signed_number(what.head.status);
                   to_application(output);
                 },
                 [&](const output::HeadReady& what) {
                   journal.line('t', what.transfer).word("head").signed_number(engine.head(what.transfer).status);
                   to_application(output);
                 },
                 [&](const output::BodyReady& what) {
                   journal.line('t', what.transfer).word("body").number(engine.body(what.transfer).size());
                   to_application(output);
                 },
                 [&](const output::UploadReady& what) {
                   const std::size_t space = world_.engine.upload_space(what.transfer).size();
                   journal.line('t', what.transfer).word("upload").number(space);
                   to_application(output);
                 },
                 [&](const output::UploadRewind& what) {
                   journal.line('t', what.transfer).word("rewind");
                   to_application(output);
                 },
                 [&](const output::HopDone& what) {
                   journal.line('t', what.transfer).word("hop done").signed_number(what.head.status);
                   to_application(output);
                 },
                 [&](const output::Done& what) {
                   take_done(what);
                   to_application(output);
                 },
                 [&](const output::HeadSent& what) {
                   journal.line('t', what.transfer).word("head sent").number(what.head.size());
                   to_application(output);
                 },
                 [&](const output::Observed& what) {
                   journal.line().word("event").word(to_string(what.event.kind));
                   to_application(output);
                 },
                 [&](const output::ConnectHead& what) {
                   journal.line('t', what.transfer).word("connect head").number(what.head.size());
                   to_application(output);
                 },
                 [&](const output::KeyLog&) {
                   journal.line().word("key log");  // secrets differ from run to run
                   to_application(output);
                 },
             },
             output);
}

void EngineDriver::take_done(const output::Done& what) {
  TraceLine text = world_.journal.line('t', what.transfer);
  if (what.result) {
    text.word("done");
  } else {
    text.word("failed").word(to_string(what.result.error().code)).word(what.result.error().message());
  }
}

// ---- names ----

void EngineDriver::answered(ResolveId id, Result<NameAnswer> found) {
  if (!found || !found->more_to_come) questions_.erase(id);
  tell([&] { world_.engine.handle_resolved(id, std::move(found), now()); });
}

// A canceled question may be answered anyway.
void EngineDriver::cancel_resolve(ResolveId id) {
  const auto found = questions_.find(id);
  if (found == questions_.end()) return;
  const std::uint64_t number = found->second;
  questions_.erase(found);
  world_.names.call_off(number, world_.network.weather());
}

// ---- connections begin and end ----

void EngineDriver::answer_connect(Link& link) {
  if (!world_.network.answer_connect(link)) return io_error(link, Code::connect_failed, "connect to ", ECONNREFUSED);
  const ConnId conn = link.conn();
  to_serve_.push_back(conn);
  tell([&] { world_.engine.handle_connected(conn, now()); });
}

void EngineDriver::io_error(Link& link, Code code, std::string_view what, int number) {
  const ConnId conn = link.conn();
  Error error = make_error(code, std::string(what) + link.peer_name + ": " + std::string(words_for(number)), number);
  line(link).word(to_string(code)).word(error.context);
  to_serve_.push_back(conn);
  tell([&] { world_.engine.handle_io_error(conn, std::move(error), now()); });
}

void EngineDriver::close(ConnId conn) {
  Link* link = world_.network.find(conn);
  if (!link) return;
  if (link->state() == Link::State::open && !link->told.write_blocked && !link->broken()) {
    // A close_notify, if one send takes it.
    const OutputView view = world_.engine.transmit(conn);
    const std::size_t most = std::min(view.size_bytes(), link->room());
    const std::size_t count = most == 0 ? 0 : std::min(most, link->draw_send());
    if (count > 0) {
      link->take(view, count);
      say_moved(*link, "sent at last", view, count);
    }
  }
  world_.network.leave(*link);
  if (const auto later = world_.chance.stale_facts(link->weather())) {
    world_.events.push(world_.clock.steady() + *later, Event::Kind::stale, conn.index, conn.generation);
  }
  world_.network.release_if_over(*link);
}

// ---- bytes ----

void EngineDriver::say_moved(const Link& link, std::string_view verb, const OutputView& bytes, std::size_t count) {
  world_.journal.moved(link.conn(), verb, bytes, count, !link.tls);
}

void EngineDriver::handle_event(Link& link, Event::Kind kind) {
  const ConnId conn = link.conn();
  if (kind == Event::Kind::connect || kind == Event::Kind::readable || kind == Event::Kind::writable) {
    link.disarm(kind);
    if (kind == Event::Kind::connect) return answer_connect(link);
    if (kind == Event::Kind::readable) return read_some(conn, link.draw_piece());
    link.told.write_blocked = false;
    to_serve_.push_back(conn);
    return;
  }
  const bool was_broken = link.broken();
  const std::size_t count = link.happen(kind);
  if (link.state() == Link::State::left) return world_.network.release_if_over(link);
  if (kind != Event::Kind::to_engine) return;
  to_serve_.push_back(conn);
  const bool late = reads_late(link);
  if (link.broken() && !was_broken) {
    link.told.write_blocked = false;
    link.disarm(Event::Kind::writable);
    // Whether a send or a read notices first is drawn at random.
    if (world_.engine.interest(conn).write && link.network_random().below(2) == 0) return;
  }
  if (late) return;
  const bool alone = count > 0 && count == link.arrived();
  read_some(conn, alone ? count : link.draw_piece());
}

// Simulates a busy driver. True: the bytes are read later, together with those that come until then.
bool EngineDriver::reads_late(Link& link) {
  const Weather& weather = world_.network.weather();
  if (weather.late_reads == 0) return false;
  if (link.is_armed(Event::Kind::readable)) return true;
  const auto later = world_.chance.late_read(weather);
  if (later) link.arm(Event::Kind::readable, world_.clock.steady() + *later);
  return later.has_value();
}

// One read, if the engine wants one now.
void EngineDriver::read_some(ConnId conn, std::size_t most) {
  drain();
  Link* link = world_.network.find(conn);
  if (!link || link->state() != Link::State::open || !has_readable(*link) || !world_.engine.interest(conn).read) return;
  to_serve_.push_back(conn);
  if (link->arrived() > 0) {
    read_bytes(*link, most);
  } else {
    read_end(*link);
  }
}

void EngineDriver::read_bytes(Link& link, std::size_t most) {
  const ConnId conn = link.conn();
  const MutableBytes space = world_.engine.receive_space(conn);
  const std::size_t count = std::min({space.size(), link.arrived(), most});
  if (count == 0) return;
  const Bytes bytes = link.waiting().first(count);
  std::memcpy(space.data(), bytes.data(), count);
  say_moved(link, "received", {.spans = {bytes}, .count = 1}, count);
  link.taken(count);
  link.told.moved = world_.clock.steady();
  tell([&] { world_.engine.handle_received(conn, count, now()); });
}

void EngineDriver::read_end(Link& link) {
  const ConnId conn = link.conn();
  // After a failed send the result of a read depends on the system.
  const std::uint64_t luck = link.told.send_error && !link.ended() ? link.network_random().below(3) : 0;
  if (link.ended() || luck == 1) {
    link.told.end = link.told.receive_error = true;
    world_.network.note_end(link);
    tell([&] { world_.engine.handle_eof(conn, now()); });
  } else {
    link.told.receive_error = true;
    if (luck == 2) return io_error(link, Code::send_failed, "send to ", EPIPE);
    io_error(link, Code::receive_failed, "receive from ", ECONNRESET);
  }
}

// Moves what can be moved now on a connection that a fact was about.
void EngineDriver::serve(ConnId conn) {
  for (;;) {
    Link* link = world_.network.find(conn);
    if (!link || link->state() != Link::State::open) return;
    const Interest interest = world_.engine.interest(conn);
    if (interest.write && link->broken() && !std::exchange(link->told.send_error, true)) {
      io_error(*link, Code::send_failed, "send to ", link->ended() ? EPIPE : ECONNRESET);
    } else if (!interest.write || link->broken() || link->told.write_blocked || !send_some(*link)) {
      if (interest.read && has_readable(*link) && !link->is_armed(Event::Kind::readable)) {
        link->arm(Event::Kind::readable, world_.clock.steady());
      }
      return;
    }
  }
}

// False: no bytes were sent.
bool EngineDriver::send_some(Link& link) {
  const ConnId conn = link.conn();
  const OutputView view = world_.engine.transmit(conn);
  const std::size_t total = view.size_bytes();
  if (total == 0) return false;
  const std::size_t count = std::min({total, link.room(), link.draw_send()});
  link.told.write_blocked = count < total;
  if (count == 0) return false;
  link.told.moved = world_.clock.steady();
  link.take(view, count);
  say_moved(link, "sent", view, count);
  if (link.told.write_blocked && link.room() > 0 && !link.is_armed(Event::Kind::writable)) {
    link.arm(Event::Kind::writable, world_.clock.steady() + link.draw_delay());
  }
  tell([&] { world_.engine.handle_sent(conn, count, now()); });
  return true;
}

}  // namespace sluice::sim
