// See site.hpp.
#include "tests/support/site.hpp"

#include <chrono>

#include "adapters/sim/tls_authority.hpp"

namespace sluice::test {

std::string content_of(std::size_t size) {
  std::string content(size, '\0');
  std::uint64_t state = 0x9e3779b97f4a7c15U ^ (size * 2654435761U);
  for (char& byte : content) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return content;
}

const std::vector<std::size_t>& Site::sizes() {
  static const std::vector<std::size_t> sizes = {0, 1, 1024, 1024 * 1024, 20 * 1024 * 1024};
  return sizes;
}

Site::Site() {
  for (const std::size_t size : sizes()) write_file(www() / std::to_string(size), content_of(size));
  using std::chrono::system_clock;
  const UnixSeconds now = system_clock::to_time_t(system_clock::now());
  const UnixSeconds from = now - 3600, to = now + 86'400;
  const auto root = sim::TlsAuthority::make_root("sluice test root", from, to);
  root_pem = root.certificate_pem();
  other_root_pem = sim::TlsAuthority::make_root("sluice other root", from, to).certificate_pem();
  const auto server = root.issue({.common_name = "server",
                                  .dns = {"localhost"},
                                  .ip = {std::string("\x7f\0\0\1", 4)},
                                  .not_before = from,
                                  .not_after = to});
  const auto client = root.issue(
      {.common_name = "client", .dns = {}, .ip = {}, .not_before = from, .not_after = to, .for_client = true});
  client_certificate_pem = client.certificate_pem;
  client_key_pem = client.key_pem;
  write_file(folder() / "root.pem", root_pem);
  write_file(folder() / "server.crt", server.certificate_pem);
  write_file(folder() / "server.key", server.key_pem);
  write_file(folder() / "server.pem", server.certificate_pem + server.key_pem);
}

std::string Site::filled_in(std::string text) const {
  const std::string path = folder().string();
  for (std::size_t at = 0; (at = text.find('@', at)) != std::string::npos; at += path.size()) text.replace(at, 1, path);
  return text;
}

}  // namespace sluice::test
