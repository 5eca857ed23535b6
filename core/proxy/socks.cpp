// See socks.hpp.
#include "core/proxy/socks.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/memory.hpp"

namespace sluice::proxy {
namespace {

constexpr std::uint8_t kConnect = 1;         // the command, in both versions
constexpr std::size_t kMaxFieldBytes = 255;  // a length of one byte (RFC 1928 5, RFC 1929 2)

void append_port(std::vector<std::uint8_t>& out, std::uint16_t port) {
  out.push_back(static_cast<std::uint8_t>(port >> 8));
  out.push_back(static_cast<std::uint8_t>(port & 0xff));
}

void append_with_length(std::vector<std::uint8_t>& out, std::string_view text) {
  SLUICE_CHECK(text.size() <= kMaxFieldBytes);
  out.push_back(static_cast<std::uint8_t>(text.size()));
  append(out, text);
}

// Collects a message of the proxy, which may come byte by byte.
class Collected {
 public:
  // Takes from `in` until there are `size` bytes. False: more must come.
  bool fill(Bytes& in, std::size_t size) {
    const std::size_t count = std::min(in.size(), size - std::min(size, size_));
    SLUICE_CHECK(size <= bytes_.size());
    std::copy_n(in.begin(), count, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    in = in.subspan(count);
    size_ += count;
    return size_ >= size;
  }
  std::uint8_t operator[](std::size_t at) const { return bytes_[at]; }
  void clear() { size_ = 0; }

 private:
  std::array<std::uint8_t, 4 + 1 + kMaxFieldBytes + 2> bytes_ = {};  // the longest: a reply with a name
  std::size_t size_ = 0;
};

class Socks4 final : public Passage {
 public:
  explicit Socks4(SocksParams params)
      : Passage(params.proxy, params.target),
        user_(std::move(params.user)),
        address_(IpAddress::parse(params.target.host)) {}

  std::string_view task() const override { return "SOCKS4 handshake"; }
  Code failure() const override { return Code::socks_failed; }

 private:
  bool begin(std::vector<std::uint8_t>& out, Now) override {
    out.push_back(4);
    out.push_back(kConnect);
    append_port(out, target().port);
    // SOCKS4A: an invalid address, and the name at the end.
    static constexpr std::array<std::uint8_t, 4> kByName = {0, 0, 0, 1};
    const auto first = address_ ? address_->bytes.begin() : kByName.begin();
    out.insert(out.end(), first, first + 4);
    append(out, user_);
    out.push_back(0);
    if (address_) return true;
    append(out, target().host);
    out.push_back(0);
    return true;
  }

  void answer(Bytes& in, std::vector<std::uint8_t>&, Now) override {
    constexpr std::size_t kReplyBytes = 8;
    if (!reply_.fill(in, kReplyBytes)) return;
    if (reply_[0] != 0)
      return static_cast<void>(
          fail("it does not speak SOCKS4 (its reply begins with byte " + std::to_string(reply_[0]) + ")"));
    switch (reply_[1]) {
      case 90:
        return open();
      case 91:
        return refused("it refused the connection, or the connection failed");
      case 92:
        return refused("it refused the connection, because it cannot reach an identd here");
      case 93:
        return refused("it refused the connection, because identd here names another user");
      default:
        return refused("it refused the connection");
    }
  }
  void refused(std::string_view why) {
    fail(std::string(why) + " (reply " + std::to_string(reply_[1]) + ")", reply_[1]);
  }

  std::string user_;
  std::optional<IpAddress> address_;
  Collected reply_;
};

// RFC 1928 6.
std::string_view meaning_of(std::uint8_t reply) {
  switch (reply) {
    case 1:
      return "it has failed";
    case 2:
      return "its rules do not allow the connection";
    case 3:
      return "the network is unreachable from it";
    case 4:
      return "the host is unreachable from it";
    case 5:
      return "the host refused its connection";
    case 6:
      return "the time to live expired";
    case 7:
      return "it does not know the command";
    case 8:
      return "it does not know this kind of address";
    default:
      return "it refused the connection";
  }
}

class Socks5 final : public Passage {
 public:
  explicit Socks5(SocksParams params)
      : Passage(params.proxy, params.target), user_(std::move(params.user)), password_(std::move(params.password)) {}

  std::string_view task() const override { return "SOCKS5 handshake"; }
  Code failure() const override { return Code::socks_failed; }

 private:
  enum class Step : std::uint8_t { method, login, reply };
  static constexpr std::uint8_t kNoLogin = 0, kLogin = 2, kNoMethod = 0xff;

  bool has_login() const { return !user_.empty() || !password_.empty(); }

  bool begin(std::vector<std::uint8_t>& out, Now) override {
    out.push_back(5);
    out.push_back(has_login() ? 2 : 1);
    out.push_back(kNoLogin);
    if (has_login()) out.push_back(kLogin);
    return true;
  }

  void answer(Bytes& in, std::vector<std::uint8_t>& out, Now) override {
    while (talking()) {
      switch (step_) {
        case Step::method:
          if (!message_.fill(in, 2)) return;
          take_method(out);
          break;
        case Step::login:
          if (!message_.fill(in, 2)) return;
          take_login(out);
          break;
        case Step::reply:
          if (!take_reply(in)) return;
          break;
      }
    }
  }

  void take_method(std::vector<std::uint8_t>& out) {
    if (message_[0] != 5) {
      fail("it does not speak SOCKS5 (its answer begins with byte " + std::to_string(message_[0]) + ")");
    } else if (message_[1] == kNoMethod) {
      fail(has_login() ? "it accepts neither a user and password nor a client without them"
                       : "it accepts no client without a user and password",
           kNoMethod);
    } else if (message_[1] == kLogin && has_login()) {
      out.push_back(1);  // the version of RFC 1929
      append_with_length(out, user_);
      append_with_length(out, password_);
      step_ = Step::login;
    } else if (message_[1] == kNoLogin) {
      request(out);
    } else {
      fail("it chose method " + std::to_string(message_[1]) + ", which was not offered", message_[1]);
    }
    message_.clear();
  }

  void take_login(std::vector<std::uint8_t>& out) {
    const std::uint8_t status = message_[1];
    message_.clear();
    if (status != 0) return static_cast<void>(fail("it refused the user and password", status));
    request(out);
  }

  void request(std::vector<std::uint8_t>& out) {
    constexpr std::uint8_t kIpv4 = 1, kName = 3, kIpv6 = 4;
    out.insert(out.end(), {5, kConnect, 0});
    const auto address = IpAddress::parse(target().host);
    if (!address) {
      out.push_back(kName);
      append_with_length(out, target().host);
    } else {
      const bool is_ipv6 = address->kind == IpAddress::Kind::ipv6;
      out.push_back(is_ipv6 ? kIpv6 : kIpv4);
      out.insert(out.end(), address->bytes.begin(), address->bytes.begin() + (is_ipv6 ? 16 : 4));
    }
    append_port(out, target().port);
    step_ = Step::reply;
  }

  // False: more must come. The bound address, which is of no use here, is read and dropped.
  bool take_reply(Bytes& in) {
    constexpr std::size_t kBeforeAddress = 5;  // with the first byte of the address, which may be its length
    if (!message_.fill(in, 2)) return false;
    if (message_[0] != 5)
      return fail("its reply is not of SOCKS5 (it begins with byte " + std::to_string(message_[0]) + ")");
    if (message_[1] != 0) {
      const std::uint8_t reply = message_[1];
      return fail(std::string(meaning_of(reply)) + " (reply " + std::to_string(reply) + ")", reply);
    }
    if (!message_.fill(in, kBeforeAddress)) return false;
    std::size_t size = 0;
    switch (message_[3]) {
      case 1:
        size = 4 + 4 + 2;
        break;
      case 3:
        size = kBeforeAddress + message_[4] + 2;
        break;
      case 4:
        size = 4 + 16 + 2;
        break;
      default:
        return fail("its reply has an unknown kind of address (" + std::to_string(message_[3]) + ")");
    }
    if (!message_.fill(in, size)) return false;
    open();
    return true;
  }

  std::string user_, password_;
  Step step_ = Step::method;
  Collected message_;
};

std::unexpected<Error> unusable(const SocksParams& params, std::string_view what) {
  return std::unexpected(make_error(
      Code::socks_failed, "proxy " + params.proxy + " to " + params.target.authority() + ": " + std::string(what)));
}

}  // namespace

Result<std::unique_ptr<Layer>> make_socks(SocksParams params) {
  const std::string& host = params.target.host;
  if (host.size() > kMaxFieldBytes) return unusable(params, "the host is longer than 255 bytes");
  if (params.version == SocksVersion::v5) {
    if (params.user.size() > kMaxFieldBytes) return unusable(params, "the user is longer than 255 bytes");
    if (params.password.size() > kMaxFieldBytes) return unusable(params, "the password is longer than 255 bytes");
    return std::make_unique<Socks5>(std::move(params));
  }
  const auto address = IpAddress::parse(host);
  if (address && address->kind == IpAddress::Kind::ipv6) return unusable(params, "SOCKS4 has no IPv6 addresses");
  if (params.user.size() > kMaxFieldBytes) return unusable(params, "the user is longer than 255 bytes");
  const auto has_zero = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (has_zero(host) || has_zero(params.user)) return unusable(params, "a zero byte in the host or the user");
  return std::make_unique<Socks4>(std::move(params));
}

}  // namespace sluice::proxy
