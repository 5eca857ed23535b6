// Alternative services (RFC 7838): other places and protocols that serve an origin too. Pure: reads and writes no file.
// Leaves to others: whether the origin's connection was secure enough to be believed (2.1), which alternative is tried,
// and that an alternative must have the origin's certificate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fields.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

inline constexpr std::size_t kMaxAltSvcOrigins = 2'000;    // kept
inline constexpr std::size_t kMaxAlternatives = 8;         // of one origin; further ones are ignored
inline constexpr std::size_t kMaxAltSvcLineBytes = 1'024;  // of a file; a longer line is skipped

// All are over TLS. HTTP/1.1, HTTP/2, HTTP/3: "http/1.1", "h2" and "h3" in a field, "h1", "h2" and "h3" in a file.
enum class AltProtocol : std::uint8_t { h1, h2, h3 };

// Owns its text.
struct Alternative {
  AltProtocol protocol = AltProtocol::h1;
  std::string host = {};  // in the form of Host (SB-75); of a field "": the origin's
  std::uint16_t port = 0;
  bool persist = false;  // still good after a change of the network (3.1)

  friend bool operator==(const Alternative&, const Alternative&) = default;
};

// The value of an Alt-Svc field (3).
struct AltSvc {
  struct Service {
    Alternative alternative = {};
    std::int64_t max_age = 86'400;  // seconds; numbers over 2^63 - 1 become that

    friend bool operator==(const Service&, const Service&) = default;
  };
  bool clear = false;                  // the origin has no alternatives, whatever else the field says
  std::vector<Service> services = {};  // the best first

  friend bool operator==(const AltSvc&, const AltSvc&) = default;
};

// An alternative is left out if its protocol is another one, if its host or port is none, if a parameter is not
// NAME=VALUE, or if its max-age is not a number. Unknown parameters are ignored. Throws std::bad_alloc.
AltSvc parse_alt_svc(std::string_view value);

// The alternatives of https origins. Holds at most kMaxAltSvcOrigins origins: past that, the one whose last alternative
// expires first is removed.
class AltSvcStore {
 public:
  AltSvcStore() = default;
  AltSvcStore(const AltSvcStore&) = delete;
  AltSvcStore& operator=(const AltSvcStore&) = delete;

  // A response to a request for `url`, over a connection of the protocol `used`: the alternatives in its Alt-Svc fields
  // replace all of the origin (3.1); with "clear", or if no field has an alternative of use, it has none then. The age
  // of the response (Age) counts. Ignored over http. Throws std::bad_alloc; then nothing has changed.
  void note(const Url& url, AltProtocol used, const Fields& response_fields, UnixSeconds now);
  // The alternatives of the origin that have not expired, the best first. Throws std::bad_alloc.
  std::vector<Alternative> find(const Url& url, UnixSeconds now) const;

  std::size_t size() const { return origins_.size(); }  // origins; those that have expired may be counted
  std::size_t dropped() const { return dropped_; }      // origins that there was no room for so far

  // Adds the alternatives of a file as curl --alt-svc writes it: `h2 example.com 443 h3 alt.example.com 8443 "20261231
  // 23:59:59" 1 0`: protocol, host and port of the origin, the same of the alternative, its end in UTC, whether it is
  // to persist, and a priority, which is not used. Lines that begin with '#' are comments. Of two that are the same the
  // one counts that expires last. Returns how many lines were skipped because they are anything else. Throws
  // std::bad_alloc; the alternatives before that stay.
  std::size_t load(std::string_view text, UnixSeconds now);
  // All alternatives that have not expired, in that format. Throws std::bad_alloc.
  std::string save(UnixSeconds now) const;

 private:
  struct Entry {
    Alternative alternative = {};
    AltProtocol used = AltProtocol::h1;  // for the file only
    UnixSeconds expires = 0;
  };
  struct Origin {
    std::vector<Entry> entries = {};  // not empty
    UnixSeconds last_expiry() const;
  };
  using Origins = std::map<std::string, Origin, std::less<>>;  // by host and port, as in a file: "example.com 443"

  void put(const std::string& key, Origin origin);
  void remove(Origins::iterator at);
  void add(const std::string& key, Entry entry);
  bool load_line(std::string_view line, UnixSeconds now);

  std::size_t dropped_ = 0;
  Origins origins_;
  std::set<std::pair<UnixSeconds, std::string_view>> by_expiry_;  // last_expiry() and a view of the key
};

}  // namespace sluice
