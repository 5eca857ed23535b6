// The content of real servers in tests: files with known bytes, and certificates from a new authority. Leaves the
// servers to nginx.hpp and lighttpd.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/child.hpp"

namespace sluice::test {

// The content of the file with that size: pseudo-random, the same in every run.
std::string content_of(std::size_t size);

struct Site {
  // Writes the files /0, /1, /1024 ... under www(), each with content_of(its name), and the files for TLS.
  Site();

  static const std::vector<std::size_t>& sizes();
  std::filesystem::path folder() const { return temp.path(); }
  std::string filled_in(std::string text) const;  // for a server's configuration: replaces each '@' by the folder
  std::filesystem::path www() const { return temp.path() / "www"; }

  TempFolder temp;
  std::string root_pem;        // for clients to trust
  std::string other_root_pem;  // an authority that has signed nothing here
  std::string client_certificate_pem, client_key_pem;
  // Files for the server: root.pem, server.pem (chain and key), server.crt, server.key.
};

}  // namespace sluice::test
