// The connections of a simulated world, from the connect to the last byte at both ends: who listens, the result of a
// connect, and the records about each. Leaves to others: moving bytes at the near end (engine_driver, program), and the
// bytes in the network (link).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "adapters/sim/chance.hpp"
#include "adapters/sim/clock.hpp"
#include "adapters/sim/directory.hpp"
#include "adapters/sim/event_queue.hpp"
#include "adapters/sim/journal.hpp"
#include "adapters/sim/link.hpp"
#include "adapters/sim/tls_material.hpp"
#include "core/base/slot_map.hpp"

namespace sluice::sim {

class Network final : private LinkHost {
 public:
  // All must outlive this object.
  Network(const Weather& weather, Directory& directory, TlsMaterial& tls, const Clock& clock, EventQueue& events,
          Journal& journal, const Chance& chance);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Weather& weather() const { return *weather_; }
  void set_weather(const Weather& weather) { weather_ = std::make_shared<const Weather>(weather); }

  // ---- a connection begins and ends ----
  // The link exists until leave(), and after that as long as its peer's end is open. Pointers to it stay valid for that
  // time.
  Link& connect(const output::Connect& what);
  // For a program, whose end is `end`. The id is {number of the connect, 0}, which no engine gives.
  Link& connect(const Address& address, Tcp& end);
  // The event of a connect is due. False: refused.
  bool answer_connect(Link& link);
  // The near end is closed. Call release_if_over() next.
  void leave(Link& link);
  void release_if_over(Link& link);
  // The near end was told of the peer's end, without an error.
  void note_end(const Link& link);

  Link* find(LinkId id) { return links_.find(id); }
  Link* find(ConnId conn) { return const_cast<Link*>(std::as_const(*this).find(conn)); }
  const Link* find(ConnId conn) const;  // an open link of the engine; else null
  bool is_current(const Event& event) const;

  // ---- getters ----
  std::size_t open() const { return in_order_.size(); }
  std::size_t open(OriginNumber origin) const;
  std::vector<ConnId> connections() const;  // the open ones, the oldest first
  const std::vector<ConnectRecord>& records() const { return records_; }
  const ConnectRecord* record(ConnId conn) const;  // null: it never existed

 private:
  struct Standing {
    std::uint32_t generation = 0;
    LinkId link;  // default: closed
  };
  // ---- LinkHost ----
  Now now() const override { return clock_.now(); }
  std::uint64_t schedule(const Link& link, Event::Kind kind, Instant at) override;
  TraceLine line(const Link& link) override { return journal_.line('c', link.conn()); }
  void count_fault(const Link& link, std::string_view fault) override { journal_.fault(link.conn(), fault); }
  void note_cut_off(const Link& link) override { records_[link.number].cut_off = true; }

  Link& begin(ConnId conn);
  void start(Link& link, const Address& address);
  std::unique_ptr<Peer> accept(Link& link);

  std::shared_ptr<const Weather> weather_;
  Directory& directory_;
  TlsMaterial& tls_;
  const Clock& clock_;
  EventQueue& events_;
  Journal& journal_;
  const Chance& chance_;

  SlotMap<Link, LinkTag> links_;
  std::vector<Standing> standing_;            // links that the engine has open, by the index of their id
  std::map<std::uint64_t, ConnId> in_order_;  // all open links, the oldest first
  std::map<OriginNumber, std::size_t> open_by_origin_;
  std::map<OriginNumber, std::uint64_t> accepted_by_origin_;
  std::vector<ConnectRecord> records_;       // by Link::number
  std::map<ConnId, std::uint64_t> numbers_;  // numbers of the connects
};

}  // namespace sluice::sim
