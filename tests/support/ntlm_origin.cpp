// See ntlm_origin.hpp.
#include "tests/support/ntlm_origin.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "adapters/net/descriptor.hpp"
#include "tests/support/must.hpp"

namespace sluice::test {

// One process of ntlm_auth, in the form that Squid uses: "YR" with the first message gives "TT" with a challenge, "KK"
// with the answer gives "AF" with the user, or "NA".
class NtlmOrigin::Helper {
 public:
  Helper() {
    std::array<int, 2> in = {}, out = {};
    must(::pipe2(in.data(), O_CLOEXEC) == 0 && ::pipe2(out.data(), O_CLOEXEC) == 0);
    const std::string user = std::string("--username=") + kUser, password = std::string("--password=") + kPassword;
    const std::string domain = std::string("--domain=") + kDomain;
    pid_ = ::fork();
    must(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl("/usr/bin/ntlm_auth", "ntlm_auth", "--helper-protocol=squid-2.5-ntlmssp", user.c_str(), password.c_str(),
              domain.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = net::Descriptor(in[1]);
    from_ = net::Descriptor(out[0]);
  }
  ~Helper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // The line that follows; "": none within ten seconds.
  std::string ask(const std::string& line) {
    const std::string text = line + "\n";
    must(::write(to_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    std::string reply;
    while (!reply.ends_with('\n')) {
      pollfd waiting = {from_.get(), POLLIN, 0};
      char piece[4096];
      if (::poll(&waiting, 1, 10'000) != 1) return {};
      const ssize_t size = ::read(from_.get(), piece, sizeof piece);
      if (size <= 0) return {};
      reply.append(piece, static_cast<std::size_t>(size));
    }
    reply.pop_back();
    return reply;
  }

 private:
  pid_t pid_ = -1;
  net::Descriptor to_, from_;
};

namespace {

std::string token_in(const std::string& request, bool is_proxy) {
  const std::string name = is_proxy ? "\r\nProxy-Authorization: NTLM " : "\r\nAuthorization: NTLM ";
  const std::size_t at = request.find(name);
  return at == std::string::npos ? "" : request.substr(at + name.size(), request.find('\r', at + 2) - at - name.size());
}

Reply unauthorized(bool is_proxy, const std::string& fields) {
  return {.bytes = (is_proxy ? "HTTP/1.1 407 Who\r\nProxy-Authenticate: " : "HTTP/1.1 401 No\r\nWWW-Authenticate: ") +
                   fields + "Content-Length: 3\r\n\r\nno\n"};
}

}  // namespace

NtlmOrigin::NtlmOrigin(Options options)
    : options_(options), server_(std::make_unique<LoopbackServer>([this](const std::string& request, int connection) {
        const std::lock_guard lock(mutex_);
        return answer(request, connection);
      })) {}

NtlmOrigin::~NtlmOrigin() { server_.reset(); }

std::string NtlmOrigin::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

Reply NtlmOrigin::answer(const std::string& request, int connection) {
  const std::string token = token_in(request, options_.is_proxy);
  const bool begins = token.starts_with("TlRMTVNTUAAB"), answers = token.starts_with("TlRMTVNTUAAD");
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  std::string challenge;
  auto& helper = helpers_[connection];
  if (begins) {
    users_.erase(connection);
    helper = std::make_unique<Helper>();
    const std::string reply = helper->ask("YR " + token);
    must(reply.starts_with("TT "));
    challenge = reply.substr(3);
  } else if (answers && helper) {
    const std::string reply = std::exchange(helper, nullptr)->ask("KK " + token);
    if (reply.starts_with("AF ")) users_[connection] = reply.substr(reply.find('\\') + 1);  // "AF REALM\ada"
  }
  const auto user = users_.find(connection);
  log_ += std::to_string(connection) + " " + request.substr(0, request.find(' '));
  log_ += begins ? " type1 " : answers ? " type3 " : " none ";
  log_ += std::to_string(body.size()) + " " + (user == users_.end() ? "-" : user->second) + "; ";
  const bool let_in = user != users_.end() || options_.open;
  if (let_in && request.starts_with("CONNECT ")) return {.bytes = "HTTP/1.1 200 OK\r\n\r\n"};
  if (let_in) return ok("let in " + body + "\n");
  if (challenge.empty()) {
    return unauthorized(options_.is_proxy, options_.offers_basic ? "NTLM, Basic realm=\"r\"\r\n" : "NTLM\r\n");
  }
  const std::string end = options_.is_proxy ? "Proxy-Connection: close\r\n" : "Connection: close\r\n";
  Reply reply = unauthorized(options_.is_proxy, "NTLM " + challenge + "\r\n" + (options_.closes ? end : ""));
  reply.close = options_.closes || options_.drops;
  return reply;
}

}  // namespace sluice::test
