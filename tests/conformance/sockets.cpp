// The environment with real sockets: see surroundings.hpp.
#include <optional>
#include <thread>

#include "tests/conformance/surroundings.hpp"
#include "tests/support/full_port.hpp"
#include "tests/support/http2_talk.hpp"
#include "tests/support/origin_server.hpp"

namespace sluice::conformance {
namespace {

class Sockets final : public Surroundings {
 public:
  explicit Sockets(Version version) {
    version == Version::http1 ? server_.emplace() : server_.emplace(test::make_http2_talk, "h2");
  }
  Environment* environment() override { return nullptr; }
  std::string http(const std::string& path) const override { return server_->http(path); }
  std::string https(const std::string& path) const override { return server_->https(path); }
  std::shared_ptr<const TlsConfig> trust() override { return server_->trust(); }
  void release() override { server_->release(); }
  int held() const override { return server_->held(); }
  int open() const override { return server_->open(); }
  int requests() const override { return server_->requests(); }
  std::string hanging_url() override {
    if (!full_) full_.emplace();
    return full_->url();
  }
  void busy_for(std::chrono::milliseconds time) override { std::this_thread::sleep_for(time); }
  bool real() const override { return true; }

 private:
  std::optional<test::OriginServer> server_;
  std::optional<test::FullPort> full_;
};

}  // namespace

std::unique_ptr<Surroundings> make_surroundings(Version version) { return std::make_unique<Sockets>(version); }

}  // namespace sluice::conformance
