// HTTP Strict Transport Security (RFC 6797): the hosts that have asked to be used over https only. Pure: reads and
// writes no file. Leaves to others: changing the scheme of a URL, and whether a connection was secure enough to be
// believed (8.1: without errors of its certificate).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "fields.hpp"
#include "types.hpp"
#include "url.hpp"

namespace sluice {

inline constexpr std::size_t kMaxHstsHosts = 10'000;     // kept
inline constexpr std::size_t kMaxHstsLineBytes = 1'024;  // of a file; a longer line is skipped

// The value of a Strict-Transport-Security field (RFC 6797 6.1).
struct HstsPolicy {
  std::int64_t max_age = 0;  // seconds; numbers over 2^63 - 1 become that
  bool include_subdomains = false;

  friend bool operator==(const HstsPolicy&, const HstsPolicy&) = default;
};

// nullopt: max-age is missing, is no number or is there twice, or includeSubDomains is there twice or has a value.
// Other directives are ignored.
std::optional<HstsPolicy> parse_hsts(std::string_view value);

// Each host has an entry and an expiry of its own, whatever its parents have (SB-76). Hosts are compared in the form of
// Host (SB-75); addresses have no entries. Holds at most kMaxHstsHosts: past that, the entry that expires first is
// removed. A look-up costs one search for each label of the host.
class HstsStore {
 public:
  HstsStore() = default;
  HstsStore(const HstsStore&) = delete;
  HstsStore& operator=(const HstsStore&) = delete;

  // A response to a request for `url`: its first Strict-Transport-Security field changes the entry of the host;
  // max-age=0 removes it. Ignored: a field over http, one that parse_hsts() refuses, and all after the first. Throws
  // std::bad_alloc; then nothing has changed.
  void note(const Url& url, const Fields& response_fields, UnixSeconds now);
  // Whether the host has an entry that has not expired, or one of its parent domains has one with includeSubDomains.
  // Throws std::bad_alloc.
  bool applies(const Url& url, UnixSeconds now) const;

  std::size_t size() const { return hosts_.size(); }  // those that have expired may be counted
  std::size_t dropped() const { return dropped_; }    // hosts that there was no room for so far

  // Adds the entries of a file as curl --hsts writes it: `example.com "20261231 23:59:59"` in UTC, or "unlimited"; with
  // a dot before the host for includeSubDomains; lines that begin with '#' are comments. Of several entries of one host
  // the one that expires last counts, those that the store had before included. Returns how many lines were skipped
  // because they are anything else. Throws std::bad_alloc; the entries before that stay.
  std::size_t load(std::string_view text, UnixSeconds now);
  // All entries that have not expired, in that format. Throws std::bad_alloc.
  std::string save(UnixSeconds now) const;

 private:
  struct Entry {
    UnixSeconds expires = 0;  // kNeverExpires, or at most kLastCalendarTime
    bool include_subdomains = false;
  };
  using Hosts = std::map<std::string, Entry, std::less<>>;

  void put(const std::string& name, Entry entry);
  void remove(Hosts::iterator at);
  bool load_line(std::string_view line, UnixSeconds now);

  std::size_t dropped_ = 0;
  Hosts hosts_;
  std::set<std::pair<UnixSeconds, std::string_view>> by_expiry_;  // views of the keys in hosts_
};

}  // namespace sluice
