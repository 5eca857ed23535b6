// See doh_server.hpp.
#include "tests/support/doh_server.hpp"

#include <algorithm>

#include "core/base/base64.hpp"

namespace sluice::test {

DohServer::DohServer(std::map<std::string, std::vector<std::string>> names, int ttl,
                     std::map<std::string, std::string> https)
    : names_(std::move(names)),
      ttl_(ttl),
      https_(std::move(https)),
      server_([this](const std::string& request) { return reply(request); }),
      front_(server_.port()) {}

Reply DohServer::reply(const std::string& request) {
  ++questions_;
  if (!says_.empty()) return {.bytes = says_};
  const std::string before = "GET /dns-query?dns=";
  if (!request.starts_with(before)) return {.bytes = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"};
  std::string text = request.substr(before.size(), request.find(' ', before.size()) - before.size());
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  const std::string body = answer(from_base64(text).value_or(""));
  return {.bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body};
}

// Header and question of the query, which has one, then the records, whose names are pointers to the question's.
std::string DohServer::answer(const std::string& query) const {
  constexpr std::size_t kHeader = 12;
  std::string name;
  std::size_t at = kHeader;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<std::size_t>(query[at]);
    name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
    at += 1 + length;
  }
  if (at + 5 > query.size()) return {};
  constexpr char kHttps = 65;
  const char type = query[at + 2];
  const bool is_ipv6 = type == 28;
  std::string message = query.substr(0, at + 5);
  message[2] = static_cast<char>(0x81);
  message[3] = static_cast<char>(0x80);
  message[11] = 0;  // no OPT record
  const auto service = https_.find(name);
  const auto found = names_.find(name);
  if (found == names_.end() && service == https_.end()) message[3] = static_cast<char>(0x83);
  if (type == kHttps && service != https_.end()) {
    const std::string& data = service->second;
    message += {'\xc0',
                '\x0c',
                0,
                kHttps,
                0,
                1,
                0,
                0,
                0,
                static_cast<char>(ttl_),
                static_cast<char>(data.size() >> 8),
                static_cast<char>(data.size() & 0xff)};
    message += data;
    message[7] = 1;
  }
  if (type == kHttps) return message;
  int records = 0;
  for (const std::string& text : found == names_.end() ? std::vector<std::string>() : found->second) {
    const IpAddress address = IpAddress::parse(text).value();
    if ((address.kind == IpAddress::Kind::ipv6) != is_ipv6) continue;
    const std::size_t size = is_ipv6 ? 16 : 4;
    message +=
        {'\xc0', '\x0c', 0, is_ipv6 ? '\34' : '\1', 0, 1, 0, 0, 0, static_cast<char>(ttl_), 0, static_cast<char>(size)};
    message.append(reinterpret_cast<const char*>(address.bytes.data()), size);
    ++records;
  }
  message[7] = static_cast<char>(records);
  return message;
}

}  // namespace sluice::test
