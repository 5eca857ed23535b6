// See dns_message.hpp. Names are kept as they are on the wire, in lower case and without compression: a length byte and
// the bytes of each label, then a zero.
#include "core/dns_message.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/memory.hpp"

namespace sluice {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxNameBytes = 255;    // with its length bytes (RFC 1035 2.3.4)
constexpr std::size_t kMaxAliases = 16;       // CNAMEs, one after the other
constexpr std::size_t kMaxHttpsRecords = 16;  // of one name; more are left out
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::string_view kPortLabels = "._https.";  // after "_PORT" (RFC 9460 9.1)
constexpr std::uint16_t kA = 1, kCname = 5, kAaaa = 28, kOpt = 41, kHttps = 65;
constexpr std::uint16_t kPadding = 12;           // RFC 7830 3
constexpr std::size_t kPaddedTo = 128;           // RFC 8467 4.1
constexpr std::uint16_t kPayloadBytes = 65'535;  // what can be received (RFC 6891 6.2.3): it does not come over UDP
constexpr std::uint16_t kInternet = 1;
constexpr int kNoSuchName = 3;  // RCODE NXDOMAIN
// In the second word of the header (RFC 1035 4.1.1).
constexpr std::uint16_t kIsResponse = 0x8000, kOpcode = 0x7800, kTruncated = 0x0200, kWantsRecursion = 0x0100;

std::uint16_t type_of(IpAddress::Kind family) { return family == IpAddress::Kind::ipv6 ? kAaaa : kA; }

std::unexpected<Error> fault(std::string_view host, std::string_view why, int detail = 0) {
  return std::unexpected(
      make_error(Code::resolve_failed, "resolve " + std::string(host) + ": " + std::string(why), detail));
}

void put16(std::string& out, std::uint16_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 0xff);
}

// Empty: no DNS name.
std::string wire_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string wire;
  while (!host.empty()) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabelBytes) return {};
    wire += static_cast<char>(label.size());
    wire += to_lower(label);
    if (dot + 1 == host.size()) return {};  // two final dots
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  if (!wire.empty()) wire += '\0';
  return wire.size() <= kMaxNameBytes ? wire : std::string();
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  Bytes data;
  std::string alias;  // of a CNAME
};

// Reads a message from front to back. Each function returns false if the bytes end or are malformed.
class MessageReader {
 public:
  explicit MessageReader(Bytes message) : message_(message) {}

  bool read16(std::uint16_t& out) {
    if (left() < 2) return false;
    out = static_cast<std::uint16_t>(message_[at_] << 8 | message_[at_ + 1]);
    at_ += 2;
    return true;
  }
  bool read32(std::uint32_t& out) {
    std::uint16_t high = 0, low = 0;
    if (!read16(high) || !read16(low)) return false;
    out = std::uint32_t{high} << 16 | low;
    return true;
  }
  bool read_name(std::string& out) {
    const std::size_t end = name_at(at_, out);
    if (end == 0) return false;
    at_ = end;
    return true;
  }
  bool read_record(Record& out) {
    std::uint16_t record_class = 0, size = 0;
    if (!read_name(out.owner) || !read16(out.type) || !read16(record_class) || !read32(out.ttl) || !read16(size))
      return false;
    if (left() < size) return false;
    out.data = message_.subspan(at_, size);
    if (record_class != kInternet) out.type = 0;
    if (out.type == kCname && name_at(at_, out.alias) != at_ + size) return false;
    at_ += size;
    return true;
  }

 private:
  std::size_t left() const { return message_.size() - at_; }
  // Returns where the name that begins at `at` ends, after its pointer if it has one; 0: it is malformed. A pointer
  // (RFC 1035 4.1.4) must lead to an earlier place than the name or the pointer before, so there is no loop.
  std::size_t name_at(std::size_t at, std::string& out) const {
    out.clear();
    std::size_t end = 0, before = at;
    while (at < message_.size()) {
      const std::size_t length = message_[at];
      if (length >= 0xc0) {
        if (message_.size() - at < 2) return 0;
        const std::size_t to = (length & 0x3f) << 8 | message_[at + 1];
        if (to >= before) return 0;
        if (end == 0) end = at + 2;
        at = before = to;
        continue;
      }
      if (length > kMaxLabelBytes || message_.size() - at <= length || out.size() + length >= kMaxNameBytes) return 0;
      out += static_cast<char>(length);
      out += to_lower(as_text(message_.subspan(at + 1, length)));
      at += 1 + length;
      if (length == 0) return end == 0 ? at : end;
    }
    return 0;
  }

  Bytes message_;
  std::size_t at_ = 0;
};

// The texts of the codes that servers give (RFC 1035 4.1.1, RFC 2136).
std::string_view text_of(int code) {
  switch (code) {
    case 1:
      return "the DNS server did not understand the query";
    case 2:
      return "the DNS server failed";
    case 3:
      return "no such name";
    case 4:
      return "the DNS server does not know such queries";
    case 5:
      return "the DNS server refused the query";
    default:
      return "the DNS server gave an error";
  }
}

void lower_ttl(std::optional<Duration>& least, std::uint32_t ttl) {
  // RFC 2181 8: with the highest bit set it counts as zero.
  const Duration time = std::chrono::seconds(ttl > 0x7fff'ffff ? 0 : ttl);
  least = std::min(least.value_or(time), time);
}

// Gives the records of this type that `name` has to `take`, along its aliases, and the least TTL of all of them. False:
// malformed, or `take` has returned false.
template <typename Take>
bool collect(const std::vector<Record>& records, std::string name, std::uint16_t type, std::optional<Duration>& ttl,
             Take&& take) {
  for (std::size_t aliases = 0; aliases <= kMaxAliases; ++aliases) {
    const Record* alias = nullptr;
    bool found = false;
    for (const Record& record : records) {
      if (record.owner != name) continue;
      if (record.type == kCname) alias = &record;
      if (record.type != type) continue;
      if (!take(record)) return false;
      found = true;
      lower_ttl(ttl, record.ttl);
    }
    if (found || !alias) return true;
    lower_ttl(ttl, alias->ttl);
    name = alias->alias;
  }
  return false;
}

constexpr std::string_view kMalformed = "the answer of the DNS server is malformed";

// The answer section of a message that answers this question.
Result<std::vector<Record>> read_records(Bytes message, std::string_view host, std::uint16_t wanted) {
  const std::string name = wire_name(host);
  MessageReader reader(message);
  std::uint16_t id = 0, flags = 0, questions = 0, answers = 0, others = 0;
  if (message.size() < kHeaderBytes || !reader.read16(id) || !reader.read16(flags) || !reader.read16(questions) ||
      !reader.read16(answers) || !reader.read16(others) || !reader.read16(others))
    return fault(host, kMalformed);
  if ((flags & kIsResponse) == 0 || (flags & kOpcode) != 0) return fault(host, kMalformed);
  for (std::uint16_t i = 0; i < questions; ++i) {
    std::string asked;
    std::uint16_t type = 0, asked_class = 0;
    if (!reader.read_name(asked) || !reader.read16(type) || !reader.read16(asked_class)) return fault(host, kMalformed);
    if (asked != name || type != wanted) return fault(host, "the DNS server answered another question");
  }
  if (const int code = flags & 0xf; code != 0) {
    auto failed = fault(host, text_of(code), code);
    failed.error().name_absent = code == kNoSuchName;
    return failed;
  }
  if ((flags & kTruncated) != 0) return fault(host, "the answer of the DNS server is truncated");
  std::vector<Record> records;
  for (std::uint16_t i = 0; i < answers; ++i) {
    Record record;
    if (!reader.read_record(record)) return fault(host, kMalformed);
    records.push_back(std::move(record));
  }
  return records;
}

Result<DnsAddresses> read_answer(Bytes message, std::string_view host, IpAddress::Kind family) {
  const auto records = read_records(message, host, type_of(family));
  if (!records) return std::unexpected(records.error());
  DnsAddresses found;
  const auto take = [&](const Record& record) {
    if (record.data.size() != (family == IpAddress::Kind::ipv6 ? 16 : 4)) return false;
    IpAddress address;
    address.kind = family;
    std::ranges::copy(record.data, address.bytes.begin());
    found.addresses.push_back(std::move(address));
    return true;
  };
  if (!collect(*records, wire_name(host), type_of(family), found.ttl, take)) return fault(host, kMalformed);
  if (found.addresses.empty()) found.ttl.reset();
  return found;
}

// The text of a name in wire form; empty: it is none that could be looked up.
std::string host_of(std::string_view wire) {
  std::string text;
  while (!wire.empty() && wire.front() != '\0') {
    const std::string_view label = wire.substr(1, static_cast<std::uint8_t>(wire.front()));
    wire.remove_prefix(1 + label.size());
    const auto fits = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_'; };
    if (!std::ranges::all_of(label, fits)) return {};
    text.append(text.empty() ? "" : ".").append(label);
  }
  return text;
}

// https_owner() has put the port before the host.
bool has_port_labels(std::string_view owner) { return owner.starts_with('_') && owner.contains(kPortLabels); }

Result<HttpsRecords> read_services(Bytes message, std::string_view owner) {
  const auto records = read_records(message, owner, kHttps);
  if (!records) return std::unexpected(records.error());
  HttpsRecords found;
  bool has_alias = false;
  const auto take = [&](const Record& record) {
    HttpsRecord service;
    HttpsRecordKind kind = read_https_record(record.data, service);
    // RFC 9460 2.5.2: then the addresses are those of the record's owner. Those of the host itself are the same, also
    // along its aliases, and are looked up in any case.
    if (kind == HttpsRecordKind::service && service.target.empty() && has_port_labels(owner)) {
      service.target = host_of(record.owner);
      if (service.target.empty()) kind = HttpsRecordKind::unusable;
    }
    if (kind == HttpsRecordKind::service && found.records.size() < kMaxHttpsRecords) {
      const auto after = std::ranges::upper_bound(found.records, service.priority, {}, &HttpsRecord::priority);
      found.records.insert(after, std::move(service));
    }
    has_alias = has_alias || kind == HttpsRecordKind::alias;
    return kind != HttpsRecordKind::malformed;
  };
  if (!collect(*records, wire_name(owner), kHttps, found.ttl, take)) return fault(owner, kMalformed);
  if (has_alias) found.records.clear();
  if (found.records.empty()) found.ttl.reset();
  return found;
}

// RFC 7830 3: the option, in an OPT record (RFC 6891 6.1.2), fills the query up.
void pad(std::string& query) {
  constexpr std::size_t kRecordBytes = 1 + 2 + 2 + 4 + 2, kOptionBytes = 2 + 2;
  const std::size_t used = query.size() + kRecordBytes + kOptionBytes;
  const auto zeros = static_cast<std::uint16_t>((kPaddedTo - used % kPaddedTo) % kPaddedTo);
  query += '\0';  // the root
  put16(query, kOpt);
  put16(query, kPayloadBytes);
  query.append(4, '\0');
  put16(query, static_cast<std::uint16_t>(kOptionBytes + zeros));
  put16(query, kPadding);
  put16(query, zeros);
  query.append(zeros, '\0');
}

Result<std::string> query_for(std::string_view host, std::uint16_t type) {
  return or_out_of_memory([&]() -> Result<std::string> {
    const std::string name = wire_name(host);
    if (name.empty()) return fault(host, "it is no name that DNS can have");
    std::string query;
    // The id, the flags, one question, no answers, no authorities, one further record.
    for (const std::uint16_t word :
         {std::uint16_t{0}, kWantsRecursion, std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{1}})
      put16(query, word);
    query += name;
    put16(query, type);
    put16(query, kInternet);
    pad(query);
    return query;
  });
}

}  // namespace

Result<std::string> dns_query(std::string_view host, IpAddress::Kind family) {
  return query_for(host, type_of(family));
}

Result<std::string> https_query(std::string_view owner) { return query_for(owner, kHttps); }

std::string https_owner(std::string_view host, std::uint16_t port) {
  return port == kHttpsPort ? std::string(host)
                            : '_' + std::to_string(port) + std::string(kPortLabels) + std::string(host);
}

Result<DnsAddresses> read_dns_answer(Bytes message, std::string_view host, IpAddress::Kind family) {
  return or_out_of_memory([&] { return read_answer(message, host, family); });
}

Result<HttpsRecords> read_https_answer(Bytes message, std::string_view owner) {
  return or_out_of_memory([&] { return read_services(message, owner); });
}

}  // namespace sluice
