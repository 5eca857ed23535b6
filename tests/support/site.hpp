// What a real server serves in the tests: files whose every byte is known, and certificates from an authority made on
// the spot. Knows no server; nginx.hpp and lighttpd.hpp do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

// The content of the file of that size: pseudo-random, the same in every run.
std::string content_of(std::size_t size);

struct Site {
  // Files /0, /1, /1024 ... under www(), each holding content_of(its name), and all that TLS needs.
  Site();

  static const std::vector<std::size_t>& sizes();
  std::filesystem::path folder() const { return temp.path(); }
  std::string filled_in(std::string text) const;  // of a server's configuration: each '@' is the folder
  std::filesystem::path www() const { return temp.path() / "www"; }

  TempFolder temp;
  std::string root_pem;        // what clients are to trust
  std::string other_root_pem;  // an authority that signed nothing here
  std::string client_certificate_pem, client_key_pem;
  // Written for the server: root.pem, server.pem (chain and key), server.crt, server.key.
};

}  // namespace sluice::test
