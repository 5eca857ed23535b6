// See dns_server.hpp.
#include "tests/support/dns_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "adapters/net/descriptor.hpp"

namespace sluice::test {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr int kTypeA = 1;
constexpr int kTypeAaaa = 28;
constexpr int kTypeHttps = 65;

struct Question {
  std::string name;  // lower case, without the last dot
  int type = 0;
  std::size_t end = 0;  // end of the question section
};

std::optional<Question> read_question(const std::string& packet) {
  Question question;
  std::size_t at = kHeaderBytes;
  while (at < packet.size() && packet[at] != 0) {
    const auto size = static_cast<std::uint8_t>(packet[at]);
    if (size > 63 || at + 1 + size >= packet.size()) return std::nullopt;
    if (!question.name.empty()) question.name += '.';
    question.name += packet.substr(at + 1, size);
    at += std::size_t{1} + size;
  }
  if (at + 5 > packet.size()) return std::nullopt;
  question.type = static_cast<std::uint8_t>(packet[at + 1]) << 8 | static_cast<std::uint8_t>(packet[at + 2]);
  question.end = at + 5;
  std::ranges::transform(question.name, question.name.begin(),
                         [](char c) { return static_cast<char>(std::tolower(c)); });
  return question;
}

constexpr int kServfail = 2, kRefused = 5;

// Whether the first label of the name asks for this behaviour.
bool is(const Question& question, std::string_view label) {
  return question.name.starts_with(label) && question.name.size() > label.size() && question.name[label.size()] == '.';
}

// An answer without records.
std::string refusal(const std::string& packet, const Question& question, int code) {
  std::string out = packet.substr(0, question.end);
  out[2] = static_cast<char>(0x84);
  out[3] = static_cast<char>(0x80 | code);
  for (std::size_t i = 6; i < kHeaderBytes; ++i) out[i] = 0;
  return out;
}

std::string answer(const std::string& packet, const Question& question, const std::vector<IpAddress>* addresses) {
  std::string out = packet.substr(0, question.end);
  out[2] = static_cast<char>(0x84);                     // a response, authoritative
  out[3] = static_cast<char>(addresses ? 0x80 : 0x83);  // recursion available; NXDOMAIN
  for (std::size_t i = 6; i < kHeaderBytes; ++i)
    out[i] = 0;  // no records yet, and no additional records of the question
  if (!addresses) return out;
  for (const IpAddress& address : *addresses) {
    const bool ipv4 = address.kind == IpAddress::Kind::ipv4;
    if (question.type != (ipv4 ? kTypeA : kTypeAaaa)) continue;
    ++out[7];
    const char ttl = is(question, "brief") ? 0 : 60;
    const std::size_t size = ipv4 ? 4 : 16;
    const char record[] = {
        static_cast<char>(0xc0), kHeaderBytes, 0, static_cast<char>(question.type), 0, 1, 0, 0, 0, ttl, 0,
        static_cast<char>(size)};
    out.append(record, sizeof record);
    out.append(reinterpret_cast<const char*>(address.bytes.data()), size);
  }
  return out;
}

}  // namespace

class DnsServer::Thread {
 public:
  explicit Thread(std::map<std::string, std::vector<IpAddress>> names) : names_(std::move(names)) {
    socket_ = net::Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    stop_ = net::Descriptor(::eventfd(0, EFD_CLOEXEC));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) std::abort();
    if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) std::abort();
    listener_ = net::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // If another program has this TCP port, that program closes or refuses instead.
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 64) != 0) {
      listener_.reset();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    const std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof one) != sizeof one) std::abort();
    thread_.join();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int questions_ = 0;
  std::uint16_t port_ = 0;

 private:
  void run() {
    for (;;) {
      pollfd set[] = {{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      ::poll(set, 3, -1);
      if (set[1].revents != 0) return;
      if (set[0].revents != 0) serve();
      // The connection is closed at once.
      if (set[2].revents != 0) net::Descriptor(::accept(listener_.get(), nullptr, nullptr));
    }
  }

  void serve() {
    char buffer[2048];
    sockaddr_in from = {};
    socklen_t size = sizeof from;
    const ssize_t received =
        ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (received < static_cast<ssize_t>(kHeaderBytes)) return;
    const std::string packet(buffer, static_cast<std::size_t>(received));
    const auto question = read_question(packet);
    if (!question) return;
    const bool again = !asked_.insert({question->name, question->type}).second;
    const bool silent = is(*question, "silent") || (is(*question, "late") && !again) ||
                        (is(*question, "sixless") && question->type == kTypeAaaa) ||
                        (is(*question, "fourless") && question->type == kTypeA) ||
                        (is(*question, "recordless") && question->type == kTypeHttps);
    {  // before the answer, after which a test may look
      const std::lock_guard lock(mutex_);
      ++questions_;
    }
    changed_.notify_all();
    if (!silent) {
      const auto found = names_.find(question->name);
      std::string out = answer(packet, *question, found == names_.end() ? nullptr : &found->second);
      const bool fails = is(*question, "recordfail") && question->type == kTypeHttps;
      if (is(*question, "servfail") || fails) out = refusal(packet, *question, kServfail);
      if (is(*question, "refused")) out = refusal(packet, *question, kRefused);
      if (is(*question, "cut")) {
        out = refusal(packet, *question, 0);
        out[2] |= 0x02;  // TC: more over TCP
      }
      if (is(*question, "broken")) {
        out = refusal(packet, *question, 0);
        out[7] = 3;  // claims records that do not follow
      }
      ::sendto(socket_.get(), out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  std::map<std::string, std::vector<IpAddress>> names_;
  std::set<std::pair<std::string, int>> asked_;
  net::Descriptor socket_, stop_, listener_;
  std::thread thread_;
};

DnsServer::DnsServer(std::map<std::string, std::vector<IpAddress>> names)
    : thread_(std::make_unique<Thread>(std::move(names))) {}
DnsServer::~DnsServer() = default;

std::string DnsServer::address() const { return "127.0.0.1:" + std::to_string(thread_->port_); }
int DnsServer::questions() const {
  const std::lock_guard lock(thread_->mutex_);
  return thread_->questions_;
}
bool DnsServer::wait_for_questions(int count) const {
  std::unique_lock lock(thread_->mutex_);
  return thread_->changed_.wait_for(lock, std::chrono::seconds(10), [&] { return thread_->questions_ >= count; });
}

}  // namespace sluice::test
