// A server on loopback that lets in whoever logs in by NTLM, as IIS does: a connection that is logged in stays so.
// Samba's ntlm_auth makes its challenges, with a timestamp, and checks the answers, MIC included.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tests/support/loopback_server.hpp"

namespace sluice::test {

class NtlmOrigin {
 public:
  static constexpr const char* kDomain = "REALM";
  static constexpr const char* kUser = "ada";
  static constexpr const char* kPassword = "p\xc3\xa4ss w\xc3\xb6rd";

  struct Options {
    bool offers_basic = false;  // as well
    bool closes = false;        // after each challenge, which its field says
    bool drops = false;         // the same, and no field says it
    bool open = false;          // everybody is let in
    bool is_proxy = false;      // it asks as a proxy, which is every origin itself, also in tunnels
  };
  explicit NtlmOrigin(Options options);
  NtlmOrigin() : NtlmOrigin(Options()) {}
  ~NtlmOrigin();

  std::string url(const std::string& path = "/") const { return server_->url(path); }

  // For each request so far: its connection, method, message, the size of its body, and who it is let in as:
  // "1 GET type1 0 -; 1 GET type3 0 ada; 2 POST none 4 -; ".
  std::string log() const;

 private:
  class Helper;
  Reply answer(const std::string& request, int connection);

  Options options_;
  mutable std::mutex mutex_;
  std::string log_;
  std::map<int, std::string> users_;  // by connection
  std::map<int, std::unique_ptr<Helper>> helpers_;
  std::unique_ptr<LoopbackServer> server_;
};

}  // namespace sluice::test
