// Real servers that speak HTTP/2, on loopback while their objects exist: nghttpd, Apache with mod_http2, HAProxy before
// nginx, and nginx alone. All have the files of site.hpp. Leaves what must be true of them to http2_checks.hpp.
#pragma once

#include <string>

#include "tests/support/child.hpp"
#include "tests/support/nginx.hpp"
#include "tests/support/site.hpp"

namespace sluice::test {

class Http2Server {
 public:
  virtual ~Http2Server() = default;

  virtual const Site& site() const = 0;
  virtual std::string tls() const = 0;    // "https://127.0.0.1:PORT"
  virtual std::string plain() const = 0;  // by prior knowledge
  // True: a PUT is answered with the body that was sent. False: PUT /upload/NAME makes a file that GET gives again.
  virtual bool echoes() const { return false; }
  // GET /go leads to /1024 by a 302.
  virtual bool redirects() const { return true; }
  // Ends the server and its connections at once, without a regular close.
  virtual void kill_now() = 0;
  // Begins again on the same ports after kill_now(). Throws std::runtime_error if it does not start.
  virtual void start_again() = 0;
  // New connections are served by new processes, and the old ones end when their requests have. False: this server has
  // no such thing.
  virtual bool reload() { return false; }
  // False: a request that crosses the GOAWAY of reload() ends the connection with all its exchanges.
  virtual bool ends_gently() const { return true; }
};

class Nghttpd final : public Http2Server {
 public:
  Nghttpd();
  const Site& site() const override { return site_; }
  std::string tls() const override { return "https://127.0.0.1:" + std::to_string(ports_[0]); }
  std::string plain() const override { return "http://127.0.0.1:" + std::to_string(ports_[1]); }
  bool echoes() const override { return true; }
  bool redirects() const override { return false; }
  void kill_now() override;
  void start_again() override;

 private:
  bool start();
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child tls_, plain_;
};

class Http2Apache final : public Http2Server {
 public:
  Http2Apache();
  const Site& site() const override { return site_; }
  std::string tls() const override { return "https://127.0.0.1:" + std::to_string(ports_[0]); }
  std::string plain() const override { return "http://127.0.0.1:" + std::to_string(ports_[1]); }
  void kill_now() override { child_.kill_now(); }
  void start_again() override;
  bool reload() override;
  bool ends_gently() const override { return false; }  // 2.4.71, with the error -902

 private:
  bool start();
  Site site_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

class Haproxy final : public Http2Server {
 public:
  Haproxy();
  const Site& site() const override { return origin_.site(); }
  std::string tls() const override { return "https://127.0.0.1:" + std::to_string(ports_[0]); }
  std::string plain() const override { return "http://127.0.0.1:" + std::to_string(ports_[1]); }
  void kill_now() override { child_.kill_now(); }
  void start_again() override;
  bool reload() override;

 private:
  bool start();
  Nginx origin_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

class Http2Nginx final : public Http2Server {
 public:
  const Site& site() const override { return nginx_.site(); }
  std::string tls() const override { return nginx_.http2(); }
  std::string plain() const override { return nginx_.plain_http2(); }
  void kill_now() override { nginx_.kill_worker(); }
  void start_again() override {}
  bool reload() override { return nginx_.reload(), true; }

 private:
  Nginx nginx_;
};

}  // namespace sluice::test
