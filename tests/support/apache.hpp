// A real Apache httpd on loopback while the object exists, for Digest with nonces that are counted and grow old, and
// for WebDAV.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

//   /digest/file        "let in\n", for kUser with kPassword alone: Digest with MD5 and qop=auth. The counts of a nonce
//                       must follow one another
//   /digest/brief/file  the same with nonces that are good for two seconds: each answer names the next one
//   /digest/brief/slow  the same after three seconds, by a redirect to brief/file
//   /digest/echo        answers with the body that it was sent
//   /dav/...            PUT, DELETE and the rest of WebDAV; the files are in dav()
class Apache {
 public:
  static constexpr const char* kUser = "Mufasa";
  static constexpr const char* kPassword = "Circle of \"Life\"";
  // Throws std::runtime_error with Apache's own message if it does not start.
  Apache();

  std::string url(const std::string& path) const;
  std::filesystem::path dav() const { return folder_.path() / "www/dav"; }
  // One line for each request so far: "401 GET /digest/file -", the last word being the count of its nonce.
  std::string log() const { return read_file(folder_.path() / "access.log"); }
  // The same when it has so many lines: a line is written after the response was sent. Waits at most 5 s.
  std::string log_of(std::ptrdiff_t lines) const;

 private:
  std::string configuration() const;
  TempFolder folder_;
  std::vector<std::uint16_t> ports_;
  Child child_;
};

}  // namespace sluice::test
