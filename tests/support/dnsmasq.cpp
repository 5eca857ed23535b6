// See dnsmasq.hpp.
#include "tests/support/dnsmasq.hpp"

#include <stdexcept>

namespace sluice::test {

Dnsmasq::Dnsmasq(const std::vector<std::string>& lines) {
  constexpr int kAttempts = 5;  // another program may take the port before dnsmasq does
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ports_ = free_ports(1);
    // The whole of 127.0.0.0/8, so that a client that is bound to 127.0.0.2 is answered by the address that it asked.
    std::string text =
        "no-resolv\nno-hosts\nno-daemon\nlisten-address=127.0.0.1\nbind-interfaces\nlocal=/test/\n"
        "log-queries\nlog-facility=-\nuser=root\ngroup=root\npid-file\ncache-size=0\nport=" +
        port() + "\n";
    for (const std::string& line : lines) text += line + '\n';
    write_file(folder_.path() / "conf", text);
    child_ = Child({"dnsmasq", "--conf-file=" + (folder_.path() / "conf").string()}, folder_.path() / "log");
    if (child_.wait_until_accepting(ports_)) return;  // over TCP
  }
  throw std::runtime_error("dnsmasq did not start: " + log());
}

std::size_t Dnsmasq::count(const std::string& text) const {
  const std::string all = log();
  std::size_t found = 0;
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + text.size())) ++found;
  return found;
}

}  // namespace sluice::test
