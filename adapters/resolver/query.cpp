// See query.hpp. c-ares uses socket functions that are defined here. They record what its status does not tell: the
// RCODE of the server's answer (for SERVFAIL c-ares says "Could not contact DNS servers") and the errno of a socket
// that failed.
#include "adapters/resolver/query.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "adapters/net/socket.hpp"
#include "adapters/net/socket_setup.hpp"
#include "core/dns_message.hpp"

namespace sluice::net {
namespace {

constexpr int kNoCode = -1;
constexpr int kServfail = 2;  // RFC 1035 4.1.1

std::string name_of_code(int code) {
  switch (code) {
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case 3:
      return "NXDOMAIN";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return "error " + std::to_string(code);
  }
}

int to_system(AddressFamily family) {
  switch (family) {
    case AddressFamily::any:
      return AF_UNSPEC;
    case AddressFamily::ipv4:
      return AF_INET;
    case AddressFamily::ipv6:
      return AF_INET6;
  }
  return AF_UNSPEC;
}

std::optional<IpAddress> from_system(const sockaddr* address) {
  IpAddress out;
  if (address->sa_family == AF_INET) {
    sockaddr_in ipv4 = {};
    std::memcpy(&ipv4, address, sizeof ipv4);
    out.kind = IpAddress::Kind::ipv4;
    std::memcpy(out.bytes.data(), &ipv4.sin_addr, 4);
    return out;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 ipv6 = {};
    std::memcpy(&ipv6, address, sizeof ipv6);
    out.kind = IpAddress::Kind::ipv6;
    std::memcpy(out.bytes.data(), &ipv6.sin6_addr, 16);
    if (ipv6.sin6_scope_id != 0) out.zone = std::to_string(ipv6.sin6_scope_id);
    return out;
  }
  return std::nullopt;
}

}  // namespace

struct Query::Glue {
  static void socket_state(void* data, ares_socket_t fd, int readable, int writable) {
    auto& self = *static_cast<Query*>(data);
    self.host_.query_watches(self, fd, readable != 0, writable != 0);
  }

  static void finished(void* data, int status, int, ares_addrinfo* found) {
    auto& self = *static_cast<Query*>(data);
    self.running_ = false;
    self.status_ = status;
    try {
      self.take(found);
    } catch (const std::bad_alloc&) {
      self.addresses_.clear();
      self.status_ = ARES_ENOMEM;
    }
    if (found) ares_freeaddrinfo(found);
    if (!self.silent_) self.host_.query_finished(self);
  }

  static void finished_https(void* data, int status, int, unsigned char* bytes, int size) {
    auto& self = *static_cast<Query*>(data);
    self.running_ = false;
    self.status_ = status;
    try {
      self.https_failed_ = status != ARES_SUCCESS && !self.says_none();
      if (status == ARES_SUCCESS) self.take_https({bytes, static_cast<std::size_t>(size)});
    } catch (const std::bad_alloc&) {
      self.status_ = ARES_ENOMEM;
      self.https_failed_ = true;
    }
    if (!self.silent_) self.host_.query_finished(self);
  }

  // ---- sockets ----

  static void note_error(Query& self, const sockaddr* server) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS || errno == EINTR) return;
    self.socket_error_ = errno;
    if (server) note_server(self, server);
    errno = self.socket_error_;
  }

  static void note_server(Query& self, const sockaddr* server) {
    if (server->sa_family == AF_INET) {
      sockaddr_in ipv4 = {};
      std::memcpy(&ipv4, server, sizeof ipv4);
      ::inet_ntop(AF_INET, &ipv4.sin_addr, self.server_, sizeof self.server_);
    } else if (server->sa_family == AF_INET6) {
      sockaddr_in6 ipv6 = {};
      std::memcpy(&ipv6, server, sizeof ipv6);
      ::inet_ntop(AF_INET6, &ipv6.sin6_addr, self.server_, sizeof self.server_);
    }
  }

  static ares_socket_t open(int family, int type, int protocol, void* data) {
    auto& self = *static_cast<Query*>(data);
    if (self.has_wishes()) return open_as_wished(self, family, type, protocol);
    const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) note_error(self, nullptr);
    return fd;
  }

  static ares_socket_t open_as_wished(Query& self, int family, int type, int protocol) {
    try {
      auto made = self.make_socket(family, type, protocol);
      if (made) return made->release();
      self.no_socket_ = made.error().message();
      self.socket_error_ = made.error().code == Code::out_of_memory ? ENOMEM : made.error().detail;
    } catch (const std::bad_alloc&) {
      self.socket_error_ = ENOMEM;
    }
    errno = self.socket_error_ == 0 ? EACCES : self.socket_error_;
    return ARES_SOCKET_BAD;
  }

  static int close(ares_socket_t fd, void*) { return ::close(fd); }

  static int connect(ares_socket_t fd, const sockaddr* server, ares_socklen_t size, void* data) {
    const int result = ::connect(fd, server, size);
    if (result < 0) note_error(*static_cast<Query*>(data), server);
    return result;
  }

  static ares_ssize_t receive(ares_socket_t fd, void* buffer, std::size_t size, int flags, sockaddr* from,
                              ares_socklen_t* from_size, void* data) {
    auto& self = *static_cast<Query*>(data);
    const ssize_t got = ::recvfrom(fd, buffer, size, flags, from, from_size);
    sockaddr_storage server = {};
    socklen_t server_size = sizeof server;
    auto* const known = reinterpret_cast<sockaddr*>(&server);
    if (got < 0) {
      const int error = errno;
      const bool who = ::getpeername(fd, known, &server_size) == 0;
      errno = error;
      note_error(self, who ? known : nullptr);
      errno = error;
    } else if (from && got >= 4) {
      self.answered_ = static_cast<const unsigned char*>(buffer)[3] & 0xf;
      note_server(self, from);
    }
    return got;
  }

  static ares_ssize_t send(ares_socket_t fd, const iovec* pieces, int count, void* data) {
    msghdr message = {};
    message.msg_iov = const_cast<iovec*>(pieces);
    message.msg_iovlen = static_cast<std::size_t>(count);
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) note_error(*static_cast<Query*>(data), nullptr);
    return sent;
  }

  static constexpr ares_socket_functions kSockets = {&open, &close, &connect, &receive, &send};
};

Query::~Query() {
  silent_ = true;
  if (channel_) ares_destroy(channel_);
}

// Everything that c-ares would read from files or the environment is given as options, so opening a channel reads no
// file.
Result<void> Query::open(const QueryOptions& options) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  from_ = options.from;
  sockets_ = options.sockets;
  calls_ = options.calls;
  char hosts[] = "f", servers[] = "b";
  char* no_domains[] = {nullptr};
  ares_options settings = {};
  settings.flags = options.tcp ? ARES_FLAG_USEVC : 0;
  settings.timeout = static_cast<int>(options.timeout.count());
  settings.tries = options.attempts;
  settings.ndots = 1;
  settings.domains = no_domains;
  settings.lookups = from_ == QueryOptions::From::hosts_file ? hosts : servers;
  settings.sock_state_cb = &Glue::socket_state;
  settings.sock_state_cb_data = this;
  constexpr int kGiven = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
                         ARES_OPT_SERVERS | ARES_OPT_SORTLIST | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  int status = library;
  if (status == ARES_SUCCESS) {
    status = ares_init_options(&channel_, &settings, kGiven | (options.rotate ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE));
  }
  if (status == ARES_SUCCESS && !options.servers.empty())
    status = ares_set_servers_ports_csv(channel_, options.servers.c_str());
  if (status == ARES_SUCCESS) {
    ares_set_socket_functions(channel_, &Glue::kSockets, this);
    return {};
  }
  if (channel_) ares_destroy(std::exchange(channel_, nullptr));
  if (status == ARES_ENOMEM) return std::unexpected(make_error(Code::out_of_memory, {}, status));
  return std::unexpected(
      make_error(Code::resolve_failed, std::string("set up the resolver: ") + ares_strerror(status), status));
}

bool Query::has_wishes() const { return calls_ || !sockets_.interface.empty() || !sockets_.local_addresses.empty(); }

// A server of a family for which no local address is given is asked from any.
Result<Descriptor> Query::make_socket(int family, int type, int protocol) const {
  const std::string purpose = "a socket for the name server";
  const auto kind = family == AF_INET6 ? IpAddress::Kind::ipv6 : IpAddress::Kind::ipv4;
  const SocketWish wish{.use = SocketWish::Use::name_server, .family = family, .type = type, .protocol = protocol};
  auto made = open_socket(wish, calls_.get(), Code::resolve_failed, purpose);
  if (!made) return made;
  if (auto done = configure_socket(made->get(), wish, calls_.get(), Code::resolve_failed, purpose); !done) {
    return std::unexpected(std::move(done.error()));
  }
  SocketOptions options = sockets_;
  std::erase_if(options.local_addresses, [&](const IpAddress& one) { return one.kind != kind; });
  if (auto done = bind_socket(made->get(), kind, options, purpose); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return made;
}

void Query::forget() {
  no_socket_.clear();
  addresses_.clear();
  https_owner_.clear();
  https_.reset();
  https_failed_ = false;
  ttl_.reset();
  status_ = socket_error_ = 0;
  answered_ = kNoCode;
  server_[0] = '\0';
}

void Query::ask(const std::string& name, AddressFamily family) {
  forget();
  running_ = true;
  ares_addrinfo_hints hints = {};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_family = to_system(family);
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Glue::finished, this);
}

void Query::ask_https(const std::string& owner) {
  constexpr int kInternet = 1, kHttps = 65;  // RFC 9460 14.1
  forget();
  https_owner_ = owner;
  running_ = true;
  ares_query(channel_, owner.c_str(), kInternet, kHttps, &Glue::finished_https, this);
}

void Query::take_https(Bytes answer) {
  auto found = read_https_answer(answer, https_owner_);
  if (!found && found.error().code == Code::out_of_memory) throw std::bad_alloc();
  https_failed_ = !found;
  if (!found || found->records.empty()) return;
  ttl_ = found->ttl;
  https_ = std::make_shared<const HttpsRecords>(*std::move(found));
}

void Query::take(const ares_addrinfo* found) {
  const auto note_ttl = [&](int seconds) {
    const Duration its = std::chrono::seconds(std::max(seconds, 0));
    if (from_ == QueryOptions::From::name_servers) ttl_ = ttl_ ? std::min(*ttl_, its) : its;
  };
  for (const ares_addrinfo_node* node = found ? found->nodes : nullptr; node; node = node->ai_next) {
    auto address = from_system(node->ai_addr);
    // /etc/hosts may have the same address on several lines.
    if (!address || std::ranges::find(addresses_, *address) != addresses_.end()) continue;
    addresses_.push_back(std::move(*address));
    note_ttl(node->ai_ttl);
  }
  for (const ares_addrinfo_cname* alias = found ? found->cnames : nullptr; alias; alias = alias->next)
    note_ttl(alias->ttl);
}

void Query::process(int fd, bool readable, bool writable) {
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
}

void Query::process_timeouts() {
  if (running_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

std::optional<Duration> Query::time_left() const {
  timeval left = {};
  if (!running_ || !ares_timeout(channel_, nullptr, &left)) return std::nullopt;
  return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

bool Query::says_none() const {
  return status_ == ARES_SUCCESS || status_ == ARES_ENOTFOUND || status_ == ARES_ENODATA;
}

bool Query::may_go_on() const { return says_none() || (status_ == ARES_ECONNREFUSED && answered_ == kServfail); }

bool Query::ran_out_of_descriptors() const {
  return addresses_.empty() && (socket_error_ == EMFILE || socket_error_ == ENFILE);
}

bool Query::ran_out_of_memory() const { return status_ == ARES_ENOMEM; }

Error Query::error(const std::string& host) const {
  if (status_ == ARES_ENOMEM) return make_error(Code::out_of_memory, {}, status_);
  const int status = status_ == ARES_SUCCESS ? ARES_ENODATA : status_;
  std::string why = ares_strerror(status);
  const std::string server = server_[0] == '\0' ? std::string() : " " + std::string(server_);
  if (!no_socket_.empty() && !says_none()) {
    why = no_socket_;
  } else if (status == ARES_ECONNREFUSED && answered_ > 0) {
    why = "the name server" + server + " answered " + name_of_code(answered_);
  } else if (status == ARES_ECONNREFUSED && socket_error_ != 0) {
    why = server.empty() ? describe_errno(socket_error_)
                         : "the name server" + server + ": " + describe_errno(socket_error_);
  } else if (status == ARES_ETIMEOUT) {
    why = "no name server answered in time";
  }
  Error error = make_error(Code::resolve_failed, "resolve " + host + ": " + why, status);
  error.name_absent = says_none();
  return error;
}

}  // namespace sluice::net
