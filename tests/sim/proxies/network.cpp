// See network.hpp.
#include "tests/sim/proxies/network.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/sim/http2_proxy.hpp"
#include "core/address.hpp"
#include "core/base/base64.hpp"
#include "core/base/check.hpp"

namespace sluice::simtest::proxies {
namespace {

using namespace std::string_literals;

std::string host_in(std::string_view authority, std::uint16_t& port) {
  const std::size_t colon = authority.rfind(':');
  port = 80;
  if (colon == std::string_view::npos) return std::string(authority);
  std::from_chars(authority.data() + colon + 1, authority.data() + authority.size(), port);
  return std::string(authority.substr(0, colon));
}

// The value of the field in a request head; "": there is none.
std::string value_in(std::string_view head, std::string_view name) {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const std::size_t at = head.find(start);
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + start.size();
  return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

// The user whose password is right; nullopt: it is not. That of the account `wrong` never is.
std::optional<std::string> user_by(std::string_view authorization) {
  for (const Account account : {Account::first, Account::second}) {
    const std::string user = user_of(account);
    if (authorization == "Basic " + base64(user + ':' + password_of(account))) return user;
  }
  return std::nullopt;
}

// The line of a target through a tunnel: what was agreed on with the proxy does not hold for the target.
class InnerLine final : public sim::Line {
 public:
  explicit InnerLine(sim::Line& outer) : outer_(outer) {}
  using Line::send;
  void send(Bytes bytes) override { outer_.send(bytes); }
  void finish() override { outer_.finish(); }
  void close() override { outer_.close(); }
  void reset() override { outer_.reset(); }
  void read(bool on) override { outer_.read(on); }
  void wake_after(Duration delay) override { outer_.wake_after(delay); }
  void admit(std::string_view fault) override { outer_.admit(fault); }
  void note_cut_off() override { outer_.note_cut_off(); }
  Now now() const override { return outer_.now(); }
  Random& random() override { return outer_.random(); }

 private:
  sim::Line& outer_;
};

class ProxyPeer final : public sim::Peer, private sim::Http2Gate {
 public:
  ProxyPeer(Network& network, std::size_t number, Passed passed)
      : network_(network), number_(number), plan_(network.plan().proxies[number]), passed_(std::move(passed)) {
    passed_.proxies.push_back(number);
    passed_.users.emplace_back();
  }

  void on_open(sim::Line& line) override {
    if (line.alpn() != "h2") return;
    inner_ = sim::http2_proxy(*this, plan_.streams);
    inner_->on_open(inside(line));
  }
  void on_bytes(sim::Line& line, Bytes bytes) override {
    if (inner_) return inner_->on_bytes(inside(line), bytes);
    bytes_ += as_text(bytes);
    while (!inner_ && !over_ && step(line)) {
    }
    if (inner_ && !bytes_.empty()) {
      const std::string rest = std::exchange(bytes_, {});
      inner_->on_bytes(inside(line), as_bytes(rest));
    }
  }
  void on_end(sim::Line& line) override { inner_ ? inner_->on_end(inside(line)) : line.close(); }
  void on_wake(sim::Line& line) override {
    if (inner_) inner_->on_wake(inside(line));
  }

 private:
  enum class Stage : std::uint8_t { greeting, login, request };

  sim::Line& inside(sim::Line& line) {
    if (!inside_) inside_.emplace(line);
    return *inside_;
  }

  // True: there may be more to do with what has come.
  bool step(sim::Line& line) {
    switch (plan_.kind) {
      case ProxyKind::http:
      case ProxyKind::https:
        return step_http(line);
      case ProxyKind::socks4:
      case ProxyKind::socks4a:
        return step_socks4(line);
      case ProxyKind::socks5:
      case ProxyKind::socks5h:
        return step_socks5(line);
    }
    return false;
  }

  void answer(sim::Line& line, std::string_view text) {
    if (network_.happens(plan_.cut)) {
      line.send(text.substr(0, text.size() / 2));
      return leave(line);
    }
    line.send(text);
  }
  void leave(sim::Line& line) {
    over_ = true;
    line.close();
  }
  // The way is open: the next peer answers.
  void lead(sim::Line& line, std::string_view host, std::uint16_t port, std::string_view granted,
            std::string_view refused) {
    auto next = network_.happens(plan_.refuses) ? nullptr : network_.at(host, port, passed_);
    if (!next) {
      answer(line, refused);
      return leave(line);
    }
    answer(line, granted);
    if (over_) return;
    inner_ = std::move(next);
    inner_->on_open(inside(line));
  }

  // ---- HTTP ----

  bool step_http(sim::Line& line) {
    constexpr std::string_view kConnect = "CONNECT ";
    if (bytes_.size() < kConnect.size()) return false;
    if (!bytes_.starts_with(kConnect)) {
      forward(line);
      return false;
    }
    const std::size_t end = bytes_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = bytes_.substr(0, end + 4);
    bytes_.erase(0, end + 4);
    check_connect(head);
    if (!log_in(value_in(head, "Proxy-Authorization"))) {
      const std::string body = plan_.keeps ? "Content-Length: 5\r\n\r\nwho? " : "Connection: close\r\n\r\nwho?";
      answer(line, "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"p\"\r\n" + body);
      if (!plan_.keeps && !over_) leave(line);
      return plan_.keeps;
    }
    std::uint16_t port = 0;
    const std::string host =
        host_in(head.substr(kConnect.size(), head.find(' ', kConnect.size()) - kConnect.size()), port);
    lead(line, host, port, "HTTP/1.1 200 Fine\r\nVia: x\r\n\r\n", "HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n");
    return false;
  }

  // SB-04
  void check_connect(const std::string& head) {
    for (const std::string_view secret : {"X-Transfer", "Cookie", "Authorization: Bearer"}) {
      if (head.contains("\r\n" + std::string(secret)))
        network_.report("CONNECT carries only what is meant for the proxy", head);
    }
    if (value_in(head, "X-For-Proxy") != "1") network_.report("a proxy gets its fields", head);
  }

  bool log_in(std::string_view authorization) {
    const auto user = user_by(authorization);
    if (user) passed_.users.back() = *user;
    return user || !plan_.asks;
  }

  // Requests to any origin, as long as the connection lasts.
  void forward(sim::Line& line) {
    inner_ = sim::http_origin([this](const sim::HttpRequest& request) { return forwarded(request); })(0);
    inner_->on_open(inside(line));
  }
  sim::HttpReply forwarded(const sim::HttpRequest& request) {
    constexpr std::string_view kScheme = "http://";
    if (!request.target.starts_with(kScheme)) {
      network_.report("a proxy gets absolute targets", request.target);
      return {.status = 400};
    }
    Passed passed = passed_;
    const std::string* authorization = request.field("proxy-authorization");
    const auto user = user_by(authorization ? *authorization : "");
    passed.users.back() = user.value_or("");
    if (!user && plan_.asks)
      return {.status = 407, .fields = {{"Proxy-Authenticate", "Basic realm=\"p\""}}, .body = "who?"};
    if (const std::string* own = request.field("x-for-proxy"); !own || *own != "1")
      network_.report("a proxy gets its fields", request.target);
    if (network_.happens(plan_.refuses)) return {.status = 503, .body = "not now"};
    const std::size_t slash = request.target.find('/', kScheme.size());
    std::uint16_t port = 0;
    const std::string host = host_in(request.target.substr(kScheme.size(), slash - kScheme.size()), port);
    sim::HttpRequest passed_on = request;
    passed_on.target = request.target.substr(slash);
    std::erase_if(passed_on.fields, [](const auto& field) {
      return field.first == "proxy-authorization" || field.first == "x-for-proxy";
    });
    for (std::size_t origin = 0; origin < network_.plan().origins.size(); ++origin) {
      const OriginPlan& there = network_.plan().origins[origin];
      if (host == origin_host(origin) && port == port_of(there)) return network_.respond(origin, passed, passed_on);
    }
    network_.report("a proxy gets URLs of origins", request.target);
    return {.status = 404};
  }

  // ---- HTTP/2 ----

  sim::Http2ProxyAnswer answer(const sim::HttpRequest& request) override {
    const std::string* authorization = request.field("proxy-authorization");
    check_user(authorization ? *authorization : "");
    sim::Http2ProxyAnswer answer;
    if (!plan_.deeds.empty() && network_.happens(plan_.misbehaves)) {
      answer.deed = plan_.deeds[network_.below(plan_.deeds.size())];
      answer.after = network_.happens(500) ? 0 : 1 + network_.below(6'000);
    }
    using Deed = sim::Http2ProxyDeed;
    const bool tunnel = request.method == "CONNECT";
    if (!tunnel || answer.deed == Deed::refuses) answer.after = 0;
    // Then nothing is asked of the origin.
    const bool nothing = answer.after == 0 && answer.deed != Deed::none && answer.deed != Deed::goes_away;
    if (nothing) return answer;
    if (!tunnel) {
      answer.reply = forwarded(request);
      return answer;
    }
    check_connect(request);
    passed_.users.back() = "";
    if (!log_in(authorization ? *authorization : "")) {
      // The answer to a challenge needs another stream of the same connection.
      answer.deed = Deed::none;
      answer.reply = {.status = 407, .fields = {{"proxy-authenticate", "Basic realm=\"p\""}}, .body = "who?"};
      return answer;
    }
    std::uint16_t port = 0;
    const std::string host = host_in(request.target, port);
    if (!network_.happens(plan_.refuses)) answer.peer = network_.at(host, port, passed_);
    answer.reply.status = answer.peer ? 200 : 502;
    return answer;
  }

  // SB-04
  void check_connect(const sim::HttpRequest& request) {
    for (const std::string_view secret : {"x-transfer", "cookie", "authorization"}) {
      if (request.field(secret)) network_.report("CONNECT carries only what is meant for the proxy", request.target);
    }
    const std::string* own = request.field("x-for-proxy");
    if (!own || *own != "1") network_.report("a proxy gets its fields", request.target);
  }

  // Requests of several users never share a connection (SB-36), also before the proxy has asked for a user.
  void check_user(const std::string& authorization) {
    if (authorization.empty()) return;
    if (!said_user_.empty() && said_user_ != authorization)
      network_.report("a connection to a proxy is one user's", "proxy " + std::to_string(number_));
    said_user_ = authorization;
  }

  // ---- SOCKS ----

  bool step_socks4(sim::Line& line) {
    const std::string refused = "\0\133\0\0\0\0\0\0"s, granted = "\0\132\0\0\0\0\0\0"s;
    if (bytes_.size() < 9) return false;
    const std::size_t user_end = bytes_.find('\0', 8);
    if (user_end == std::string::npos) return false;
    if (bytes_[0] != 4 || bytes_[1] != 1) return bad(line);
    std::size_t end = user_end + 1;
    std::string host;
    if (bytes_.substr(4, 3) == "\0\0\0"s) {
      if (plan_.kind == ProxyKind::socks4) return bad(line);
      const std::size_t host_end = bytes_.find('\0', end);
      if (host_end == std::string::npos) return false;
      host = bytes_.substr(end, host_end - end);
      end = host_end + 1;
    } else {
      host = address_text(bytes_.substr(4, 4));
    }
    // SOCKS4 has no password, so this proves nothing of the account `wrong`, which has the first one's name.
    const std::string user = bytes_.substr(8, user_end - 8);
    if (user != user_of(Account::first)) passed_.users.back() = user;
    const std::uint16_t port = port_in(2);
    bytes_.erase(0, end);
    lead(line, host, port, granted, refused);
    return false;
  }

  bool step_socks5(sim::Line& line) {
    switch (stage_) {
      case Stage::greeting: {
        if (bytes_.size() < 2 || bytes_.size() < 2 + byte(1)) return false;
        if (bytes_[0] != 5) return bad(line);
        const std::string methods = bytes_.substr(2, byte(1));
        bytes_.erase(0, 2 + byte(1));
        const bool can_log_in = methods.contains('\2');
        if (plan_.asks && !can_log_in) {
          answer(line, "\5\377"s);
          if (!over_) leave(line);
          return false;
        }
        answer(line, can_log_in ? "\5\2"s : "\5\0"s);
        stage_ = can_log_in ? Stage::login : Stage::request;
        return !over_;
      }
      case Stage::login:
        return step_login(line);
      case Stage::request:
        return step_request(line);
    }
    return false;
  }
  bool step_login(sim::Line& line) {
    if (bytes_.size() < 2 || bytes_.size() < 3 + byte(1)) return false;
    const std::size_t password_at = 3 + byte(1);
    if (bytes_.size() < password_at + byte(password_at - 1)) return false;
    const std::string user = bytes_.substr(2, byte(1)), password = bytes_.substr(password_at, byte(password_at - 1));
    bytes_.erase(0, password_at + byte(password_at - 1));
    const auto known = user_by("Basic " + base64(user + ':' + password));
    if (known) passed_.users.back() = *known;
    answer(line, known || !plan_.asks ? "\1\0"s : "\1\1"s);
    if (!known && plan_.asks && !over_) leave(line);
    stage_ = Stage::request;
    return !over_;
  }
  bool step_request(sim::Line& line) {
    if (bytes_.size() < 5) return false;
    const bool by_name = bytes_[3] == 3;
    const std::size_t size = by_name ? 1 + byte(4) : bytes_[3] == 1 ? 4 : 16;
    if (bytes_.size() < 4 + size + 2) return false;
    if (by_name != (plan_.kind == ProxyKind::socks5h) || (!by_name && bytes_[3] != 1)) return bad(line);
    const std::string host = by_name ? bytes_.substr(5, byte(4)) : address_text(bytes_.substr(4, 4));
    const std::uint16_t port = port_in(4 + size);
    bytes_.erase(0, 4 + size + 2);
    lead(line, host, port, "\5\0\0\1\0\0\0\0\0\0"s, "\5\5\0\1\0\0\0\0\0\0"s);
    return false;
  }

  bool bad(sim::Line& line) {
    network_.report("a proxy gets what it understands", "proxy " + std::to_string(number_));
    leave(line);
    return false;
  }
  std::size_t byte(std::size_t at) const { return static_cast<std::uint8_t>(bytes_[at]); }
  std::uint16_t port_in(std::size_t at) const { return static_cast<std::uint16_t>(byte(at) << 8 | byte(at + 1)); }
  static std::string address_text(const std::string& bytes) {
    IpAddress address;
    address.kind = IpAddress::Kind::ipv4;
    std::ranges::copy(as_bytes(bytes), address.bytes.begin());
    return address.to_string();
  }

  Network& network_;
  const std::size_t number_;
  const ProxyPlan& plan_;
  Passed passed_;
  std::string bytes_;  // that have come and were not used
  Stage stage_ = Stage::greeting;
  bool over_ = false;
  std::string said_user_;            // over HTTP/2: the first Proxy-Authorization
  std::optional<InnerLine> inside_;  // of `inner_`
  std::unique_ptr<sim::Peer> inner_;
};

}  // namespace

Network::Network(const Plan& plan, Respond respond, Report report)
    : plan_(plan), respond_(std::move(respond)), report_(std::move(report)), random_(Seed{plan.seed ^ 0x7e7}) {}

IpAddress Network::address_of(std::size_t origin) {
  return IpAddress::parse("198.51.100." + std::to_string(1 + origin)).value();
}

IpAddress Network::address_of_proxy(std::size_t proxy) {
  return IpAddress::parse("198.51.100." + std::to_string(101 + proxy)).value();
}

std::unique_ptr<sim::Peer> Network::proxy(std::size_t proxy, Passed passed) {
  return std::make_unique<ProxyPeer>(*this, proxy, std::move(passed));
}

std::unique_ptr<sim::Peer> Network::origin(std::size_t origin, Passed passed) {
  auto responder = [this, origin, passed = std::move(passed)](const sim::HttpRequest& request) {
    return respond_(origin, passed, request);
  };
  const OriginPlan& plan = plan_.origins[origin];
  if (!plan.http2) return sim::http_origin(std::move(responder))(0);
  return sim::http2_origin(std::move(responder), {.max_streams = plan.max_streams})(0);
}

std::unique_ptr<sim::Peer> Network::at(std::string_view host, std::uint16_t port, Passed passed) {
  const auto with_tls = [&](std::unique_ptr<sim::Peer> peer, const std::string& name, bool tls, bool http2) {
    if (!tls) return peer;
    return sim::over_tls(std::move(peer), material_.server({.host = name}, http2));
  };
  for (std::size_t i = 0; i < plan_.proxies.size(); ++i) {
    const bool is_it = host == proxy_host(i) || host == address_of_proxy(i).to_string();
    if (!is_it || port != kProxyPort || plan_.proxies[i].dead) continue;
    return with_tls(proxy(i, std::move(passed)), proxy_host(i), plan_.proxies[i].kind == ProxyKind::https,
                    plan_.proxies[i].http2);
  }
  for (std::size_t i = 0; i < plan_.origins.size(); ++i) {
    const bool is_it = host == origin_host(i) || host == address_of(i).to_string();
    if (!is_it || port != port_of(plan_.origins[i])) continue;
    return with_tls(origin(i, std::move(passed)), origin_host(i), plan_.origins[i].tls, plan_.origins[i].http2);
  }
  return nullptr;
}

}  // namespace sluice::simtest::proxies
