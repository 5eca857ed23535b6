// A realm of Kerberos on loopback while the object exists: a real KDC with one user and one service, and a real Apache
// httpd that lets in who has a ticket (mod_auth_gssapi). Knows nothing of the command.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

//   /each/file   "let in\n"; each request needs a token
//   /each/echo   the same, and answers with the body that it was sent
//   /bound/file  the same for a connection that is logged in ("Persistent-Auth: true")
class Kerberos {
 public:
  static constexpr const char* kUser = "ada@SLUICE.TEST";
  // Throws std::runtime_error with their own messages if KDC or Apache does not start.
  Kerberos();

  // The service is HTTP/localhost, whatever the port.
  std::string url(const std::string& path) const { return "http://localhost:" + std::to_string(port_) + path; }
  // The same httpd as a proxy for those who have a ticket for the same service.
  std::string proxy() const { return "http://localhost:" + std::to_string(gate_port_); }
  // For programs that are to have the user's ticket, and for those that have none.
  std::vector<std::string> with_ticket() const { return environment("FILE:" + (folder_.path() / "tickets").string()); }
  std::vector<std::string> without_ticket() const { return environment("FILE:/nonexistent/tickets"); }
  // The next `count` lines of Apache's log, one for each request: "200 GET /each/file ada@SLUICE.TEST 0", the last word
  // being how many requests its connection had carried. Apache writes them after its responses: waits for them, and
  // returns fewer after three seconds. More lines are in the result too.
  std::string take_log(std::size_t count);
  // Whether the user has given the server tickets (--delegation), which it keeps.
  bool has_delegated() const { return std::filesystem::exists(folder_.path() / "delegated" / kUser); }

 private:
  std::vector<std::string> environment(const std::string& tickets) const;
  std::vector<std::string> with_environment(std::vector<std::string> command) const;
  void prepare();
  bool start_kdc();
  bool start_apache();
  bool run(const std::string& script);
  std::string filled(std::string text) const;
  std::string messages() const;

  TempFolder folder_;
  std::size_t taken_ = 0;  // of the log
  std::uint16_t kdc_port_ = 0, port_ = 0, gate_port_ = 0;
  Child kdc_, apache_;
};

}  // namespace sluice::test
