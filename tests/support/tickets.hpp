// A provider of tokens for Negotiate, as a test wants them.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/credentials.hpp"

namespace sluice::test {

// The n-th login begins with the token "n.0", answers "more" by "n.1" and so on, and is complete with "done"; any other
// token is a bad one.
class Tickets final : public NegotiateProvider {
 public:
  explicit Tickets(std::string user) : user_(std::move(user)) {}
  std::unique_ptr<NegotiateLogin> begin(std::string_view host) override {
    log += "begin " + std::string(host) + "; ";
    return std::make_unique<Steps>(*this, ++logins_);
  }
  std::string identity() const override { return user_; }

  bool there = true;
  std::string log;

 private:
  class Steps final : public NegotiateLogin {
   public:
    Steps(Tickets& tickets, int number) : tickets_(tickets), number_(number) {}
    Result<std::string> next(std::string_view received) override {
      CHECK(received.empty() == (step_ == 0));
      if (!received.empty()) tickets_.log += std::string(received) + "; ";
      if (step_ == 0 && !tickets_.there) return std::unexpected(make_error(Code::authentication_failed, "no ticket"));
      if (received == "done") return std::string();
      if (step_ > 0 && received != "more") {
        return std::unexpected(make_error(Code::authentication_failed, "a bad token"));
      }
      return std::to_string(number_) + "." + std::to_string(step_++);
    }

   private:
    Tickets& tickets_;
    int number_;
    int step_ = 0;
  };

  std::string user_;
  int logins_ = 0;
};

}  // namespace sluice::test
