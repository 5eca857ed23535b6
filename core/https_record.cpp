// See https_record.hpp.
#include "core/https_record.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"

namespace sluice {
namespace {

constexpr std::size_t kMaxProtocols = 16;                          // that are kept of one record
constexpr std::size_t kMaxTargetLabel = 63, kMaxTargetName = 255;  // RFC 1035 2.3.4
// SvcParamKeys (RFC 9460 14.3.2, RFC 9848).
constexpr std::uint16_t kMandatory = 0, kAlpn = 1, kNoDefaultAlpn = 2, kPort = 3, kIpv4Hint = 4, kEch = 5,
                        kIpv6Hint = 6;
constexpr std::string_view kHttp1 = "http/1.1";

bool take8(Bytes& from, std::size_t& out) {
  if (from.empty()) return false;
  out = from[0];
  from = from.subspan(1);
  return true;
}

bool take16(Bytes& from, std::uint16_t& out) {
  if (from.size() < 2) return false;
  out = static_cast<std::uint16_t>(from[0] << 8 | from[1]);
  from = from.subspan(2);
  return true;
}

bool take_bytes(Bytes& from, std::size_t size, Bytes& out) {
  if (from.size() < size) return false;
  out = from.first(size);
  from = from.subspan(size);
  return true;
}

bool is_host_label(std::string_view label) {
  return std::ranges::all_of(label, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

// RFC 9460 2.2: the name is not compressed. `is_host`: it is one that can be looked up. The root, which means the
// owner, is empty.
bool take_target(Bytes& from, std::string& out, bool& is_host) {
  std::size_t bytes = 1;
  is_host = true;
  out.clear();
  while (true) {
    std::size_t size = 0;
    Bytes label;
    if (!take8(from, size) || size > kMaxTargetLabel) return false;
    if (size == 0) break;
    bytes += 1 + size;
    if (bytes > kMaxTargetName || !take_bytes(from, size, label)) return false;
    is_host = is_host && is_host_label(as_text(label));
    if (!out.empty()) out += '.';
    out += to_lower(as_text(label));
  }
  is_host = is_host && !IpAddress::parse(out);
  return true;
}

// A list of 16 bit keys in ascending order (8).
bool read_mandatory(Bytes value, std::vector<std::uint16_t>& out) {
  std::uint16_t key = 0;
  while (!value.empty()) {
    if (!take16(value, key) || key == kMandatory || (!out.empty() && key <= out.back())) return false;
    out.push_back(key);
  }
  return !out.empty();
}

bool read_alpn(Bytes value, std::vector<std::string>& out) {
  std::size_t size = 0;
  Bytes protocol;
  while (!value.empty()) {
    if (!take8(value, size) || size == 0 || !take_bytes(value, size, protocol)) return false;
    if (out.size() < kMaxProtocols) out.emplace_back(as_text(protocol));
  }
  return !out.empty();
}

bool read_hints(Bytes value, IpAddress::Kind kind, std::vector<IpAddress>& out) {
  const std::size_t size = kind == IpAddress::Kind::ipv6 ? 16 : 4;
  if (value.empty() || value.size() % size != 0) return false;
  Bytes one;
  while (out.size() < limits::kMaxAddresses && take_bytes(value, size, one)) {
    IpAddress address;
    address.kind = kind;
    std::ranges::copy(one, address.bytes.begin());
    out.push_back(std::move(address));
  }
  return true;
}

bool read_port(Bytes value, std::optional<std::uint16_t>& out) {
  std::uint16_t number = 0;
  if (value.size() != 2 || !take16(value, number)) return false;
  out = number;
  return true;
}

// What is read besides the members of the record.
struct Read {
  std::vector<std::uint16_t> mandatory, keys;
  std::vector<IpAddress> ipv4;
};

bool read_value(std::uint16_t key, Bytes value, HttpsRecord& record, Read& read) {
  if (key == kMandatory) return read_mandatory(value, read.mandatory);
  if (key == kAlpn) return read_alpn(value, record.alpn);
  if (key == kPort) return read_port(value, record.port);
  if (key == kIpv4Hint) return read_hints(value, IpAddress::Kind::ipv4, read.ipv4);
  if (key == kIpv6Hint) return read_hints(value, IpAddress::Kind::ipv6, record.hints);
  if (key == kNoDefaultAlpn) {
    record.no_default_alpn = true;
    return value.empty();
  }
  if (key != kEch) return true;
  record.ech = as_text(value);
  return !value.empty();
}

bool read_params(Bytes params, HttpsRecord& record, Read& read) {
  while (!params.empty()) {
    std::uint16_t key = 0, size = 0;
    Bytes value;
    if (!take16(params, key) || !take16(params, size) || !take_bytes(params, size, value)) return false;
    if (!read.keys.empty() && key <= read.keys.back()) return false;  // 2.2: in ascending order, none twice
    read.keys.push_back(key);
    if (!read_value(key, value, record, read)) return false;
  }
  // 8: a mandatory key must be there.
  return std::ranges::all_of(read.mandatory,
                             [&](std::uint16_t key) { return std::ranges::binary_search(read.keys, key); });
}

}  // namespace

bool HttpsRecord::speaks_http1() const { return !no_default_alpn || std::ranges::find(alpn, kHttp1) != alpn.end(); }

HttpsRecordKind read_https_record(Bytes data, HttpsRecord& out) {
  HttpsRecord record;
  Read read;
  bool is_host = false;
  if (!take16(data, record.priority) || !take_target(data, record.target, is_host)) return HttpsRecordKind::malformed;
  if (record.priority == 0) return HttpsRecordKind::alias;  // its parameters do not count (2.4.2)
  if (!read_params(data, record, read)) return HttpsRecordKind::malformed;
  record.hints.insert(record.hints.end(), read.ipv4.begin(), read.ipv4.end());
  const bool is_known = read.mandatory.empty() || read.mandatory.back() <= kIpv6Hint;
  const bool has_protocol = !record.no_default_alpn || !record.alpn.empty();
  if (!is_known || !has_protocol || !is_host || record.port == 0) return HttpsRecordKind::unusable;
  out = std::move(record);
  return HttpsRecordKind::service;
}

}  // namespace sluice
